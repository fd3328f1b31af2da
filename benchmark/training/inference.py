"""Predictions of a trained model on a part, and what they cost: time and operations a sample."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from baselines import Prediction, SentimentModel
from benchmark.data.batches import MaskedPart, batches_by_steps
from benchmark.training.operations import count_flops
from benchmark.training.weights import trained_modules
from protocols import MODALITIES

#: Version of the bits of predictions; it rises when batches, layers or kernels change them for equal weights.
INFERENCE_VERSION = 4
#: Samples whose operations are counted.
_COUNTED = 32


def checked(prediction: Prediction, count: int) -> Prediction:
    """Return the prediction of `count` samples; one value for all of them would otherwise be repeated in silence.

    Raises:
        TypeError, ValueError: For another object, or a tensor of another shape.
    """
    if not isinstance(prediction, Prediction):
        raise TypeError(f"forward gives a {type(prediction).__name__}; expected a Prediction")
    for name, expected in {"sentiment": (count,), "integrity": (count, len(MODALITIES)), "dominant": (count,)}.items():
        value = getattr(prediction, name)
        if (value is not None or name == "sentiment") and tuple(value.shape) != expected:
            raise ValueError(f"forward gives {name} of shape {tuple(value.shape)}; expected {expected}")
    return prediction


@torch.inference_mode()
def predict_sentiment(model: SentimentModel, part: MaskedPart) -> torch.Tensor:
    """`(n,)` float64 predictions of sentiment, in the order of the part."""
    trained_modules(model, part.text).eval()
    result = torch.empty(len(part), dtype=torch.float64)
    for rows in batches_by_steps(part.inputs, part.device):
        result[rows] = checked(model(part.batch(rows)), len(rows)).sentiment.double().cpu()
    return result + model.spec.label_centre


@torch.inference_mode()
def predict(
    model: SentimentModel, part: MaskedPart, *, tell: bool = False
) -> tuple[pd.DataFrame, npt.NDArray[np.float64]]:
    """Predict a masked part: sentiment, further outputs of the model, and the time of each sample.

    Args:
        model: Trained model.
        part: Samples under masks.
        tell: Also predict with the true integrity, for a model that estimates it: column `told`. Not timed.

    Returns:
        A table in the order of the part, with `prediction` and, where the model gives them, `integrity_*`, `observed_*`
        and `dominant`; and `(n,)` milliseconds: the time of each sample's batch divided by the samples in it, batches
        holding samples of similar length. Encoding is counted only if the encoder is
        fine-tuned.

    Raises:
        ArithmeticError: when a prediction is not finite.
    """
    trained_modules(model, part.text).eval()
    columns: dict[str, torch.Tensor] = {}
    milliseconds = np.zeros(len(part))

    def fill(name: str, rows: torch.Tensor, values: torch.Tensor) -> None:
        if name not in columns:
            columns[name] = torch.zeros(len(part), dtype=values.dtype)
        columns[name][rows] = values.cpu()

    for rows in batches_by_steps(part.inputs, part.device):
        started = time.perf_counter()
        batch = part.batch(rows)
        prediction = checked(model(batch), len(rows))
        fill("prediction", rows, prediction.sentiment.double() + model.spec.label_centre)  # waits for an accelerator
        milliseconds[rows] = 1000 * (time.perf_counter() - started) / len(rows)
        if prediction.integrity is not None:
            for i, modality in enumerate(MODALITIES):
                fill(f"integrity_{modality}", rows, prediction.integrity[:, i].float())
                fill(f"observed_{modality}", rows, part.integrity[rows, i].float())
            if tell and (told := model.told(part.informed(batch, rows))) is not None:
                fill("told", rows, checked(told, len(rows)).sentiment.double() + model.spec.label_centre)
        if prediction.dominant is not None:
            fill("dominant", rows, prediction.dominant.to(torch.int8))
    if not bool(columns["prediction"].isfinite().all()):
        raise ArithmeticError("a prediction is not finite")
    return pd.DataFrame({name: values.numpy() for name, values in columns.items()}), milliseconds


def flops_per_sample(model: SentimentModel, part: MaskedPart) -> int | None:
    """Floating point operations of one prediction, on 32 samples of median length.

    Products of matrices, convolutions and attention are counted (a multiplication and an addition are two), padding
    included, element-wise work not. A frozen text encoder is not counted, unless the model works inside it. None
    where the counter cannot follow the model.
    """
    trained_modules(model, part.text).eval()
    rows = torch.cat(list(batches_by_steps(part.inputs, part.device)))
    rows = rows[len(rows) // _COUNTED // 2 * _COUNTED :][:_COUNTED]
    try:
        return count_flops(lambda: model(part.batch(rows))) // len(rows)
    except Exception:  # noqa: BLE001 - the number is welcome, but no reason to lose a trained run
        return None
