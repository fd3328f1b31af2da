"""Inputs that were made to do harm: run code, fill the memory, take for ever, or reach other files."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

_CALLS = (
    ("os", "system", "touch {canary}"),
    ("posix", "system", "touch {canary}"),
    ("nt", "system", "touch {canary}"),
    ("builtins", "eval", "open({canary!r},'w')"),
    ("builtins", "exec", "open({canary!r},'w')"),
    ("__builtin__", "eval", "open({canary!r},'w')"),
    ("builtins", "__import__", "this"),
    ("builtins", "open", "{canary}"),
    ("builtins", "getattr", "x"),
    ("subprocess", "getoutput", "touch {canary}"),
    ("subprocess", "Popen", "touch {canary}"),
    ("pathlib", "Path", "{canary}"),
    ("shutil", "rmtree", "{canary}"),
    ("codecs", "decode", "x"),
    ("numpy", "load", "{canary}"),
    ("numpy", "fromfile", "/etc/passwd"),
    ("numpy.core.multiarray", "fromfile", "/etc/passwd"),
    ("numpy._core.multiarray", "frombuffer", "x"),
    ("numpy.lib.format", "open_memmap", "{canary}"),
    ("torch", "load", "{canary}"),
    ("builtins", "breakpoint", "x"),
    ("builtins.list", "__init__", "x"),
    ("importlib", "import_module", "this"),
    ("_pickle", "loads", "cos\nsystem\n."),
)


def pickle_call(rng: np.random.Generator, canary: Path) -> bytes:
    """A pickle that calls a function, in one of the ways that pickles can."""
    module, name, argument = _CALLS[int(rng.integers(len(_CALLS)))]
    argument = argument.format(canary=str(canary))
    text = b"\x8c" + bytes([min(len(argument), 255)]) + argument.encode()[:255]
    named = f"c{module}\n{name}\n".encode()
    stacked = b"\x8c" + bytes([len(module)]) + module.encode() + b"\x8c" + bytes([len(name)]) + name.encode() + b"\x93"
    inst = b"(" + text + f"i{module}\n{name}\n".encode()
    ways = (
        named + text + b"\x85R",
        stacked + text + b"\x85R",
        inst,
        b"(" + named + text + b"o",
        named + text + b"\x85\x81",
        named + text + b"\x85}\x92",
        named + b"}(" + text + b"Nub",
        named + b")R" + text + b"\x85R",
        b"cbuiltins\nlist\n" + text + b"b",
        b"cbuiltins\ngetattr\n(" + named + b"\x8c\x08__call__tR" + text + b"\x85R",
    )
    body = ways[int(rng.integers(len(ways)))]
    wrap = rng.integers(3)
    if wrap == 1:
        body = b"}\x8c\x05train" + body + b"s"
    elif wrap == 2:
        body = body + b"0" + b"}"
    return b"\x80" + bytes([int(rng.integers(2, 6))]) + body + b"."


def pickle_bomb(rng: np.random.Generator) -> bytes:
    """A pickle that would take more memory or time than there is."""
    kind = rng.integers(11)
    head = b"\x80\x04"
    if kind == 0:  # a list of the list before, twice, forty times over
        return head + b"]\x94" + b"".join(b"]\x94(h" + bytes([i]) + b"h" + bytes([i]) + b"e" for i in range(60)) + b"."
    if kind == 1:
        return head + b"]" * 100_000 + b"a" * 99_999 + b"."
    if kind == 2:
        return head + b"\x8e" + struct.pack("<Q", 2**60) + b"x."
    if kind == 3:
        return head + b"\x96" + struct.pack("<Q", 2**40) + b"x."
    if kind == 4:
        return head + b"cbuiltins\nbytearray\nJ" + struct.pack("<i", 2**31 - 1) + b"\x85R."
    if kind == 5:
        return head + b"cbuiltins\nrange\n\x8a\x08" + struct.pack("<q", 2**62) + b"\x85R."
    if kind == 6:
        return head + b"\x8b" + struct.pack("<i", 2**30) + b"x."
    if kind == 7:
        return head + b"cbuiltins\nint\n\x8d" + struct.pack("<Q", 200_000) + b"9" * 200_000 + b"\x85R."
    if kind == 8:
        good = pickle.dumps({"train": np.zeros((2, 2))}, protocol=int(rng.integers(2, 6)))
        return good.replace(b"K\x02", b"J\xff\xff\xff\x7f", 2)
    if kind == 9:
        return head + b"cbuiltins\ntuple\ncbuiltins\nlist\n)R\x85R" + b"r" + struct.pack("<I", 2**31) + b"."
    chain: Any = 0
    for _ in range(300):
        chain = {"a": [chain, (chain,)]} if _ % 12 == 0 else [chain]
    return pickle.dumps(chain)


def npz_trick(rng: np.random.Generator, good: dict[str, Any], canary: Path) -> bytes:
    """An archive whose members claim huge shapes, hold pickles, unpack to much, or go by odd names."""
    buffer = io.BytesIO()
    kind = rng.integers(7)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in good.items():
            member = io.BytesIO()
            np.save(member, array, allow_pickle=True)
            raw = member.getvalue()
            if kind == 0 and name == "audio.values":
                raw = _npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({10**13}, 5, 3), }}")
            elif kind == 1 and name == "label":
                raw = _npy("{'descr': '|O', 'fortran_order': False, 'shape': (6,), }") + pickle_call(rng, canary)
            elif kind == 2 and name == "label":
                raw = _npy("__import__('os').system('touch " + str(canary) + "')")
            elif kind == 3 and name == "text.values":
                raw = _npy("{'descr': '<f4', 'fortran_order': False, 'shape': (6, 5, 700000), }") + b"\0" * (84 << 20)
            elif kind == 4 and name == "vision.values":
                raw = _npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-6, 5, 2), }") + raw[128:]
            elif kind == 5 and name == "id":
                raw = _npy("(" * 5000 + "1" + ")" * 5000)
            title = "../../" + name if kind == 6 and rng.random() < 0.5 else name
            archive.writestr(title + ".npy", raw)
            if kind == 6 and rng.random() < 0.3:
                archive.writestr(str(canary) + ".npy", raw)
    return buffer.getvalue()


def _npy(header: str) -> bytes:
    text = header.encode()
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(text)) + text


def yaml_trick(rng: np.random.Generator, canary: Path) -> str:
    """YAML that names Python objects, refers to itself, grows, nests or holds odd scalars."""
    laughs = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
    tricks = (
        f"!!python/object/apply:os.system ['touch {canary}']",
        f"datasets: !!python/object/apply:os.system ['touch {canary}']\nmodels: [constant]",
        f"datasets: [synthetic]\nmodels: [!!python/name:os.system ]\nplugins: ['{canary}']",
        laughs + "datasets: *a39\nmodels: [constant]\n",
        "datasets: &d [synthetic, *d]\nmodels: [constant]\n",
        "models: &m {name: constant, config: *m}\ndatasets: [synthetic]\n",
        "[" * 3000,
        "{a: " * 2000,
        "datasets: [synthetic]\nmodels: [constant]\nseeds: " + "9" * 5000,
        "datasets: [synthetic]\nmodels: [constant]\nseeds: 100000000000",
        "datasets: [synthetic]\nmodels: [constant]\nseeds: -3",
        "datasets: [2020-01-01]\nmodels: [constant]\nname: 2020-99-99",
        "? [complex, key]\n: value\ndatasets: [synthetic]\nmodels: [constant]",
        "datasets: [synthetic]\nmodels: [{name: constant, config: {1: 2, [3]: 4}}]",
        "datasets: [synthetic]\nmodels: [{? {a: b} : c}]",
        "<<: 3\ndatasets: [synthetic]",
        "datasets: [synthetic]\nmodels: [constant]\noptimisation: {epochs: .nan, x: 0x" + "f" * 5000 + "}",
        "datasets: [synthetic]\nmodels: [constant]\nencoder: {name: !!binary 'gIGC'}",
        "datasets: !!set {a, b}\nmodels: !!omap [a: b]",
        "a: 190:20:30:" + "59:" * 3000 + "1",
    )
    return tricks[int(rng.integers(len(tricks)))]


def scenario_trick(rng: np.random.Generator, canary: Path) -> str:
    """Text where a scenario should be that is deep, long, huge or a program."""
    tricks = (
        f"__import__('os').system('touch {canary}')",
        f"drop(rate=__import__('os').system('touch {canary}'))",
        f"drop(rate=open({str(canary)!r}, 'w'))",
        "drop(rate=" + "(" * 400 + "0.5" + ")" * 400 + ")",
        "(" * 20_000,
        " + ".join(["drop(rate=0.5)"] * 3000),
        "drop(rate=" + "-" * 5000 + "1)",
        "drop(rate=" + "9" * 6000 + ")",
        "drop(rate=1e999)",
        "drop(rate=9**9**9)",
        "drop(rate=[" + "[" * 300 + "]" * 300 + "])",
        "drop(**{'rate': 0.5})",
        "drop(*[0.5])",
        "drop(rate=0.5, rate=0.5)",
        "drop(rate='x'*10**10)",
        "drop.__class__(rate=0.5)",
        "lambda: drop(rate=0.5)",
        "drop(rate=0.5)\0",
        "drop(rate=0.5)\nimport os",
        "drop(modalities={'text': {1: {2: {}}}})",
        "drop(rate=True)",
        "drop(rate=f'{1}')",
        "drop(rate=0.5) + 3",
    )
    return tricks[int(rng.integers(len(tricks)))]
