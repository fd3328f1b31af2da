"""Random batches for tests of models: ragged lengths, erased frames, natural gaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from baselines import Batch, EncoderLayers, InputSpec, Sequences, TrainBatch, model_class
from protocols import MODALITIES

SPEC = InputSpec(text=24, audio=5, vision=7, train_samples=64)


class ToyLayers(EncoderLayers):
    """A text encoder of two layers with weights of its own seed, for models that work inside one."""

    def __init__(self, width: int, trainable: bool = False) -> None:
        super().__init__()
        self.depth, self.width, self.trainable = 2, width, trainable
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(11)
            layers = [nn.TransformerEncoderLayer(width, 1, 2 * width, 0.0, batch_first=True) for _ in range(2)]
        shared = nn.ModuleList(layers).requires_grad_(trainable)
        if trainable:
            self.copy = shared
        self._layers = [shared]

    def forward(
        self, embeddings: Tensor, length: Tensor, before: Callable[[int, Tensor], Tensor] | None = None
    ) -> Tensor:
        padding = torch.arange(embeddings.shape[1])[None, :] >= length[:, None]
        states = embeddings
        for number, layer in enumerate(self._layers[0]):
            states = before(number, states) if before else states
            states = layer(states, src_key_padding_mask=padding)
        return states * ~padding[..., None]


def spec_for(name: str, spec: InputSpec = SPEC) -> InputSpec:
    """The sizes, with a toy encoder where the model works inside one."""
    return replace(spec, encoder=ToyLayers(spec.text)) if model_class(name).info.needs_encoder else spec


def make_batch(
    samples: int = 6,
    *,
    spec: InputSpec = SPEC,
    longest: Sequence[int] = (7, 12, 9),
    seed: int = 0,
    fixed: bool = False,
) -> Batch:
    """Random sequences with lengths from 1 to `longest` (text, audio, vision); all of them longest when `fixed`."""
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for modality, steps in zip(MODALITIES, longest, strict=True):
        length = torch.randint(1, steps + 1, (samples,), generator=generator)
        length = torch.full((samples,), steps) if fixed else length
        values = torch.randn(samples, steps, spec.width(modality), generator=generator)
        valid = torch.arange(steps)[None, :] < length[:, None]
        parts.append(Sequences(values * valid[..., None], length))
    return Batch(*parts)


def make_train_batch(samples: int = 6, *, rate: float = 0.4, seed: int = 0, **options: object) -> TrainBatch:
    """A complete batch, the same with frames erased at `rate`, and the label: a noisy linear map of the means."""
    complete = make_batch(samples, seed=seed, **options)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(seed + 1)
    parts, observed, integrity = [], {}, []
    score = torch.zeros(samples)
    for modality in MODALITIES:
        sequences = complete[modality]
        kept = torch.rand(sequences.padding.shape, generator=generator) >= rate
        observed[modality] = kept & ~sequences.padding
        parts.append(Sequences(sequences.values * observed[modality][..., None], sequences.length))
        integrity.append(observed[modality].sum(1) / sequences.length)
        score = score + sequences.values.sum((1, 2)) / sequences.length
    label = (score - score.mean()) / score.std().clamp(min=1e-3) if samples > 1 else torch.zeros(1)
    return TrainBatch(
        input=Batch(*parts),
        complete=complete,
        observed=observed,
        integrity=torch.stack(integrity, dim=1),
        complete_integrity=torch.ones(samples, len(MODALITIES)),
        label=label.clamp(-3, 3),
        index=torch.arange(samples),
    )


def pad(batch: Batch, steps: int) -> Batch:
    """The same samples with `steps` more zeros behind each modality."""
    return Batch(*(Sequences(torch.nn.functional.pad(s.values, (0, 0, 0, steps)), s.length) for s in _parts(batch)))


def rows(batch: Batch, chosen: Sequence[int] | Tensor) -> Batch:
    """Some samples, in the order given."""
    index = torch.as_tensor(chosen)
    return Batch(*(Sequences(s.values[index], s.length[index]) for s in _parts(batch)))


def erased(batch: Batch, *modalities: str) -> Batch:
    """The same samples with whole modalities replaced by zeros; all of them when none is named."""
    gone = modalities or MODALITIES
    return Batch(
        *(
            Sequences(torch.zeros_like(s.values) if m in gone else s.values, s.length)
            for m, s in zip(MODALITIES, _parts(batch), strict=True)
        )
    )


def _parts(batch: Batch) -> list[Sequences]:
    return [batch[m] for m in MODALITIES]
