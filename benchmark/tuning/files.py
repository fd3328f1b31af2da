"""Files of a search for people and studies: `trials.csv` and `best.yaml`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from benchmark.files import csv_cell, replace_file, replace_text
from benchmark.study.settings_file import TunedConfig, TuningNote, tuned_text
from benchmark.tuning.plan import TuningPlan
from benchmark.tuning.space import differing, space_sha256
from benchmark.tuning.trials import Trial, gain, ranked


def trial_row(plan: TuningPlan, trial: Trial) -> dict[str, Any]:
    """Return a trial as plain values for `trials.csv` and `--json`; None for values that do not exist."""
    return {
        "trial": trial.number,
        "state": trial.state or "open",
        **{field: trial.fields.get(field) for field in plan.space},
        "valid_mae": trial.valid_mae,
        **{f"valid_mae {dataset} seed {seed}": trial.by_training.get((dataset, seed)) for dataset, seed in trial.keys},
        "epochs": trial.epochs,
        "seconds": round(trial.seconds, 3),
        "reason": trial.reason,
    }


def write_results(plan: TuningPlan, folder: Path, trials: Sequence[Trial]) -> None:
    """Write `trials.csv`, and `best.yaml` once a trial is done; each replaces its predecessor in one step."""
    rows = [trial_row(plan, trial) for trial in trials]

    def table(path: Path) -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows({name: csv_cell(value) for name, value in row.items()} for row in rows)

    replace_file(folder / "trials.csv", table)
    best = next(iter(ranked(trials)), None)
    if best is None:
        (folder / "best.yaml").unlink(missing_ok=True)
    else:
        text = _best_text(plan, folder, trials, best)
        replace_text(folder / "best.yaml", text)


def usage(plan: TuningPlan, folder: Path) -> str:
    """Return the command that trains and evaluates a study with the found settings."""
    parts = ["sentibench run", *(f"--dataset {quote(dataset)}" for dataset in plan.tuning.datasets)]
    parts += [f"--plugin {quote(plugin)}" for plugin in plan.tuning.plugins]
    regime, encoder = plan.specs[0].regime, plan.encoder
    if regime != "uncertain":
        parts.append(f"--regime {quote(regime)}")
    if encoder is not None and encoder.name != "minilm":
        parts.append(f"--encoder {quote(encoder.name)}")
    if encoder is not None and encoder.mode == "finetune":
        parts.append("--finetune")
    model = plan.tuning.model
    return " ".join([*parts, "--models", quote(f"{model},{model}={folder / 'best.yaml'}")])


def _best_text(plan: TuningPlan, folder: Path, trials: Sequence[Trial], best: Trial) -> str:
    first = trials[0]
    note = TuningNote(
        datasets=plan.tuned_on,
        regime=plan.specs[0].regime,
        encoder=plan.encoder.name if plan.encoder else None,
        budget=sum(t.ended for t in trials),
        trial=best.number,
        folds=plan.tuning.folds,
        seeds=plan.seeds,
        valid_mae=best.valid_mae or 0.0,
        first_valid_mae=first.valid_mae,
        space_sha256=space_sha256(plan.space),
        search=plan.id,
        begun_at=plan.tuning.begun_at,
    )
    config = differing(plan.tuning.model, plan.config(best.fields))
    better = gain(best, first)
    than = f", {better[0]:.4f} below the initial settings" if better and best.number else ""
    comments = [
        f"Found by 'sentibench tune {plan.tuning.model}' on validation data only: trial {best.number} of "
        f"{note.budget}, mean validation MAE {best.valid_mae:.4f} over {plan.shape}{than}.",
        f"To use it: {usage(plan, folder)}",
        "Epochs and patience of the search, if they are not the model's own, are part of the settings:",
        "learning rates depend on the length of training.",
    ]
    return tuned_text(TunedConfig(model=plan.tuning.model, config=config, tuning=note), comments)
