"""A person on the page: what they see and press."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import axe_core_python
from playwright.sync_api import BrowserContext, Page, expect

Browse = Callable[..., BrowserContext]
WAIT_MS = 60_000
AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
ACCESSIBLE = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SHOTS = os.environ.get("VISAVIS_SCREENSHOTS")
"""A folder for a picture of each state; none are taken where it is not set."""


def stage(page: Page, *names: str) -> str:
    """Wait for one of these stages of the page; look at it, and at whether everybody can use it."""
    card = page.locator(", ".join(f".card[data-stage={name}]" for name in names))
    expect(card).to_be_visible(timeout=WAIT_MS)
    found = str(card.get_attribute("data-stage"))
    page.evaluate(AXE)
    told = page.evaluate("tags => axe.run({runOnly: tags})", ACCESSIBLE)
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in told["violations"]] == []
    if SHOTS is not None:
        size = page.viewport_size or {"width": 0}
        page.screenshot(path=f"{SHOTS}/{size['width']}-{found}-{time.monotonic_ns() % 10**6}.png")
    return found


def press(page: Page, act: str) -> None:
    page.locator(f"[data-act={act}]").click(timeout=10_000)
