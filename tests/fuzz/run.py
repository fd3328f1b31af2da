"""Runs many cases in a worker process, starts another where one dies or hangs, and counts how they ended."""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Seconds that one case may take (the machine may be busy with other things).
TIME_LIMIT = 30.0
_STARTUP = 120.0


@dataclass(frozen=True)
class Result:
    """End of a case: `imported`, `refused`, `changed`, or `escape: ...`."""

    number: int
    kind: str
    how: str
    outcome: str
    seconds: float


def run(seed: int, count: int, first: int = 0, kinds: tuple[str, ...] = ()) -> Iterator[Result]:
    """Results of the cases `first` to `first + count - 1`."""
    number, end = first, first + count
    while number < end:
        for result in _work(seed, number, end, kinds):
            yield result
            number = result.number + 1


def _work(seed: int, first: int, end: int, kinds: tuple[str, ...]) -> Iterator[Result]:
    """Results of one worker, until it has finished or had to be stopped; at least one."""
    command = [sys.executable, "-m", "tests.fuzz.worker", str(seed), str(first), str(end), *kinds]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    root = Path(__file__).parents[2]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=root, text=True)
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_pump, args=(worker, lines), daemon=True).start()
    number, kind, how = first, "?", "?"
    limit = _STARTUP
    try:
        while True:
            try:
                line = lines.get(timeout=limit)
            except queue.Empty:
                yield Result(number, kind, how, f"escape: took longer than {limit:.0f} s", limit)
                return
            if not line:
                if worker.wait() != 0 or number == first:
                    yield Result(number, kind, how, f"escape: the process ended with {worker.returncode}", 0.0)
                return
            what, text, rest = line.split(" ", 2)
            result = json.loads(rest)
            if what == "start":
                number, kind, how, limit = int(text), result["kind"], result["how"], TIME_LIMIT
                continue
            yield Result(number, kind, how, result["outcome"], result["seconds"])
            number += 1
            kind = how = "?"
            if number == end:
                return
    finally:
        worker.kill()
        worker.wait()


def _pump(worker: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    if worker.stdout is not None:
        for line in worker.stdout:
            lines.put(line)
    lines.put("")


def summary(results: list[Result]) -> str:
    """Counts by kind and outcome, the slowest case, and every escape."""
    kinds = sorted({r.kind for r in results})
    counts = Counter((r.kind, "escape" if r.outcome.startswith("escape") else r.outcome) for r in results)
    columns = ("refused", "imported", "changed", "escape")
    lines = [f"{'kind':10}{'cases':>8}" + "".join(f"{c:>10}" for c in columns)]
    for kind in (*kinds, "all"):
        row = [sum(n for (k, o), n in counts.items() if kind in (k, "all") and o == c) for c in columns]
        lines.append(f"{kind:10}{sum(row):8}" + "".join(f"{n:10}" for n in row))
    if results:
        slow = max(results, key=lambda r: r.seconds)
        lines.append(f"slowest: case {slow.number} ({slow.kind}, {slow.how}), {slow.seconds:.1f} s")
    groups: dict[str, list[Result]] = {}
    for result in results:
        if result.outcome.startswith("escape"):
            # what differs between cases of one fault are numbers, names and quotations
            same = re.sub(r"'.*|\".*|\d+", "#", result.outcome)[:100]
            groups.setdefault(f"{result.kind} {same}", []).append(result)
    for group in groups.values():
        numbers = ", ".join(str(r.number) for r in group[:5])
        lines.append(f"{len(group)} x {group[0].kind}, as case {numbers}: {group[0].outcome[:400]}")
    return "\n".join(lines)
