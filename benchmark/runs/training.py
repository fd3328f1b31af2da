"""The training of a run, as studies and searches do it: data and text side, untrained model, trainer, code check."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from baselines import SentimentModel, create, model_class, resolve_config
from benchmark.data.dataset import TrainingData
from benchmark.runs.data import model_sizes, run_data, text_side
from benchmark.runs.executors.base import Event, Heartbeat, Report
from benchmark.runs.spec import ORACLE, RunSpec
from benchmark.runs.text_states import states_folder
from benchmark.training.loop import AfterEpoch, Trainer, TrainingOutcome
from benchmark.training.resuming import Checkpoint, History
from protocols import InputError, check_imports, get_regime, plugin_sha256


class RunTraining:
    """Data, text side and model of one run. Training reads the training and validation parts only.

    Args:
        spec: The run.
        root: Folder of the run store or the search, for text states shared between workers.
        device: Where to compute.

    Attributes:
        data: The data of the run.
        text: Where token text is encoded.
        seconds: Time of the latest training: `train`, and `encode` for frozen text states. These are shared by all
            models, and are not part of the training time of one.

    Raises:
        InputError: for data or code that has changed since the run was planned.
    """

    def __init__(self, spec: RunSpec, root: Path, device: torch.device) -> None:
        self.spec, self.device = spec, device
        self._imported = set(sys.modules)
        self.check_code()
        self.data, text = run_data(spec, states_folder(root), device)
        self.text = text if spec.model == ORACLE else text_side(spec, text)
        self.seconds: dict[str, float] = {}

    def model(self) -> SentimentModel:
        """Return the untrained model, on the device."""
        dataset = self.data.dataset
        sizes = model_sizes(dataset.widths, dataset.label_range, len(dataset.part("train")), self.text)
        return create(self.spec.model, sizes, self.spec.config).to(self.device)

    def train(
        self,
        model: SentimentModel,
        report: Report,
        progress: Callable[[int, int, float], None] = lambda *_: None,
        after_epoch: AfterEpoch = lambda _: None,
        checkpoint: Checkpoint | None = None,
    ) -> TrainingOutcome:
        """Train a model in place and report progress; see `Trainer` for arguments and errors."""
        started, encoding = time.perf_counter(), self.text.seconds if self.text is not None else 0.0

        def spent() -> dict[str, float]:
            encode = self.text.seconds - encoding if self.text is not None else 0.0
            return {"train": time.perf_counter() - started - encode, "encode": encode}

        if checkpoint is not None:
            checkpoint.spent = spent

        heartbeat = Heartbeat(report)

        def tell(done: int, total: int, mae: float, losses: Mapping[str, float]) -> None:
            report(Event("train", done, total, mae, heartbeat.stage, losses))
            progress(done, total, mae)

        def resume(history: History, total: int) -> None:
            report(Event("resume", len(history), total))
            for record in history:
                progress(int(record["epoch"]), total, float(record["valid_mae"]))

        trainer = Trainer(
            get_regime(self.spec.regime),
            resolve_config(self.spec.model, self.spec.config).optimisation,
            self.spec.seed,
            self.device,
            progress=tell,
            on_batch=heartbeat,
            after_epoch=after_epoch,
            checkpoint=checkpoint,
            on_resume=resume,
        )
        outcome = trainer.train(model, TrainingData(self.data.dataset), self.text)
        self.check_code()
        self.seconds = spent() if checkpoint is None else checkpoint.seconds()
        return outcome

    def check_code(self) -> None:
        """Check that the plugins' code is the code that the run was planned with.

        Raises:
            InputError: for code that the identity of the run does not cover.
        """
        check_imports(self._imported)
        spec = self.spec
        code = "" if spec.model == ORACLE else plugin_sha256(model_class(spec.model))
        if (code, get_regime(spec.regime).fingerprint) != (spec.plugin_sha256, spec.regime_fingerprint):
            raise InputError(f"{spec.title}: a plugin has changed since the study was planned; run the study again")
