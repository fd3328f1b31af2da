"""Finding mechanisms, protocols and regimes that others wrote: plugin files and entry points."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocols import (
    InputError,
    check_imports,
    get_protocol,
    get_regime,
    load_plugin,
    mechanisms,
    parse,
    plugin_sha256,
    protocols,
    regimes,
    register_regime,
    registry,
    unknown_name,
)


@pytest.mark.parametrize(
    ("name", "known", "advice"),
    [
        ("MAE", ("mae", "mae_clipped", "corr"), "did you mean mae?"),
        ("Mosi", ("mosi", "mosei"), "did you mean mosi?"),
        ("MSOI", ("mosi", "lnln"), "did you mean mosi?"),
        ("lnln", ("LNLN", "mult"), "did you mean LNLN?"),
        ("lr", ("layers", "optimisation.learning_rate"), "did you mean optimisation.learning_rate?"),
        ("x", ("mosi", "lnln"), "known: lnln, mosi"),
        ("x", (), "known: none"),
    ],
)
def test_an_unknown_name_suggests_the_nearest_known_ones(name: str, known: tuple[str, ...], advice: str) -> None:
    assert str(unknown_name("word", name, known)) == f"unknown word '{name}'; {advice}"


PLUGIN = '''
from dataclasses import dataclass
from protocols import Mechanism, Point, Protocol, parse, register_mechanism, register_protocol, register_regime
from protocols import MODALITIES

@register_mechanism("{name}_late")
@dataclass(frozen=True)
class Late(Mechanism):
    """The end of every modality is erased."""

    rate: float

    def erase(self, layout, present, stream):
        return {{m: layout.position_in_sample(m) >= (1 - self.rate) * layout.lengths(m)[layout.sample_of_position(m)]
                for m in MODALITIES}}

@register_protocol
def late():
    points = tuple(Point(parse(f"{name}_late(rate={{r}})"), {{"missing rate": r}}) for r in (0.0, 0.5))
    return Protocol("{name}-late", 1, "the end is missing", points, ("missing rate",))

register_regime("{name}-end", "{name}_late(rate=0.3)")
'''


def test_a_plugin_file_brings_mechanism_protocol_and_regime(tmp_path: Path) -> None:
    path = tmp_path / "late.py"
    path.write_text(PLUGIN.format(name="plug"))
    new = load_plugin(path)
    assert new == ["mechanism plug_late", "protocol plug-late", "training regime plug-end"]
    assert [str(s) for s in get_protocol("plug-late").scenarios] == ["plug_late(rate=0)", "plug_late(rate=0.5)"]
    assert str(get_regime("plug-end").scenario) == "plug_late(rate=0.3)"
    assert "plug-late" in protocols()
    assert next(iter(protocols())) == "complete"
    assert load_plugin(path) == new  # again: the same file may


def test_an_edited_plugin_is_another(tmp_path: Path) -> None:
    path = tmp_path / "edited.py"
    path.write_text(PLUGIN.format(name="edited"))
    load_plugin(path)
    before = parse("edited_late(rate=0.5)").fingerprint
    assert parse("edited_late(rate=0.5)").fingerprint == before
    path.write_text(PLUGIN.format(name="edited").replace(">=", ">"))
    load_plugin(path)
    assert parse("edited_late(rate=0.5)").fingerprint != before


def test_two_plugins_of_one_file_name_are_two(tmp_path: Path) -> None:
    for folder, name in (("a", "first"), ("b", "first")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.py").write_text(f"# in folder {folder}" + PLUGIN.format(name=name))
    new = load_plugin(tmp_path / "a" / "same.py")
    (tmp_path / "copy.py").write_text((tmp_path / "a" / "same.py").read_text())
    assert load_plugin(tmp_path / "copy.py") == new  # a copy is the same plugin
    with pytest.raises(InputError, match="already registered"):
        load_plugin(tmp_path / "b" / "same.py")


MODEL = """
from dataclasses import dataclass
from protocols import Mechanism, register_mechanism
{imports}

