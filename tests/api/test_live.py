"""Live captures over a real connection, with the real models: of people, and of what is held before the camera in their place."""

import json
import random
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.acting import Person
from tests.api import Running
from tests.api.capturing import CONSENT, Client, connected, opened, seen
from tests.conftest import encoded, pixels
from tests.session import Clock, enrol, log, subject_id
from tests.session import Person as Known
from tests.session.conftest import MakeVault
from visavis.api.service import Rates, Studio
from visavis.evaluation.heads import flat
from visavis.session import Desk, Models, Vault, export_evidence
from visavis.session.limits import failure_keys
from visavis.template import Secret, public_of
from visavis.verifier import Verifier

REFERENCE = 4
ANNA, PRIVATE = Known(1), Secret(bytes(range(1, 33)))


@pytest.fixture(params=["sqlite"])
def vault(request: pytest.FixtureRequest, make_vault: MakeVault) -> Vault:
    """On one database, since captures are long; where it matters on the other one too."""
    return make_vault(request.param)


@pytest.fixture
def desk(desk: Desk, verifier: Verifier) -> Desk:
    """With the models as a user has them."""
    return replace(desk, models=Models(verifier))


@pytest.fixture
def server(serve: Callable[..., Running]) -> Running:
    return serve(page_origins=frozenset({"https://bank.example"}))


@pytest.fixture
def shop(server: Running, api_key: str) -> Iterator[httpx.Client]:
    with server.client(api_key) as client:
        yield client


def photo(name: str) -> bytes:
    return encoded(pixels(name, "amateur_selfie", 900), "JPEG")


