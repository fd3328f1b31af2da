"""Random samples to check models on: ragged lengths, erased frames, and what is done to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from baselines import Batch, EncoderLayers, InputSpec, SentimentModel, Sequences, TrainBatch
from benchmark.data.erasing import erase
from protocols import MODALITIES, Modality

#: Small widths, none equal to another.
SPEC = InputSpec(text=24, audio=5, vision=7, train_samples=64)
#: Longest text, audio and vision of a random batch, unless told otherwise.
LONGEST = (7, 12, 9)


class ToyLayers(EncoderLayers):
    """A text encoder of two layers with weights of its own seed, for models that work inside one.

    Args:
        width: D of embeddings and states.
        trainable: Whether the layers are fine-tuned; where they are not, this module has no parameters.
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
        """Both layers, padding hidden; zeros on padding."""
        padding = torch.arange(embeddings.shape[1], device=embeddings.device)[None, :] >= length[:, None]
        states = embeddings
        for number, layer in enumerate(self._layers[0]):
            states = before(number, states) if before else states
            states = layer(states, src_key_padding_mask=padding)
        return states.masked_fill(padding[..., None], 0.0)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> ToyLayers:
        if not self.trainable:  # frozen layers are no part of this module, and move all the same
            self._layers[0]._apply(fn)  # type: ignore[no-untyped-call]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


def with_encoder(cls: type[SentimentModel], spec: InputSpec, trainable: bool = False) -> InputSpec:
    """The sizes, with a toy encoder where the model works inside one."""
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
    """Random sequences of which nothing is erased.

    Args:
        samples: How many.
        spec: Widths.
        longest: Lengths are from 1 to these, of text, audio and vision.
        seed: Another one, other samples.
        fixed: Whether all lengths are the longest.
        informed: Whether the batch says what is observed, as models that declare `mask_informed` get it.
    """
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
    """A complete batch, the same with frames erased at `rate`, and the label: a standardised sum of the means.

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
    """The same samples, and what of them is observed, by modality `(B, T)` bool."""
    return replace(batch, observed=dict(observed), integrity=_integrity(batch, observed))


def pad(batch: Batch, steps: int) -> Batch:
    """The same samples with `steps` more zeros behind each modality."""
    return _each(
        batch,
        lambda s: Sequences(nn.functional.pad(s.values, (0, 0, 0, steps)), s.length),
        lambda flags, _: nn.functional.pad(flags, (0, steps)),
    )


def rows(batch: Batch, chosen: Sequence[int] | Tensor) -> Batch:
    """Some samples, in the order given."""
    index = torch.as_tensor(chosen)
    return _each(batch, lambda s: Sequences(s.values[index], s.length[index]), lambda flags, _: flags[index])


def trimmed(batch: Batch) -> Batch:
    """The same samples, each modality as long as its longest sample, as the suite makes its batches."""
    return _each(
        batch,
        lambda s: Sequences(s.values[:, : int(s.length.max())], s.length),
        lambda flags, s: flags[:, : int(s.length.max())],
    )


def erased(batch: Batch, *modalities: str) -> Batch:
    """The same samples with whole modalities replaced by zeros; all of them when none is named."""
    gone = modalities or MODALITIES
    parts = (
        Sequences(torch.zeros_like(batch[m].values), batch[m].length) if m in gone else batch[m] for m in MODALITIES
    )
    result = Batch(*parts)
    if batch.observed is None:
        return result
    return informed_of(result, {m: flags & (m not in gone) for m, flags in batch.observed.items()})


def with_values(batch: Batch, values: Mapping[Modality, Tensor]) -> Batch:
    """The same samples with other values `(B, T, D)` in some modalities, and everything else as it was."""
    parts: dict[str, Any] = {m: Sequences(v, batch[m].length) for m, v in values.items()}
    return replace(batch, **parts)


def copied(batch: Batch) -> Batch:
    """The same samples in memory of their own."""
    return _each(batch, lambda s: Sequences(s.values.clone(), s.length.clone()), lambda flags, _: flags.clone())


def on_device(batch: TrainBatch, device: torch.device) -> TrainBatch:
    """The same training batch on a device."""
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
    batch: Batch,
    change: Callable[[Sequences], Sequences],
    change_flags: Callable[[Tensor, Sequences], Tensor],
) -> Batch:
    """The batch with every modality changed, and the flags of what is observed along with it."""
    result = Batch(*(change(batch[m]) for m in MODALITIES))
    if batch.observed is None:
        return result
    return informed_of(result, {m: change_flags(flags, batch[m]) for m, flags in batch.observed.items()})


def _integrity(batch: Batch, observed: Mapping[Modality, Tensor]) -> Tensor:
    return torch.stack([observed[m].sum(1) / batch[m].length for m in MODALITIES], dim=1)
