"""Generator of the samples: videos with a topic and a speaker, their sentences, streams and labels."""

from __future__ import annotations

import numpy as np

from benchmark.data.samples import PARTS, ModalityStream, Provenance, Samples
from benchmark.data.synthetic.config import SyntheticConfig
from benchmark.data.synthetic.grammar import TOPICS
from benchmark.data.synthetic.labels import LABELS, UTTERANCE_SPREAD, VIDEO_SPREAD, draw_tones, label_index
from benchmark.data.synthetic.sentences import Sentence, Speaker
from benchmark.data.synthetic.streams import SIGNATURES, Signature, draw_features, draw_lengths, draw_observed
from benchmark.data.synthetic.stresses import draw_speakers, draw_stressed, stressed_heights, word_of_frame
from benchmark.data.synthetic.vocabulary import TOKEN_ID
from protocols import Modality
from protocols.layout import FloatArray, IntArray

#: The named split.
SPLIT = "official"
# CMU-MOSI: 2,199 utterances in 93 videos of very different length.
_UTTERANCES_PER_VIDEO = 2199 / 93
_VIDEO_SIZE_SHAPE = 7.0

_NOTES = (
    "Synthetic: sentences of a grammar and simulated streams; no result on them is evidence about human speech.",
    "Label: of what is said (text; faintly audio, vision), tone of voice (audio), of face (vision), and a hidden rest.",
    "Labels follow the distribution of CMU-MOSI with the class shares of its test part.",
)


def generate(config: SyntheticConfig) -> Samples:
    """Make the samples of a configuration; a pure function of it, in about a second for MOSI's size."""
    purposes = np.random.SeedSequence([config.version, config.seed]).spawn(6)
    videos_random, text_random, meaning_random, *sensor_randoms, common_random = [
        np.random.Generator(np.random.PCG64(s)) for s in purposes
    ]
    part, video = _videos(config, videos_random)
    topics = tuple(TOPICS)
    topic = videos_random.integers(len(topics), size=int(video.max()) + 1)
    sentences = [Speaker(topics[topic[v]], config.max_length, text_random).sentence() for v in video]

    text = np.array([s.value for s in sentences]) / 4.0
    voice, face = draw_tones(len(video), meaning_random)
    shared = VIDEO_SPREAD * meaning_random.standard_normal(len(topic))
    single = UTTERANCE_SPREAD * meaning_random.standard_normal(len(video))
    label = LABELS[label_index(text + voice + face + shared[video] + single)].astype(np.float32)

    words = np.array([len(s.words) for s in sentences], dtype=np.int64)
    streams: dict[Modality, ModalityStream] = {"text": _text_stream(sentences, words)}
    common = _Common(words, len(topic), common_random) if config.version == 2 else None
    for signature, tone, random in zip(SIGNATURES, (voice, face), sensor_randoms, strict=True):
        streams[signature.sensor] = _sensor_stream(signature, words, text, tone, video, random, common)

    rank = np.arange(len(video)) - np.searchsorted(video, video)
    video_ids = np.array([f"video{v:03d}" for v in video], dtype=object)
    samples = Samples(
        name=SyntheticConfig.NAME,
        ids=np.array([f"{v}_{k}" for v, k in zip(video_ids, rank, strict=True)], dtype=object),
        video_ids=video_ids,
        raw_text=np.array([" ".join(s.words) for s in sentences], dtype=object),
        label=label,
        streams=streams,
        splits={SPLIT: part.astype(np.uint8)},
        provenance=Provenance(
            source=source_of(config),
            source_sha256="",
            layout="synthetic",
            label_range=(-3.0, 3.0),
            licence="MIT, generated",
            notes=_NOTES,
            videos="given",
        ),
    )
    samples.validate()
    return samples


def source_of(config: SyntheticConfig) -> str:
    """Return the text of `Provenance.source`: the generator, its version and its options."""
    return f"sentibench generator version {config.version}, {config}"


def _videos(config: SyntheticConfig, random: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Draw part `(n,)` and video `(n,)` of every sample; every video is in one part."""
    parts, videos = [], []
    first = 0
    for name, count in zip(("train", "valid", "test"), config.counts, strict=True):
        number = max(1, round(count / _UTTERANCES_PER_VIDEO))
        share = random.standard_gamma(_VIDEO_SIZE_SHAPE, number)
        sizes = 1 + random.multinomial(count - number, share / share.sum())
        videos.append(np.repeat(np.arange(first, first + number), sizes))
        parts.append(np.full(count, PARTS[name]))
        first += number
    return np.concatenate(parts).astype(np.int64), np.concatenate(videos).astype(np.int64)


def _text_stream(sentences: list[Sentence], words: IntArray) -> ModalityStream:
    ids = np.array([TOKEN_ID[word] for sentence in sentences for word in sentence.words], dtype=np.int64)
    return ModalityStream(offsets=_offsets(words), observed=np.ones(len(ids), dtype=np.bool_), token_ids=ids)


class _Common:
    """Common parts of voice and face in version 2: stressed words, and a part of the speaker's identity."""

    def __init__(self, words: IntArray, videos: int, random: np.random.Generator) -> None:
        self._words = words
        self._stressed = draw_stressed(words, random)
        self._speakers = draw_speakers(videos, random)

    def of_sensor(self, signature: Signature, lengths: IntArray) -> tuple[FloatArray, FloatArray]:
        """Heights of the signature in the frames of a sensor, and coordinates of the speakers."""
        word = word_of_frame(self._words, lengths)
        return stressed_heights(word) * self._stressed[word], self._speakers[SIGNATURES.index(signature)]


def _sensor_stream(
    signature: Signature,
    words: IntArray,
    text: FloatArray,
    tone: FloatArray,
    video: IntArray,
    random: np.random.Generator,
    common: _Common | None,
) -> ModalityStream:
    lengths = draw_lengths(signature, words, random)
    given = common.of_sensor(signature, lengths) if common is not None else (None, None)
    values = draw_features(signature, lengths, text, tone, video, random, *given)
    observed = draw_observed(signature, lengths, random)
    values[~observed] = 0.0
    return ModalityStream(
        offsets=_offsets(lengths),
        observed=observed,
        values=values.astype(np.float32),
        feature_names=signature.feature_names,
    )


def _offsets(lengths: IntArray) -> IntArray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
