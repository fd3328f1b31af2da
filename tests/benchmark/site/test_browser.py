"""The page in headless Chromium: real clicks and keys, no error on the console, no request, four looks."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmark.site import render
from benchmark.site.labels import visible
from tests.benchmark.site.made_pages import COMMAND, HOSTILE, hostile_bundle, small_bundle

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra `dev`)")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no `chromium` on the path to open the page with"),
    pytest.mark.xdist_group("chromium"),
]

#: What an element is called in these tests.
NAME = """e => e.id || e.dataset.column || e.dataset.model || e.dataset.kind || e.dataset.pin
    || e.className.split(" ")[0] || e.tagName"""
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    for name, bundle in (("small", small_bundle()), ("hostile", hostile_bundle())):
        (folder / f"{name}.html").write_text(render(bundle), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in ("small", "hostile")}


class Visit:
    """A page that is open, and all that it said and asked for."""

    def __init__(self, browser: Any, file: Path, hash_: str = "", **options: Any) -> None:
        self.context = browser.new_context(**{"viewport": DESKTOP, "color_scheme": "light", **options})
        self.page = self.context.new_page()
        self.page.set_default_timeout(8000)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri() + hash_)
        self.page.wait_for_selector("#definitions dt", state="attached")

    def column(self, name: str) -> list[str]:
        """First line of every cell of a column, from top to bottom."""
        at = (
            self.page.locator(".board thead th button")
            .evaluate_all("all => all.map(b => b.dataset.column)")
            .index(name)
        )
        rows = self.page.locator(".board .row")
        script = "(all, at) => all.map(r => r.cells[at].innerText.trim().split('\\n')[0].trim())"
        found: list[str] = rows.evaluate_all(script, at)
        return found

    def names(self) -> list[str]:
        """Models from top to bottom."""
        found: list[str] = self.page.locator(".board [data-model]").evaluate_all("all => all.map(b => b.dataset.model)")
        return found

    def close(self) -> None:
        """Ends the visit; nothing may have gone wrong or out."""
        self.context.close()
        assert self.said == []
        assert len([url for url in self.asked if not url.startswith("blob:")]) == 1
        assert self.asked[0].startswith("file:")


@pytest.fixture
def visit(browser: Any, files: dict[str, Path]) -> Iterator[Visit]:
    opened = Visit(browser, files["small"])
    yield opened
    opened.close()


def test_choosing_protocol_metric_and_selection(visit: Visit) -> None:
    page = visit.page
    assert page.locator("#choose-protocol").input_value() == "inter-drop"
    first = visit.names()
    page.locator("#choose-protocol").select_option("inter-subsets")
    assert page.locator(".map thead th").count() == 8
    page.locator("#choose-protocol").select_option("uncertain")
    assert page.locator(".map.small").count() == 6
    assert page.locator(".map.small").first.locator("td.heat").count() == 16
    page.locator("#choose-protocol").select_option("complete")
    assert "one scenario" in page.locator("#views").inner_text()
    page.locator("#choose-protocol").select_option("inter-drop")
    page.locator("#choose-metric").select_option("acc7")
    assert page.locator(".board thead .chosen").inner_text().startswith("Acc-7")
    values = [float(v) for v in visit.column("acc7")[:-1]]
    assert values == sorted(values, reverse=True)
    assert "Acc-7 (%) over drop rate" in page.locator("#views h3").inner_text()
    page.locator("#choose-selection").select_option("test-oracle")
    assert "Selected on the test set" in page.locator("#notices").inner_text()
    assert page.locator("#choose-metric option").count() == 2
    assert "oracle" not in visit.names()
    page.locator("#choose-selection").select_option("valid")
    page.locator("#choose-metric").select_option("mae")
    assert visit.names() == first
    assert "Synthetic data" in page.locator("#notices").inner_text()


def test_every_column_sorts_both_ways_and_the_bound_stays_below(visit: Visit) -> None:
    page = visit.page
    columns = page.locator(".board thead th button").evaluate_all("all => all.map(b => b.dataset.column)")
    assert len(columns) >= 14
    for column in columns:
        head = page.locator(f".board th:has([data-column='{column}'])")
        directions = []
        for _ in range(2):
            page.locator(f"[data-column='{column}']").click()
            directions.append(head.get_attribute("aria-sort"))
            assert visit.names()[-1] == "oracle"
            assert page.locator("th[aria-sort]:not([aria-sort=none])").count() == 1
        assert sorted(directions) == ["ascending", "descending"]
    page.locator("[data-column='model']").click()
    contest = visit.names()[:-1]
    assert contest == sorted(contest)
    page.locator("[data-column='parameters']").click()
    smallest = visit.names()[0]
    page.locator("[data-column='parameters']").click()
    assert smallest == "constant" != visit.names()[0]


def test_filtering_by_text_and_kind(visit: Visit) -> None:
    page = visit.page
    page.locator("#filter").fill("SENTI")
    assert visit.names() == ["senti-ifusion"]
    assert page.locator("#count").inner_text() == "1 of 6 models"
    assert page.locator("[data-curve]").count() == 1
    page.locator("#filter").fill("nothing like it")
    assert "No row matches" in page.locator("#board").inner_text()
    page.locator("#filter").fill("")
    page.locator("[data-kind=reference]").click()
    assert set(visit.names()) == {"lnln", "senti-ifusion"}
    assert page.locator("[data-kind=reference]").get_attribute("aria-pressed") == "false"
    page.locator("[data-kind=reference]").click()
    assert len(visit.names()) == 6


def test_pointing_at_a_curve_shows_its_band_and_values(visit: Visit) -> None:
    page = visit.page
    chart = page.locator(".chart").first
    chart.scroll_into_view_if_needed()
    place = chart.bounding_box()
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    tip = page.locator("#tip")
    assert tip.is_visible()
    text = tip.inner_text()
    name = text.split("\n")[0]
    assert name in visit.names()
    assert "95 % interval" in text
    page.wait_for_timeout(200)
    band = page.locator(f"[data-curve='{name}'] .band").evaluate("e => Number(getComputedStyle(e).opacity)")
    assert band > 0.1
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    page.mouse.move(5, 5)
    page.wait_for_timeout(200)
    assert page.locator(f"[data-curve='{name}'] .band").evaluate("e => Number(getComputedStyle(e).opacity)") == 0
    page.locator("[data-pin='lnln']").click()
    page.mouse.move(5, 5)
    page.locator("h1").click()
    page.wait_for_timeout(200)
    assert page.locator("[data-curve='lnln'] .band").evaluate("e => Number(getComputedStyle(e).opacity)") > 0.1
    assert "pinned=lnln" in page.url


def test_the_keyboard_alone_reaches_everything(visit: Visit) -> None:
    page = visit.page
    reached = []
    for _ in range(90):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(f"({NAME})(document.activeElement)"))
        if reached[-1] == "BODY":
            break
        assert page.evaluate("document.activeElement.matches(':focus-visible')")
    wanted = {"skip", "theme", "download-json", "choose-protocol", "choose-metric", "filter", "reference", "board"}
    wanted |= {"download-csv", "mae", "inference_ms", "lnln", "chart", "SUMMARY", "download-scenarios", "BODY"}
    assert wanted <= set(reached)
    assert reached[0] == "skip"

    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "leaderboard"
    page.locator("[data-column=model]").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.dataset.column") == "model"
    page.locator("[data-model=lnln]").focus()
    page.keyboard.press("Space")
    assert page.locator("[data-model=lnln]").get_attribute("aria-expanded") == "true"
    assert page.evaluate("document.activeElement.dataset.model") == "lnln"

    page.locator(".chart").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    before = page.locator("#said").inner_text()
    assert "drop rate 0.8" in before
    assert "95 % interval" in before
    assert page.locator("#tip").is_visible()
    page.keyboard.press("ArrowDown")
    after = page.locator("#said").inner_text()
    assert after.split(",")[0] != before.split(",")[0]
    page.keyboard.press("Escape")
    assert not page.locator("#tip").is_visible()

    page.locator("#choose-protocol").select_option("inter-subsets")
    heat = page.locator(".map td.heat")
    assert page.locator(".map td.heat[tabindex='0']").count() == 1
    heat.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("[document.activeElement.cellIndex, document.activeElement.parentNode.rowIndex]") == [2, 2]
    assert "subset(available=audio)" in page.locator("#tip").inner_text()


def test_a_table_holds_what_the_curves_show(visit: Visit) -> None:
    page = visit.page
    page.get_by_text("Table of these values").click()
    table = page.locator("table.values")
    assert table.locator("thead th").all_inner_texts()[1:] == [str(r / 10) if r else "0" for r in range(10)]
    row = table.locator("tbody tr").filter(has_text="lnln")
    protocol = next(p for p in small_bundle()["tables"][0]["protocols"] if p["name"] == "inter-drop")
    cells = protocol["cells"]["mae"]
    at = [small_bundle()["models"][i]["name"] for i in protocol["models"]].index("lnln")
    shown = row.locator("td").nth(3).inner_text().split("\n")
    assert shown[0] == f"{cells['value'][at][3]:.3f}"
    assert shown[1] == f"{cells['low'][at][3]:.3f}–{cells['high'][at][3]:.3f}"


def test_a_row_opens_its_runs(visit: Visit) -> None:
    page = visit.page
    page.locator("[data-model=lnln]").click()
    sheet = page.locator(".sheet")
    assert [t for t in ("lnln-0", "lnln-1", "lnln-2") if t in sheet.inner_text()] == ["lnln-0", "lnln-1", "lnln-2"]
    assert sheet.locator("a[href='https://example.org/lnln']").count() == 1
    for title, text in (
        ("Configuration", '"width": 64'),
        ("Provenance", "ab" * 32),
        ("Mask fingerprints", "cd" * 32),
        ("Differences from the paper", "another optimiser"),
    ):
        assert not sheet.get_by_text(text).first.is_visible()
        sheet.get_by_text(title, exact=True).click()
        assert sheet.get_by_text(text).first.is_visible()
    page.locator("[data-model=constant]").click()
    assert "no record" in page.locator(".sheet").last.inner_text()
    page.locator("[data-model=lnln]").click()
    assert page.locator(".sheet").count() == 1


def test_downloads_hold_what_is_shown(visit: Visit) -> None:
    page = visit.page

    def saved(button: str) -> tuple[str, str]:
        with page.expect_download() as waiting:
            page.locator(button).click()
        return waiting.value.suggested_filename, Path(waiting.value.path()).read_text("utf-8")

    page.locator("#filter").fill("lnln")
    name, text = saved("#download-csv")
    (row,) = csv.DictReader(io.StringIO(text))
    assert name == "demo-synthetic_official-inter-drop.csv"
    assert row["model"] == "lnln"
    protocol = next(p for p in small_bundle()["tables"][0]["protocols"] if p["name"] == "inter-drop")
    at = [small_bundle()["models"][i]["name"] for i in protocol["models"]].index("lnln")
    assert float(row["mae"]) == protocol["means"]["mae"]["value"][at]
    assert float(row["f1_non0_high"]) == protocol["means"]["f1_non0"]["high"][at]
    name, text = saved("#download-scenarios")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [float(r["value"]) for r in rows] == protocol["cells"]["mae"]["value"][at]
    name, text = saved("#download-json")
    assert name == "demo-data.json"
    assert json.loads(text) == json.loads(json.dumps(small_bundle()))


def test_the_theme_follows_the_system_until_the_button_overrides(browser: Any, files: dict[str, Path]) -> None:
    grounds = {}
    for scheme in ("light", "dark"):
        opened = Visit(browser, files["small"], color_scheme=scheme)
        ground = "getComputedStyle(document.body).backgroundColor"
        grounds[scheme] = opened.page.evaluate(ground)
        line = opened.page.locator("[data-curve=oracle] .line").get_attribute("stroke")
        opened.page.locator("#theme").click()
        assert opened.page.evaluate(ground) != grounds[scheme]
        assert opened.page.locator("[data-curve=oracle] .line").get_attribute("stroke") != line
        assert "theme=" + ("dark" if scheme == "light" else "light") in opened.page.url
        opened.page.locator("#theme").click()
        assert opened.page.evaluate(ground) == grounds[scheme]
        opened.close()
    assert grounds["light"] != grounds["dark"]


def test_the_address_keeps_the_view(browser: Any, files: dict[str, Path], visit: Visit) -> None:
    page = visit.page
    page.locator("#choose-protocol").select_option("inter-subsets")
    page.locator("#choose-metric").select_option("corr")
    page.locator("#filter").fill("n")
    page.locator("[data-kind=reference]").click()
    page.locator("[data-column=parameters]").click()
    page.locator("[data-model=lnln]").click()
    again = Visit(browser, files["small"], "#" + page.url.partition("#")[2])
    assert again.names() == visit.names()
    assert again.page.locator("#choose-metric").input_value() == "corr"
    assert again.page.locator("#filter").input_value() == "n"
    assert again.page.locator("th[aria-sort=ascending] button").get_attribute("data-column") == "parameters"
    assert again.page.locator(".sheet").count() == 1
    again.close()
    odd = Visit(
        browser, files["small"], "#protocol=none&metric=%3Cb%3E&selection=x&data=y&sort=z&kinds=a&open=b&theme=c"
    )
    assert odd.page.locator("#choose-protocol").input_value() == "inter-drop"
    odd.close()


def test_what_is_missing_is_shown_with_the_command(visit: Visit) -> None:
    text = visit.page.locator("#gaps").inner_text()
    assert "mult" in text
    assert "failed (loss is NaN)" in text
    assert COMMAND in text


def test_hostile_names_are_shown_as_they_are_and_do_nothing(browser: Any, files: dict[str, Path]) -> None:
    opened = Visit(browser, files["hostile"])
    page = opened.page
    assert set(opened.names()) == {visible(name) for name in HOSTILE}
    for i in range(len(HOSTILE)):
        page.locator(".board [data-model]").nth(i).click()
    for summary in page.locator(".sheet summary").all():
        summary.click()
    for protocol in page.locator("#choose-protocol option").evaluate_all("all => all.map(o => o.value)"):
        page.locator("#choose-protocol").select_option(protocol)
        for heat in page.locator("td.heat").all()[:2]:
            heat.hover()
    page.locator("#choose-protocol").select_option(index=1)
    page.locator(".chart").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("window.broken") is None
    assert page.locator("img, iframe, object, embed, form[action], main script, svg[onload]").count() == 0
    hrefs = page.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert all(href == "#leaderboard" for href in hrefs)
    assert HOSTILE[0] in page.locator("#board").inner_text()
    opened.close()


@pytest.mark.parametrize(
    ("name", "size", "scheme"),
    [
        *(("small", size, scheme) for size in ("desktop", "phone") for scheme in ("light", "dark")),
        ("hostile", "desktop", "dark"),
        ("hostile", "phone", "light"),
    ],
)
def test_four_looks(browser: Any, files: dict[str, Path], tmp_path: Path, size: str, scheme: str, name: str) -> None:
    """No look scrolls sideways, whatever is open; the picture is not empty."""
    viewport = {"desktop": DESKTOP, "phone": PHONE}[size]
    opened = Visit(browser, files[name], viewport=viewport, color_scheme=scheme)
    page = opened.page
    page.locator(".board [data-model]").first.click()
    for summary in page.locator(".sheet summary").all():
        summary.click()
    for protocol in page.locator("#choose-protocol option").evaluate_all("all => all.map(o => o.value)"):
        page.locator("#choose-protocol").select_option(protocol)
        wide, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= inner == viewport["width"], protocol
    picture = tmp_path / f"{size}-{scheme}.png"
    page.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size > 30_000
    opened.close()


def test_motion_is_reduced_on_request(browser: Any, files: dict[str, Path]) -> None:
    opened = Visit(browser, files["small"], reduced_motion="reduce")
    script = "e => getComputedStyle(e).transitionDuration + getComputedStyle(e).transitionProperty"
    assert "opacity" not in opened.page.locator(".band").first.evaluate(script)
    opened.close()
