from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmark.evaluation.statistics import compare, corrected, draw_weights, ranks, resample, tied_with_best
from tests.benchmark.evaluation.statistics.error_rates import equal_models, estimates_of
from tests.benchmark.evaluation.statistics.made_up import study

BOTH = ["sc0", "sc1"]


def test_models_that_do_not_differ_significantly_share_a_rank() -> None:
    label, owner, cells, said = study({"best": 0.2, "twin": 1.0, "worse": 2.5}, n=300, videos=30)
    twin = cells["model"] == "twin"
    cells = pd.concat([cells, cells[twin].assign(model="other twin")], ignore_index=True)
    said = np.r_[said, said[twin.to_numpy()]]
    table = ranks(resample(label, owner, cells, said), "mae", ["sc0", "sc1"])
    assert table["model"].tolist() == ["best", "other twin", "twin", "worse"]
    assert table["rank"].tolist() == [1, 2, 2, 4]
    assert table["p_next"].iloc[0] <= 0.05
    assert table["p_next"].iloc[1] > 0.5
    assert ranks(resample(label, owner, cells, said), "acc7", ["sc0"])["model"].iloc[-1] == "worse"


def test_fewer_than_three_seeds_have_no_rank() -> None:
    label, owner, cells, said = study({"a": 0.2, "b": 1.0, "c": 2.5}, n=200)
    kept = ~((cells["model"] == "a") & (cells["seed"] == 2)).to_numpy()
    table = ranks(resample(label, owner, cells[kept], said[kept]), "mae", ["sc0", "sc1"])
    assert table["model"].tolist() == ["a", "b", "c"]
    assert np.isnan(table["rank"].iloc[0])
    assert table["rank"].iloc[1] == 1


@pytest.mark.parametrize("seeds", [2, 3])
def test_a_known_p_gives_the_same_ranks(seeds: int) -> None:
    estimates = resample(*study({"a": 0.2, "b": 0.9, "c": 1.0}, seeds), draws=200)
    chosen = ["sc0", "sc1"]
    p = corrected(estimates, "mae", chosen)
    table = ranks(estimates, "mae", chosen)
    pd.testing.assert_frame_equal(ranks(estimates, "mae", chosen, p=p), table)
    assert table["p_next"].isna().all() == (seeds < 3)
    assert tied_with_best(estimates, "mae", chosen, p=p) == tied_with_best(estimates, "mae", chosen)


def test_the_first_rank_is_what_a_table_prints_in_bold() -> None:
    for key in range(8):
        models = {f"m{i}": 1.0 + 0.12 * i for i in range(5)}
        result = resample(*study(models, n=150, videos=20, key=key), draws=300)
        table = ranks(result, "mae", BOTH)
        p = corrected(result, "mae", BOTH)
        first = table.loc[table["rank"] == 1, "model"].tolist()
        assert tied_with_best(result, "mae", BOTH) == set(first)
        assert all(p[a, b] > 0.05 for a in first for b in first if a != b)
        assert len(first) == len(table) or min(p[a, table["model"][len(first)]] for a in first) <= 0.05
        assert first == table["model"].tolist()[: len(first)]
        assert table["rank"].is_monotonic_increasing
        places = table.groupby("rank").size()
        assert places.index.tolist() == [1 + sum(places.iloc[:i]) for i in range(len(places))]


def test_p_of_an_adjacent_order_is_that_behind_the_ranks() -> None:
    result = resample(*study({"a": 1.0, "b": 1.1, "c": 1.2}, n=150, videos=20), draws=300)
    for metric in ("mae", "acc7"):
        table, p = ranks(result, metric, BOTH), corrected(result, metric, BOTH)
        for above, below, shown in zip(table["model"], table["model"][1:], table["p_next"], strict=False):
            assert shown == p[above, below]
        assert np.isnan(table["p_next"].iloc[-1])


