"""Writes the table of `baselines.facts` from the models of this suite: `python -m benchmark.authoring.facts`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel

from baselines.facts import PACKAGES, RULES, TABLE, TYPES, code_sha256
from baselines.registry import models, resolve_config
from baselines.standin import parameter_count
from benchmark.authoring.conformance.cost import prediction_operations


def table_text() -> str:
    """Return the content of the table."""
    own = {name: cls for name, cls in models().items() if cls.__module__.partition(".")[0] in PACKAGES}
    facts = {
        name: {
            "parameters": parameter_count(name),
            "operations": prediction_operations(cls, resolve_config(name)),
            "info": asdict(cls.info),
            "config": resolve_config(name).model_dump(mode="json"),
            "fields": _fields(cls.config_class),
        }
        for name, cls in own.items()
    }
    return json.dumps({"code": code_sha256(), "models": facts}, indent=1, ensure_ascii=False) + "\n"


def _fields(config: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """Return rules of JSON schema for fields without other checks; nothing for a config that is checked as a whole."""
    if config.__pydantic_decorators__.model_validators or config.__pydantic_decorators__.field_validators:
        return {}
    found = {}
    for field, schema in config.model_json_schema()["properties"].items():
        rules = {rule: limit for rule, limit in schema.items() if rule not in ("title", "description", "default")}
        checks_others = any(hasattr(rule, "func") for rule in config.model_fields[field].metadata)
        if rules.get("type") in TYPES and rules.keys() <= {"type", *RULES} and not checks_others:
            found[field] = rules
    return found


if __name__ == "__main__":
    TABLE.write_text(table_text(), encoding="utf-8")
