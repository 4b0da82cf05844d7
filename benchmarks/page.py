"""The capture page: how long a cooperative person needs, from consent to decision, and how much a browser loads for it.

    python benchmarks/page.py --photo PHOTO [--rounds 5] [--json figures.json]

A Chromium of the system opens the page of a session at a `visavis serve` of its own. Its camera is replaced by the script that
the tests show as an attack (tests/web/injection.js): a head drawn from PHOTO that turns as it is asked, a quarter of a second
later. Told are the seconds from the press on "I agree" to the answer, with all presses in between, and the bytes of the page,
its scripts, styles, signs and words, as they come over the wire. Goals: less than 12 s, less than 60,000 bytes.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Response, sync_playwright

from live import drawn, opened
from service import VISAVIS, serving

SCRIPT = Path(__file__).parent.parent / "tests" / "web" / "injection.js"
SWITCHES = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]


def captured(page: Page, url: str, photo: Path) -> tuple[float, int, str]:
    """Seconds from consent to the answer, bytes of the page, and how it ended."""
    sizes: dict[str, int] = {}  # of what is asked for twice, the second time is from the browser's memory

    def count(response: Response) -> None:
        if "/v1/" not in response.url and response.status == 200:
            sizes[response.url] = len(response.body())

    page.on("response", count)
    page.goto(url)
    page.locator("[data-act=agree]").wait_for()
    started = time.perf_counter()
    page.locator("[data-act=agree]").click()
    page.locator("input[type=file]").set_input_files(photo)
    for act in ("forward", "open", "start"):
        page.locator(f"[data-act={act}]").click()
    ended = page.locator(".card[data-stage=over], .card[data-stage=failed]")
    ended.wait_for(timeout=60_000)
    return time.perf_counter() - started, sum(sizes.values()), page.locator("h1").inner_text()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--photo", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    frames = drawn(options.photo)
    pictures = {
        f"{yaw},{pitch}": b64encode(data).decode()
        for (yaw, pitch), data in frames.items()
        if not (yaw % 3 or pitch % 3)
    }
    script = SCRIPT.read_text(encoding="utf-8").replace("/* pictures */ {}", json.dumps(pictures))
    made = []
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        command = [*VISAVIS, "init", "--folder", str(folder / "installation"), "--json"]
        key = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["api_key"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=SWITCHES)
        with serving(folder, dict(os.environ)) as server:
            for _ in range(options.rounds):
                context = browser.new_context(locale="en")
                context.add_init_script(script)
                made.append(captured(context.new_page(), opened(server.port, key)["url"], options.photo))
                context.close()
        browser.close()
    figures: dict[str, Any] = {
        "seconds": {"median": statistics.median(each[0] for each in made), "max": max(each[0] for each in made)},
        "bytes": max(each[1] for each in made),
        "ended": sorted({each[2] for each in made}),
    }
    print(json.dumps(figures, indent=2))
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
