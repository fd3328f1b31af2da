"""Values that are read when a batch needs them: the same bits as values in memory, wherever they lie."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.data import dataset as dataset_module
from benchmark.data import ragged as ragged_module
from benchmark.data.batches import MaskedPart, batches_by_length
from benchmark.data.config import Scaling
from benchmark.data.dataset import Dataset, build_dataset
from benchmark.data.pages import mapping_of, release
from benchmark.data.ragged import HostRagged
from benchmark.data.samples import FloatArray, Samples
from benchmark.data.scaling import Scaler, transform
from protocols import MODALITIES, parse
from tests.samples import make_samples

CPU = torch.device("cpu")
SCENARIO = "drop(rate=0.3) + random_positions(rate=0.3)"


def mapped(array: FloatArray, path: Path) -> FloatArray:
    """The same values, mapped from a file behind some other bytes."""
    path.write_bytes(b"12345678" + array.tobytes())
    values: FloatArray = np.memmap(path, np.float32, "r", offset=8, shape=array.shape)
    return values


def on_disk(samples: Samples, folder: Path) -> Samples:
    """Samples whose values are mapped from files."""
    streams = {
        m: s if s.values is None else dataclasses.replace(s, values=mapped(s.values, folder / m))
        for m, s in samples.streams.items()
    }
    return dataclasses.replace(samples, streams=streams)


def bits(dataset: Dataset) -> list[bytes]:
    """Every batch of every part under masks, down to the sign of a zero."""
    found = []
    for name in ("train", "valid", "test"):
        masks = parse(SCENARIO).masks(dataset, name)
        view = MaskedPart(dataset.part(name), masks, None, CPU)
        for rows in batches_by_length(dataset.part(name).inputs, 7, np.random.default_rng(0)):
            batch = view.batch(rows)
            for m in MODALITIES:
                found += [batch[m].values.numpy().tobytes(), batch[m].length.numpy().tobytes()]
    return found


@pytest.mark.filterwarnings("error")  # torch warns of arrays that may not be written to
@pytest.mark.parametrize("scaling", ["none", "standard", "log"])
@pytest.mark.parametrize("where", ["memory", "disk", "disk, every page released"])
def test_large_data_gives_the_same_bits_as_small(
    scaling: Scaling, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = make_samples(words=False)
    resident = bits(build_dataset(samples, "official", None, scaling))
    monkeypatch.setattr(dataset_module, "RESIDENT_BYTES", 0)
    monkeypatch.setattr(ragged_module, "_BLOCK", 32)
    if where.endswith("released"):
        monkeypatch.setattr(ragged_module, "_RELEASE_BYTES", 0)
    large = samples if where == "memory" else on_disk(samples, tmp_path)
    before = {m: s.values.tobytes() for m, s in large.streams.items() if s.values is not None}
    dataset = build_dataset(large, "official", None, scaling)
    read = dataset.part("train").values["audio"]
    assert isinstance(read, HostRagged)
    assert bits(dataset) == resident
    assert bits(dataset) == resident  # reading leaves the source as it was
    assert {m: s.values.tobytes() for m, s in large.streams.items() if s.values is not None} == before


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**16),
    cuts=st.lists(st.integers(0, 400), max_size=8),
    scaling=st.sampled_from(["standard", "log"]),
)
def test_statistics_do_not_depend_on_how_a_stream_is_cut(seed: int, cuts: list[int], scaling: Scaling) -> None:
    rng = np.random.Generator(np.random.Philox(key=[seed, 0]))
    values = torch.from_numpy((rng.normal(3, 1, (400, 4)) * [1, 1e-3, 1e3, 0]).astype(np.float32))
    edges = [0, *sorted(cuts), 400]
    scaler = Scaler.fit((values[a:b] for a, b in itertools.pairwise(edges)), 4, scaling)
    expected = transform(values, scaling).double().numpy()
    deviation = expected.std(axis=0)
    np.testing.assert_allclose(scaler.mean, expected.mean(axis=0), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(scaler.deviation, np.where(deviation > 1e-6, deviation, 1), rtol=1e-6)


def test_statistics_of_nothing_change_nothing() -> None:
    scaler = Scaler.fit([torch.empty(0, 3)], 3, "standard")
    values = torch.tensor([[1.0, -2.0, 3.0]])
    assert torch.equal(scaler.apply(values, np.array([True])), values)


def test_several_sources_are_one_set_of_sequences(tmp_path: Path) -> None:
    rng = np.random.Generator(np.random.Philox(key=[0, 3]))
    first, second = (rng.normal(size=(n, 3)).astype(np.float32) for n in (6, 4))
    start, length, source_of = np.array([0, 1, 2]), np.array([2, 3, 4]), np.array([0, 1, 0])
    both = HostRagged([mapped(first, tmp_path / "first"), second], start, length, source_of=source_of)
    rows = torch.tensor([2, 1])
    batch = both.padded(rows)
    assert batch.length.tolist() == [4, 3]
    assert torch.equal(batch.values[0], torch.from_numpy(first[2:6]))
    assert torch.equal(batch.values[1, :3], torch.from_numpy(second[1:4]))
    assert not batch.values[1, 3:].any()
    on_device = both._on_device(CPU).padded(rows)  # as an accelerator keeps it
    assert torch.equal(on_device.values, batch.values)
    assert torch.equal(on_device.length, batch.length)


def test_only_pages_that_cannot_be_lost_are_released(tmp_path: Path) -> None:
    values = mapped(np.arange(6, dtype=np.float32).reshape(3, 2), tmp_path / "values")
    assert mapping_of(values[1:]) is not None
    release(values)
    assert values[2].tolist() == [4, 5]
    private = np.memmap(tmp_path / "values", np.float32, "c", offset=8, shape=(3, 2))
    private[0] = 9
    release(private)
    read_only = private[:]
    read_only.flags.writeable = False
    release(read_only)
    assert private[0].tolist() == [9, 9]
    release(np.zeros(3))
    assert mapping_of(np.zeros(3)) is None
