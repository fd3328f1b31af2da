"""Models: their interface (`interface`), their registry (`registry`), shared layers, and one file for each model.

May import `protocols`; is imported by `senti_ifusion` and `benchmark`.

>>> from baselines import create, register
"""

from baselines.interface import (
    MODALITIES,
    Batch,
    EncoderLayers,
    InputSpec,
    MissingParts,
    Modality,
    ModelConfig,
    ModelInfo,
    Optimisation,
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
from baselines.search import Choice, Interval
from protocols import load_plugin

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
