"""When one modality alone is suspiciously good.

Known case: vision features of CMU-MOSI with Acc-2 0.84 by vision alone, from an extractor fine-tuned with the labels of
the test part. Features that were not made with labels give 0.42 to 0.70 there. Four rules, each with a bound that
sampling error passes once in a hundred (99 %, bootstrap over videos), so that small data sets raise no alarm:

1. *Beyond known features*: Acc-2 of audio or vision alone is above 0.75 and above the larger class by 0.10.
2. *Beyond the words*: Acc-2 of audio or vision alone is above that of the text on the same samples. Asked only where
   the modality is above the larger class by 0.05, and where the text probe had `TEXT_SAMPLES` texts to learn from: a
   bag of words learns slower than a few columns of statistics.
3. *Test knows more than train*: within test, the features tell the label of one video from the others with a
   correlation that is higher than within train by `MARGIN`: they were made with labels of test. A fit on train need not
   show that: extractors trained for each part apart leave different traces.
4. *Train knows more than test*: within train the correlation is higher than what the same fit reaches on test, by
   `MARGIN`: an extractor trained on the labels of train. Test scores are honest then, but every model that trains on
   such features trusts them too much. Where the same holds within test, the parts were made apart, each with its
   labels.

Rules 3 and 4 are asked of word vectors too, not of tokens, which nobody trains. They compare where each part has
`PART_SAMPLES` samples: parts of a small data set differ by more than chance in drawing videos. A modality may break a
rule honestly; the warning says what to check.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmark.data.description.probe import Answers, accuracy_metric, bootstrap
from benchmark.data.samples import Samples
from benchmark.evaluation.scales import Scale
from protocols.layout import FloatArray, IntArray

#: Acc-2 that audio or vision alone does not reach with features that were made without labels.
KNOWN_LIMIT = 0.75
#: By how much correlations within train and on test may differ beyond sampling error.
MARGIN = 0.10
#: Texts that the text probe needs in train to be a measure for others.
TEXT_SAMPLES = 500
#: Samples that train and test need for their correlations to be compared.
PART_SAMPLES = 100
_TAIL = 0.01


def suspicions(samples: Samples, answers: Sequence[Answers], scale: Scale) -> list[str]:
    """A line for every modality that breaks a rule, naming the rule and the figures."""
    by_name = {a.probe.modality: a for a in answers}
    label = samples.label.astype(np.float64)
    _, videos = np.unique(samples.video_ids.astype(str), return_inverse=True)
    found = []
    for name, answer in by_name.items():
        if name == "constant" or answer.probe.reason:
            continue
        if name != "text":
            found += _too_good(answer, by_name["text"], label, videos, scale)
        if samples.streams[answer.probe.modality].values is not None:  # type: ignore[index]
            found += _parts_differ(answer)
    return found


def _too_good(answer: Answers, text: Answers, label: FloatArray, videos: IntArray, scale: Scale) -> list[str]:
    """Rules 1 and 2."""
    probe, metric = answer.probe, accuracy_metric(scale)
    if probe.accuracy is None or probe.majority is None:
        return []
    rows, own = answer.test_rows, answer.prediction
    found = []
    _, drawn = bootstrap(label[rows], own, videos[rows], scale)
    limit = max(KNOWN_LIMIT, probe.majority + 0.10)
    if _lowest(drawn[metric]) > limit:
        found.append(
            f"{probe.modality} alone reaches a test Acc-2 of {probe.accuracy:.3f}, above {limit:.2f}: features made "
            "without labels are not known to; check that its extractor saw no test labels"
        )
    if text.probe.train >= TEXT_SAMPLES and not text.probe.reason and probe.accuracy > probe.majority + 0.05:
        both, mine, theirs = np.intersect1d(rows, text.test_rows, return_indices=True)
        _, first = bootstrap(label[both], own[mine], videos[both], scale)
        _, second = bootstrap(label[both], text.prediction[theirs], videos[both], scale)
        if len(both) and _lowest(first[metric] - second[metric]) > 0.0:
            found.append(
                f"{probe.modality} alone (test Acc-2 {probe.accuracy:.3f}) tells more than the words "
                f"({text.probe.accuracy:.3f}); check that its extractor saw no test labels"
            )
    return found


def _parts_differ(answer: Answers) -> list[str]:
    """Rules 3 and 4."""
    probe = answer.probe
    if min(probe.train, probe.test) < PART_SAMPLES or None in (probe.train_corr, probe.test_corr, probe.corr):
        return []
    found = []
    if _lowest(answer.test_draws - answer.train_draws) > MARGIN:
        found.append(
            f"{probe.modality} knows the labels of test (correlation {probe.test_corr:.2f} within test) better than "
            f"those of train ({probe.train_corr:.2f} within train); check that its extractor saw no test labels"
        )
    train_gains = _lowest(answer.train_draws - answer.transfer_draws) > MARGIN
    if train_gains and _lowest(answer.test_draws - answer.transfer_draws) > MARGIN:
        found.append(
            f"{probe.modality} knows the labels within train (correlation {probe.train_corr:.2f}) and within test "
            f"({probe.test_corr:.2f}) better than from train to test ({probe.corr:.2f}); check that its extractor was "
            "not trained on the labels of each part"
        )
    elif train_gains:
        found.append(
            f"{probe.modality} knows the labels of train (correlation {probe.train_corr:.2f} within train) better than "
            f"those of test ({probe.corr:.2f}); its extractor seems to have learnt the labels of train"
        )
    return found


def _lowest(draws: FloatArray) -> float:
    """Lower bound that sampling error passes once in a hundred; draws without a class are left out."""
    kept = draws[np.isfinite(draws)]
    return float(np.quantile(kept, _TAIL)) if len(kept) else -np.inf
