import hmac
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.api import Running
from tests.client.conftest import MakeClient
from visavis.client import EventSeen, SignatureInvalid, Webhooks
from visavis.errors import InputInvalid

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - the specification's example
OTHER = "whsec_" + b64encode(bytes(range(32))).decode()
NOW = 1614265330
BODY = b'{"type": "verification_session.verified", "timestamp": "2021-02-25T15:02:10.000000Z", "data": {"id": "vs_1"}}'


def signature(body: bytes, *, event_id: str = "evt_1", at: str = str(NOW), secret: str = SECRET) -> str:
    key = b64decode(secret.removeprefix("whsec_"))
    return "v1," + b64encode(hmac.digest(key, f"{event_id}.{at}.".encode() + body, "sha256")).decode()


def headers(body: bytes = BODY, *, event_id: str = "evt_1", at: str = str(NOW), secret: str = SECRET) -> dict[str, str]:
    return {
        "webhook-id": event_id,
        "webhook-timestamp": at,
        "webhook-signature": signature(body, event_id=event_id, at=at, secret=secret),
    }


def webhooks(*secrets: str, now: float = NOW, **how: Any) -> Webhooks:
    return Webhooks(*(secrets or (SECRET,)), clock=lambda: now, **how)


class TestGoodOnes:
    def test_an_event_as_it_is_sent(self) -> None:
        event = webhooks().verify(BODY, headers())
        assert (event.id, event.type, event.data) == ("evt_1", "verification_session.verified", {"id": "vs_1"})
        assert (event.created_at, event.deliveries) == (datetime(2021, 2, 25, 15, 2, 10, tzinfo=UTC), ())

    def test_the_specifications_example_is_signed_as_it_says(self) -> None:
        """It is no event; that is found out once its signature is good, and not before."""
        given = {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        }
        with pytest.raises(SignatureInvalid, match="it is signed, and no event"):
            webhooks().verify(b'{"test": 2432232314}', given)
        with pytest.raises(SignatureInvalid, match="none of the signatures"):
            webhooks().verify(b'{"test": 2432232315}', given)

    def test_headers_in_any_case_of_letters(self) -> None:
        assert webhooks().verify(BODY, {name.title(): value for name, value in headers().items()}).id == "evt_1"

    @pytest.mark.parametrize("secret", [SECRET, SECRET.removeprefix("whsec_")])
    def test_a_secret_with_and_without_its_prefix(self, secret: str) -> None:
        assert webhooks(secret).verify(BODY, headers()).id == "evt_1"

    @pytest.mark.parametrize("by", [SECRET, OTHER])
    def test_several_secrets_while_one_takes_the_others_place(self, by: str) -> None:
        assert webhooks(SECRET, OTHER).verify(BODY, headers(secret=by)).id == "evt_1"

    @pytest.mark.parametrize("before", ["v1,AAAA ", "v1a,x v2,y ", " ", "v1 ", ", ", "v1,ä "])
    def test_several_signatures_one_of_which_is_good(self, before: str) -> None:
        given = headers()
        given["webhook-signature"] = before + given["webhook-signature"]
        assert webhooks().verify(BODY, given).id == "evt_1"

    @pytest.mark.parametrize("seconds", [-300, 300])
    def test_clocks_that_differ_a_little(self, seconds: int) -> None:
        assert webhooks(now=NOW + seconds).verify(BODY, headers()).id == "evt_1"

    def test_fields_that_later_versions_add(self) -> None:
        body = json.dumps({**json.loads(BODY), "more": [1]}).encode()
        assert webhooks().verify(body, headers(body)).id == "evt_1"


