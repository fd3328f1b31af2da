"""A process that runs cases and reports them in lines: `start NUMBER`, then `end NUMBER`, each with some JSON."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings
from pathlib import Path

#: Bytes of address space: what would take more fails instead of filling the machine.
ADDRESS_SPACE = 8 << 30


def main(seed: int, numbers: range, kinds: tuple[str, ...]) -> None:
    """Run the cases of `numbers`."""
    from tests.fuzz.cases import KINDS, make_case
    from tests.fuzz.judge import Judge, timed

    _limit_memory()
    warnings.simplefilter("error")  # a user would see them
    with tempfile.TemporaryDirectory(prefix="sentibench-fuzz-") as folder:
        judge = Judge(Path(folder).resolve())
        for number in numbers:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                case = make_case(seed, number, judge.canary, kinds or KINDS)
            _say("start", number, {"kind": case.kind, "how": case.how})
            outcome, seconds = timed(judge, case)
            _say("end", number, {"outcome": outcome, "seconds": seconds})
        os.chdir("/")


def _say(what: str, number: int, result: dict[str, object]) -> None:
    sys.stdout.write(f"{what} {number} {json.dumps(result)}\n")
    sys.stdout.flush()


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, hard))


if __name__ == "__main__":
    main(int(sys.argv[1]), range(int(sys.argv[2]), int(sys.argv[3])), tuple(sys.argv[4:]))
