"""Whole captures on the hosted page, as a person meets it: with the real service, its real models and a real browser."""

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api import Running
from tests.api.capturing import opened, seen
from tests.conftest import encoded, pixels
from tests.session import log
from tests.web.conftest import LAPTOP, PHONE, pictures
from tests.web.walking import Browse, press, stage
from visavis.session import Vault
from visavis.verifier import Verifier


def liveness(shop: httpx.Client, session: dict[str, Any]) -> dict[str, Any]:
    """Of the session's last report."""
    found: list[dict[str, Any]] = shop.get(f"/v1/verification_sessions/{session['id']}/reports").json()["data"]
    told: dict[str, Any] = found[-1]["decision"]["liveness"]
    return told


def to_the_camera(page: Page, session: dict[str, Any], reference: str = "P001") -> None:
    """From the link to where the camera is asked for."""
    page.goto(session["url"])
    stage(page, "consent")
    press(page, "agree")
    stage(page, "photos")
    photo = encoded(pixels(reference, "amateur_selfie", 900), "JPEG")
    page.locator("input[type=file]").set_input_files({"name": "me.jpg", "mimeType": "image/jpeg", "buffer": photo})
    press(page, "forward")
    stage(page, "camera")


def captured(page: Page, session: dict[str, Any], reference: str = "P001") -> str:
    """The whole way, to whatever end."""
    to_the_camera(page, session, reference)
    press(page, "open")
    stage(page, "preview")
    press(page, "start")
    return stage(page, "over", "failed")


class TestCapture:
    @pytest.mark.parametrize("size", [PHONE, LAPTOP], ids=["phone", "laptop"])
    def test_a_prepared_script_in_place_of_the_camera_is_verified(
        self, shop: httpx.Client, page_with: Callable[..., Page], vault: Vault, size: dict[str, int]
    ) -> None:
        """The attack that succeeds, and at the same time the way of a person who does as they are asked: no page can tell them
        apart, and the documentation says so."""
        page, session = page_with(viewport=size), opened(shop)
        faults: list[str] = []
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        captured(page, session)
        assert liveness(shop, session)["reasons"] == []
        assert seen(shop, session)["status"] == "verified"
        assert faults == []
        assert session["client_secret"] not in page.url
        assert page.evaluate("sessionStorage.length") == 0
        agreed = next(each["details"] for each in log(vault) if each["event"] == "capture_agreed")
        assert (agreed["text_version"], agreed["locale"]) == ("visavis-live-1", "en")

    def test_a_photo_that_is_turned_fails_and_may_be_tried_again(
        self, shop: httpx.Client, page_with: Callable[..., Page]
    ) -> None:
        page, session = page_with(print_=True), opened(shop)
        assert captured(page, session) == "failed"
        assert liveness(shop, session)["reasons"] == ["flat"]
        expect(page.locator("[data-act=again]")).to_be_visible()
        assert seen(shop, session)["attempts_left"] == 2

    def test_another_person_does_not_match(self, shop: httpx.Client, page_with: Callable[..., Page]) -> None:
        page, session = page_with(name="P005"), opened(shop)
        assert captured(page, session) == "failed"
        assert seen(shop, session)["last_error"] == "score_below_threshold"

    def test_a_replay_does_not_answer_what_is_asked(
        self, shop: httpx.Client, browse: Browse, verifier: Verifier, tmp_path: Path
    ) -> None:
        """A film of another capture before the camera, over and over."""
        shown = pictures(verifier, "P001")
        there = [f"{yaw},0" for yaw in range(0, 28, 3)]
        film = [*["0,0"] * 30, *there, *there[::-1], *["0,0"] * 5]
        other = [f"{-int(each.split(',')[0])},0" for each in film]
        (tmp_path / "film.mjpeg").write_bytes(b"".join(shown[each] for each in film + other))
        page, session = browse(film=tmp_path / "film.mjpeg").new_page(), opened(shop)
        captured(page, session)
        assert seen(shop, session)["status"] == "requires_input"
        assert liveness(shop, session)["status"] != "passed"

    def test_an_enrolment_hands_out_a_code_to_save(self, shop: httpx.Client, page_with: Callable[..., Page]) -> None:
        consent = {"text": "May we?", "version": "1", "locale": "en", "retention_days": 30}
        session = shop.post("/v1/enrolments", json={"subject": "anna", "purpose": "door", "consent": consent}).json()
        page = page_with()
        page.goto(session["url"])
        stage(page, "consent")
        press(page, "agree")
        stage(page, "camera")
        press(page, "open")
        stage(page, "preview")
        press(page, "start")
        assert stage(page, "over", "failed") == "over"
        with page.expect_download() as download:
            page.locator("a[download]").first.click()
        assert download.value.suggested_filename == "claim.png"

    def test_on_a_page_of_another_site(
        self, server: Running, shop: httpx.Client, page_with: Callable[..., Page], elsewhere: tuple[str, Path]
    ) -> None:
        """As docs/liveness.md tells to embed it, under the policy that it asks for."""
        origin, folder = elsewhere
        service, session = server.url, opened(shop)
        policy = (
            f"default-src 'none'; script-src {service} 'unsafe-inline'; style-src {service}; connect-src {service} "
        )
        policy += f"{service.replace('http', 'ws')}; img-src blob:"
        (folder / "index.html").write_text(
            f"""<!doctype html><html lang="en"><title>Bank</title><meta http-equiv="Content-Security-Policy" content="{policy}">
            <main><h1>Bank</h1><visavis-capture session="{session["id"]}" lang="de"></visavis-capture></main>
            <script type="module" src="{service}/web/visavis-capture.js"></script>
            <script type="module">const element = document.querySelector("visavis-capture");
            element.addEventListener("visavis-done", ({{ detail }}) => {{ document.title = detail.status; }});
            element.secret = "{session["client_secret"]}";</script></html>"""
        )
        page = page_with()
        to_the_camera(page, {**session, "url": origin})
        assert page.locator(".card").evaluate("card => getComputedStyle(card).display") != "block"
        press(page, "open")
        stage(page, "preview")
        press(page, "start")
        stage(page, "over", "failed")
        assert (page.title(), seen(shop, session)["status"]) == ("verified", "verified")