def reports(shop: httpx.Client, session: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.get(f"/v1/verification_sessions/{session['id']}/reports").json()["data"]
    return found


def refused(client: Client, code: str) -> dict[str, Any]:
    """The next message is this error, and then nothing more comes."""
    told = client.hear()
    assert (told["type"], told["code"]) == ("error", code), told
    with pytest.raises(ConnectionClosed):
        client.hear()
    return told


def send_again_and_again(raw: socket.socket, data: bytes) -> None:
    for _ in range(4_000):
        raw.sendall(data)
        time.sleep(0.001)


class TestCapture:
    def test_a_person_is_verified_and_the_answer_says_that_they_were_live(
        self, server: Running, shop: httpx.Client, verifier: Verifier, vault: Vault
    ) -> None:
        session = opened(shop)
        with connected(server, session) as client:
            ready = client.begin()
            assert (ready["type"], ready["frame_bytes_max"], ready["long_side_px"]) == ("ready", 524_288, 640)
            client.send(photo("P001"), REFERENCE)
            told, heard = client.capture(Person(verifier).frame)
        assert told["type"] == "done", told
        assert (told["capture"]["status"], told["capture"]["last_error"]) == ("verified", None)
        assert {"turn_left", "turn_right", "nod", "face_camera", "done"} <= set(heard)
        (report,) = reports(shop, session)
        liveness = report["decision"]["liveness"]
        assert (liveness["status"], liveness["method"], liveness["reasons"]) == ("passed", "turns-1", [])
        assert len(liveness["turns"]) in (3, 4)
        assert report["decision"]["faces"]["probe"]["frames"] == 5
        agreed = next(each for each in log(vault) if each["event"] == "capture_agreed")
        assert (agreed["details"]["text_version"], agreed["details"]["locale"]) == ("1", "en")

    def test_a_photo_that_is_turned_fails_and_nothing_is_compared(
        self, server: Running, shop: httpx.Client, verifier: Verifier
    ) -> None:
        session = opened(shop)
        with connected(server, session) as client:
            client.begin()
            client.send(photo("P001"), REFERENCE)
            told, _ = client.capture(Person(verifier, height=flat).frame)
        assert told["capture"]["last_error"] == "liveness_failed"  # and not by what it was known
        (report,) = reports(shop, session)
        decision = report["decision"]
        assert (decision["outcome"], decision["score"]) == ("inconclusive", None)
        assert (decision["liveness"]["status"], decision["liveness"]["reasons"]) == ("failed", ["flat"])
        assert seen(shop, session)["attempts_left"] == 2

    def test_who_turns_another_way_than_asked_fails(
        self, server: Running, shop: httpx.Client, verifier: Verifier
    ) -> None:
        session = opened(shop)
        with connected(server, session) as client:
            client.begin()
            client.send(photo("P001"), REFERENCE)
            client.capture(Person(verifier, mirrored=True).frame)
        (report,) = reports(shop, session)
        assert report["decision"]["liveness"]["reasons"] == ["wrong_turn"]

    def test_another_person_does_not_match(self, server: Running, shop: httpx.Client, verifier: Verifier) -> None:
        session = opened(shop)
        with connected(server, session) as client:
            client.begin()
            client.send(photo("P001"), REFERENCE)
            told, _ = client.capture(Person(verifier, "P005").frame)
        assert told["capture"]["last_error"] == "score_below_threshold"
        (report,) = reports(shop, session)
        assert (report["decision"]["outcome"], report["decision"]["liveness"]["status"]) == ("no_match", "passed")

    def test_enrolment_and_verification_with_what_it_hands_out(
        self, server: Running, shop: httpx.Client, verifier: Verifier, vault: Vault
    ) -> None:
        consent = {"text": "May we?", "version": "1", "locale": "en", "retention_days": 30}
        enrolment = shop.post("/v1/enrolments", json={"subject": "anna", "purpose": "door", "consent": consent}).json()
        with connected(server, enrolment) as client:
            client.begin()
            told, _ = client.capture(Person(verifier).frame)
        assert told["capture"]["status"] == "enrolled"
        (code,) = told["capture"]["codes"]
        session = opened(shop, against="subject", subject=subject_id(vault))
        with connected(server, session) as client:
            client.begin(claim=code["text"])
            told, _ = client.capture(Person(verifier).frame)
        assert told["capture"]["status"] == "verified"

    def test_an_enrolment_of_a_photo_fails(self, server: Running, shop: httpx.Client, verifier: Verifier) -> None:
        consent = {"text": "May we?", "version": "1", "locale": "en", "retention_days": 30}
        enrolment = shop.post("/v1/enrolments", json={"subject": "anna", "purpose": "door", "consent": consent}).json()
        with connected(server, enrolment) as client:
            client.begin()
            told, _ = client.capture(Person(verifier, height=flat).frame)
        assert (told["capture"]["status"], told["capture"]["last_error"]) == ("requires_input", "liveness_failed")
        assert (told["capture"]["codes"], shop.get("/v1/subjects").json()["data"][0]["name"]) == ([], "anna")

    @pytest.mark.parametrize("agreed", [True, False])
    def test_the_chosen_frames_alone_are_kept_where_all_want_it(
        self, serve: Callable[..., Running], desk: Desk, api_key: str, verifier: Verifier, vault: Vault, agreed: bool
    ) -> None:
        terms = {"text": "May we keep your photos?", "version": "1", "locale": "en", "retention_days": 90}
        server, private = serve(desk=replace(desk, evidence_key=public_of(PRIVATE))), photo("P001")
        with server.client(api_key) as shop:
            session = opened(shop, evidence=terms)
        sent: list[bytes] = []
        person = Person(verifier)

        def frame(code: str, at_s: float) -> bytes:
            sent.append(person.frame(code, at_s))
            return sent[-1]

        with connected(server, session) as client:
            client.begin(evidence_agreed=agreed)
            client.send(private, REFERENCE)
            told, _ = client.capture(frame)
        assert told["capture"]["status"] == "verified"
        with vault.store.reading() as tx:
            kept = tx.evidence.of(session_id=session["id"])
        assert len(kept) == agreed
        for evidence in kept:
            with ZipFile(BytesIO(export_evidence(vault, evidence.name).open(PRIVATE))) as archive:
                names = {name for name in archive.namelist() if name.endswith(".jpg")}
                assert names == {"reference.jpg", *(f"probe-{number}.jpg" for number in range(1, 6))}
                assert all(archive.read(name) in [private, *sent] for name in names)

    def test_photos_are_not_taken_in_its_place(self, server: Running, shop: httpx.Client) -> None:
        session = opened(shop)
        with server.client(session["client_secret"]) as client:
            files = {"probe": photo("P001"), "reference": photo("P001")}
            answer = client.post(f"/v1/capture/{session['id']}", files=files)
        assert (answer.status_code, answer.json()["code"]) == (409, "liveness_required")
        assert seen(shop, session)["attempts_left"] == 3


@pytest.mark.parametrize("vault", ["sqlite", "postgresql"], indirect=True)
class TestBreakingOff:
    def test_the_first_time_is_free_and_then_each_costs_an_attempt(
        self, server: Running, shop: httpx.Client, verifier: Verifier
    ) -> None:
        session = opened(shop)
        after: dict[str, Any] = {}
        for left in (3, 2, 1, 0):
            with connected(server, session) as client:
                client.begin()
                client.send(photo("P001"), REFERENCE)
                person = Person(verifier)
                code, start = "", time.monotonic()
                while code not in ("turn_left", "turn_right", "nod"):
                    client.send(person.frame(code, time.monotonic() - start))
                    code = client.hear()["code"]
            after = seen(shop, session)
            assert (after["attempts_left"], after["last_error"]) == (left, "interrupted")
        assert after["status"] == "canceled"
        assert reports(shop, session) == []

    def test_before_anything_was_asked_it_costs_nothing(self, server: Running, shop: httpx.Client) -> None:
        session = opened(shop)
        for _ in range(4):
            with connected(server, session) as client:
                assert client.begin()["type"] == "ready"
            assert seen(shop, session)["status"] == "requires_input"
        assert seen(shop, session)["attempts_left"] == 3

    def test_nobody_else_captures_meanwhile(self, server: Running, shop: httpx.Client) -> None:
        session = opened(shop)
        with connected(server, session) as first, connected(server, session) as second:
            assert first.begin()["type"] == "ready"
            second.say({"type": "start", "secret": session["client_secret"], "consent": CONSENT})
            refused(second, "session_closed")
            first.send(photo("P001"), REFERENCE)
            first.send(photo("P001"))
            assert first.hear()["type"] == "guidance"

    def test_a_session_that_is_canceled_meanwhile_stays_so(
        self, server: Running, shop: httpx.Client, verifier: Verifier
    ) -> None:
        session = opened(shop)
        with connected(server, session) as client:
            client.begin()
            client.send(photo("P001"), REFERENCE)
            shop.post(f"/v1/verification_sessions/{session['id']}/cancel").raise_for_status()
            told, _ = client.capture(Person(verifier).frame)
        assert (told["type"], told["code"]) == ("error", "session_closed")
        assert seen(shop, session)["status"] == "canceled"
        assert reports(shop, session) == []

    def test_who_asks_for_a_review_is_taken_care_of(self, server: Running, shop: httpx.Client) -> None:
        session = opened(shop, alternatives=["review"])
        with connected(server, session) as client:
            told = client.begin(alternative="review")
        assert (told["type"], told["capture"]["status"]) == ("done", "canceled")
        assert seen(shop, session)["last_error"] == "review_requested"
        events = shop.get("/v1/events").json()["data"]
        assert "verification_session.canceled" in [each["type"] for each in events]

    def test_where_no_review_is_offered_there_is_none(self, server: Running, shop: httpx.Client) -> None:
        session = opened(shop)
        with connected(server, session) as client:
            client.say(
                {
                    "type": "start",
                    "secret": session["client_secret"],
                    "consent": CONSENT,
                    "alternative": "review",
                }
            )
            refused(client, "input_invalid")
        assert seen(shop, session)["status"] == "requires_input"


class TestAttacks:
    def test_five_failures_lock_the_session(self, server: Running, shop: httpx.Client, verifier: Verifier) -> None:
        session = opened(shop, attempts=10, alternatives=["review"])
        for _ in range(5):
            with connected(server, session) as client:
                client.begin()
                client.send(photo("P001"), REFERENCE)
                told, _ = client.capture(Person(verifier, mirrored=True).frame)
                assert told["type"] == "done"
        with connected(server, session) as client:
            client.say({"type": "start", "secret": session["client_secret"], "consent": CONSENT})
            told = refused(client, "rate_limited")
        assert 1_700 < told["retry_after_s"] <= 1_800
        with connected(server, session) as client:  # but people may take care of it
            told = client.begin(alternative="review")
        assert told["capture"]["last_error"] == "review_requested"
        with connected(server, opened(shop)) as client:
            assert client.begin()["type"] == "ready"

    def test_and_the_claim_that_was_shown_but_nobody_elses(
        self, server: Running, shop: httpx.Client, vault: Vault, clock: Clock
    ) -> None:
        claims = [enrol(vault, ANNA).text(), enrol(vault, ANNA, purpose="till").text()]
        with vault.store.writing() as tx:
            for key in failure_keys("vs_another", claims[0]):
                for _ in range(5):
                    tx.failures.add(key, clock.now)
        for claim, code in ((claims[0], "rate_limited"), (claims[1], None), ("VC1:NONE", "claim_malformed")):
            session = opened(shop, against="subject", subject=subject_id(vault))
            with connected(server, session) as client:
                assert client.begin(claim=claim)["type"] == "ready"
                client.send(photo("P001"))
                if code is None:
                    assert client.hear()["type"] == "guidance"
                else:
                    refused(client, code)
            assert seen(shop, session)["attempts_left"] == 3

    @pytest.mark.parametrize("secret", ["vscs_wrong", "", "another's", "x" * 200])
    def test_a_secret_of_another_session(self, server: Running, shop: httpx.Client, secret: str) -> None:
        session, other = opened(shop), opened(shop)
        wrong = other["client_secret"] if secret == "another's" else secret  # noqa: S105
        with connected(server, session) as client:
            client.say({"type": "start", "secret": wrong, "consent": CONSENT})
            refused(client, "client_secret_refused")
        assert seen(shop, session)["status"] == "requires_input"

    def test_secrets_are_not_guessed(self, serve: Callable[..., Running], api_key: str) -> None:
        server = serve(rates=Rates(failed_by_address=3))
        with server.client(api_key) as shop:
            session = opened(shop)
        for code in ("client_secret_refused",) * 3 + ("rate_limited",) * 2:
            with connected(server, session) as client:
                client.say({"type": "start", "secret": "vscs_no", "consent": CONSENT})
                refused(client, code)
        with connected(server, session) as client:  # which turns no good one away
            assert client.begin()["type"] == "ready"

    @pytest.mark.parametrize(
        ("first", "code"),
        [
            ("", "input_invalid"),
            ("no JSON", "input_invalid"),
            ("[]", "input_invalid"),
            ('{"type": "start"}', "input_invalid"),
            ('{"type": "stop", "secret": "a", "consent": {"version": "1", "locale": "en"}}', "input_invalid"),
            ('{"type": "start", "secret": "a", "consent": {"version": "", "locale": "en"}}', "input_invalid"),
            ('{"type": "start", "secret": "a", "consent": {"version": "1", "locale": "!"}}', "input_invalid"),
            (
                '{"type": "start", "secret": "a", "consent": {"version": "1", "locale": "en"}, "more": 1}',
                "input_invalid",
            ),
            ('{"type": "start", "secret": 7, "consent": {"version": "1", "locale": "en"}}', "input_invalid"),
            ("[" * 100_000, "input_invalid"),
            ("x" * 200_000, "input_invalid"),
            (json.dumps({"type": "start", **{f"k{number}": 1 for number in range(8_000)}}), "input_invalid"),
            (b"bytes", "input_invalid"),
        ],
    )
    def test_a_first_message_that_is_none(
        self, server: Running, shop: httpx.Client, first: str | bytes, code: str
    ) -> None:
        session = opened(shop)
        with connected(server, session) as client:
            client.socket.send(first)
            refused(client, code)

    def test_nothing_that_was_sent_is_said_again(self, server: Running, shop: httpx.Client) -> None:
        session = opened(shop)
        with connected(server, session) as client:
            client.say({"type": "start", "secret": "a", "consent": CONSENT, "unheard-of": {"of": "it"}})
            assert "unheard-of" not in refused(client, "input_invalid")["message"]

    def test_who_agrees_to_what_nobody_asked_is_told_before_they_are_captured(
        self, server: Running, shop: httpx.Client
    ) -> None:
        session = opened(shop)
        with connected(server, session) as client:
            client.say(
                {"type": "start", "secret": session["client_secret"], "consent": CONSENT, "evidence_agreed": True}
            )
            refused(client, "input_invalid")

    def test_captures_are_not_begun_without_end(
        self, server: Running, shop: httpx.Client, vault: Vault, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("visavis.session.conducting.BEGUN_MAX", 3)
        session = opened(shop)
        for _ in range(3):
            with connected(server, session) as client:
                client.begin()
            seen(shop, session)
        with connected(server, session) as client:
            client.say({"type": "start", "secret": session["client_secret"], "consent": CONSENT})
            refused(client, "session_closed")
        assert [each["event"] for each in log(vault)].count("capture_agreed") == 3

    def test_one_photo_of_each_kind(self, server: Running, shop: httpx.Client) -> None:
        session = opened(shop)
        with connected(server, session) as client:
            client.begin()
            client.send(photo("P001"), REFERENCE)
            client.send(photo("P001"), REFERENCE)
            refused(client, "stream_broken")

    def test_no_session_is_held_for_ever(
        self, server: Running, shop: httpx.Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("visavis.api.live._WHOLE_S", 0.5)
        session = opened(shop)
        with connected(server, session) as client:
            client.begin()
            client.send(photo("P001"), REFERENCE)
            refused(client, "request_too_slow")
        assert seen(shop, session)["attempts_left"] == 3

    def test_who_hangs_up_on_a_verdict_has_it_all_the_same(
        self, server: Running, shop: httpx.Client, verifier: Verifier
    ) -> None:
        session = opened(shop)
        with connected(server, session) as client:
            client.begin()
            client.send(photo("P001"), REFERENCE)
            person, code, start = Person(verifier, mirrored=True), "", time.monotonic()
            while code not in ("turn_left", "turn_right", "nod"):
                client.send(person.frame(code, time.monotonic() - start))
                code = client.hear()["code"]
            with suppress(ConnectionClosed):
                while True:  # sends, and does not listen; a wrong turn ends it
                    time.sleep(0.05)
                    client.send(person.frame(code if code != "nod" else "turn_left", time.monotonic() - start))
        after = seen(shop, session)
        assert (after["attempts_left"], after["last_error"]) == (2, "liveness_failed")

    def test_who_pings_and_reads_nothing_is_dropped(self, serve: Callable[..., Running], api_key: str) -> None:
        server = serve(headers_s=0.5, send_bytes=4_096)
        with server.client(api_key) as shop:
            path = f"/v1/capture/{opened(shop)['id']}/live"
        with socket.create_connection(server.address) as raw:
            raw.sendall(
                f"GET {path} HTTP/1.1\r\nHost: it\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n\r\n".encode()
            )
            raw.recv(1_000)
            pings = 100 * (bytes([0x89, 0x80 | 125, 0, 0, 0, 0]) + bytes(125))
            with pytest.raises(ConnectionError):
                send_again_and_again(raw, pings)

    def test_without_what_the_person_is_compared_with_they_are_not_captured(
        self, server: Running, shop: httpx.Client
    ) -> None:
        session = opened(shop)
        with connected(server, session) as client:
            client.begin()
            client.send(photo("P001"))
            refused(client, "input_invalid")

    @pytest.mark.parametrize("broken", ["mac", "counter", "kind", "picture", "short", "text", "again", "large", "huge"])
    def test_messages_that_do_not_follow(self, server: Running, shop: httpx.Client, broken: str) -> None:
        session = opened(shop)
        with connected(server, session) as client:
            client.begin()
            client.send(photo("P001"), REFERENCE)
            message = bytearray(client.packed(photo("P001")))
            code = "stream_broken"
            match broken:
                case "mac":
                    message[5] ^= 1
                case "counter":
                    struct.pack_into(">I", message, 1, 7)
                case "kind":
                    message[0] = 9
                case "picture":
                    message[-1] ^= 1
                case "short":
                    message = message[:20]
                case "again":
                    client.socket.send(bytes(message))
                    assert client.hear()["type"] == "guidance"
                case "large":
                    client._count -= 1
                    client._last = bytes(0)
                    message, code = bytearray(600_000), "stream_broken"
                case "huge":
                    message, code = bytearray(5 * 1024 * 1024), ""
            try:
                client.socket.send("frame" if broken == "text" else bytes(message))
            except ConnectionClosed:
                assert broken == "huge"
            if code:
                refused(client, code)
            else:
                with pytest.raises(ConnectionClosed):
                    client.hear()
        assert seen(shop, session)["attempts_left"] == 3

    def test_a_frame_that_is_too_large_or_no_picture(self, server: Running, shop: httpx.Client) -> None:
        for frame, code in (
            (bytes(524_289), "request_too_large"),
            (b"no picture", "image_unsupported"),
            (encoded(pixels("P001", "studio_portrait", 300), "PNG"), "image_unsupported"),
            (encoded(pixels("P001", "studio_portrait", 1600), "JPEG"), "image_too_large"),
            (photo("P001")[:30_000], "image_truncated"),
        ):
            session = opened(shop)
            with connected(server, session) as client:
                client.begin()
                client.send(photo("P001"), REFERENCE)
                client.send(frame)
                refused(client, code)
            assert seen(shop, session)["status"] == "requires_input"

    def test_mutated_messages_end_in_a_typed_error_or_guidance(self, server: Running, shop: httpx.Client) -> None:
        """As many as connections allow; ten thousand are tried on the parsers alone in `test_stream`."""
        chance = random.Random(7)  # noqa: S311
        whole = photo("P001")
        session = opened(shop)
        for _ in range(40):
            with connected(server, session) as client:
                client.begin()
                client.send(whole, REFERENCE)
                mutated = bytearray(whole)
                for _ in range(chance.randint(1, 20)):
                    mutated[chance.randrange(len(mutated))] = chance.randrange(256)
                client.send(bytes(mutated[: chance.randint(1, len(mutated))]))
                assert client.hear()["type"] in ("guidance", "error")
        assert seen(shop, session)["status"] == "requires_input"

    def test_a_flood_of_frames_is_dropped_and_then_cut_off(self, server: Running, shop: httpx.Client) -> None:
        session = opened(shop)
        with connected(server, session) as client:
            client.begin()
            client.send(photo("P001"), REFERENCE)
            frame = photo("P001")
            with suppress(ConnectionClosed):
                for _ in range(60):
                    client.send(frame)
            answered = []
            while (told := client.hear())["type"] == "guidance":
                answered.append(told["frame"])
        assert (told["type"], told["code"]) == ("error", "rate_limited")
        assert answered == sorted(set(answered))
        assert len(answered) < 40  # the newest alone is looked at

    def test_who_says_nothing_holds_no_place(
        self, serve: Callable[..., Running], api_key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("visavis.api.live._START_S", 0.5)
        server = serve(studio=Studio(1, 1))
        with server.client(api_key) as shop:
            session = opened(shop)
        with connected(server, session) as silent, connected(server, session) as client:
            assert client.begin()["type"] == "ready"
            refused(silent, "request_too_slow")

    def test_who_stops_sending_loses_the_session(
        self, server: Running, shop: httpx.Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("visavis.api.live._PHOTO_S", 0.5)
        session = opened(shop)
        with connected(server, session) as client:
            client.begin()
            refused(client, "request_too_slow")
        assert seen(shop, session)["status"] == "requires_input"

    def test_more_people_than_places(self, serve: Callable[..., Running], api_key: str) -> None:
        server = serve(studio=Studio(1, 1))
        with server.client(api_key) as shop:
            first, second = opened(shop), opened(shop)
        with connected(server, first) as client:
            client.begin()
            with connected(server, second) as other:
                other.say({"type": "start", "secret": second["client_secret"], "consent": CONSENT})
                refused(other, "overloaded")
        time.sleep(0.2)
        with connected(server, second) as other:
            assert other.begin()["type"] == "ready"

    def test_too_many_connections_of_one_address(self, server: Running, shop: httpx.Client) -> None:
        session = opened(shop)
        held = [connected(server, session) for _ in range(20)]
        for each in held:
            each.__enter__()
        with connected(server, session) as client:
            refused(client, "rate_limited")
        for each in held:
            each.__exit__(None, None, None)
        time.sleep(0.2)
        with connected(server, session) as client:
            assert client.begin()["type"] == "ready"

    def test_pages_of_other_sites(self, server: Running, shop: httpx.Client) -> None:
        session = opened(shop)
        for origin, allowed in (
            ("https://verify.example", True),
            ("https://bank.example", True),
            ("https://bank.example.evil.example", False),
            ("http://bank.example", False),
            ("null", False),
        ):
            if allowed:
                with connected(server, session, origin=origin) as client:
                    assert client.begin()["type"] == "ready"
                seen(shop, session)
            else:
                with pytest.raises(InvalidStatus) as status, connected(server, session, origin=origin):
                    pass
                assert status.value.response.status_code == 403

    @pytest.mark.parametrize("path", ["/", "/v1/events", "/v1/capture/x", "/v1/capture/x/live/more", "/metrics"])
    def test_nothing_else_is_connected_to(self, server: Running, path: str) -> None:
        from websockets.sync.client import connect

        with (
            pytest.raises(InvalidStatus) as status,
            connect(f"ws://{server.address[0]}:{server.address[1]}{path}", proxy=None),
        ):
            pass
        assert status.value.response.status_code == 404

    def test_a_server_that_stops_gives_sessions_back(
        self, serve: Callable[..., Running], api_key: str, vault: Vault
    ) -> None:
        server = serve()
        with server.client(api_key) as shop:
            session = opened(shop)
        with connected(server, session) as client:
            client.begin()
            server.server.should_exit = True
            with pytest.raises(ConnectionClosed):
                client.hear()
        kept = None
        for _ in range(100):
            with vault.store.reading() as tx:
                kept = tx.sessions.get(session["id"])
            if kept is not None and kept.status == "requires_input":
                return
            time.sleep(0.05)
        raise AssertionError(kept)


def test_a_capture_says_nothing_of_frames_in_metrics(server: Running, shop: httpx.Client, verifier: Verifier) -> None:
    session = opened(shop)
    with connected(server, session) as client:
        client.begin()
        client.send(photo("P001"), REFERENCE)
        client.capture(Person(verifier).frame)
    told = shop.get("/metrics").text
    assert 'visavis_live_captures_total{reason="none",status="passed"} 1.0' in told
    assert "visavis_captures_in_work 0.0" in told
    assert json.dumps(session["id"]) not in told
