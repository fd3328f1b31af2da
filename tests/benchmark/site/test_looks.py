"""The page in headless Chromium: themes, addresses, hostile names, and four looks without sideways scrolling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmark.site.labels import visible
from tests.benchmark.site.made_pages import COMMAND, HOSTILE
from tests.benchmark.site.visiting import DESKTOP, PHONE, Visit


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


def test_missing_runs_are_shown_with_the_command(visit: Visit) -> None:
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
        for heat in page.locator("#views td.heat").all()[:2] + page.locator(".pair").all()[:2]:
            heat.hover()
    page.locator("#choose-protocol").select_option(index=1)
    page.locator("#views .chart").focus()
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
        page.locator("#columns summary").click()
        box = page.locator("#columns fieldset").bounding_box()
        assert 0 <= box["x"] <= box["x"] + box["width"] <= viewport["width"]
        wide, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= inner == viewport["width"], protocol
    picture = tmp_path / f"{size}-{scheme}.png"
    page.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size > 30_000
    opened.close()


def test_the_tip_is_wide_though_it_was_at_the_edge(browser: Any, files: dict[str, Path]) -> None:
    opened = Visit(browser, files["small"], viewport=PHONE)
    page = opened.page
    place = page.locator("#views .chart")
    cell = page.locator("#views .map.small").first.locator("td.heat").nth(5)
    # scrolling closes the tip with the next frame
    settled = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    place.scroll_into_view_if_needed()
    page.evaluate(settled)
    place.hover(position={"x": place.bounding_box()["width"] - 20, "y": 80})
    assert page.locator("#tip").is_visible()
    page.locator("#choose-protocol").select_option("uncertain")
    cell.scroll_into_view_if_needed()
    page.evaluate(settled)
    cell.hover()
    assert page.locator("#tip").bounding_box()["width"] > 0.6 * PHONE["width"]
    opened.close()


def test_motion_is_reduced_on_request(browser: Any, files: dict[str, Path]) -> None:
    opened = Visit(browser, files["small"], reduced_motion="reduce")
    script = "e => getComputedStyle(e).transitionDuration + getComputedStyle(e).transitionProperty"
    assert "opacity" not in opened.page.locator(".band").first.evaluate(script)
    opened.close()
