"""What the kit found, as values that can be written as JSON and read back."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, computed_field

from benchmark.authoring.conformance.cost import Cost

Status = Literal["passed", "failed", "skipped"]


class CheckResult(BaseModel):
    """The outcome of one check.

    Attributes:
        name, statement: The check's.
        status: `skipped` where the property cannot be asked of the model, or not on this machine.
        detail: What was found, in a line; why, where it failed or was skipped.
        seconds: How long it took.
        traceback: Of an error that the model raised.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    statement: str
    status: Status
    detail: str = ""
    seconds: float = 0.0
    traceback: str = ""


class ConformanceReport(BaseModel):
    """Everything the kit found about a model.

    Attributes:
        schema_version: Of this form; rises when a field changes its meaning.
        model: Name.
        config: All fields of the config it was checked with.
        widths: Width of text, audio and vision in the checks.
        results: One a check, in order.
        cost: What it costs at standard sizes; None where that was not measured.
        seconds: How long everything took.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = 1
    model: str
    config: dict[str, Any]
    widths: dict[str, int]
    results: tuple[CheckResult, ...]
    cost: Cost | None = None
    seconds: float = 0.0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """The checks that failed."""
        return tuple(r for r in self.results if r.status == "failed")
