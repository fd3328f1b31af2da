"""One run from end to end: data, training, evaluation under every scenario, files. What an executor's worker does."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from baselines import InputSpec, SentimentModel, create, load_plugin, model_class, resolve_config
from benchmark.data.batches import MaskedPart, batches_by_length
from benchmark.data.config import EncoderConfig
from benchmark.data.dataset import Dataset, TrainingData, build_dataset
from benchmark.data.encoding import TextEncoder, WordEmbeddings
from benchmark.data.sources import load_samples
from benchmark.data.states import StateCache
from benchmark.data.synthetic import oracle, parse_synthetic
from benchmark.memory import peak_memory_mb, reset_peak_memory
from benchmark.provenance import provenance
from benchmark.runs import ORACLE, RunSpec
from benchmark.store import Evaluation, RunRecord, RunStore, write_predictions, write_record
from benchmark.training import EVALUATION_BATCH, TrainingOutcome, forked_rng, train
from protocols import MODALITIES, InputError, Masks, Scenario, get_regime, parse

#: Told what a run is doing: (phase, done, total, validation MAE or None).
Report = Callable[[str, int, int, float | None], None]


@dataclass(frozen=True)
class Job:
    """What a worker is given: plain values that travel between processes.

    Attributes:
        spec: The run.
        scenarios: Texts of the scenarios to evaluate under.
        root: Folder of the run store.
        device: `cpu`, `cuda` or `cuda:1`.
        plugins: Python files to import first.
    """

    spec: RunSpec
    scenarios: tuple[str, ...]
    root: Path
    device: str = "cpu"
    plugins: tuple[str, ...] = ()


def execute(job: Job, report: Report | None = None) -> RunRecord:
    """Train the run if it is not there, evaluate what is missing, and file it.

    A failure is filed with its traceback and returned, not raised: a study goes on.
    """
    store = RunStore(job.root)
    try:
        for plugin in job.plugins:
            load_plugin(plugin)
        done = store.done(job.spec)
        worker = RunWorker(job, report or (lambda *_: None))
        return worker.add_cells(store, done) if done else worker.run(store)
    except Exception as error:  # noqa: BLE001 - filed with the run, whatever it is
        record = RunRecord(
            id=job.spec.id,
            spec=job.spec,
            status="failed",
            error=f"{type(error).__name__}: {' '.join(str(error).split())}",
            traceback=traceback.format_exc(),
            provenance=provenance(torch.device("cpu")),
        )
        if store.done(job.spec) is None:  # new cells that fail do not undo a training that is there
            with store.writing(job.spec) as folder:
                write_record(record, folder / "run.json")
        return record


#: Masks -> a table of predictions in the order of the test part, and the seconds it took.
Predictor = Callable[[Masks], tuple[pd.DataFrame, float]]


class RunWorker:
    """The state of one job."""

    def __init__(self, job: Job, report: Report) -> None:
        self.job, self.spec, self.report = job, job.spec, report
        self.device = torch.device(job.device)
        self.text: StateCache | TextEncoder | None
        self.dataset, self.text = _data(job.spec, job.root / ".states", self.device)
        if job.spec.model != ORACLE and model_class(job.spec.model).info.needs_encoder:
            if self.text is None:
                raise InputError(
                    f"model '{job.spec.model}' works inside a text encoder, and the text of '{job.spec.dataset}' is "
                    "word vectors; leave this pair out"
                )
            self.text = WordEmbeddings(self.text.encoder if isinstance(self.text, StateCache) else self.text)
        self.scenarios = tuple(map(parse, job.scenarios))
        self.seconds: dict[str, float] = {}
        self.inference_ms = 0.0
        reset_peak_memory(self.device)

    def run(self, store: RunStore) -> RunRecord:
        """Train, evaluate, file."""
        if self.spec.model == ORACLE:
            cells, predictions = self.evaluate(self._consult_oracle)
            return self.file(store, self.record(None, TrainingOutcome(), cells), predictions)
        config = resolve_config(self.spec.model, self.spec.config)
        with forked_rng(self.spec.seed, self.device):
            model = self.model()
            started, encoding = time.perf_counter(), self.encoding_seconds()
            outcome = train(
                model,
                TrainingData(self.dataset),
                get_regime(self.spec.regime),
                config.optimisation,
                self.spec.seed,
                self.text,
                self.device,
                lambda done, total, mae: self.report("train", done, total, mae),
            )
            encoding = self.encoding_seconds() - encoding
            self.seconds |= {"train": time.perf_counter() - started - encoding, "encode": encoding}
            cells, predictions = self.evaluate(self._ask(model))
        record = self.record(model, outcome, cells)
        return self.file(store, record, predictions, outcome, _weights(model, self.text))

    def add_cells(self, store: RunStore, record: RunRecord) -> RunRecord:
        """Evaluate a trained run under the scenarios that it lacks."""
        there = record.evaluated()
        wanted = [s for s in self.scenarios if s.fingerprint not in there]
        if not wanted:
            return record
        predict: Predictor = self._consult_oracle
        if self.spec.model != ORACLE:
            with forked_rng(self.spec.seed, self.device):
                model = self.model()
            _load_weights(model, self.text, store.folder(self.spec) / "model.safetensors", self.device)
            predict = self._ask(model)
        cells, predictions = self.evaluate(predict, wanted)
        kept = store.predictions(self.spec)
        known = {e.scenario for e in record.evaluations}
        predictions = pd.concat([kept[kept["scenario"].isin(known)], predictions], ignore_index=True)
        record = record.model_copy(update={"evaluations": (*record.evaluations, *cells)})
        store.update(self.spec, record, predictions)
        return record

    def model(self) -> SentimentModel:
        """The untrained model, on the device."""
        widths = dict(self.dataset.widths)
        if self.text is not None:
            widths["text"] = (self.text.encoder if isinstance(self.text, StateCache) else self.text).width
        spec = InputSpec(
            **widths,
            label_range=self.dataset.label_range,
            train_samples=len(self.dataset.part("train")),
            encoder=self.text.inner() if isinstance(self.text, WordEmbeddings) else None,
        )
        return create(self.spec.model, spec, self.spec.config).to(self.device)

    def evaluate(
        self, predict: Predictor, scenarios: Sequence[Scenario] | None = None
    ) -> tuple[tuple[Evaluation, ...], pd.DataFrame]:
        """Predict the test part under every scenario; scenarios that leave equal masks are predicted once."""
        part = self.dataset.part("test")
        chosen = self.scenarios if scenarios is None else scenarios
        cells: list[Evaluation] = []
        tables: dict[str, pd.DataFrame] = {}
        frames = []
        spent = 0.0
        for number, scenario in enumerate(chosen):
            masks = scenario.masks(self.dataset, "test")
            sha = masks.sha256()
            if sha not in tables:
                tables[sha], seconds = predict(masks)
                spent += seconds
            table = tables[sha]
            mae = float(np.abs(table["prediction"].to_numpy() - part.label.numpy().astype(np.float64)).mean())
            cells.append(
                Evaluation(scenario=str(scenario), fingerprint=scenario.fingerprint, masks_sha256=sha, mae=mae)
            )
            frames.append(table.assign(scenario=str(scenario), sample_id=list(part.layout.sample_ids)))
            self.report("evaluate", number + 1, len(chosen), None)
        self.seconds["evaluate"] = spent
        self.inference_ms = 1000 * spent / max(1, len(tables) * len(part))
        return tuple(cells), pd.concat(frames, ignore_index=True)

    def encoding_seconds(self) -> float:
        """Seconds spent so far on frozen text states: shared by all models, so not counted as any one's training."""
        return self.text.seconds if isinstance(self.text, StateCache) else 0.0

    def _ask(self, model: SentimentModel) -> Predictor:
        """Predictions of a model; the seconds are the model's own, without masks and text encoding."""

        def predict(masks: Masks) -> tuple[pd.DataFrame, float]:
            part = MaskedPart(self.dataset.part("test"), masks, self.text, self.device, model.info)
            started = time.perf_counter()
            table = _predict(model, part)
            return table, time.perf_counter() - started

        return predict

    def _consult_oracle(self, masks: Masks) -> tuple[pd.DataFrame, float]:
        started = time.perf_counter()
        answer = oracle(load_samples(self.spec.dataset), masks, parse_synthetic(self.spec.dataset))
        return pd.DataFrame({"prediction": answer.median}), time.perf_counter() - started

    def samples(self) -> pd.DataFrame:
        """The test samples, once."""
        part = self.dataset.part("test")
        return pd.DataFrame(
            {"sample_id": list(part.layout.sample_ids), "video_id": part.video_ids, "label": part.label.numpy()}
        )

    def record(self, model: nn.Module | None, outcome: TrainingOutcome, cells: tuple[Evaluation, ...]) -> RunRecord:
        """What `run.json` says of this run."""
        return RunRecord(
            id=self.spec.id,
            spec=self.spec,
            status="done",
            parameters=sum(p.numel() for p in model.parameters()) if model else 0,
            epochs=len(outcome.history),
            best_epoch=outcome.best_epoch,
            valid_mae=None if math.isnan(outcome.valid_mae) else outcome.valid_mae,
            seconds=self.seconds,
            inference_ms=self.inference_ms,
            peak_memory_mb=peak_memory_mb(self.device),
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
        """Write the run's folder and rename it into place."""
        with store.writing(self.spec) as folder:
            if weights:
                save_file(dict(weights), folder / "model.safetensors")
            history = pd.DataFrame(outcome.history if outcome else [], columns=None)
            history.to_csv(folder / "history.csv", index=False)
            self.samples().to_parquet(folder / "samples.parquet", index=False, compression="zstd")
            write_predictions(predictions, folder / "predictions.parquet")
            write_record(record, folder / "run.json")
        return record


@torch.inference_mode()
def _predict(model: SentimentModel, part: MaskedPart) -> pd.DataFrame:
    """Predictions of a masked part in its order, with what the model says besides."""
    model.eval()
    if isinstance(part.text, TextEncoder):
        part.text.eval()
    columns: dict[str, torch.Tensor] = {}

    def fill(name: str, rows: torch.Tensor, values: torch.Tensor) -> None:
        if name not in columns:
            columns[name] = torch.zeros(len(part), dtype=values.dtype)
        columns[name][rows] = values.cpu()

    for rows in batches_by_length(part.part, EVALUATION_BATCH):
        prediction = model(part.batch(rows))
        fill("prediction", rows, prediction.sentiment.double())
        if prediction.integrity is not None:
            for i, modality in enumerate(MODALITIES):
                fill(f"integrity_{modality}", rows, prediction.integrity[:, i].float())
                fill(f"observed_{modality}", rows, part.integrity[rows, i].float())
        if prediction.dominant is not None:
            fill("dominant", rows, prediction.dominant.to(torch.int8))
    if not bool(columns["prediction"].isfinite().all()):
        raise ArithmeticError("a prediction is not finite")
    return pd.DataFrame({name: values.numpy() for name, values in columns.items()})


@lru_cache(maxsize=2)
def _dataset(name: str, split: str, expected: str, scaling: str, encoder: TextEncoder | None) -> Dataset:
    dataset = build_dataset(load_samples(name), split, encoder, scaling)  # type: ignore[arg-type]
    if dataset.fingerprint != expected:
        raise InputError(f"{name}: changed since the study was planned; run the study again")
    return dataset


@lru_cache(maxsize=1)
def _frozen(config: EncoderConfig, revision: str, folder: Path, device: str) -> StateCache:
    return StateCache(TextEncoder(config).to(device), revision, folder)


def _data(spec: RunSpec, folder: Path, device: torch.device) -> tuple[Dataset, StateCache | TextEncoder | None]:
    """The data set and the text side of a run; kept for the next run of this process where nothing is trained in it."""
    text: StateCache | TextEncoder | None = None
    if spec.encoder is not None:
        if spec.encoder.mode == "frozen":
            text = _frozen(spec.encoder, spec.encoder_revision or "", folder, str(device))
        else:
            text = TextEncoder(spec.encoder).to(device)
    encoder = text.encoder if isinstance(text, StateCache) else text
    if isinstance(text, TextEncoder):
        return build_dataset(load_samples(spec.dataset), spec.split, encoder, spec.scaling), text
    return _dataset(spec.dataset, spec.split, spec.data_sha256, spec.scaling, encoder), text


def _weights(model: nn.Module, text: StateCache | TextEncoder | None) -> Mapping[str, torch.Tensor]:
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    if isinstance(text, TextEncoder) and not isinstance(text, WordEmbeddings):
        tensors |= {f"encoder.{k}": v for k, v in text.state_dict().items()}
    return {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}


def _load_weights(model: nn.Module, text: StateCache | TextEncoder | None, path: Path, device: torch.device) -> None:
    tensors = load_file(path, device=str(device))
    model.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
    if isinstance(text, TextEncoder) and not isinstance(text, WordEmbeddings):
        text.load_state_dict({k.removeprefix("encoder."): v for k, v in tensors.items() if k.startswith("encoder.")})
