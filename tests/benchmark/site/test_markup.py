"""The file: nothing of the data is markup, and the policy lets nothing in or out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.site import render
from benchmark.site.labels import visible
from benchmark.site.page import SCRIPTS, data_block
from tests.benchmark.site.made_pages import HOSTILE, hostile_bundle, small_bundle

ASSETS = files("benchmark.site") / "assets"


class Outline(HTMLParser):
    """Tags with attributes, in order, and what stands in scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[int, str] = {}
        self.open = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open = tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self.open = False

    def handle_data(self, data: str) -> None:
        if self.open:
            self.inside[len(self.tags) - 1] = self.inside.get(len(self.tags) - 1, "") + data

    def text_of(self, tag: str, **attributes: str) -> list[str]:
        """Return the texts of elements of this kind."""
        wanted = set(attributes.items())
        return [
            self.inside.get(i, "") for i, (t, own) in enumerate(self.tags) if t == tag and wanted <= set(own.items())
        ]


def test_hostile_names_add_no_element_and_no_attribute() -> None:
    plain, hostile = Outline(render(small_bundle())), Outline(render(hostile_bundle()))
    strip = [(tag, sorted(set(own) - {"content"})) for tag, own in plain.tags]
    assert [(tag, sorted(set(own) - {"content"})) for tag, own in hostile.tags] == strip
    assert len(hostile.text_of("script")) == 2


def test_hostile_names_arrive_unchanged_but_for_what_is_hidden() -> None:
    (text,) = Outline(render(hostile_bundle())).text_of("script", type="application/json")
    data = json.loads(text)
    assert [m["name"] for m in data["models"]] == [visible(name) for name in HOSTILE]
    assert data["models"][0]["name"] == HOSTILE[0]
    assert data["models"][5]["name"] == "reversed ⟨U+202E⟩evil⟨U+2066⟩ ⟨U+200B⟩name⟨U+2028⟩end"
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", json.dumps(data, ensure_ascii=False))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=80)
@given(json_values)
def test_the_data_block_is_inert_and_reads_back(value: Any) -> None:
    block = data_block({"value": value})
    assert json.loads(block) == {"value": value}
    assert block.isascii()
    assert not set(block) & set("<>&")


@settings(deadline=None, max_examples=80)
@given(st.text())
def test_nothing_stays_hidden(text: str) -> None:
    shown = visible(text)
    assert visible(shown) == shown
    shown.encode("utf-8")  # no halves of surrogate pairs
    if text.isprintable() and "\xad" not in text and not re.search("[\u200b-\u206f]", text):
        assert shown == text


def test_the_policy_admits_the_one_script_and_style_and_no_network() -> None:
    outline = Outline(render(small_bundle()))
    policies = [own["content"] for tag, own in outline.tags if own.get("http-equiv") == "Content-Security-Policy"]
    (policy,) = policies
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))

    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    (script,) = [s for s in outline.text_of("script") if not s.startswith("{")]
    assert rules == {
        "default-src": "'none'",
        "script-src": digest(script),
        "style-src": digest(outline.text_of("style")[0]),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    names = [tag for tag, _ in outline.tags]
    assert names.index("meta") < names.index("style")
    assert names[names.index("meta") + 1] == "meta"  # right after the character set, before anything that loads
    loads = [
        own for _, own in outline.tags if "src" in own or own.get("href", "#") not in {"#leaderboard", "data:,", "#"}
    ]
    assert loads == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_make_no_markup_and_ask_for_nothing(name: str) -> None:
    text = (ASSETS / name).read_text(encoding="utf-8")
    code = re.sub(r"//.*", "", text)
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|fetch\(|XMLHttpRequest|import\("
    )
    assert not re.search(forbidden, code)
    assert "</script" not in text
    assert len(text.splitlines()) < 300


def test_every_script_is_used() -> None:
    there = {f.name for f in ASSETS.iterdir() if f.name.endswith(".js")}
    assert there == set(SCRIPTS)
    assert len(SCRIPTS) == len(set(SCRIPTS))


def test_equal_data_make_equal_pages() -> None:
    assert render(small_bundle()) == render(json.loads(json.dumps(small_bundle())))


def test_structure_for_those_who_do_not_see_it() -> None:
    outline = Outline(render(small_bundle()))
    tags = [tag for tag, _ in outline.tags]
    assert dict(outline.tags)["html"] == {"lang": "en"}
    assert tags.count("h1") == tags.count("main") == tags.count("noscript") == 1
    ids = [own["id"] for _, own in outline.tags if "id" in own]
    assert len(ids) == len(set(ids))
    for _, own in outline.tags:
        if "aria-labelledby" in own:
            assert own["aria-labelledby"] in ids