class TestTrouble:
    def test_no_camera(self, shop: httpx.Client, browse: Browse) -> None:
        page = browse(allowed=False).new_page()
        page.add_init_script(
            "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotFoundError'); }"
        )
        to_the_camera(page, opened(shop))
        press(page, "open")
        expect(page.get_by_text("No camera was found")).to_be_visible()
        stage(page, "camera", "failed")

    def test_a_camera_that_is_denied(self, shop: httpx.Client, browse: Browse) -> None:
        page = browse("--deny-permission-prompts", "--use-fake-device-for-media-stream", allowed=False).new_page()
        to_the_camera(page, opened(shop))
        press(page, "open")
        stage(page, "camera", "failed")
        expect(page.locator(".card")).to_contain_text(re.compile("allow", re.IGNORECASE))

    def test_closed_half_way_nothing_is_left(
        self, shop: httpx.Client, page_with: Callable[..., Page], vault: Vault
    ) -> None:
        page, session = page_with(), opened(shop)
        to_the_camera(page, session)
        press(page, "open")
        stage(page, "preview")
        press(page, "start")
        stage(page, "capture")
        page.wait_for_function(
            "() => document.querySelector('visavis-capture').shadowRoot.querySelector('[role=progressbar], progress')"
        )
        time.sleep(2)
        page.close()
        after = seen(shop, session)
        assert (after["status"], after["attempts_left"]) == ("requires_input", 3)
        assert shop.get(f"/v1/verification_sessions/{session['id']}/reports").json()["data"] == []
        with vault.store.reading() as tx:
            assert tx.evidence.ids() == []

    def test_a_slow_network_only_takes_longer(
        self, server: Running, shop: httpx.Client, page_with: Callable[..., Page]
    ) -> None:
        """100 ms there and 100 ms back, which leaves some ten frames a second."""
        session = opened(shop)
        with delayed(server.address, 0.1) as port:
            page = page_with(f"--host-resolver-rules=MAP 127.0.0.1:{server.address[1]} 127.0.0.1:{port}")
            asked = time.monotonic()
            page.goto(session["url"])
            assert time.monotonic() - asked > 0.2
            assert captured(page, session) == "over"
        assert seen(shop, session)["status"] == "verified"

    def test_a_link_that_is_not_whole(self, server: Running, shop: httpx.Client, browse: Browse) -> None:
        page, session = browse().new_page(), opened(shop)
        page.goto(session["url"].partition("#")[0])
        stage(page, "failed", "over")
        page.goto("about:blank")
        page.goto(session["url"][:-3])
        stage(page, "failed", "over")
        assert seen(shop, session)["status"] == "requires_input"


