"""Stored runs with the names of planned ones that differ from them: data, a model or a regime were replaced since."""

from __future__ import annotations

from collections.abc import Iterable

from benchmark.runs.spec import RunSpec
from benchmark.runs.store import RunStore


def outdated(specs: Iterable[RunSpec], store: RunStore) -> str:
    """Explain why stored runs are not the planned ones.

    Args:
        specs: Planned runs that are missing.
        store: Store of the runs.

    Returns:
        A clause such as "the data of 'mosi' were replaced since they were run"; empty if no run of these names
        exists, or if it differs in settings, as two studies may.
    """
    planned = {_names(spec): spec for spec in specs}
    for record in store.records():
        spec = planned.get(_names(record.spec))
        if spec is None or record.status != "done":
            continue
        if record.spec.data_sha256 != spec.data_sha256:
            return f"the data of '{spec.dataset}' were replaced since they were run"
        if (record.spec.model_version, record.spec.plugin_sha256) != (spec.model_version, spec.plugin_sha256):
            return f"the code of model '{spec.model}' was replaced since they were run"
        if record.spec.regime == spec.regime and record.spec.regime_fingerprint != spec.regime_fingerprint:
            return f"what regime '{spec.regime}' does to the training data was changed since they were run"
    return ""


def _names(spec: RunSpec) -> tuple[str, str, str, int]:
    return spec.dataset, spec.split, spec.model, spec.seed
