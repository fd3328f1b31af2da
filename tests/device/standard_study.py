"""Seconds of the standard study on a device, by extrapolation, and its agreement with the processor.

    python -m tests.device.standard_study --device cuda

The study has 20 models, 5 seeds, 60 scenarios, and samples of the number and lengths of CMU-MOSI with a frozen encoder.
Of each model an epoch and a few scenarios are measured, after an epoch that warms up; training takes 40 epochs.
The runs follow each other in one process; processes beside each other can only be faster.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from baselines import SentimentModel, TrainingStatistics, create, model_class, resolve_config
from benchmark.data.batches import MaskedPart
from benchmark.data.config import EncoderConfig
from benchmark.data.dataset import Dataset, TrainingData, build_dataset
from benchmark.data.encoding import TextEncoder
from benchmark.runs.data import model_sizes
from benchmark.training.inference import predict
from benchmark.training.loop import forked_rng
from benchmark.training.parts import TrainingParts
from benchmark.training.sweep import EpochLosses, sweeps_of
from protocols import get_regime, parse
from tests.bench.throughput import mosi_shaped

#: The field of the suite, without floors and without models that take the text encoder apart.
MODELS = [
    *("misa", "self-mm", "mmim", "cenet", "tetfn", "tfr-net", "almt", "lnln", "ef-lstm", "lf-dnn"),
    *("tfn", "lmf", "mult", "emt-dlfr", "p-rmf", "mmin", "mplmm", "dmd", "dlf", "senti-ifusion"),
]
SEEDS, SCENARIOS, EPOCHS = 5, 60, 40
MOSI = (1284, 229, 686)
MEASURED = ("drop(rate=0.5)", "random_positions(rate=0.5)")
#: Largest difference of a prediction on two devices, on labels from -3 to 3.
TOLERANCE = 1e-3
#: Seconds after which no further model is measured.
BUDGET = 400


@dataclass(frozen=True)
class Cost:
    """Seconds of one epoch with its validation and of one scenario, and the difference from the processor."""

    epoch: float
    scenario: float
    difference: float

    def study(self) -> float:
        """Seconds of all runs of the model."""
        return SEEDS * (EPOCHS * self.epoch + SCENARIOS * self.scenario)


def seconds(act: Callable[[], object], device: torch.device) -> float:
    """Measure the seconds of a piece of work on a device."""
    started = time.perf_counter()
    act()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def cost_of(name: str, data: Dataset, device: torch.device) -> Cost:
    """Train a model for two epochs and predict, on a device; predict with the same weights on the processor."""
    config = resolve_config(name, {})
    with forked_rng(0, device):
        sizes = model_sizes(data.widths, data.label_range, len(data.part("train")), None)
        model = create(name, sizes, config).to(device)
        parts = TrainingParts(model, TrainingData(data), get_regime("uncertain"), 0, None, device)
        model.initialise(TrainingStatistics(parts.label))
        stage, batches = model.stages(EPOCHS)[-1], -(-len(parts) // config.optimisation.batch_size)
        sweeps = sweeps_of(model, stage, config.optimisation, None, batches)

        def epoch(number: int) -> None:
            model.train()
            draw = parts.draw(number)
            for turn, sweep in enumerate(sweeps):
                given = parts.batches(draw, number, turn, config.optimisation.batch_size)
                for _ in sweep.train(given, number, number, EpochLosses()):
                    pass
            parts.validation_errors()

        epoch(0)
        trained = seconds(lambda: epoch(1), device)
        evaluate(model, data, MEASURED[0], device)
        found: list[Any] = []
        predicted = seconds(lambda: found.extend(evaluate(model, data, text, device) for text in MEASURED), device)
        here = evaluate(model.cpu(), data, MEASURED[-1], torch.device("cpu"))
    return Cost(trained, predicted / len(MEASURED), float(abs(found[-1] - here).max()))


def evaluate(model: SentimentModel, data: Dataset, scenario: str, device: torch.device) -> Any:
    """Return the predictions of the test part under a scenario."""
    part = data.part("test")
    masks = parse(scenario).masks(part.layout)
    return predict(model, MaskedPart(part, masks, None, device, model_class(model.name).info))[0]["prediction"]


def encoding(device: torch.device, parts: tuple[int, int, int]) -> float:
    """Seconds of encoding the texts that the study shares: a draw for each seed and epoch, and all scenarios."""
    encoder = TextEncoder(EncoderConfig()).to(device)
    data = build_dataset(mosi_shaped(True, parts), "official", encoder)
    once = {}
    for name in ("train", "test"):
        part = data.part(name).inputs
        assert part.token_ids is not None
        ids, offsets = part.token_ids, part.offsets["text"]
        encoder.encode(ids, offsets)
        once[name] = seconds(lambda ids=ids, offsets=offsets: encoder.encode(ids, offsets), device)  # type: ignore[misc]
    return SEEDS * EPOCHS * once["train"] + SCENARIOS * once["test"]


def measure(models: list[str], parts: tuple[int, int, int], device: torch.device) -> bool:
    """Write a line for each model and the sum; returns False where a prediction differs from the processor's."""
    started, costs = time.perf_counter(), dict[str, Cost]()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "processor"
    sys.stdout.write(f"{name}, torch {torch.__version__}, {parts} samples\n")
    data = build_dataset(mosi_shaped(False, parts), "official", None)
    texts = encoding(device, parts)
    sys.stdout.write(f"{'text states':20} {texts:8.0f} s a study\n")
    for model in models:
        if time.perf_counter() - started > BUDGET:
            break
        costs[model] = cost = cost_of(model, data, device)
        sys.stdout.write(
            f"{model:20} {cost.study():8.0f} s a study, {cost.epoch:.3f} s an epoch, {cost.scenario:.4f} s a scenario, "
            f"difference {cost.difference:.1e}\n"
        )
        sys.stdout.flush()
    total = sum(cost.study() for cost in costs.values())
    left = len(models) - len(costs)
    total += left * total / len(costs) + texts
    say = f"{SEEDS} seeds, {SCENARIOS} scenarios and {EPOCHS} epochs, one run after the other"
    sys.stdout.write(
        f"{len(models)} models, {say}: {total / 60:.1f} minutes; {left} models by the mean of the others\n"
    )
    apart = [model for model, cost in costs.items() if not cost.difference <= TOLERANCE]
    sys.stdout.write(f"differ from the processor by more than {TOLERANCE}: {', '.join(apart) or 'none'}\n")
    return not apart


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--samples", type=int, nargs=3, default=MOSI, help="training, validation and test samples")
    given = parser.parse_args()
    sys.exit(0 if measure(given.models.split(","), tuple(given.samples), torch.device(given.device)) else 1)
