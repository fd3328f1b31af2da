"""The samples and the text side of a run, kept for the next run of this process."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import torch

from baselines import InputSpec, model_class
from benchmark.data.config import EncoderConfig
from benchmark.data.dataset import Dataset, build_dataset
from benchmark.data.encoding import TextEncoder, WordEmbeddings
from benchmark.data.sources import load_samples
from benchmark.data.states import StateCache
from benchmark.runs import RunSpec
from protocols import InputError, Modality


def run_data(spec: RunSpec, folder: Path, device: torch.device) -> tuple[Dataset, StateCache | TextEncoder | None]:
    """The data set and the text side of a run; kept for the next run of this process where nothing is trained in it."""
    text: StateCache | TextEncoder | None = None
    if spec.encoder is not None:
        if spec.encoder.mode == "frozen":
            text = _frozen(spec.encoder, spec.encoder_revision or "", folder, str(device))
        else:
            text = TextEncoder(spec.encoder).to(device)
    encoder = text.encoder if isinstance(text, StateCache) else text
    if isinstance(text, TextEncoder):
        return build_dataset(load_samples(spec.dataset), spec.split, encoder, spec.scaling), text
    return _dataset(spec.dataset, spec.split, spec.data_sha256, spec.scaling, encoder), text


def text_side(spec: RunSpec, text: StateCache | TextEncoder | None) -> StateCache | TextEncoder | None:
    """What the text of a run's model comes from: for one that works inside the encoder its word embeddings.

    Raises:
        InputError: when the model works inside an encoder and the text is word vectors (`text` is None).
    """
    if not model_class(spec.model).info.needs_encoder:
        return text
    if text is None:
        raise InputError(
            f"model '{spec.model}' works inside a text encoder, and the text of '{spec.dataset}' is word vectors; "
            "leave this pair out"
        )
    return WordEmbeddings(text.encoder if isinstance(text, StateCache) else text)


def model_sizes(
    widths: Mapping[Modality, int],
    label_range: tuple[float, float],
    train_samples: int,
    text: StateCache | TextEncoder | None,
) -> InputSpec:
    """What a model is made for.

    Args:
        widths: Of the values of each modality; that of text counts where it is values.
        label_range: Lowest and highest label of the data set.
        train_samples: Of the training part.
        text: From `text_side`.
    """
    known = dict(widths)
    if text is not None:
        known["text"] = (text.encoder if isinstance(text, StateCache) else text).width
    inner = text.inner() if isinstance(text, WordEmbeddings) else None
    low, high = label_range
    centre = (low + high) / 2
    return InputSpec(
        **known,
        label_range=(low - centre, high - centre),
        label_centre=centre,
        train_samples=train_samples,
        encoder=inner,
        framed_text=text is not None,
    )


@lru_cache(maxsize=2)
def _dataset(name: str, split: str, expected: str, scaling: str, encoder: TextEncoder | None) -> Dataset:
    dataset = build_dataset(load_samples(name), split, encoder, scaling)  # type: ignore[arg-type]
    if dataset.fingerprint != expected:
        raise InputError(f"{name}: changed since the study was planned; run the study again")
    return dataset


@lru_cache(maxsize=1)
def _frozen(config: EncoderConfig, revision: str, folder: Path, device: str) -> StateCache:
    return StateCache(TextEncoder(config).to(device), revision, folder)
