"""Checks of a model's state: between calls, in files, in the process, and under a seed."""

from __future__ import annotations

import torch
from safetensors.torch import load, save
from torch import Tensor

from baselines import SentimentModel, TrainBatch
from benchmark.authoring.conformance.batches import copied, on_device
from benchmark.authoring.conformance.check import NotApplicable, check, require
from benchmark.authoring.conformance.isolation import changed, global_state
from benchmark.authoring.conformance.subject import Subject, early_and_late, practise, steps, total
from protocols import MODALITIES


@check("repeatable", "predicting uses no random numbers")
def repeatable(subject: Subject) -> str:
    """Check predictions after training, in eval mode."""
    model, batch = subject.practised().train().eval(), subject.batch(4)
    with torch.no_grad():
        torch.manual_seed(1)
        first = model(batch).sentiment
        torch.manual_seed(2)
        state = torch.get_rng_state()
        second = model(batch).sentiment
    require(torch.equal(torch.get_rng_state(), state), "predicting draws from torch's generator")
    require(torch.equal(first, second), f"two predictions of one batch differ by up to {_gap(first, second):.2g}")
    return ""


@check("stateless", "a prediction does not depend on those before it")
def stateless(subject: Subject) -> str:
    """Check one batch before and after others; the saved state is untouched."""
    model, batch = subject.practised(), subject.batch(4)
    before = _saved(model)
    with torch.no_grad():
        first = model(batch).sentiment
        for seed in (1, 2):
            model(subject.batch(5, seed=seed))
        second = model(batch).sentiment
    require(torch.equal(first, second), f"after other batches predictions differ by up to {_gap(first, second):.2g}")
    touched = [k for k, v in _saved(model).items() if k not in before or not torch.equal(v, before[k])]
    require(not touched, f"predicting changes {', '.join(touched[:3])}")
    return ""


@check("seed", "weights, losses and updates are functions of torch's seed")
def seed(subject: Subject) -> str:
    """Build twice under one seed; and check that the generator is not set to a fixed state."""
    runs: list[tuple[dict[str, Tensor], Tensor, Tensor]] = []
    for _ in range(2):
        model = subject.build(seed=5)
        weights = _saved(model)
        torch.manual_seed(3)
        losses = _losses(model, subject.train_batch(5))
        practise(model, subject.train_batch(5))
        with torch.no_grad():
            runs.append((weights, losses, model.eval()(subject.batch(4)).sentiment))
    (weights, losses, predicted), (other, other_losses, other_predicted) = runs
    differ = [k for k in weights if not torch.equal(weights[k], other[k])]
    require(not differ, f"built twice under one seed, {', '.join(differ[:3])} differ")
    require(torch.equal(losses, other_losses), f"under one seed losses differ by {_gap(losses, other_losses):.2g}")
    require(
        torch.equal(predicted, other_predicted),
        f"after the same updates under one seed predictions differ by {_gap(predicted, other_predicted):.2g}",
    )
    for what, act in {"the constructor": None, "training_loss": subject.build().train()}.items():
        ends = []
        for start in (1, 2):
            if act is None:
                subject.untouched(seed=start)
            else:
                torch.manual_seed(start)
                _losses(act, subject.train_batch(5))
            ends.append(torch.get_rng_state())
        require(not torch.equal(*ends), f"{what} sets torch's seed: every seed of a study would give the same run")
    pairs = list(zip(subject.untouched(1).parameters(), subject.untouched(2).parameters(), strict=True))
    equal = bool(pairs) and all(torch.equal(one, two) for one, two in pairs)
    return "all seeds start from the same weights: the spread over seeds does not include them" if equal else ""


@check("process", "global generators and torch's settings are left alone")
def process(subject: Subject) -> str:
    """Check building, training and predicting, each separately."""
    before = global_state()
    model = subject.build().train()
    _untouched(before, "building")
    for step in early_and_late(model):
        model.training_loss(subject.train_batch(5), step)
    _untouched(before, "training_loss")
    with torch.no_grad():
        inside = global_state()
        model.eval()(subject.batch(4))
        _untouched(inside, "predicting")
    return ""


@check("saving", "a new model that loads the saved tensors predicts the same")
def saving(subject: Subject) -> str:
    """Load through safetensors, into a model of another seed without any labels."""
    model, batch = subject.practised(), subject.batch(4)
    state = model.state_dict()
    odd = [k for k, v in state.items() if not isinstance(v, Tensor)]
    require(not odd, f"state_dict holds {', '.join(odd[:3])}, which is not a tensor and cannot be saved")
    stored = save({k: v.detach().cpu().contiguous().clone() for k, v in state.items()})
    other = subject.untouched(seed=9)
    other.load_state_dict(load(stored))
    with torch.no_grad():
        expected, found = model(batch).sentiment, other.eval()(batch).sentiment
    require(torch.equal(found, expected), f"loaded predictions differ by up to {_gap(found, expected):.2g}")
    return f"{len(stored) / 2**20:.2f} MiB"


