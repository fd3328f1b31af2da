"""Chromium and the pages that it opens; tests that need it are skipped where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmark.site import render
from tests.benchmark.site.made_pages import hostile_bundle, small_bundle
from tests.benchmark.site.visiting import Visit


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra `dev`)")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no `chromium` on the path to open the page with")
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    for name, bundle in (("small", small_bundle()), ("hostile", hostile_bundle())):
        (folder / f"{name}.html").write_text(render(bundle), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in ("small", "hostile")}


@pytest.fixture
def visit(browser: Any, files: dict[str, Path]) -> Iterator[Visit]:
    opened = Visit(browser, files["small"])
    yield opened
    opened.close()
