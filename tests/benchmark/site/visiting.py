"""A page that is open in headless Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import Any

DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 375, "height": 812}


class Visit:
    """A page that is open, and all that it said and asked for."""

    def __init__(self, browser: Any, file: Path, hash_: str = "", **options: Any) -> None:
        self.context = browser.new_context(**{"viewport": DESKTOP, "color_scheme": "light", **options})
        self.page = self.context.new_page()
        self.page.set_default_timeout(30_000)
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

    def wait_for_band(self, model: str, shown: bool) -> None:
        """Wait until the band of a curve is in the front, or back again; fails if this never happens."""
        test = "e => Number(getComputedStyle(e).opacity)" + (" > 0.2" if shown else " < 0.1")
        script = f"([selector]) => ({test})(document.querySelector(selector))"
        self.page.wait_for_function(script, arg=[f"[data-curve='{model}'] .band"])

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
