"""Version 2: voice and face stress the same words and belong to one person.

Every word has its share of the frames of a stream. A word is stressed with a fixed probability, in voice and face
alike, and the frames of a stressed word are an event. Of the speaker's coordinates, which carry no information about
the sentiment, voice and face share a part. So each stream shows which frames of the other belong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from benchmark.data.synthetic.composition import TEXT_GRID
from benchmark.data.synthetic.streams import HEIGHTS, SIGNATURES, SPEAKER_SPREAD, Signature
from protocols.layout import BoolArray, FloatArray, IntArray

#: Probability that a word is stressed.
STRESSED = 0.4
#: Share of the variance of the speaker's coordinates that voice and face have in common.
IDENTITY = 0.8
_CHUNK = 2048  # words or frames at a time: some 20 MB for a table


def draw_stressed(words: IntArray, random: np.random.Generator) -> BoolArray:
    """`(W,)`: True for stressed words; `words` `(n,)` has the number of words in each sample."""
    return random.random(int(words.sum())) < STRESSED


def draw_speakers(videos: int, random: np.random.Generator) -> tuple[FloatArray, ...]:
    """`(videos, D - 2)` for each sensor: coordinates of the speakers."""
    widths = [signature.width - 2 for signature in SIGNATURES]
    common = random.standard_normal((videos, min(widths)))
    speakers = []
    for width in widths:
        own = random.standard_normal((videos, width))
        shared = common[:, np.arange(width) % common.shape[1]]
        speakers.append(SPEAKER_SPREAD * (np.sqrt(IDENTITY) * shared + np.sqrt(1 - IDENTITY) * own))
    return tuple(speakers)


def word_of_frame(words: IntArray, lengths: IntArray) -> IntArray:
    """`(P,)`: number, among all words, of the word that each frame of the streams belongs to."""
    step = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    first = np.cumsum(words) - words
    word: IntArray = np.repeat(first, lengths) + step * np.repeat(words, lengths) // np.repeat(lengths, lengths)
    return word


def stressed_heights(word: IntArray) -> FloatArray:
    """`(P,)`: height of the signature in every frame if its word is stressed: lower at both ends of three or more."""
    edge = np.ones(len(word) + 1, dtype=np.bool_)
    edge[1:-1] = word[1:] != word[:-1]
    long = np.bincount(word)[word] >= 3
    return np.where((edge[:-1] | edge[1:]) & long, HEIGHTS[0], HEIGHTS[1])


class StressEvidence:
    """Evidence of the observed frames of one sensor for the stress of each word.

    The log likelihood ratio of a word, stressed over not stressed, is `a + b x - c x^2 / 2` at level x of the
    signature; a, b and c are sums over its observed frames.
    """

    def __init__(
        self, signature: Signature, coordinates: FloatArray, observed: BoolArray, lengths: IntArray, words: IntArray
    ) -> None:
        self.words = words
        self.word = word_of_frame(words, lengths)
        height = np.where(observed, stressed_heights(self.word), 0.0)
        mark = height * signature.marker
        shown = np.where(observed[:, None], coordinates, 0.0)
        #: `(P, 3)`: share of every frame in a, b and c.
        self.frames: FloatArray = np.stack(
            [mark * shown[:, 0] - 0.5 * mark**2, height * shown[:, 1], height**2], axis=1
        )
        total = int(words.sum())
        sums = [np.bincount(self.word, weights=part, minlength=total) for part in self.frames.T]
        #: `(W, 3)`: a, b and c of every word.
        self.sums: FloatArray = np.stack(sums, axis=1).astype(np.float64)
        #: `(25, 7)`: level of the signature, by sentiment of the text and tone.
        self.levels = signature.text_gain * TEXT_GRID[:, None] + signature.tone_gain * signature.tone_grid

    def ratio(self, sums: FloatArray) -> FloatArray:
        """`(W, 25, 7)`: log likelihood ratio of words from `(W, 3)` sums."""
        a, b, c = (part[:, None, None] for part in sums.T)
        ratio: FloatArray = a + b * self.levels - 0.5 * c * self.levels**2
        return ratio

    def likelihood(self) -> FloatArray:
        """`(n, 25, 7)`: likelihood of each stream, scaled to a largest value of 1."""
        return _scaled(self._log_likelihood())

    def without_each_frame(self) -> Iterator[tuple[IntArray, IntArray, FloatArray]]:
        """Yield frames `(m,)`, the sample of each `(m,)`, and `likelihood` without that frame, `(m, 25, 7)`."""
        whole = self._log_likelihood()
        sample = np.repeat(np.arange(len(self.words)), self.words)
        for start in range(0, len(self.word), _CHUNK):
            frames = np.arange(start, min(start + _CHUNK, len(self.word)))
            word = self.word[frames]
            with_it, rest = self.sums[word], self.sums[word] - self.frames[frames]
            log = whole[sample[word]] - _either(self.ratio(with_it)) + _either(self.ratio(rest))
            yield frames, sample[word], _scaled(log)

    def _log_likelihood(self) -> FloatArray:
        return _by_sample(self.words, (25, 7), lambda part: _either(self.ratio(self.sums[part])))


def joint_likelihood(voice: StressEvidence, face: StressEvidence) -> FloatArray:
    """`(n, 25, 7, 7)`: likelihood of both streams, which stress the same words; scaled to a largest value of 1."""

    def of_words(part: slice) -> FloatArray:
        heard, seen = voice.ratio(voice.sums[part]), face.ratio(face.sums[part])
        return _either(heard[:, :, :, None] + seen[:, :, None, :])

    return _scaled(_by_sample(voice.words, (25, 7, 7), of_words))


def _either(ratio: FloatArray) -> FloatArray:
    """Log likelihood of a word, stressed or not, from the log ratio, up to a constant."""
    result: FloatArray = np.logaddexp(np.log(1 - STRESSED), np.log(STRESSED) + ratio)
    return result


def _by_sample(words: IntArray, shape: tuple[int, ...], of_words: Callable[[slice], FloatArray]) -> FloatArray:
    """`(n, *shape)`: sum of `of_words`, `(W, *shape)`, over the words of each sample; whole samples at a time."""
    ends = np.cumsum(words)
    result = np.zeros((len(words), *shape))
    cuts = np.searchsorted(ends, np.arange(_CHUNK, int(ends[-1]) if len(ends) else 0, _CHUNK))
    for rows in np.split(np.arange(len(words)), np.unique(cuts)):
        if len(rows):
            first = int(ends[rows[0]] - words[rows[0]])
            table = of_words(slice(first, int(ends[rows[-1]])))
            result[rows] = np.add.reduceat(table, ends[rows] - words[rows] - first, axis=0)
    return result


def _scaled(log: FloatArray) -> FloatArray:
    largest = log.reshape(len(log), -1).max(axis=1)
    scaled: FloatArray = np.exp(log - largest.reshape(-1, *[1] * (log.ndim - 1)))
    return scaled
