"""Samples that external predictions are checked against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from benchmark.data.config import EncoderConfig
from benchmark.data.reference import Reference
from benchmark.data.samples import PARTS
from benchmark.data.sources import load, load_samples
from benchmark.evaluation.panel import Bound
from benchmark.study.plan import resolve_dataset
from protocols import Scenario

_PART_NAMES = {code: name for name, code in PARTS.items()}


@dataclass(frozen=True, eq=False)
class EvaluationSet:
    """Test samples (n) of a data set under a split, or under a family of splits, whose test parts are pooled.

    Attributes:
        reference: Reference to the data set: `mosi`, `mosi/official`, `mmmo/fold*`.
        dataset: Name of the data set.
        split: Named split, or the pattern of a family.
        sample_ids: `(n,)` str.
        video_ids: `(n,)` str.
        label: `(n,)` float64.
        split_of: `(n,)` str: split whose test part contains the sample.
        constant: `(n,)` float64: median of the training labels of that split, as the model `constant` predicts.
        label_range: Lowest and highest label.
        videos: Origin of the video ids, see `Panel.videos`.
        elsewhere: Part (`train`, `valid`) of the samples of the data set that are not to be predicted, by id.
        bound: MAE that no model is believed to reach; None if none is known.
    """

    reference: str
    dataset: str
    split: str
    sample_ids: npt.NDArray[np.object_]
    video_ids: npt.NDArray[np.object_]
    label: npt.NDArray[np.float64]
    split_of: npt.NDArray[np.object_]
    constant: npt.NDArray[np.float64]
    label_range: tuple[float, float]
    videos: str
    elsewhere: Mapping[str, str]
    bound: Bound | None = None

    def only(self, kept: npt.NDArray[np.bool_]) -> EvaluationSet:
        """Return the set of some of the samples, `(n,)`."""
        columns = ("sample_ids", "video_ids", "label", "split_of", "constant")
        return replace(self, **{name: getattr(self, name)[kept] for name in columns})

    @property
    def title(self) -> str:
        """Data set and split, such as `mosi/official`."""
        return f"{self.dataset}/{self.split}"

    def masks_sha256(
        self, scenarios: Iterable[Scenario], encoder: EncoderConfig | None = None
    ) -> dict[tuple[str, str], str]:
        """Return the hash of the masks of every (split, scenario's text), as in `protocols export` and `run.json`.

        Args:
            scenarios: The scenarios.
            encoder: The text encoder whose tokens the masks are drawn on, if the text is tokens.
        """
        chosen = list(scenarios)
        hashes: dict[tuple[str, str], str] = {}
        for split in dict.fromkeys(self.split_of.tolist()):
            layout = load(f"{self.dataset}/{split}", encoder).layout("test")
            hashes |= {(split, str(s)): s.masks(layout).sha256() for s in chosen}
        return hashes


def evaluation_set(reference: str) -> EvaluationSet:
    """Return the test samples of a data set, by name as in a study.

    Raises:
        InputError: for an unknown data set or split, or a family of splits whose test parts overlap.
    """
    header, splits = resolve_dataset(reference)
    samples = load_samples(header.name)
    rows, owner, constant = [], [], []
    for split in splits:
        codes = samples.splits[split]
        test = np.flatnonzero(codes == PARTS["test"])
        rows.append(test)
        owner.append(np.full(len(test), split, dtype=object))
        # in single precision, as in the model
        median = np.quantile(samples.label[codes == PARTS["train"]].astype(np.float32), np.float32(0.5))
        constant.append(np.full(len(test), np.float32(median), dtype=np.float64))
    chosen = np.concatenate(rows)
    ids = samples.ids[chosen]
    rest = np.setdiff1d(np.arange(len(samples)), chosen)
    codes = samples.splits[splits[0]]
    return EvaluationSet(
        reference=reference,
        dataset=header.name,
        split=Reference.parse(reference).split or splits[0],
        sample_ids=ids,
        video_ids=samples.video_ids[chosen],
        label=samples.label[chosen].astype(np.float64),
        split_of=np.concatenate(owner),
        constant=np.concatenate(constant),
        label_range=samples.provenance.label_range,
        videos=samples.provenance.videos,
        elsewhere={str(samples.ids[i]): _PART_NAMES.get(int(codes[i]), "unused") for i in rest},
        bound=header.bound,
    )
