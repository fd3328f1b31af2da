"""Figures of a study: what a run filed besides its predictions, and which figures are drawn of it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from baselines import load_plugin
from benchmark.cli import plot as cli
from benchmark.cli.plot import plot as plot_verb
from benchmark.diagnostics.integrity_data import calibration_data, decay_data
from benchmark.diagnostics.integrity_figure import plot_calibration, plot_decay
from benchmark.figures import kinds
from benchmark.figures.kinds import FIGURES
from benchmark.figures.writing import COLUMN_WIDTH, TEXT_WIDTH, figure_style
from benchmark.publishing.figures import plot
from benchmark.results.opening import open_results
from benchmark.runs.cells import write_predictions
from benchmark.runs.record import Evaluation, RunRecord, write_record
from benchmark.runs.store import RunStore
from benchmark.study.filing import save_study
from benchmark.study.plan import Plan, prepare
from benchmark.study.study import Study, make_study
from protocols import MODALITIES, InputError
from tests.benchmark.figures.figure_checks import assert_nothing_clipped, texts

#: Estimates are off by this much; the true share in a scenario of rate r is 1 - r for every sample.
OFF = {"text": 0.0, "audio": 0.1, "vision": -0.2}
SAMPLES = 24


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    """A study whose runs are filed, not trained: two models without diagnostics, one with known ones."""
    root = tmp_path_factory.mktemp("runs")
    study = make_study(
        {
            "name": "made",
            "datasets": ["synthetic:size=tiny,max_length=16"],
            "models": ["constant", "text-only", "senti-ifusion"],
            "protocols": ["complete", "intra-random", "inter-subsets", "uncertain"],
            "seeds": [0, 1],
        }
    )
    resolved = prepare(study)
    save_study(study, root)
    _file(resolved, root)
    return study, root


def _file(resolved: Plan, root: Path) -> None:
    store = RunStore(root)
    rng = np.random.default_rng(0)
    ids = [f"s{i}" for i in range(SAMPLES)]
    label = rng.uniform(-3, 3, SAMPLES)
    samples = pd.DataFrame({"sample_id": ids, "video_id": [f"v{i // 4}" for i in range(SAMPLES)], "label": label})
    for run in resolved.runs:
        if run.spec.model == "oracle":
            continue
        scenarios = resolved.scenarios_of(run)
        tables = []
        for scenario in scenarios:
            noise = 0.0 if run.spec.model == "constant" else rng.normal(size=SAMPLES)
            table = pd.DataFrame(
                {"prediction": 0.5 * label + noise if run.spec.model != "constant" else 0.1 + 0 * label}
            )
            if run.spec.model == "senti-ifusion":
                rates = re.findall(r"^random_positions\(rate=([0-9.]+)\)$", str(scenario))
                rate = float(rates[0]) if rates else 0.0
                for modality in MODALITIES:
                    table[f"observed_{modality}"] = np.float32(1 - rate)
                    table[f"integrity_{modality}"] = np.float32(1 - rate + OFF[modality])
                table["dominant"] = (np.arange(SAMPLES) < round(rate * SAMPLES)).astype(np.int8)
            tables.append(table.assign(scenario=str(scenario), sample_id=ids))
        cells = tuple(
            Evaluation(scenario=str(s), fingerprint=s.fingerprint, masks_sha256="", mae=1.0) for s in scenarios
        )
        record = RunRecord(
            id=run.spec.id,
            spec=run.spec,
            status="done",
            parameters=0 if run.spec.model == "constant" else 1000,
            seconds={"train": 2.0},
            inference_ms=0.1,
            evaluations=cells,
        )
        with store.writing(run.spec) as folder:
            pd.DataFrame({"epoch": [1]}).to_csv(folder / "history.csv", index=False)
            samples.to_parquet(folder / "samples.parquet", index=False)
            write_predictions(pd.concat(tables, ignore_index=True), folder / "predictions.parquet")
            write_record(record, folder / "run.json")


def test_diagnostics_are_what_the_runs_filed(made: tuple[Study, Path]) -> None:
    (found,) = open_results(*made).statements
    assert set(found.table["model"]) == {"senti-ifusion"}
    scenarios = found.points["scenario"].nunique()
    assert len(found.table) == 2 * SAMPLES * scenarios
    row = found.table.query("scenario == 'random_positions(rate=0.3)' and seed == 1").iloc[0]
    assert row["observed_audio"] == pytest.approx(0.7)
    assert row["integrity_vision"] == pytest.approx(0.5)
    assert row["video_id"] == "v0"


def test_calibration_finds_the_bias_that_was_put_in(made: tuple[Study, Path]) -> None:
    (found,) = open_results(*made).statements
    points = found.points.query("protocol.str.startswith('intra-random')")
    data = calibration_data(found.table, points)
    for modality in MODALITIES:
        own = data[data["modality"] == modality]
        assert (own["estimated"] - own["observed"]).to_numpy() == pytest.approx(
            np.full(len(own), OFF[modality]), abs=1e-6
        )
        assert own["mae"].to_numpy() == pytest.approx(np.full(len(own), abs(OFF[modality])), abs=1e-6)
        assert own["samples"].sum() == 2 * SAMPLES * 10
        assert own["bin"].is_monotonic_increasing
        assert own["bin"].iloc[-1] == 11  # rate 0: nothing is missing
    with pytest.raises(InputError, match="no model of the study estimates integrity"):
        calibration_data(found.table[:0], points)


def test_error_and_dominance_follow_the_rate_and_shares_add_to_one(made: tuple[Study, Path]) -> None:
    (found,) = open_results(*made).statements
    points = found.points.query("protocol.str.startswith('intra-random')")
    data = decay_data(found.table, points, draws=50)
    errors = data[data["quantity"] == "error"]
    for modality in MODALITIES:
        own = errors[errors["modality"] == modality]
        assert own["x"].tolist() == [round(0.1 * i, 1) for i in range(10)]
        assert own["mean"].to_numpy() == pytest.approx(np.full(10, abs(OFF[modality])), abs=1e-6)
    shares = data[data["quantity"] == "dominant"].pivot(index="x", columns="modality", values="mean")
    assert shares.sum(axis=1).to_numpy() == pytest.approx(np.ones(10))
    assert shares["audio"].to_numpy() == pytest.approx(np.round(shares.index * SAMPLES) / SAMPLES)
    broken = found.table.drop(index=found.table.query("scenario == 'random_positions(rate=0.3)'").index[0])
    with pytest.raises(InputError, match="is missing under"):
        decay_data(broken, points, draws=5)


@pytest.mark.parametrize("width", [COLUMN_WIDTH, TEXT_WIDTH])
def test_integrity_figures_are_not_clipped(made: tuple[Study, Path], width: float) -> None:
    (found,) = open_results(*made).statements
    points = found.points.query("protocol.str.startswith('intra-random')")
    with figure_style():
        figures = [
            plot_calibration.draw(calibration_data(found.table, points), "Title", width, None, "A note."),
            plot_decay.draw(decay_data(found.table, points, draws=10), "Title", width, None, "A note."),
        ]
    for figure in figures:
        assert_nothing_clipped(figure)
        assert "senti-ifusion" in " ".join(texts(figure))


def test_a_modality_that_is_not_in_the_data_is_blank_with_a_mark(made: tuple[Study, Path]) -> None:
    (found,) = open_results(*made).statements
    points = found.points.query("protocol.str.startswith('intra-random')")
    blind = found.table.assign(observed_vision=0.0)
    calibration, decay = calibration_data(blind, points), decay_data(blind, points, draws=5)
    assert "vision" not in set(calibration["modality"])
    assert set(decay.loc[decay["quantity"] == "error", "modality"]) == {"text", "audio"}
    with figure_style():
        drawn = plot_calibration.draw(calibration, "", TEXT_WIDTH, None, "")
        assert "not recorded" in texts(drawn)
        words = " ".join(texts(plot_decay.draw(decay, "", TEXT_WIDTH, None, "")))
    assert "Not recorded, so without an error: vision." in words


def test_everything_that_applies_is_drawn_each_from_its_csv(made: tuple[Study, Path]) -> None:
    study, root = made
    told: list[str] = []
    files = plot(open_results(study, root), ("svg",), kinds=("all",), on_skip=told.append)
    stems = [path.name.partition("official-")[2] for path in files if path.suffix == ".svg"]
    assert stems == [
        "intra-random.svg",
        "uncertain-grid.svg",
        "inter-subsets-heatmap.svg",
        "confusion.svg",
        "uncertain-cost.svg",
        "ranks.svg",
        "overview.svg",
        "uncertain-calibration.svg",
        "intra-random-integrity.svg",
    ]
    assert all(path.with_suffix(".csv").is_file() for path in files)
    assert told == []


def test_a_kind_that_does_not_apply_is_left_out_and_said(made: tuple[Study, Path]) -> None:
    two = open_results(*made).select(models=["constant", "senti-ifusion"], protocols=["complete"])
    told: list[str] = []
    files = plot(two, ("svg",), kinds=("all",), on_skip=told.append)
    stems = [path.name.partition("official-")[2] for path in files if path.suffix == ".svg"]
    assert "confusion.svg" in stems
    assert "ranks.svg" not in stems
    (line,) = [line for line in told if line.startswith("ranks left out")]
    assert "ranks need at least 3 models" in line
    with pytest.raises(InputError, match="ranks need at least 3 models"):
        plot(two, ("svg",), kinds=("ranks",))


def test_the_verb_draws_what_was_asked_for(made: tuple[Study, Path]) -> None:
    _, root = made
    arguments = ["made", "--out", str(root), "--kind", "curves", "--metric", "corr", "--width", "column"]
    result = CliRunner().invoke(plot_verb, [*arguments, "--models", "text-only", "--format", "svg"])
    assert result.exit_code == 0, result.output
    table, figure = (Path(line) for line in result.output.split())
    assert figure.name.endswith("intra-random-column.svg")
    assert set(pd.read_csv(table)["metric"]) == {"corr"}
    words = figure.read_text()
    assert "2 other models" in words
    assert 'width="244.8pt"' in words  # 3.4 inches
    asked = ["made", "--out", str(root), "--against", "text-only", "--metric", "mae", "--format", "svg"]
    result = CliRunner().invoke(plot_verb, asked)
    table, figure = (Path(line) for line in result.output.split())
    assert figure.name.endswith("intra-random-against-text-only.svg")
    assert "paired differences to text-only" in figure.read_text()
    assert "text-only" not in set(pd.read_csv(table)["model"])
    for more, words in (
        (["--kind", "ranks"], "only curves and overviews show differences"),
        (["--against", "nobody"], "nobody"),
    ):
        refused = CliRunner().invoke(plot_verb, [*asked, *more])
        assert isinstance(refused.exception, InputError)
        assert words in str(refused.exception)


def test_a_published_folder_is_drawn_into_a_named_one(tmp_path: Path) -> None:
    demo = str(Path(__file__).parents[3] / "results/measured/demo")
    asked = [demo, "--kind", "overview", "--protocol", "inter-drop", "--against", "text-only", "--format", "svg"]
    refused = CliRunner().invoke(plot_verb, asked)
    assert isinstance(refused.exception, InputError)
    assert "--into" in str(refused.exception)
    result = CliRunner().invoke(plot_verb, [*asked, "--into", str(tmp_path / "figures")])
    assert result.exit_code == 0, result.output
    table, figure = (Path(line) for line in result.output.split())
    assert figure.parent == tmp_path / "figures"
    assert set(pd.read_csv(table)["protocol"]) == {"inter-drop"}


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"kinds": ("pie",)}, "unknown kind of figure"),
        ({"models": ("txt-only",)}, "did you mean"),
        ({"metrics": ("acc9",)}, "unknown metric"),
        ({"protocol": "inter-drop"}, "unknown protocol"),
        ({"width": "poster"}, "unknown width"),
        ({"formats": ("gif",)}, "unknown figure format"),
        ({"kinds": ("heatmap",), "protocol": "intra-random"}, "no protocol spans two numeric axes"),
        ({"kinds": ("confusion",), "scenario": "drop(rate=0.5)"}, "unknown scenario"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused_by_name(
    made: tuple[Study, Path], wish: dict[str, object], words: str
) -> None:
    study, root = made
    before = sorted(root.rglob("*"))
    with pytest.raises(InputError, match=words):
        plot(open_results(study, root), **wish)  # type: ignore[arg-type]
    assert sorted(root.rglob("*")) == before


def test_the_verb_names_every_kind() -> None:
    assert tuple(FIGURES.all()) == cli.KINDS


PLUGIN = """
from benchmark.figures.cost import cost_data, plot_cost
from benchmark.figures.kinds import Item, register_figure

@register_figure("sizes", shows="accuracy against size", nothing="nothing was evaluated")
def sizes(panel, request):
    yield Item(plot_cost, cost_data(panel, request.protocol, costs=["parameters"]), ("sizes",), "sizes of models")
"""


def test_a_plugin_adds_a_figure(made: tuple[Study, Path], tmp_path: Path) -> None:
    study, root = made
    (tmp_path / "sizes.py").write_text(PLUGIN)
    load_plugin(tmp_path / "sizes.py")
    try:
        files = plot(open_results(study, root), ("svg",), kinds=("sizes",), protocol="intra-random")
    finally:
        kinds.FIGURES._items.pop("sizes", None)
    assert [file.name.rsplit("-", 1)[1] for file in files] == ["sizes.csv", "sizes.svg"]
    assert "sizes of models" in files[1].read_text()
