import json
import os
import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from math import radians
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from tests.acting import jpeg
from tests.api import Running, running
from tests.api.conftest import api_key, desk, metrics
from tests.conftest import pixels
from tests.document.chip.pki import Authority
from tests.session.conftest import MakeVault, clock, make_vault
from tests.web import CHROMIUM
from tests.web.walking import Browse
from visavis.api import Service
from visavis.api.courier import Courier
from visavis.api.metrics import Metrics
from visavis.api.service import Rates, Room
from visavis.document import PageReader
from visavis.evaluation.heads import FaceRelief, Height, Pose, Surface, flat
from visavis.session import Desk, Documents, Models, Vault
from visavis.template import FileKeys
from visavis.verifier import Verifier

__all__ = ["api_key", "clock", "desk", "make_vault", "metrics"]
USUAL = ("--no-sandbox", "--disable-gpu", "--mute-audio")
ALLOWED = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
PHONE, LAPTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}


@pytest.fixture
def vault(make_vault: MakeVault) -> Vault:
    return make_vault("sqlite")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Another site: its origin, and the folder that it shows."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{site.server_address[1]}", tmp_path
        site.shutdown()
        thread.join()


@pytest.fixture
def server(
    vault: Vault, desk: Desk, verifier: Verifier, metrics: Metrics, elsewhere: tuple[str, Path]
) -> Iterator[Running]:
    """The service with its real models, at its own address; it trusts one state's signatures."""
    assert isinstance(vault.keys, FileKeys)
    keys = vault.keys
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    documents = Documents(PageReader(verifier.store), Authority.make().trust)
    service = Service(
        desk=replace(desk, models=Models(verifier), documents=documents),
        base_url=f"http://127.0.0.1:{port}",
        room=Room(8),
        public_keys=lambda: keys.public_keys("report"),
        courier=Courier(vault, metrics, allow_private=True),
        metrics=metrics,
        rates=Rates(by_address=10_000),
        page_origins=frozenset({elsewhere[0]}),
    )
    with running(service, port=port) as started:
        yield started


@pytest.fixture
def shop(server: Running, api_key: str) -> Iterator[httpx.Client]:
    with server.client(api_key) as client:
        yield client


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture
def browse(playwright: Playwright) -> Iterator[Callable[..., BrowserContext]]:
    """Opens a browser with such a camera. film: a Motion-JPEG file that it shows, over and over."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have a Chromium")
        pytest.skip("there is no Chromium; install Debian's package `chromium`")
    opened: list[Browser] = []

    def browse(*switches: str, film: Path | None = None, allowed: bool = True, **context: Any) -> BrowserContext:
        shown = () if film is None else (f"--use-file-for-fake-video-capture={film}",)
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*USUAL, *(ALLOWED if allowed else ()), *shown, *switches]
        )
        opened.append(browser)
        return browser.new_context(**{"locale": "en", "viewport": LAPTOP, "reduced_motion": "reduce", **context})

    yield browse
    for each in opened:
        each.close()


@pytest.fixture
def page_with(browse: Browse, verifier: Verifier) -> Callable[..., Page]:
    """A page whose camera shows a person who does as they are asked."""

    def page_with(*switches: str, name: str = "P001", print_: bool = False, **context: Any) -> Page:
        opened = browse(*switches, **context)
        opened.add_init_script(injection(verifier, name, print_=print_))
        return opened.new_page()

    return page_with


@cache
def pictures(verifier: Verifier, name: str, *, print_: bool = False) -> dict[str, bytes]:
    """A person, or a print of them, by yaw and pitch in degrees."""
    surface = surface_of(verifier, name, flat if print_ else FaceRelief())
    angles = [(yaw, 0) for yaw in range(-27, 28, 3)] + [(0, pitch) for pitch in range(3, 19, 3)]
    return {
        f"{yaw},{pitch}": jpeg(surface.draw(Pose(radians(yaw), radians(pitch)), eyes_px=110.0, size_px=(480, 640)))
        for yaw, pitch in angles
    }


def surface_of(verifier: Verifier, name: str, height: Height) -> Surface:
    photo = pixels(name, "studio_portrait", 700)
    face = verifier.acquire(photo).report.face
    assert face is not None
    return Surface(photo, face.landmarks_px, height)


def injection(verifier: Verifier, name: str = "P001", *, print_: bool = False) -> str:
    """The script that replaces a page's camera."""
    script = (Path(__file__).parent / "injection.js").read_text()
    packed = {angles: b64encode(data).decode() for angles, data in pictures(verifier, name, print_=print_).items()}
    return script.replace("/* pictures */ {}", json.dumps(packed))
