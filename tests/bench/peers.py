"""Public code of papers as pieces of work for `python -m tests.bench.throughput MODEL --peer FOLDER`.

FOLDER is a checkout, which whoever measures makes: of github.com/Haoyu-ha/LNLN for `lnln`, which needs einops, or of
github.com/thuiar/MMSA for `mult`, `misa`, `self-mm` and `lf-dnn`. Sizes are those of their settings for MOSI, but for
the width of the text, which is MiniLM's; every sample is padded to 50, 375 and 500 steps, as in their files. A training
step is the forward pass, the loss, the backward pass and Adam, without the loading of data: LNLN has its own loss, the
others the mean absolute error of every output that has a label, which takes less time than their own losses.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

from tests.bench.throughput import PARTS, STEPS, mosi_shaped

_STEPS = {modality: longest for modality, (_, longest, _) in STEPS.items()}
_WIDTHS = {modality: width for modality, (_, _, width) in STEPS.items()}
#: Modules and classes of MMSA.
_MMSA = {
    "mult": ("singleTask.MULT", "MULT"),
    "misa": ("singleTask.MISA", "MISA"),
    "self-mm": ("multiTask.SELF_MM", "SELF_MM"),
    "lf-dnn": ("singleTask.LF_DNN", "LF_DNN"),
}
#: Models whose text encoder is fine-tuned; the text of the others is values.
_TOKENS = ("lnln", "misa", "self-mm")

Call = Callable[[dict[str, Tensor]], Tensor]


def public_work(name: str, folder: Path, mode: str, batch: int) -> Iterator[int]:
    """Do the work of `throughput.work_of` with public code; yields the number of samples of each piece."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    parts = _padded(name in _TOKENS)
    part = {key: value[: PARTS[0]] if mode == "train" else value[-PARTS[2] :] for key, value in parts.items()}
    count = len(part["label"])
    model, loss, predict = _lnln(folder) if name == "lnln" else _mmsa(name, folder)
    if mode == "train":
        optimiser = torch.optim.Adam(model.train().parameters(), lr=1e-4)
    else:
        model.eval()
    while True:
        order = torch.randperm(count)
        for rows in order.split(batch):
            chosen = {key: value[rows] for key, value in part.items()}
            if mode == "train":
                optimiser.zero_grad()
                loss(chosen).backward()
                optimiser.step()
            else:
                with torch.no_grad():
                    predict(chosen)
            yield len(rows)


def _padded(tokens: bool) -> dict[str, Tensor]:
    """Samples as in the public files: `text` (ids, mask and types, or values), `audio`, `vision`, lengths, `label`."""
    samples = mosi_shaped(tokens)
    found: dict[str, Tensor] = {"label": torch.from_numpy(samples.label)}
    for modality, stream in samples.streams.items():
        lengths = np.diff(stream.offsets)
        found[f"{modality} length"] = torch.from_numpy(lengths)
        ids = tokens and modality == "text"
        steps = stream.token_ids if ids else stream.values
        padded = np.zeros((len(lengths), _STEPS[modality], *np.shape(steps)[1:]), dtype=np.float32)
        mask = np.arange(_STEPS[modality]) < lengths[:, None]
        padded[mask] = steps
        found[modality] = torch.from_numpy(np.stack([padded, mask, 0 * padded], axis=1) if ids else padded)
    return {key: value.float() if value.is_floating_point() else value for key, value in found.items()}


def _lnln(folder: Path) -> tuple[Any, Call, Call]:
    sys.path.insert(0, str(folder))
    settings = yaml.safe_load((folder / "configs" / "train_mosi.yaml").read_text(encoding="utf-8"))
    extractor = settings["model"]["feature_extractor"]
    extractor["bert_pretrained"], extractor["input_dims"][0] = _minilm(), _WIDTHS["text"]
    model = importlib.import_module("models.lnln").LNLN(settings)
    criterion = importlib.import_module("core.losses").MultimodalLoss(settings)

    def predict(batch: dict[str, Tensor]) -> Tensor:
        out: Tensor = model((None, None, None), _erased(batch))["sentiment_preds"]
        return out

    def loss(batch: dict[str, Tensor]) -> Tensor:
        out = model((batch["vision"], batch["audio"], batch["text"]), _erased(batch))
        n = len(batch["label"])
        labels = {
            "sentiment_labels": batch["label"][:, None],
            "completeness_labels": torch.full((n, 1), 0.5),
            "effectiveness_labels": torch.cat([torch.ones(8 * n), torch.zeros(8 * n)]).long(),
        }
        total: Tensor = criterion(out, labels)["loss"]
        return total

    return model, loss, predict


def _erased(batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Erase half of the steps; erased words are `[UNK]`."""
    vision, audio = (batch[m] * (torch.rand(batch[m].shape[:2]) < 0.5)[:, :, None] for m in ("vision", "audio"))
    text = batch["text"].clone()
    text[:, 0][(torch.rand(text[:, 0].shape) < 0.5) & (text[:, 1] > 0)] = 100
    return vision, audio, text


def _mmsa(name: str, folder: Path) -> tuple[Any, Call, Call]:
    place = folder / "src" / "MMSA"
    for package in ("MMSA", "MMSA.models", "MMSA.models.singleTask", "MMSA.models.multiTask"):
        # their own packages import every model, and libraries that are not needed here
        sys.modules[package] = ModuleType(package)
        sys.modules[package].__path__ = [str(place.joinpath(*package.split(".")[1:]))]
    key = name.replace("-", "_")
    known = json.loads((place / "config" / "config_regression.json").read_text(encoding="utf-8"))[key]
    settings = {**known["commonParams"], **known["datasetParams"]["mosi"]}
    settings |= {"feature_dims": [_WIDTHS[m] for m in ("text", "audio", "vision")], "train_mode": "regression"}
    settings |= {"pretrained": _minilm(), "num_classes": 1}
    if "text_out" in settings and name == "self-mm":
        settings["text_out"] = _WIDTHS["text"]
    module, cls = _MMSA[name]
    model = getattr(importlib.import_module(f"MMSA.models.{module}"), cls)(SimpleNamespace(**settings))
    if name == "misa":  # its code has the width of BERT-base as a number
        model.project_t[0] = torch.nn.Linear(_WIDTHS["text"], settings["hidden_size"])

    def outputs(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        audio: Any = batch["audio"]
        vision: Any = batch["vision"]
        if name == "lf-dnn":  # its data are means over time
            audio, vision = (batch[m].sum(dim=1, keepdim=True) / batch[f"{m} length"][:, None, None]
                             for m in ("audio", "vision"))  # fmt: skip
        if name == "self-mm":
            audio, vision = ((batch[m], batch[f"{m} length"]) for m in ("audio", "vision"))
        found: dict[str, Tensor] = model(batch["text"], audio, vision)
        return found

    def loss(batch: dict[str, Tensor]) -> Tensor:
        found = outputs(batch)
        total = torch.zeros(())
        for output in ("M", "T", "A", "V"):
            if output in found:
                total = total + (found[output].view(-1) - batch["label"]).abs().mean()
        return total

    return model, loss, lambda batch: outputs(batch)["M"]


def _minilm() -> str:
    from benchmark.data.encoder_files import locate

    return locate("minilm")[0]
