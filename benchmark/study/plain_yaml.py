"""YAML with plain numbers only: those that mean what they look like.

YAML 1.1 reads `1_0` as 10, `010` as 8 and `1:30` as 90; in a study these are typing errors.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from protocols import read_number

_OCTAL = re.compile(r"[+-]?0\d+")
_SPECIAL = {".inf", "-.inf", "+.inf", ".nan"}


class _PlainLoader(yaml.SafeLoader):
    """Loader that refuses numbers other than plain decimals."""

    def construct_number(self, node: yaml.ScalarNode) -> Any:
        """Read a whole or decimal number; raises ConstructorError for another spelling."""
        text = str(node.value)
        if text.lower() not in _SPECIAL and (read_number(text) is None or _OCTAL.fullmatch(text)):
            raise yaml.constructor.ConstructorError(
                None, None, f"{text[:40]!r} is not a plain number; write it as 10 or 0.5, or in quotes", node.start_mark
            )
        whole = node.tag.endswith(":int")
        return self.construct_yaml_int(node) if whole else self.construct_yaml_float(node)


for _kind in ("int", "float"):
    _PlainLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _PlainLoader.construct_number)


def read_yaml(text: str) -> Any:
    """Read a YAML text of plain values.

    Raises:
        yaml.YAMLError, ValueError, RecursionError: for a text that is not YAML, or a number such as `1_0`.
    """
    return yaml.load(text, _PlainLoader)
