"""Descriptions count what is there, and warn of what could spoil an evaluation."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from benchmark.cli.description import bars, show
from benchmark.cli.main import main
from benchmark.data.description import Description, Shared, describe
from benchmark.data.description.duplicates import near_ids, word_count
from benchmark.data.description.scan import blocks, scan_stream
from benchmark.data.importers.meaning import OFFICIAL
from benchmark.data.samples import ModalityStream, Samples
from benchmark.data.synthetic import SyntheticConfig, generate
from protocols import InputError
from tests.samples import make_samples


def copied(samples: Samples, modality: str, source: int, target: int) -> Samples:
    """The samples with the features of one sample given to another too."""
    stream = samples.streams[modality]  # type: ignore[index]
    pieces = [np.arange(a, b) for a, b in zip(stream.offsets[:-1], stream.offsets[1:], strict=True)]
    pieces[target] = pieces[source]
    where = np.concatenate(pieces)
    offsets = np.concatenate([[0], np.cumsum([len(p) for p in pieces])]).astype(np.int64)
    values = None if stream.values is None else stream.values[where]
    tokens = None if stream.token_ids is None else stream.token_ids[where]
    new = ModalityStream(offsets, stream.observed[where], values, tokens)
    return replace(samples, streams={**samples.streams, modality: new})


def warned(samples: Samples, *words: str) -> bool:
    return any(all(word in line for word in words) for line in describe(samples, probe=False).warnings)


def test_parts_and_classes_add_up() -> None:
    samples = make_samples()
    description = describe(samples, probe=False)
    official = [p for p in description.parts if p.split == "official"]
    assert [p.samples for p in official] == [30, 10, 20]
    assert {p.split for p in description.parts} == set(samples.splits)
    for part in official:
        assert part.negative + part.zero + part.positive == part.samples
        assert sum(description.labels.counts[part.part]) == part.samples
    by_metric = {c.metric: c for c in description.classes}
    assert list(by_metric) == ["acc7", "acc5", "acc3", "acc2_has0", "acc2_non0"]
    assert [len(c.classes) for c in by_metric.values()] == [7, 5, 3, 2, 2]
    for part in official:
        for metric, classes in by_metric.items():
            left_out = part.zero if metric == "acc2_non0" else 0
            assert sum(classes.counts[part.part]) == part.samples - left_out
    assert by_metric["acc2_non0"].counts["test"] == (official[2].negative, official[2].positive)


def test_ch_sims_has_its_own_classes_and_unimodal_labels() -> None:
    samples = make_samples()
    label = np.round(samples.label / 3, 1).astype(np.float32)
    sims = replace(
        samples,
        label=label,
        provenance=replace(samples.provenance, label_range=(-1.0, 1.0)),
        unimodal_labels={"text": label, "vision": np.zeros_like(label)},
    )
    description = describe(sims, probe=False)
    five = next(c for c in description.classes if c.metric == "acc5_sims")
    expected = np.histogram(np.round(label.astype(np.float64), 1) - 1e-9, (-1.1, -0.7, -0.1, 0.1, 0.7, 1.1))[0]
    np.testing.assert_array_equal(np.sum(list(five.counts.values()), axis=0), expected)
    assert description.unimodal == {"text": pytest.approx(1.0), "vision": 0.0}


def test_labels_without_a_scale_are_described_too() -> None:
    samples = make_samples()
    other = replace(samples, label=samples.label + 3, provenance=replace(samples.provenance, label_range=(0.0, 6.0)))
    description = describe(other)
    assert description.classes == ()
    assert any("no accuracies or F1" in line for line in description.warnings)
    assert all(p.accuracy is None for p in description.probes)
    assert description.probes[0].mae is not None


def test_labels_that_fill_little_of_their_range_are_warned_of() -> None:
    samples = make_samples()
    assert not any("% of the range" in line for line in describe(samples, probe=False).warnings)
    small = describe(replace(samples, label=samples.label / 3), probe=False)
    assert any("of the range -3 to 3; import them with --label-range" in line for line in small.warnings)


def test_gaps_lengths_and_cleaning_are_those_of_the_streams() -> None:
    samples = make_samples()
    counts = {"nan": 3, "inf": 2, "overflow": 40}
    samples = replace(samples, provenance=replace(samples.provenance, cleaning={"audio": counts}))
    description = describe(samples, probe=False)
    vision, audio = samples.streams["vision"], samples.streams["audio"]
    recorded = np.add.reduceat(vision.observed, vision.offsets[:-1], dtype=np.int64) > 0
    inside = np.repeat(recorded, np.diff(vision.offsets))
    found = {m.modality: m for m in description.modalities}
    assert found["vision"].gaps == pytest.approx((~vision.observed[inside]).mean())
    assert found["vision"].absent == pytest.approx((~recorded).mean())
    assert found["audio"].replaced == counts
    assert found["audio"].largest == np.abs(audio.values).max()  # type: ignore[arg-type]
    assert found["text"].width == 0
    assert warned(samples, "audio", "replaced by 0", "40 overflow")
    train = samples.splits["official"] == 1
    row = next(r for r in description.lengths if (r.modality, r.part) == ("audio", "train"))
    lengths = np.diff(audio.offsets)[train]
    assert (row.least, row.most, row.recorded) == (lengths.min(), lengths.max(), 30)
    assert sum(description.length_histograms["audio"].counts["train"]) == 30


def test_words_that_train_never_has_are_counted() -> None:
    samples = make_samples()
    text = samples.streams["text"]
    part = np.repeat(samples.splits["official"], np.diff(text.offsets))
    known = set(text.token_ids[part == 1].tolist())  # type: ignore[index]
    test = text.token_ids[part == 3].tolist()  # type: ignore[index]
    row = describe(samples, probe=False).vocabularies[2]
    assert row.unseen == pytest.approx(np.mean([t not in known for t in test]))
    assert (row.tokens, row.distinct) == (len(test), len(set(test)))


def test_videos_in_two_parts_are_told() -> None:
    samples = make_samples()
    assert warned(samples, "videos in both train and test")
    apart = replace(samples, video_ids=samples.ids)
    assert not warned(apart, "video")
    assert not any(s.what == "video" for s in describe(apart, probe=False).shared)


def test_equal_texts_are_reported_and_only_long_ones_with_one_label_warned_of() -> None:
    samples = replace(make_samples(), video_ids=make_samples().ids)
    codes = samples.splits["official"]
    a, b = int(np.flatnonzero(codes == 1)[0]), int(np.flatnonzero(codes == 3)[0])
    label = samples.label.copy()
    label[a] = label[b]

    def with_text(text: str, label: np.ndarray) -> Samples:
        raw = np.array([f"something else {i}" for i in range(len(samples))], dtype=object)
        raw[a], raw[b] = text, text.upper()
        return replace(samples, raw_text=raw, label=label)

    long = "a sentence that nobody says twice"
    row = describe(with_text("thank you", label), probe=False).shared
    assert [(s.what, s.first, s.second, s.groups, s.same_label) for s in row] == [("text", "train", "test", 1, 1)]
    assert not warned(with_text("thank you", label), "same sample")
    assert not warned(with_text(long, samples.label), "same sample")
    assert warned(with_text(long, label), "1 text of 6 words or more in both train and test", long)


@pytest.mark.parametrize("modality", ["audio", "vision"])
def test_equal_features_in_two_parts_are_warned_of(modality: str) -> None:
    samples = replace(make_samples(), video_ids=make_samples().ids)
    codes = samples.splits["official"]
    a, b = int(np.flatnonzero(codes == 1)[3]), int(np.flatnonzero(codes == 3)[5])
    assert not warned(samples, modality, "value for value")
    twice = copied(samples, modality, a, b)
    twice.validate()
    assert warned(twice, modality, "both train and test", "value for value", samples.ids[b])


def test_samples_without_a_modality_are_no_duplicates() -> None:
    samples = make_samples()
    vision = samples.streams["vision"]
    gone = ModalityStream(
        vision.offsets, np.zeros_like(vision.observed), np.zeros_like(vision.values)  # type: ignore[arg-type]
    )  # fmt: skip
    blind = replace(samples, streams={**samples.streams, "vision": gone})
    description = describe(blind)
    assert not any(s.what == "vision" for s in description.shared)
    assert any("vision: never recorded" in line for line in description.warnings)
    assert next(p for p in description.probes if p.modality == "vision").reason
    assert all(r.recorded == 0 and r.median is None for r in description.lengths if r.modality == "vision")


def test_ids_that_hardly_differ_are_found() -> None:
    samples = make_samples()
    ids = samples.ids.copy()
    ids[:4] = ["Video-1_02", "video_1$_$2", "video_1_3", "video_13"]
    assert near_ids(replace(samples, ids=ids)) == (("Video-1_02", "video_1$_$2"),)
    assert near_ids(samples) == ()
    assert warned(replace(samples, ids=ids), "Video-1_02 and video_1$_$2")


def test_words_are_counted_in_english_and_chinese() -> None:
    assert word_count("it was  good") == 3
    assert word_count("我很喜欢") == 4
    assert word_count("") == 0


def test_published_files_are_recognised() -> None:
    samples = make_samples()
    sha256, file = next(iter(OFFICIAL.items()))
    known = replace(samples, provenance=replace(samples.provenance, source_sha256=sha256))
    assert describe(known, probe=False).official == file.title
    assert describe(samples, probe=False).official == ""


def test_unknown_splits_are_refused() -> None:
    with pytest.raises(InputError, match="fold1"):
        describe(make_samples(), "fold7")


def test_json_has_no_nan() -> None:
    for words in (True, False):
        text = json.dumps(describe(make_samples(words=words), "fold1").to_dict(), allow_nan=False)
        assert json.loads(text)["split"] == "fold1"


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=40), st.integers(1, 60))
def test_blocks_cover_every_sample_once(lengths: list[int], positions: int) -> None:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    found = list(blocks(offsets, positions))
    assert [i for a, b in found for i in range(a, b)] == list(range(len(lengths)))
    assert all(offsets[b] - offsets[a] <= positions or b == a + 1 for a, b in found)


def test_scanning_by_block_is_scanning_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stream = make_samples().streams["vision"]
    mapped = np.lib.format.open_memmap(tmp_path / "v.npy", "w+", np.float32, stream.values.shape)  # type: ignore[union-attr]
    mapped[:] = stream.values
    whole = scan_stream(stream)
    monkeypatch.setattr("benchmark.data.description.scan._BLOCK", 37)
    pieces = scan_stream(replace(stream, values=mapped))
    np.testing.assert_allclose(pieces.mean, whole.mean, atol=1e-12)
    np.testing.assert_allclose(pieces.deviation, whole.deviation, atol=1e-7)
    assert pieces.digests == whole.digests
    values, at = np.sign(stream.values) * np.log1p(np.abs(stream.values)), slice(*stream.offsets[4:6])  # type: ignore[arg-type]
    seen = values[at][stream.observed[at]]
    np.testing.assert_allclose(whole.mean[4], seen.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(whole.deviation[4], seen.std(axis=0), rtol=1e-4)


@given(st.lists(st.integers(0, 1000), max_size=20))
def test_bars_show_what_is_there(counts: list[int]) -> None:
    text = bars(counts)
    assert len(text) == len(counts)
    assert [c == " " for c in text] == [k == 0 for k in counts]
    if max(counts, default=0):
        assert text[int(np.argmax(counts))] == "█"


@pytest.fixture(scope="module")
def tiny() -> Description:
    return describe(generate(SyntheticConfig(size="tiny")))


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_the_terminal_shows_all_of_it_within_its_width(columns: int, tiny: Description) -> None:
    console = Console(width=columns, file=io.StringIO(), record=True)
    show(replace(tiny, warnings=("a long story " * 20,)), console)
    out = console.export_text()
    for heading in (
        "Parts",
        "Classes",
        "Lengths",
        "Modalities",
        "Words",
        "In more than one part",
        "Each modality separately",
    ):
        assert heading in out
    assert max(len(line) for line in out.splitlines()) <= min(columns, 120)
    assert "…" not in out
    assert out.rstrip().splitlines()[-1].strip().startswith(("a long", "long", "story"))


def test_brackets_in_texts_and_names_are_shown_as_they_are(tiny: Description) -> None:
    shared = Shared("text", "train", "test", 1, 1, 1, 1, "he said [bold]no[/bold] to [red]")
    console = Console(width=120, file=io.StringIO(), record=True)
    show(replace(tiny, shared=(shared,), notes=("[/] a note",), warnings=("[/bold] x",)), console)
    out = console.export_text()
    assert "he said [bold]no[/bold] t…" in out  # cut to fit, brackets and all
    assert "[/] a note" in out
    assert "[/bold] x" in out


def test_the_command_line_draws_and_prints_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    with pytest.raises(SystemExit) as ended:
        main(["data", "describe", "synthetic:size=tiny/official", "--json", "--no-probe", "--figures", str(folder)])
    assert ended.value.code in (0, None)
    found = json.loads(capsys.readouterr().out)
    assert (found["samples"], found["probes"]) == (420, [])
    assert {p.suffix for p in folder.iterdir()} == {".csv", ".png", ".pdf", ".svg"}


def test_describing_needs_no_torch() -> None:
    code = (
        "import sys; import benchmark.data.description, benchmark.figures.distributions; print('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
