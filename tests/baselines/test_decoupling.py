"""Specific and common features, as DMD and DLF use them."""

from __future__ import annotations

import pytest
import torch

from baselines.interface import Sequences
from baselines.layers.decoupling import MARGIN, Decoupler, Pointwise, margin_loss
from protocols import MODALITIES
from tests.model_batches import make_batch

WIDTH = 4


def decoupler() -> Decoupler:
    torch.manual_seed(0)
    return Decoupler(WIDTH, {m: Pointwise(WIDTH) for m in MODALITIES}, Pointwise(WIDTH), steps=3)


def steps() -> dict[str, Sequences]:
    batch = make_batch(5)
    values = {m: torch.randn(*batch[m].values.shape[:2], WIDTH) for m in MODALITIES}
    return {m: Sequences(values[m].masked_fill(batch[m].padding[..., None], 0.0), batch[m].length) for m in MODALITIES}


def test_the_margin_loss_is_that_of_its_formula() -> None:
    torch.manual_seed(0)
    vectors, label = torch.randn(7, 3), torch.tensor([0.0, 0.0, 1.0, 1.0, 1.0, -2.0, 3.0])
    cosine = torch.nn.functional.cosine_similarity(vectors[:, None], vectors[None], dim=-1)
    expected = []
    for i in range(5):  # the last two have no partner
        terms = [
            max(0.0, MARGIN * float((label[i] - label[k]).abs()) - float(cosine[i, j]) + float(cosine[i, k]))
            for j in range(7)
            for k in range(7)
            if j != i and label[j] == label[i] and label[k] != label[i]
        ]
        expected.append(sum(terms) / len(terms))
    assert float(margin_loss(vectors, label)) == pytest.approx(sum(expected) / 5, rel=1e-5)


def test_the_margin_loss_is_zero_without_two_labels() -> None:
    vectors = torch.randn(4, 3, requires_grad=True)
    loss = margin_loss(vectors, torch.zeros(4))
    assert loss.item() == 0
    loss.backward()  # type: ignore[no-untyped-call]


def test_losses_vanish_where_the_parts_are_perfect() -> None:
    model, given = decoupler(), steps()
    with torch.no_grad():
        for m in MODALITIES:
            model.get_parameter(f"specific.{m}.map.weight").copy_(torch.eye(WIDTH))
            model.get_parameter(f"join.{m}.weight").copy_(
                torch.cat([torch.eye(WIDTH), torch.zeros(WIDTH, WIDTH)], dim=1)
            )
        model.get_parameter("common.map.weight").zero_()
    losses = model.losses(given, model(given), torch.zeros(5))
    assert {name: value.item() for name, value in losses.items()} == dict.fromkeys(losses, 0.0)


def test_equal_features_are_not_orthogonal() -> None:
    model, given = decoupler(), steps()
    with torch.no_grad():
        for m in MODALITIES:
            model.get_parameter(f"specific.{m}.map.weight").copy_(model.get_parameter("common.map.weight"))
    assert model.losses(given, model(given), torch.zeros(5))["orthogonality"].item() == pytest.approx(3, rel=1e-5)


def test_padding_changes_no_loss() -> None:
    model, given, label = decoupler(), steps(), torch.tensor([0.0, 0.0, 1.0, 1.0, 2.0])
    longer = {m: Sequences(torch.nn.functional.pad(s.values, (0, 0, 0, 3)), s.length) for m, s in given.items()}
    short, long = (model.losses(values, model(values), label) for values in (given, longer))
    for name in short:
        torch.testing.assert_close(short[name], long[name])
