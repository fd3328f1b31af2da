"""From a study to the identities of its runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from baselines import models
from baselines.registry import _MODELS
from benchmark.data.catalog import store_path
from benchmark.data.store import write_store
from benchmark.study.plan import prepare
from benchmark.study.study import make_study
from protocols import InputError
from tests.benchmark.tuning.toy import PLUGIN, USUAL
from tests.samples import make_samples


def test_a_run_is_known_by_the_content_of_its_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_store(make_samples(words=False), store_path("toy"))
    models()
    path = tmp_path / "toy_model.py"

    def ids(content: str) -> dict[str, str]:
        path.write_text(content)
        fields = {"datasets": ["toy"], "models": ["toy", "lf-dnn"], "protocols": ["complete"], "plugins": [str(path)]}
        with monkeypatch.context() as own:  # as in a process of its own
            own.setattr(_MODELS, "_items", dict(_MODELS._items))
            own.setattr(_MODELS, "_origins", dict(_MODELS._origins))
            own.setattr("protocols.registry._LOADED", {})
            return {run.label: run.spec.id for run in prepare(make_study({**fields, "seeds": 1})).runs}

    content = PLUGIN.replace("SEARCH", USUAL)
    first, again, changed = ids(content), ids(content), ids(content.replace("abs().mean()", "square().mean()"))
    assert first == again
    assert first["toy"] != changed["toy"]
    assert first["lf-dnn"] == changed["lf-dnn"]


_FIELDS = {"datasets": ["synthetic:size=tiny"], "models": ["constant"]}


@pytest.mark.parametrize(
    ("label", "shown"), [("a\x1b[31mb", "a⟨U+001B⟩[31mb"), ("a\n b", "a b"), ("nice\u202eecin", "nice⟨U+202E⟩ecin")]
)
def test_labels_are_one_visible_line(label: str, shown: str) -> None:
    assert (
        make_study(
            {"datasets": ["synthetic:size=tiny"], "models": ["constant"]}
            | {"models": [{"name": "constant", "label": label}]}
        )
        .models[0]
        .title
        == shown
    )


def test_labels_and_names_have_a_largest_length() -> None:
    with pytest.raises(InputError, match=r"label: is a name in tables: use at most 80 characters"):
        make_study(
            {"datasets": ["synthetic:size=tiny"], "models": ["constant"]}
            | {"models": [{"name": "constant", "label": "x" * 10_000}]}
        )
    with pytest.raises(InputError, match=r"name: names a folder: use at most 100 letters"):
        make_study(_FIELDS | {"name": "x" * 300})
    with pytest.raises(InputError, match=r"seeds"):
        make_study(_FIELDS | {"seeds": [2**64]})
