"""Examination of a trained Senti-iFusion: other integrity scores, and comparison with the complete input.

>>> runs = [open_run(folder) for folder in find_runs("demo:senti-ifusion", Path("results/runs"))]
>>> found = examine(runs, ["inter-drop", "random_positions(rate=0.5)"])
>>> permutation_data(found.answers, found.points)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pandas as pd

from benchmark.data.batches import MaskedPart
from benchmark.diagnostics.asking import FloatArray, ScenarioAnswers, ask, complete_view, joined
from benchmark.diagnostics.integrity_points import WHOLE
from benchmark.diagnostics.permutation_data import CONTROL, OWN, SHUFFLED, TRUE, Answers
from benchmark.diagnostics.positions import Counts
from benchmark.diagnostics.recovery_data import CONSTANT, FEATURE, SEMANTIC
from benchmark.files import safe_name
from benchmark.prediction import TrainedRun
from benchmark.results.from_runs import protocol_table
from benchmark.results.statements import DOMINANT, ESTIMATED, OBSERVED
from benchmark.training.threads import on_threads
from protocols import MODALITIES, InputError, Protocol, Scenario, get_protocol
from protocols.counter import hash_key
from senti_ifusion.framework import Framework

#: Number of times that the integrity scores are shuffled.
PERMUTATIONS = 20
#: Function of (examined, total) numbers of (run, scenario) pairs.
Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Examination:
    """Answers of a trained model under the scenarios of some protocols.

    Attributes:
        model: Name of the model.
        dataset: Name of the data set.
        split: Named split, or the pattern of a pooled family, whose samples are called `fold0/ID` here.
        regime: Training regime.
        seeds: Seeds of the runs.
        points: As in `Panel.points`.
        answers: Predictions with its own integrity scores, shuffled ones and the true ones, and with shuffled text.
            None for a model that does not weight by integrity.
        statements: As in `Diagnostics.table`: estimated and true integrity, and the dominant modality; and that of the
            samples before anything was erased (`whole_text`, ...).
        positions: By seed and scenario: counts of the scores of single positions, see `diagnostics.positions`; empty
            for a model that estimates no integrity.
        recovery: One row per (`depth`, `seed`, `scenario`, `sample_id`, `modality`) with a loss: `video_id`,
            `lost` (share of what the complete sample has, above 0), `left` (distance of the incomplete features H to
            H*, those of the complete input), `completed` (of the completed ones C). Depth `feature` is
            `senti_ifusion.losses.distance`, and so is `constant`, for the mean of H* in place of C; `semantic` is
            the absolute difference between outputs of the sentiment head of `SemanticValidation`, in units of
            the label, and has no rows for a model without that head.
    """

    model: str
    dataset: str
    split: str
    regime: str
    seeds: tuple[int, ...]
    points: pd.DataFrame
    answers: Answers | None
    statements: pd.DataFrame
    recovery: pd.DataFrame
    positions: Mapping[tuple[int, str], Counts] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        """Data set, split and model, as the name of a folder."""
        return safe_name(f"{self.dataset}/{self.split}-{self.model}")


@on_threads()
def examine(
    runs: Sequence[TrainedRun],
    protocols: Sequence[str | Protocol],
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    name: str | None = None,
    progress: Progress | None = None,
) -> Examination:
    """Examine a trained Senti-iFusion on its test part.

    Under every scenario the model predicts with its own integrity scores, with those scores shuffled among the test
    samples (the three of a sample stay together), and with the true ones. Only the scores are exchanged
    (`Framework.predict`); weights and inputs stay as they are. As the positive control, it predicts with its own scores
    and the encoded text of other samples, in the orders in which the scores were shuffled. The completion is compared
    with the features of the complete input, H*, which the same encoders give, at the two depths at which training
    validates it.

    Args:
        runs: Opened runs of one model: its seeds or, for a family of folds, every fold of every seed.
        protocols: Names, protocols, or texts of scenarios.
        permutations: Number of times that the scores are shuffled.
        seed: Seed of the shuffling, which depends on it and on the run's seed, split and scenario only.
        name: Name of the model; default: its registered name.
        progress: Function called after every scenario of a run.

    Raises:
        InputError: for a model other than Senti-iFusion, runs that are not seeds of one model, an unknown protocol, or
            predictions that are not finite.
    """
    if permutations < 1:
        raise InputError(f"permutations is {permutations}, expected at least 1 (20 for a published table)")
    groups = _by_seed(runs)
    plans = [get_protocol(p) if isinstance(p, str) else p for p in protocols]
    if not plans:
        raise InputError("no protocol was given; name at least one, such as uncertain")
    scenarios = list(dict.fromkeys(s for plan in plans for s in plan.scenarios))
    first = next(iter(groups.values()))
    found: dict[tuple[int, str], list[ScenarioAnswers]] = defaultdict(list)
    for i in range(len(first)):  # fold by fold, so that all seeds of one fold get the same batches
        members = {number: group[i] for number, group in groups.items()}
        complete = _shown(members, None)
        targets = {number: complete_view(run, complete[number]) for number, run in members.items()}
        for scenario in scenarios:
            parts = _shown(members, scenario)
            for number, run in members.items():
                rng = _generator(seed, f"{number} {run.spec.split} {scenario}")
                part, target, whole = parts[number], targets[number], complete[number]
                found[number, str(scenario)].append(
                    ask(run, part, whole.integrity, target, permutations, rng, complete=whole)
                )
                if progress is not None:
                    progress(sum(map(len, found.values())), len(runs) * len(scenarios))
    spec, splits = first[0].spec, [run.spec.split for run in first]
    tests = [run.dataset.part("test") for run in first]
    samples = pd.DataFrame(
        {
            "sample_id": [
                sample if len(tests) == 1 else f"{split}/{sample}"  # a sample may be in the test part of two folds
                for split, part in zip(splits, tests, strict=True)
                for sample in part.layout.sample_ids
            ],
            "video_id": np.concatenate([np.asarray(part.video_ids, dtype=np.str_) for part in tests]),
            "label": np.concatenate([part.label.cpu().numpy().astype(np.float64) for part in tests]),
        }
    )
    asked = {key: joined(own) for key, own in found.items()}
    return Examination(
        model=name or spec.model,
        dataset=spec.dataset,
        split=splits[0] if len(splits) == 1 else _pattern(splits),
        regime=spec.regime,
        seeds=tuple(groups),
        points=protocol_table(plans),
        answers=_answers(asked, samples, first[0].dataset.label_range),
        statements=_statements(asked, samples, name or spec.model),
        positions={key: one.positions for key, one in asked.items() if one.positions is not None},
        recovery=_recovery(asked, samples),
    )


def _by_seed(runs: Sequence[TrainedRun]) -> dict[int, list[TrainedRun]]:
    """Group the runs by seed, the splits of each in one order; raises InputError unless they are one model's."""
    if not runs:
        raise InputError("no run was given; name at least one")
    first = runs[0].spec
    groups: dict[int, list[TrainedRun]] = defaultdict(list)
    for run in runs:
        if not isinstance(run.model, Framework):
            raise InputError(
                f"{run.folder}: model '{run.spec.model}' is not a Senti-iFusion, whose integrity estimates and "
                "completion are examined here; name a run of senti-ifusion or of a variant"
            )
        if run.spec.model_copy(update={"seed": first.seed, "split": first.split}) != first:
            raise InputError(
                f"{run.folder}: is not {first.title} with another seed or fold (model, settings or data differ); "
                "examine it separately"
            )
        groups[run.spec.seed].append(run)
    for members in groups.values():
        members.sort(key=lambda run: run.spec.split)
    wanted = sorted({run.spec.split for run in runs})
    for number, members in groups.items():
        splits = [run.spec.split for run in members]
        if splits != wanted:
            raise InputError(
                f"seed {number} of {first.model} has splits {', '.join(splits)}, expected {', '.join(wanted)}, each "
                "once; give every fold of every seed"
            )
    return dict(groups)


