"""The pages build, and no link in them is dead."""

from __future__ import annotations

import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parent.parent


ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


class Page(HTMLParser):
    """Ids and links of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and name == "id":
                self.ids.add(value)
            if value and (name, tag) in {("href", "a"), ("src", "img"), ("src", "script"), ("href", "link")}:
                self.links.append(value)


def dead_links(site: Path) -> list[str]:
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html") if path.name != "404.html"}
    dead = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            wanted = unquote(parts.fragment)
            found = target.is_file() and (not wanted or target not in pages or wanted in pages[target].ids)
            if not found:
                dead.append(f"{path.relative_to(site)}: {link}")
    return dead


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("zensical", reason="the extra 'docs' is not installed")
    folder = tmp_path_factory.mktemp("pages")
    for name in ("docs", "protocols", "baselines", "senti_ifusion", "benchmark"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "mkdocs.yml").write_text((ROOT / "mkdocs.yml").read_text())
    built = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "-f", "mkdocs.yml"],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "site"


def test_every_page_of_the_menu_is_there(site: Path) -> None:
    sources = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    assert len(sources) >= 10
    for source in sources:
        page = site / "index.html" if source.name == "index.md" else site / source.with_suffix("") / "index.html"
        assert page.is_file(), source


def test_no_link_is_dead(site: Path) -> None:
    assert dead_links(site) == []


def test_a_dead_link_is_noticed(site: Path, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<p id="here"><a href="#here">x</a><a href="#gone">y</a><img src="gone.png">')
    assert dead_links(tmp_path) == ["index.html: #gone", "index.html: gone.png"]


def test_the_reference_shows_what_is_public(site: Path) -> None:
    text = (site / "reference/models/index.html").read_text(encoding="utf-8")
    for name in ("SentimentModel", "training_loss", "register", "ModelInfo"):
        assert name in text


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        page = Page(path.read_text(encoding="utf-8"))
        assert not [link for link in page.links if link.endswith((".js", ".css")) and urlsplit(link).netloc], path


def test_the_table_of_the_tour_is_that_of_the_demo() -> None:
    """Row by row: its cells are among those of a row of the published leaderboard."""
    shown = [
        line for line in (ROOT / "docs/tour.md").read_text().splitlines() if re.match(r"\| (\d+|–) \| [a-z]", line)
    ]
    published = (ROOT / "results/measured/demo/leaderboard.md").read_text().splitlines()
    cells = [set(line.split(" | ")) for line in published]
    assert len(shown) == 8
    for line in shown:
        assert any(set(line.removesuffix(" |").split(" | ")) <= row for row in cells), line


def test_the_rooms_described_are_those_of_the_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (rooms,) = [contract for contract in contracts if contract.get("containers") == ["benchmark"]]
    described: dict[int, set[str]] = {}
    for floor, names in re.findall(r"^\| (\d+) \| ([^|]+) \|", ARCHITECTURE, re.M):
        described.setdefault(int(floor), set()).update(re.findall(r"`(\w+)`", names))
    floors = [set(layer.split(" | ")) for layer in reversed(rooms["layers"])]
    assert described == dict(enumerate(floors, start=1))


def test_names_in_the_architecture_exist() -> None:
    packages = "protocols|baselines|senti_ifusion|benchmark"
    names = set(re.findall(rf"`((?:{packages})(?:\.\w+)+)`", ARCHITECTURE))
    places = set(re.findall(rf"`((?:{packages}|results|tests)/[\w/.]*)`", ARCHITECTURE))
    assert len(names) > 20
    assert len(places) > 8
    for name in names:
        pkgutil.resolve_name(name)
    assert [place for place in places if not (ROOT / place).exists()] == []
