"""`sentibench site`: from a study that was run to a file, whole or not at all."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark.cli.main import main
from benchmark.data.registered import is_registered, register_dataset
from benchmark.results.measured import read_measured
from benchmark.results.opening import open_results
from benchmark.results.study_results import StudyResults
from benchmark.runs.executors import InlineExecutor
from benchmark.runs.store import RunStore
from benchmark.site import build
from benchmark.site.labels import describe_models
from benchmark.study.running import run
from benchmark.study.study import Study, make_study
from protocols import InputError
from tests.samples import make_samples

DATASET = "site-toy"
DEMO = Path(__file__).parents[3] / "results" / "measured" / "demo"
if not is_registered(DATASET):
    register_dataset(DATASET)(lambda: make_samples(words=False))


def study(**changes: object) -> Study:
    fields: dict[str, object] = {
        "name": "paged",
        "datasets": [DATASET],
        "models": ["constant", "late-fusion-dropout"],
        "protocols": ["complete", "intra-random"],
        "seeds": 2,
        "optimisation": {"epochs": 2, "batch_size": 16},
        "optimism": True,
    }
    return make_study({**fields, **changes})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    outcome = run(study(), folder, InlineExecutor())
    assert not outcome.failed
    return folder


def data_of(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text("utf-8"), re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_a_study_becomes_one_file_with_its_runs_and_both_selections(root: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    page = build(
        open_results(study(), root), tmp_path / "new" / "page.html", draws=40, progress=lambda *own: told.append(own)
    )
    assert [p.name for p in page.parent.iterdir()] == ["page.html"]
    data = data_of(page)
    assert data["study"] == "paged"
    assert set(data["runs"]) == {r.id for r in RunStore(root).records()}
    assert [t["selection"] for t in data["tables"]] == ["valid", "test-oracle"]
    assert [p["name"] for p in data["tables"][1]["protocols"]] == ["complete", "intra-random"]
    assert {m["name"]: m["kind"] for m in data["models"]} == {
        "constant": "reference",
        "late-fusion-dropout": "reference",
    }
    assert told == [(i, 4) for i in range(1, 5)]
    honest, oracle = (t["protocols"][1]["means"]["mae"]["value"] for t in data["tables"])
    assert all(o <= h + 1e-5 for h, o in zip(honest, oracle, strict=True))


def test_missing_runs_are_listed_with_their_command(root: Path, tmp_path: Path) -> None:
    if not is_registered("site-other"):
        register_dataset("site-other")(lambda: make_samples(seed=1, words=False))
    more = study(datasets=[DATASET, "site-other"], seeds=3)
    data = data_of(build(open_results(more, root), tmp_path / "page.html", draws=20))
    gaps = data["tables"][0]["missing"]
    assert [(g["model"], g["seed"], g["reason"]) for g in gaps] == [
        ("constant", 2, "not run"), ("late-fusion-dropout", 2, "not run"),
    ]  # fmt: skip
    assert gaps[0]["command"].startswith("sentibench run ")
    assert data["absent"]["datasets"] == ["site-other"]
    assert data["absent"]["command"] == gaps[0]["command"]


def test_models_of_a_published_folder_are_described_by_their_names(root: Path) -> None:
    results = open_results(study(), root)
    described = describe_models(results)
    assert set(described) == {"constant", "late-fusion-dropout"}
    assert described["late-fusion-dropout"]["paper_url"] == "https://arxiv.org/abs/1501.00102"
    assert describe_models(StudyResults("published", results.panels)) == described


def test_a_folder_gets_an_index_and_nothing_is_left_when_it_fails(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = open_results(study(), root)
    page = build(results, tmp_path, oracles={}, draws=20)
    assert page == tmp_path / "index.html"
    before = page.read_bytes()
    for out, match in ((tmp_path / "page.pdf", r"ends in \.html"), (page / "x.html", "cannot be made a folder")):
        with pytest.raises(InputError, match=match):
            build(results, out, oracles={}, draws=20)

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(InputError, match="No space left on device"):
        build(results, page, oracles={}, draws=20)
    assert page.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["index.html"]


def test_the_command_line(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def call(*arguments: str) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["site", *arguments, "--out", str(root)])
        return ended.value.code, *capsys.readouterr()

    code, out, _ = call("paged", str(tmp_path / "page.html"))
    assert not code
    assert out.startswith(f"{tmp_path / 'page.html'} (0.")
    assert data_of(tmp_path / "page.html")["draws"] == 2000
    code, _, err = call()
    assert code == 2
    assert err.count("\n") == 1
    assert "[STUDY]... PAGE" in err
    code, _, err = call("nowhere", str(tmp_path / "other.html"))
    assert code == 2
    assert "nowhere" in err
    assert not (tmp_path / "other.html").exists()


def test_a_page_of_several_studies_names_regimes_where_data_are_shared(root: Path, tmp_path: Path) -> None:
    results = open_results(study(), root)
    other = replace(
        results, name="other", panels=tuple(replace(p, regime="complete") for p in results.panels), plan=None
    )
    data = data_of(build([results, other, read_measured(DEMO)], tmp_path / "page.html", oracles={}, draws=20))
    assert data["study"] == "paged, other, demo"
    (title,) = results.datasets
    assert [table["data"] for table in data["tables"]] == [
        f"uncertain: {title}",
        f"complete: {title}",
        "synthetic:size=demo,max_length=16/official",
    ]
    assert [table["regime"] for table in data["tables"]] == ["uncertain", "complete", "uncertain"]
    with pytest.raises(InputError, match="has two panels trained under 'uncertain'"):
        build([results, results], tmp_path / "page.html", oracles={}, draws=20)


def test_the_page_of_an_unfinished_study_says_what_is_missing(root: Path, tmp_path: Path) -> None:
    # constant is evaluated under the new protocol, the other model only trained so far
    fields = {"name": "unfinished", "protocols": ["drop(rate=0.5)"], "optimism": False}
    assert not run(study(**fields, models=["constant"]), root, InlineExecutor()).failed
    page = build(open_results(study(**fields), root), tmp_path / "page.html", draws=20)
    data = data_of(page)
    assert [m["name"] for m in data["models"]] == ["constant"]
    missing = data["tables"][0]["missing"]
    assert [(gap["model"], gap["reason"]) for gap in missing] == [("late-fusion-dropout", "not evaluated")] * 2
    assert all("sentibench run" in gap["command"] for gap in missing)
