"""Names that plugins register: printable, and short enough for a table."""

from __future__ import annotations

import pytest

from protocols import InputError
from protocols.registry import Registry


@pytest.mark.parametrize("name", ["", "x" * 81, "a\x1b[31m", "a\nb", "nice\u202eecin"])
def test_names_that_no_table_can_show_are_refused(name: str) -> None:
    registry: Registry[int] = Registry("thing", "sentibench.things", {})
    with pytest.raises(InputError, match=r"thing .*: expected a name of 1 to 80 printable characters"):
        registry.add(name, 1, "somewhere.x")
