"""Tests of devices. Those of a GPU run against a stand-in, as few machines have one."""

import pytest
import torch

from benchmark.runs.executors import local, runs_at_once
from benchmark.training.devices import open_device
from protocols import InputError

GIB = 1 << 30


@pytest.fixture
def two_gpus(monkeypatch):
    """Two GPUs of 80 GiB with 50 free, and torch's usual precision, which comes back after the test."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (50 * GIB, 80 * GIB))
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)


@pytest.mark.parametrize("name", ["gpu", "cuda:2", "cuda:x"])
def test_an_unknown_device_is_refused_in_one_line(two_gpus, name):
    with pytest.raises(InputError, match=f"device '{name}'"):
        open_device(name)


def test_a_missing_gpu_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="device 'cuda': no CUDA device is available; use cpu"):
        open_device("cuda")


def test_a_gpu_computes_with_single_precision(two_gpus):
    assert open_device("cuda:1") == torch.device("cuda:1")
    assert not torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize(
    ("device", "asked", "expected"), [("cpu", None, 16), ("cpu", 3, 3), ("cuda", None, 4), ("cuda:1", 7, 7)]
)
def test_runs_at_once(two_gpus, monkeypatch, device, asked, expected):
    monkeypatch.setattr(local, "usable_cores", lambda: 16)
    assert runs_at_once(device, asked) == expected


def test_a_full_gpu_still_does_one_run(two_gpus, monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (GIB, 80 * GIB))
    assert runs_at_once("cuda") == 1
