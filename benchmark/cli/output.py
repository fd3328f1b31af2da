"""Output that the terminal, pipe or file cannot encode: written in ASCII instead of ending the command."""

from __future__ import annotations

import codecs
import io
import sys
import unicodedata

_NAME = "sentibench_ascii"
#: ASCII of characters that the suite prints and that have no ASCII in their Unicode decomposition.
_SIMPLE = str.maketrans(
    {"–": "-", "−": "-", "—": "-", "─": "-", "━": "-", "╸": "-", "╺": "-", "·": ".", "×": "x", "±": "+-", "✓": "ok",
     "✗": "x", "↓": "v", "↑": "^", "→": "->", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "Δ": "D", "ρ": "rho",
     "†": "+", "‡": "++", "⟨": "<", "⟩": ">", "█": "#", "▓": "#", "▒": "+", "░": ".", "•": "*", "…": "...",
     "‘": "'", "’": "'", "“": '"', "”": '"', "ß": "ss", **dict.fromkeys("▁▂▃▄▅▆▇", "|")}
)  # fmt: skip


def ascii_text(text: str) -> str:
    """Write a text in ASCII: similar characters where there are any, else escapes."""

    def one(character: str) -> str:
        parts = unicodedata.normalize("NFKD", character)
        plain = "".join(part for part in parts if part.isascii())
        return plain if plain.strip() else character.encode("ascii", "backslashreplace").decode()

    return "".join(c if c.isascii() else one(c) for c in text.translate(_SIMPLE))


def _degrade(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return ascii_text(error.object[error.start : error.end]), error.end


def _ascii_codec(name: str) -> codecs.CodecInfo | None:
    """ASCII under another name: click takes a stream whose encoding is called ASCII for a mistake and writes UTF-8."""
    if name != _NAME:
        return None
    own = codecs.lookup("ascii")
    return codecs.CodecInfo(
        own.encode, own.decode, own.streamreader, own.streamwriter, own.incrementalencoder, own.incrementaldecoder, name
    )


def never_fail_to_encode() -> None:
    """Let standard output and standard error write in ASCII what they cannot encode."""
    codecs.register(_ascii_codec)
    codecs.register_error(_NAME, _degrade)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            ascii_only = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding=_NAME if ascii_only else None, errors=_NAME)
