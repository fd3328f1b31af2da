"""How a `Table` is written: `text` (Markdown, CSV, plain), `latex`, `html`, `terminal`. Called by `Table`'s methods."""
