"""From predictions with true integrity, which runs keep where gaps do not show, to the panel of told models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from baselines import Batch, InputSpec, ModelConfig, ModelInfo, Prediction, SentimentModel
from benchmark.data.batches import MaskedPart
from benchmark.data.catalog import store_path
from benchmark.data.dataset import build_dataset
from benchmark.data.store import write_store
from benchmark.evaluation.panel import TOLD
from benchmark.results.from_runs import panels
from benchmark.runs.executors import InlineExecutor
from benchmark.runs.store import RunStore
from benchmark.study.plan import prepare
from benchmark.study.running import run
from benchmark.study.study import make_study
from benchmark.training.inference import predict
from protocols import parse
from tests.samples import make_samples

FILLED, MARKED = "random_positions(rate=0.4) + unmarked(fill=run)", "random_positions(rate=0.4)"


class JudgeConfig(ModelConfig):
    true_integrity: bool = False


class Judge(SentimentModel):
    """Model that states the share of audio that is present: its own estimate, or the share that it is told."""

    info = ModelInfo("judge", "none", 2026)
    name = "judge"

    def forward(self, batch: Batch) -> Prediction:
        guess = torch.full((len(batch), 3), 0.5)
        if not self.config.true_integrity:
            return Prediction(guess[:, 1], guess)
        assert batch.integrity is not None
        assert batch.observed is not None
        return Prediction(batch.integrity[:, 1])


def test_a_model_is_told_only_when_asked_and_only_if_it_estimates() -> None:
    dataset = build_dataset(make_samples(160, words=False), "official", None)
    masks = parse(FILLED).masks(dataset)
    part = MaskedPart(dataset.part("test"), masks, None, torch.device("cpu"))
    model = Judge(InputSpec(12, 5, 7), JudgeConfig())
    table, _ = predict(model, part, tell=True)
    assert (table["prediction"] == 0.5).all()
    np.testing.assert_allclose(table["told"], part.integrity[:, 1])
    assert not model.config.true_integrity  # as before
    assert "told" not in predict(model, part)[0]
    told = Judge(InputSpec(12, 5, 7), JudgeConfig(true_integrity=True))
    batch = part.informed(part.batch(torch.arange(3)), torch.arange(3))
    assert told.told(batch) is None  # it is always told, and estimates nothing


def test_a_panel_has_what_models_predict_when_told_where_gaps_do_not_show(tmp_path: Path) -> None:
    write_store(make_samples(160, words=False), store_path("toy"))
    model = {"name": "senti-ifusion", "config": {"width": 16, "tokens": 2, "heads": 2}}
    fields = {"datasets": ["toy"], "models": [model, "text-only"], "seeds": 1, "optimisation": {"epochs": 2}}
    plan = prepare(make_study({**fields, "protocols": [FILLED, MARKED, "complete"]}))
    assert not run(plan.study, tmp_path, InlineExecutor()).failed
    (panel,) = panels(plan, tmp_path)
    assert panel.told is not None
    assert panel.told.cells.to_numpy().tolist() == [["senti-ifusion", 0, FILLED], [f"senti-ifusion{TOLD}", 0, FILLED]]
    own, told = panel.told.predictions
    place = panel.cells.to_numpy().tolist().index(["senti-ifusion", 0, FILLED])
    assert (own == panel.predictions[place]).all()
    assert not np.allclose(own, told)
    spec = next(r.spec for r in plan.runs if r.label == "senti-ifusion")
    table = pd.read_parquet(RunStore(tmp_path).folder(spec) / "predictions.parquet")
    assert table.loc[table["scenario"].astype(str) != FILLED, "told"].isna().all()


def test_a_study_of_gaps_that_show_tells_nobody(tmp_path: Path) -> None:
    write_store(make_samples(60, words=False), store_path("toy"))
    plan = prepare(make_study({"datasets": ["toy"], "models": ["constant"], "protocols": [MARKED], "seeds": 1}))
    assert not run(plan.study, tmp_path, InlineExecutor()).failed
    assert panels(plan, tmp_path)[0].told is None
