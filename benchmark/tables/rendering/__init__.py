"""Renderings of a `Table`: `text` (Markdown, CSV, plain), `latex`, `html`, `terminal`. Called by `Table`'s methods."""
