"""A fuzzer over everything that reads what others wrote: pickles, npz, stores, csd, CSV, splits, YAML, scenarios.

    python -m tests.fuzz --count 10000 --seed 1

Each case is a valid input with damage, drawn from (seed, number) alone. It must end in an InputError of one line or in
an import that reads back as it was written, in bounded time and memory, without running code and without leaving files.
"""
