"""Samples and text side of a run, kept for the next run of this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pandas as pd
import torch

from baselines import InputSpec, model_class
from benchmark.data.config import EncoderConfig, Scaling
from benchmark.data.dataset import Dataset, Inputs, PartMaker
from benchmark.data.encoding import TextEncoder, TextSide, WordEmbeddings
from benchmark.data.samples import Samples
from benchmark.data.sealed import SealedSamples
from benchmark.data.sources import forget_samples, load_samples, store_fault
from benchmark.data.states import StateCache
from benchmark.runs.spec import RunSpec
from protocols import InputError, Layout, Modality


@dataclass(frozen=True, eq=False)
class RunData:
    """Data of a run, released in order: training before the test part, predictions before its labels.

    Attributes:
        dataset: Training and validation part.
    """

    dataset: Dataset
    _maker: PartMaker
    _sealed: SealedSamples

    def test(self) -> tuple[Layout, Inputs]:
        """Return the test part without labels, for masks and for models. To be called after training."""
        return self._maker.layout("test", self._sealed.open()), self._maker.inputs("test")

    def test_samples(self) -> pd.DataFrame:
        """Return `sample_id`, `video_id` and `label` of the test samples. To be called after the last prediction."""
        ids, videos, label = self._maker.columns("test", self._sealed.open())
        return pd.DataFrame({"sample_id": ids.tolist(), "video_id": videos, "label": label})

    def samples(self) -> Samples:
        """Return all samples, for the oracle, which is not trained."""
        return self._sealed.open()


def run_data(spec: RunSpec, folder: Path, device: torch.device) -> tuple[RunData, TextSide | None]:
    """The data and the text side of a run; kept for the next run of this process where nothing is trained in it.

    Raises:
        InputError: if the data set has changed since the run was planned.
    """
    text: TextSide | None = None
    if spec.encoder is not None:
        if spec.encoder.mode == "frozen":
            text = frozen_text(spec.encoder, spec.encoder_revision or "", folder, str(device))
            text.begin_run()
        else:
            text = TextEncoder(spec.encoder).to(device)
    of = (spec.dataset, spec.split, spec.data_sha256, spec.scaling)
    read = _made if text is not None and text.trained else _kept
    data = read(*of, text.encoder if text is not None else None)
    forget_samples()
    return data, text


def text_side(spec: RunSpec, text: TextSide | None) -> TextSide | None:
    """Return the source of text for a run's model; for one that works inside the encoder, its word embeddings.

    Raises:
        InputError: if the model works inside an encoder and the text is word vectors (`text` is None).
    """
    if not model_class(spec.model).info.needs_encoder:
        return text
    if text is None:
        raise InputError(
            f"model '{spec.model}' works inside a text encoder, and the text of '{spec.dataset}' is word vectors; "
            "leave this pair out"
        )
    return WordEmbeddings(text.encoder)


def model_sizes(
    widths: Mapping[Modality, int],
    label_range: tuple[float, float],
    train_samples: int,
    text: TextSide | None,
) -> InputSpec:
    """Return the sizes that a model is built for.

    Args:
        widths: Widths of the values of each modality; that of text is used only if text is values.
        label_range: Lowest and highest label of the data set.
        train_samples: Number of samples of the training part.
        text: Text side from `text_side`.
    """
    known = dict(widths)
    if text is not None:
        known["text"] = text.width
    low, high = label_range
    centre = (low + high) / 2
    return InputSpec(
        **known,
        label_range=(low - centre, high - centre),
        label_centre=centre,
        train_samples=train_samples,
        encoder=text.inner() if text is not None else None,
        framed_text=text is not None,
    )


@lru_cache(maxsize=2)
def _kept(name: str, split: str, sha256: str, scaling: Scaling, encoder: TextEncoder | None) -> RunData:
    return _made(name, split, sha256, scaling, encoder)


def _made(name: str, split: str, sha256: str, scaling: Scaling, encoder: TextEncoder | None) -> RunData:
    sealed = _sealed(name, sha256)
    samples = sealed.open()
    maker = PartMaker(samples, split, encoder, scaling, sha256)
    return RunData(maker.dataset(samples, ("train", "valid")), maker, sealed)


@lru_cache(maxsize=2)
def _sealed(name: str, sha256: str) -> SealedSamples:
    samples = load_samples(name)
    if samples.fingerprint() != sha256:
        raise InputError(store_fault(name) or f"{name}: changed since the study was planned; run the study again")
    return SealedSamples(samples)


@lru_cache(maxsize=1)
def frozen_text(config: EncoderConfig, revision: str, folder: Path | None, device: str) -> StateCache:
    """One frozen encoder for all runs of this process that share it: equal texts are encoded once."""
    return StateCache(TextEncoder(config).to(device), revision, folder)
