"""Short texts of large objects, for consoles and notebooks."""

from __future__ import annotations

import html
from collections.abc import Mapping


class Displayed:
    """Object with a short text in place of all its values; a base of data classes without their own `repr`."""

    def facts(self) -> tuple[str, Mapping[str, object]]:
        """Return a title, and facts by name."""
        raise NotImplementedError

    def __repr__(self) -> str:
        title, facts = self.facts()
        return f"<{title}: {'; '.join(f'{name} {value}' for name, value in facts.items())}>"

    def _repr_html_(self) -> str:
        """Return the same as an HTML table, which notebooks show."""
        title, facts = self.facts()
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(str(value))}</td></tr>"
            for name, value in facts.items()
        )
        return f"<table><caption>{html.escape(title)}</caption>{rows}</table>"
