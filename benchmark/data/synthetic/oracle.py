"""The best possible prediction: the generator's posterior of the label, given the observed values.

Gaps must not depend on values, and the remaining values must be correct (`Scenario.ignorable`): otherwise a gap carries
information that the posterior does not use.

>>> config = parse_synthetic("synthetic:size=tiny")
>>> samples = generate(config)
>>> oracle(samples, parse("random_positions(rate=0.5)").masks(layout), config).median
array([...])
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmark.data.samples import ModalityStream, Samples
from benchmark.data.synthetic.config import SyntheticConfig
from benchmark.data.synthetic.generator import source_of
from benchmark.data.synthetic.labels import LABELS, label_given_meaning, tone_probability
from benchmark.data.synthetic.stream_likelihood import stream_likelihood
from benchmark.data.synthetic.streams import SIGNATURES
from benchmark.data.synthetic.stresses import StressEvidence, joint_likelihood
from benchmark.data.synthetic.text_likelihood import text_likelihood
from protocols import MODALITIES, InputError, Masks, Modality
from protocols.layout import BoolArray, FloatArray, IntArray

#: Allowance for rounding of the posterior mean (features are stored in steps of 1/1024 as float32): the largest shift
#: measured over 8,796 samples was 0.0014. The sums over sentences, events, tones and labels are exact.
ERROR = 0.005


@dataclass(frozen=True, eq=False)
class OraclePrediction:
    """Posterior of the label of n samples.

    Attributes:
        sample_ids: Ids of the samples, in the order of the masks' layout.
        values: `(31,)` the possible labels, rising.
        probabilities: `(n, 31)` posterior; rows sum to 1.
        error: Allowance for rounding in `mean`, over three times the largest shift measured.
    """

    sample_ids: tuple[str, ...]
    values: FloatArray
    probabilities: FloatArray
    error: float = ERROR

    @property
    def median(self) -> FloatArray:
        """`(n,)` posterior median: no prediction has a smaller expected absolute error."""
        return self.quantile(0.5)

    @property
    def mean(self) -> FloatArray:
        """`(n,)` posterior mean: no prediction has a smaller expected squared error."""
        return self.probabilities @ self.values

    def quantile(self, level: float) -> FloatArray:
        """`(n,)` smallest label that the true one exceeds with probability at most `1 - level`."""
        if not 0.0 < level < 1.0:
            raise InputError(f"oracle: quantile level must lie between 0 and 1, found {level!r}")
        passed = np.cumsum(self.probabilities, axis=1) >= level - 1e-12
        passed[:, -1] = True
        quantile: FloatArray = self.values[np.argmax(passed, axis=1)]
        return quantile


def oracle(samples: Samples, masks: Masks, config: SyntheticConfig) -> OraclePrediction:
    """Return the posterior of the label, given the words and frames that the masks leave.

    It uses the generator's distribution, not the latent variables of any sample. It knows the erased positions, which a
    model recognises by `[UNK]` and zero vectors. It predicts each sample separately, as a model does.

    Args:
        samples: Samples of `generate(config)`, possibly stored and read back.
        masks: Masks of some of the samples, identified by the ids of their layout.
        config: Options of the samples.

    Returns:
        One row for each sample of the masks' layout.

    Raises:
        InputError: If the samples are not of this configuration, or the masks not of these samples.
    """
    if samples.provenance.source != source_of(config):
        raise InputError(
            f"oracle: samples come from '{samples.provenance.source}', expected '{source_of(config)}'; "
            "the best prediction is known for generated data only, give the configuration of the samples"
        )
    rows = _rows(samples, masks)
    text = _select(samples.streams["text"], "text", rows, masks)
    if text.token_ids is None:
        raise InputError("oracle: text of the samples has values, expected token ids; give the samples as generated")
    said = text_likelihood(text.token_ids, text.observed, text.offsets)
    shown: list[FloatArray] = []
    stresses: list[StressEvidence] = []
    for signature in SIGNATURES:
        stream = _select(samples.streams[signature.sensor], signature.sensor, rows, masks)
        if stream.width != signature.width or stream.values is None:
            raise InputError(f"oracle: {signature.sensor} has width {stream.width}, expected {signature.width}")
        coordinates = signature.signature_coordinates(stream.values.astype(np.float64))
        if config.version == 1:
            shown.append(stream_likelihood(signature, coordinates, stream.observed, stream.offsets))
        else:
            lengths = np.diff(stream.offsets), np.diff(text.offsets)
            stresses.append(StressEvidence(signature, coordinates, stream.observed, *lengths))
    if config.version == 1:
        posterior = (said[:, :, None] * shown[0])[:, :, :, None] * shown[1][:, :, None, :] * tone_probability()
    else:
        posterior = said[:, :, None, None] * joint_likelihood(*stresses) * tone_probability()
    labels = posterior.reshape(len(rows), -1) @ label_given_meaning().reshape(-1, len(LABELS))
    return OraclePrediction(masks.layout.sample_ids, LABELS, labels / labels.sum(axis=1, keepdims=True))


def _rows(samples: Samples, masks: Masks) -> IntArray:
    """Return the rows of the masked samples."""
    by_id = {name: i for i, name in enumerate(samples.ids.tolist())}
    unknown = next((name for name in masks.layout.sample_ids if name not in by_id), None)
    if unknown is not None:
        raise InputError(f"oracle: masks are of sample '{unknown}', which is not among the samples; mask these samples")
    rows = np.array([by_id[name] for name in masks.layout.sample_ids], dtype=np.int64)
    for modality in MODALITIES:
        have = np.diff(samples.streams[modality].offsets)[rows]
        found = masks.layout.lengths(modality)
        wrong = np.flatnonzero(have != found)
        if len(wrong):
            raise InputError(
                f"oracle: masks give sample '{masks.layout.sample_ids[wrong[0]]}' {found[wrong[0]]} {modality} "
                f"positions, expected {have[wrong[0]]}; mask the samples before any truncation"
            )
    return rows


def _select(stream: ModalityStream, modality: Modality, rows: IntArray, masks: Masks) -> ModalityStream:
    """Select samples of a stream; positions are observed if the stream and the masks have them observed."""
    offsets = masks.layout.offsets[modality]
    shift = np.repeat(stream.offsets[rows] - offsets[:-1], np.diff(offsets))
    where = np.arange(offsets[-1]) + shift
    observed: BoolArray = stream.observed[where] & masks.observed[modality]
    values: npt.NDArray[np.float32] | None = None if stream.values is None else stream.values[where]
    token_ids = None if stream.token_ids is None else stream.token_ids[where]
    return ModalityStream(offsets, observed, values, token_ids)
