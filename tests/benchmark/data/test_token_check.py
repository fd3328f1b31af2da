"""Token ids are believed only where they agree with their frame, their mask, their part and the raw text."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.data.importers import import_file, token_check, words
from benchmark.data.samples import DEFAULT_VOCABULARY
from protocols import InputError
from tests.benchmark.data.imported import import_pickle, of_sample
from tests.mmsa import mmsa_content
from tests.npz import npz_content

Content = dict[str, dict[str, Any]]
Change = Callable[[np.ndarray[Any, Any], int, np.random.Generator], None]

_SENTENCES = [
    "the plot was a long and boring chase that i did not enjoy at all",
    "great acting by everyone though",
    "some lovely music when they finally meet again",
    "hm",
    "What a waste of money!",
    "Visually stunning, emotionally empty.",
    "My kids laughed throughout",
    "he carries every scene, and she deserves better than this part",
    "nobody needs a third one of these",
    "wait for the ending, it explains why",
    "so i walked out after an hour",
    "jokes fall flat because timing is off",
    "its camera work reminded me of older westerns",
    "definitely worth watching twice",
    "you can skip it",
    "Oh, brilliant...",
]


def _refused(tmp_path: Path, content: Any, says: str, name: str = "toy") -> None:
    with pytest.raises(InputError) as caught:
        import_pickle(tmp_path, content, name)
    assert says in str(caught.value)


def _texts(change: Change, parts: tuple[str, ...] = ("train", "valid", "test"), **options: Any) -> Content:
    """Content whose `text_bert` is changed, a text (3, 50) of so many tokens at a time."""
    content = mmsa_content(**options)
    for part in parts:
        for i, text in enumerate(content[part]["text_bert"]):
            change(text, int(text[1].sum()), np.random.Generator(np.random.Philox(key=[i, 3])))
    return content


def _frame(first: int, last: int, pad: int) -> Change:
    def change(text: np.ndarray[Any, Any], count: int, rng: np.random.Generator) -> None:
        text[0] = pad
        text[0, :count] = [first, *rng.integers(110, 25_000, count - 2), last]

    return change


def _xlnet(text: np.ndarray[Any, Any], count: int, rng: np.random.Generator) -> None:
    text[:] = np.array([[5.0], [0], [3]])
    text[:, -count:] = [[*rng.integers(110, 25_000, count - 2), 4, 3], [1] * count, [0] * (count - 1) + [2]]


def _bare(text: np.ndarray[Any, Any], count: int, rng: np.random.Generator) -> None:
    text[:, : count - 2] = text[:, 1 : count - 1]
    text[:, count - 2 :] = 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_frame(0, 2, 1), "as a tokenizer of RoBERTa does (0 ... 2, padding 1)"),
        (_frame(1, 2, 0), "as a tokenizer of DeBERTa or ERNIE does (1 ... 2)"),
        (_frame(2, 3, 0), "as a tokenizer of ALBERT does (2 ... 3)"),
        (_bare, "so these ids are of another vocabulary, or made without special tokens"),
    ],
)
def test_ids_without_the_frame_of_bert_are_refused(tmp_path: Path, change: Change, says: str) -> None:
    content = _texts(change)
    _refused(tmp_path, content, "train: text_bert: no text begins with [CLS] (101) and ends with [SEP] (102)")
    _refused(tmp_path, content, says)
    _refused(tmp_path, _texts(change, ("valid",)), "valid: text_bert: no text begins with [CLS] (101)")
    _refused(tmp_path, _texts(change, ("valid",)), says)


def test_ids_of_xlnet_are_named(tmp_path: Path) -> None:
    content = _texts(_xlnet)
    for part in content.values():
        part["text_bert"][:, 2] = 0
    _refused(tmp_path, content, "as a tokenizer of XLNet does (4, 3 at the end, padding on the left)")


@pytest.mark.parametrize("parts", [("train", "valid", "test"), ("test",)])
@pytest.mark.parametrize(
    ("order", "found"),
    [
        ([0, 2, 1], "token ids, segment ids, attention mask"),
        ([1, 0, 2], "attention mask, token ids, segment ids"),
        ([2, 0, 1], "segment ids, token ids, attention mask"),
        ([1, 2, 0], "attention mask, segment ids, token ids"),
    ],
)
def test_rows_in_another_order_are_refused(
    tmp_path: Path, parts: tuple[str, ...], order: list[int], found: str
) -> None:
    content = mmsa_content()
    for part in parts:
        content[part]["text_bert"] = content[part]["text_bert"][:, order]
    _refused(tmp_path, content, f"{parts[0]}: text_bert: ")
    _refused(tmp_path, content, f"the three rows of a text seem to be {found}")


def test_rows_of_a_few_texts_in_another_order_are_refused(tmp_path: Path) -> None:
    content = mmsa_content()
    content["train"]["text_bert"][4] = content["train"]["text_bert"][4, [0, 2, 1]]
    _refused(tmp_path, content, "attention mask of sample 'train1$_$1' is 0 everywhere, and its segment ids are not")


def test_a_turned_array_is_named(tmp_path: Path) -> None:
    content = mmsa_content()
    content["train"]["text_bert"] = np.swapaxes(content["train"]["text_bert"], 1, 2)
    _refused(tmp_path, content, "expected shape (24, 3, L), found (24, 50, 3); its last two axes are exchanged")


def _put(row: int, at: Any, value: float) -> Callable[[Content], None]:
    def change(content: Content) -> None:
        content["valid"]["text_bert"][(2, row, at)] = value

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c["valid"]["text_bert"][:, 1].fill(0), "valid: text_bert: the attention mask is 0 everywhere"),
        (_put(1, 1, 0), "the attention mask of sample 'valid0$_$2' has 0 between 1"),
        (_put(0, 0, 2023), "the text of sample 'valid0$_$2' begins with 2023, expected [CLS] (101); 1 of 8 texts do"),
        (_put(1, slice(49, 50), 1), "the attention mask of sample 'valid0$_$2' has 0 between 1"),
        (_put(1, slice(1, 50), 0), "the text of sample 'valid0$_$2' ends with 101 where its attention mask ends"),
        (_put(2, 3, 7), "segment ids: expected whole numbers from 0 to 1, found 7"),
        (_put(1, 0, 0.5), "attention mask: expected whole numbers from 0 to 1, found 0.5"),
        (_put(0, 1, 30_522), "token ids of bert-base-uncased: expected whole numbers from 0 to 30521, found 30522"),
    ],
)
def test_a_text_that_contradicts_itself_is_named(tmp_path: Path, change: Any, says: str) -> None:
    content = mmsa_content()
    change(content)
    _refused(tmp_path, content, says)


@pytest.mark.parametrize("kind", [np.int64, np.float32, np.float64, np.uint16])
def test_any_kind_of_number_will_do(tmp_path: Path, kind: type) -> None:
    content = mmsa_content()
    expected = import_pickle(tmp_path, content).fingerprint()
    for part in content.values():
        part["text_bert"] = part["text_bert"].astype(kind)
    assert import_pickle(tmp_path, content).fingerprint() == expected


def test_texts_padded_on_the_left_are_read_and_named(tmp_path: Path) -> None:
    content = mmsa_content()
    expected = import_pickle(tmp_path, content)
    for text in content["test"]["text_bert"]:
        text[:] = np.roll(text, 50 - int(text[1].sum()), axis=1)
    samples = import_pickle(tmp_path, content)
    assert samples.fingerprint() == expected.fingerprint()
    assert any(
        re.fullmatch(r"text, test: \d texts are padded on the left; their tokens .*", note)
        for note in samples.provenance.notes
    )
    assert samples.provenance.steps.keys() == {"audio", "vision"}  # masks of the loaders are drawn on other positions
    assert expected.provenance.steps.keys() == {"text", "audio", "vision"}


def test_readable_oddities_are_noted(tmp_path: Path) -> None:
    content = mmsa_content()
    train = content["train"]["text_bert"]
    train[23, 0, 49] = 2010  # cut without [SEP]
    train[0, 1] = 0
    train[1] = 0
    train[1, :, :6] = [[101, 2010, 102, 2011, 2012, 102], [1] * 6, [0, 0, 0, 1, 1, 1]]
    samples = import_pickle(tmp_path, content)
    for note in (
        "text, train: 1 texts fill all positions and end without [SEP]: they were cut",
        "text, train: 1 texts have token ids, and attention masks of 0: missing by nature",
        "text, train: 1 texts have [CLS] or [SEP] inside, which were left out",
    ):
        assert note in samples.provenance.notes
    assert len(of_sample(samples, "text", 23)[0]) == 49
    assert of_sample(samples, "text", 0)[1].tolist() == [False]
    assert of_sample(samples, "text", 1)[0].tolist() == [2010, 2011, 2012]


@pytest.mark.parametrize(("count", "refused"), [(510, False), (511, True)])
def test_a_text_longer_than_bert_reads_is_refused_by_every_importer(tmp_path: Path, count: int, refused: bool) -> None:
    content = mmsa_content()
    for columns in content.values():
        columns["text_bert"] = np.pad(columns["text_bert"], ((0, 0), (0, 0), (0, 600)))
    content["test"]["text_bert"][3, :2, : count + 2] = [[101, *[2023] * count, 102], [1] * (count + 2)]
    archive = npz_content()
    for key in ("text.values", "text.observed"):
        del archive[key]
    archive["text.token_ids"] = np.full((6, 600), 2023)
    archive["text.length"] = np.array([3, 3, 3, count, 3, 3])
    path = tmp_path / "arrays.npz"
    np.savez(path, **archive)
    if not refused:
        assert len(of_sample(import_pickle(tmp_path, content), "text", 35)[0]) == count
        assert len(of_sample(import_file(path, "toy"), "text", 3)[0]) == count
        return
    _refused(tmp_path, content, "test: text_bert: the text of sample 'test1$_$0' has 511 content tokens")
    with pytest.raises(InputError, match=r"text.token_ids: the text of sample 's3' has 511 content tokens, expected"):
        import_file(path, "toy")


def _spoken(sizes: tuple[int, int, int] = (16, 16, 16)) -> Content:
    """Content whose raw text and token ids say the same."""
    content = mmsa_content(sizes)
    for k, part in enumerate(content.values()):
        part["raw_text"] = np.roll(np.array(_SENTENCES, object), k)
        part["text_bert"][:] = 0
        stream, _ = words.token_stream("toy", part["raw_text"].tolist())
        assert stream.token_ids is not None
        for i, text in enumerate(part["text_bert"]):
            ids = stream.token_ids[stream.offsets[i] : stream.offsets[i + 1]]
            text[:2, : len(ids) + 2] = [[101, *ids, 102], [1] * (len(ids) + 2)]
    return content


def test_raw_text_that_says_what_the_ids_say_is_fine(tmp_path: Path) -> None:
    content = _spoken()
    assert not any("raw_text" in note for note in import_pickle(tmp_path, content).provenance.notes)
    rest = content["test"]["raw_text"]
    rest[:7] = [text.upper() + " (laughs)" for text in rest[:7]]
    rest[7:11] = _SENTENCES[:4]  # some texts of another sample are not yet another order
    import_pickle(tmp_path, content)


@pytest.mark.parametrize("part", ["train", "test"])
def test_raw_text_in_another_order_than_the_ids_is_refused(tmp_path: Path, part: str) -> None:
    content = _spoken()
    content[part]["raw_text"] = np.roll(content[part]["raw_text"], 5)
    _refused(tmp_path, content, f"{part}: raw text and token ids contradict each other in 1")
    _refused(tmp_path, content, f"sample '{part}0$_$0' says '{content[part]['raw_text'][0]}', and its ids of bert")


def test_without_a_vocabulary_tokens_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = _spoken()
    monkeypatch.setattr(token_check, "_pieces", lambda: ())
    import_pickle(tmp_path, content)
    for text in content["train"]["text_bert"]:  # an end too early: half of the words have no token
        count = max(int(text[1].sum()) // 2, 2)
        text[0, count - 1] = 102
        text[:2, count:] = 0
    _refused(tmp_path, content, "tokens (expected 15 to ")


def test_a_placeholder_for_raw_text_proves_nothing(tmp_path: Path) -> None:
    content = mmsa_content()
    for name, part in content.items():
        part["raw_text"] = np.array([f"some words {name} {i}" for i in range(len(part["id"]))])
    notes = import_pickle(tmp_path, content).provenance.notes
    assert notes.count("raw_text: the same words for most samples; token ids cannot be compared with it") == 1


@pytest.mark.parametrize("placeholder", [True, False])
@pytest.mark.parametrize(
    "ids",
    [
        [872, 1962, 2769, 704, 671, 679, 749, 4638, 3221],  # characters of bert-base-chinese
        [146, 1821, 1136, 119, 117, 1103, 2523],  # words and marks of bert-base-cased
    ],
)
def test_ids_of_another_bert_beside_english_are_refused(tmp_path: Path, ids: list[int], placeholder: bool) -> None:
    def change(text: np.ndarray[Any, Any], count: int, rng: np.random.Generator) -> None:
        text[0, 1 : count - 1] = rng.choice(ids, count - 2)

    content = _texts(change, sizes=(16, 16, 16))
    if not placeholder:
        for part in content.values():
            part["raw_text"] = np.array(_SENTENCES)
    _refused(tmp_path, content, "texts have token ids that the tokenizer of bert-base-uncased never gives them")


def test_a_text_of_unknown_words_is_refused(tmp_path: Path) -> None:
    """Return the ids that the tokenizer of an English BERT gives for Chinese."""

    def change(text: np.ndarray[Any, Any], count: int, rng: np.random.Generator) -> None:
        text[0, 1 : count - 1] = rng.choice([100, 100, 100, 1744], count - 2)

    _refused(tmp_path, _texts(change), "tokens are [UNK] (100), which stands for an erased word here")


def test_chinese_ids_beside_english_are_refused_where_the_vocabulary_is_declared(tmp_path: Path) -> None:
    archive = npz_content(12)
    for key in ("text.values", "text.observed"):
        del archive[key]
    archive |= {
        "raw_text": np.array(_SENTENCES[:12]),
        "text.token_ids": np.full((12, 3), 2769),
        "text.vocabulary": np.array("bert-base-chinese"),
    }
    path = tmp_path / "arrays.npz"
    np.savez(path, **archive)
    with pytest.raises(InputError, match="4 of 4 texts have token ids that the tokenizer of bert-base-chinese never"):
        import_file(path, "toy")
    archive["raw_text"] = np.array([f"\u6211\u6211{mark}" for mark in "abcdefghijkl"])
    np.savez(path, **archive)
    assert import_file(path, "toy").streams["text"].vocabulary == "bert-base-chinese"


def test_a_part_without_text_is_refused_and_a_text_that_is_missing_is_not(tmp_path: Path) -> None:
    archive = npz_content()
    for key in ("text.values", "text.observed"):
        del archive[key]
    ids = np.full((6, 4), 2023)
    path = tmp_path / "arrays.npz"

    def read(ids: Any, raw: Any = None, labelled: bool = True) -> Any:
        arrays = {**archive, "text.token_ids": ids} | ({} if raw is None else {"raw_text": raw})
        np.savez(path, **arrays)
        return import_file(path, "toy", labelled=labelled)

    ids[0] = ids[2] = ids[5] = 0
    with pytest.raises(InputError, match=r"no text of the test part \(split 'official'\) has a token"):
        read(ids)
    with pytest.raises(InputError, match="no text has a token"):
        read(np.zeros((6, 4), int))
    assert not read(np.zeros((6, 4), int), labelled=False).streams["text"].observed.any()
    raw = np.array(["", "this this this this"] * 3)
    raw[[2, 5]] = ""
    read(ids, raw)  # they are empty, the raw text says


def test_new_samples_are_checked_as_well(tmp_path: Path) -> None:
    path = tmp_path / "new.npz"
    arrays: dict[str, Any] = {"id": np.arange(16).astype(str), "raw_text": np.array(_SENTENCES)}
    np.savez(path, **{**arrays, "text.token_ids": np.full((16, 6), 2143)})
    with pytest.raises(InputError, match="raw text and token ids contradict each other in 16 of 16 texts compared"):
        import_file(path, "toy", labelled=False)


def test_ids_that_were_made_from_the_text_need_no_check(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text("text,label,split\n" + "".join(f"good film,1,{part}\n" for part in ("train", "valid", "test") * 3))
    assert not any("raw_text" in note for note in import_file(path, "toy").provenance.notes)


def test_the_pieces_are_those_of_the_tokenizer() -> None:
    pieces = token_check._pieces()
    assert [pieces[i] for i in (101, 102, 1996, 2025, 2075)] == ["[CLS]", "[SEP]", "the", "not", "##ing"]
    never = [
        i
        for ranges in (token_check._UNUSED[DEFAULT_VOCABULARY], token_check._BEYOND_ASCII[DEFAULT_VOCABULARY])
        for low, high in ranges
        for i in range(low, high + 1)
    ]
    assert all(pieces[i].startswith("[unused") or not pieces[i].isascii() for i in never)
