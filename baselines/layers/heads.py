"""Config field for the number of attention heads, which must divide the model's width."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo


def _divides_the_width(heads: int, given: ValidationInfo) -> int:
    width = given.data.get("width")
    if width is not None and width % heads:
        raise ValueError(f"must divide the width, {width}")
    return heads


#: At least 1, and a divisor of the field `width`, which a config must declare before it.
Heads = Annotated[int, Field(ge=1), AfterValidator(_divides_the_width)]
