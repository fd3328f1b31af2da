"""Predictions from elsewhere: rated as a model's own would be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from benchmark.evaluation.metrics import score
from benchmark.publishing.measured import read_measured
from benchmark.results.external import EvaluationSet, add_external, evaluation_set, external_panel
from benchmark.results.external.columns import numbers
from protocols import InputError, get_protocol
from tests.benchmark.fake_panel import leaderboard
from tests.benchmark.results.external.external_files import DEMO, PROTOCOLS, filled, read_predictions, same, write
from tests.samples import make_samples


def test_every_prediction_comes_to_its_cell_and_sample(toy_set: EvaluationSet, tmp_path: Path) -> None:
    table = filled(toy_set)
    found = read_predictions(write(table, tmp_path / "mine.csv"), toy_set, PROTOCOLS)
    assert len(found.cells) == 3 * 11
    for i, cell in found.cells.iterrows():
        own = table[(table["seed"] == cell["seed"]) & (table["scenario"] == cell["scenario"])]
        want = own.set_index("sample_id")["prediction"].reindex(list(toy_set.sample_ids)).to_numpy()
        assert np.array_equal(found.predictions[i], want)
    assert found.models == ("mine",)
    assert found.missing == ()


def test_order_format_and_spelling_of_the_file_change_nothing(toy_set: EvaluationSet, tmp_path: Path) -> None:
    table = filled(toy_set)
    whole = read_predictions(write(table, tmp_path / "mine.csv"), toy_set, PROTOCOLS)
    prints = {str(s): s.fingerprint for p in PROTOCOLS for s in p.scenarios}
    variants = {
        "shuffled": table.sample(frac=1.0, random_state=3),
        "fingerprints": table.assign(scenario=table["scenario"].map(prints)),
        "spelling": table.assign(scenario=table["scenario"].str.replace("rate=0.", "rate = .")),
        "columns": table[["prediction", "seed", "sample_id", "scenario"]].assign(comment="by hand"),
        "floats": table.assign(seed=table["seed"].astype(float)),
        "categories": table.astype({"sample_id": "category", "scenario": "category"}),
    }
    for name, variant in variants.items():
        for ending in ("csv", "parquet"):
            path = write(variant, tmp_path / f"{name}.{ending}")
            assert same(read_predictions(path, toy_set, PROTOCOLS, name="mine"), whole), (name, ending)
    text = (tmp_path / "mine.csv").read_text()
    (tmp_path / "windows.csv").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() + b"\r\n\r\n")
    assert same(read_predictions(tmp_path / "windows.csv", toy_set, PROTOCOLS, name="mine"), whole)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_numbers_are_read_to_the_last_bit(values: list[float]) -> None:
    read = numbers(pd.Series([repr(v) for v in values], dtype=object))
    assert read.tobytes() == np.array(values).tobytes()


def test_its_row_has_the_metrics_of_its_predictions_and_no_cost(toy_set: EvaluationSet, tmp_path: Path) -> None:
    found = read_predictions(write(filled(toy_set), tmp_path / "mine.csv"), toy_set, PROTOCOLS)
    panel = external_panel(found)
    assert panel.external == {"mine"}
    rows = {str(r["model"]).split(" ")[0]: r for r in leaderboard(panel, "inter-drop", draws=50).records()}
    assert set(rows) == {"mine", "constant"}
    drop = found.cells["scenario"].str.startswith("drop").to_numpy()
    scores = [score(toy_set.label, p) for p in found.predictions[drop]]
    assert len(scores) == 30
    for metric in ("mae", "corr", "acc7", "f1_non0"):
        assert rows["mine"][metric] == pytest.approx(np.mean([s[metric] for s in scores]), abs=1e-12)
    assert rows["constant"]["mae"] == pytest.approx(np.abs(toy_set.constant - toy_set.label).mean(), abs=1e-12)
    for cost in ("parameters", "train_seconds", "inference_ms"):
        assert rows["mine"][cost] in (None, "")
    text = leaderboard(panel, "inter-drop", draws=50).markdown()
    assert "mine (external)" in text
    assert "mine.csv (sha256" in text


def test_a_copy_of_a_models_predictions_gets_its_row_and_its_rank(tmp_path: Path) -> None:
    panel = read_measured(DEMO).panels[0]
    own = panel.cells["model"] == "almt"
    n = len(panel.sample_ids)
    cells = panel.cells[own]
    table = cells.loc[cells.index.repeat(n), ["seed", "scenario"]].assign(
        sample_id=np.tile(panel.sample_ids, int(own.sum())), prediction=panel.predictions[own].ravel()
    )
    protocols = [get_protocol(name) for name in dict.fromkeys(panel.points["protocol"])]
    samples = evaluation_set(f"{panel.dataset}/{panel.split}")
    found = read_predictions(write(table, tmp_path / "copy.parquet"), samples, protocols)
    whole = add_external(panel, found)
    rows = {str(r["model"]).split(" ")[0]: r for r in leaderboard(whole, "inter-drop", draws=200).records()}
    for name in ("mae", "corr", "acc7", "acc5", "acc2_has0", "f1_non0", "mae_sd", "rank"):
        assert rows["copy"][name] == rows["almt"][name], name
    assert len(rows) == len(leaderboard(panel, "inter-drop", draws=200).rows) + 1
    constant = panel.predictions[(panel.cells["model"] == "constant").to_numpy()]
    assert (constant == samples.constant).all()
    with pytest.raises(InputError, match="'copy' is a row of the study already"):
        add_external(whole, found)
    other = replace(found, samples=replace(samples, label=samples.label + 0.2))
    with pytest.raises(InputError, match="other ids or labels"):
        add_external(panel, other)


@settings(deadline=None, max_examples=40)
@given(  # no label is so small that its half has no full precision left
    st.lists(
        st.floats(-3, 3, width=32).map(lambda label: label if abs(label) > 1e-30 else 0.0), min_size=1, max_size=40
    )
)
def test_the_floor_is_what_the_model_constant_predicts(labels: list[float]) -> None:
    label = np.array(labels, dtype=np.float32)
    assert np.float32(np.quantile(label, np.float32(0.5))) == torch.tensor(label).quantile(0.5).item()


def test_folds_are_pooled_and_ids_stay_texts(tmp_path: Path) -> None:
    made = make_samples(60, words=False)
    ids = np.array([f"{i:03d}" if i else "NA" for i in range(60)], dtype=object)
    codes = {f"fold{k}": np.where(np.arange(60) % 3 == k, 3, np.where(np.arange(60) % 3 == (k + 1) % 3, 2, 1))
             for k in range(3)}  # fmt: skip
    splits = {name: c.astype(np.uint8) for name, c in codes.items()}
    write_store(replace(made, ids=ids, splits=splits), store_path("toy"))
    samples = evaluation_set("toy/fold*")
    assert sorted(samples.sample_ids.tolist()) == sorted(ids.tolist())
    found = read_predictions(write(filled(samples), tmp_path / "mine.csv"), samples, PROTOCOLS)
    assert found.missing == ()
    assert external_panel(found).split == "fold*"
    assert external_panel(found).split_of is samples.split_of
    for split in splits:
        train = made.label[splits[split] == 1]
        assert set(samples.constant[samples.split_of == split]) == {torch.tensor(train).quantile(0.5).item()}
    assert {split for split, _ in samples.masks_sha256(PROTOCOLS[1].scenarios)} == set(splits)
    write_store(replace(made, name="twice", splits={"a": splits["fold0"], "b": splits["fold0"]}), store_path("twice"))
    with pytest.raises(InputError, match="in the test part of two of the splits"):
        evaluation_set("twice/*")


def test_unlikely_predictions_are_noted(toy_set: EvaluationSet, tmp_path: Path) -> None:
    table = filled(toy_set)
    notes = read_predictions(write(table, tmp_path / "fine.csv"), toy_set, PROTOCOLS).notes
    assert len(notes) == 1
    large = read_predictions(
        write(table.assign(prediction=50 * table["prediction"]), tmp_path / "l.csv"), toy_set, PROTOCOLS
    )
    assert any("another scale" in note for note in large.notes)
    label = table["sample_id"].map(dict(zip(toy_set.sample_ids, toy_set.label, strict=True)))
    alike = read_predictions(write(table.assign(prediction=label), tmp_path / "s.csv"), toy_set, PROTOCOLS)
    assert any("were the masks applied" in note for note in alike.notes)


def test_several_models_in_one_file_and_names_that_are_taken(toy_set: EvaluationSet, tmp_path: Path) -> None:
    table = filled(toy_set)
    two = pd.concat([table.assign(model="one"), table.assign(model="two", prediction=0.1)])
    path = write(two, tmp_path / "two.csv")
    assert read_predictions(path, toy_set, PROTOCOLS).models == ("one", "two")
    with pytest.raises(InputError, match="holds 2 models"):
        read_predictions(path, toy_set, PROTOCOLS, name="mine")
    for name, says in (
        ("constant", "row of the suite's own"),
        ("oracle", "row of the suite's own"),
        ("a\tb", "not a name"),
    ):
        with pytest.raises(InputError, match=says):
            read_predictions(write(table, tmp_path / "mine.csv"), toy_set, PROTOCOLS, name=name)
