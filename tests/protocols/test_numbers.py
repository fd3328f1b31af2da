"""Numbers in text: plain decimals are read to the last digit, and nothing else is a number."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import InputError, parse, read_number, read_whole


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**18) + 1, 10**18 - 1))
def test_numbers_come_back_as_python_writes_them(number: float, whole: int) -> None:
    assert read_number(f" {number!r} ") == number
    assert read_whole(f"{whole:+}") == whole


@pytest.mark.parametrize("text", ["1_0", "1_0.5", "٣", "１", "0x1", "1,5", "nan", "inf", "", "-", ".", "1e", "1 0"])
def test_other_spellings_are_no_numbers(text: str) -> None:
    assert read_number(text) is None
    assert read_whole(text) is None


def test_beyond_the_largest_double_is_infinite() -> None:
    assert read_number("-1e999") == -math.inf
    assert read_whole("9" * 19) is None


@pytest.mark.parametrize("rate", ["0.1_0", "1_0", "0x1", "-1_0"])
def test_scenarios_hold_plain_numbers(rate: str) -> None:
    with pytest.raises(InputError, match="is not a plain number"):
        parse(f"drop(rate={rate})")
