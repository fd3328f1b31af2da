"""Description of this machine: versions, device, threads, data sets, encoder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from benchmark.data.catalog import data_home, list_stores
from benchmark.data.encoder_files import encoder_revision
from benchmark.runs.executors.local import usable_cores
from benchmark.runs.provenance import provenance
from benchmark.runs.store import RunStore
from protocols import InputError


@dataclass(frozen=True)
class Finding:
    """Line of the description: the subject, whether it is fine, and the finding."""

    subject: str
    ok: bool
    text: str


def examine(runs: Path | None = None) -> list[Finding]:
    """Examine the machine, and a folder of runs if it exists; never fails."""
    known = provenance(torch.device("cpu"))
    libraries = ", ".join(f"{k} {v}" for k, v in known["libraries"].items())
    code = f"commit {str(known['git_commit'])[:12]}" if known["git_commit"] else "installed package"
    code += ", with uncommitted changes" if known["git_dirty"] else ""
    findings = [
        Finding("sentibench", True, f"{known['sentibench']} ({code})"),
        Finding("python", True, str(known["python"])),
        Finding("libraries", True, libraries),
        Finding("processor", True, f"{known['processor']}, {usable_cores()} cores for worker processes"),
    ]
    if torch.cuda.is_available():
        findings.append(Finding("accelerator", True, torch.cuda.get_device_name(0)))
    else:
        findings.append(Finding("accelerator", True, "none; everything runs on the processor"))
    stores = list_stores()
    names = ", ".join(f"{s.name} ({s.samples} samples)" for s in stores)
    findings.append(
        Finding(
            "data",
            bool(stores),
            f"{data_home()}: {names or 'no data sets; import one with sentibench data import NAME FILE'}",
        )
    )
    try:
        findings.append(Finding("text encoder", True, f"minilm, {encoder_revision('minilm')[:19]}..."))
    except InputError as error:
        findings.append(Finding("text encoder", False, str(error)))
    if runs is not None and runs.is_dir():
        try:
            faults = RunStore(runs).faults()
        except InputError as error:  # of a newer version
            faults = [str(error)]
        findings.append(Finding("runs", not faults, f"{runs}: {'; '.join(faults) or 'every file is as it was filed'}"))
    return findings