@register_mechanism("{name}")
@dataclass(frozen=True)
class Nothing(Mechanism):
    rate: float

    def erase(self, layout, present, stream):
        {late}
        return {{}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of plugins that is on the path, as most of them put it there themselves."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
    for kept in (registry._OWN, registry._STRAYS):
        kept.clear()


def write(folder: Path, name: str, imports: str = "", late: str = "", file: str = "") -> Path:
    path = folder / (file or f"{name}.py")
    path.write_text(MODEL.format(name=name, imports=imports, late=late))
    return path


def known_by(name: str) -> str:
    return plugin_sha256(mechanisms()[name])


def test_a_plugin_of_one_file_is_known_by_the_sha256_of_that_file(folder: Path) -> None:
    path = write(folder, "alone", "import json, numpy, numpy.linalg, baselines\nfrom benchmark.data import samples")
    (folder / "unused_neighbour.py").write_text("x = 1")
    load_plugin(path)
    assert known_by("alone") == hashlib.sha256(path.read_bytes()).hexdigest()
    assert known_by("alone") == "fb5ffc0bb5a2688e105f0b2590ebcfec3f29aab1e969ccf613a12381f23f5fcd"


@pytest.mark.parametrize("package", ["protocols", "baselines", "senti_ifusion", "benchmark", "sentibench"])
def test_a_package_of_the_suite_is_never_a_plugins_own_module(folder: Path, package: str) -> None:
    path = write(folder, f"uses_{package}", f"import {package}")
    load_plugin(path)
    assert known_by(f"uses_{package}") == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("beside", ["near_by.py", "near_by/part.py"])
def test_a_module_beside_a_plugin_that_python_does_not_find_is_explained(tmp_path: Path, beside: str) -> None:
    (tmp_path / beside).parent.mkdir(exist_ok=True)
    (tmp_path / beside).write_text("")
    path = write(tmp_path, "needs_near_by", f"import {beside.removesuffix('.py').replace('/', '.')}")
    with pytest.raises(InputError, match=f"No module named 'near_by'; it is beside .* export PYTHONPATH={tmp_path}$"):
        load_plugin(path)
    path.write_text("import nowhere_at_all")
    with pytest.raises(InputError, match=r"No module named 'nowhere_at_all'$"):
        load_plugin(path)


def test_neighbouring_modules_are_part_of_the_identity_of_a_plugin(folder: Path) -> None:
    (folder / "kin").mkdir()
    (folder / "loose").mkdir()
    files = {
        "direct.py": "import through as other\nVALUE = 1\n",
        "through.py": "def f():\n    from kin.deep import thing\n",
        "kin/__init__.py": "from . import near\n",
        "kin/near.py": "",
        "kin/deep.py": "from .near import *\nfrom ..kin.far import x\nthing = 1\n",
        "kin/far.py": "x = 1\n",
        "loose/part.py": "",
        "late_one.py": "",
        "typed.py": "",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "kin" / "unused.py").write_text("")
    path = write(folder, "with_kin", "from direct import VALUE\nimport loose.part", "import late_one, typed")
    load_plugin(path)
    seen = {known_by("with_kin")}
    for name in files:
        (folder / name).write_text(files[name] + "# edited\n")
        load_plugin(path)
        assert known_by("with_kin") not in seen, name
        seen.add(known_by("with_kin"))
    (folder / "kin" / "unused.py").write_text("# edited\n")
    last = known_by("with_kin")
    load_plugin(path)
    assert known_by("with_kin") == last
    (folder / "direct.py").write_text("import through as other\nVALUE = 2\n")
    load_plugin(path)
    assert sys.modules[mechanisms()["with_kin"].__module__].VALUE == 2  # the new code is what runs


def test_a_class_that_stands_in_a_neighbouring_file_is_known_by_it(folder: Path) -> None:
    write(folder, "elsewhere", "import deeper", file="holder.py")
    (folder / "deeper.py").write_text("")
    (folder / "names_it.py").write_text("import holder\n")
    load_plugin(folder / "names_it.py")
    before = known_by("elsewhere"), parse("elsewhere(rate=0.5)").fingerprint
    assert before[0]
    (folder / "deeper.py").write_text("# edited")
    load_plugin(folder / "names_it.py")
    now = known_by("elsewhere"), parse("elsewhere(rate=0.5)").fingerprint
    assert now[0] != before[0]
    assert now[1] != before[1]


def test_the_identity_does_not_depend_on_where_the_files_lie(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "moved_help.py").write_text("x = 1")
        write(folder / name, "moved", "import sys, pathlib\nsys.path.insert(0, str(pathlib.Path(__file__).parent))\n"
              "import moved_help", file="moved.py")  # fmt: skip
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert load_plugin(folder / "one" / "moved.py") == load_plugin(folder / "two" / "moved.py")  # a copy is the same


def test_modules_of_one_name_are_not_mixed_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("left", "right"):
        (folder / name).mkdir()
        (folder / name / "common_help.py").write_text(f"VALUE = '{name}'")
        write(folder / name, name, "import sys, pathlib\nsys.path.insert(0, str(pathlib.Path(__file__).parent))\n"
              "import common_help", file=f"{name}.py")  # fmt: skip
    load_plugin(folder / "left" / "left.py")
    with pytest.raises(InputError, match=r"right.py: its module 'common_help' \(.*has the name of another .* rename"):
        load_plugin(folder / "right" / "right.py")
    (folder / "right" / "textwrap3.py").write_text("")
    monkeypatch.setitem(sys.modules, "textwrap3", sys.modules["textwrap"])
    with pytest.raises(InputError, match="'textwrap3'"):
        load_plugin(write(folder / "right", "wrapped", "import textwrap3"))


def test_imports_that_cannot_be_followed_are_refused(folder: Path) -> None:
    (folder / "hidden_help.py").write_text("x = 1")
    path = write(folder, "hides", "import importlib\nimportlib.import_module('hidden_help')")
    for _ in range(2):  # again: it is not forgotten
        with pytest.raises(InputError, match=r"hides.py: imports module 'hidden_help' .* write `import NAME`") as error:
            load_plugin(path)
        assert "\n" not in str(error.value)


def test_late_imports_are_checked(folder: Path) -> None:
    (folder / "late_help.py").write_text("x = 1")
    (folder / "stray_help.py").write_text("x = 1")
    load_plugin(write(folder, "late_import", late="import late_help"))
    known = set(sys.modules)
    importlib.import_module("late_help")
    check_imports(known)
    for _ in range(2):  # the next run of the process uses it, too
        importlib.import_module("stray_help")
        with pytest.raises(InputError, match="a plugin imports module 'stray_help'"):
            check_imports(known)
        known = set(sys.modules)


def test_a_module_that_changed_before_it_was_imported_is_refused(folder: Path) -> None:
    (folder / "slow_help.py").write_text("x = 1")
    load_plugin(write(folder, "slow_import", late="import slow_help"))
    known = set(sys.modules)
    check_imports(known)
    (folder / "slow_help.py").write_text("x = 2")
    check_imports(known)  # not used yet
    importlib.import_module("slow_help")
    with pytest.raises(InputError, match=r"slow_help\.py: changed after its plugin"):
        check_imports(known)


def test_imported_items_are_not_those_of_the_plugin(tmp_path: Path) -> None:
    (tmp_path / "nothing.py").write_text("import baselines.almt, baselines.mmin, senti_ifusion.variants\n")
    with pytest.raises(InputError, match="registers nothing"):
        load_plugin(tmp_path / "nothing.py")


def test_an_installed_distribution_brings_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "late_protocols.py").write_text(PLUGIN.format(name="entry"))
    info = tmp_path / "late-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: late\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sentibench.protocols]\nlate = late_protocols\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    assert str(parse("entry_late(rate=0.5)")) == "entry_late(rate=0.5)"
    assert get_protocol("entry-late").version == 1
    assert "entry-end" in regimes()
    sys.modules.pop("late_protocols", None)


