"""The parts that training reads: training samples in batches, and validation samples, under the masks of a regime."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from baselines import Batch, SentimentModel, TrainBatch
from benchmark.data.batches import MaskedPart, batches_by_length
from benchmark.data.dataset import Part, TrainingData
from benchmark.data.encoding import TextSide
from benchmark.data.ragged import Rows
from benchmark.training.inference import predict_sentiment
from protocols import Masks, Regime


class TrainingParts:
    """Training and validation part of a data set as a regime masks them for one model; see `Trainer`.

    Attributes:
        label: `(n,)` labels of the training part around the centre, on the device.
    """

    def __init__(
        self,
        model: SentimentModel,
        data: TrainingData,
        regime: Regime,
        seed: int,
        text: TextSide | None,
        device: torch.device,
    ) -> None:
        self._model, self._data, self._regime, self._seed = model, data, regime, seed
        self._text, self._device = text, device
        self._train, valid = data.part("train"), data.part("valid")
        self.label = (self._train.label - model.spec.label_centre).to(device)
        self._valid = self._masked(valid, regime.validation_masks(data))
        self._valid_label = valid.label.double()
        self._complete = (
            self._masked(self._train, None) if model.info.uses_complete_view and not regime.frozen else None
        )

    def __len__(self) -> int:
        return len(self._train)

    def draw(self, epoch: int) -> MaskedPart:
        """The training part under the draw of masks of an epoch."""
        return self._masked(self._train, self._regime.training_masks(self._data, self._seed, epoch))

    def batches(self, draw: MaskedPart, epoch: int, sweep: int, size: int) -> Iterator[TrainBatch]:
        """The batches of one sweep over a draw, in an order that depends on seed, epoch and sweep."""
        complete = self._complete or draw
        shuffle = np.random.Generator(np.random.Philox(key=[self._seed, epoch]).jumped(sweep))
        drawn = list(batches_by_length(draw.inputs, size, shuffle))
        there = torch.split(torch.cat(drawn).to(self._device), [len(rows) for rows in drawn])
        for known, index in zip(drawn, there, strict=True):
            rows = Rows(known.numpy(), index)
            given = draw.batch(rows)
            yield TrainBatch(
                input=given,
                complete=given if complete is draw else self._whole(complete, rows),
                observed=draw.observed_positions(rows),
                integrity=draw.integrity[index],
                complete_integrity=complete.integrity[index],
                label=self.label[index],
                index=index,
            )

    def _whole(self, complete: MaskedPart, rows: Rows) -> Batch:
        with torch.set_grad_enabled(not self._model.info.complete_is_target):
            return complete.batch(rows)

    def validation_errors(self) -> Tensor:
        """`(n,)` float64 absolute errors of the model on the validation part, in its order."""
        return (predict_sentiment(self._model, self._valid) - self._valid_label).abs()

    def _masked(self, part: Part, masks: Masks | None) -> MaskedPart:
        return MaskedPart(part, masks, self._text, self._device, self._model.info)
