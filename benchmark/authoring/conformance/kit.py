"""Running the checks."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from baselines import InputSpec, ModelConfig, SentimentModel, model_class, resolve_config
from benchmark.authoring.conformance import declaration, erasing, invariance, predictions, state, training
from benchmark.authoring.conformance.batches import SPEC
from benchmark.authoring.conformance.check import Check, NotApplicable, Violation
from benchmark.authoring.conformance.cost import measure_cost
from benchmark.authoring.conformance.isolation import contained
from benchmark.authoring.conformance.report import CheckResult, ConformanceReport
from benchmark.authoring.conformance.subject import RATES, Subject
from protocols import MODALITIES, unknown_name

#: All checks, in the order of tables.
CHECKS: Mapping[str, Check] = {
    found.name: found
    for module in (declaration, predictions, invariance, erasing, state, training)
    for found in vars(module).values()
    if isinstance(found, Check)
}
#: Last check of a report, that the cost can be measured. Its result is more than a verdict.
COST = Check("cost", "speed, operations and memory can be measured", lambda subject: "")


def check_model(
    model: str | type[SentimentModel],
    config: Mapping[str, object] | ModelConfig | None = None,
    spec: InputSpec = SPEC,
    *,
    only: Iterable[str] = (),
    cost: bool = True,
    seconds: float = 40.0,
    progress: Callable[[str], None] | None = None,
) -> ConformanceReport:
    """Check a model for all required properties.

    Args:
        model: Registered name, or a class that has `name`, `info` and `config_class`.
        config: Fields that differ from its defaults.
        spec: Widths of the inputs; default: small ones. An encoder is made if the model needs one.
        only: Names of checks; default: all of them.
        cost: True to also measure the cost at standard sizes; not done with `only`, unless `cost` is in it.
        seconds: Time limit for overfitting sixteen samples; the other checks have no limit.
        progress: Function called with the name of each check before it begins.

    Raises:
        InputError: for an unknown model or check, and for a bad config.
    """
    started = time.perf_counter()
    subject = subject_of(model, config, spec, seconds=seconds)
    wanted = list(only)
    for name in wanted:
        if name not in CHECKS and name != COST.name:
            raise unknown_name("check", name, (*CHECKS, COST.name))
    results = []
    for name, check in CHECKS.items():
        if not wanted or name in wanted:
            if progress:
                progress(name)
            results.append(run_check(subject, check))
    measured = None
    if COST.name in wanted or (cost and not wanted):
        if progress:
            progress(COST.name)

        def measure(subject: Subject) -> str:
            nonlocal measured
            measured = measure_cost(subject.cls, subject.config)
            return ""

        results.append(run_check(subject, Check(COST.name, COST.statement, measure)))
    return ConformanceReport(
        model=subject.cls.name,
        config=subject.config.model_dump(mode="json"),
        widths={m: spec.width(m) for m in MODALITIES},
        results=tuple(results),
        cost=measured,
        seconds=time.perf_counter() - started,
    )


def subject_of(
    model: str | type[SentimentModel],
    config: Mapping[str, object] | ModelConfig | None = None,
    spec: InputSpec = SPEC,
    *,
    seconds: float = 40.0,
    rates: tuple[float, ...] = RATES,
) -> Subject:
    """Return the subject of a model's checks; raises InputError for an unknown model and a bad config."""
    if isinstance(model, str):
        return Subject(model_class(model), resolve_config(model, config), spec, seconds, rates)
    values = config if isinstance(config, ModelConfig) else model.config_class.model_validate(dict(config or {}))
    return Subject(model, values, spec, seconds, rates)


def run_check(subject: Subject, check: Check) -> CheckResult:
    """Run one check; any error of the model is a failure. The process is left as it was."""
    started = time.perf_counter()
    status, detail, trace = "passed", "", ""
    try:
        with contained():
            detail = check.run(subject)
    except NotApplicable as reason:
        status, detail = "skipped", str(reason)
    except Violation as violation:
        status, detail = "failed", str(violation)
    except Exception as error:  # noqa: BLE001 - a model may fail in any way, and the other checks go on
        status, detail, trace = "failed", _raised(error), traceback.format_exc()
    return CheckResult.model_validate(
        {
            "name": check.name,
            "statement": check.statement,
            "status": status,
            "detail": detail,
            "seconds": time.perf_counter() - started,
            "traceback": trace,
        }
    )


def _raised(error: Exception) -> str:
    """Format an error and the last line outside this kit and torch: `ValueError: the message (file.py:12)`."""
    here, frames = Path(__file__).parent, traceback.extract_tb(error.__traceback__)
    theirs = [f for f in frames if Path(f.filename).parent != here and "site-packages" not in f.filename]
    where = f" ({Path(theirs[-1].filename).name}:{theirs[-1].lineno})" if theirs else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}{where}"
