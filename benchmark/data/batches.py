"""Batches: a part under one draw of masks, gathered into padded tensors.

Samples are padded only when a batch is made, to the length of its longest sample. Batches hold samples of similar
length, so that they have little padding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from baselines import Batch, ModelInfo, Sequences
from baselines.layers.groups import groups_of
from benchmark.data.corruption import AddedNoise, move
from benchmark.data.dataset import Inputs, Part
from benchmark.data.encoding import TextSide
from benchmark.data.erasing import erase
from benchmark.data.ragged import Ragged, Rows, spread
from benchmark.data.samples import IntArray
from protocols import MODALITIES, Masks, Modality, Substitution
from protocols.corruption import Filling, Shift
from protocols.masks import integrity_of

#: Steps of a batch of evaluation: a few hundred MB for the longest sequences of a heavy model on a processor; on an
#: accelerator more than 500 samples of the length of CMU-MOSI.
EVALUATION_STEPS = {"cpu": 1 << 13, "accelerator": 1 << 16}


class MaskedPart:
    """A part under one draw of masks.

    Args:
        part: The samples; only the `inputs` of a part are kept, so that a model cannot reach ids or labels.
        masks: Observed positions; None for unmasked samples (natural gaps remain).
        text: Encoder of token text: a cache of states (frozen encoder), or the encoder itself (fine-tuned; batches then
            carry gradients into it). None where text is values.
        device: Device on which batches are made.
        info: Declaration of the model: text that it does not read is not encoded (states are zeros), and a
            `mask_informed` model gets the observed positions.
    """

    def __init__(
        self,
        part: Part | Inputs,
        masks: Masks | None,
        text: TextSide | None,
        device: torch.device,
        info: ModelInfo | None = None,
    ) -> None:
        self._reads_text = info is None or "text" in info.modalities
        self._informed = info is not None and info.mask_informed
        self.inputs = given = part.inputs if isinstance(part, Part) else part
        self.device = device
        self.text = text
        self.observed = masks.observed if masks is not None else given.observed
        self.integrity = torch.from_numpy(integrity_of(self.observed, given.offsets).astype(np.float32)).to(device)
        self._keep: dict[Modality, Tensor] = {m: torch.from_numpy(self.observed[m]).to(device) for m in MODALITIES}
        self._bounds = {m: _bounds(given.offsets[m], device) for m in MODALITIES}
        self._streams: dict[Modality, Ragged] = {m: values.on(device) for m, values in given.values.items()}
        self._noise: dict[Modality, AddedNoise] = {}
        self._errors: Mapping[Modality, Substitution] = masks.substituted if masks is not None else {}
        self._shifts: Mapping[Modality, Shift] = masks.shifted if masks is not None else {}
        self._fillings: Mapping[Modality, Filling] = masks.filled if masks is not None else {}
        for m, noise in (masks.noise if masks is not None else {}).items():
            self._noise[m] = AddedNoise(noise, given.offsets[m], self.observed[m])
        self._ids: IntArray | None = None
        if given.token_ids is not None:
            self._prepare_tokens(given.token_ids)

    def __len__(self) -> int:
        return len(self.inputs)

    def batch(self, rows: Tensor | Rows) -> Batch:
        """Return the samples `rows` `(B,)` as a padded batch."""
        rows = Rows.of(rows, self.device)
        batch = Batch(self._text_sequences(rows), *(self._padded(m, rows) for m in MODALITIES[1:]))
        return self.informed(batch, rows) if self._informed else batch

    def informed(self, batch: Batch, rows: Tensor | Rows) -> Batch:
        """Return `batch(rows)` with the observed positions and the integrity."""
        rows = Rows.of(rows, self.device)
        return replace(batch, observed=self.observed_positions(rows), integrity=self.integrity[rows.there])

    def observed_positions(self, rows: Tensor | Rows) -> Mapping[Modality, Tensor]:
        """By modality `(B, T)`: observed positions of `batch(rows)`; `[CLS]` and `[SEP]` always are observed."""
        rows = Rows.of(rows, self.device)
        result: dict[Modality, Tensor] = {}
        for modality in MODALITIES:
            flags = self._flags(modality, rows.there, int(self.inputs.lengths(modality)[rows.known].max()))
            if modality == "text" and self._ids is not None:
                length = self._bounds[modality][1][rows.there]
                framed = torch.zeros(len(flags), flags.shape[1] + 2, dtype=torch.bool, device=self.device)
                framed[:, 1:-1] = flags
                framed[:, 0] = True
                framed.scatter_(1, (length + 1)[:, None], True)
                flags = framed
            result[modality] = flags
        return result

    def _flags(self, modality: Modality, rows: Tensor, longest: int) -> Tensor:
        """Observed positions of the samples `rows`, `(B, T)`, T being `longest`; False beyond their ends."""
        start, length = self._bounds[modality]
        index, valid = spread(start[rows], length[rows], longest)
        return self._keep[modality][index] & valid

    def _padded(self, modality: Modality, rows: Rows) -> Sequences:
        whole = self._streams[modality].padded(rows)
        values = whole.values
        start, length = (bound[rows.there] for bound in self._bounds[modality])
        if modality in self._shifts:
            values = move(values, start, length, self._shifts[modality])
        if modality in self._errors:
            values = self.inputs.substitutes.wrong_vectors(values, start, length, self._errors[modality])
        values = erase(values, self._flags(modality, rows.there, values.shape[1]))
        if modality in self._noise:  # after erasing: erased values get no noise and do not affect its strength
            values = self._noise[modality].add(values, rows.known)
        if modality in self._fillings:
            fill = self.inputs.substitutes.fill_gaps
            values = fill(values, start, length, modality, self._fillings[modality])
        return replace(whole, values=values)

    def _prepare_tokens(self, ids: IntArray) -> None:
        if self.text is None:
            raise ValueError("token text needs an encoder")
        heard = self.inputs.substitutes.wrong_tokens(ids, self._errors["text"]) if "text" in self._errors else ids
        self._ids = np.where(self.observed["text"], heard, self.text.encoder.special.unk)
        if "text" in self._fillings:
            self._ids = self.inputs.substitutes.fill_tokens(self._ids, self._fillings["text"])
        if self._reads_text:
            self._streams["text"] = self.text.encoded(self._ids, ids, self.inputs.offsets["text"], self.device)

    def _text_sequences(self, rows: Rows) -> Sequences:
        if self._ids is None:
            return self._padded("text", rows)
        if not self._reads_text:
            return self._unread_text(rows)
        return self._streams["text"].padded(rows)

    def _unread_text(self, rows: Rows) -> Sequences:
        length = self._bounds["text"][1][rows.there] + 2
        width = self.text.width if self.text is not None else 0
        longest = int(self.inputs.lengths("text")[rows.known].max()) + 2
        return Sequences(torch.zeros(len(length), longest, width, device=self.device), length)


def _bounds(offsets: IntArray, device: torch.device) -> tuple[Tensor, Tensor]:
    both = torch.from_numpy(offsets).to(device)
    return both[:-1], both[1:] - both[:-1]


def batches_by_length(part: Inputs, batch_size: int, shuffle: np.random.Generator) -> Iterator[Tensor]:
    """Yield the rows `(B,)` of every batch of an epoch; a batch holds samples of similar length.

    Args:
        part: The samples.
        batch_size: B; the last batch may be smaller.
        shuffle: Generator for the batches of an epoch.
    """
    cost = _steps_of(part)
    order = shuffle.permutation(len(cost))
    pool = 8 * batch_size  # sorted within pools, so that batches are random but hold similar lengths
    pieces = []
    for first in range(0, len(order), pool):
        rows = order[first : first + pool]
        rows = rows[np.argsort(cost[rows], kind="stable")]
        pieces += [rows[k : k + batch_size] for k in range(0, len(rows), batch_size)]
    for k in shuffle.permutation(len(pieces)):
        yield torch.from_numpy(pieces[k])


def batches_by_steps(part: Inputs, device: torch.device) -> Iterator[Tensor]:
    """Yield the rows `(B,)` of every batch of a part from short to long, for evaluation.

    A batch holds as many samples as have at most `EVALUATION_STEPS` steps of all modalities, or one. It depends on the
    part and the kind of the device only, so that predictions under one scenario do not depend on others.
    """
    steps = EVALUATION_STEPS["cpu" if device.type == "cpu" else "accelerator"]
    yield from groups_of(torch.from_numpy(_steps_of(part)), steps)


def _steps_of(part: Inputs) -> IntArray:
    """Return the steps of all modalities of each sample, `(n,)`."""
    lengths: IntArray = np.sum([part.lengths(m) for m in MODALITIES], axis=0)
    return lengths
