"""Page from a bundle: template, style, scripts and data in one HTML file, under a policy that forbids the network.

Nothing of the bundle is ever markup: the data stand in a block of JSON in which `<`, `>` and `&` are written as
escapes, the scripts make text nodes of them, and what the template prints is escaped by jinja2. The policy admits
exactly the one script and the one style of this file, by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from benchmark.site.bundle import Bundle

#: Scripts, in the order in which they are joined.
SCRIPTS = (
    "dom.js", "format.js", "state.js", "tooltip.js", "columns.js", "leaderboard.js", "published.js", "details.js",
    "curves.js", "maps.js", "overview.js", "scenarios.js", "pairs.js", "costs.js", "confusion.js", "texts.js",
    "main.js",
)  # fmt: skip

_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def data_block(bundle: Bundle) -> str:
    """Format JSON in ASCII that can stand between `<script>` tags: no `</`, no `<!--`, whatever the names are."""
    text = json.dumps(bundle, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text


def policy(script: str, style: str) -> str:
    """Return the Content-Security-Policy of a page with only this script and this style."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_digest(script)}'",
            f"style-src '{_digest(style)}'",
            "img-src data:",  # the empty icon, without which a browser asks the server for one
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def render(bundle: Bundle) -> str:
    """Return the page of a bundle."""
    assets = files("benchmark.site") / "assets"
    parts = [(assets / name).read_text(encoding="utf-8") for name in SCRIPTS]
    script = "\n".join(['(() => {\n"use strict";', *parts, "})();\n"])
    style = (assets / "page.css").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((assets / "page.html.j2").read_text(encoding="utf-8"))
    return template.render(
        study=bundle["study"],
        version=bundle["sentibench"],
        policy=policy(script, style),
        script=Markup(script),
        style=Markup(style),
        data=Markup(data_block(bundle)),
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
