"""Identity of a run, which is one training of one model: it is filed and found by it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from benchmark.data.config import EncoderConfig, Scaling
from benchmark.runs.renamed import filed_name, present_name

#: Version of the identity, raised when the meaning of the fields of `RunSpec` changes, so that old and new runs differ.
IDENTITY_VERSION = 1

#: Best possible prediction, known for generated data. Not a model: it reads the generator and the masks.
ORACLE = "oracle"
ORACLE_VERSION = 1


class RunSpec(BaseModel):
    """Everything that changes the outcome of a training; nothing that does not (paths, device, workers).

    The scenarios of the evaluation are not part of it: cells are added to a run without training.

    Attributes:
        dataset, split: Names of data set and split; the samples themselves are identified by `data_sha256`.
        model, model_version, config: Registered name, version of its code, resolved config with optimisation.
        plugin_sha256: sha256 of the plugin file that the model comes from; empty for installed models.
        regime, regime_fingerprint: Training regime, which defines what is erased in training.
        encoder, encoder_revision: Text encoder; None if the data has word vectors.
        scaling: Scaling of the values.
        seed: Seed of weights, batches, dropout and training draws.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    dataset: str
    split: str
    data_sha256: str
    model: str
    model_version: int = 1
    plugin_sha256: str = ""
    config: dict[str, Any]
    regime: str
    regime_fingerprint: str
    encoder: EncoderConfig | None
    encoder_revision: str | None
    scaling: Scaling
    seed: int = Field(ge=0)

    @model_validator(mode="before")
    @classmethod
    def _under_the_present_name(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and "model" in fields:
            return {**fields, "model": present_name(fields["model"], fields.get("model_version", 1))}
        return fields

    @cached_property
    def id(self) -> str:
        """16 hexadecimal digits that identify the spec."""
        left_out = {"regime", "dataset"} if self.plugin_sha256 else {"regime", "dataset", "plugin_sha256"}
        content = self.model_dump(mode="json", exclude=left_out)
        content["model"] = filed_name(self.model, self.model_version)
        text = json.dumps({"identity": IDENTITY_VERSION, **content}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy the spec, as pydantic does; a changed copy has an id of its own."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("id", None)
        return copy

    @property
    def title(self) -> str:
        """Title for readers: `mosi/official lnln seed 0`."""
        return f"{self.dataset}/{self.split} {self.model} seed {self.seed}"
