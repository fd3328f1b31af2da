"""What a run is: one training of one model, and the identity by which it is filed and found again."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from benchmark.data.config import EncoderConfig, Scaling

#: Rises when the meaning of the fields of `RunSpec` changes, so that old runs are never taken for new ones.
IDENTITY_VERSION = 1

#: The best possible prediction, known where the data is generated. No model: it is told the generator and the masks.
ORACLE = "oracle"
ORACLE_VERSION = 1


class RunSpec(BaseModel):
    """Everything that changes the outcome of a training; nothing that does not (paths, device, workers).

    Which scenarios the trained model is evaluated under is not part of it: cells are added to a run without training.

    Attributes:
        dataset, split: Names; the samples themselves are identified by `data_sha256`.
        model, model_version, config: Registered name, version of its code, resolved config with optimisation.
        plugin_sha256: Of the plugin file that the model comes from; empty for models that are installed.
        regime, regime_fingerprint: What is erased in training.
        encoder, encoder_revision: Text encoder; None where the data has word vectors.
        scaling: How values are scaled.
        seed: Of weights, batches, dropout and training draws.
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

    @property
    def id(self) -> str:
        """16 hexadecimal digits that stand for the spec."""
        left_out = {"regime", "dataset"} if self.plugin_sha256 else {"regime", "dataset", "plugin_sha256"}
        content = self.model_dump(mode="json", exclude=left_out)
        text = json.dumps({"identity": IDENTITY_VERSION, **content}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def title(self) -> str:
        """For people: `mosi/official lnln seed 0`."""
        return f"{self.dataset}/{self.split} {self.model} seed {self.seed}"
