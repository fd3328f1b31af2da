"""IMDer beside its official code, its generation of missing modalities, and the diffusion layers."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from baselines import Batch, InputSpec, Sequences, Stage, Step, create
from baselines.imder import Imder
from baselines.layers.diffusion import LEAST_TIME, SIGMA, ScoreNetwork, generate, noise_deviation, score_loss
from protocols import MODALITIES
from tests.model_batches import SPEC, make_batch, make_train_batch

#: Trainable parameters of mdswyz/IMDer (commit 1901a92) for MOSI, text encoder excluded. With its weights, convolutions
#: over one step, the mask of later steps off and our position codes, predictions of complete samples were equal to
#: 2e-7, scores to 7e-7 of the largest, refined modalities to 6e-7.
OFFICIAL_MOSI = 13_001_425
COMPLETE, GENERATION = Stage("complete", 1, selects=False), Stage("generation", 1)


def small(**fields: object) -> Imder:
    torch.manual_seed(0)
    sizes = {"width": 8, "layers": 1, "memory_layers": 1, "heads": 2, "steps": 8, "blocks": 1, "sampling_steps": 2}
    model = create("imder", SPEC, {**sizes, **fields})
    assert isinstance(model, Imder)
    return model.eval()


def test_parameters_are_those_of_the_official_code_and_a_detector() -> None:
    model = create("imder", InputSpec(text=768, audio=5, vision=20))
    assert sum(p.numel() for p in model.parameters()) == OFFICIAL_MOSI + 768 + 1


@pytest.mark.parametrize("missing", [m for m in product([False, True], repeat=3) if not all(m)])
def test_a_missing_modality_is_generated_from_the_others_and_never_read(missing: tuple[bool, ...]) -> None:
    model, batch = small(), make_batch(3, fixed=True)
    flags = torch.tensor([missing]).expand(3, 3)

    def predict(given: Batch) -> torch.Tensor:
        steps = model._project(given)
        return model._fuse(model._completed(steps, model._generated(steps, flags)))

    plain = predict(batch)
    for modality, gone in zip(MODALITIES, missing, strict=True):
        values = {m: Sequences(batch[m].values + (m == modality), batch[m].length) for m in MODALITIES}
        other = Batch(values["text"], values["audio"], values["vision"])
        assert torch.equal(predict(other), plain) == gone


def test_only_samples_that_miss_a_modality_get_a_generated_one() -> None:
    model, batch = small(), make_batch(4, fixed=True)
    missing = torch.tensor([[False, True, False], [False] * 3, [True, True, False], [True] * 3])
    steps = model._project(batch)
    generated = model._generated(steps, missing)
    assert {m: made.rows.tolist() for m, made in generated.items()} == {"text": [2], "audio": [0, 2]}
    completed = model._completed(steps, generated)
    for modality, rows in (("text", [0, 1, 3]), ("audio", [1, 3]), ("vision", [0, 1, 2, 3])):
        assert torch.equal(completed[modality].values[rows], steps[modality].values[rows])
    assert not torch.equal(completed["audio"].values[0], steps["audio"].values[0])


def test_convolutions_are_learned_on_complete_samples_and_then_kept() -> None:
    model, batch = small(), make_train_batch(4)
    assert [stage.name for stage in model.stages(10)] == ["complete", "generation"]
    assert set(model.training_loss(batch, Step(COMPLETE, 0, 0.0))) == {"complete"}
    model.train()
    torch.manual_seed(0)
    assert set(model.training_loss(batch, Step(GENERATION, 0, 0.0))) == {"task", "generation", "detection"}
    names = {id(p): name.partition(".")[0] for name, p in model.named_parameters()}
    first, second = (
        {names[id(p)] for group in model.parameter_groups(stage) for p in group.parameters}
        for stage in (COMPLETE, GENERATION)
    )
    assert first == {"project", "cross", "memory", "head"}
    assert second == {"cross", "memory", "head", "scores", "both", "refine", "detector"}


def test_noise_grows_from_almost_none() -> None:
    deviation = noise_deviation(torch.tensor([0.0, LEAST_TIME, 0.5, 1.0]))
    assert deviation[0] == 0
    assert (deviation.diff() > 0).all()
    assert float(deviation[3]) == pytest.approx(((SIGMA**2 - 1) / (2 * torch.log(torch.tensor(SIGMA)).item())) ** 0.5)


class Known(ScoreNetwork):
    """The score of a sequence that is known exactly: the condition."""

    def forward(self, values: torch.Tensor, time: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        return (condition - values) / noise_deviation(time)[:, None, None] ** 2


@pytest.mark.parametrize("steps", [1, 4])
def test_generation_with_the_true_score_ends_at_the_truth(steps: int) -> None:
    torch.manual_seed(0)
    truth = torch.randn(3, 8, 4)
    drawn = generate(Known(4, 8), torch.randn(8, 4), truth, steps)
    torch.testing.assert_close(drawn, truth, atol=1e-4, rtol=1e-4)


def test_the_true_score_has_no_loss_and_a_trained_one_less_than_at_first() -> None:
    torch.manual_seed(0)
    truth = torch.randn(4, 8, 4)
    assert float(score_loss(Known(4, 8), truth, truth)) == pytest.approx(0, abs=1e-6)
    network = ScoreNetwork(4, 8)
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    losses = []
    for _ in range(24):
        optimiser.zero_grad()
        loss = score_loss(network, truth, truth)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-6:]) < 0.8 * sum(losses[:6])
