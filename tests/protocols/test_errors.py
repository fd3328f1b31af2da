"""Suggestions for unknown names."""

from __future__ import annotations

import pytest

from protocols import unknown_name

NAMES = ("lnln", "mosi", "mosei", "MAE", "senti-ifusion", "Acc-7")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("LNLN", "lnln"), ("MOSI", "mosi"), ("mae", "MAE"), ("Senti-iFusion", "senti-ifusion"), ("ACC-7", "Acc-7")],
)
def test_a_name_in_another_case_is_suggested_first(name: str, meant: str) -> None:
    assert f"unknown thing '{name}'; did you mean {meant}" in str(unknown_name("thing", name, NAMES))


def test_names_that_differ_only_in_case_are_all_suggested() -> None:
    assert str(unknown_name("field", "LR", ["lr", "Lr"])) == "unknown field 'LR'; did you mean Lr or lr?"


def test_a_name_that_resembles_none_gets_the_list() -> None:
    assert str(unknown_name("thing", "xyz", ["lnln", "MAE"])) == "unknown thing 'xyz'; known: MAE, lnln"
