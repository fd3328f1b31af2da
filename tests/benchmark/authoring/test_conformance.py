"""The conformance kit can fail: models broken in one way each, and the checks that notice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional as F

from baselines import Batch, InputSpec, Sequences, models
from benchmark.authoring.conformance import CHECKS, ConformanceReport, check_model, measure_cost
from benchmark.authoring.conformance.batches import SPEC
from benchmark.authoring.conformance.isolation import changed, global_state
from benchmark.authoring.conformance.kit import run_check, subject_of
from benchmark.authoring.conformance.live_memory import LiveMemory
from benchmark.data import batches
from benchmark.data.batches import MaskedPart
from benchmark.data.corruption import AddedNoise
from benchmark.data.erasing import erase
from benchmark.data.ragged import Rows
from protocols import MODALITIES, InputError, Modality
from tests.benchmark.authoring import broken_declarations, broken_state, broken_training  # noqa: F401 - theirs join BROKEN
from tests.benchmark.authoring.broken_models import Looks, NeedsTwoSteps, ReadsSigns
from tests.benchmark.authoring.sound_model import BROKEN, Sound, ToyConfig
from tests.benchmark.cli.test_cli import call


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


def test_weights_that_no_seed_changes_are_reported() -> None:
    class Fixed(Sound):
        def __init__(self, spec: InputSpec, config: ToyConfig) -> None:
            super().__init__(spec, config)
            for parameter in self.parameters():
                nn.init.normal_(parameter, generator=torch.Generator().manual_seed(0))

    found = {cls: run_check(subject_of(cls), CHECKS["seed"]) for cls in (Sound, Fixed)}
    assert [result.status for result in found.values()] == ["passed", "passed"]
    assert found[Sound].detail == ""
    assert found[Fixed].detail.startswith("all seeds start from the same weights")


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


@pytest.mark.parametrize("cls", [ReadsSigns, Sound])
def test_a_masking_that_leaves_signs_is_found(cls: type[Sound], monkeypatch: pytest.MonkeyPatch) -> None:
    """By what a model makes of them, and by their bits where it makes nothing of them."""
    monkeypatch.setattr(batches, "erase", lambda values, kept: values.mul_(kept[..., None]))
    result = run_check(subject_of(cls), CHECKS["erased"])
    assert result.status == "failed"
    reads = "other values where samples are erased change predictions"
    assert (reads if cls is ReadsSigns else "erasing leaves a trace in") in result.detail


def test_noise_that_is_scaled_by_what_is_erased_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def padded(part: MaskedPart, modality: Modality, rows: Rows) -> Sequences:
        whole, layout = part._streams[modality].padded(rows), part.inputs
        values = whole.values
        if modality in part._noise:
            noise = AddedNoise(part._noise[modality]._noise, layout.offsets[modality], layout.observed[modality])
            values = noise.add(values, rows.known)
        return Sequences(erase(values, part._flags(modality, rows.there, values.shape[1])), whole.length)

    monkeypatch.setattr(MaskedPart, "_padded", padded)
    result = run_check(subject_of(Sound), CHECKS["erased"])
    assert result.status == "failed"
    assert "noise(snr_db=5): other values where samples are erased change predictions" in result.detail


def test_time_that_runs_out_is_said() -> None:
    subject = subject_of("text-only", seconds=0.0)
    result = run_check(subject, CHECKS["learning"])
    assert result.status == "failed"
    assert "too slow to tell in 0 s" in result.detail


def test_an_error_names_the_line_of_the_model() -> None:
    result = run_check(subject_of(NeedsTwoSteps), CHECKS["short"])
    assert "RuntimeError: kernel size 2 is larger than the input (broken_models.py:" in result.detail
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
from tests.benchmark.authoring.sound_model import Sound, ToyConfig
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
    assert f"models check plugged-out --plugin {plugin} --only company\n" in out
    reports = json.loads(kept.read_text(encoding="utf-8"))
    assert [(r["model"], r["passed"]) for r in reports] == [("plugged-in", True), ("plugged-out", False)]
    code, out, _ = call(capsys, "models", "check", "plugged-in", "text-only", *only, "--json")
    assert code == 0
    assert [r["model"] for r in json.loads(out)] == ["plugged-in", "text-only"]
    assert "plugged-in" in models()


BROKEN_PLUGIN = """
from baselines import Batch, InputSpec, ModelConfig, ModelInfo, Prediction, SentimentModel, register
from torch import nn

@register("broken-within", config=ModelConfig, info=ModelInfo(title="B", paper="none", year=2026))
class Broken(SentimentModel):
    def __init__(self, spec: InputSpec, config: ModelConfig) -> None:
        super().__init__(spec, config)
        self.layer = nn.Linear(3, 1)

    def forward(self, batch: Batch) -> Prediction:
        raise ValueError(f"no such layer for {tuple(batch.text.values.shape)}")
"""


def test_one_cause_is_one_line_and_the_hint_works(
    plugin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.py"
    path.write_text(BROKEN_PLUGIN)
    only = ["--only", "order", "--only", "short", "--only", "long", "--only", "repeatable"]
    code, out, _ = call(capsys, "models", "check", str(path), *only)
    assert code == 1
    assert out.count("no such layer") == 1
    assert "4 failed by one cause" in out
    assert "the same in " in out
    (hint,) = (line for line in out.splitlines() if line.startswith("details: "))
    assert "--traceback" in hint
    code, out, _ = call(capsys, *hint.removeprefix("details: sentibench ").split())
    assert code == 1
    assert 'raise ValueError(f"no such layer' in out


def test_a_failed_run_of_a_plugin_names_the_check(
    plugin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken_run.py"
    path.write_text(BROKEN_PLUGIN.replace("broken-within", "broken-run"))
    code, _, err = call(
        capsys, "run", "--plugin", str(path), "--models", "broken-run", "--dataset", "synthetic:size=tiny",
        "--protocols", "complete", "--seeds", "1", "--out", str(tmp_path / "r"), "--executor", "inline",
    )  # fmt: skip
    assert code == 1
    assert "no such layer" in err
    assert f"find the cause with: sentibench models check broken-run --plugin {path}\n" in err


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
        (["tfn", "--out", str(tmp_path / "no" / "where.json")], "does not exist; create it first"),
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
