"""CENET beside its official code, its clusters and its enhancement."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from baselines import InputSpec, Sequences, Stage, Step, create
from baselines.cenet import Cenet, ClusterEmbedding
from baselines.layers.clusters import FrameClusters
from baselines.layers.pooling import masked_mean
from protocols import InputError
from tests.model_batches import SPEC, ToyLayers, erased, make_batch, make_train_batch

#: Trainable parameters at the widths 768, 5 and 20 without the text encoder: Say2L/CENet (commit e208a83), whose frames
#: are clusters, and thuiar/MMSA (commit a94e65d), whose frames go through linear layers.
OFFICIAL = {"clusters": 5_341_441, "linear": 6_517_249}


def small(**fields: object) -> Cenet:
    torch.manual_seed(0)
    model = create("cenet", replace(SPEC, encoder=ToyLayers(SPEC.text)), fields)
    assert isinstance(model, Cenet)
    return model.eval()


@pytest.mark.parametrize("streams", ["clusters", "linear"])
def test_parameters_are_those_of_the_official_code(streams: str) -> None:
    spec = InputSpec(text=768, audio=5, vision=20, encoder=ToyLayers(768))
    model = create("cenet", spec, {"streams": streams})
    assert sum(p.numel() for p in model.parameters()) == OFFICIAL[streams]


def blobs(count: int, each: int) -> tuple[Sequences, torch.Tensor]:
    """One sample: frames around `count` far corners, and which corner each belongs to."""
    torch.manual_seed(1)
    corner = torch.arange(count).repeat(each)
    frames = 20.0 * torch.nn.functional.one_hot(corner, count) + 0.1 * torch.randn(len(corner), count)
    return Sequences(frames[None], torch.tensor([len(corner)])), corner


def test_clusters_find_what_lies_together() -> None:
    sequences, corner = blobs(3, 40)
    clusters = FrameClusters(3, 12)
    clusters.fit(sequences)
    found = clusters(sequences)[0]
    for number in range(12):  # no cluster spans two corners
        assert len(set(corner[found == number].tolist())) <= 1


def test_centres_are_means_of_all_frames_seen_and_move_less_and_less() -> None:
    clusters = FrameClusters(1, 1)

    def frames(*values: float) -> Sequences:
        return Sequences(torch.tensor(values)[None, :, None], torch.tensor([len(values)]))

    clusters.fit(frames(1.0, 3.0))
    torch.testing.assert_close(clusters.centres, torch.tensor([[2.0]]))
    clusters.fit(frames(8.0))
    torch.testing.assert_close(clusters.centres, torch.tensor([[4.0]]))
    assert clusters.sizes.tolist() == [3.0]


def test_frames_without_content_are_in_no_cluster_and_embedded_as_zeros() -> None:
    embedding = ClusterEmbedding(3, 8, 4)
    torch.manual_seed(0)
    values = torch.randn(2, 5, 3)
    values[0, 2] = 0
    sequences = Sequences(values, torch.tensor([5, 5]))
    embedding.clusters.fit(sequences)
    assert embedding.clusters.sizes.sum() == 9
    assert embedding.clusters(sequences)[0, 2] == 4
    assert torch.equal(embedding(sequences)[0, 2], torch.zeros(8))
    assert (embedding(sequences)[1].abs().sum(dim=-1) > 0).all()


def test_nothing_to_fit_changes_nothing() -> None:
    clusters = FrameClusters(3, 4)
    before = clusters.centres.clone()
    clusters.fit(Sequences(torch.zeros(2, 5, 3), torch.tensor([5, 3])))
    assert torch.equal(clusters.centres, before)
    assert not clusters.sizes.any()


def test_clusters_are_fitted_in_the_first_epoch_and_stay() -> None:
    model, batch, stage = small().train(), make_train_batch(6), Stage("fit", 3)
    model.training_loss(batch, Step(stage, 0, 0.0))
    fitted = {k: v.clone() for k, v in model.named_buffers()}
    assert any(k.endswith("sizes") and v.any() for k, v in fitted.items())
    model.training_loss(make_train_batch(6, seed=5), Step(stage, 1, 0.5))
    assert all(torch.equal(v, fitted[k]) for k, v in model.named_buffers())
    with torch.no_grad():
        model.eval()(batch.input)
    assert all(torch.equal(v, fitted[k]) for k, v in model.named_buffers())


def test_without_the_enhancement_it_is_the_text_encoder_and_a_head() -> None:
    model, batch = small(), make_batch(5)
    torch.nn.init.zeros_(model.enhancement.connect.weight)
    with torch.no_grad():
        states = model.encoder(batch.text.values, batch.text.length)
        alone = model.head(masked_mean(states, batch.text.padding)).squeeze(-1)
        torch.testing.assert_close(model(batch).sentiment, alone)
        torch.testing.assert_close(model(erased(batch, "audio", "vision")).sentiment, alone)


def test_every_token_sees_all_of_a_stream_whatever_its_order() -> None:
    model, batch = small(streams="linear"), make_batch(4, fixed=True)
    turned = replace(batch, audio=Sequences(batch.audio.values.flip(1), batch.audio.length))
    with torch.no_grad():
        torch.testing.assert_close(model(turned).sentiment, model(batch).sentiment)


def test_a_layer_that_is_not_there_is_one_clear_line() -> None:
    with pytest.raises(InputError, match=r"'layer': found 7, but the encoder has 2 layers"):
        small(layer=7)
    with pytest.raises(InputError, match=r"InputSpec\.encoder is None"):
        create("cenet", SPEC)
