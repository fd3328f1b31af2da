"""The model card names every field of the config with its default."""

from __future__ import annotations

import re
from pathlib import Path

import senti_ifusion
from senti_ifusion.config import SentiIFusionConfig


def test_the_model_card_lists_every_field_with_its_default() -> None:
    card = (Path(senti_ifusion.__file__).parent / "README.md").read_text(encoding="utf-8")
    stated: dict[str, str] = {}
    for row in re.findall(r"^\| (`[a-z0-9_`, ]+`) \| ([^|]+) \| (?:our reading|known part) \|", card, re.M):
        names = re.findall(r"`(\w+)`", row[0])
        stated |= dict(zip(names, [d.strip() for d in row[1].split(", ")], strict=False))
    config = SentiIFusionConfig()
    assert stated.pop("optimisation") == "in `config.py`"
    expected = {name: getattr(config, name) for name in type(config).model_fields if name != "optimisation"}
    assert stated.keys() == expected.keys()
    for name, default in expected.items():
        if isinstance(default, float):
            assert float(stated[name]) == default, name
        else:
            assert stated[name] == str(default).lower(), name
