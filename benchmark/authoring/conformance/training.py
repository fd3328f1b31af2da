"""Checks of training: loss terms, destinations of their gradients, and overfitting of sixteen samples."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import torch
from torch.optim.lr_scheduler import LambdaLR

from baselines import SentimentModel, Step, TrainBatch
from benchmark.authoring.conformance.batches import ToyLayers, make_batch, with_values
from benchmark.authoring.conformance.check import NotApplicable, Violation, check, require
from benchmark.authoring.conformance.subject import Subject, early_and_late, optimisers, steps, total, update
from protocols import MODALITIES

#: Maximum share of the best constant's error that is left after overfitting.
LEARNED = 0.3
#: Epochs of one batch that the stages divide; maximum epochs of the last one; patience in epochs.
EPOCHS, LAST_STAGE, PATIENCE = 40, 200, 40
#: Number of warm-up epochs of a stage.
WARMUP = 10
#: Updates of every sweep within which a parameter must have a gradient.
ROUNDS = 5


@check("losses", "loss terms are named, finite scalars with finite gradients")
def losses(subject: Subject) -> str:
    """Check every sweep of every stage, early and late in it."""
    names: dict[str, None] = {}
    cases = [(samples, rate, 0) for samples in (1, 2, 7) for rate in (0.0, 0.5, 1.0)]
    for samples, rate, epoch in (*cases, (7, 0.5, 3)):
        model, batch = subject.build().train(), subject.train_batch(samples, rate=rate)
        for step in steps(model, epoch=epoch):
            where = f"{samples} samples, {rate:.0%} erased, stage {step.stage.name}"
            names |= dict.fromkeys(_terms(model, batch, step, where))
    return ", ".join(names)


def _terms(model: SentimentModel, batch: TrainBatch, step: Step, where: str) -> list[str]:
    terms = model.training_loss(batch, step)
    require(isinstance(terms, dict) and bool(terms), f"{where}: training_loss gives no terms")
    for name, value in terms.items():
        require(isinstance(name, str) and name.isidentifier(), f"{where}: term {name!r} cannot name a column")
        require(isinstance(value, torch.Tensor), f"{where}: term '{name}' is a {type(value).__name__}, not a tensor")
        require(value.shape == (), f"{where}: term '{name}' has shape {tuple(value.shape)}; expected a scalar")
        require(bool(value.isfinite()), f"{where}: term '{name}' is {float(value.detach())}")
    loss = torch.stack(list(terms.values())).sum()
    if not any(True for _ in model.parameters()):
        return list(terms)
    require(loss.requires_grad, f"{where}: no term has a gradient")
    model.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    bad = [k for k, p in model.named_parameters() if p.grad is not None and not bool(p.grad.isfinite().all())]
    require(not bad, f"{where}: gradients of {len(bad)} parameters are not finite, such as {bad[:1]}")
    return list(terms)


@check("gradients", "every parameter is in a group and gets a gradient")
def gradients(subject: Subject) -> str:
    """Make a few updates on several batches; a text encoder that the model works inside is trained too."""
    if subject.cls.info.needs_encoder:
        tuned = replace(subject.spec, encoder=ToyLayers(subject.spec.text, trainable=True))
        torch.manual_seed(0)
        model = subject.cls(tuned, subject.config)
    else:
        model = subject.build()
    wanted = {key for key, p in model.named_parameters() if p.requires_grad}
    if not wanted:
        raise NotApplicable("the model has no parameters to train")
    keys = {id(p): key for key, p in model.named_parameters()}
    reached: set[str] = set()
    grouped: set[str] = set()
    model.train()
    for stage in model.stages(2 * ROUNDS):
        for sweep, optimiser in optimisers(model, stage, 1e-3).items():
            trained = [p for group in optimiser.param_groups for p in group["params"]]
            grouped |= {keys[id(p)] for p in trained if id(p) in keys}
            for number in range(ROUNDS):  # an odd number of samples: the absolute error has a gradient in the bias
                step = Step(stage, min(number, max(stage.epochs - 1, 0)), number / ROUNDS, sweep)
                update(model, subject.train_batch(15, seed=10 * number), step, optimiser)
                reached |= {keys[id(p)] for p in trained if id(p) in keys and p.grad is not None and p.grad.any()}
                if grouped <= reached:
                    break
    left_out, unreached = sorted(wanted - grouped), sorted(grouped - reached)
    require(not left_out, f"{len(left_out)} of {len(wanted)} parameters are in no group: {', '.join(left_out[:3])}")
    require(not unreached, f"{len(unreached)} of {len(wanted)} parameters get no gradient: {', '.join(unreached[:3])}")
    return f"{len(wanted)} tensors"


@check("text-gradient", "a fine-tuned text encoder gets a gradient")
def text_gradient(subject: Subject) -> str:
    """Check the sweep that trains the encoder, the last one of a stage."""
    if "text" not in subject.cls.info.modalities:
        raise NotApplicable("the model reads no text")
    model = subject.practised().train()
    largest = 0.0
    for step in early_and_late(model):
        if step.sweep != step.stage.sweeps[-1]:
            continue
        batch = subject.train_batch(5)
        values = batch.input.text.values.clone().requires_grad_(True)
        loss = total(model, replace(batch, input=with_values(batch.input, {"text": values})), step)
        if loss.requires_grad:
            (gradient,) = torch.autograd.grad(loss, values, allow_unused=True)
            largest = max(largest, 0.0 if gradient is None else float(gradient.abs().max()))
    require(largest > 0, "no loss has a gradient in the text: a fine-tuned encoder would not learn")
    return ""


@check("complete-view", "reads samples before erasing if it declares so, only then")
def complete_view(subject: Subject) -> str:
    """Check the same batch with another complete view of the same lengths."""
    batch = subject.train_batch(6)
    other = make_batch(6, spec=subject.spec, seed=77, fixed=True)
    values = {m: other[m].values * ~batch.complete[m].padding[..., None] for m in MODALITIES}
    less = torch.full_like(batch.integrity, 0.5)
    changed = replace(batch, complete=with_values(batch.complete, values), complete_integrity=less)
    terms = _changed_terms(subject, batch, changed)
    if subject.cls.info.complete_is_target and _gradient_of_complete_text(subject):
        raise Violation(
            "ModelInfo.complete_is_target is True, but a loss has a gradient in the text of the complete view, which a "
            "fine-tuned encoder would not get"
        )
    if subject.cls.info.uses_complete_view:
        require(bool(terms), "ModelInfo.uses_complete_view is True, but no loss depends on the complete view")
        return terms
    require(not terms, f"ModelInfo.uses_complete_view is False, but the complete view changes {terms}")
    return "not used"


@check("training-masks", "training reads masks if it declares so, and only then")
def training_masks(subject: Subject) -> str:
    """Check the same batch with every mask turned over; an ablation may leave out the part that reads them."""
    batch = subject.train_batch(6)
    turned = {m: ~flags & ~batch.input[m].padding for m, flags in batch.observed.items()}
    terms = _changed_terms(subject, batch, replace(batch, observed=turned, integrity=1 - batch.integrity))
    read = "TrainBatch.observed or TrainBatch.integrity"
    if subject.cls.info.uses_masks:
        told = bool(terms or subject.cls.info.variant_of)
        require(told, f"ModelInfo.uses_masks is True, but no loss depends on {read}")
        return terms
    require(not terms, f"ModelInfo.uses_masks is False, but {read} changes {terms}")
    return "not used"


def _changed_terms(subject: Subject, batch: TrainBatch, other: TrainBatch) -> str:
    """Name the loss terms that differ between two batches, early and late in training."""
    depends = []
    for epoch in (0, 3):
        for number in range(len(steps(subject.build(), epoch=epoch))):
            found = []
            for given in (batch, other):
                model = subject.practised().train()
                step = steps(model, epoch=epoch)[number]
                torch.manual_seed(4)
                found.append({k: v.detach() for k, v in model.training_loss(given, step).items()})
            depends += [k for k, v in found[0].items() if k not in found[1] or not torch.equal(v, found[1][k])]
    return ", ".join(dict.fromkeys(depends))


def _gradient_of_complete_text(subject: Subject) -> bool:
    model = subject.practised().train()
    for step in early_and_late(model):
        batch = subject.train_batch(6)
        values = batch.complete.text.values.clone().requires_grad_(True)
        loss = total(model, replace(batch, complete=with_values(batch.complete, {"text": values})), step)
        if loss.requires_grad and torch.autograd.grad(loss, values, allow_unused=True)[0] is not None:
            return True
    return False


@check("learning", "learns sixteen samples by heart")
def learning(subject: Subject) -> str:
    """Overfit without dropout, through all stages, at a few constant learning rates in turn; ends when learned."""
    if not any(True for _ in subject.build().parameters()):
        raise NotApplicable("the model has no parameters")
    batch = subject.train_batch(16, rate=0.0)
    floor = float((batch.label - batch.label.median()).abs().mean())
    deadline = time.perf_counter() + subject.seconds
    attempts: list[_Attempt] = []
    for rate in subject.rates:
        attempts.append(_learn(subject, batch, rate, LEARNED * floor, deadline))
        if attempts[-1].stopped or attempts[-1].error < LEARNED * floor:
            break
    best = min(attempts, key=lambda a: a.error)
    share = best.error / floor
    found = f"{share:.0%} of the best constant's error left after {best.epochs} epochs at rate {best.rate:g}"
    if attempts[-1].stopped:
        found = f"too slow to tell in {subject.seconds:.0f} s: {found}; allow more seconds, or check a smaller config"
    require(share < LEARNED, f"{found} (must be below {LEARNED:.0%})")
    return found


@dataclass(frozen=True)
class _Attempt:
    """Return the mean absolute error, the epochs and rate at which it was reached, and whether time ran out before."""

    error: float
    epochs: int
    rate: float
    stopped: bool


def _learn(subject: Subject, batch: TrainBatch, rate: float, goal: float, deadline: float) -> _Attempt:
    """Train one model on one batch until the goal, no more progress, or the deadline."""
    model = subject.quiet()
    done, best = 0, _Attempt(math.inf, 0, rate, False)
    *earlier, last = model.stages(EPOCHS)
    for stage in (*earlier, replace(last, epochs=LAST_STAGE)):
        trained = optimisers(model, stage, rate)
        rising = [LambdaLR(optimiser, lambda n: min(1.0, (n + 1) / WARMUP)) for optimiser in trained.values()]
        for epoch in range(stage.epochs):
            model.train()
            for (sweep, optimiser), schedule in zip(trained.items(), rising, strict=True):
                update(model, batch, Step(stage, epoch, epoch / stage.epochs, sweep), optimiser)
                schedule.step()
            done += 1
            late = time.perf_counter() > deadline
            if late or (stage.name == last.name and (epoch + 1) % 10 == 0):
                error = _error(model, batch)
                if error < 0.98 * best.error:
                    best = _Attempt(error, done, rate, False)
                if best.error < goal or (epoch >= PATIENCE and done - best.epochs >= PATIENCE):
                    return best
            if late:
                return replace(best, stopped=True)
    return best


def _error(model: SentimentModel, batch: TrainBatch) -> float:
    with torch.no_grad():
        error = float((model.eval()(batch.input).sentiment - batch.label).abs().mean())
    return error if math.isfinite(error) else math.inf
