"""Random samples to check models on: ragged lengths, erased frames, and changes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from baselines import Batch, EncoderLayers, InputSpec, SentimentModel, Sequences, TrainBatch
from benchmark.data.erasing import erase
from protocols import MODALITIES, Modality

#: Small widths, all different.
SPEC = InputSpec(text=24, audio=5, vision=7, train_samples=64)
#: Default maximum lengths of text, audio and vision of a random batch.
LONGEST = (7, 12, 9)


class ToyLayers(EncoderLayers):
    """Text encoder of two layers with weights of its own seed, for models that work inside one.

    Args:
        width: D of embeddings and states.
        trainable: True for fine-tuned layers; otherwise this module has no parameters.
    """

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
        """Apply both layers, with padding hidden; zeros on padding."""
        padding = torch.arange(embeddings.shape[1], device=embeddings.device)[None, :] >= length[:, None]
        states = embeddings
        for number, layer in enumerate(self._layers[0]):
            states = before(number, states) if before else states
            states = layer(states, src_key_padding_mask=padding)
        return states.masked_fill(padding[..., None], 0.0)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> ToyLayers:
        if not self.trainable:  # frozen layers are not part of this module, but move with it
            self._layers[0]._apply(fn)  # type: ignore[no-untyped-call]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


def with_encoder(cls: type[SentimentModel], spec: InputSpec, trainable: bool = False) -> InputSpec:
    """Return the sizes, with a toy encoder for a model that works inside one."""
    return replace(spec, encoder=ToyLayers(spec.text, trainable)) if cls.info.needs_encoder else spec


def make_batch(
    samples: int = 6,
    *,
    spec: InputSpec = SPEC,
    longest: Sequence[int] = LONGEST,
    seed: int = 0,
    fixed: bool = False,
    informed: bool = False,
) -> Batch:
    """Make random sequences of which nothing is erased."""
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for modality, steps in zip(MODALITIES, longest, strict=True):
        length = torch.randint(1, steps + 1, (samples,), generator=generator)
        length = torch.full((samples,), steps) if fixed else length
        values = torch.randn(samples, steps, spec.width(modality), generator=generator)
        valid = torch.arange(steps)[None, :] < length[:, None]
        parts.append(Sequences(erase(values, valid), length))
    batch = Batch(*parts)
    return informed_of(batch, {m: ~batch[m].padding for m in MODALITIES}) if informed else batch


def make_train_batch(
    samples: int = 6,
    *,
    rate: float = 0.4,
    seed: int = 0,
    spec: InputSpec = SPEC,
    longest: Sequence[int] = LONGEST,
    fixed: bool = False,
    informed: bool = False,
) -> TrainBatch:
    """Make a complete batch, the same with frames erased at `rate`, and the label: a standardised sum of the means.

    The other options are those of `make_batch`.
    """
    complete = make_batch(samples, seed=seed, spec=spec, longest=longest, fixed=fixed, informed=informed)
    generator = torch.Generator().manual_seed(seed + 1)
    observed: dict[Modality, Tensor] = {}
    parts = []
    score = torch.zeros(samples)
    for modality in MODALITIES:
        sequences = complete[modality]
        kept = torch.rand(sequences.padding.shape, generator=generator) >= rate
        observed[modality] = kept & ~sequences.padding
        parts.append(Sequences(erase(sequences.values.clone(), observed[modality]), sequences.length))
        score = score + sequences.values.sum((1, 2)) / sequences.length
    label = (score - score.mean()) / score.std().clamp(min=1e-3) if samples > 1 else torch.zeros(1)
    given = Batch(*parts)
    return TrainBatch(
        input=informed_of(given, observed) if informed else given,
        complete=complete,
        observed=observed,
        integrity=_integrity(given, observed),
        complete_integrity=torch.ones(samples, len(MODALITIES)),
        label=label.clamp(-3, 3),
        index=torch.arange(samples),
    )


def informed_of(batch: Batch, observed: Mapping[Modality, Tensor]) -> Batch:
    """Make the same samples, with the observed positions by modality, `(B, T)` bool."""
    return replace(batch, observed=dict(observed), integrity=_integrity(batch, observed))


def pad(batch: Batch, steps: int) -> Batch:
    """Append `steps` zeros to each modality of the same samples."""
    return _each(
        batch,
        lambda s: Sequences(nn.functional.pad(s.values, (0, 0, 0, steps)), s.length),
        lambda flags, _: nn.functional.pad(flags, (0, steps)),
    )


def rows(batch: Batch, chosen: Sequence[int] | Tensor) -> Batch:
    """Select some samples, in the given order."""
    index = torch.as_tensor(chosen)
    return _each(batch, lambda s: Sequences(s.values[index], s.length[index]), lambda flags, _: flags[index])


def trimmed(batch: Batch) -> Batch:
    """Trim each modality to its longest sample, as the suite makes its batches."""
    return _each(
        batch,
        lambda s: Sequences(s.values[:, : int(s.length.max())], s.length),
        lambda flags, s: flags[:, : int(s.length.max())],
    )


def erased(batch: Batch, *modalities: str) -> Batch:
    """Replace whole modalities by zeros; all of them if none is named."""
    gone = modalities or MODALITIES
    parts = (
        Sequences(torch.zeros_like(batch[m].values), batch[m].length) if m in gone else batch[m] for m in MODALITIES
    )
    result = Batch(*parts)
    if batch.observed is None:
        return result
    return informed_of(result, {m: flags & (m not in gone) for m, flags in batch.observed.items()})


def with_values(batch: Batch, values: Mapping[Modality, Tensor]) -> Batch:
    """Replace the values `(B, T, D)` of some modalities."""
    parts: dict[str, Any] = {m: Sequences(v, batch[m].length) for m, v in values.items()}
    return replace(batch, **parts)


def copied(batch: Batch) -> Batch:
    """Copy the samples into their own memory."""
    return _each(batch, lambda s: Sequences(s.values.clone(), s.length.clone()), lambda flags, _: flags.clone())


def on_device(batch: TrainBatch, device: torch.device) -> TrainBatch:
    """Move a training batch to a device."""
    return TrainBatch(
        input=batch.input.to(device),
        complete=batch.complete.to(device),
        observed={m: flags.to(device) for m, flags in batch.observed.items()},
        integrity=batch.integrity.to(device),
        complete_integrity=batch.complete_integrity.to(device),
        label=batch.label.to(device),
        index=batch.index.to(device),
    )


def _each(
    batch: Batch, change: Callable[[Sequences], Sequences], change_flags: Callable[[Tensor, Sequences], Tensor]
) -> Batch:
    """Change every modality of the batch, and the flags of observed positions along with it."""
    result = Batch(*(change(batch[m]) for m in MODALITIES))
    if batch.observed is None:
        return result
    return informed_of(result, {m: change_flags(flags, batch[m]) for m, flags in batch.observed.items()})


def _integrity(batch: Batch, observed: Mapping[Modality, Tensor]) -> Tensor:
    return torch.stack([observed[m].sum(1) / batch[m].length for m in MODALITIES], dim=1)
