"""Scenarios and protocols as text."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import (
    MODALITIES,
    InputError,
    Layout,
    Mechanism,
    Scenario,
    get_protocol,
    get_regime,
    leaves_everything,
    parse,
    protocols,
    register_mechanism,
)
from protocols.counter import Stream
from protocols.mechanisms.base import Corrupted

MECHANISMS = st.one_of(
    st.floats(0, 1).map(lambda r: f"drop(rate={r!r})"),
    st.floats(0, 1).map(lambda r: f"random_positions(rate={r!r})"),
    st.floats(0, 1).map(lambda r: f"random_rates(clean={r!r})"),
    st.tuples(st.floats(0, 1), st.floats(0, 1)).map(
        lambda r: f"random_positions(rate={{text: {r[0]!r}, vision: {r[1]!r}}})"
    ),
    st.floats(0, 0.67).map(lambda r: f"missing_ratio(ratio={r!r})"),
    st.floats(0, 1).map(lambda r: f"aligned_positions(rate={r!r})"),
    st.floats(0, 1).map(lambda r: f"block(rate={r!r})"),
    st.tuples(st.floats(0, 1), st.floats(1, 100)).map(lambda r: f"burst(rate={r[0]!r}, mean_length={r[1]!r})"),
    st.tuples(st.floats(0, 1), st.floats(0, 20)).map(lambda r: f"informative(rate={r[0]!r}, strength={r[1]!r})"),
    st.floats(-60, 120).map(lambda r: f"noise(snr_db={r!r})"),
    st.floats(0, 1).map(lambda r: f"token_errors(rate={r!r})"),
    st.tuples(st.floats(0, 1), st.integers(0, 2**32 - 1)).map(
        lambda r: f"mmsa_positions(rate={r[0]!r}, seed={r[1]}, steps={{text: 50, audio: 375, vision: 500}})"
    ),
    st.sets(st.sampled_from(["text", "audio", "vision"]), min_size=1).map(
        lambda names: f"subset(available=({', '.join(names)},))"
    ),
)


@settings(deadline=None, max_examples=100)
@given(st.lists(MECHANISMS, min_size=1, max_size=4))
def test_printed_scenarios_are_those_that_were_read(texts: list[str]) -> None:
    scenario = parse(" + ".join(texts))
    assert parse(str(scenario)) == scenario
    assert str(parse(str(scenario))) == str(scenario)
    assert hash(parse(str(scenario))) == hash(scenario)


@register_mechanism("holds_of_test")
@dataclass(frozen=True)
class Holds(Mechanism):
    """A mechanism of somebody else, whose parameter may be anything that can be written."""

    value: object

    def erase(self, layout, present, stream):  # type: ignore[no-untyped-def]
        return {}


WORDS = st.text(max_size=8) | st.sampled_from(["text", "vision", "True", "None", "for", "x y", "1", "\u212b", "it's"])
NUMBERS = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    WORDS | NUMBERS,
    lambda v: st.lists(v, max_size=4).map(tuple) | st.dictionaries(WORDS | NUMBERS, v, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=300)
@given(VALUES)
def test_parameters_of_any_mechanism_are_read_as_they_were_given(value: object) -> None:
    """Numbers, text, tuples and mappings; only one modality alone, `(text,)`, is written and read without brackets."""
    scenario = Scenario((Holds(value),))
    if isinstance(value, tuple) and len(value) == 1 and value[0] in MODALITIES:
        assert str(scenario) == f"holds_of_test(value={value[0]})"
    else:
        (read,) = parse(str(scenario)).mechanisms
        assert read == Holds(value)
        assert type(read.value) is type(value) or isinstance(value, float)  # type: ignore[attr-defined]
    assert str(parse(str(scenario))) == str(scenario)
    assert "\n" not in str(scenario)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(0.1, 0.5)", (0.1, 0.5)),
        ("[-1, x, 'x y']", (-1, "x", "x y")),
        ("{1: (2,), a: {b: 3}}", {1: (2,), "a": {"b": 3}}),
        ("'True'", "True"),
    ],
)
def test_items_are_read_by_their_own_rule(text: str, value: object) -> None:
    assert parse(f"holds_of_test(value={text})") == Scenario((Holds(value),))


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=60))
def test_any_other_text_is_read_or_refused_in_one_line(text: str) -> None:
    refusal = ""
    try:
        scenario = parse(text)
        assert parse(str(scenario)) == scenario  # a text that happens to be one
    except InputError as error:
        refusal = str(error)
    assert "\n" not in refusal


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("drop(rate=1.5)", "from 0 to 1"),
        ("drop(0.5)", "by name"),
        ("drop(ratio=0.5)", "ratio"),
        ("drop(rate=True)", "from 0 to 1"),
        ("dorp(rate=0.5)", "did you mean drop"),
        ("drop", "brackets"),
        ("subset(available=smell)", "unknown modality 'smell'"),
        ("random_positions(rate={text: 2})", "rate of text"),
        ("random_positions(rate={smell: 0.2})", "unknown modality"),
        ("drop(rate=__import__('os'))", "cannot read"),
        ("random_positions(rate={({},): 0.2})", "cannot read the value"),
        ("random_positions(rate={1: 0.2})", "unknown modality '1'"),
        ("drop(rate=0.5) - drop(rate=0.1)", "join mechanisms with +"),
        ("", "cannot read scenario"),
    ],
)
def test_mistakes_are_named(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says.replace("+", r"\+")):
        parse(text)


def test_standard_protocols_round_trip_and_differ() -> None:
    prints = {p.fingerprint for p in protocols().values()}
    assert len(prints) == len(protocols())
    for protocol in protocols().values():
        assert all(parse(str(s)) == s for s in protocol.scenarios)


def test_numeric_coordinates_are_what_the_scenario_takes_and_ticks_round_them() -> None:
    for protocol in protocols().values():
        for point in protocol.points:
            text = str(point.scenario)
            for axis, place in point.coordinates.items():
                if isinstance(place, (int, float)):
                    assert f"={place:g}" in text or f"={place!r}" in text, (str(protocol), text)
                    tick = point.printed[axis]
                    assert isinstance(tick, (int, float))
                    assert round(place, 1) == tick or place == tick
    last = get_protocol("inter-ratio").points[-1]
    assert last.coordinates == {"missing ratio": 2 / 3}
    assert last.printed == {"missing ratio": 0.7}


@pytest.mark.parametrize(
    ("text", "ignorable"),
    [
        ("complete", True),
        ("drop(rate=0.5) + block(rate=0.2)", True),
        ("noise(snr_db=5)", False),
        ("drop(rate=0.5) + token_errors(rate=0.1)", False),
        ("informative(rate=0.5)", False),
    ],
)
def test_gaps_tell_nothing_unless_they_depend_on_values(text: str, ignorable: bool) -> None:
    assert parse(text).ignorable is ignorable


#: Fingerprints of version 0.1, which scaled noise by the power of erased positions as well.
KEPT = {
    "noise(snr_db=5)": "c3bed9fd53aa4539",
    "token_errors(rate=0.3) + noise(snr_db=5)": "db5f727dbb16b696",
    "drop(rate=0.5) + token_errors(rate=0.3)": "c671fcf2eb5a0bf2",
}
CHANGED = {
    "drop(rate=0.5) + noise(snr_db=5)": "26623a7a3fa353f5",
    "noise(snr_db=5) + drop(rate=0.5)": "f3de0cb10a040299",
    "noise(snr_db=5) + random_positions(rate=0.3)": "b02223082617b483",
}


def test_noise_has_another_identity_beside_erasing_and_keeps_its_own_alone() -> None:
    assert {text: parse(text).fingerprint for text in KEPT} == KEPT
    assert get_protocol("noise").fingerprint == "dea23adfdd5a826e"
    assert not {parse(text).fingerprint for text in CHANGED} & set(CHANGED.values())


def test_noise_of_a_plugin_has_another_identity_beside_erasing_too() -> None:
    @dataclass(frozen=True)
    class Hum(Mechanism):
        name = "hum"

        def corrupt(self, layout: Layout, stream: Stream) -> Corrupted:
            return {}

    class Misheard(Hum):
        adds_noise = False

    (drop,) = parse("drop(rate=0.5)").mechanisms
    hum, misheard = Hum(), Misheard()
    assert Scenario((hum,)).fingerprint == Scenario((misheard,)).fingerprint
    assert Scenario((hum, drop)).fingerprint != Scenario((misheard, drop)).fingerprint


@pytest.mark.parametrize(
    ("text", "everything"),
    [
        ("complete", True),
        ("missing_ratio(ratio=0)", True),
        ("missing_ratio(ratio=0.01)", False),
        ("drop(rate=0) + random_positions(rate=0)", True),
        ("drop(rate=0) + random_positions(rate=0.01)", False),
        ("subset(available=(vision, text, audio))", True),
        ("subset(available=(text, audio))", False),
        ("random_rates(clean=1)", True),
        ("token_errors(rate=0)", True),
        ("token_errors(rate=0.1)", False),
        ("noise(snr_db=20)", False),
    ],
)
def test_nothing_missing_is_known_by_what_is_left(text: str, everything: bool) -> None:
    assert leaves_everything(text) is everything


def test_protocols_are_found_by_name_version_and_scenario() -> None:
    assert get_protocol("intra-random@1") == get_protocol("intra-random")
    assert [str(s) for s in get_protocol("drop(rate=0.5)").scenarios] == ["drop(rate=0.5)"]
    with pytest.raises(InputError, match="at version 1 here"):
        get_protocol("intra-random@2")
    with pytest.raises(InputError, match="did you mean intra-random"):
        get_protocol("intra-randm")


def test_two_names_of_one_regime_have_one_fingerprint() -> None:
    assert get_regime("uncertain").fingerprint == get_regime("random_rates(clean=0.5) + drop(rate=0.3)").fingerprint
    with pytest.raises(InputError, match="did you mean uncertain"):
        get_regime("uncertian")
