"""Random batches for tests of models: those of the conformance kit."""

from __future__ import annotations

from benchmark.authoring.conformance.batches import (
    SPEC,
    ToyLayers,
    erased,
    make_batch,
    make_train_batch,
    pad,
    rows,
    with_encoder,
)

__all__ = ["SPEC", "ToyLayers", "erased", "make_batch", "make_train_batch", "pad", "rows", "with_encoder"]
