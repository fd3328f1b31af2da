"""Models: their interface (`interface`), their registry (`registry`), shared layers, and one file for each model.

May import `protocols`; is imported by `senti_ifusion` and `benchmark`. Importing it loads no torch: a name that needs
torch is imported when it is first used.

>>> from baselines import create, register
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from baselines.declaration import ModelConfig, ModelInfo, Optimisation
from baselines.search import Choice, Interval
from protocols import MODALITIES, Modality, load_plugin

if TYPE_CHECKING:
    from baselines.interface import (
        Batch,
        EncoderLayers,
        InputSpec,
        MissingParts,
        ParameterGroup,
        Prediction,
        SentimentModel,
        Sequences,
        Stage,
        Step,
        TrainBatch,
        TrainingStatistics,
    )
    from baselines.registry import create, model_class, models, register, register_variant, resolve_config

__all__ = [
    "MODALITIES",
    "Batch",
    "Choice",
    "EncoderLayers",
    "InputSpec",
    "Interval",
    "MissingParts",
    "Modality",
    "ModelConfig",
    "ModelInfo",
    "Optimisation",
    "ParameterGroup",
    "Prediction",
    "SentimentModel",
    "Sequences",
    "Stage",
    "Step",
    "TrainBatch",
    "TrainingStatistics",
    "create",
    "load_plugin",
    "model_class",
    "models",
    "register",
    "register_variant",
    "resolve_config",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'baselines' has no attribute '{name}'")
    registry, interface = (importlib.import_module(f"baselines.{part}") for part in ("registry", "interface"))
    globals()[name] = found = getattr(registry if hasattr(registry, name) else interface, name)
    return found
