"""Texts of strangers: one visible line, whatever they hold."""

from __future__ import annotations

import pytest

from benchmark.words import one_line, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, grüß 好", "plain text, grüß 好"),
        ("\x1b[2J\x1b]0;title\x07red", "⟨U+001B⟩[2J⟨U+001B⟩]0;title⟨U+0007⟩red"),
        ("nice\u202eecin", "nice⟨U+202E⟩ecin"),
        ("a\r\nb\u2028c\x85d\te", "a b c d e"),
        ("\ud800", "⟨U+D800⟩"),
        ("\x9b31m", "⟨U+009B⟩31m"),
    ],
)
def test_a_line_shows_every_character(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_a_long_text_keeps_its_beginning_and_end() -> None:
    text = one_line("begin " + "x" * 10_000 + " end", 100)
    assert len(text) == 100
    assert text.startswith("begin x")
    assert text.endswith("x end")


def test_line_feeds_of_longer_texts_stay() -> None:
    assert visible("a\n\tb\x00") == "a\n\tb⟨U+0000⟩"
