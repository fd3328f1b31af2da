"""Groups of similar length within a batch, for encoders of one modality; a batch is sorted by all three."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from baselines.interface import Sequences

#: Steps of a group of a Transformer, padding included: enough for products of matrices, few enough for the cache.
STEPS = 512


def groups_of(length: Tensor, steps: int) -> Iterator[Tensor]:
    """Yield the rows of groups from short to long; a group has at most `steps` steps when padded, or a single row.

    Args:
        length: `(B,)`, on the processor.
        steps: Steps of a group.
    """
    order = length.argsort(stable=True)
    ordered, first = length[order].tolist(), 0
    for end in range(1, len(ordered) + 1):
        if end == len(ordered) or (end + 1 - first) * ordered[end] > steps:
            yield order[first:end]
            first = end


def runs_in_groups(length: Tensor, device: torch.device, steps: int) -> bool:
    """Return True if a batch of these lengths `(B,)` is faster in groups: on a processor, with many steps."""
    return device.type == "cpu" and len(length) * int(length.max()) > steps


def in_groups(encode: Callable[[Sequences], Tensor], sequences: Sequences, steps: int | None = None) -> Tensor:
    """Encode samples `(B, T, D)` as `(B, ...)`, on a processor group by group.

    Args:
        encode: Encodes each sample separately, into a result of one shape.
        sequences: The samples.
        steps: Steps of a group; `STEPS` when None.
    """
    known, steps = sequences.known, steps or STEPS
    if known is None or not runs_in_groups(known, sequences.values.device, steps):
        return encode(sequences)
    groups, results = list(groups_of(known, steps)), []
    for rows in groups:
        values = sequences.values[rows, : int(known[rows[-1]])]
        results.append(encode(Sequences(values, sequences.length[rows], known[rows])))
    return torch.cat(results)[torch.cat(groups).argsort()]
