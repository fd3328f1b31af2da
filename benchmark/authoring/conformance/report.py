"""Results of the kit, as values that can be written as JSON and read back."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, computed_field

from benchmark.authoring.conformance.cost import Cost

Status = Literal["passed", "failed", "skipped"]


class CheckResult(BaseModel):
    """Outcome of one check.

    Attributes:
        name, statement: Name and statement of the check.
        status: `passed`, `failed`, or `skipped` if the property does not apply to the model, or not on this machine.
        detail: Finding in one line; the reason if it failed or was skipped.
        seconds: Duration in seconds.
        traceback: Traceback of an error that the model raised.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    statement: str
    status: Status
    detail: str = ""
    seconds: float = 0.0
    traceback: str = ""


class ConformanceReport(BaseModel):
    """Results of all checks of a model.

    Attributes:
        schema_version: Version of this form; raised when a field changes its meaning.
        model: Name of the model.
        config: All fields of the config it was checked with.
        widths: Width of text, audio and vision in the checks.
        results: Results in order, one per check.
        cost: Cost at standard sizes; None if not measured.
        seconds: Duration of all checks in seconds.
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
        """True if no check failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """Results of the failed checks."""
        return tuple(r for r in self.results if r.status == "failed")
