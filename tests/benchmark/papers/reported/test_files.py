"""The published numbers themselves: counts, ranges, means, bounds, and the errors that are known."""

from __future__ import annotations

import pandas as pd
import pytest

from baselines import models
from benchmark.evaluation.metrics import METRICS, f1_is_possible
from benchmark.papers.reported import aggregate_of, load, load_sources, reported_folder
from benchmark.papers.reported.checks import TEST_LABELS
from benchmark.papers.reported.schema import SELECTIONS, is_share

ROWS = {
    "lnln-means": 184,
    "lnln-rates": 1761,
    "lnln-missing": 1056,
    "tcmr": 242,
    "semmsa": 588,
    "emt-dlfr": 176,
    "comp": 224,
    "hrlf": 144,
    "primd": 84,
    "msa-rerun": 105,
    "senti-ifusion": 0,
}
CENET = ("mosi", "CENET", "acc5")

CELL = ["source", "table", "dataset", "method", "point"]


def _counts(dataset: str, suffix: str) -> tuple[int, int]:
    negative, zero, positive = TEST_LABELS[dataset]
    return (positive + zero, negative) if suffix == "has0" else (positive, negative)


#: (Positive, negative) test samples behind a two-class metric, by data set and suffix.
CLASS_COUNTS: dict[tuple[str, str], tuple[int, int]] = {
    (dataset, suffix): _counts(dataset, suffix)
    for dataset, suffixes in (("mosi", ("has0", "non0")), ("mosei", ("has0", "non0")), ("sims", ("sims",)))
    for suffix in suffixes
}


def f1_bounds(rows: pd.DataFrame) -> pd.Series:
    """Return `possible` or `impossible` for every F1 with an accuracy beside it, else empty; indexed as `rows`.

    Rounding is that of the less exact of the two numbers. An area under a curve is divided by the length of its axis,
    which makes it a mean.
    """
    verdict = pd.Series("", index=rows.index, dtype=object)
    records = rows.to_dict("records")
    beside = {
        (*(row[name] for name in CELL), str(row["metric"]).removeprefix("acc2_")): row
        for row in records
        if str(row["metric"]).startswith("acc2_")
    }
    for i, row in enumerate(records):
        kind, _, suffix = str(row["metric"]).partition("_")
        counts = CLASS_COUNTS.get((str(row["dataset"]), suffix))
        accuracy = beside.get((*(row[name] for name in CELL), suffix))
        if kind != "f1" or counts is None or accuracy is None:
            continue
        whole = 100.0
        if row["protocol"]:
            aggregate = aggregate_of(str(row["protocol"]), str(row["point"]))
            whole *= aggregate.length if aggregate.kind == "auilc" else 1.0
        rounding = 0.5 * 10.0 ** -min(int(row["decimals"]), int(accuracy["decimals"])) / whole
        possible = f1_is_possible(float(accuracy["value"]) / whole, float(row["value"]) / whole, counts, rounding)
        verdict.iloc[i] = "possible" if possible else "impossible"
    return verdict


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return load()


@pytest.mark.parametrize("name", ROWS)
def test_row_counts(name: str) -> None:
    assert len(pd.read_csv(reported_folder() / f"{name}.csv")) == ROWS[name]


def test_every_file_is_counted() -> None:
    assert {p.stem for p in reported_folder().glob("*.csv")} == {*ROWS, "sources"}


def test_grids_are_full(rows: pd.DataFrame) -> None:
    """Each method of a table has each of the table's metrics at each of its points."""
    own = rows[~rows["source"].eq("lnln-corrigendum")]
    for key, table in own.groupby(["source", "table", "dataset"]):
        shape = table["method"].nunique(), table["metric"].nunique(), table["point"].nunique()
        assert len(table) == shape[0] * shape[1] * shape[2], key


def test_units_and_decimals(rows: pd.DataFrame) -> None:
    """Shares are per cent: a column that fell to 0..1 would have no value above 1."""
    for (_, metric), own in rows.groupby(["source", "metric"]):
        if is_share(str(metric)):
            assert own["value"].median() > 10
        assert own["decimals"].between(1, 4).all()
        assert (own["value"].round(4) == own["value"]).all()


def test_f1_bounds_are_those_recomputed(rows: pd.DataFrame) -> None:
    pd.testing.assert_series_equal(f1_bounds(rows), rows["f1_bound"], check_names=False)
    assert (rows["f1_bound"] == "impossible").sum() == 194


def test_an_impossible_f1_is_never_valid(rows: pd.DataFrame) -> None:
    assert not rows[rows["f1_bound"].eq("impossible")]["valid"].any()


def test_only_lnln_and_almt_break_the_bound_in_the_lnln_paper(rows: pd.DataFrame) -> None:
    copied = rows["validity"].str.contains("a copy of the MOSI value")
    own = rows[rows["source"].eq("lnln") & rows["f1_bound"].eq("impossible") & ~copied]
    assert len(own) == 131
    assert set(own["method"]) == {"LNLN", "ALMT"}
    assert set(own["dataset"]) == {"mosi", "mosei", "sims"}
    f1 = rows[rows["source"].eq("lnln") & rows["metric"].str.startswith("f1_") & rows["method"].isin(["LNLN", "ALMT"])]
    assert not f1["valid"].any()


def _printed_means(rows: pd.DataFrame) -> pd.DataFrame:
    """Printed means of LNLN beside the means of its printed rates."""
    own = rows[rows["source"].eq("lnln") & rows["protocol"].eq("intra-random")]
    key = ["dataset", "method", "metric"]
    rates = own[own["point"].str.startswith("rate=")].groupby(key).agg(again=("value", "mean"), count=("value", "size"))
    means = own[own["point"].eq("mean 0..0.9")].set_index(key)
    return means.join(rates, how="left")


