"""One time axis for models that need it.

Data sets with words aligned to frames have one axis. In others, a stream is cut into as many equal stretches as the
text has tokens, and each stretch is averaged: word alignment without a forced aligner.
"""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.interface import Batch, Sequences


def resample(sequences: Sequences, length: Tensor, steps: int) -> Sequences:
    """Resample sequences to given lengths: means of equal stretches, or repeated steps where there are too few.

    Args:
        sequences: `(B, T, D)`.
        length: `(B,)` int64, the new lengths, at least 1.
        steps: T of the result, at least the longest of them.

    Returns:
        `(B, steps, D)`, zeros on padding. The values of a sample whose length stays equal are unchanged.
    """
    values, old = sequences.values, sequences.length
    index = torch.arange(steps, device=values.device)[None, :]
    valid = index < length[:, None]
    start = torch.where(valid, index * old[:, None] // length[:, None], 0)
    stop = torch.where(valid, torch.maximum((index + 1) * old[:, None] // length[:, None], start + 1), 1)
    # running sums of float32 over hundreds of steps would depend on the preceding steps
    running = torch.cat([values.new_zeros(len(values), 1, values.shape[2]), values], dim=1).double().cumsum(dim=1)
    wide = (-1, -1, values.shape[2])
    total = running.gather(1, stop[..., None].expand(wide)) - running.gather(1, start[..., None].expand(wide))
    means = (total / (stop - start)[..., None]).to(values.dtype)
    return Sequences(means.masked_fill(~valid[..., None], 0.0), length)


def align_to_text(batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Bring text, audio and vision to the text's time axis.

    Returns:
        Text `(B, T, D_t)`, audio `(B, T, D_a)`, vision `(B, T, D_v)`, zeros on padding, and the length `(B,)`.
    """
    length, steps = batch.text.length, batch.text.values.shape[1]
    audio, vision = (resample(batch[m], length, steps).values for m in ("audio", "vision"))
    return batch.text.values, audio, vision, length
