"""Sessions about an identity document on the hosted page: photos of drawn specimens, as a person takes and retakes them."""

import json
import os
from collections.abc import Callable
from functools import cache
from typing import Any

import httpx
import pytest
from numpy.random import default_rng
from playwright.sync_api import Locator, Page, expect

from tests.api.capturing import opened, seen
from tests.conftest import encoded, pixels
from tests.session import log
from tests.web.conftest import PHONE
from tests.web.walking import Browse, press, stage
from visavis.api.page import page_files
from visavis.document.mrz import MrzFormat
from visavis.evaluation.specimens import OCR_B, Conditions, Fault, Specimen, draw_specimen, photograph_jpeg
from visavis.session import Vault

pytestmark = pytest.mark.skipif(
    not OCR_B.exists() and not os.environ.get("CI"), reason="the font OCR-B is not installed (Debian: fonts-ocr-b)"
)

SEED = 0
"""Of a holder who is over 18, and whose documents are valid."""


@cache
def specimen(mrz_format: MrzFormat) -> Specimen:
    """With the portrait of the person before the camera."""
    return draw_specimen(mrz_format, pixels("P001", "studio_portrait")[50:950, 150:850], default_rng(SEED))


@cache
def taken(mrz_format: MrzFormat, side: int = 0, fault: Fault | None = None) -> bytes:
    """A photo of a side, with this fault or with none."""
    drawn, rng = specimen(mrz_format), default_rng(SEED)
    how = Conditions.hard(fault, rng, drawn.mount) if fault else Conditions.clean(rng, drawn.mount)
    return photograph_jpeg(drawn.images[side], rng, how)[0]


def asked(shop: httpx.Client, *fields: str, **body: Any) -> dict[str, Any]:
    """A session that was opened about a document."""
    terms = {"fields": list(fields), **body.pop("document", {})}
    return opened(shop, against="document", document=terms, **body)


def to_the_photos(page: Page, session: dict[str, Any]) -> None:
    page.goto(session["url"])
    stage(page, "consent")
    press(page, "agree")
    stage(page, "photos")


def choose(page: Page, photo: bytes, name: str = "page") -> Locator:
    """Choose a photo, and wait until it was looked at. Gives its input."""
    field = page.locator(f"[name={name}]")
    field.set_input_files({"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": photo})
    stage(page, "photos", "upload")
    return field


def told(field: Locator) -> str:
    """What is said of a photo to whoever cannot see it."""
    expect(field).to_be_focused()
    return str(
        field.evaluate("field => field.getRootNode().getElementById(field.getAttribute('aria-describedby')).innerText")
    )


class TestCapture:
    def test_the_holder_of_a_passport_is_verified(
        self, shop: httpx.Client, page_with: Callable[..., Page], vault: Vault
    ) -> None:
        page, session = page_with(viewport=PHONE), asked(shop, "surname", "over_18")
        faults: list[str] = []
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(session["url"])
        stage(page, "consent")
        expect(page.locator(".points")).to_contain_text("surname and whether you are over 18.")
        press(page, "agree")
        stage(page, "photos")
        assert page.locator("[name=page]").get_attribute("capture") == "environment"
        field = choose(page, taken(MrzFormat.TD3))
        assert (told(field), field.get_attribute("aria-invalid")) == ("photo.jpg", "false")
        press(page, "forward")
        stage(page, "camera")
        press(page, "open")
        stage(page, "preview")
        press(page, "start")
        assert stage(page, "over", "failed") == "over"
        assert (seen(shop, session)["status"], faults) == ("verified", [])
        (report,) = shop.get(f"/v1/verification_sessions/{session['id']}/reports").json()["data"]
        fields = report["decision"]["document"]["fields"]
        assert fields == {
            "surname": {"value": "CORDAVEL", "standing": "unchecked"},
            "over_18": {"value": True, "standing": "checked"},
        }
        agreed = next(each["details"] for each in log(vault) if each["event"] == "capture_agreed")
        assert agreed["text_version"] == "visavis-document-1"

    def test_whoever_shows_the_document_of_another_is_not(
        self, shop: httpx.Client, page_with: Callable[..., Page]
    ) -> None:
        page, session = page_with(name="P005"), asked(shop, "surname")
        to_the_photos(page, session)
        choose(page, taken(MrzFormat.TD3))
        press(page, "forward")
        press(page, "open")
        stage(page, "preview")
        press(page, "start")
        assert stage(page, "over", "failed") == "failed"
        assert seen(shop, session)["last_error"] == "score_below_threshold"
        (report,) = shop.get(f"/v1/verification_sessions/{session['id']}/reports").json()["data"]
        assert report["decision"]["document"]["fields"] == {}


