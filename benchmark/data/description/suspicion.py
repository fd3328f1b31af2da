"""Warnings about modalities that predict the labels suspiciously well.

Known case: vision features of CMU-MOSI with Acc-2 0.84 by vision alone, from an extractor fine-tuned with the labels of
the test part. Features that were made without labels give 0.42 to 0.70 there. Four rules, each with a bound that
sampling error exceeds once in a hundred (99 %, bootstrap over videos), so that small data sets raise no alarm:

1. *Beyond known features*: Acc-2 of audio or vision alone is above 0.75 and above the larger class by 0.10.
2. *Beyond the words*: Acc-2 of audio or vision alone is above that of the text on the same samples. Checked only if the
   modality is above the larger class by 0.05, and if the text probe had `TEXT_SAMPLES` training texts: a bag of words
   needs more samples than a few columns of statistics.
3. *Better within test than within train*: within test, predicting the label of one video from the others has a higher
   correlation than within train, by `MARGIN`: the features were made with labels of test. A fit on train need not show
   this, since extractors trained for each part separately leave different traces.
4. *Better within train than on test*: within train the correlation is higher than that of the same fit on test, by
   `MARGIN`: the extractor was trained on the labels of train. Test scores are then valid, but every model trained on
   such features relies on them too much. If the same holds within test, the parts were made separately, each with its
   labels.

Rules 3 and 4 also apply to word vectors, but not to tokens, which are not trained. They apply if each part has
`PART_SAMPLES` samples: parts of a small data set differ by more than the chance of drawing videos. A modality may break
a rule for legitimate reasons; the warning says what to check.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmark.data.description.probe import Answers, accuracy_metric, bootstrap
from benchmark.data.samples import Samples
from benchmark.evaluation.scales import Scale
from protocols.layout import FloatArray, IntArray

#: Acc-2 that audio or vision alone does not reach with features made without labels.
KNOWN_LIMIT = 0.75
#: Allowed difference of correlations within train and on test, beyond sampling error.
MARGIN = 0.10
#: Number of training texts from which the text probe is a reference for other modalities.
TEXT_SAMPLES = 500
#: Number of samples of train and of test from which their correlations are compared.
PART_SAMPLES = 100
_TAIL = 0.01


def suspicions(samples: Samples, answers: Sequence[Answers], scale: Scale) -> list[str]:
    """Return a warning for every modality that breaks a rule, with the rule and the figures."""
    by_name = {a.probe.modality: a for a in answers}
    label = samples.label.astype(np.float64)
    _, videos = np.unique(samples.video_ids.astype(str), return_inverse=True)
    warnings = []
    for name, answer in by_name.items():
        if name == "constant" or answer.probe.reason:
            continue
        if name != "text":
            warnings += _too_good(answer, by_name["text"], label, videos, scale)
        if samples.streams[answer.probe.modality].values is not None:  # type: ignore[index]
            warnings += _parts_differ(answer)
    return warnings


def _too_good(answer: Answers, text: Answers, label: FloatArray, videos: IntArray, scale: Scale) -> list[str]:
    """Apply rules 1 and 2."""
    probe, metric = answer.probe, accuracy_metric(scale)
    if probe.accuracy is None or probe.majority is None:
        return []
    rows, prediction = answer.test_rows, answer.prediction
    warnings = []
    _, drawn = bootstrap(label[rows], prediction, videos[rows], scale)
    limit = max(KNOWN_LIMIT, probe.majority + 0.10)
    if _lowest(drawn[metric]) > limit:
        warnings.append(
            f"{probe.modality} alone reaches a test Acc-2 of {probe.accuracy:.3f}, above {limit:.2f}: features made "
            "without labels are not known to; check that its extractor saw no test labels"
        )
    if text.probe.train >= TEXT_SAMPLES and not text.probe.reason and probe.accuracy > probe.majority + 0.05:
        both, mine, theirs = np.intersect1d(rows, text.test_rows, return_indices=True)
        _, first = bootstrap(label[both], prediction[mine], videos[both], scale)
        _, second = bootstrap(label[both], text.prediction[theirs], videos[both], scale)
        if len(both) and _lowest(first[metric] - second[metric]) > 0.0:
            warnings.append(
                f"{probe.modality} alone (test Acc-2 {probe.accuracy:.3f}) predicts better than the words "
                f"({text.probe.accuracy:.3f}); check that its extractor saw no test labels"
            )
    return warnings


def _parts_differ(answer: Answers) -> list[str]:
    """Apply rules 3 and 4."""
    probe = answer.probe
    if min(probe.train, probe.test) < PART_SAMPLES or None in (probe.train_corr, probe.test_corr, probe.corr):
        return []
    warnings = []
    if _lowest(answer.test_draws - answer.train_draws) > MARGIN:
        warnings.append(
            f"{probe.modality} knows the labels of test (correlation {probe.test_corr:.2f} within test) better than "
            f"those of train ({probe.train_corr:.2f} within train); check that its extractor saw no test labels"
        )
    train_gains = _lowest(answer.train_draws - answer.transfer_draws) > MARGIN
    if train_gains and _lowest(answer.test_draws - answer.transfer_draws) > MARGIN:
        warnings.append(
            f"{probe.modality} knows the labels within train (correlation {probe.train_corr:.2f}) and within test "
            f"({probe.test_corr:.2f}) better than from train to test ({probe.corr:.2f}); check that its extractor was "
            "not trained on the labels of each part"
        )
    elif train_gains:
        warnings.append(
            f"{probe.modality} knows the labels of train (correlation {probe.train_corr:.2f} within train) better than "
            f"those of test ({probe.corr:.2f}); its extractor seems to have learnt the labels of train"
        )
    return warnings


def _lowest(draws: FloatArray) -> float:
    """Lower bound that sampling error passes once in a hundred; undefined draws are left out."""
    kept = draws[np.isfinite(draws)]
    return float(np.quantile(kept, _TAIL)) if len(kept) else -np.inf
