"""`sentibench run`: run a study given by a file or by options."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from shlex import quote
from typing import Any

import click

from benchmark.cli.options import (
    OUT,
    OUT_DEFAULT,
    MakePool,
    NumberRange,
    Whole,
    checkpoint_option,
    executor_options,
    read_seeds,
    read_shard,
    split_list,
)


@click.command()
@click.argument("study", required=False)
@click.option(
    "--dataset",
    "datasets",
    multiple=True,
    help="Data set: mosi, mosi/official, mmmo/fold*, synthetic. Several: repeat.",
)
@click.option(
    "--test-dataset", help="Data set to test on, after training on --dataset; they must have the same features."
)
@click.option("--models", help="Comma-separated names, or all; see 'sentibench models list'.")
@click.option("--protocols", help="Comma-separated names; see 'sentibench protocols list'.")
@click.option(
    "--scenario", "scenarios", multiple=True, help="Text of a scenario, such as 'drop(rate=0.5)'. Several: repeat."
)
@click.option("--seeds", help="Number of seeds (5), or a list (0,3,7).")
@click.option("--regime", help="Training regime: uncertain, complete, or the text of a scenario.")
@click.option("--encoder", help="Text encoder: minilm, a Hugging Face name, or a folder.")
@click.option("--finetune", is_flag=True, help="Train the text encoder with the model.")
@click.option("--epochs", type=Whole(min=0), help="Maximum number of epochs, for every model.")
@click.option("--patience", type=Whole(min=1), help="Epochs without improvement before training ends.")
@click.option("--name", help="Name of the study: its tables and figures go to OUT/studies/NAME.")
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    help="Python file that registers models, mechanisms, protocols or data sets. Several: repeat.",
)
@click.option(
    "--optimism",
    is_flag=True,
    help="Also evaluate every epoch on the test set after training, to measure how much selecting epochs there would "
    "flatter a model. Results stay the same; runs made without it are trained again. Costs one more evaluation per "
    "epoch, and disk space for the weights of all epochs during a run: the demo (7 models, 3 seeds) takes about twice "
    "as long, needs up to 200 MB of disk per worker meanwhile, no more memory, and leaves 2 MB.",
)
@click.option(
    "--text-states",
    type=NumberRange(min=0),
    metavar="GB",
    help="Largest size of the states of frozen text encoders, which models share on disk during a run; beyond it, each "
    "model encodes texts again. Default: as much as the disk has room for.",
)
@OUT
@executor_options
@checkpoint_option
@click.option(
    "--shard",
    metavar="K/N",
    help="Do the K-th of N parts of the runs, such as one job of an array of jobs. 'sentibench merge' combines the "
    "folders of the parts, which may also write to one folder.",
)
@click.option(
    "--callback",
    "callbacks",
    multiple=True,
    help="Callback, by the name under which an installed distribution or a --plugin registers it. Several: repeat.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def run(
    study: str | None,
    datasets: tuple[str, ...],
    test_dataset: str | None,
    models: str | None,
    protocols: str | None,
    scenarios: tuple[str, ...],
    seeds: str | None,
    regime: str | None,
    encoder: str | None,
    finetune: bool,
    epochs: int | None,
    patience: int | None,
    name: str | None,
    plugins: tuple[str, ...],
    optimism: bool,
    text_states: float | None,
    out: Path,
    device: str,
    make_pool: MakePool,
    checkpoint_seconds: float,
    shard: str | None,
    callbacks: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> int:
    """Run STUDY (a YAML file, a name in OUT/studies, or demo) or the study that the options describe.

    Options replace fields of the file; models that the file names keep their settings there. Finished runs are reused:
    the same command continues after an interruption, and a longer list of seeds, models or protocols adds only the new
    runs.
    """
    from rich.console import Console

    from benchmark.cli.progress import StudyDisplay
    from benchmark.cli.report import show_results
    from benchmark.data.reference import Reference
    from benchmark.evaluation.scales import without_classes
    from benchmark.publishing.current import is_current, mark_current
    from benchmark.results.opening import open_results
    from benchmark.study.filing import SHIPPED, read_study, replaced, study_folder
    from benchmark.study.plan import prepare
    from benchmark.study.running import pending, records_of
    from benchmark.study.running import run as run_study
    from benchmark.words import listed, one_line
    from protocols import InputError

    fields: dict[str, Any] = {
        "datasets": list(datasets),
        "test_dataset": test_dataset,
        "models": split_list(models),
        "protocols": split_list(protocols) + list(scenarios),
        "seeds": read_seeds(seeds),
        "regime": regime,
        "name": name,
        "plugins": list(plugins),
        "optimism": optimism,
    }
    fields = {key: value for key, value in fields.items() if value}
    if encoder or finetune:
        given = (("name", encoder), ("mode", "finetune" if finetune else None))
        fields["encoder"] = {key: value for key, value in given if value}
    if epochs is not None or patience is not None:
        fields["optimisation"] = {k: v for k, v in (("epochs", epochs), ("patience", patience)) if v is not None}
    if text_states is not None:
        os.environ["SENTIBENCH_TEXT_STATES"] = str(text_states)  # which workers inherit
    pool = make_pool()
    shipped = study is not None and (SHIPPED / f"{study}.yaml").is_file()
    resolved = read_study(study, fields, None if shipped else out)
    console = Console(stderr=as_json)
    with console.status("reading data sets") if console.is_terminal else contextlib.nullcontext():
        plan = prepare(resolved)
        if shard is not None:
            plan = plan.shard(*read_shard(shard))
        known = records_of(plan, out)
        todo = pending(plan, out, known)
    finished = len(plan.runs) - len(todo)
    if not as_json:
        shape = f"{len(plan.runs)} runs x {len(plan.scenarios)} scenarios, {finished} finished, {len(todo)} to do"
        console.print(f"study [bold]{resolved.name}[/]: {shape}", highlight=False, soft_wrap=True)
        for data, bounds in {Reference.parse(r.dataset).name: r.label_range for r in plan.runs}.items():
            for line in without_classes(bounds):
                console.print(f"{data}: {line}", style="dim", highlight=False, soft_wrap=True)
    if gone := replaced(resolved, out):
        kept = study_folder(resolved, out) / "replaced.yaml"
        note = f"this replaces study '{resolved.name}', which had {listed(gone)}: its runs stay, its file is kept"
        console.print(f"{note} as {kept}; --name keeps both", highlight=False, markup=False, soft_wrap=True)
    if dry_run:
        listing = {plan.runs[i].spec.id: plan.runs[i].title for i in todo}
        if as_json:
            click.echo(json.dumps([{"id": run, "run": title} for run, title in listing.items()], indent=2))
        else:
            for run, title in listing.items():
                click.echo(f"  {run}  {title}")
        return 0
    with StudyDisplay(plan, todo, console) as display:
        outcome = run_study(
            plan, out, pool, display.event, device, display.record, checkpoint_seconds, callbacks=callbacks, known=known
        )
    if as_json:
        without_test = {"evaluations": {"__all__": {"mae"}}}  # `report` shows it
        click.echo(json.dumps([r.model_dump(mode="json", exclude=without_test) for r in outcome.records], indent=2))
    elif shard is not None:
        done = len(outcome.records) - len(outcome.failed)
        console.print(f"shard {shard}: {done} of {len(outcome.records)} runs done, in {out}", soft_wrap=True)
    elif not outcome.executed and is_current(plan, out):
        again = f"sentibench report {quote(plan.study.name)}" + (
            f" --out {quote(str(out))}" if out != OUT_DEFAULT else ""
        )
        console.print(f"{study_folder(plan.study, out)}: tables and figures are up to date; '{again}' prints them",
                      highlight=False, soft_wrap=True)  # fmt: skip
    elif len(outcome.failed) < len(outcome.records):
        mark_current(plan, out, show_results(open_results(plan, out), console))
    titles = {run.spec.id: run.title for run in plan.runs}
    for record in outcome.failed:
        click.echo(one_line(f"failed: {titles[record.spec.id]}: {record.error}"), err=True)
    if foreign := dict.fromkeys(record.spec.model for record in outcome.failed if record.spec.plugin_sha256):
        files = "".join(f" --plugin {quote(file)}" for file in resolved.plugins)
        click.echo(f"find the cause with: sentibench models check {' '.join(foreign)}{files}", err=True)
    if outcome.records and len(outcome.failed) == len(outcome.records):
        raise InputError(f"every run failed; the first: {outcome.failed[0].error}")
    return 1 if outcome.failed else 0
