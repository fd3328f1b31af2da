"""Scores of single positions: the area under the ROC curve, from counts."""

from __future__ import annotations

import numpy as np
import torch

from benchmark.diagnostics.positions import auc, count, no_counts


def test_the_area_is_that_of_all_pairs_of_recorded_positions() -> None:
    rng = np.random.default_rng(0)
    left, recorded = (torch.from_numpy(rng.random((7, 30)) < share) for share in (0.6, 0.8))
    logits = torch.from_numpy(rng.normal(size=(7, 30)) + 1.5 * left.numpy())
    counts = no_counts()
    count(counts, 1, logits, left, recorded)
    kept, gone = (logits[recorded & where].numpy() for where in (left, ~left))
    pairs = (kept[:, None] > gone[None, :]).mean()
    found = auc([counts])
    assert np.isnan(found[[0, 2]]).all()
    assert abs(found[1] - pairs) < 2e-3


def test_scenarios_are_pooled_and_chance_is_one_half() -> None:
    rng = np.random.default_rng(1)
    parts = []
    for shift in (0.0, 3.0):  # within each all scores are alike
        counts = no_counts()
        left = torch.from_numpy(rng.random((50, 40)) < (0.9 if shift else 0.1))
        count(counts, 0, torch.full((50, 40), shift), left, torch.ones_like(left))
        parts.append(counts)
    assert auc(parts[:1])[0] == auc(parts[1:])[0] == 0.5
    assert auc(parts)[0] > 0.85


def test_scores_beyond_the_edges_count() -> None:
    counts = no_counts()
    left = torch.tensor([[True, False]])
    count(counts, 2, torch.tensor([[40.0, -40.0]]), left, torch.ones_like(left))
    assert auc([counts])[2] == 1.0
