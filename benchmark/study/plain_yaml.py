"""YAML with plain numbers only, those that mean what they look like, and of a size in proportion to its text.

YAML 1.1 reads `1_0` as 10, `010` as 8 and `1:30` as 90; in a study these are typing errors. Aliases and merges repeat
parts of the text, so that a few lines can stand for more values than fit into the memory.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from benchmark.files import regular_file
from protocols import InputError, read_number

_OCTAL = re.compile(r"[+-]?0\d+")
#: Largest size of a file in bytes; the largest studies have a tenth of it.
_MOST_BYTES = 1 << 20
#: Characters and values that a text may stand for: any text this many, longer ones this many times their length.
_FREE, _FACTOR = 10_000, 10
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


def _check_size(root: yaml.Node, most: int) -> None:
    """Raise ConstructorError if a tree has more than `most` values and characters, counted wherever one is repeated."""
    left, inside = most, [root]
    while inside:
        node = inside.pop()
        left -= 1
        if isinstance(node, yaml.ScalarNode):
            left -= len(node.value)
        elif isinstance(node, yaml.MappingNode):
            inside += [part for pair in node.value for part in pair]
        else:
            inside += node.value
        if left < 0:
            raise yaml.constructor.ConstructorError(
                None, None, "its aliases repeat their parts far too often; write fewer of them", root.start_mark
            )


def _read(text: str) -> Any:
    loader = _PlainLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        _check_size(root, max(_FREE, _FACTOR * len(text)))
        return loader.construct_document(root)
    finally:
        loader.dispose()


def read_yaml(path: Path) -> Any:
    """Read a YAML file of plain values.

    Raises:
        InputError: for anything but a file of at most 1 MB, a text that is not YAML, a number such as `1_0`, or aliases
            that repeat far more than the text.
        FileNotFoundError: for a file that does not exist.
    """
    try:
        with regular_file(path).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise InputError(f"{path}: is larger than 1 MB, so it is not a file of settings; name another file")
        return _read(content.decode())
    except (FileNotFoundError, InputError):
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:  # also for impossible dates and endless numbers
        raise InputError(f"{path}: not valid YAML: {_cause(error)}") from None


def _cause(error: Exception) -> str:
    """Return the place and the problem in one line, without the excerpt that follows on lines of its own."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or not problem:
        return " ".join(str(error).split())
    return " ".join(f"line {mark.line + 1}, column {mark.column + 1}: {problem}".split())