@check("labels", "labels and masks reach predictions through saved state alone")
def labels(subject: Subject) -> str:
    """Show labels, masks and complete views without an update: a model of the same tensors predicts the same."""
    batch = subject.train_batch(5, seed=3)
    model = subject.practised().train()
    for step in early_and_late(model):
        model.training_loss(batch, step)
    other = subject.untouched(seed=9)
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        told, untold = model.eval()(batch.input).sentiment, other.eval()(batch.input).sentiment
    require(
        torch.equal(told, untold),
        f"after training_loss, predictions of its batch differ by up to {_gap(told, untold):.2g} from those of a "
        "model with the same state: something is remembered outside it",
    )
    return ""


@check("mode", "every part is left in the mode, train or eval, it was in")
def mode(subject: Subject) -> str:
    """Check that a part put in eval mode for a target goes back to training."""
    model = subject.build().train()
    for step in steps(model):
        model.training_loss(subject.train_batch(4), step)
    left = [key or "the model" for key, part in model.named_modules() if not part.training]
    require(not left, f"after training_loss, {', '.join(left[:3])} is in eval mode")
    with torch.no_grad():
        model.eval()(subject.batch(4))
    left = [key or "the model" for key, part in model.named_modules() if part.training]
    require(not left, f"after predicting, {', '.join(left[:3])} is in train mode")
    return ""


@check("inputs", "batches are not written to")
def inputs(subject: Subject) -> str:
    """Check the samples and everything else in a training batch."""
    model, batch = subject.build(), subject.train_batch(5)
    before = _contents(batch)
    with torch.no_grad():
        model(batch.input)
    model.train()
    for step in early_and_late(model):
        model.training_loss(batch, step)
    written = [k for k, v in _contents(batch).items() if not torch.equal(v, before[k])]
    require(not written, f"{', '.join(written)} of the batch changed")
    return ""


@check("inference", "predicts the same in inference_mode, and trains after it")
def inference(subject: Subject) -> str:
    """Check for tables made in inference mode and kept, which would break the next update."""
    batch = subject.train_batch(4)
    with torch.no_grad():
        expected = subject.practised()(batch.input).sentiment
    model = subject.practised()
    with torch.inference_mode():
        found = model(batch.input).sentiment.clone()
    require(torch.equal(found, expected), f"predictions differ by up to {_gap(found, expected):.2g}")
    practise(model, batch, updates=1)
    return ""


@check("device", "predicts the same on an accelerator")
def device(subject: Subject) -> str:
    """Check on CUDA, if available."""
    if not torch.cuda.is_available():
        raise NotApplicable("no CUDA device is available")
    cuda = torch.device("cuda")
    model, batch = subject.practised(), subject.train_batch(5)
    with torch.no_grad():
        expected = model(batch.input).sentiment
        found = model.to(cuda)(batch.input.to(cuda)).sentiment
    require(found.device.type == "cuda", f"predictions are on {found.device}")
    difference = float((found.cpu() - expected).abs().max())
    require(difference < 1e-2, f"predictions differ from the processor's by up to {difference:.2g}")
    practise(model, on_device(batch, cuda), updates=1)
    return f"largest difference {difference:.1g}"


def _saved(model: SentimentModel) -> dict[str, Tensor]:
    """Copy the tensors that are saved."""
    return {k: v.clone() for k, v in model.state_dict().items() if isinstance(v, Tensor)}


def _losses(model: SentimentModel, batch: TrainBatch) -> Tensor:
    model.train()
    return torch.stack([total(model, batch, step).detach() for step in steps(model)])


def _untouched(before: dict[str, object], what: str) -> None:
    found = changed(before, global_state())
    require(not found, f"{what} changes {', '.join(found)}")


def _contents(batch: TrainBatch) -> dict[str, Tensor]:
    own = {k: getattr(batch, k).clone() for k in ("integrity", "complete_integrity", "label", "index")}
    own |= {f"observed[{m}]": batch.observed[m].clone() for m in MODALITIES}
    for view in ("input", "complete"):
        samples = copied(getattr(batch, view))
        own |= {f"{view}.{m}.values": samples[m].values for m in MODALITIES}
        own |= {f"{view}.{m}.length": samples[m].length for m in MODALITIES}
    return own


def _gap(first: Tensor, second: Tensor) -> float:
    return float((first - second).abs().max()) if first.shape == second.shape else float("nan")