class TestEverybody:
    def test_who_cannot_turn_their_head_moves_the_camera(
        self, shop: httpx.Client, page_with: Callable[..., Page]
    ) -> None:
        page, session = page_with(), opened(shop, alternatives=["move_camera", "review"])
        to_the_camera(page, session)
        press(page, "stuck")
        stage(page, "alternative")
        page.locator("[data-act=take][data-way=move_camera]").click()
        press(page, "open")
        stage(page, "preview")
        press(page, "start")
        assert stage(page, "over", "failed") == "over"
        assert seen(shop, session)["status"] == "verified"

    def test_or_asks_for_people(self, shop: httpx.Client, page_with: Callable[..., Page]) -> None:
        page, session = page_with(), opened(shop, alternatives=["review"])
        to_the_camera(page, session)
        press(page, "stuck")
        page.locator("[data-act=take][data-way=review]").click()
        stage(page, "over")
        assert seen(shop, session)["last_error"] == "review_requested"

    @pytest.mark.parametrize("locale", ["en", "de", "fr", "es", "zh", "ar"])
    def test_in_each_language(self, shop: httpx.Client, browse: Browse, locale: str) -> None:
        page, session = browse(locale=locale, viewport=PHONE).new_page(), opened(shop)
        page.goto(session["url"])
        stage(page, "consent")
        assert page.locator("html").get_attribute("lang") == locale
        assert page.locator("html").get_attribute("dir") == ("rtl" if locale == "ar" else "ltr")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    def test_with_the_keyboard_alone(self, shop: httpx.Client, page_with: Callable[..., Page]) -> None:
        page, session = page_with(), opened(shop)
        page.goto(session["url"])
        stage(page, "consent")
        for _ in range(12):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.shadowRoot?.activeElement?.dataset.act") == "agree":
                break
        page.keyboard.press("Enter")
        stage(page, "photos")


@contextmanager
def delayed(address: tuple[str, int], seconds: float) -> Iterator[int]:
    """A network that takes so long either way. Gives the port at which the service is reached through it."""
    loop, started = asyncio.new_event_loop(), threading.Event()
    ports: list[int] = []

    async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        def deliver(data: bytes) -> None:
            if not target.is_closing():
                target.write(data) if data else target.close()

        data = b"."
        while data:
            try:
                data = await source.read(65_536)
            except OSError:
                data = b""
            loop.call_later(seconds, deliver, data)

    async def relay(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, there = await asyncio.open_connection(*address)
        try:
            await asyncio.gather(carry(near, there), carry(far, back))
            await asyncio.sleep(2 * seconds)
        finally:
            for writer in (there, back):
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    async def serve() -> None:
        async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
            ports.append(server.sockets[0].getsockname()[1])
            started.set()
            await ended
            server.close()
            relays = asyncio.all_tasks() - {asyncio.current_task()}
            for each in relays:
                each.cancel()
            await asyncio.gather(*relays, return_exceptions=True)

    ended = loop.create_future()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    started.wait()
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(ended.set_result, None)
        thread.join()
        loop.close()
