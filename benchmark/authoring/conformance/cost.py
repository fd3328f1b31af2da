"""Cost of a model: parameters, operations, time and memory at the lengths of a typical batch of MOSI.

Times are those of this machine and its load; parameters, operations and memory are the same everywhere. The text
encoder is in none of them: a model that works inside one is measured around layers that do nothing.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from pydantic import BaseModel, ConfigDict

from baselines import InputSpec, ModelConfig, SentimentModel, Step, TrainBatch, TrainingStatistics
from baselines.standin import StandInLayers
from benchmark.authoring.conformance.batches import make_train_batch
from benchmark.authoring.conformance.isolation import contained
from benchmark.authoring.conformance.live_memory import LiveMemory
from benchmark.authoring.conformance.subject import optimisers, update
from benchmark.training.operations import count_flops

#: Widths of the default text encoder and of MOSI's audio and vision; its typical lengths; the size of a batch.
COST_SPEC = InputSpec(text=384, audio=5, vision=20, train_samples=1284)
COST_LENGTHS = (25, 60, 80)
COST_BATCH = 32
#: Size of the smaller batches: memory grows from one to the whole, operations are counted on the other.
_QUARTER, _FEW = 8, 4


class Cost(BaseModel):
    """Cost of a model for batches of 32 samples of 25 tokens, 60 audio and 80 vision steps.

    Attributes:
        parameters: Number of all parameters of the model.
        flops_per_sample: Floating point operations (a multiplication and an addition are two) of one prediction, in
            products of matrices, convolutions and attention; element-wise work is not counted.
        training_flops_per_sample: As above, for one training step of the most expensive stage, both directions.
        train_step_ms: Milliseconds of a training step on a batch, for the most expensive stage; median of a few.
        predict_ms: Milliseconds of predicting a batch; median of a few.
        peak_memory_mb: Peak MiB of tensors in a training step: parameters, gradients, optimiser, batch and
            everything between; for the most expensive stage.
        memory_per_sample_mb: Growth of the peak per sample of the batch, in MiB.
        threads: Number of threads that torch used.
    """

    model_config = ConfigDict(frozen=True)

    parameters: int
    flops_per_sample: int
    training_flops_per_sample: int
    train_step_ms: float
    predict_ms: float
    peak_memory_mb: float
    memory_per_sample_mb: float
    threads: int


def measure_cost(
    cls: type[SentimentModel], config: ModelConfig, spec: InputSpec = COST_SPEC, seconds: float = 4.0
) -> Cost:
    """Measure the cost on the processor; random numbers of the caller are not used up."""
    with contained():
        model = _model(cls, config, spec)
        batch, quarter, few = (_batch(cls, spec, size) for size in (COST_BATCH, _QUARTER, _FEW))
        own = sum(t.nbytes for t in (*model.parameters(), *model.buffers()))
        sweeps = [(stage, sweep) for stage in model.stages(4) for sweep in stage.sweeps]
        share = seconds / (1 + len(sweeps))
        peaks, quarters, times, flops = [own + _bytes(batch)], [own + _bytes(quarter)], [0.0], [0]
        for stage, sweep in sweeps:
            optimiser, step = optimisers(model.train(), stage, 1e-4)[sweep], Step(stage, 0, 0.0, sweep)
            flops.append(
                count_flops(partial(update, model, few, step, optimiser))
            )  # the optimiser has its state after it
            fixed = own + _state(optimiser)
            quarters.append(fixed + _bytes(quarter) + _peak(partial(update, model, quarter, step, optimiser)))
            peaks.append(fixed + _bytes(batch) + _peak(partial(update, model, batch, step, optimiser)))
            times.append(_milliseconds(partial(update, model, batch, step, optimiser), share))
            for parameter in model.parameters():
                parameter.grad = None
        model.eval()
        with torch.inference_mode():
            model(batch.input)
            predict = _milliseconds(lambda: model(batch.input), share)
        return Cost(
            parameters=sum(p.numel() for p in model.parameters()),
            flops_per_sample=prediction_operations(cls, config, spec),
            training_flops_per_sample=max(flops) // _FEW,
            train_step_ms=round(max(times), 3),
            predict_ms=round(predict, 3),
            peak_memory_mb=round(max(peaks) / 2**20, 3),
            memory_per_sample_mb=round((max(peaks) - max(quarters)) / (COST_BATCH - _QUARTER) / 2**20, 4),
            threads=torch.get_num_threads(),
        )


def prediction_operations(cls: type[SentimentModel], config: ModelConfig, spec: InputSpec = COST_SPEC) -> int:
    """Count the floating point operations of one prediction, as in `Cost`."""
    with contained():
        model, few = _model(cls, config, spec).eval(), _batch(cls, spec, _FEW)
        return count_flops(lambda: model(few.input)) // _FEW


def _model(cls: type[SentimentModel], config: ModelConfig, spec: InputSpec) -> SentimentModel:
    torch.manual_seed(0)
    model = cls(replace(spec, encoder=StandInLayers(spec.text)) if cls.info.needs_encoder else spec, config)
    model.initialise(TrainingStatistics(torch.tensor([-1.0, 0.0, 2.0])))
    return model


def _batch(cls: type[SentimentModel], spec: InputSpec, size: int) -> TrainBatch:
    return make_train_batch(size, spec=spec, longest=COST_LENGTHS, fixed=True, informed=cls.info.mask_informed)


def _state(optimiser: torch.optim.Optimizer) -> int:
    """Count the bytes of an optimiser's state."""
    return sum(t.nbytes for kept in optimiser.state.values() for t in kept.values() if isinstance(t, torch.Tensor))


def _peak(act: Callable[[], object]) -> int:
    memory = LiveMemory()
    with memory:
        act()
    return memory.peak


def _milliseconds(act: Callable[[], object], seconds: float) -> float:
    """Return the median of five calls; fewer if time runs out."""
    found: list[float] = []
    deadline = time.perf_counter() + seconds
    while len(found) < 5 and (not found or time.perf_counter() < deadline):
        started = time.perf_counter()
        act()
        found.append(1000 * (time.perf_counter() - started))
    return statistics.median(found)


def _bytes(batch: TrainBatch) -> int:
    tensors = [batch.integrity, batch.complete_integrity, batch.label, batch.index, *batch.observed.values()]
    for view in {id(batch.input): batch.input, id(batch.complete): batch.complete}.values():
        tensors += [t for s in (view.text, view.audio, view.vision) for t in (s.values, s.length)]
    return sum(t.nbytes for t in tensors)
