"""The embedded data set `synthetic` and its oracle. Numpy only; the rest of `benchmark` imports it from here.

Sentences come from a grammar (`grammar`, `sentences`) and their sentiment is composed of the words (`composition`);
audio and vision (`streams`) show in noisy events part of what is said and how it is said; the label (`labels`) is a
monotone function of both and of a part that nobody can observe. All of it is discrete or Gaussian, so that the oracle
(`text_likelihood`, `stream_likelihood`, `oracle`) can sum over everything unknown, and so that it is known which
positions tell something (`evidence`).
"""

from benchmark.data.synthetic.config import SIZES, VERSION, SyntheticConfig, parse_synthetic
from benchmark.data.synthetic.evidence import evidence
from benchmark.data.synthetic.generator import generate
from benchmark.data.synthetic.oracle import OraclePrediction, oracle

__all__ = [
    "SIZES",
    "VERSION",
    "OraclePrediction",
    "SyntheticConfig",
    "evidence",
    "generate",
    "is_synthetic",
    "oracle",
    "parse_synthetic",
]


def is_synthetic(name: str) -> bool:
    """Whether `name` asks for generated data: `synthetic`, or `synthetic:` with options."""
    return name.strip().partition(":")[0].strip() == SyntheticConfig.NAME
