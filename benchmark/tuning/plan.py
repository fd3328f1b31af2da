"""What is searched, and everything that a search depends on, resolved before anything is trained."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from baselines import load_plugin, model_class, resolve_config
from baselines.standin import parameter_count
from benchmark.data.config import EncoderConfig, Scaling
from benchmark.runs import ORACLE, RunSpec
from benchmark.study import make_study, plan
from benchmark.tuning.space import Fields, Space, read, replaced, search_space, space_content
from protocols import InputError

#: Rises when the meaning of a search changes, so that old ones are not taken up.
SEARCH_VERSION = 1


class Tuning(BaseModel):
    """What to search.

    Attributes:
        model: Registered name.
        dataset: `mosi` (its first split), `mosi/official`, `synthetic:size=tiny`. One split: settings found with the
            validation part of one must not be used on another, whose test part it may contain.
        regime, encoder, scaling: As in a study.
        seeds: Of the trainings of every trial.
        config: Fields that the search starts from, instead of the model's defaults.
        optimisation: Such as `{epochs: 10}`: what the trainings are given.
        plugins: Python files that register models.
        prune: Whether hopeless trainings are ended early.
        search_seed: Of the suggestions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    dataset: str
    regime: str = "uncertain"
    encoder: EncoderConfig = EncoderConfig()
    scaling: Scaling = "log"
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1)
    config: dict[str, Any] = {}
    optimisation: dict[str, Any] = {}
    plugins: tuple[str, ...] = ()
    prune: bool = True
    search_seed: int = Field(0, ge=0)


@dataclass(frozen=True)
class TuningPlan:
    """A search, resolved.

    Attributes:
        tuning: What was asked for.
        specs: The runs of the published settings, one a seed.
        space: What varies.
        published: The values of these fields that the search starts from.
    """

    tuning: Tuning
    specs: tuple[RunSpec, ...]
    space: Space
    published: Fields

    @cached_property
    def content(self) -> dict[str, Any]:
        """Everything that the search depends on; neither budget nor workers are part of it."""
        return {
            "search_version": SEARCH_VERSION,
            "run": self.specs[0].model_dump(mode="json", exclude={"regime", "dataset", "seed"}),
            "space": space_content(self.space),
            "seeds": [spec.seed for spec in self.specs],
            "prune": self.tuning.prune,
            "search_seed": self.tuning.search_seed,
        }

    @property
    def id(self) -> str:
        """16 hexadecimal digits that stand for the content."""
        return hashlib.sha256(json.dumps(self.content, sort_keys=True).encode()).hexdigest()[:16]

    def folder(self, root: Path) -> Path:
        """Where the search is, or would be."""
        return root / f"{self.tuning.model}-{self.id}"

    def config(self, fields: Fields) -> dict[str, Any]:
        """The resolved config of a trial; raises InputError where the model does not take these settings together."""
        values = replaced(self.specs[0].config, fields)
        return resolve_config(self.tuning.model, values).model_dump(mode="json")


def plan_tuning(tuning: Tuning) -> TuningPlan:
    """Load the plugins of a search and resolve it; trains nothing.

    Raises:
        InputError: for anything unknown or misspelt, a family of splits, or a model that has nothing to train.
    """
    for plugin in tuning.plugins:
        load_plugin(plugin)
    cls = model_class(tuning.model)
    study = make_study(
        {
            "datasets": [tuning.dataset],
            "models": [{"name": tuning.model, "config": tuning.config}],
            "protocols": ["complete"],
            "seeds": list(dict.fromkeys(tuning.seeds)),
            "regime": tuning.regime,
            "encoder": tuning.encoder,
            "scaling": tuning.scaling,
            "optimisation": tuning.optimisation,
        },
        "search",
    )
    specs = tuple(run.spec for run in plan(study).runs if run.spec.model != ORACLE)
    splits = sorted({spec.split for spec in specs})
    if len(splits) > 1:
        raise InputError(
            f"dataset '{tuning.dataset}': {len(splits)} splits; name one, such as "
            f"{specs[0].dataset}/{splits[0]}, as the validation part of one may be the test part of another"
        )
    base = resolve_config(tuning.model, specs[0].config)
    if parameter_count(tuning.model, config=base) == 0:
        raise InputError(f"model '{tuning.model}' has no parameters to train, so there is nothing to search")
    if cls.info.needs_encoder and specs[0].encoder is None:
        raise InputError(
            f"model '{tuning.model}' works inside a text encoder, and the text of '{specs[0].dataset}' is word vectors"
        )
    finetune = specs[0].encoder is not None and specs[0].encoder.mode == "finetune"
    space = search_space(tuning.model, base, finetune)
    published = {name: read(specs[0].config, name) for name in space}
    return TuningPlan(tuning, specs, space, published)
