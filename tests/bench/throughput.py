"""Samples a processor second of training or evaluation, on one thread, on samples of the lengths of CMU-MOSI.

    python -m tests.bench.throughput lnln --encoder minilm --rounds 4 --beside ../old

With `--beside FOLDER`, the code of another checkout is measured in turns with this one; with `--peer FOLDER`, the
public code of the model's paper is (`tests.bench.peers`). Lengths are those of the unaligned files: 15, 45 and 60 steps
on average, at most 50, 375 and 500. Text is values of MiniLM's width; with `--encoder` it is token ids, and the encoder
is fine-tuned. `--share` also gives the operations a second in products of matrices, as a share of those in products of
two matrices of 2048 in the same rounds; computed padding is included.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

STEPS = {"text": (15, 50, 384), "audio": (45, 375, 5), "vision": (60, 500, 20)}
#: Training, validation and test samples.
PARTS = (512, 16, 256)


def mosi_shaped(tokens: bool, parts: tuple[int, int, int] = PARTS, factor: float = 1.0) -> Any:
    """Samples of random content; a long utterance has more steps in all modalities, but not in proportion.

    Args:
        tokens: True for texts of token ids, False for texts of values.
        parts: Training, validation and test samples.
        factor: Factor on the lengths.
    """
    from benchmark.data.samples import ModalityStream, Provenance, Samples

    rng = np.random.Generator(np.random.Philox(key=[0, 25]))
    count = sum(parts)
    common, streams = rng.standard_normal(count), {}
    for modality, (mean, longest, width) in STEPS.items():
        spread = 0.6 * common + 0.25 * rng.standard_normal(count)
        length = np.clip(factor * mean * np.exp(spread - 0.2), 2, factor * longest).astype(np.int64)
        offsets = np.concatenate([[0], np.cumsum(length)])
        seen = np.ones(offsets[-1], dtype=np.bool_)
        if tokens and modality == "text":
            streams[modality] = ModalityStream(offsets, seen, token_ids=rng.integers(1996, 29_000, offsets[-1]))
        else:
            values = rng.standard_normal((offsets[-1], width), dtype=np.float32)
            streams[modality] = ModalityStream(offsets, seen, values)
    codes = np.repeat(np.array([1, 2, 3], dtype=np.uint8), parts)
    names = np.array([f"v{i // 7}_{i % 7}" for i in range(count)], dtype=object)
    videos = np.array([f"v{i // 7}" for i in range(count)], dtype=object)
    words = np.array(["words"] * count, dtype=object)
    label = np.clip(rng.normal(0, 1.2, count), -3, 3).astype(np.float32)
    made: Any = Samples("shaped", names, videos, words, label, streams, {"official": codes}, Provenance("", "", ""))
    return made


def work_of(model_name: str, mode: str, encoder: str, batch: int, scenarios: int, factor: float) -> Iterator[int]:
    """Do the work in pieces; yields the number of samples of each piece."""
    import torch

    from baselines import create, resolve_config
    from benchmark.data.config import EncoderConfig
    from benchmark.data.dataset import TrainingData, build_dataset
    from benchmark.data.encoding import TextEncoder
    from benchmark.runs.data import model_sizes
    from benchmark.training.inference import predict
    from benchmark.training.parts import TrainingParts
    from benchmark.training.sweep import EpochLosses, sweeps_of
    from benchmark.training.weights import trained_modules
    from protocols import get_regime, parse

    torch.set_num_threads(1)
    torch.manual_seed(0)
    text = TextEncoder(EncoderConfig(name=encoder, mode="finetune")) if encoder else None
    data = build_dataset(mosi_shaped(text is not None, factor=factor), "official", text)
    config = resolve_config(model_name, {})
    model = create(model_name, model_sizes(data.widths, data.label_range, PARTS[0], text), config)
    if mode == "train":
        trained_modules(model, text).train()
        optimisation = config.optimisation.model_copy(update={"batch_size": batch})
        parts = TrainingParts(model, TrainingData(data), get_regime("uncertain"), 0, text, torch.device("cpu"))
        sweep = sweeps_of(model, model.stages(100)[-1], optimisation, text, 100)[-1]
        for epoch in range(1000):
            losses, done = EpochLosses(), 0
            for _ in sweep.train(parts.batches(parts.draw(epoch), epoch, 0, batch), epoch, epoch, losses):
                yield losses.samples - done
                done = losses.samples
    from benchmark.data.batches import MaskedPart

    part = data.part("test")
    masks = [
        parse(f"random_positions(rate={(k + 1) / (scenarios + 1):.2f})").masks(part.layout) for k in range(scenarios)
    ]

    def masked(draw: Any) -> Any:
        return MaskedPart(part, draw, text, torch.device("cpu"), model.info)

    while True:
        for draw in masks:
            predict(model, masked(draw))
        yield scenarios * PARTS[2]


def piece(work: Iterator[int], samples: int) -> int:
    """Do work on at least this number of samples; returns their number."""
    done = 0
    while done < samples:
        done += next(work)
    return done


def matrix_rate(size: int = 2048, times: int = 4) -> float:
    """Floating point operations a second in products of two matrices."""
    import torch

    one, other = torch.rand(size, size), torch.rand(size, size)
    started = time.process_time()
    for _ in range(times):
        torch.mm(one, other)
    return times * 2 * size**3 / (time.process_time() - started)


def answer(arguments: argparse.Namespace) -> None:
    """Do a piece of work for each line on standard input; writes its samples, its seconds, peak memory and share."""
    if arguments.public:
        from tests.bench.peers import public_work

        work = public_work(arguments.model, arguments.public, arguments.mode, arguments.batch)
    else:
        names = ("model", "mode", "encoder", "batch", "scenarios", "length")
        work = work_of(*(getattr(arguments, name) for name in names))
    operations = 0.0
    for _ in sys.stdin:
        started = time.process_time()
        samples = piece(work, arguments.samples)
        seconds = time.process_time() - started
        peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
        if arguments.share and not operations:
            from benchmark.training.operations import count_flops

            counted: list[int] = []
            operations = count_flops(lambda: counted.append(piece(work, arguments.samples))) / counted[0]  # noqa: B023
        share = operations * samples / seconds / matrix_rate() if arguments.share else 0.0
        print(samples, seconds, peak[1] if peak else 0, share, flush=True)  # noqa: T201


def measure(
    folders: list[Path], peer: Path | None, arguments: list[str], rounds: int, say: Callable[[str], object]
) -> None:
    """Measure checkouts and public code in turns; the first piece of work of each warms up and is not counted."""
    workers = []
    own = folders[-1]
    public = [f"--public={peer}"] if peer else []
    codes = [*([(own, public)] if peer else []), *((folder, list[str]()) for folder in folders)]
    folders = [*([peer] if peer else []), *folders]
    for folder, extra in codes:
        paths = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        command = [sys.executable, __file__, "--answer", *arguments, *extra]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        workers.append(subprocess.Popen(command, env=environment, cwd=folder, **pipes))
    rates: list[list[float]] = [[] for _ in folders]
    peaks, shares = [0.0] * len(folders), [list[float]() for _ in folders]
    for number in range(rounds + 1):
        for k, worker in enumerate(workers):
            assert worker.stdin
            assert worker.stdout
            worker.stdin.write("\n")
            worker.stdin.flush()
            samples, seconds, peak, share = map(float, worker.stdout.readline().split())
            peaks[k] = peak / 1024
            if number:
                rates[k].append(samples / seconds)
                shares[k].append(share)
    for worker in workers:
        worker.communicate()
    for folder, rate, peak, share in zip(folders, rates, peaks, shares, strict=True):
        each = " ".join(f"{r:.1f}" for r in rate)
        of_rate = f", {np.median(share):.0%} of the matrix rate" if any(share) else ""
        say(f"{folder}: {np.median(rate):.1f} samples/s ({each}), {peak:.0f} MB{of_rate}\n")
    if len(folders) == 2:
        ratios = [new / old for old, new in zip(*rates, strict=True)]
        say(f"ratio {np.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--mode", choices=["train", "evaluate"], default="train")
    parser.add_argument("--encoder", default="", help="text encoder to fine-tune; by default text is values")
    parser.add_argument("--batch", type=int, default=16, help="batch size of training")
    parser.add_argument("--samples", type=int, default=64, help="samples of a round, at least")
    parser.add_argument("--scenarios", type=int, default=3, help="scenarios of an evaluation")
    parser.add_argument("--length", type=float, default=1.0, help="factor on the lengths of the samples")
    parser.add_argument("--share", action="store_true", help="also give the share of the machine's matrix rate")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--beside", type=Path, help="folder of another checkout")
    parser.add_argument("--peer", type=Path, help="folder of the public code of the model's paper")
    parser.add_argument("--answer", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--public", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.answer:
        answer(given)
    else:
        own = Path(__file__).resolve().parents[2]
        passed = [w for k, w in enumerate(sys.argv[1:]) if not {w, *sys.argv[k : k + 1]} & {"--beside", "--peer"}]
        folders = [*([given.beside.resolve()] if given.beside else []), own]
        measure(folders, given.peer and given.peer.resolve(), passed, given.rounds, sys.stdout.write)