def test_means_are_those_of_the_rates(rows: pd.DataFrame) -> None:
    table = _printed_means(rows)
    assert len(table) == 176
    assert table["count"].eq(10).all()
    # half a unit of the last digit of the mean, and as much of each rate
    off = table[(table["value"] - table["again"]).abs() > 10.0 ** -table["decimals"] + 1e-9]
    assert list(off.index) == [("mosei", "TETFN", "corr")]  # a copied row that the authors say to exclude
    assert not off["valid"].any()


def test_the_corrected_mean_follows_from_the_corrected_rate(rows: pd.DataFrame) -> None:
    own = rows.set_index(["dataset", "method", "metric"]).loc[CENET]
    printed = own[own["source"].eq("lnln") & own["point"].str.startswith("rate=")]
    corrected = own[own["source"].eq("lnln-corrigendum")].set_index("point")["value"]
    wrong = printed[~printed["valid"]]
    assert list(wrong["point"]) == ["rate=0.7"]
    again = (printed["value"].sum() - wrong["value"].iloc[0] + corrected["rate=0.7"]) / 10
    assert again == pytest.approx(corrected["mean 0..0.9"], abs=0.01)


@pytest.mark.parametrize("source", ["hrlf", "primd"])
def test_means_of_subsets(rows: pd.DataFrame, source: str) -> None:
    own = rows[rows["source"].eq(source)]
    six = aggregate_of("inter-subsets", "mean incomplete").scenarios
    single = own[own["point"].str.startswith("available=")]
    single = single[[aggregate_of("inter-subsets", p).scenarios[0] in six for p in single["point"]]]
    key = ["dataset", "method", "metric"]
    again = single.groupby(key)["value"].mean()
    printed = own[own["point"].eq("mean incomplete")].set_index(key)["value"]
    assert len(printed) == len(again)
    assert (printed - again).abs().max() <= 0.01 + 1e-9


def _at(rows: pd.DataFrame, **where: str) -> pd.DataFrame:
    for name, value in where.items():
        rows = rows[rows[name].eq(value)]
    return rows


def test_copies_between_data_sets_are_marked(rows: pd.DataFrame) -> None:
    """A method whose MOSEI values equal its MOSI values at all ten rates was copied; all of these are marked."""
    own = rows[rows["table"].eq("Table 9")]
    wide = own.pivot(index=["method", "metric", "point"], columns="dataset", values="value")
    equal = (wide["mosi"] == wide["mosei"]).groupby(level=["method", "metric"]).sum()
    copied = set(equal[equal == 10].index)
    assert len(copied) == 8
    mosei = _at(own, dataset="mosei").set_index(["method", "metric"])
    assert not mosei.loc[sorted(copied), "valid"].any()
    assert set(equal.unique()) == {0, 10}


def test_copied_cells_of_self_mm_are_marked(rows: pd.DataFrame) -> None:
    missing = _at(rows, table="Table 14", method="Self-MM")
    rates = _at(rows, table="Table 10", method="Self-MM")
    for metric in ("acc2_sims", "f1_sims"):
        copied = _at(missing, metric=metric)
        assert set(copied["value"]) <= set(_at(rates, metric=metric)["value"])
        assert not copied["valid"].any()
    others = missing[~missing["metric"].isin(["acc2_sims", "f1_sims"])]
    assert others["valid"].all()
    cell = _at(rows, table="Table 13", method="Self-MM", metric="acc5", point="available=text+audio")
    assert cell["value"].nunique() == 1
    assert dict(zip(cell["dataset"], cell["valid"], strict=True)) == {"mosi": False, "mosei": True}


def test_no_two_protocols_or_aggregations_under_one_table(rows: pd.DataFrame) -> None:
    """A column of a table is of one protocol, one kind of point, one aggregation, one selection."""
    kind = rows["point"].str.replace(r"=.*| .*", "", regex=True)
    own = rows.assign(kind=kind)
    own = own[~own["point"].eq("mean incomplete")]
    spread = own.groupby(["source", "table", "dataset", "metric"])[["protocol", "kind", "aggregation", "selection"]]
    assert (spread.nunique() == 1).all().all()


def test_sources_are_complete(rows: pd.DataFrame) -> None:
    sources = load_sources()
    assert set(rows["source"]) == set(sources["source"]) - {"senti-ifusion"}
    assert (sources[["setting", "selection", "encoder"]] != "").all().all()
    assert set(rows["selection"]) == set(SELECTIONS)
    assert set(rows.loc[rows["source"].eq("tcmr"), "selection"]) == {"valid"}


def test_numbers_that_authors_did_not_publish_are_marked_unofficial(rows: pd.DataFrame) -> None:
    rerun = rows[rows["source"].eq("msa-rerun")]
    assert rerun["note"].str.startswith("unofficial").all()
    assert load_sources().set_index("source").loc["msa-rerun", "name"].endswith("(unofficial)")
    own = rerun[rerun["metric"].eq("mae")].set_index("method")
    assert own.loc["self_mm", "printed"] == "0.722"
    assert set(rerun["selection"]) == {"valid"}


def test_every_metric_is_ours_or_said_to_be_unknown(rows: pd.DataFrame) -> None:
    assert set(rows["metric"]) - set(METRICS) == {"acc2_unknown", "f1_unknown"}


def test_models_are_names_of_the_suite(rows: pd.DataFrame) -> None:
    assert set(rows["model"]) - {""} <= set(models())
