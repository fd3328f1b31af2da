"""`sentibench report --table paper`: its files, citations and options."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from baselines import models
from benchmark.cli.main import main
from benchmark.publishing.references import citation_key, links, references, shipped
from benchmark.results import opening
from benchmark.results.opening import open_results
from benchmark.study.filing import save_study
from benchmark.study.study import Study, make_study
from tests.benchmark.fake_panel import fake_panel


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    entries = ["constant", "lnln", {"name": "senti-ifusion", "label": "narrow", "config": {"width": 32}}]
    made = make_study({"name": "mine", "datasets": ["synthetic:size=tiny"], "models": entries, "seeds": 3})
    save_study(made, tmp_path)
    panel = fake_panel(
        ("constant", "lnln", "narrow", "oracle"), samples=60, videos=4, protocols=("complete", "uncertain")
    )
    monkeypatch.setattr(opening, "required_panels", lambda plan, root: [panel])
    return made


def call(capsys: pytest.CaptureFixture[str], tmp_path: Path, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["report", "mine", "--out", str(tmp_path), "--draws", "30", *arguments])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_it_is_written_with_notes_and_references(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(capsys, tmp_path, "--table", "paper", "--format", "latex", "--metrics", "mae,corr")
    folder = tmp_path / "studies" / "mine"
    assert code == 0
    assert out == (folder / "paper.tex").read_text()
    assert r"LNLN~\cite{lnln2024}" in out
    assert r"narrow~\cite{senti-ifusion2025}" in out
    assert "Training median &" in out
    assert re.search(r"\\label\{tab:synthetic[^}]*-paper\}", out)
    keys = set(re.findall(r"\\cite\{(.*?)\}", out))
    bib = (folder / "references.bib").read_text()
    assert set(re.findall(r"@\w+\{(.*?),", bib)) == keys == {"lnln2024", "senti-ifusion2025"}
    assert (folder / "paper-notes.md").read_text().startswith("# Notes on the table")
    assert {p.name for p in folder.glob("paper*")} == {
        f"paper{end}" for end in (".tex", ".md", ".csv", ".html", "-notes.md")
    }


def test_protocols_and_rates_are_chosen(study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(
        capsys, tmp_path, "--table", "paper", "--protocol", "uncertain", "--rates", "0.5:0.5,mean", "--metrics", "mae",
        "--spread", "interval", "--format", "csv",
    )  # fmt: skip
    assert code == 0
    head = out.splitlines()[0].split(",")
    assert [name for name in head if name.endswith(" mae")] == [
        "synthetic/official uncertain 0.5:0.5 mae", "synthetic/official uncertain mean mae",
    ]  # fmt: skip
    code, _, err = call(capsys, tmp_path, "--spread", "sd")
    assert (code, err.count("\n")) == (2, 1)
    assert "add --table paper" in err


def test_models_and_data_sets_are_named_as_papers_name_them(study: Study, tmp_path: Path) -> None:
    found = references(open_results(study, tmp_path))
    assert found.models["lnln"].title == "LNLN"
    assert found.models["narrow"].title == "narrow"
    assert found.models["constant"].key == ""
    assert found.datasets == {}


def test_data_with_the_labels_of_a_published_test_part_have_its_name(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = np.repeat([-1.0, 0.0, 1.0], [379, 30, 277])
    monkeypatch.setattr(
        opening, "required_panels", lambda plan, root: [fake_panel(("lnln",), protocols=("complete",), label=labels)]
    )
    found = references(open_results(study, tmp_path))
    assert found.datasets["synthetic/official"].title == "CMU-MOSI"


def plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def test_every_published_model_has_bibtex_of_its_paper() -> None:
    entries = shipped()
    for name, cls in models().items():
        info = cls.info
        if cls.__module__.partition(".")[0] not in ("baselines", "senti_ifusion"):
            continue  # a plugin of another test
        if info.variant_of or "not from a paper" in info.paper or name == "ef-lstm":  # its entry is the cited workshop
            continue
        entry = entries[citation_key(name)]
        title = re.search(r"title = \{(.*)\},?\n", entry)
        assert title is not None
        assert plain(title[1]) in plain(info.paper), name
        assert f"year = {{{info.year}}}" in entry
        assert "paper_url" in links(name), name


def test_bibtex_reads_the_references(tmp_path: Path) -> None:
    if not shutil.which("bibtex"):
        pytest.skip("bibtex is not installed; install a TeX distribution to check the references")
    (tmp_path / "r.bib").write_text("\n".join(shipped().values()))
    (tmp_path / "t.aux").write_text("\\citation{*}\n\\bibstyle{plain}\n\\bibdata{r}\n")
    done = subprocess.run(["bibtex", "t"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "error" not in done.stdout.lower(), done.stdout
    assert (tmp_path / "t.bbl").read_text().count("\\bibitem") == len(shipped())


def test_links_tell_papers_from_code() -> None:
    assert links("lnln") == {
        "paper_url": "https://arxiv.org/abs/2409.20012",
        "code_url": "https://github.com/Haoyu-ha/LNLN",
    }
    assert links("senti-ifusion") == {"paper_url": "https://arxiv.org/abs/2511.16990"}
    assert links("cenet") == {
        "paper_url": "https://doi.org/10.1109/TMM.2022.3183830",
        "code_url": "https://github.com/Say2L/CENet",
    }
    assert links("constant") == {}
