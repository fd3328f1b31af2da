"""The card of an exported model: Markdown with the YAML front matter of Hugging Face."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from benchmark.evaluation.metrics import METRICS, usual_metrics
from benchmark.tables.cells import number
from benchmark.tables.table import Cell, Column, Row, Table


def model_card(content: Mapping[str, Any], folder: str, bibtex: str = "") -> str:
    """Return the text of `README.md`.

    Args:
        content: Record of the model, see `benchmark.publishing.exporting.Exported`.
        folder: Name of the folder.
        bibtex: BibTeX of the paper; empty if the model has none.
    """
    model, data, training = content["model"], content["dataset"], content["training"]
    front = yaml.safe_dump(_front(content), sort_keys=False, allow_unicode=True)
    versions = content["versions"]
    lines = [
        f"---\n{front}---",
        f"# {model['title']} on {data['name']}/{data['split']}",
        f"Multimodal sentiment from text, audio and vision with missing parts, trained by sentibench under the regime "
        f"'{training['regime']}' with seeds {', '.join(map(str, content['seeds']))} (study '{content['study']}').",
        "## Use",
        f"```console\n$ sentibench predict {folder} new.npz\n```",
        "The folder of each seed has its record and weights; `predict` averages over the seeds. It scales values by "
        f"statistics of the training data, which are not in this folder: data set `{data['name']}` has to be imported "
        f"with content sha256 `{data['sha256']}`.",
        "## Results",
        _results(content).markdown().strip(),
        "## Provenance",
        "\n".join(
            [
                f"- selection of the checkpoint: {training['selection']}",
                f"- text encoder: {(training['encoder'] or {}).get('name', 'none')} ({training['encoder_revision']})",
                f"- sentibench {versions['sentibench']}, commit {versions['git_commit'] or 'unknown'}, Python "
                f"{versions['python']}",
                f"- version of the model: {model['version']}",
                "- settings, libraries and all metrics with intervals: `config.json`",
            ]
        ),
    ]
    lines += ["## Citation", f"```bibtex\n{bibtex}```"] if bibtex else []
    return "\n\n".join(lines) + "\n"


def _front(content: Mapping[str, Any]) -> dict[str, Any]:
    data = content["dataset"]
    results = [
        {
            "task": {"type": "multimodal-sentiment-analysis", "name": f"missing parts: {protocol}"},
            "dataset": {
                "name": f"{data['name']}/{data['split']}",
                "type": data["name"],
                "split": "test",
                "revision": data["sha256"],
            },
            "metrics": [{"type": name, "name": METRICS[name].title, "value": value} for name, value in values],
        }
        for protocol, values in _values(content)
    ]
    return {
        "library_name": "sentibench",
        "tags": ["multimodal", "sentiment-analysis", "missing-modalities", content["model"]["name"]],
        "model-index": [{"name": content["model"]["title"], "results": results}],
    }


def _values(content: Mapping[str, Any]) -> Iterator[tuple[str, list[tuple[str, float]]]]:
    for own in content["protocols"]:
        known = [(name, found["value"]) for name, found in own["metrics"].items() if found["value"] is not None]
        yield "@".join(filter(None, (own["name"], own["version"]))), known


def _results(content: Mapping[str, Any]) -> Table:
    low, high = content["dataset"]["label_range"]
    names = usual_metrics((low, high))
    columns = (
        Column("protocol", "Protocol", "left"),
        *(Column(name, f"{METRICS[name].heading}{' (%)' * METRICS[name].percent}", interval="shown") for name in names),
    )
    nan = float("nan")
    rows = []
    for (protocol, _), own in zip(_values(content), content["protocols"], strict=True):
        numbers = [[nan if (v := own["metrics"][n][k]) is None else v for k in ("value", "low", "high")] for n in names]
        cells = (number(name, *values) for name, values in zip(names, numbers, strict=True))
        rows.append(Row((Cell(protocol), *cells)))
    data, level = content["dataset"], 100 * content["statistics"]["level"]
    caption = (
        f"Mean over the scenarios of each protocol and over seeds, on {data['test_samples']} test samples of "
        f"{data['test_videos']} videos, with {level:g} % intervals over videos and seeds."
    )
    remarks = dict.fromkeys(text for own in content["protocols"] for text in own["remarks"])
    return Table("Test part", columns, tuple(rows), caption=" ".join((caption, *remarks)))
