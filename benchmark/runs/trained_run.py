"""Trained run, opened from its folder: the model with its weights, the text encoder, and its training data.

>>> run = open_run(Path("results/runs/mosi/official/lnln-s0-9e2050f533b3dd2c"))
>>> masks = parse("drop(rate=0.5)").masks(run.dataset, "test")
>>> table = run.predict(run.masked_part(masks))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from pydantic import ValidationError
from safetensors import SafetensorError

from baselines import SentimentModel, create, model_class
from benchmark.data.batches import MaskedPart
from benchmark.data.config import Scaling
from benchmark.data.dataset import Dataset, Part, build_dataset, fit_scalers
from benchmark.data.encoder_files import encoder_revision
from benchmark.data.encoding import TextEncoder, TextSide
from benchmark.data.samples import PARTS, IntArray, Samples
from benchmark.data.scaling import Scaler
from benchmark.data.sources import load_samples
from benchmark.runs.data import frozen_text, model_sizes, text_side
from benchmark.runs.record import SCHEMA_VERSION, WEIGHTS, RunRecord, check_file
from benchmark.runs.spec import ORACLE, RunSpec
from benchmark.training.devices import open_device
from benchmark.training.inference import predict
from benchmark.training.loop import forked_rng
from benchmark.training.weights import load_weights, trained_modules
from protocols import MODALITIES, InputError, Masks, Modality, plugin_sha256


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """Run with a model that can predict.

    Attributes:
        folder: Folder of the run.
        record: Content of `run.json`.
        model: Model with the selected weights, on `device`, ready for evaluation.
        text: Text side for tokens: a cache of states (frozen encoder), the encoder as the run tuned it, or the
            encoder's word vectors (models that work inside it); None if the text of the data set is values.
        samples: Samples of the data set that it was trained on.
        device: Device of the computation.
    """

    folder: Path
    record: RunRecord
    model: SentimentModel
    text: TextSide | None
    samples: Samples
    device: torch.device

    @property
    def spec(self) -> RunSpec:
        """Identity of the run."""
        return self.record.spec

    @property
    def encoder(self) -> TextEncoder | None:
        """The text encoder itself; None where text is values."""
        return self.text.encoder if self.text is not None else None

    @cached_property
    def dataset(self) -> Dataset:
        """Data set of the run under its split, scaled as in training, on which scenarios draw masks."""
        return build_dataset(self.samples, self.spec.split, self.encoder, self.spec.scaling)

    @property
    def scalers(self) -> Mapping[Modality, Scaler]:
        """Scaling of the run's data by modality of values, with statistics of its training part."""
        return _scalers(self.samples, self.spec.split, self.spec.scaling)

    def masked_part(self, masks: Masks | None = None, part: str | Part = "test") -> MaskedPart:
        """Return samples as one draw of masks left them, ready to be batched for this model.

        Args:
            masks: Masks drawn on that part (`scenario.masks(run.dataset, "test")`); None for the samples as they are.
            part: Part of the run's data set (train, valid or test), or one made elsewhere.

        Raises:
            InputError: for an unknown part, or masks of other samples.
        """
        chosen = self.dataset.part(part) if isinstance(part, str) else part
        if masks is not None and masks.layout.sample_ids != chosen.layout.sample_ids:
            raise InputError(
                f"masks of {len(masks.layout)} samples do not belong to the {len(chosen)} samples of part "
                f"'{chosen.name}'; draw them on it"
            )
        return MaskedPart(chosen, masks, self.text, self.device, self.model.info)

    def predict(self, part: MaskedPart) -> pd.DataFrame:
        """Predict a part: the columns that `predictions.parquet` of the run has for a scenario.

        Returns:
            One row per sample, in the order of the part: `prediction` (on the scale of the labels, not clipped); if the
            model estimates it `integrity_text`, `integrity_audio`, `integrity_vision`, and the true shares
            `observed_*`; if the model has a dominant modality, `dominant`, its index.

        Raises:
            InputError: if a prediction is not finite.
        """
        try:
            return predict(self.model, part)[0]
        except ArithmeticError as error:
            raise InputError(f"{self.folder}: {error}; its weights may be damaged: train it again") from error

    def typical_length(self, modality: Modality) -> int:
        """Median positions of the training samples in which the modality was recorded: its typical length."""
        stream = self.samples.streams[modality]
        recorded = np.logical_or.reduceat(stream.observed, stream.offsets[:-1])[self._train]
        lengths = np.diff(stream.offsets)
        if modality == "text" and self.encoder is not None:
            lengths = np.diff(self.encoder.tokens(self.samples)[0])
        chosen = lengths[self._train]
        return int(np.median(chosen[recorded] if recorded.any() else chosen))

    @property
    def _train(self) -> IntArray:
        return np.flatnonzero(self.samples.splits[self.spec.split] == PARTS["train"])


