"""Presentation of data to models: part of a run's identity."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class EncoderConfig(BaseModel):
    """The text encoder.

    Attributes:
        name: `minilm`, a Hugging Face name such as `bert-base-uncased`, or a folder.
        mode: `frozen` states, or `finetune` (trained with the model, at a separate rate).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "minilm"
    mode: Literal["frozen", "finetune"] = "frozen"


#: Scaling of audio and vision values, with statistics of the observed training positions:
#: `none`, `standard` (zero mean, unit variance) or `log` (sign(x) log(1 + |x|), then standard).
Scaling = Literal["none", "standard", "log"]