class TestPhotos:
    @pytest.mark.parametrize(
        ("fault", "words"),
        [("glare", "Tilt the document"), ("blur", "The photo is blurred")],
    )
    def test_what_is_wrong_with_a_photo_is_said_at_it_and_a_better_one_goes_on(
        self, shop: httpx.Client, browse: Browse, fault: Fault, words: str
    ) -> None:
        page, session = browse(viewport=PHONE).new_page(), asked(shop)
        to_the_photos(page, session)
        field = choose(page, taken(MrzFormat.TD3, 0, fault))
        assert words in told(field)
        assert field.get_attribute("aria-invalid") == "true"
        press(page, "forward")
        stage(page, "photos")
        assert words in told(field)
        field = choose(page, taken(MrzFormat.TD3))
        assert (told(field), field.get_attribute("aria-invalid")) == ("photo.jpg", "false")
        press(page, "forward")
        stage(page, "camera")
        assert seen(shop, session)["attempts_left"] == 3

    def test_a_card_has_two_sides_and_each_is_told_its_own_faults(self, shop: httpx.Client, browse: Browse) -> None:
        page, session = browse(viewport=PHONE).new_page(), asked(shop)
        to_the_photos(page, session)
        front = choose(page, taken(MrzFormat.TD1))
        assert "On a card they are often on the other side" in told(front)
        back = choose(page, taken(MrzFormat.TD1, 1, "glare"), "back")
        assert "Tilt the document" in told(back)
        assert [each.get_attribute("aria-invalid") for each in (front, back)] == ["false", "true"]
        choose(page, taken(MrzFormat.TD1, 1), "back")
        press(page, "forward")
        stage(page, "camera")

    def test_the_other_side_alone_is_not_enough(self, shop: httpx.Client, browse: Browse) -> None:
        page = browse().new_page()
        to_the_photos(page, asked(shop))
        back = choose(page, taken(MrzFormat.TD1, 1), "back")
        assert told(back) == "photo.jpg"
        press(page, "forward")
        assert told(page.locator("[name=page]")) == "Please add this photo."

    def test_what_is_no_photo_is_told_apart(self, shop: httpx.Client, browse: Browse) -> None:
        page = browse().new_page()
        to_the_photos(page, asked(shop))
        assert "This file cannot be read here." in told(choose(page, b"%PDF-1.7"))

    def test_a_photo_that_cannot_be_looked_at_now_is_before_the_first_frame(
        self, shop: httpx.Client, page_with: Callable[..., Page]
    ) -> None:
        page, session = page_with(), asked(shop)
        to_the_photos(page, session)
        page.context.set_offline(True)
        assert told(choose(page, taken(MrzFormat.TD3, 0, "glare"))) == "photo.jpg"
        press(page, "forward")
        stage(page, "camera")
        page.context.set_offline(False)
        press(page, "open")
        stage(page, "preview")
        press(page, "start")
        stage(page, "failed")
        why = seen(shop, session)["last_error"]
        expect(page.locator(".card")).to_contain_text(json.loads(page_files()["messages/en.document.json"])[why])
        press(page, "again")
        stage(page, "photos")
        assert seen(shop, session)["attempts_left"] == 3

    def test_with_the_keyboard_alone(self, shop: httpx.Client, browse: Browse) -> None:
        page = browse().new_page()
        page.on("filechooser", lambda _: None)  # so that the browser tells of it from now on
        to_the_photos(page, asked(shop))
        active = "document.activeElement.shadowRoot?.activeElement"
        for name in ("page", "back"):
            for _ in range(6):
                page.keyboard.press("Tab")
                if page.evaluate(f"{active}?.name") == name:
                    break
            assert page.evaluate(f"{active}?.name") == name
        with page.expect_file_chooser():
            page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate(f"{active}?.dataset.act") == "forward"
        page.keyboard.press("Enter")
        expect(page.locator("[name=page]")).to_be_focused()


class TestUpload:
    def test_a_photo_of_the_person_is_compared_where_no_live_capture_is_asked_for(
        self, shop: httpx.Client, browse: Browse
    ) -> None:
        page = browse(viewport=PHONE).new_page()
        session = asked(shop, "document_number", liveness="not_checked")
        page.goto(session["url"])
        stage(page, "upload")
        expect(page.locator(".card")).to_contain_text("document number.")
        assert "This is not a photo." in told(choose(page, b"%PDF-1.7"))
        choose(page, encoded(pixels("P001", "amateur_selfie", 900), "JPEG"), "probe")
        press(page, "send")
        assert "This is not a photo." in told(page.locator("[name=page]"))
        choose(page, taken(MrzFormat.TD3))
        press(page, "send")
        stage(page, "over")
        assert seen(shop, session)["status"] == "verified"


class TestWhatNoPageCanDo:
    def test_a_chip_is_not_read_and_the_way_back_is_offered(self, shop: httpx.Client, browse: Browse) -> None:
        terms = {"authenticity": "authentic_presence_not_proven"}
        session = asked(shop, document=terms, return_url="https://shop.example/back")
        page = browse(viewport=PHONE).new_page()
        page.goto(session["url"])
        stage(page, "failed")
        expect(page.locator(".card")).to_contain_text("no web page can do that")
        assert page.locator("a.main").get_attribute("href") == "https://shop.example/back"
        assert page.locator("button").count() == 0
        assert seen(shop, session)["status"] == "requires_input"


class TestWhatIsLoaded:
    def test_what_is_about_documents_is_loaded_for_them_alone(self, shop: httpx.Client, browse: Browse) -> None:
        page = browse(locale="ar").new_page()
        loaded: list[str] = []
        page.on("request", lambda request: loaded.append(request.url.partition("?")[0]))
        page.goto(opened(shop)["url"])
        stage(page, "consent")
        assert loaded
        assert not [url for url in loaded if "document" in url]
        page.goto("about:blank")
        page.goto(asked(shop, "surname", "birth_date")["url"])
        stage(page, "consent")
        own = [url.rpartition("/web/")[2] for url in loaded if "document" in url]
        assert sorted(own) == ["document.js", "messages/ar.document.json"]
        expect(page.locator(".points")).to_contain_text("اسم العائلة وتاريخ الميلاد")

    def test_one_element_shows_sessions_of_both_kinds_in_turn(self, shop: httpx.Client, browse: Browse) -> None:
        page, first, then = browse().new_page(), asked(shop), opened(shop)
        to_the_photos(page, first)
        expect(page.locator("h1")).to_have_text("Photograph your document")
        page.evaluate(
            """([session, secret]) => {
                const element = document.querySelector("visavis-capture");
                element.setAttribute("session", session);
                element.secret = secret;
            }""",
            [then["id"], then["client_secret"]],
        )
        stage(page, "consent")
        press(page, "agree")
        expect(page.locator("h1")).to_have_text("Add your photos")
