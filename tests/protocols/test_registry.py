"""Finding mechanisms, protocols and regimes that others wrote: plugin files and entry points."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from protocols import InputError, get_protocol, get_regime, load_plugin, parse, protocols, regimes, register_regime

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


def test_what_a_plugin_only_imports_is_not_its_own(tmp_path: Path) -> None:
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
