"""`python -m tests.fuzz --count 10000 --seed 1`."""

from __future__ import annotations

import argparse
import sys

from tests.fuzz.cases import KINDS
from tests.fuzz.run import run, summary


def main() -> int:
    """Run cases and say how they ended; 1 if any escaped."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many cases")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", action="append", choices=KINDS, help="only these kinds")
    given = parser.parse_args()
    results = []
    for result in run(given.seed, given.count, given.first, tuple(given.kind or ())):
        results.append(result)
        if result.outcome.startswith("escape"):
            sys.stderr.write(f"case {result.number} ({result.kind}, {result.how}): {result.outcome}\n")
    sys.stdout.write(summary(results) + "\n")
    return int(any(r.outcome.startswith("escape") for r in results))


if __name__ == "__main__":
    sys.exit(main())
