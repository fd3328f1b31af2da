"""One run from end to end, as a worker executes it: data, training, evaluation under every scenario, files."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from baselines import SentimentModel
from benchmark.data.batches import MaskedPart
from benchmark.data.dataset import Inputs
from benchmark.data.sources import load_samples
from benchmark.data.synthetic import oracle, parse_synthetic
from benchmark.runs.cells import RunCells, write_predictions
from benchmark.runs.epochs import EpochWeights, predict_epochs
from benchmark.runs.executors.base import Event, Report
from benchmark.runs.job import Job
from benchmark.runs.provenance import provenance
from benchmark.runs.record import (
    EPOCHS,
    HISTORY,
    PREDICTIONS,
    RECORD,
    SAMPLES,
    WEIGHTS,
    EpochEvaluations,
    Evaluation,
    RunRecord,
    check_file,
    sealed,
    write_record,
)
from benchmark.runs.resuming import STATE, training_folder, training_identity
from benchmark.runs.spec import ORACLE
from benchmark.runs.store import RunStore
from benchmark.runs.training import RunTraining
from benchmark.training.devices import open_device
from benchmark.training.inference import INFERENCE_VERSION, flops_per_sample, predict
from benchmark.training.loop import TRAINING_VERSION, TrainingOutcome, forked_rng
from benchmark.training.memory import peak_memory_mb, reset_peak_memory
from benchmark.training.resuming import Checkpoint
from benchmark.training.weights import copy_weights, equal_weights, load_weights
from benchmark.words import trained_and_tested
from protocols import InputError, Layout, Masks, Scenario, parse

#: Masks, and True to tell a model where its gaps are -> a table of predictions in the order of the test part, and the
#: milliseconds of each.
Predictor = Callable[[Masks, bool], tuple[pd.DataFrame, npt.NDArray[np.float64]]]


class RunWorker:
    """The state of one job."""

    def __init__(self, job: Job, report: Report) -> None:
        self.job, self.spec, self.report = job, job.spec, report
        self.device = open_device(job.device)
        self.training = RunTraining(job.spec, job.root, self.device)
        self.data, self.text = self.training.data, self.training.text
        self._test: tuple[Layout, Inputs] | None = None
        self.scenarios = tuple(map(parse, job.scenarios))
        self.seconds: dict[str, float] = {}
        self.milliseconds = np.zeros(0)  # of each prediction made
        reset_peak_memory(self.device)

    def run(self, store: RunStore) -> RunRecord:
        """Train, evaluate, file."""
        if self.spec.model == ORACLE:
            cells, predictions = self.evaluate(self._consult_oracle)
            return self.file(store, self.record(None, TrainingOutcome(), cells), predictions)
        with self.resumable(store) as (checkpoint, kept):
            with forked_rng(self.spec.seed, self.device):
                model = self.training.model()
                outcome = self.train(model, checkpoint, kept)
                cells, predictions = self.evaluate(self._ask(model))
            record = self.record(model, outcome, cells)
            record = self.file(store, record, predictions, outcome, copy_weights(model, self.text))
            # the result is filed before anything is chosen on the test part
            return record if kept is None else self.add_epochs(store, record, model, outcome, kept)

    def complete(self, store: RunStore, record: RunRecord) -> RunRecord:
        """Add missing scenarios to a trained run, and predictions of every epoch, for which it is trained again.

        Raises:
            InputError: when the second training does not give the first one's weights; the run stays as it was.
        """
        record = self.add_cells(store, record)
        if not record.lacks((s.fingerprint for s in self.scenarios), epochs=self.job.optimism):
            return record
        with self.resumable(store) as (checkpoint, kept):
            with forked_rng(self.spec.seed, self.device):
                model = self.training.model()
                outcome = self.train(model, checkpoint, kept)
            return record if kept is None else self.add_epochs(store, record, model, outcome, kept)

    @contextmanager
    def resumable(self, store: RunStore) -> Iterator[tuple[Checkpoint | None, EpochWeights | None]]:
        """Return where the training keeps its state, and the weights of its epochs if they are needed."""
        optimism = self.job.optimism
        with ExitStack() as stack:
            folder = stack.enter_context(training_folder(store.folder(self.spec)))
            checkpoint = None
            if folder is not None:
                identity = training_identity(self.spec, self.device, optimism=optimism)
                checkpoint = Checkpoint(folder / STATE, identity, self.job.checkpoint_seconds)
                if checkpoint.read() is None:
                    EpochWeights(folder).drop()
            elif optimism:
                folder = stack.enter_context(store.scratch(self.spec))
            yield checkpoint, EpochWeights(folder) if optimism and folder is not None else None

    def train(self, model: SentimentModel, checkpoint: Checkpoint | None, kept: EpochWeights | None) -> TrainingOutcome:
        """Train a new model or go on with a killed training, and keep the weights of its epochs if `kept` is given."""
        self._test = None
        after_epoch = (lambda epoch: kept.keep(epoch, model, self.text)) if kept else (lambda _: None)
        outcome = self.training.train(model, self.report, after_epoch=after_epoch, checkpoint=checkpoint)
        self.seconds |= self.training.seconds
        self.seconds["train"] -= kept.seconds if kept else 0.0
        return outcome

    def add_epochs(
        self, store: RunStore, record: RunRecord, model: SentimentModel, outcome: TrainingOutcome, kept: EpochWeights
    ) -> RunRecord:
        """Evaluate every epoch under the scenarios for which that is missing; file them beside the result."""
        started = time.perf_counter()
        file = store.folder(self.spec) / WEIGHTS
        filed = load_file(file) if file.is_file() else {}
        if outcome.best_epoch != record.best_epoch or not equal_weights(copy_weights(model, self.text), filed):
            raise InputError(
                f"{self.spec.title}: trained again for the optimism, it has other weights than the run on file "
                f"(best epoch {outcome.best_epoch}, then {record.best_epoch}; another device, number of threads or "
                f"version of torch or of training?); remove {store.folder(self.spec)} to train it again, or use "
                "another folder"
            )
        wanted = {s.fingerprint for s in self.scenarios}
        wanted -= set(record.tested_epochs.fingerprints) if record.tested_epochs else set()
        cells = [e for e in record.evaluations if e.fingerprint in wanted]
        layout, _ = self.test()
        predict_epochs(
            kept,
            cells,
            layout.sample_ids,
            lambda masks: self._masked(model, masks),
            lambda text: parse(text).masks(layout),
            model,
            store.predictions(self.spec),
            record.best_epoch,
            kept.folder / EPOCHS,
            lambda done, total: self.report(Event("evaluate", done, total)),
        )
        tested = EpochEvaluations(epochs=tuple(kept.epochs), fingerprints=tuple(e.fingerprint for e in cells))
        seconds = {**record.seconds, "optimism": kept.seconds + time.perf_counter() - started}
        added = record.model_copy(update={"tested_epochs": tested, "seconds": seconds})
        return store.add(RunCells(added, store.predictions(self.spec), kept.folder / EPOCHS))

    def add_cells(self, store: RunStore, record: RunRecord) -> RunRecord:
        """Evaluate a trained run under its missing scenarios, and under all if inference has changed since."""
        there = record.evaluated()
        wanted = [s for s in self.scenarios if s.fingerprint not in there]
        if wanted and record.inference_version != INFERENCE_VERSION:
            wanted += [parse(cell.scenario) for cell in record.evaluations]
            record = record.model_copy(update={"inference_version": INFERENCE_VERSION, "tested_epochs": None})
        if not wanted:
            return record
        predict: Predictor = self._consult_oracle
        if self.spec.model != ORACLE:
            with forked_rng(self.spec.seed, self.device):
                model = self.training.model()
            file = store.folder(self.spec) / WEIGHTS
            check_file(file.parent, file.name)
            try:
                load_weights(model, self.text, file, self.device)
            except (OSError, SafetensorError) as error:
                what = " ".join(str(error).split())
                raise InputError(
                    f"{file}: cannot be read ({what}); remove its folder and run the study again"
                ) from None
            predict = self._ask(model)
        cells, predictions = self.evaluate(predict, wanted)
        added = record.model_copy(update={"evaluations": cells, "provenance": provenance(self.device), "notes": ()})
        return store.add(RunCells(added, predictions))

    def evaluate(
        self, predict: Predictor, scenarios: Sequence[Scenario] | None = None
    ) -> tuple[tuple[Evaluation, ...], pd.DataFrame]:
        """Predict the test part under every scenario; scenarios that leave equal masks are predicted once.

        Under gaps that do not show, models that estimate integrity also predict with the true places of the gaps.

        Labels are read when nothing is left to predict.
        """
        layout, _ = self.test()
        chosen = self.scenarios if scenarios is None else scenarios
        tables: dict[tuple[str, bool], pd.DataFrame] = {}
        hashes = []
        times: list[npt.NDArray[np.float64]] = []
        for number, scenario in enumerate(chosen):
            masks = scenario.masks(layout)
            sha, tell = masks.sha256(), scenario.unmarked
            hashes.append((sha, tell))
            if (sha, tell) not in tables:
                tables[sha, tell], milliseconds = predict(masks, tell)
                times.append(milliseconds)
            self.report(Event("evaluate", number + 1, len(chosen)))
        self.training.check_code()
        label = self.data.test_samples()["label"].to_numpy(np.float64)
        cells, frames = [], []
        for scenario, key in zip(chosen, hashes, strict=True):
            mae = float(np.abs(tables[key]["prediction"].to_numpy() - label).mean())
            cells.append(
                Evaluation(scenario=str(scenario), fingerprint=scenario.fingerprint, masks_sha256=key[0], mae=mae)
            )
            frames.append(tables[key].assign(scenario=str(scenario), sample_id=list(layout.sample_ids)))
        self.milliseconds = np.concatenate(times)
        self.seconds["evaluate"] = float(self.milliseconds.sum()) / 1000
        return tuple(cells), pd.concat(frames, ignore_index=True)

    def _masked(self, model: SentimentModel, masks: Masks | None) -> MaskedPart:
        return MaskedPart(self.test()[1], masks, self.text, self.device, model.info)

    def _ask(self, model: SentimentModel) -> Predictor:
        """Predict with a model; the times are of the model only, without masks and text encoding."""
        return lambda masks, tell: predict(model, self._masked(model, masks), tell=tell)

    def _consult_oracle(self, masks: Masks, tell: bool) -> tuple[pd.DataFrame, npt.NDArray[np.float64]]:
        started = time.perf_counter()
        tested = trained_and_tested(self.spec.dataset)[1]
        samples = self.data.samples() if tested == self.spec.dataset else load_samples(tested)
        answer = oracle(samples, masks, parse_synthetic(tested))
        table = pd.DataFrame({"prediction": answer.median})
        return table, np.full(len(table), 1000 * (time.perf_counter() - started) / len(table))

    def test(self) -> tuple[Layout, Inputs]:
        """Test part without labels; made at its first use, after training."""
        if self._test is None:
            self._test = self.data.test()
        return self._test

    def record(
        self, model: SentimentModel | None, outcome: TrainingOutcome, cells: tuple[Evaluation, ...]
    ) -> RunRecord:
        """Return the content of `run.json`."""
        memory = peak_memory_mb(self.device)  # before operations are counted, which takes memory of its own
        flops = None
        if model is not None:
            flops = flops_per_sample(model, self._masked(model, None))
        return RunRecord(
            id=self.spec.id,
            spec=self.spec,
            status="done",
            attempts=self.job.attempt,
            training_version=TRAINING_VERSION,
            inference_version=INFERENCE_VERSION,
            parameters=sum(p.numel() for p in model.parameters()) if model else 0,
            epochs=len(outcome.history),
            best_epoch=outcome.best_epoch,
            valid_mae=None if math.isnan(outcome.valid_mae) else outcome.valid_mae,
            seconds=self.seconds,
            inference_ms=float(self.milliseconds.mean()),
            inference_ms_median=float(np.median(self.milliseconds)),
            inference_ms_p95=float(np.quantile(self.milliseconds, 0.95)),
            flops=flops,
            peak_memory_mb=memory,
            evaluations=cells,
            provenance=provenance(self.device),
        )

    def file(
        self,
        store: RunStore,
        record: RunRecord,
        predictions: pd.DataFrame,
        outcome: TrainingOutcome | None = None,
        weights: Mapping[str, torch.Tensor] | None = None,
    ) -> RunRecord:
        """Write the run's folder and file it."""
        with store.writing(self.spec) as folder:
            if weights:
                save_file(dict(weights), folder / WEIGHTS)
            epochs = outcome.history if outcome else []
            history = pd.DataFrame(epochs, columns=None if epochs else ["stage", "epoch", "valid_mae"])
            history.to_csv(folder / HISTORY, index=False)
            self.data.test_samples().to_parquet(folder / SAMPLES, index=False, compression="zstd")
            write_predictions(predictions, folder / PREDICTIONS)
            write_record(sealed(record, folder), folder / RECORD)
        return store.done(self.spec) or record
