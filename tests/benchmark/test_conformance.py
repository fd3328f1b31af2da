"""The conformance kit can fail: models broken in one way each, and the checks that notice."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from pydantic import ConfigDict, ValidationError
from torch import Tensor, nn
from torch.nn import functional as F

from baselines import (
    Batch,
    Choice,
    InputSpec,
    ModelConfig,
    ModelInfo,
    ParameterGroup,
    Prediction,
    SentimentModel,
    Sequences,
    Stage,
    Step,
    TrainBatch,
    TrainingStatistics,
    models,
)
from benchmark.conformance import CHECKS, ConformanceReport, check_model, measure_cost
from benchmark.conformance.batches import SPEC
from benchmark.conformance.isolation import changed, global_state
from benchmark.conformance.kit import run_check, subject_of
from benchmark.conformance.live_memory import LiveMemory
from protocols import MODALITIES, InputError
from tests.benchmark.test_cli import call


class ToyConfig(ModelConfig):
    width: int = 16


class Sound(SentimentModel):
    """Means over valid steps, a hidden layer, a head: keeps everything."""

    name = "toy"
    info = ModelInfo(title="Toy", paper="none", year=2025)
    config_class = ToyConfig

    def __init__(self, spec: InputSpec, config: ToyConfig) -> None:
        super().__init__(spec, config)
        self.read = nn.ModuleDict({m: nn.Linear(spec.width(m), config.width) for m in MODALITIES})
        self.head = nn.Linear(config.width, 1)

    def pooled(self, sequences: Sequences) -> Tensor:
        return sequences.values.sum(1) / sequences.length[:, None]

    def forward(self, batch: Batch) -> Prediction:
        hidden = torch.stack([self.read[m](self.pooled(batch[m])) for m in MODALITIES]).sum(0)
        return Prediction(self.changed(self.head(torch.tanh(hidden)).squeeze(-1), batch))

    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        return {"task": F.l1_loss(self(batch.input).sentiment, batch.label)}


#: Model, and every check that must fail: that one, and those that cannot but fail with it.
BROKEN: dict[str, tuple[type[SentimentModel], set[str]]] = {}


def broken(*checks: str) -> Callable[[type[SentimentModel]], type[SentimentModel]]:
    def decorate(cls: type[SentimentModel]) -> type[SentimentModel]:
        BROKEN[cls.__name__] = cls, set(checks)
        return cls

    return decorate


@broken("name")
class ShoutedName(Sound):
    name = "My Model"


@broken("info")
class NoSentence(Sound):
    info = replace(Sound.info, url="https://example.org/paper", differences=("different",))


@broken("info")
class CodeWithoutLicence(Sound):
    info = replace(Sound.info, url="https://github.com/someone/code")


class LooseConfig(ToyConfig):
    model_config = ConfigDict(extra="ignore")


@broken("config")
class AcceptsMisspelling(Sound):
    config_class = LooseConfig


class OpenConfig(ToyConfig):
    model_config = ConfigDict(frozen=False)


@broken("config")
class CanBeChanged(Sound):
    config_class = OpenConfig


class LostSearchConfig(ToyConfig):
    search: ClassVar = {"widht": Choice(8, 16)}


@broken("search")
class SearchesNothing(Sound):
    config_class = LostSearchConfig


@broken("stages")
class SpendsMore(Sound):
    def stages(self, epochs: int) -> list[Stage]:
        return [Stage("first", epochs), Stage("second", 1)]


@broken("groups")
class TrainsAnothers(Sound):
    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        return [*super().parameter_groups(stage, sweep), ParameterGroup([nn.Parameter(torch.zeros(1))])]


@broken("shapes")
class Double(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment.double()


@broken("shapes")
class BoastsOfIntegrity(Sound):
    def forward(self, batch: Batch) -> Prediction:
        return Prediction(super().forward(batch).sentiment, integrity=torch.full((len(batch), 3), 1.5))


@broken("missing", "short")  # the text of a short sample may be erased as a whole
class NeedsText(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        norm = batch.text.values.norm(dim=(1, 2))
        return sentiment if self.training else sentiment * norm / norm


@broken("short")
class NeedsTwoSteps(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        if all(batch[m].values.shape[1] < 2 for m in MODALITIES):
            raise RuntimeError("kernel size 2 is larger than the input")
        return sentiment


@broken("long")
class TableOfPositions(Sound):
    def __init__(self, spec: InputSpec, config: ToyConfig) -> None:
        super().__init__(spec, config)
        self.register_buffer("position", torch.zeros(100))

    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment + self.get_buffer("position")[batch.vision.length - 1]


@broken("huge")
class Exponential(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment + 0.01 * self.pooled(batch.audio).mean(1).exp()


@broken("padding", "company")
class AveragesPadding(Sound):
    def pooled(self, sequences: Sequences) -> Tensor:
        return sequences.values.mean(1)


@broken("order", "company")
class CountsRows(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment + 0.01 * torch.arange(len(batch))


@broken("company", "own-gradient")
class NormalisesOverBatch(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment - 0.1 * sentiment.mean()


@broken("own-gradient")
class LeaksGradient(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment if self.training else sentiment + (sentiment.sum() - sentiment.sum().detach())


@broken("modalities")
class ReadsInSecret(Sound):
    info = replace(Sound.info, modalities=("text", "audio"))


@broken("masks")
class Looks(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment if batch.integrity is None else sentiment * batch.integrity[:, 0]


@broken("masks")
class DoesNotLook(Sound):
    info = replace(Sound.info, mask_informed=True)


@broken("repeatable")
class DrawsForNothing(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        torch.rand(1)
        return sentiment


@broken("repeatable", "stateless", "padding", "order", "company", "masks", "saving", "labels")
class KeepsDropout(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment + 0.1 * torch.rand(len(sentiment))


@broken("stateless")
class RemembersSizes(Sound):
    largest = 0

    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        if not self.training:
            self.largest = max(self.largest, len(batch))
        return sentiment + 0.01 * self.largest


@broken("seed")
class SeedsItself(Sound):
    def __init__(self, spec: InputSpec, config: ToyConfig) -> None:
        torch.manual_seed(0)
        super().__init__(spec, config)


@broken("seed")
class SeedsTraining(Sound):
    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        torch.manual_seed(0)
        return super().training_loss(batch, step)


@broken("seed")
class TrulyRandom(Sound):
    def __init__(self, spec: InputSpec, config: ToyConfig) -> None:
        super().__init__(spec, config)
        nn.init.constant_(self.head.bias, random.SystemRandom().random())


@broken("process")
class DrawsFromNumpy(Sound):
    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        np.random.rand()  # noqa: NPY002 - this is what must be found
        return super().training_loss(batch, step)


@broken("process")
class DrawsFromPython(Sound):
    def __init__(self, spec: InputSpec, config: ToyConfig) -> None:
        super().__init__(spec, config)
        random.random()


@broken("saving")
class SavesMore(Sound):
    def get_extra_state(self) -> dict[str, int]:
        return {"epochs": 3}

    def set_extra_state(self, state: dict[str, int]) -> None:
        """Nothing to restore."""


@broken("saving", "labels")
class ForgetsTheMedian(Sound):
    median = 0.0

    def initialise(self, statistics: TrainingStatistics) -> None:
        self.median = float(statistics.label.median())

    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment + self.median


@broken("labels")
class KeepsTheLabels(Sound):
    told = 0.0

    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment if self.training else sentiment + 0.1 * self.told

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        self.told = float(batch.label[0])
        return super().training_loss(batch, step)


@broken("order", "company")
class LooksLabelsUp(Sound):
    def __init__(self, spec: InputSpec, config: ToyConfig) -> None:
        super().__init__(spec, config)
        self.register_buffer("label", torch.zeros(spec.train_samples))

    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return sentiment if self.training else self.get_buffer("label")[: len(batch)] + 0.01 * sentiment

    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        self.get_buffer("label")[batch.index] = batch.label
        return super().training_loss(batch, step)


@broken("mode")
class StaysInEval(Sound):
    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        self.read.eval()
        return super().training_loss(batch, step)


@broken("inputs")
class ClampsLabels(Sound):
    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        batch.label.clamp_(-1, 1)
        return super().training_loss(batch, step)


@broken("inference")
class KeepsATable(Sound):
    table: Tensor | None = None

    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        if self.table is None:
            self.table = torch.ones(1)
        return sentiment * self.table


@broken("losses")
class DividesByDeviation(Sound):
    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        return {"task": super().training_loss(batch, step)["task"] / batch.label.var(correction=0).sqrt()}


@broken("losses")
class LossOfEach(Sound):
    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        return {"mean error": super().training_loss(batch, step)["task"]}


@broken("gradients")
class UnusedParameter(Sound):
    def __init__(self, spec: InputSpec, config: ToyConfig) -> None:
        super().__init__(spec, config)
        self.unused = nn.Linear(2, 2)


@broken("gradients")
class LeftOut(Sound):
    def parameter_groups(self, stage: Stage, sweep: str = "main") -> list[ParameterGroup]:
        return [ParameterGroup([*self.read.parameters(), self.head.weight])]


@broken("text-gradient")
class CutsText(Sound):
    def pooled(self, sequences: Sequences) -> Tensor:
        return super().pooled(sequences).detach()


@broken("complete-view", "text-gradient")
class PeeksAtTheWhole(Sound):
    def training_loss(self, batch: TrainBatch, step: Step) -> dict[str, Tensor]:
        return {"task": F.l1_loss(self(batch.complete).sentiment, batch.label)}


@broken("complete-view")
class DoesNotPeek(Sound):
    info = replace(Sound.info, uses_complete_view=True)


@broken("learning")
class SaysLittle(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        return 0.01 * torch.tanh(sentiment)


@broken("learning", "text-gradient")
class ReadsTheSign(Sound):
    def pooled(self, sequences: Sequences) -> Tensor:
        mean = super().pooled(sequences)
        return 0.01 * mean.sign().mean(1, keepdim=True).expand_as(mean) + 0 * mean


@broken("cost")
class FailsAtScale(Sound):
    def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
        if len(batch) > 30:
            raise RuntimeError("too large")
        return sentiment


def failures(report: ConformanceReport) -> dict[str, str]:
    return {result.name: result.detail for result in report.failed}


def test_a_sound_model_passes_everything() -> None:
    before = global_state()
    torch_state = torch.get_rng_state()
    report = check_model(Sound)
    assert failures(report) == {}
    assert report.passed
    assert {r.name for r in report.results} == {*CHECKS, "cost"}
    skipped = {r.name: r.detail for r in report.results if r.status == "skipped"}
    assert set(skipped) <= {"search", "device"}
    assert all(skipped.values())
    assert changed(before, global_state()) == []
    assert torch.equal(torch.get_rng_state(), torch_state)


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_model_fails_its_check(case: str) -> None:
    cls, expected = BROKEN[case]
    cost = "cost" in expected
    with torch.random.fork_rng(devices=[]):
        found = failures(check_model(cls, cost=cost, seconds=8))
    assert set(found) == expected, found
    assert all(detail and "\n" not in detail for detail in found.values())


def test_every_check_can_fail() -> None:
    """But for the one that needs an accelerator, which has a test of its own."""
    assert {check for _, checks in BROKEN.values() for check in checks} == {*CHECKS, "cost"} - {"device"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_tensor_that_does_not_move_is_found() -> None:
    class Stays(Sound):
        def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
            return sentiment + torch.zeros(len(batch))

    assert run_check(subject_of(Sound), CHECKS["device"]).status == "passed"
    assert run_check(subject_of(Stays), CHECKS["device"]).status == "failed"


def test_time_that_runs_out_is_said() -> None:
    subject = subject_of("text-only", seconds=0.0)
    result = run_check(subject, CHECKS["learning"])
    assert result.status == "failed"
    assert "too slow to tell in 0 s" in result.detail


def test_an_error_names_the_line_of_the_model() -> None:
    result = run_check(subject_of(NeedsTwoSteps), CHECKS["short"])
    assert "RuntimeError: kernel size 2 is larger than the input (test_conformance.py:" in result.detail
    assert "Traceback" in result.traceback


def test_a_report_is_read_back_as_it_was_written() -> None:
    report = check_model(Looks, only=["masks", "padding"])
    text = report.model_dump_json()
    assert json.loads(text)["passed"] is False
    fields = {k: v for k, v in json.loads(text).items() if k != "passed"}
    assert ConformanceReport.model_validate(fields) == report
    with pytest.raises(ValidationError):
        report.results[0].status = "passed"


def test_unknown_checks_models_and_configs_are_one_clear_line() -> None:
    for given, match in (
        (lambda: check_model("text-only", only=["pading"]), "unknown check 'pading'; did you mean padding"),
        (lambda: check_model("text-onyl"), "unknown model 'text-onyl'; did you mean text-only"),
        (lambda: check_model("text-only", {"widht": 3}), "did you mean width"),
    ):
        with pytest.raises(InputError, match=match):
            given()


def test_operations_are_those_of_the_matrices() -> None:
    spec = InputSpec(text=384, audio=5, vision=20)
    cost = measure_cost(Sound, ToyConfig(), spec, seconds=0.1)
    weights = 16 * (384 + 5 + 20) + 16
    assert cost.parameters == weights + 3 * 16 + 1
    assert cost.flops_per_sample == 2 * weights
    backward = 2 * weights + 2 * 16  # the gradient of every weight, and of the hidden layer
    assert cost.training_flops_per_sample == cost.flops_per_sample + backward
    assert 0 < cost.predict_ms < cost.train_step_ms
    inputs = 4 * (25 * 384 + 60 * 5 + 80 * 20)
    assert cost.memory_per_sample_mb * 2**20 == pytest.approx(inputs * 2, rel=0.1)  # the view before erasing as well


def test_recurrent_and_attentive_layers_are_counted() -> None:
    class Recurrent(Sound):
        def __init__(self, spec: InputSpec, config: ToyConfig) -> None:
            super().__init__(spec, config)
            self.lstm = nn.LSTM(spec.audio, 8, batch_first=True)

        def changed(self, sentiment: Tensor, batch: Batch) -> Tensor:
            values = self.lstm(batch.audio.values)[0][:, -1:]
            return sentiment + F.scaled_dot_product_attention(values, values, values).mean((1, 2))

    plain, more = (measure_cost(cls, ToyConfig(), seconds=0.1).flops_per_sample for cls in (Sound, Recurrent))
    assert more - plain == 2 * 60 * 4 * 8 * (5 + 8) + 2 * 2 * 8


def test_live_memory_is_the_most_there_was_at_once() -> None:
    memory = LiveMemory()
    with memory:
        first = torch.zeros(1000)
        second = first + 1
        del first
        third = second.view(10, 100) * 2
        del second
    assert memory.peak == 8000
    assert third.shape == (10, 100)


PLUGIN = """
from tests.benchmark.test_conformance import Sound, ToyConfig
from baselines import ModelInfo, register