def open_run(folder: Path, device: str = "cpu") -> TrainedRun:
    """Open a trained run.

    The data set, the encoder and the model's code must be those of the training: others are refused.

    Args:
        folder: Folder of the run, with `run.json` and `model.safetensors`.
        device: `cpu`, `cuda` or `cuda:1`.

    Raises:
        InputError: if there is no such run, it failed, its weights cannot be read, or a part of its training (data
            set, encoder, model version, plugin) is not available or has changed.
    """
    record = _trained_record(folder)
    spec, place = record.spec, open_device(device)
    _check_code(folder, spec)
    samples = _training_samples(folder, spec)
    text = _text(folder, spec, place)
    text = text_side(spec, text)
    widths = {m: samples.streams[m].width for m in MODALITIES}
    train = int((samples.splits[spec.split] == PARTS["train"]).sum())
    sizes = model_sizes(widths, samples.provenance.label_range, train, text)
    with forked_rng(spec.seed, place):
        model = create(spec.model, sizes, spec.config).to(place)
    _load(folder, model, text, place)
    trained_modules(model, text).eval()
    return TrainedRun(folder, record, model, text, samples, place)


def _trained_record(folder: Path) -> RunRecord:
    """Read `run.json` of a trained run; raises InputError if there is none or nothing was trained."""
    path = folder / "run.json"
    try:
        record = RunRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{folder}: is not a run (it has no run.json); name a run's folder, or its id") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "content"
        raise InputError(f"{path}: {field}: {first['msg']}; the file is damaged, or of another version") from None
    if record.schema_version != SCHEMA_VERSION:
        raise InputError(f"{path}: schema version {record.schema_version}, expected {SCHEMA_VERSION}; run it again")
    if record.spec.id != record.id:
        raise InputError(f"{path}: its spec was changed (id {record.id} is not that of the spec); run it again")
    if record.status == "failed":
        raise InputError(f"{folder}: the run failed ({record.error}); run it again before it can predict")
    if record.spec.model == ORACLE:
        raise InputError(
            f"{folder}: is the oracle, which is computed from the generator of the data; it cannot predict others"
        )
    return record


def _check_code(folder: Path, spec: RunSpec) -> None:
    """Check that the model's code is that of the training: weights of one version mean nothing to another."""
    try:
        cls = model_class(spec.model)
    except InputError as error:
        hint = "; load its plugin first (--plugin FILE)" if spec.plugin_sha256 else ""
        raise InputError(f"{folder}: {error}{hint}") from error
    if cls.info.version != spec.model_version:
        raise InputError(
            f"{folder}: was trained with version {spec.model_version} of model '{spec.model}', and version "
            f"{cls.info.version} is installed; train it again"
        )
    if plugin_sha256(cls) != spec.plugin_sha256:
        raise InputError(
            f"{folder}: the code of model '{spec.model}' has changed since the training (sha256 of its plugin); train "
            "it again, or load the plugin of the training"
        )


def _training_samples(folder: Path, spec: RunSpec) -> Samples:
    try:
        samples = load_samples(spec.dataset)
    except InputError as error:
        raise InputError(
            f"{folder}: its training data, which values are scaled by, is not available: {error}"
        ) from error
    if samples.fingerprint() != spec.data_sha256:
        raise InputError(
            f"{folder}: data set '{spec.dataset}' has changed since the training; import that of the training again, "
            "or train again"
        )
    return samples


def _text(folder: Path, spec: RunSpec, device: torch.device) -> TextSide | None:
    """The text side as training starts with it."""
    if spec.encoder is None:
        return None
    found = encoder_revision(spec.encoder.name)
    if found != spec.encoder_revision:
        raise InputError(
            f"{folder}: was trained with revision {_short(spec.encoder_revision)} of encoder '{spec.encoder.name}', "
            f"found {_short(found)}; install that of the training, or train again"
        )
    if spec.encoder.mode == "frozen":
        return frozen_text(spec.encoder, found, None, str(device))
    return TextEncoder(spec.encoder).to(device)


def _load(folder: Path, model: SentimentModel, text: TextSide | None, device: torch.device) -> None:
    path = folder / WEIGHTS
    if path.is_file():
        check_file(folder, WEIGHTS)
    try:
        load_weights(model, text, path, device)
    except FileNotFoundError:
        raise InputError(f"{folder}: has no weights (model.safetensors); run it again, or restore the file") from None
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: cannot be read ({_line(error)}); run it again") from None
    except RuntimeError as error:
        raise InputError(f"{path}: does not fit model '{model.name}' ({_line(error)}); run it again") from None


@lru_cache(maxsize=2)
def _scalers(samples: Samples, split: str, scaling: Scaling) -> Mapping[Modality, Scaler]:
    return fit_scalers(samples, np.flatnonzero(samples.splits[split] == PARTS["train"]), scaling)


def _short(revision: str | None) -> str:
    kind, _, value = (revision or "unknown").partition(":")
    return f"{kind}:{value[:12]}..." if len(value) > 12 else f"{revision or 'unknown'}"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
