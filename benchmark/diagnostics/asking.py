"""Predictions of a trained Senti-iFusion under one scenario, also with other scores or text; distances of features."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from baselines import Batch
from benchmark.data.batches import MaskedPart, batches_by_steps
from benchmark.diagnostics.positions import Counts, count, no_counts
from benchmark.prediction import TrainedRun
from protocols import MODALITIES, InputError, Modality
from senti_ifusion.framework import Framework
from senti_ifusion.losses import distance

FloatArray: TypeAlias = npt.NDArray[np.float64]
_TEXT = MODALITIES.index("text")


@dataclass(frozen=True, eq=False)
class ScenarioAnswers:
    """Answers of a run under a scenario, for the n test samples in their order.

    Attributes:
        own: `(n,)` predictions with the model's own scores.
        observed: `(n, 3)` true integrity.
        whole: `(n, 3)` integrity before anything is erased.
        lost: `(n, 3)`: share of the complete sample that the scenario erased; 0 for an absent modality.
        left: `(n, 3)`: distance of H to H* at feature level.
        completed: `(n, 3)`: distance of C to H* at feature level.
        constant: `(n, 3)`: distance to H* of its mean over the samples that have the modality.
        left_meaning: `(n, 3)`: distance between the outputs of the shared sentiment head for H and for H*, in units
            of the label; None if the model has no such head.
        completed_meaning: `(n, 3)`: the same of C; None in the same case.
        change: Change of a score by shuffling: mean absolute difference.
        estimated: `(n, 3)` estimated integrity; None if the model estimates none.
        dominant: `(n,)` dominant modality; None if the model has none.
        shuffled: `(permutations, n)` predictions with shuffled scores; None if the model does not weight by integrity.
        true: `(n,)` predictions with the true scores; None in the same case.
        control: `(permutations, n)` predictions with the own scores and the encoded text of other samples; None in the
            same case.
        positions: Counts of the scores of single positions, see `positions`; None if the model estimates none.
    """

    own: FloatArray
    observed: FloatArray
    whole: FloatArray
    lost: FloatArray
    left: FloatArray
    completed: FloatArray
    constant: FloatArray
    left_meaning: FloatArray | None
    completed_meaning: FloatArray | None
    change: float
    estimated: FloatArray | None
    dominant: FloatArray | None
    shuffled: FloatArray | None
    true: FloatArray | None
    control: FloatArray | None
    positions: Counts | None = None


@torch.inference_mode()
def complete_view(run: TrainedRun, part: MaskedPart) -> Tensor:
    """Return H*, `(n, 3, K, d)` on the run's device: the tokens of a part before anything is erased."""
    model = _model(run)
    tokens: list[Tensor] = []
    order: list[Tensor] = []
    for rows in batches_by_steps(part.inputs, part.device):
        tokens.append(model.represent(part.batch(rows)).tokens)
        order.append(rows)
    return torch.cat(tokens)[torch.argsort(torch.cat(order)).to(run.device)]


@torch.inference_mode()
def ask(
    run: TrainedRun,
    part: MaskedPart,
    whole: Tensor,
    target: Tensor,
    permutations: int,
    rng: np.random.Generator,
    complete: MaskedPart | None = None,
) -> ScenarioAnswers:
    """Compute the answers of a run on its test part under a scenario.

    Args:
        run: Run of a Senti-iFusion.
        part: The test part under the masks of the scenario.
        whole: `(n, 3)`: integrity of the samples before anything is erased.
        target: Features from `complete_view`.
        permutations: Number of times that scores, and in the same orders encoded texts, are shuffled among the samples.
        rng: Generator of the permutations.
        complete: The test part before anything is erased, where scores of single positions are to be counted.

    Raises:
        InputError: if an answer is not finite.
    """
    model = _model(run)
    semantic = model.semantic if model.config.semantic_validation else None
    n, positions = len(part), no_counts()
    own, left, completed = torch.zeros(n), torch.zeros(n, 3), torch.zeros(n, 3)
    left_meaning, completed_meaning = torch.zeros(n, 3), torch.zeros(n, 3)
    text: list[Tensor] = []
    used, estimated, dominant = torch.zeros(n, 3), torch.zeros(n, 3), torch.zeros(n)
    estimates = chooses = True
    batches = list(batches_by_steps(part.inputs, part.device))
    for rows in batches:
        batch = part.batch(rows)
        prediction, view = model.predict(batch), model.represent(batch)
        wanted = target[rows.to(run.device)]
        own[rows] = prediction.sentiment.float().cpu() + model.spec.label_centre
        left[rows] = distance(view.tokens, wanted).float().cpu()
        completed[rows] = distance(view.completed, wanted).float().cpu()
        if semantic is not None:
            meant = semantic.score(wanted)
            left_meaning[rows] = (semantic.score(view.tokens) - meant).abs().float().cpu()
            completed_meaning[rows] = (semantic.score(view.completed) - meant).abs().float().cpu()
        used[rows] = view.integrity.float().cpu()
        text.append(view.tokens[:, _TEXT])
        if estimates := prediction.integrity is not None:
            estimated[rows] = prediction.integrity.float().cpu()
        if view.estimate is not None and complete is not None:
            seen, recorded = part.observed_positions(rows), _recorded(complete, rows)
            for i, m in enumerate(MODALITIES):
                count(positions, i, view.estimate.logits[m], seen[m], recorded[m])
        if chooses := prediction.dominant is not None:
            dominant[rows] = prediction.dominant.float().cpu()
    observed = part.integrity.cpu()
    there = (whole > 0).to(target.device, target.dtype)[..., None, None]
    mean = (there * target).sum(dim=0) / there.sum(dim=0).clamp(min=1.0)
    shuffled = true = control = None
    change = 0.0
    if model.config.use_integrity:
        orders = torch.from_numpy(np.stack([rng.permutation(n) for _ in range(permutations)]))
        change = float((used[orders] - used).abs().mean())
        exchanged = _with_scores(model, part, batches, [*used[orders], observed])
        shuffled, true = exchanged[:-1], exchanged[-1]
        encoded = torch.cat(text)[torch.argsort(torch.cat(batches)).to(part.device)]
        control = _with_scores(model, part, batches, [used] * permutations, (encoded, orders))
    whole = whole.cpu()
    lost = torch.where(whole > 0, 1 - observed / whole.clamp(min=1e-9), 0.0)
    result = ScenarioAnswers(
        own=_array(own),
        observed=_array(observed),
        whole=_array(whole),
        lost=_array(lost.clamp(min=0.0)),
        left=_array(left),
        completed=_array(completed),
        constant=_array(distance(mean, target).float().cpu()),
        left_meaning=None if semantic is None else _array(left_meaning),
        completed_meaning=None if semantic is None else _array(completed_meaning),
        change=change,
        estimated=_array(estimated) if estimates else None,
        dominant=_array(dominant) if chooses else None,
        shuffled=shuffled,
        true=true,
        control=control,
        positions=positions if estimates and complete is not None else None,
    )
    distances = (result.left, result.completed, result.constant, result.left_meaning, result.completed_meaning)
    for values in (result.own, result.shuffled, result.true, result.control, *distances):
        if values is not None and not np.isfinite(values).all():
            raise InputError(f"{run.folder}: an answer is not finite; its weights may be damaged: train it again")
    return result


