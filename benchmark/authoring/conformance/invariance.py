"""Checks that a prediction depends on its own sample only."""

from __future__ import annotations

import torch
from torch import Tensor

from baselines import Batch
from benchmark.authoring.conformance.batches import erased, informed_of, pad, rows, trimmed, with_values
from benchmark.authoring.conformance.check import NotApplicable, check, require
from benchmark.authoring.conformance.subject import Subject
from protocols import MODALITIES, Modality

#: Maximum absolute and relative difference due to rounding.
TOLERANCE = 1e-5


@check("padding", "zeros behind a sample change no prediction")
def padding(subject: Subject) -> str:
    """Check padding in all modalities together and in each alone."""
    model, batch = subject.practised(), trimmed(subject.batch(6))
    worst = 0.0
    with torch.no_grad():
        alone = model(batch).sentiment
        for more in (1, 3, 10):
            worst = max(worst, _same(model(pad(batch, more)).sentiment, alone, f"{more} zeros behind every sequence"))
        padded = pad(batch, 5)
        for modality in MODALITIES:
            mixed = _with_modality(batch, padded, modality)
            worst = max(worst, _same(model(mixed).sentiment, alone, f"5 zeros behind {modality}"))
    return f"largest difference {worst:.1g}"


@check("order", "the order of samples in a batch changes no prediction")
def order(subject: Subject) -> str:
    """Check a permutation and its mirror image."""
    model, batch = subject.practised(), subject.batch(6)
    permutation = torch.randperm(6, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        together = model(batch).sentiment
        worst = 0.0
        for chosen in (permutation, torch.arange(5, -1, -1)):
            found = model(rows(batch, chosen)).sentiment
            worst = max(worst, _same(found, together[chosen], "samples in another order"))
    return f"largest difference {worst:.1g}"


@check("company", "a sample alone is predicted as in any batch")
def company(subject: Subject) -> str:
    """Check every sample alone, trimmed to its own length, and among others."""
    model, batch = subject.practised(), subject.batch(6)
    worst = 0.0
    with torch.no_grad():
        together = model(batch).sentiment
        for index in range(6):
            alone = model(trimmed(rows(batch, [index]))).sentiment
            worst = max(worst, _same(alone, together[[index]], f"sample {index} alone and among 6"))
        for size in (2, 4):
            some = list(range(0, 6, 6 // size))[:size]
            worst = max(worst, _same(model(rows(batch, some)).sentiment, together[some], f"{size} of 6 samples"))
    return f"largest difference {worst:.1g}"


@check("own-gradient", "a prediction has a gradient in its own sample only")
def own_gradient(subject: Subject) -> str:
    """Check gradients through the values of every modality, in eval mode."""
    model, batch = subject.practised(), subject.batch(4)
    leaves = {m: batch[m].values.clone().requires_grad_(True) for m in MODALITIES}
    sentiment = model(with_values(batch, leaves)).sentiment
    if not sentiment.requires_grad:
        raise NotApplicable("predictions are not differentiable in the inputs")
    for index in range(4):
        found = torch.autograd.grad(sentiment[index], list(leaves.values()), retain_graph=True, allow_unused=True)
        for modality, gradient in zip(MODALITIES, found, strict=True):
            if gradient is not None:
                others = [i for i in range(4) if i != index]
                leak = float(gradient[others].abs().max())
                require(leak == 0, f"prediction {index} has a gradient of {leak:.1g} in the {modality} of others")
    return ""


@check("modalities", "reads the modalities it names, and no other")
def modalities(subject: Subject) -> str:
    """Check that erasing a modality changes predictions exactly if the model declares to read it."""
    model, batch = subject.practised(), subject.batch(6)
    declared = model.info.modalities
    with torch.no_grad():
        whole = model(batch).sentiment
        for modality in MODALITIES:
            same = torch.equal(model(erased(batch, modality)).sentiment, whole)
            if modality in declared:
                require(not same, f"ModelInfo.modalities names {modality}, but erasing it changes no prediction")
            else:
                require(same, f"ModelInfo.modalities leaves out {modality}, but erasing it changes predictions")
    return ", ".join(declared) or "none"


@check("masks", "reads what is observed if it declares so, and only then")
def masks(subject: Subject) -> str:
    """Check that models without `mask_informed` ignore the masks, even if a batch has them."""
    model, declared = subject.practised(), subject.cls.info.mask_informed
    batch = subject.batch(6)
    generator = torch.Generator().manual_seed(2)
    found = []
    for share in (0.2, 0.8):
        kept = {
            m: ~batch[m].padding & (torch.rand(batch[m].padding.shape, generator=generator) < share) for m in MODALITIES
        }
        with torch.no_grad():
            found.append(model(informed_of(batch, kept)).sentiment)
    same = torch.equal(*found)
    if declared:
        require(
            not same, "ModelInfo.mask_informed is True, but Batch.observed and Batch.integrity change no prediction"
        )
        return "told"
    require(same, "ModelInfo.mask_informed is False, but Batch.observed or Batch.integrity changes predictions")
    return "not told"


def _with_modality(batch: Batch, other: Batch, modality: Modality) -> Batch:
    """Replace one modality of a batch, and its masks, by those of another batch of the same samples."""
    result = Batch(*((other if m == modality else batch)[m] for m in MODALITIES))
    if batch.observed is None or other.observed is None:
        return result
    return informed_of(result, {m: (other if m == modality else batch).observed[m] for m in MODALITIES})  # type: ignore[index]


def _same(found: Tensor, expected: Tensor, where: str) -> float:
    """Return the largest difference; raises Violation if it is more than rounding."""
    difference = (found - expected).abs()
    worst = float(difference.max()) if bool(difference.isfinite().all()) else float("nan")
    require(
        bool((difference <= TOLERANCE + TOLERANCE * expected.abs()).all()),
        f"{where}: predictions differ by up to {worst:.2g} (rounding is {TOLERANCE:g})",
    )
    return worst
