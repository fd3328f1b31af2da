"""Senti-iFusion with the sizes and encoders of LNLN and ALMT, for a comparison at equal size; the same parts."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from baselines import Optimisation, register
from senti_ifusion.config import SentiIFusionConfig
from senti_ifusion.encoders import ModalityEncoders, TransformerEncoders
from senti_ifusion.model import INFO, SentiIFusion


class WideConfig(SentiIFusionConfig):
    """Config of `senti-ifusion-wide`: width, tokens, heads and training are those of LNLN."""

    width: int = Field(128, ge=8, description="d; READING")
    tokens: int = Field(8, ge=2, description="K, tokens of a modality; READING")
    heads: int = Field(8, ge=1, description="attention heads in every attention layer; READING")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout in sub-layers and in heads; READING")
    event_dropout: float = Field(0.0, ge=0, lt=1, description="dropout in the encoders; READING")
    optimisation: Optimisation = Optimisation(
        learning_rate=1e-4, weight_decay=1e-4, batch_size=64, epochs=200, patience=20
    )


@register(
    "senti-ifusion-wide",
    config=WideConfig,
    info=replace(
        INFO,
        title="Senti-iFusion, wide",
        version=1,
        differences=(
            *INFO.differences[:2],
            "encoders are Transformers over eight learned tokens, of the sizes of LNLN and ALMT",
            *INFO.differences[3:],
        ),
    ),
)
class SentiIFusionWide(SentiIFusion):
    """The parts of Senti-iFusion on Transformer encoders."""

    def make_encoders(self) -> ModalityEncoders:
        """Return Transformer encoders."""
        return TransformerEncoders(self.spec, self.config)
