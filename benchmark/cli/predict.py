"""`sentibench predict`: predict new samples with a trained run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmark.cli.options import OUT, Whole, load_plugins, plugin_option

if TYPE_CHECKING:
    import pandas as pd

    from benchmark.prediction import TrainedRun


@click.command()
@click.argument("run")
@click.argument("samples", type=click.Path(path_type=Path))
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    default=Path("-"),
    show_default=True,
    help="CSV file of the predictions; '-' is standard output.",
)
@click.option("--text", default="", help="Words spoken in a clip. Default: the text is missing.")
@click.option("--seed", type=Whole(min=0), help="Use only the run of STUDY:MODEL with this seed.")
@click.option("--dataset", help="Use only the runs of STUDY:MODEL on this data set (NAME or NAME/SPLIT).")
@OUT
@click.option("--device", default="cpu", show_default=True, help="Device: cpu, cuda or cuda:1.")
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON instead of CSV.")
def predict(
    run: str,
    samples: Path,
    output: Path,
    text: str,
    seed: int | None,
    dataset: str | None,
    out: Path,
    device: str,
    plugins: tuple[str, ...],
    as_json: bool,
) -> None:
    """Predict the sentiment of new SAMPLES with a trained RUN.

    RUN is a run's folder, its id or the first four or more digits of it, or STUDY:MODEL, whose seeds are averaged;
    column prediction_sd holds their standard deviation. (Leaderboards evaluate single runs; --seed chooses one.)

    SAMPLES is an npz archive or a CSV, as 'sentibench data import' reads them, without labels and with any modality
    missing: entirely, in some samples, or in places. Or it is a clip (mp4, mkv, wav, ...): features are extracted from
    it as they were for the run's data set by 'sentibench data extract', and a track that it does not have is missing.

    Predictions are on the scale of the labels and are not clipped.
    """
    from benchmark.cli.progress import counting
    from benchmark.files import csv_frame, replace_text
    from benchmark.prediction.predict import find_runs, open_run, read_samples
    from benchmark.prediction.predict import predict as predict_samples
    from protocols import InputError

    if not output.parent.is_dir():
        raise InputError(f"--output {output}: folder {output.parent} does not exist; create it first")
    load_plugins(plugins)
    folders = find_runs(run, out, seed=seed, dataset=dataset)
    runs = [open_run(folder, device) for folder in folders]
    given = read_samples(samples, runs[0], text)
    with counting("predict") as tell:
        table = predict_samples(runs, given, progress=tell)
    content = _json(table, runs) if as_json else csv_frame(table)
    for note in (*given.provenance.notes, *_notes(table, given.provenance.cleaning, runs[0])):
        click.echo(f"note: {note}", err=True)
    if str(output) == "-":
        click.echo(content, nl=False)
    else:
        replace_text(output, content)
        click.echo(f"{output}: {len(table)} samples ({_counts(table)}), predicted by {_title(runs)}", err=True)


def _counts(table: pd.DataFrame) -> str:
    """Count samples by the modalities they have, the most frequent first."""
    return ", ".join(f"{count} with {what}" for what, count in table["available"].value_counts().items())


def _title(runs: Sequence[TrainedRun]) -> str:
    first = runs[0].spec
    if len(runs) == 1:
        return first.title
    seeds = ", ".join(str(run.spec.seed) for run in runs)
    return f"{first.dataset}/{first.split} {first.model}, mean of seeds {seeds}"


def _notes(table: pd.DataFrame, cleaning: Mapping[str, Mapping[str, int]], run: TrainedRun) -> list[str]:
    """Return notes on replaced values, and on samples in which the model can read nothing."""
    notes = []
    for modality, counts in cleaning.items():
        if any(counts.values()):
            replaced = ", ".join(f"{count} {reason}" for reason, count in counts.items() if count)
            notes.append(f"{modality}: replaced by 0: {replaced}")
    read = run.model.info.modalities
    blind = int((~table["available"].map(lambda has: any(m in has.split("+") for m in read))).sum())
    if blind and read:
        notes.append(
            f"model '{run.spec.model}' reads {', '.join(read)}, and {blind} of {len(table)} samples have none of them: "
            "their predictions are guesses"
        )
    return notes


def _json(table: pd.DataFrame, runs: Sequence[TrainedRun]) -> str:
    content = {
        "runs": [{"id": run.spec.id, "title": run.spec.title, "folder": str(run.folder)} for run in runs],
        "samples": table.to_dict("records"),
    }
    return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
