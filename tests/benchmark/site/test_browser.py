"""The page in headless Chromium: real clicks and keys, no error on the console, no request."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from tests.benchmark.site.made_pages import small_bundle
from tests.benchmark.site.visiting import Visit

#: What an element is called in these tests.
NAME = """e => e.id || e.dataset.column || e.dataset.model || e.dataset.kind || e.dataset.pin
    || e.className.split(" ")[0] || e.tagName"""


def test_choosing_protocol_metric_and_selection(visit: Visit) -> None:
    page = visit.page
    assert page.locator("#choose-protocol").input_value() == "inter-drop"
    first = visit.names()
    page.locator("#choose-protocol").select_option("inter-subsets")
    assert page.locator("#views .map thead th").count() == 8
    page.locator("#choose-protocol").select_option("uncertain")
    assert page.locator("#views .map.small").count() == 6
    assert page.locator("#views .map.small").first.locator("td.heat").count() == 16
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
    tip.wait_for(state="visible")
    text = tip.inner_text()
    name = text.split("\n")[0]
    assert name in visit.names()
    assert "95 % interval" in text
    visit.wait_for_band(name, shown=True)
    page.keyboard.press("Escape")
    tip.wait_for(state="hidden")
    page.mouse.move(5, 5)
    visit.wait_for_band(name, shown=False)
    page.locator("[data-pin='lnln']").click()
    page.mouse.move(5, 5)
    page.locator("h1").click()
    visit.wait_for_band("lnln", shown=True)
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
    wanted |= {"plain", "heat", "download-pairs", "choose-cost", "choose-scenario"}
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

    page.locator("#views .chart").focus()
    # focus scrolls, which closes the tip with the next frame: nobody is as fast as that
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
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
    heat = page.locator("#views .map td.heat")
    assert page.locator("#views .map td.heat[tabindex='0']").count() == 1
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
    digits = protocol["digits"]["mae"]
    value, low, high = (f"{cells[name][at][3]:.{digits}f}" for name in ("value", "low", "high"))
    assert shown == [value, f"{low}–{high}"]


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


def test_the_overview_shows_every_protocol_and_chooses_one(visit: Visit) -> None:
    page = visit.page
    table = page.locator("#overview-table")
    names = table.locator("[data-protocol]").all_inner_texts()
    assert names == page.locator("#choose-protocol option").all_inner_texts()
    assert table.locator("tbody th").all_inner_texts()[-1] == "oracle"
    row = table.locator("tbody tr").filter(has_text="lnln")
    bundle = small_bundle()
    for k, protocol in enumerate(bundle["tables"][0]["protocols"]):
        at = [bundle["models"][i]["name"] for i in protocol["models"]].index("lnln")
        means, cell = protocol["means"]["mae"], row.locator("td").nth(k)
        assert cell.inner_text().split()[0] == f"{means['value'][at]:.{protocol['digits']['mae']}f}"
        assert f"#{means['rank'][at]}" in cell.inner_text()
        assert cell.locator("strong").count() == means["best"][at]
    table.locator("[data-protocol=uncertain]").focus()
    page.keyboard.press("Enter")
    assert page.locator("#choose-protocol").input_value() == "uncertain"
    assert page.evaluate("document.activeElement.dataset.protocol") == "uncertain"
    page.locator("#filter").fill("lnln")
    assert table.locator("tbody th").all_inner_texts() == ["lnln"]


def test_a_model_names_its_paper_and_is_opened_by_a_finger(visit: Visit) -> None:
    page = visit.page
    links = page.locator(".row[data-row=lnln] .under a")
    found = [(link.inner_text(), link.get_attribute("href")) for link in links.all()]
    assert found == [("paper", "https://example.org/lnln"), ("code", "https://example.org/code")]
    links.first.hover()  # fails if the opener covers it
    page.locator("[data-model=lnln]").click()
    page.locator("#columns summary").click()
    controls = page.locator("button, summary, select, input[type=search], .boxes label")
    low = "all => all.filter(b => b.getBoundingClientRect().height < 44).map(b => b.outerHTML.slice(0, 80))"
    assert controls.count() > 40
    assert controls.evaluate_all(low) == []


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
