"""Predictions from elsewhere: rated as a model's own would be, or told line by line what is wrong with them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.cli.main import main
from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from benchmark.external import (
    EvaluationSet,
    External,
    add_external,
    evaluation_set,
    external_panel,
    inspect_predictions,
    read_predictions,
    template,
    write_template,
)
from benchmark.external.columns import numbers
from benchmark.measured import read_measured
from benchmark.metrics import score
from benchmark.report.leaderboard import leaderboard
from protocols import InputError, get_protocol
from tests.samples import make_samples

DEMO = Path(__file__).parents[2] / "results" / "measured" / "demo"
PROTOCOLS = (get_protocol("complete"), get_protocol("inter-drop"))


@pytest.fixture
def samples() -> EvaluationSet:
    """The test part of a data set that was imported: 20 samples."""
    write_store(make_samples(60, words=False), store_path("toy"))
    return evaluation_set("toy")


def filled(samples: EvaluationSet, seeds: tuple[int, ...] = (0, 1, 2)) -> pd.DataFrame:
    rows = template(samples, PROTOCOLS, seeds)
    label = rows["sample_id"].map(dict(zip(samples.sample_ids, samples.label, strict=True)))
    noise = np.random.default_rng(0).normal(size=len(rows))
    return rows.assign(prediction=0.7 * label.to_numpy(np.float64) + 0.5 * noise)


def write(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path, index=False)
    return path


def same(a: External, b: External) -> bool:
    def ordered(e: External) -> tuple[list[object], np.ndarray]:
        order = e.cells.sort_values(["model", "seed", "scenario"]).index
        return e.cells.loc[order].to_numpy().tolist(), e.predictions[order]

    (left, p), (right, q) = ordered(a), ordered(b)
    return left == right and np.array_equal(p, q)


def test_every_prediction_comes_to_its_cell_and_sample(samples: EvaluationSet, tmp_path: Path) -> None:
    table = filled(samples)
    found = read_predictions(write(table, tmp_path / "mine.csv"), samples, PROTOCOLS)
    assert len(found.cells) == 3 * 11
    for i, cell in found.cells.iterrows():
        own = table[(table["seed"] == cell["seed"]) & (table["scenario"] == cell["scenario"])]
        want = own.set_index("sample_id")["prediction"].reindex(list(samples.sample_ids)).to_numpy()
        assert np.array_equal(found.predictions[i], want)
    assert found.models == ("mine",)
    assert found.missing == ()


def test_order_format_and_spelling_of_the_file_change_nothing(samples: EvaluationSet, tmp_path: Path) -> None:
    table = filled(samples)
    whole = read_predictions(write(table, tmp_path / "mine.csv"), samples, PROTOCOLS)
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
            assert same(read_predictions(path, samples, PROTOCOLS, name="mine"), whole), (name, ending)
    text = (tmp_path / "mine.csv").read_text()
    (tmp_path / "windows.csv").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() + b"\r\n\r\n")
    assert same(read_predictions(tmp_path / "windows.csv", samples, PROTOCOLS, name="mine"), whole)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_numbers_are_read_to_the_last_bit(values: list[float]) -> None:
    read = numbers(pd.Series([repr(v) for v in values], dtype=object))
    assert read.tobytes() == np.array(values).tobytes()


def test_its_row_has_the_metrics_of_its_predictions_and_no_cost(samples: EvaluationSet, tmp_path: Path) -> None:
    found = read_predictions(write(filled(samples), tmp_path / "mine.csv"), samples, PROTOCOLS)
    panel = external_panel(found)
    assert panel.external == {"mine"}
    rows = {str(r["model"]).split(" ")[0]: r for r in leaderboard(panel, "inter-drop", draws=50).records()}
    assert set(rows) == {"mine", "constant"}
    drop = found.cells["scenario"].str.startswith("drop").to_numpy()
    scores = [score(samples.label, p) for p in found.predictions[drop]]
    assert len(scores) == 30
    for metric in ("mae", "corr", "acc7", "f1_non0"):
        assert rows["mine"][metric] == pytest.approx(np.mean([s[metric] for s in scores]), abs=1e-12)
    assert rows["constant"]["mae"] == pytest.approx(np.abs(samples.constant - samples.label).mean(), abs=1e-12)
    for cost in ("parameters", "train_seconds", "inference_ms"):
        assert rows["mine"][cost] in (None, "")
    text = leaderboard(panel, "inter-drop", draws=50).markdown()
    assert "mine (external)" in text
    assert "mine.csv (sha256" in text


def test_a_copy_of_a_models_predictions_gets_its_row_and_its_rank(tmp_path: Path) -> None:
    panel = read_measured(DEMO)[0]
    own = panel.cells["model"] == "lnln"
    n = len(panel.sample_ids)
    cells = panel.cells[own]
    table = cells.loc[cells.index.repeat(n), ["seed", "scenario"]].assign(
        sample_id=np.tile(panel.sample_ids, int(own.sum())), prediction=panel.predictions[own].ravel()
    )
    protocols = [get_protocol(name) for name in dict.fromkeys(panel.points["protocol"])]
    samples = evaluation_set(f"{panel.dataset}/{panel.split}")
    found = read_predictions(write(table, tmp_path / "copy.parquet"), samples, protocols)
    whole = add_external(panel, found)
    rows = {str(r["model"]).split(" ")[0]: r for r in leaderboard(whole, "uncertain", draws=200).records()}
    for name in ("mae", "corr", "acc7", "acc5", "acc2_has0", "f1_non0", "mae_sd", "rank"):
        assert rows["copy"][name] == rows["lnln"][name], name
    assert len(rows) == len(leaderboard(panel, "uncertain", draws=200).rows) + 1
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


def change(table: pd.DataFrame, row: int, **values: object) -> pd.DataFrame:
    table = table.astype(object)
    for name, value in values.items():
        table.loc[row, name] = value
    return table


FAULTS = [
    ({"sample_id": "v3_77"}, "line 9: sample 'v3_77' is not in toy/official; did you mean"),
    ({"sample_id": "v0_0"}, "line 9: sample 'v0_0' is a train sample of toy/official"),
    ({"sample_id": ""}, "line 9: sample '' is not in toy/official"),
    ({"seed": "1.5"}, "line 9: seed is '1.5', expected an integer"),
    ({"seed": -1}, "line 9: seed is '-1', expected an integer"),
    ({"seed": ""}, "line 9: seed is empty, expected an integer"),
    ({"prediction": "nan"}, "line 9: prediction is 'nan', expected a finite number"),
    ({"prediction": "inf"}, "line 9: prediction is 'inf', expected a finite number"),
    ({"prediction": "0,5"}, "line 9: prediction is '0,5', expected a finite number"),
    ({"prediction": ""}, "line 9: prediction is empty; fill it in"),
    ({"scenario": "dorp(rate=0.5)"}, "line 9: unknown mechanism 'dorp'; did you mean drop"),
    ({"scenario": "drop(rate=0.55)"}, "line 9: scenario 'drop(rate=0.55)' is not of complete, inter-drop; add it with"),
    ({"scenario": "subset(available=text)"}, "add inter-subsets to the protocols"),
    ({"scenario": "0123456789abcdef"}, "fingerprint 0123456789abcdef is of no scenario of complete, inter-drop"),
    ({"scenario": ""}, "line 9: scenario is empty"),
]


@pytest.mark.parametrize(("values", "says"), FAULTS)
def test_a_fault_is_one_line_with_file_row_and_advice(
    values: dict[str, object], says: str, samples: EvaluationSet, tmp_path: Path
) -> None:
    path = write(change(filled(samples), 7, **values), tmp_path / "mine.csv")
    found = inspect_predictions(path, samples, PROTOCOLS)
    assert found.external is None
    (line,) = found.faults
    assert line.startswith(f"{path}, line 9")
    assert says in line
    assert "\n" not in line
    with pytest.raises(InputError, match=r"mine\.csv, line 9"):
        read_predictions(path, samples, PROTOCOLS)


def test_all_faults_are_told_at_once_each_with_its_number_of_rows(samples: EvaluationSet, tmp_path: Path) -> None:
    table = filled(samples)
    for row, (values, _) in enumerate(FAULTS):
        table = change(table, 3 * row, **values)
    table = pd.concat([table, table.iloc[[50, 51]]])
    path = write(table, tmp_path / "mine.csv")
    lines = inspect_predictions(path, samples, PROTOCOLS).faults
    kinds = {says.partition(":")[2].split("'")[0].strip() for _, says in FAULTS}
    assert len(lines) >= len(kinds) - 4
    assert any("seed is '1.5'" in line and "and 2 more rows" in line for line in lines)
    (twice,) = [line for line in lines if "is there already" in line]
    assert f"line {len(table)} (and 1 more row)" in twice
    assert "in line 52; keep one" in twice
    with pytest.raises(InputError, match=f"the first of {len(lines)} faults"):
        read_predictions(path, samples, PROTOCOLS)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "cannot be read as csv"),
        ("sample_id,scenario,seed,prediction\n", "has no rows"),
        ("sample,scenario,seed,prediction\na,complete,0,1\n", "no column 'sample_id'.*is it called sample"),
        ("sample_id,scenario,seed,prediction,seed\na,complete,0,1,0\n", "column 'seed' is there twice"),
        ("sample_id,scenario,seed,prediction\na,complete,0,1\na,complete,0,1,5\n", "line 3, saw 5"),
    ],
)
def test_a_file_that_is_none_is_said_to_be_none(
    content: str, says: str, samples: EvaluationSet, tmp_path: Path
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=says):
        read_predictions(path, samples, PROTOCOLS)
    with pytest.raises(InputError, match="no such file"):
        read_predictions(tmp_path / "nowhere.csv", samples, PROTOCOLS)
    (tmp_path / "mine.xlsx").write_text("x")
    with pytest.raises(InputError, match=r"\.csv or \.parquet"):
        read_predictions(tmp_path / "mine.xlsx", samples, PROTOCOLS)
    (tmp_path / "mine.parquet").write_text("x")
    with pytest.raises(InputError, match="cannot be read as parquet"):
        read_predictions(tmp_path / "mine.parquet", samples, PROTOCOLS)


def test_a_hole_is_named_with_counts_and_has_no_aggregate(samples: EvaluationSet, tmp_path: Path) -> None:
    table = filled(samples)
    never = (table["seed"] == 2) & table["scenario"].isin(["drop(rate=0.8)", "drop(rate=0.9)"])
    partly = (
        (table["seed"] == 0)
        & (table["scenario"] == "drop(rate=0.1)")
        & table["sample_id"].isin(samples.sample_ids[[4, 9, 10]])
    )
    path = write(table[~(never | partly)], tmp_path / "mine.csv")
    found = read_predictions(path, samples, PROTOCOLS)
    assert len(found.absent) == 2 * len(samples.sample_ids) + 3
    lines = {gap.seed: str(gap) for gap in found.missing}
    assert "not evaluated under drop(rate=0.8) and 1 more" in lines[2]
    assert f"lacks 3 of {len(samples.sample_ids)} predictions in 1 scenario" in lines[0]
    assert f"such as sample '{samples.sample_ids[4]}' under drop(rate=0.1)" in lines[0]
    table_drop = leaderboard(external_panel(found), "inter-drop", draws=20)
    row = next(r for r in table_drop.records() if str(r["model"]).startswith("mine"))
    assert row["mae"] in (None, "")
    assert "no aggregate" in table_drop.markdown()
    row = next(
        r
        for r in leaderboard(external_panel(found), "complete", draws=20).records()
        if str(r["model"]).startswith("mine")
    )
    assert isinstance(row["mae"], float)
    # the command that the gap names writes exactly the rows that make it whole
    lacking = tmp_path / "missing.csv"
    assert write_template(lacking, found) == len(found.absent)
    rest = pd.read_csv(lacking).drop(columns="prediction").merge(table, on=["sample_id", "scenario", "seed"])
    both = write(pd.concat([table[~(never | partly)], rest]), tmp_path / "both.csv")
    whole = read_predictions(write(table, tmp_path / "whole.csv"), samples, PROTOCOLS, name="m")
    assert same(read_predictions(both, samples, PROTOCOLS, name="m"), whole)
    with pytest.raises(InputError, match="nothing is missing"):
        write_template(tmp_path / "again.csv", whole)
    only = write(table.iloc[:5], tmp_path / "few.csv")
    with pytest.raises(InputError, match=r"no \(seed, scenario\) has all 20 samples"):
        read_predictions(only, samples, PROTOCOLS)


def test_a_filled_template_is_whole(samples: EvaluationSet, tmp_path: Path) -> None:
    path = tmp_path / "to" / "fill.csv"
    count = write_template(path, template(samples, PROTOCOLS, (0, 3)))
    table = pd.read_csv(path)
    assert len(table) == count == 2 * 11 * len(samples.sample_ids)
    assert table["prediction"].isna().all()
    found = read_predictions(write(table.assign(prediction=0.5), tmp_path / "f.csv"), samples, PROTOCOLS)
    assert found.missing == ()
    assert sorted(set(found.cells["seed"])) == [0, 3]
    with pytest.raises(InputError, match="is there already"):
        write_template(path, template(samples, PROTOCOLS))
    with pytest.raises(InputError, match=r"ends in \.csv"):
        write_template(tmp_path / "fill.txt", template(samples, PROTOCOLS))


def test_predictions_under_other_masks_are_refused(samples: EvaluationSet, tmp_path: Path) -> None:
    hashes = {scenario: sha for (_, scenario), sha in samples.masks_sha256(PROTOCOLS[1].scenarios).items()}
    table = filled(samples)
    table = table[table["scenario"] != "complete"]
    table["masks_sha256"] = table["scenario"].map(hashes)
    assert read_predictions(write(table, tmp_path / "a.csv"), samples, PROTOCOLS).models == ("a",)
    short = table.assign(masks_sha256=table["masks_sha256"].str[:16])
    assert read_predictions(write(short, tmp_path / "b.csv"), samples, PROTOCOLS).models == ("b",)
    swapped = table.assign(masks_sha256=table["scenario"].map({**hashes, "drop(rate=0.4)": hashes["drop(rate=0.5)"]}))
    found = inspect_predictions(write(swapped, tmp_path / "c.csv"), samples, PROTOCOLS)
    (line,) = found.faults
    assert "(and 59 more rows)" in line
    assert f"the masks of 'drop(rate=0.4)' have {hashes['drop(rate=0.4)'][:16]}" in line
    for empty in ("", "12"):
        table.loc[table.index[0], "masks_sha256"] = empty
        assert inspect_predictions(write(table, tmp_path / "d.csv"), samples, PROTOCOLS).faults


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
    for split in splits:
        train = made.label[splits[split] == 1]
        assert set(samples.constant[samples.split_of == split]) == {torch.tensor(train).quantile(0.5).item()}
    assert {split for split, _ in samples.masks_sha256(PROTOCOLS[1].scenarios)} == set(splits)
    write_store(replace(made, name="twice", splits={"a": splits["fold0"], "b": splits["fold0"]}), store_path("twice"))
    with pytest.raises(InputError, match="in the test part of two of the splits"):
        evaluation_set("twice/*")


def test_what_is_rarely_meant_is_noted(samples: EvaluationSet, tmp_path: Path) -> None:
    table = filled(samples)
    notes = read_predictions(write(table, tmp_path / "fine.csv"), samples, PROTOCOLS).notes
    assert len(notes) == 1
    large = read_predictions(
        write(table.assign(prediction=50 * table["prediction"]), tmp_path / "l.csv"), samples, PROTOCOLS
    )
    assert any("another scale" in note for note in large.notes)
    label = table["sample_id"].map(dict(zip(samples.sample_ids, samples.label, strict=True)))
    alike = read_predictions(write(table.assign(prediction=label), tmp_path / "s.csv"), samples, PROTOCOLS)
    assert any("were the masks applied" in note for note in alike.notes)


def test_several_models_in_one_file_and_names_that_are_taken(samples: EvaluationSet, tmp_path: Path) -> None:
    table = filled(samples)
    two = pd.concat([table.assign(model="one"), table.assign(model="two", prediction=0.1)])
    path = write(two, tmp_path / "two.csv")
    assert read_predictions(path, samples, PROTOCOLS).models == ("one", "two")
    with pytest.raises(InputError, match="holds 2 models"):
        read_predictions(path, samples, PROTOCOLS, name="mine")
    for name, says in (
        ("constant", "row of the suite's own"),
        ("oracle", "row of the suite's own"),
        ("a\tb", "no name"),
    ):
        with pytest.raises(InputError, match=says):
            read_predictions(write(table, tmp_path / "mine.csv"), samples, PROTOCOLS, name=name)


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["score", *arguments])
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err  # type: ignore[return-value]


def test_the_command_rates_lists_and_refuses(
    samples: EvaluationSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--dataset", "toy", "--protocols", "complete,inter-drop"]
    path = tmp_path / "fill.csv"
    code, out, _ = call(capsys, *where, "--template", str(path), "--seeds", "3")
    assert code == 0
    assert f"{3 * 11 * 20} rows" in out
    mine = str(write(filled(samples), tmp_path / "mine.csv"))
    code, out, _ = call(capsys, mine, *where)
    assert code == 0
    assert "mine (external)" in out
    code, out, _ = call(capsys, mine, *where, "--name", "other", "--json")
    found = json.loads(out)
    assert found["models"] == ["other"]
    assert [table["protocol"] for table in found["tables"]] == ["complete", "inter-drop"]
    for form, says in (("markdown", "| 1 |"), ("csv", "protocol"), ("latex", r"\toprule"), ("html", "<!doctype html>")):
        code, out, _ = call(capsys, mine, *where, "--format", form)
        assert code == 0
        assert says in out
    bad = change(change(filled(samples), 3, seed="x"), 5, sample_id="who")
    code, out, err = call(capsys, str(write(bad, tmp_path / "bad.csv")), *where)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 2
    for arguments, says in (
        ([mine], "--dataset and --protocols"),
        (where, "--template"),
        ([mine, "--dataset", "toy", "--protocols", "inter-dorp"], "did you mean inter-drop"),
        ([mine, *where, "--beside", str(DEMO)], "unknown data set"),
        ([mine, "--beside", str(DEMO), "--protocols", "intra-burst"], "unknown protocol of the panel"),
        ([mine, "--beside", str(DEMO)], "is not in synthetic"),
    ):
        code, _, err = call(capsys, *arguments)
        assert code == 2, arguments
        assert says in err
        assert "Traceback" not in err


def test_beside_a_study_it_has_ranks_among_its_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    panel = read_measured(DEMO)[0]
    samples = evaluation_set(f"{panel.dataset}/{panel.split}")
    rows = template(samples, [get_protocol("complete")], (0, 1, 2))
    label = rows["sample_id"].map(dict(zip(samples.sample_ids, samples.label, strict=True)))
    path = write(rows.assign(prediction=0.99 * label), tmp_path / "seer.csv")
    code, out, err = call(capsys, str(path), "--beside", str(DEMO), "--protocols", "complete", "--json")
    assert code == 0, err
    (table,) = json.loads(out)["tables"]
    ranked = [(row["rank"], row["model"]) for row in table["rows"]]
    assert ranked[0] == (1, "seer (external)")
    assert {name for _, name in ranked} >= {"lnln", "constant", "oracle"}
