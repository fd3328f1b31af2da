"""Small data sets and encoders made for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.data.samples import ModalityStream, Provenance, Samples

PARTS = (1, 1, 1, 2, 3, 3)  # half train, a sixth valid, a third test


def make_samples(n: int = 60, seed: int = 0, name: str = "toy", words: bool = True) -> Samples:
    """n samples whose label can be read from the text, less well from audio, hardly from vision."""
    rng = np.random.Generator(np.random.Philox(key=[seed, 1]))
    label = np.clip(rng.normal(0, 1.5, n), -3, 3).astype(np.float32)
    streams = {}
    for modality, width, longest, noise in (("text", 12, 9, 0.3), ("audio", 5, 14, 1.0), ("vision", 7, 20, 2.0)):
        length = rng.integers(1, longest, n)
        offsets = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
        owner = np.repeat(np.arange(n), length)
        observed = rng.random(len(owner)) > (0.1 if modality == "vision" else 0.0)
        if modality == "text" and words:
            steps = np.clip(label[owner] + rng.normal(0, noise, len(owner)), -4, 4)
            tokens = (2000 + np.round(steps * 4) + 20).astype(np.int64)
            streams[modality] = ModalityStream(offsets, observed, token_ids=tokens)
            continue
        direction = rng.normal(size=width)
        values = label[owner][:, None] * direction + rng.normal(0, noise, (len(owner), width))
        streams[modality] = ModalityStream(offsets, observed, (values * observed[:, None]).astype(np.float32))
    codes = np.resize(np.array(PARTS, dtype=np.uint8), n)
    ids = np.array([f"v{i // 4}_{i % 4}" for i in range(n)], dtype=object)
    videos = np.array([f"v{i // 4}" for i in range(n)], dtype=object)
    text = np.array(["words"] * n, dtype=object)
    splits = {"official": codes, "fold0": np.roll(codes, 1), "fold1": np.roll(codes, 3)}
    samples = Samples(name, ids, videos, text, label, streams, splits, Provenance("made for tests", "", "toy"))
    samples.validate()
    return samples


def save_tiny_encoder(folder: Path) -> Path:
    """A BERT of 16 dimensions with random weights, in the form of Hugging Face's library."""
    import torch
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=30_522,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    return folder
