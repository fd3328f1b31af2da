"""The embedded data set `synthetic` and its oracle. Numpy only; the rest of `benchmark` imports it from here.

Sentences come from a grammar (`grammar`, `sentences`) and their sentiment is composed of the words (`composition`);
audio and vision (`streams`) carry, in noisy events, part of the text's sentiment and the tones of voice and face; the
label (`labels`) is a monotone function of these and of an unobservable part. All variables are discrete or Gaussian, so
that the oracle (`text_likelihood`, `stream_likelihood`, `oracle`) can sum over all unknowns, and the information of
each position is known (`evidence`).
"""

from benchmark.data.synthetic.config import SIZES, SyntheticConfig, parse_synthetic
from benchmark.data.synthetic.evidence import evidence
from benchmark.data.synthetic.generator import generate
from benchmark.data.synthetic.oracle import OraclePrediction, oracle
from benchmark.words import ACROSS

__all__ = [
    "SIZES",
    "OraclePrediction",
    "SyntheticConfig",
    "evidence",
    "generate",
    "is_synthetic",
    "oracle",
    "parse_synthetic",
]


def is_synthetic(name: str) -> bool:
    """Return True for the name of generated data: `synthetic`, or `synthetic:` with options; not for two data sets."""
    return ACROSS not in name and name.strip().partition(":")[0].strip() == SyntheticConfig.NAME