@register("plugged-in", config=ToyConfig, info=ModelInfo(title="Plugged in", paper="none", year=2025))
class PluggedIn(Sound):
    pass


@register("plugged-out", config=ToyConfig, info=ModelInfo(title="Plugged out", paper="none", year=2025))
class PluggedOut(Sound):
    def changed(self, sentiment, batch):
        return sentiment + len(batch)
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that registers two models, forgotten afterwards."""
    from baselines import registry

    models()  # what is registered while it is in place would be forgotten too
    monkeypatch.setattr(registry._MODELS, "_items", dict(registry._MODELS._items))
    monkeypatch.setattr(registry._MODELS, "_origins", dict(registry._MODELS._origins))
    path = tmp_path / "two_models.py"
    path.write_text(PLUGIN)
    return path


def test_the_command_shows_a_line_a_check(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "models", "check", "text-only")
    assert code == 0
    lines = out.splitlines()
    assert sum(line.startswith(("✓  ", "–  ")) for line in lines) == len(CHECKS) + 1
    assert any(line.startswith("✓ text-only: ") and " 0 failed" in line for line in lines)
    assert "133,893" in out
    assert all(len(line) <= 80 for line in lines)


def test_every_model_of_a_file_is_checked(plugin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "report.json"
    only = ["--only", "order", "--only", "company"]
    code, out, _ = call(capsys, "models", "check", str(plugin), *only, "--out", str(kept))
    assert code == 1
    assert "✓ plugged-in: 2 passed, 0 failed, 0 skipped" in out
    assert "✗ plugged-out: 1 passed, 1 failed, 0 skipped" in out
    assert "company: sample 0 alone and among 6: predictions differ by up to 5" in out
    assert "1 of 2 models pass" in out
    assert "models check plugged-out --only company --traceback" in out
    reports = json.loads(kept.read_text(encoding="utf-8"))
    assert [(r["model"], r["passed"]) for r in reports] == [("plugged-in", True), ("plugged-out", False)]
    code, out, _ = call(capsys, "models", "check", "plugged-in", "text-only", *only, "--json")
    assert code == 0
    assert [r["model"] for r in json.loads(out)] == ["plugged-in", "text-only"]
    assert "plugged-in" in models()


def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    protocol = tmp_path / "mine.py"
    protocol.write_text("x = 1\n")
    for arguments, expected in (
        ([], "name a model"),
        (["--all", "tfn"], "--all"),
        (["tnf"], "did you mean tfn"),
        ([str(protocol)], "registers nothing"),
        ([str(tmp_path / "none.py")], "no such file"),
        (["tfn", "--only", "pading"], "did you mean padding"),
        (["tfn", "--out", str(tmp_path / "no" / "where.json")], "there is no folder"),
    ):
        code, out, err = call(capsys, "models", "check", *arguments)
        assert code == 2
        assert out == ""
        assert expected in err
        assert err.count("\n") == 1


def test_small_widths_are_the_default() -> None:
    report = check_model("text-only", only=["name"])
    assert report.widths == {m: SPEC.width(m) for m in MODALITIES}
    assert report.cost is None