def test_more_models_make_a_claim_harder() -> None:
    label, owner, cells, said = study({"a": 1.0, "b": 1.11}, n=300, videos=40, key=1)
    two = resample(label, owner, cells, said)
    assert 0.01 < compare(two["a"], two["b"], "mae", BOTH)["p"] < 0.05
    assert tied_with_best(two, "mae", BOTH) == {"a"}
    chosen = (cells["model"] == "b").to_numpy()
    crowd = [cells, *(cells[chosen].assign(model=f"twin {i}") for i in range(8))]
    many = resample(label, owner, pd.concat(crowd, ignore_index=True), np.r_[said, np.tile(said[chosen], (8, 1))])
    assert tied_with_best(many, "mae", BOTH) == set(many)


def test_few_seeds_holes_and_undefined_values_are_never_called_best() -> None:
    label, owner, cells, said = study({"a": 0.2, "b": 1.0, "c": 2.5}, n=200)

    def without(rows: pd.Series) -> frozenset[str]:
        kept = ~rows.to_numpy()
        return tied_with_best(resample(label, owner, cells[kept], said[kept], draws=300), "mae", BOTH)

    assert without(cells["seed"] == 9) == {"a"}
    assert without((cells["model"] == "a") & (cells["seed"] == 2)) == {"b"}  # two seeds beside models with three
    assert without((cells["model"] == "a") & (cells["seed"] == 2) & (cells["scenario"] == "sc1")) == {"b"}  # a hole
    assert without(cells["seed"] > 1) == {"a"}  # nobody has three: the printed best alone
    assert without(cells["scenario"] == "sc1") == frozenset()  # nobody is without a hole
    neutral = resample(np.zeros(200), owner, cells, said, draws=20)
    assert tied_with_best(neutral, "f1_non0", BOTH) == frozenset()
    assert ranks(neutral, "f1_non0", BOTH)["rank"].isna().all()


@pytest.mark.parametrize("seeds", [1, 3])
def test_one_video_has_no_order(seeds: int) -> None:
    result = resample(*study({"a": 0.2, "b": 2.0, "c": 2.5}, seeds=seeds, videos=1), draws=50)
    assert tied_with_best(result, "mae", BOTH) == frozenset()
    table = ranks(result, "mae", BOTH)
    assert table["model"].tolist() == ["a", "b", "c"]
    assert table[["rank", "p_next"]].isna().all(axis=None)


def test_models_without_any_difference_share_the_first_rank() -> None:
    label, owner, cells, said = study({"a": 1.0, "b": 3.0}, n=200, videos=20)
    constant = np.full((len(cells) // 2, 200), 0.2)
    for name in ("constant", "same"):
        cells = pd.concat([cells, cells[cells["model"] == "a"].assign(model=name)], ignore_index=True)
        said = np.r_[said, constant]
    result = resample(label, owner, cells, said, draws=300)
    known = corrected(result, "mae", BOTH)
    assert known["constant", "same"] == 1.0
    assert known["a", "b"] <= 0.05
    only = {name: result[name] for name in ("constant", "same")}
    assert ranks(only, "mae", BOTH)["rank"].tolist() == [1.0, 1.0]


def test_a_corrected_p_does_not_depend_on_the_order_of_models() -> None:
    result = resample(*study({f"m{i}": 1.0 + 0.1 * i for i in range(5)}, n=150, videos=20), draws=300)
    turned = {name: result[name] for name in reversed(result)}
    assert corrected(result, "mae", BOTH) == corrected(turned, "mae", BOTH)


def test_a_model_whose_seeds_vary_much_does_not_hide_the_others() -> None:
    rng = np.random.default_rng(0)
    errors = equal_models(rng, 6, 3, 40)
    errors[1:] += 0.6  # the first is clearly better
    weights = draw_weights(500, 40, 0, "videos")
    plain = corrected(estimates_of(errors, weights), "mae", ["complete"])
    errors[5] += np.array([-3.0, 0.0, 3.0])[:, None]
    wild = corrected(estimates_of(errors, weights), "mae", ["complete"])
    for other in ("m01", "m02", "m03", "m04"):
        assert plain["m00", other] <= 0.05
        assert wild["m00", other] <= 0.05
    assert wild["m00", "m05"] > 0.05