def joined(asked: Sequence[ScenarioAnswers]) -> ScenarioAnswers:
    """Join the answers of the folds of a family."""
    if len(asked) == 1:
        return asked[0]
    sizes = [len(one.own) for one in asked]
    merged: dict[str, object] = {}
    for field in fields(ScenarioAnswers):
        values = [getattr(one, field.name) for one in asked]
        if field.name == "change":
            merged[field.name] = float(np.average(values, weights=sizes))
        elif any(value is None for value in values):
            merged[field.name] = None
        elif field.name == "positions":
            merged[field.name] = np.sum(values, axis=0)
        else:
            merged[field.name] = np.concatenate(values, axis=1 if field.name in ("shuffled", "control") else 0)
    return ScenarioAnswers(**merged)  # type: ignore[arg-type]


def _recorded(complete: MaskedPart, rows: Tensor) -> Mapping[Modality, Tensor]:
    """By modality `(B, T)`: recorded positions; the frame of the text, which is always there, is left out."""
    recorded = dict(complete.observed_positions(rows))
    if complete.inputs.token_ids is not None:
        text, last = recorded["text"].clone(), torch.from_numpy(complete.inputs.lengths("text"))[rows.cpu()] + 1
        text[:, 0] = False
        text[torch.arange(len(rows)), last.to(text.device)] = False
        recorded["text"] = text
    return recorded


def _with_scores(
    model: Framework,
    part: MaskedPart,
    batches: Sequence[Tensor],
    scores: Sequence[Tensor],
    text: tuple[Tensor, Tensor] | None = None,
) -> FloatArray:
    """Predict with integrity `(n, 3)` from outside as weights; `(len(scores), n)`.

    `text` are the encoded texts of the samples, `(n, K, d)`, and by score the number of the one that each sample
    gets, `(len(scores), n)`.
    """
    result = torch.zeros(len(scores), len(part))
    with _encoding_once(model):
        for rows in batches:
            batch = part.batch(rows)
            for i, given in enumerate(scores):
                other = None if text is None else text[0][text[1][i][rows].to(part.device)]
                with nullcontext() if other is None else _reading(model, other):
                    result[i, rows] = model.predict(batch, given[rows].to(part.device)).sentiment.float().cpu()
    result += model.spec.label_centre
    return _array(result)


@contextmanager
def _encoding_once(model: Framework) -> Iterator[None]:
    """Context in which a batch is encoded once, however often it is predicted: half of the work.

    Integrity from outside replaces the weights only; it does not enter encoders and estimator.
    """
    modules = [module for module in (model.encoders, model.estimator) if module is not None]
    for module in modules:
        module.forward = _remembering(module.forward)
    try:
        yield
    finally:
        for module in modules:
            del module.forward


@contextmanager
def _reading(model: Framework, text: Tensor) -> Iterator[None]:
    """Context in which the encoders give `text` `(B, K, d)` as the tokens of the text."""

    def exchange(_: object, __: object, tokens: Tensor) -> Tensor:
        return tokens.index_copy(1, torch.tensor([_TEXT], device=tokens.device), text[:, None])

    hook = model.encoders.register_forward_hook(exchange)
    try:
        yield
    finally:
        hook.remove()


def _remembering(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Return the same function, which keeps its result for the last batch."""
    known: list[Any] = [None, None]

    def answer(batch: Batch, *others: Any) -> Any:
        if known[0] is not batch:
            known[:] = batch, forward(batch, *others)
        return known[1]

    return answer


def _model(run: TrainedRun) -> Framework:
    if not isinstance(run.model, Framework):
        raise InputError(f"{run.folder}: model '{run.spec.model}' is not a Senti-iFusion; name a run of one")
    return run.model.eval()


def _array(values: Tensor) -> FloatArray:
    return values.double().numpy()
