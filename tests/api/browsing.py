"""The page in Debian's Chromium: opened, looked at, and what its steps have in common."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize, expect

ROOT = Path(__file__).parents[2]

PICTURES = ROOT / "tests" / "pictures"
"""Where `pytest --pictures` keeps each step as a picture; git ignores it."""

EXAMPLES = ROOT / "examples"

WIDE: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 375, "height": 740}

Look = Callable[[str], None]

# Everything in light colours; in dark ones what differs.
_ASKED: dict[Literal["light", "dark"], dict[str, object]] = {
    "dark": {"runOnly": ["color-contrast"]},
    "light": {"resultTypes": ["violations"]},
}


def look_at(page: Page, name: str, *, pictures: bool) -> None:
    """Look at a step: wide and narrow, light and dark; nothing may be cut off, or be unreadable to anyone."""
    for width, size in (("phone", PHONE), ("desktop", WIDE)):
        page.set_viewport_size(size)
        across = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert across <= 0, f"{name} is {across} pixels too wide for a {width}"
        if pictures:
            PICTURES.mkdir(exist_ok=True)
            page.screenshot(path=PICTURES / f"{name}-{width}.png", full_page=True)
    for scheme, asked in _ASKED.items():
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page, options=asked).response["violations"]
        serious = [each for each in found if each["impact"] in ("serious", "critical")]
        assert not serious, json.dumps(
            [(each["help"], [node["html"][:200] for node in each["nodes"]]) for each in serious], indent=1
        )


def settled(page: Page) -> None:
    """Wait until the page shows what it was asked for: what is clicked meanwhile may be replaced under the pointer."""
    expect(page.locator("main[aria-busy]")).to_have_count(0)


def heading(page: Page, text: str | re.Pattern[str]) -> None:
    """Wait until the page's heading is this."""
    try:
        expect(page.get_by_role("heading", level=1)).to_have_text(text)
    except AssertionError as error:
        error.add_note(page.locator("main").inner_text())
        raise


def choose(page: Page, path: Path) -> None:
    """Choose a file to import."""
    page.goto("/#/import")
    heading(page, "Import a file")
    page.get_by_label("File to import").set_input_files(path)


def count(page: Page, word: str) -> str:
    """Return how many rows were created, updated and so on, as the page tells it."""
    return page.locator(".legend li", has_text=word).first.locator("b").inner_text()