def _shown(members: Mapping[int, TrainedRun], scenario: Scenario | None) -> dict[int, MaskedPart]:
    """Return, by seed, the test part under a scenario (None: as it is); made once for seeds that share text states."""
    first = next(iter(members.values()))
    masks = None if scenario is None else scenario.masks(first.dataset, "test")  # replicate 0, as in every evaluation
    shared = first.masked_part(masks)
    return {number: shared if run.text is first.text else run.masked_part(masks) for number, run in members.items()}


def _pattern(splits: Sequence[str]) -> str:
    """Return `fold*` for `fold0`, `fold1` ..."""
    same = 0
    while len({split[: same + 1] for split in splits}) == 1:
        same += 1
    return f"{splits[0][:same]}*"


def _generator(seed: int, purpose: str) -> np.random.Generator:
    return np.random.default_rng([seed, int(hash_key(purpose))])


def _answers(
    asked: Mapping[tuple[int, str], ScenarioAnswers], samples: pd.DataFrame, label_range: tuple[float, float]
) -> Answers | None:
    cells: list[tuple[str, int, int, str]] = []
    predictions: list[FloatArray] = []
    changes = []
    for (seed, scenario), one in asked.items():
        if one.shuffled is None or one.true is None or one.control is None:
            return None
        cells += [(OWN, 0, seed, scenario), (TRUE, 0, seed, scenario)]
        cells += [(given, k, seed, scenario) for given in (SHUFFLED, CONTROL) for k in range(len(one.shuffled))]
        predictions += [one.own, one.true, *one.shuffled, *one.control]
        changes.append((seed, scenario, one.change))
    return Answers(
        sample_ids=samples["sample_id"].to_numpy(dtype=object),
        video_ids=samples["video_id"].to_numpy(dtype=object),
        label=samples["label"].to_numpy(dtype=np.float64),
        label_range=label_range,
        cells=pd.DataFrame(cells, columns=["given", "permutation", "seed", "scenario"]),
        predictions=np.stack(predictions),
        changes=pd.DataFrame(changes, columns=["seed", "scenario", "change"]),
    )


