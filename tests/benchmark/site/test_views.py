"""Views of the page in headless Chromium: pairs, costs, confusion, published rows and the choice of columns."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from benchmark import site
from benchmark.evaluation.kinds import fixed
from benchmark.site import render
from tests.benchmark.site.made_pages import MODELS, small_bundle
from tests.benchmark.site.visiting import PHONE, Visit

ASSETS = Path(site.__file__).parent / "assets"
#: Scrolling closes the tip with the next frame.
SETTLED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def test_numbers_are_rounded_as_in_tables(visit: Visit) -> None:
    cases = [(v, d) for v in (21.25, 71.75, 0.125, -0.375, 2.0, 0.98549, 1234.5) for d in (0, 1, 2)]
    source = (ASSETS / "format.js").read_text("utf-8")
    page = visit.page.evaluate(f"(() => {{ {source}; return {json.dumps(cases)}.map(([v, d]) => fixed(v, d)); }})()")
    assert page == [fixed(value, digits).replace("-", "\u2212") for value, digits in cases]


def test_pairs_say_which_models_differ_and_by_how_much(visit: Visit) -> None:
    page = visit.page
    rows = page.locator(".pairs tbody tr")
    names = page.locator(".pairs tbody th").all_inner_texts()
    assert names == [name for name in visit.names() if name != "oracle"]
    assert page.locator(".pairs thead th").all_inner_texts()[1:] == names
    first, last = 0, len(names) - 1
    cells = rows.nth(first).locator("td")
    assert "better" in (cells.nth(last).get_attribute("class") or "")
    assert cells.nth(last).inner_text().startswith("▲")
    mirrored = rows.nth(last).locator("td").nth(first)
    assert mirrored.inner_text().startswith("▼")
    shown = [text.replace("▲", "").replace("▼", "") for text in (cells.nth(last).inner_text(), mirrored.inner_text())]
    assert shown[0].split(",")[0].strip().strip("+−") == shown[1].split(",")[0].strip().strip("+−")

    cells.nth(last).scroll_into_view_if_needed()
    page.evaluate(SETTLED)
    cells.nth(last).hover()
    tip = page.locator("#tip")
    tip.wait_for(state="visible")
    assert f"{names[first]} is better" in tip.inner_text()
    assert "p (corrected)" in tip.inner_text()
    page.keyboard.press("Escape")
    cells.nth(last - 1).focus()
    page.evaluate(SETTLED)
    page.keyboard.press("ArrowRight")
    assert f"{names[first]} − {names[last]}" in tip.inner_text()
    with page.expect_download() as waiting:
        page.locator("#download-pairs").click()
    saved = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text("utf-8"))))
    assert len(saved) == len(names) * (len(names) - 1) // 2
    assert saved[last - 1]["verdict"] == "better"
    page.locator("#choose-selection").select_option("test-oracle")
    assert "not compared" in page.locator("#pairs-table").inner_text()


def test_costs_are_pointed_at_and_walked_from_the_cheapest_on(visit: Visit) -> None:
    page = visit.page
    chart = page.locator("#costs .chart")
    assert page.locator("#costs [data-point]").count() == 4  # no constant, whose cost is 0, and no oracle
    assert "Not shown, as its cost or value is not known or 0: constant" in page.locator("#costs").inner_text()
    page.locator("#choose-cost").focus()
    page.locator("#choose-cost").select_option("train_seconds")
    assert "cost=train_seconds" in page.url
    assert page.evaluate("document.activeElement.id") == "choose-cost"
    assert page.locator("#costs [data-point]").count() == 5
    chart.focus()
    page.evaluate(SETTLED)
    page.keyboard.press("Home")
    assert page.locator("#said").inner_text().startswith("constant")
    page.keyboard.press("ArrowRight")
    assert page.locator("#said").inner_text().startswith("text-only")
    assert "95 % interval" in page.locator("#tip").inner_text()
    page.keyboard.press("Escape")
    assert not page.locator("#tip").is_visible()
    chart.scroll_into_view_if_needed()
    page.evaluate(SETTLED)
    point = page.locator("#costs [data-point=senti-ifusion] path").bounding_box()
    page.mouse.move(point["x"] + 5, point["y"] + 5)
    assert page.locator("#tip").inner_text().startswith("senti-ifusion")


def test_times_of_a_busy_machine_are_marked(browser: Any, tmp_path: Path) -> None:
    table = small_bundle()["tables"][0]
    costs = {model: {**own, "other_load": 1.5} for model, own in table["costs"].items()}
    bundle = {**small_bundle(), "tables": [{**table, "costs": costs}]}
    file = tmp_path / "page.html"
    file.write_text(render(bundle), encoding="utf-8")
    opened = Visit(browser, file)
    page = opened.page
    words = "timed while other processes ran (about 2): a quiet machine is faster"
    assert f"all models: {words}." in page.locator("#remarks").inner_text()
    assert "Timed while" not in page.locator("#costs").inner_text()
    page.locator("#choose-cost").select_option("train_seconds")
    assert "Timed while other processes ran" in page.locator("#costs").inner_text()
    page.locator("#filter").fill("lnln")
    assert f"lnln: {words}." in page.locator("#remarks").inner_text()
    opened.close()


def test_confusion_counts_what_was_predicted(visit: Visit) -> None:
    page = visit.page
    scenarios = page.locator("#choose-scenario option").evaluate_all("all => all.map(o => o.value)")
    assert len(scenarios) == 10
    maps = page.locator("#confusion .map")
    assert maps.count() == 6
    page.locator("#choose-scenario").select_option(scenarios[3])
    table = small_bundle()["tables"][0]["confusion"]
    counts = table["scenarios"][scenarios[3]][str(MODELS.index("lnln"))]
    own = maps.filter(has_text="lnln")
    row = own.locator("tbody tr").first  # the most positive class
    shares = [100 * n / sum(counts[-7:]) for n in counts[-7:]]
    assert [int(text or 0) for text in row.locator("td").all_inner_texts()] == [round(share) for share in shares]
    right = sum(counts[8 * i] for i in range(7)) / sum(counts)
    assert f"Acc-7 {100 * right:.1f} %" in own.locator("caption").inner_text()
    row.locator("td").first.focus()
    page.evaluate(SETTLED)
    page.keyboard.press("ArrowDown")
    tip = page.locator("#tip").inner_text()
    assert "true class" in tip
    assert scenarios[3] in tip


def test_columns_are_chosen_by_mouse_and_keyboard_and_kept_in_the_address(
    browser: Any, files: dict[str, Path], visit: Visit
) -> None:
    page = visit.page
    heads = page.locator(".board thead th button")
    shown = "all => all.map(b => b.dataset.column)"
    usual = heads.evaluate_all(shown)
    assert "acc3" not in usual
    summary = page.locator("#columns summary")
    summary.focus()
    page.keyboard.press("Enter")
    page.locator("[data-choose=acc3]").focus()
    page.keyboard.press("Space")
    assert page.evaluate("document.activeElement.dataset.choose") == "acc3"
    assert "acc3" in heads.evaluate_all(shown)
    page.locator("[data-choose=corr]").click()
    page.locator("[data-choose=parameters]").click()
    now = heads.evaluate_all(shown)
    assert set(usual) - set(now) == {"corr", "parameters"}
    page.keyboard.press("Escape")
    assert page.locator("[data-choose=acc3]").is_visible() is False
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    again = Visit(browser, files["small"], "#" + page.url.partition("#")[2], viewport=PHONE)
    assert again.page.locator(".board thead th button").evaluate_all(shown) == now
    again.close()
    page.locator("[data-column=acc5]").click()
    summary.click()
    page.locator("[data-choose=acc5]").click()  # the table is no longer sorted by it
    assert page.locator("th[aria-sort]:not([aria-sort=none]) button").get_attribute("data-column") == "mae"
    page.locator("#usual-columns").click()
    assert heads.evaluate_all(shown) == usual
    page.locator("h1").click()
    assert page.locator("#usual-columns").is_visible() is False


def test_published_rows_stand_below_with_their_source(browser: Any, tmp_path: Path) -> None:
    bundle = {**small_bundle()}
    cells = {"mae": {"value": 0.9, "text": "0.9", "struck": False, "note": ""},
             "f1_non0": {"value": 0.9, "text": "90.0", "struck": True, "note": "b"}}  # fmt: skip
    row = {"name": "LNLN (reported)", "note": "a", "seeds": 3, "cells": cells}
    published = {"inter-drop": {"rows": [row], "notes": [["a", "reported by LNLN"], ["b", "not valid"], ["", "none"]]}}
    bundle["tables"] = [{**bundle["tables"][0], "published": published}, *bundle["tables"][1:]]
    file = tmp_path / "page.html"
    file.write_text(render(bundle), encoding="utf-8")
    opened = Visit(browser, file)
    page = opened.page
    own = page.locator("[data-published]")
    assert own.locator("th").inner_text().startswith("LNLN (reported)")
    assert "3 seeds" in own.inner_text()
    assert own.locator("s").inner_text() == "90.0"
    assert "reported by LNLN" in page.locator("#remarks").inner_text()
    with page.expect_download() as waiting:
        page.locator("#download-csv").click()
    rows = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text("utf-8"))))
    assert (rows[-1]["model"], rows[-1]["mae"], rows[-1]["kind"]) == ("LNLN (reported)", "0.9", "published")
    page.locator("[data-kind=published]").click()
    assert own.count() == 0
    assert opened.names()
    opened.close()


def test_bands_are_there_and_seeds_are_named_as_in_tables(visit: Visit) -> None:
    opacity = "all => all.map(b => Number(getComputedStyle(b).opacity))"
    assert min(visit.page.locator("#views .band").evaluate_all(opacity)) > 0
    assert "3 seeds per model" in visit.page.locator("#facts").inner_text()