class TestOthers:
    @pytest.mark.parametrize("seconds", [-301, 301, -(10**9)])
    def test_old_ones_and_those_from_the_future(self, seconds: int) -> None:
        with pytest.raises(SignatureInvalid, match="300 s"):
            webhooks(now=NOW + seconds).verify(BODY, headers())

    def test_another_secret(self) -> None:
        with pytest.raises(SignatureInvalid):
            webhooks().verify(BODY, headers(secret=OTHER))

    @pytest.mark.parametrize("body", [b"", BODY + b" ", BODY.replace(b"vs_1", b"vs_2"), BODY[:-1]])
    def test_another_body(self, body: bytes) -> None:
        with pytest.raises(SignatureInvalid, match="none of the signatures"):
            webhooks().verify(body, headers())

    @pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
    @pytest.mark.parametrize("value", [None, "", "x", "0", "evt_2", "1614265331", "evt_1 ", "²", "1_614_265_330"])
    def test_another_header(self, name: str, value: str | None) -> None:
        given = headers() | {name: value or ""}
        if value is None:
            del given[name]
        with pytest.raises(SignatureInvalid):
            webhooks().verify(BODY, given)

    @pytest.mark.parametrize("version", ["v1a", "v2", "V1", "", "v1,v1"])
    def test_another_version_of_signatures(self, version: str) -> None:
        given = headers()
        given["webhook-signature"] = f"{version},{given['webhook-signature'].partition(',')[2]}"
        with pytest.raises(SignatureInvalid):
            webhooks().verify(BODY, given)

    def test_a_flood_of_signatures_is_not_gone_through(self) -> None:
        given = headers()
        given["webhook-signature"] = "v1,x " * 16 + given["webhook-signature"]
        with pytest.raises(SignatureInvalid):
            webhooks().verify(BODY, given)

    def test_what_is_signed_cannot_be_parted_elsewhere(self) -> None:
        """`evt_1.5` and `7` are not `evt_1` and `5.7`."""
        given = headers(event_id="evt_1.5", at=str(NOW))
        with pytest.raises(SignatureInvalid, match="expected the headers"):
            webhooks().verify(BODY, given)

    @pytest.mark.parametrize(
        "body", [b"{}", b"[]", b"{", b"\xff", b'{"type": 1, "timestamp": "2021-02-25T15:02:10Z", "data": {}}',
                 b'{"type": "x", "timestamp": "2021-02-25T15:02:10", "data": {}}', b"[" * 100_000]
    )  # fmt: skip
    def test_what_is_signed_and_no_event(self, body: bytes) -> None:
        with pytest.raises(SignatureInvalid, match="no event"):
            webhooks().verify(body, headers(body))


class TestRepetitions:
    def test_one_that_was_seen_is_told_as_such(self) -> None:
        seen: set[str] = set()

        def note(event_id: str) -> bool:
            known = event_id in seen
            seen.add(event_id)
            return known

        checked = webhooks(seen=note)
        assert checked.verify(BODY, headers()).id == "evt_1"
        with pytest.raises(EventSeen):
            checked.verify(BODY, headers())
        assert checked.verify(BODY, headers(event_id="evt_2")).id == "evt_2"

    def test_nobody_is_asked_of_what_is_not_signed(self) -> None:
        asked: list[str] = []

        def note(event_id: str) -> bool:
            asked.append(event_id)
            return False

        with pytest.raises(SignatureInvalid):
            webhooks(seen=note).verify(BODY + b" ", headers())
        assert asked == []


class TestSecrets:
    @pytest.mark.parametrize(
        "secret", ["", "whsec_", "whsec_AAAA", "whsec_!!!!" + "A" * 40, "whsec_" + "A" * 33, "ä" * 40]
    )
    def test_what_is_none(self, secret: str) -> None:
        with pytest.raises(InputInvalid, match="whsec_ and base64"):
            Webhooks(secret)
        with pytest.raises(InputInvalid):
            Webhooks()

    def test_they_are_not_shown(self) -> None:
        assert SECRET[6:] not in repr(Webhooks(SECRET))


class TestWithTheService:
    @pytest.fixture
    def received(self) -> Iterator[tuple[str, list[tuple[bytes, dict[str, str]]]]]:
        """Where to send events, and what came."""
        came: list[tuple[bytes, dict[str, str]]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                came.append((self.rfile.read(int(self.headers["Content-Length"])), dict(self.headers.items())))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        with HTTPServer(("127.0.0.1", 0), Handler) as listening:
            thread = Thread(target=listening.serve_forever, args=(0.01,))
            thread.start()
            yield f"http://127.0.0.1:{listening.server_address[1]}/hook", came
            listening.shutdown()
            thread.join()

    def test_what_it_sends_passes_before_and_after_a_rotation(
        self,
        received: tuple[str, list[tuple[bytes, dict[str, str]]]],
        make_client: MakeClient,
        server: Running,
        api_key: str,
    ) -> None:
        url, came = received
        client = make_client(server.url, api_key)
        made = client.webhook_endpoints.create(url=url)
        sent = client.webhook_endpoints.test(made.id)
        wait_for(came, 1)
        event = Webhooks(made.secret).verify(*came[0])
        assert (event.id, event.type, event.data) == (sent.id, "webhook_endpoint.test", sent.data)
        assert event.created_at == sent.created_at
        rotated = client.webhook_endpoints.rotate_secret(made.id)
        client.webhook_endpoints.test(made.id)
        wait_for(came, 2)
        for secret in (made.secret, rotated.secret):
            assert Webhooks(secret).verify(*came[1]).type == "webhook_endpoint.test"
        with pytest.raises(SignatureInvalid):
            Webhooks(rotated.secret).verify(*came[0])


def wait_for(came: list[Any], count: int) -> None:
    for _ in range(500):
        if len(came) >= count:
            return
        time.sleep(0.02)
    raise AssertionError("nothing came")