def _statements(asked: Mapping[tuple[int, str], ScenarioAnswers], samples: pd.DataFrame, model: str) -> pd.DataFrame:
    tables = []
    for (seed, scenario), one in asked.items():
        table = samples[["sample_id", "video_id"]].assign(model=model, seed=seed, scenario=scenario)
        table[list(ESTIMATED)] = np.nan if one.estimated is None else one.estimated
        table[list(OBSERVED)] = one.observed
        table[list(WHOLE)] = one.whole
        table[DOMINANT] = np.nan if one.dominant is None else one.dominant
        tables.append(table)
    columns = ["model", "seed", "scenario", "sample_id", "video_id", *ESTIMATED, *OBSERVED, *WHOLE, DOMINANT]
    return pd.concat(tables, ignore_index=True)[columns]


def _recovery(asked: Mapping[tuple[int, str], ScenarioAnswers], samples: pd.DataFrame) -> pd.DataFrame:
    tables = []
    for (seed, scenario), one in asked.items():
        distances = {FEATURE: (one.left, one.completed), CONSTANT: (one.left, one.constant)}
        if one.left_meaning is not None and one.completed_meaning is not None:
            distances[SEMANTIC] = one.left_meaning, one.completed_meaning
        for depth, (left, completed) in distances.items():
            for column, modality in enumerate(MODALITIES):
                lost = one.lost[:, column]
                table = samples[["sample_id", "video_id"]].assign(
                    depth=depth,
                    seed=seed,
                    scenario=scenario,
                    modality=modality,
                    lost=lost,
                    left=left[:, column],
                    completed=completed[:, column],
                )
                tables.append(table[lost > 0])
    columns = ["depth", "seed", "scenario", "sample_id", "video_id", "modality", "lost", "left", "completed"]
    return pd.concat(tables, ignore_index=True)[columns]
