"""Check that erased values leave no trace: no value, no sign, and no rounding in other numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from baselines import Batch, SentimentModel
from benchmark.authoring.conformance.batches import with_values
from benchmark.authoring.conformance.check import check, require
from benchmark.authoring.conformance.subject import Subject
from benchmark.data.batches import MaskedPart
from benchmark.data.corruption import Substitutes
from benchmark.data.dataset import Part
from benchmark.data.ragged import HostRagged
from benchmark.data.scaling import Scaler
from protocols import MODALITIES, Layout, Masks, Modality, parse

#: Scenarios of the check: whole modalities, single positions, and noise beside both.
SCENARIOS = (
    "drop(rate=1)",
    "random_positions(rate=0.5)",
    "drop(rate=0.5) + random_positions(rate=0.5) + noise(snr_db=5)",
)


@check("erased", "no bit of what is erased changes a prediction")
def erased(subject: Subject) -> str:
    """Check samples with other values at erased positions, and batches with other signs of zero there."""
    model = subject.practised()
    with torch.no_grad():
        for scenario in SCENARIOS:
            for device in map(torch.device, ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]):
                one, other = (batch.to(torch.device("cpu")) for batch in _twins(subject, scenario, device))
                sentiment = _predicted(model, one)
                require(
                    torch.equal(_predicted(model, other), sentiment),
                    f"{scenario}: other values where samples are erased change predictions",
                )
                for m in MODALITIES:
                    left = int((_bits(one[m].values) != _bits(other[m].values)).sum())
                    require(left == 0, f"{scenario}: erasing leaves a trace in {left} numbers of {m}, on {device.type}")
            require(
                torch.equal(_predicted(model, _negative_zeros(one)), sentiment),
                f"{scenario}: -0.0 in place of 0.0 changes predictions: the model reads signs of what holds no value",
            )
    return f"{len(SCENARIOS)} scenarios"


def _predicted(model: SentimentModel, batch: Batch) -> Tensor:
    """Predict the sentiment; random numbers and NaN, which other checks report, make no difference."""
    torch.manual_seed(5)
    return model(batch).sentiment.nan_to_num()


def _twins(subject: Subject, scenario: str, device: torch.device) -> list[Batch]:
    """Make a batch of word vectors, audio and vision, and its twin, both masked by the code that studies use.

    Where the twin is erased, its numbers had the other sign and twice the size; at gaps of the data they are -0.0.
    """
    given, random = subject.batch(6), np.random.Generator(np.random.Philox(key=[0, 4]))
    layout = Layout.of_lengths(
        "conformance", [f"s{i}" for i in range(len(given))], **{m: given[m].length.tolist() for m in MODALITIES}
    )
    layout = replace(layout, observed={m: random.random(len(layout.observed[m])) < 0.9 for m in MODALITIES})
    masks = parse(scenario).masks(layout)
    batches = []
    for factor in (1.0, -2.0):
        values = {m: _stream(given[m].values[~given[m].padding], factor, masks, m) for m in MODALITIES}
        part = Part(
            name="test",
            layout=layout,
            video_ids=np.array(layout.sample_ids, dtype=object),
            label=torch.zeros(len(given)),
            values=values,
            token_ids=None,
            substitutes=Substitutes(None, {}, np.zeros(0, np.bool_)),
        )
        batches.append(MaskedPart(part, masks, None, device, subject.cls.info).batch(torch.arange(len(given))))
    return batches


def _stream(values: Tensor, factor: float, masks: Masks, modality: Modality) -> HostRagged:
    """Return values `(P, D)` to scale: times the factor where erased, zeros of its sign at gaps of the data."""
    left, recorded = (torch.from_numpy(of[modality])[:, None] for of in (masks.observed, masks.layout.observed))
    scaler = Scaler.fit([values[left[:, 0]]], values.shape[1], "log")
    held = torch.where(left, values, factor * torch.where(recorded, values, 0.0))
    offsets = masks.layout.offsets[modality]
    return HostRagged(
        [held.numpy()], offsets[:-1], np.diff(offsets), scaler=scaler, observed=masks.layout.observed[modality]
    )


def _negative_zeros(batch: Batch) -> Batch:
    """Replace every zero by -0.0, at erased positions and on padding."""
    return with_values(batch, {m: batch[m].values.masked_fill(batch[m].values == 0, -0.0) for m in MODALITIES})


def _bits(values: Tensor) -> Tensor:
    """Return float32 numbers as they are stored."""
    return values.view(torch.int32)