def test_a_broken_distribution_is_named_where_a_name_is_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_protocols.py").write_text("raise RuntimeError('no luck')")
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sentibench.protocols]\nbroken = broken_protocols\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    with pytest.raises(InputError, match=r"unknown protocol 'broken'.*no luck"):
        get_protocol("broken")
    with pytest.warns(UserWarning, match="no luck"):
        assert "complete" in protocols()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("x = 1", "registers nothing"),
        ("raise ValueError('a\\nb')", "ValueError: a b"),
        ("def f(:", "SyntaxError"),
        ("from protocols import register_regime\nregister_regime('complete', 'drop(rate=0.5)')", "already registered"),
    ],
)
def test_plugins_that_bring_nothing_say_why_in_one_line(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "bad.py"
    path.write_text(content)
    with pytest.raises(InputError, match=says) as error:
        load_plugin(path)
    assert "\n" not in str(error.value)


def test_plugins_that_are_no_files_of_python(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_plugin(tmp_path / "none.py")
    (tmp_path / "text.txt").write_text("x")
    with pytest.raises(InputError, match="not a Python file"):
        load_plugin(tmp_path / "text.txt")


def test_regimes_by_name_argument_and_scenario() -> None:
    assert str(get_regime("modality-dropout(0.3)").scenario) == "drop(rate=0.3)"
    assert get_regime("modality-dropout(rate=0.3)").fingerprint == get_regime("drop(rate=0.3)").fingerprint
    matched = get_regime("matched(drop(rate=0.5) + random_positions(rate=0.2))")
    assert matched.scenario == parse("drop(rate=0.5) + random_positions(rate=0.2)")
    assert get_regime(matched.name) == matched
    assert get_regime("matched(complete)").scenario == parse("complete")
    register_regime("uncertain", regimes()["uncertain"])  # the same again is no conflict
    for name, says in (
        ("modality-dropout(2)", "from 0 to 1"),
        ("modality-dropout()", "write it as"),
        ("matched(drp(rate=1))", "did you mean drop"),
        ("matched()", "cannot read scenario"),
        ("uncertan", "did you mean uncertain"),
    ):
        with pytest.raises(InputError, match=says):
            get_regime(name)
