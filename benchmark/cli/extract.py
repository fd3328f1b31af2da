"""`sentibench data extract` and `manifest`: features of clips, and the record of how they were made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from benchmark.cli.options import Whole, load_plugins, plugin_option

if TYPE_CHECKING:
    from benchmark.data.extraction.extract import Outcome


@click.command("extract")
@click.argument("clips", type=click.Path(path_type=Path))
@click.option(
    "--out", metavar="FILE", required=True, type=click.Path(path_type=Path, dir_okay=False),
    help="npz archive to write, for 'sentibench data import'.",
)  # fmt: skip
@click.option("--audio", default="prosody", show_default=True, help="Audio extractor, or none.")
@click.option("--vision", default="none", show_default=True, help="Vision extractor, such as motion, or none.")
@click.option(
    "--text",
    default="column",
    show_default=True,
    help="Source of the text: column (of CLIPS), none, "
    "subtitles (an srt or vtt file beside each clip), or whisper:FOLDER (faster-whisper and its weights).",
)
@click.option("--align", is_flag=True, help="Align to words: a step for each token, where words have times.")
@click.option(
    "--manifest", metavar="FILE", type=click.Path(path_type=Path),
    help="Repeat the extraction of 'sentibench data manifest', and list what differs. Its extractors are used unless "
    "others are given, such as those with weights in another folder.",
)  # fmt: skip
@click.option("--workers", type=Whole(min=1), help="Number of processes. Default: 2; 1 where a single core is usable.")
@plugin_option
def extract(
    clips: Path,
    out: Path,
    audio: str,
    vision: str,
    text: str,
    align: bool,
    manifest: Path | None,
    workers: int | None,
    plugins: tuple[str, ...],
) -> int:
    """Extract features of the clips that the CSV file CLIPS lists.

    CLIPS has the columns id and file (relative to CLIPS), and may have start and end (seconds in the file), video,
    label, text and split. The same command continues after an interruption. If a clip cannot be read, it is listed,
    nothing is written to --out, and the exit code is 1.
    """
    from benchmark.cli.progress import counting
    from benchmark.data.extraction.extract import extract as extract_clips
    from benchmark.data.extraction.features import Choice
    from benchmark.data.extraction.manifest import choice_of, differences, read_manifest
    from benchmark.data.extraction.table import read_table
    from benchmark.runs.executors import LocalExecutor
    from benchmark.runs.executors.local import usable_cores
    from benchmark.words import plural

    load_plugins(plugins)
    table = read_table(clips)
    choice = Choice(None if audio == "none" else audio, None if vision == "none" else vision, text, align)
    repeated = read_manifest(manifest) if manifest is not None else None
    if repeated is not None:
        given = {name: getattr(choice, name) for name in ("audio", "vision", "text", "align") if _is_given(name)}
        choice = replace(choice_of(repeated), **given)
    for modality, extractor in choice.extractors().items():
        licence = f", licence: {extractor.kind.licence}" if extractor.kind.licence else ""
        click.echo(f"{modality}: {extractor.name} version {extractor.kind.version}{licence}", err=True)
    processes = min(workers or min(2, usable_cores()), len(table.ids))
    with LocalExecutor[Any, Any](processes) as pool, counting("clips") as tell:
        outcomes = extract_clips(table, out, choice, workers=pool, plugins=plugins, progress=tell)
    if repeated is not None:
        different = differences(repeated, choice, outcomes)
        for line in different:
            click.echo(f"differs: {line}")
        click.echo(f"{manifest}: {plural(len(different), 'difference')}")
    labelled = "label" in table.columns
    return _report(outcomes, out, f"sentibench data import NAME {out}" if labelled else f"sentibench predict RUN {out}")


@click.command("manifest")
@click.argument("name")
@click.option(
    "--output", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), default=Path("-"),
    show_default=True, help="File to write; '-' is standard output.",
)  # fmt: skip
def manifest(name: str, output: Path) -> None:
    """Write how the features of the data set NAME were made, as JSON, for 'data extract --manifest'.

    It holds extractors, versions, licences, and the checksums of clips and features, but no clip, label or text.
    """
    from benchmark.data.catalog import find_store
    from benchmark.data.extraction.manifest import manifest_of
    from benchmark.data.store import read_store
    from benchmark.files import replace_text

    text = json.dumps(manifest_of(read_store(find_store(name))), indent=2, ensure_ascii=False)
    if str(output) == "-":
        click.echo(text)
    else:
        replace_text(output, f"{text}\n")


def _is_given(option: str) -> bool:
    return click.get_current_context().get_parameter_source(option) is ParameterSource.COMMANDLINE


def _report(outcomes: Sequence[Outcome], out: Path, after: str) -> int:
    """Print a line for each clip that cannot be read, the notes on others, and the result; returns the exit code."""
    from benchmark.words import listed, plural

    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        click.echo(f"{outcome.id}: NOT READ: {outcome.error}")
    notes: dict[str, list[str]] = {}
    for outcome in outcomes:
        for note in outcome.notes:
            notes.setdefault(note, []).append(outcome.id)
    for note, ids in notes.items():
        others = [f"{len(ids) - 3} more"] if len(ids) > 3 else []
        click.echo(f"{listed([*ids[:3], *others])}: {note}")
    if failed:
        click.echo(
            f"{len(failed)} of {plural(len(outcomes), 'clip')} cannot be read; {out} is not written. Correct or remove "
            "these rows and run the same command again: finished clips are kept."
        )
        return 1
    for modality in outcomes[0].frames:
        counts = [outcome.frames[modality] for outcome in outcomes]
        total, unobserved = map(sum, zip(*counts, strict=True))
        if unobserved:
            clips = sum(count > 0 for _, count in counts)
            click.echo(
                f"{modality}: {unobserved:,} of {total:,} frames are not observed, in {clips} of "
                f"{plural(len(outcomes), 'clip')}"
            )
    click.echo(f"{out}: {plural(len(outcomes), 'clip')}; next: {after}")
    return 0
