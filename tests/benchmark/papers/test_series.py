"""Comparisons of the suite's own: the committed studies, and what `reproduce` prints of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmark.cli.main import sentibench as group
from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from benchmark.evaluation.protocol_results import ProtocolResults
from benchmark.papers.reported.files import shipped_folder
from benchmark.papers.reproduce import SERIES, prepare_series
from benchmark.study.study import load_study
from benchmark.tables.pairs import pairs_table
from tests.benchmark.fake_panel import fake_panel
from tests.samples import make_samples


@pytest.mark.parametrize("name", SERIES)
def test_the_studies_of_a_series_have_the_model_that_others_are_compared_with(name: str) -> None:
    for file in shipped_folder("studies", f"{name}.yaml").glob(f"{name}*.yaml"):
        study = load_study(file)
        assert study.name == file.stem
        assert SERIES[name].against in [entry.title for entry in study.models]


def test_gaps_that_show_and_gaps_that_do_not_are_compared(tmp_path: Path) -> None:
    write_store(make_samples(160, words=False), store_path("toy"))
    options = ["--dataset", "toy", "--models", "constant,senti-ifusion", "--seeds", "1", "--epochs", "1"]
    options += ["--executor", "inline", "--out", str(tmp_path)]
    plans = prepare_series("gaps", dataset="toy", models=["constant"], seeds=1, epochs=1)
    assert [plan.study.name for plan in plans] == ["reproduce-gaps-marked", "reproduce-gaps"]
    assert {plan.study.regime for plan in plans} == {"uncertain", "unmarked"}
    result = CliRunner().invoke(group, ["reproduce", "gaps", *options])
    assert result.exit_code == 0, result.output
    shown = " ".join(result.output.split())
    for plan in plans:
        for protocol in plan.protocols:
            assert f"toy: {protocol.name}: differences in MAE, against senti-ifusion" in shown
    assert "senti-ifusion, told" in shown
    assert "all hold at once" in shown
    written = (tmp_path / "studies" / "reproduce-gaps" / "reproduced.md").read_text()
    assert "Not knowing" in written
    result = CliRunner().invoke(group, ["reproduce", "gaps", "--no-run", *options])
    assert "runs are missing" not in result.output


def test_intervals_that_hold_at_once_are_wider() -> None:
    results = ProtocolResults.of(fake_panel(samples=200, protocols=("intra-random",)), draws=200)
    alone, together = (pairs_table(results, against="senti-ifusion", at_once=wide) for wide in (False, True))
    place = [column.name for column in alone.columns].index("difference")
    for one, other in zip(alone.rows, together.rows, strict=True):
        narrow, wide = one.cells[place].interval, other.cells[place].interval
        assert narrow is not None
        assert wide is not None
        assert wide.low < narrow.low < narrow.high < wide.high
    assert "all at once" in together.columns[place].title
