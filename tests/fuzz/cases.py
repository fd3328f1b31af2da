"""Cases: a valid input of each kind, damaged as (seed, number) says."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import yaml

from benchmark.data.store import write_store
from protocols import MODALITIES
from tests.csd import csd_content, write_csd_folder
from tests.fuzz import hostile
from tests.fuzz.bytes_level import damage
from tests.fuzz.hdf5 import edited, moved
from tests.fuzz.trees import STRINGS, damage_tree
from tests.misa import misa_content, mult_content, write_misa_folder
from tests.mmsa import mmsa_content
from tests.npz import npz_content
from tests.samples import make_samples

KINDS = ("pickle", "npz", "store", "csd", "csv", "split", "study", "scenario", "lists", "vectors", "folder")


@dataclass(frozen=True)
class Case:
    """One input.

    Attributes:
        kind: Of `KINDS`.
        number: With the seed, what it is drawn from.
        how: `bytes`, `structure`, `hostile`, or `valid`.
        files: Content by file name; for `csd` and `folder` the files of a folder.
        text: Of a scenario.
    """

    kind: str
    number: int
    how: str
    files: dict[str, bytes]
    text: str = ""


def make_case(seed: int, number: int, canary: Path, kinds: tuple[str, ...] = KINDS) -> Case:
    """The case of a number; `canary` is a path that hostile inputs try to create."""
    rng = np.random.Generator(np.random.Philox(key=[seed, number]))
    kind = kinds[number % len(kinds)]
    dice = rng.random()
    how = "bytes" if dice < 0.45 else "hostile" if dice > 0.88 else "structure"
    try:
        return _MAKERS[kind](kind, number, how, rng, canary)
    except RecursionError:  # what was drawn is too deep for the library that writes it
        return _MAKERS[kind](kind, number, "bytes", rng, canary)


def valid_case(kind: str) -> Case:
    """The input of a kind without damage."""
    return Case(kind, -1, "valid", dict(_good(kind)), _good(kind)["text"].decode() if kind == "scenario" else "")


CSV = (
    "video_id,clip_id,text,label,label_T,label_A,label_V,annotation,mode\n"
    + "".join(
        f'v{i // 2},{i},"it was, I ""think"", good {i}",{i / 4 - 1:g},{i / 9:g},0.5,-1,Neutral,{mode}\n'
        for i, mode in enumerate(["train", "valid", "test", "train", "dev", "test"])
    )
).encode()
SPLIT = {
    part: [*videos, *(f"{part}-elsewhere-{i}" for i in range(8))]
    for part, videos in (("train", ["vid-0_x", "vid-1_x"]), ("valid", ["vid-2_x"]), ("test", ["vid-3_x"]))
}
STUDY: dict[str, Any] = {
    "name": "demo",
    "datasets": ["synthetic:size=tiny", "mosi/official"],
    "models": ["constant", {"name": "senti-ifusion", "config": {"width": 16}, "label": "ours"}],
    "protocols": ["complete", "intra-random", "drop(rate=0.5) + random_positions(rate=0.2)"],
    "seeds": [0, 1],
    "regime": "uncertain",
    "encoder": {"name": "minilm", "mode": "frozen"},
    "scaling": "log",
    "optimisation": {"epochs": 2},
    "plugins": [],
}
SCENARIOS = (
    "complete",
    "drop(rate=0.5) + random_positions(rate=0.2)",
    "random_positions(rate=0.3, modalities=('text', 'audio'))",
)


@lru_cache(maxsize=len(KINDS))
def _good(kind: str) -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        if kind == "csd":
            write_csd_folder(Path(folder), csd_content(4))
        elif kind == "store":
            write_store(make_samples(12), Path(folder) / "toy.h5")
        elif kind == "npz":
            np.savez(Path(folder) / "arrays.npz", **npz_content())
        elif kind == "folder":
            write_misa_folder(Path(folder), misa_content((3, 2, 2)))
        else:
            raw = {
                "pickle": pickle.dumps(_mmsa()),
                "lists": pickle.dumps(misa_content((3, 2, 2))),
                "vectors": pickle.dumps(mult_content((3, 2, 2))),
                "csv": CSV,
                "split": json.dumps(SPLIT).encode(),
                "study": yaml.safe_dump(STUDY).encode(),
                "scenario": SCENARIOS[1].encode(),
            }[kind]
            names = {"csv": "l.csv", "split": "s.json", "study": "s.yaml", "scenario": "text"}
            (Path(folder) / names.get(kind, "f.pkl")).write_bytes(raw)
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def _mmsa(rng: np.random.Generator | None = None) -> dict[str, Any]:
    content = mmsa_content((3, 2, 2))
    if rng is not None and rng.random() < 0.3:
        for part in content.values():
            part["id"] = np.array(_ids(rng, len(part["id"])))
    for part in content.values():
        part["audio"], part["vision"] = part["audio"][:, :, :2], part["vision"][:, :, :3]
        part["text_bert"] = part["text_bert"][:, :, :50]
    return content


def _pickle(kind: str, number: int, how: str, rng: np.random.Generator, canary: Path) -> Case:
    content = _content(kind, rng)
    protocol = int(rng.integers(0, 6))
    if how == "hostile":
        raw = hostile.pickle_call(rng, canary) if rng.random() < 0.6 else hostile.pickle_bomb(rng)
    elif how == "structure":
        raw = pickle.dumps(damage_tree(content, rng), protocol=protocol)
    else:
        raw = damage(pickle.dumps(content, protocol=protocol), rng)
    if how != "bytes" and rng.random() < 0.15:
        raw = damage(raw, rng)
    return Case(kind, number, how, {"f.pkl": raw})


def _content(kind: str, rng: np.random.Generator) -> dict[str, Any]:
    """Return content of a pickle of the kind."""
    if kind == "pickle":
        return _mmsa(rng)
    if kind == "vectors":
        return mult_content((3, 2, 2), bool(rng.random() < 0.5), 7 if rng.random() < 0.3 else 1)
    content = misa_content((3, 2, 2), int(rng.choice([3, 4, 6])), (1, 7) if rng.random() < 0.3 else (1, 1))
    # damage goes into lists, not into tuples
    return {part: [[[*e[0]], *e[1:]] for e in entries] for part, entries in content.items()}


def _folder(kind: str, number: int, how: str, rng: np.random.Generator, canary: Path) -> Case:
    files = dict(_good(kind))
    name = sorted(files)[int(rng.integers(len(files)))]
    if how == "bytes":
        files[name] = damage(files[name], rng)
    elif how == "hostile":
        files[name] = hostile.pickle_call(rng, canary) if rng.random() < 0.6 else hostile.pickle_bomb(rng)
    elif rng.random() < 0.3:
        files = _files(files, name, rng, ("other.pkl", "valid.pickle"))
    else:
        entries = _content("lists", rng)[Path(name).stem]
        files[name] = pickle.dumps(damage_tree({"part": entries}, rng).get("part"))
    return Case(kind, number, how, files)


def _npz(kind: str, number: int, how: str, rng: np.random.Generator, canary: Path) -> Case:
    if how == "bytes":
        return Case(kind, number, how, {"a.npz": damage(_good(kind)["arrays.npz"], rng)})
    if how == "hostile":
        return Case(kind, number, how, {"a.npz": hostile.npz_trick(rng, npz_content(), canary)})
    buffer = io.BytesIO()
    tree = _npz_layout(rng)
    if rng.random() < 0.6:
        tree = damage_tree(tree, rng)
    arrays = {str(k).replace("\0", ""): v for k, v in tree.items() if not isinstance(v, dict)}
    arrays = {k: v for k, v in arrays.items() if k.encode("utf-8", "replace").decode() == k}
    (np.savez_compressed if rng.random() < 0.5 else np.savez)(buffer, **{k: _array(v) for k, v in arrays.items()})
    return Case(kind, number, how, {"a.npz": buffer.getvalue()})


def _npz_layout(rng: np.random.Generator) -> dict[str, Any]:
    """An archive of any form that the layout allows, or hardly does: modalities, names, ids, words."""
    content = npz_content()
    n = len(content["id"])
    for modality in MODALITIES:
        if rng.random() < 0.3:
            del content[f"{modality}.values"]
            if rng.random() < 0.8:
                del content[f"{modality}.observed"]
        elif rng.random() < 0.3:
            del content[f"{modality}.observed"]
        if rng.random() < 0.2:
            content[f"{modality}.length"] = rng.integers(0, 6, n)
    if rng.random() < 0.4:
        content["raw_text"] = np.array(
            [str(rng.choice(["good film", "", " ", "\u2603 x", "a" * 600])) for _ in range(n)]
        )
    if rng.random() < 0.2:
        content["text.token_ids"] = rng.integers(0, 120, (n, 4))
    if rng.random() < 0.3:
        del content["split.official"]
    if rng.random() < 0.5:
        content["id"] = np.array(_ids(rng, n))
    if rng.random() < 0.3:
        content["video_id"] = np.array([f" v{i // 2}" for i in range(n)])
    if rng.random() < 0.15:
        content[str(rng.choice(["audio_lengths", "Audio.values", "label_rang", "x" * 3000, "text.", "split."]))] = (
            np.ones(n)
        )
    return content


def _ids(rng: np.random.Generator, n: int) -> list[str]:
    """Ids as the field writes them, and some that it does not."""
    form = str(
        rng.choice(
            [
                "v{v}$_${i}",
                "dia{v}_utt{i}",
                "video_{v}_{i}",
                "v{v}[{i}]",
                " v{v}/{i} ",
                "x_{n}",
                "{v}",
                "[1" * 2000 + "{n}",
            ]
        )
    )
    return [form.format(v=i // 2, i=i % 2, n=i) for i in range(n)]


def _array(value: Any) -> Any:
    try:
        return np.asarray(value)
    except (ValueError, TypeError, OverflowError):
        return np.asarray([repr(value)[:50]])


def _hdf5(kind: str, number: int, how: str, rng: np.random.Generator, canary: Path) -> Case:
    files = dict(_good(kind))
    names = sorted(files)
    for _ in range(1 if kind == "store" or rng.random() < 0.7 else 2):
        name = names[int(rng.integers(len(names)))]
        if how == "bytes":
            files[name] = damage(files[name], rng)
        elif kind == "csd" and rng.random() < 0.2:
            files = _files(files, name, rng, ("other.csd", "Copy_of_" + name))
            break
        elif kind == "csd" and rng.random() < 0.2:
            files[name] = moved(files[name], rng)
        else:
            files[name] = edited(files[name], rng, canary, how == "hostile")
    return Case(kind, number, how, files)


def _files(files: dict[str, bytes], name: str, rng: np.random.Generator, others: tuple[str, str]) -> dict[str, bytes]:
    """The files with one left out, called otherwise, there twice, or exchanged for another."""
    kind = rng.integers(4)
    if kind == 0:
        del files[name]
    elif kind == 1:
        files[others[0]] = files.pop(name)
    elif kind == 2:
        files[others[1]] = files[name]
    else:
        names = sorted(files)
        other = names[int(rng.integers(len(names)))]
        files[name], files[other] = files[other], files[name]
    return files


def _csv(kind: str, number: int, how: str, rng: np.random.Generator, canary: Path) -> Case:
    if how == "bytes":
        return Case(kind, number, how, {"l.csv": damage(CSV, rng)})
    rows = [line.split(",") for line in CSV.decode().replace('"it was, I ""think"", good', "it was good").splitlines()]
    rows = [[cell.replace('"', "") for cell in row] for row in rows]
    cells = [
        "", " ", "nan", "inf", "-inf", "1e999", "1_0", "0x1", "1,5", "½", "٣", "=cmd|' /C calc'!A0", '"', '""', '"a',
        "a\nb", "a\r\nb", "a\tb", "a;b", "x" * 200_000, "good " * 3000, "\ufeff", "\u2028", "\x85", "\x1b[31m",
        "\U0001f600" * 9,         "train", "TEST ", "unused", "3.0000001", "1e-400", "९", str(canary), *STRINGS[:3],
    ]  # fmt: skip
    for _ in range(int(rng.integers(1, 3))):
        row = rows[int(rng.integers(len(rows)))]
        column = int(rng.integers(len(rows[0])))
        change = rng.integers(8)
        if change <= 3 and column < len(row):
            row[column] = cells[int(rng.integers(len(cells)))]
        elif change == 4:
            rows = [[cell for i, cell in enumerate(r) if i != column] for r in rows]
        elif change == 5:
            rows.insert(int(rng.integers(len(rows))), row * (300 if how == "hostile" else 1))
        elif change == 7 and column < len(row):  # a quote that opens here and closes in another row, or nowhere
            row[column] = '"' + row[column]
            other = rows[int(rng.integers(len(rows)))]
            if rng.random() < 0.7 and column < len(other):
                other[column] += '"'
        else:
            row.append(cells[int(rng.integers(len(cells)))])
        if not rows or not rows[0]:
            break
    separator = (",", ";", "\t", "|")[int(rng.choice(4, p=[0.6, 0.15, 0.15, 0.1]))]
    text = ("\r\n" if rng.random() < 0.3 else "\n").join(separator.join(row) for row in rows)
    encoding = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-8")[int(rng.integers(5))]
    return Case(kind, number, how, {"l.csv": text.encode(encoding, "surrogatepass")})


def _split(kind: str, number: int, how: str, rng: np.random.Generator, canary: Path) -> Case:
    lines = "id,part\n" + "".join(f"{video},{part}\n" for part, videos in SPLIT.items() for video in videos)
    good = json.dumps(SPLIT) if rng.random() < 0.5 else lines
    if how == "bytes":
        return Case(kind, number, how, {"s.txt": damage(good.encode(), rng)})
    if how == "hostile":
        tricks = ("[" * 100_000, '{"a":' * 100_000, "{" + '"train": ["a"],' * 3 + '"x": ' + "9" * 5000 + "}", '"' * 999)
        return Case(kind, number, how, {"s.txt": tricks[int(rng.integers(len(tricks)))].encode()})
    tree = damage_tree({key: list(value) for key, value in SPLIT.items()}, rng, arrays=False)
    return Case(kind, number, how, {"s.txt": json.dumps(tree, default=str).encode()})


def _study(kind: str, number: int, how: str, rng: np.random.Generator, canary: Path) -> Case:
    if how == "bytes":
        return Case(kind, number, how, {"s.yaml": damage(_good(kind)["s.yaml"], rng)})
    if how == "hostile":
        return Case(kind, number, how, {"s.yaml": hostile.yaml_trick(rng, canary).encode()})
    tree = damage_tree(json.loads(json.dumps(STUDY)), rng, arrays=False)
    text = yaml.dump(tree, Dumper=yaml.SafeDumper) if rng.random() < 0.8 else json.dumps(tree, default=str)
    return Case(kind, number, how, {"s.yaml": text.encode("utf-8", "surrogatepass")})


def _scenario(kind: str, number: int, how: str, rng: np.random.Generator, canary: Path) -> Case:
    good = SCENARIOS[int(rng.integers(len(SCENARIOS)))]
    if how == "bytes":
        return Case(kind, number, how, {}, damage(good.encode(), rng).decode("utf-8", "surrogateescape"))
    if how == "hostile":
        return Case(kind, number, how, {}, hostile.scenario_trick(rng, canary))
    pieces = [
        " ", "0", "5", ".25", "0.1",
        "drop", "random_positions", "(", ")", "rate", "=", "0.5", "-1", "2", "nan", "1e400", "+", ",", "'text'", "[",
        "]", "{", "}", ":", "modalities", "('audio',)", "*", "**", "\n", "#", "None", "True", "complete", "lambda",
        "0x1", "1j", "...", "b'x'", "\\", "\x00", "\u2028", "１", "_",
    ]  # fmt: skip
    text = good
    for _ in range(int(rng.integers(1, 3))):
        at = int(rng.integers(len(text) + 1))
        drop = int(rng.integers(0, 4))
        text = text[:at] + pieces[int(rng.integers(len(pieces)))] + text[at + drop :]
    return Case(kind, number, how, {}, text)


_MAKERS: dict[str, Callable[[str, int, str, np.random.Generator, Path], Case]] = {
    "pickle": _pickle,
    "lists": _pickle,
    "vectors": _pickle,
    "folder": _folder,
    "npz": _npz,
    "store": _hdf5,
    "csd": _hdf5,
    "csv": _csv,
    "split": _split,
    "study": _study,
    "scenario": _scenario,
}
