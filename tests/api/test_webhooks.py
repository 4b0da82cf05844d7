"""Events reach their endpoints, signed, at least once, and nobody else."""

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.api import Running
from tests.api.receiver import Receiver, receiving
from tests.api.test_service import ANNA, BELA, opened, problem, submitted
from tests.session import Clock, log
from visavis.api.courier import Courier
from visavis.api.metrics import Metrics
from visavis.session import (
    DeliveryState,
    Most,
    Scope,
    Vault,
    add_endpoint,
    change_endpoint,
    find_endpoint,
    make_api_key,
    replay,
    settle_delivery,
    take_due,
    try_endpoint,
)
from visavis.session.outbox import BACK_OFF, SEND_LEASE

NEVER = "https://shop.example/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as there:
        yield there


def endpoint(client: httpx.Client, url: str, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/webhook_endpoints", json={"url": url, **body})
    assert response.status_code == 201, response.text
    told: dict[str, Any] = response.json()
    return told


def signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """As the specification has it, written down anew."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    made = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return made in headers["webhook-signature"].split(" ")


def state(client: httpx.Client, event_id: str, wanted: str, attempts: int | None = None) -> dict[str, Any]:
    """An event's one delivery, once it is in this state."""
    delivery: Any = None
    for _ in range(300):
        (delivery,) = client.get(f"/v1/events/{event_id}").json()["deliveries"]
        settled = delivery["last_status"] is not None or delivery["last_error"] is not None
        if settled and delivery["state"] == wanted and attempts in (None, delivery["attempts"]):
            return dict(delivery)
        time.sleep(0.05)
    raise AssertionError(delivery)


class TestDelivery:
    def test_what_happens_to_a_session_is_told_in_order_and_signed(
        self, server: Running, api_key: str, receiver: Receiver, clock: Clock
    ) -> None:
        with server.client(api_key) as shop:
            made = endpoint(shop, receiver.url)
            session = opened(shop)
            submitted(server, session, probe=ANNA.photo(), reference=BELA.photo())
            submitted(server, session, probe=ANNA.photo(), reference=ANNA.photo(1))
            clock.advance(seconds=1)
            shop.post(f"/v1/verification_sessions/{session['id']}/redact")
            got = receiver.wait(4)
            told = {json.loads(body)["type"]: json.loads(body)["data"] for _, body in got}
            assert sorted(told) == [
                "verification_session.created",
                "verification_session.redacted",
                "verification_session.requires_input",
                "verification_session.verified",
            ]
            assert told["verification_session.requires_input"]["last_error"] == "score_below_threshold"
            assert told["verification_session.verified"] == {
                "id": session["id"],
                "object": "verification_session",
                "purpose": "door",
                "status": "verified",
                "attempts_left": 1,
                "last_error": None,
            }
            for headers, body in got:
                assert signed(headers, body, made["secret"])
                assert not signed(headers, body + b" ", made["secret"])
                assert headers["content-type"] == "application/json"
                assert abs(int(headers["webhook-timestamp"]) - clock.now.timestamp()) < 5
            events = shop.get("/v1/events").json()["data"]
            assert {each["id"] for each in events} == {headers["webhook-id"] for headers, _ in got}
            for each in events:
                assert state(shop, each["id"], "delivered")["last_status"] == 204

    def test_an_application_is_told_of_its_own_alone_and_of_what_it_wants(
        self, server: Running, vault: Vault, api_key: str, receiver: Receiver
    ) -> None:
        _, other = make_api_key(vault, application="bank", scopes=Scope)
        with server.client(api_key) as shop, server.client(other) as bank:
            made = endpoint(bank, receiver.url, events=["verification_session.canceled"])
            opened(shop)
            session = opened(bank)
            bank.post(f"/v1/verification_sessions/{session['id']}/cancel")
            ((headers, body),) = receiver.wait(1)
            time.sleep(0.7)
            assert len(receiver.got) == 1
            assert json.loads(body)["data"]["id"] == session["id"]
            assert signed(headers, body, made["secret"])
            (event,) = [each for each in bank.get("/v1/events").json()["data"] if each["deliveries"]]
            problem(shop.get(f"/v1/events/{event['id']}"), 404, "event_unknown")
            problem(shop.post(f"/v1/events/{event['id']}/replay"), 404, "event_unknown")
            for act in (shop.get, shop.delete):
                problem(act(f"/v1/webhook_endpoints/{made['id']}"), 404, "endpoint_unknown")
            assert shop.get("/v1/webhook_endpoints").json()["data"] == []

    def test_what_fails_is_tried_again_later_and_given_up_at_last(
        self, server: Running, api_key: str, receiver: Receiver, clock: Clock
    ) -> None:
        receiver.answer = lambda: 500
        with server.client(api_key) as shop:
            made = endpoint(shop, receiver.url)
            event = shop.post(f"/v1/webhook_endpoints/{made['id']}/test").json()
            for attempt, wait in enumerate(BACK_OFF, 1):
                failed = state(shop, event["id"], "pending", attempt)
                assert (failed["last_status"], failed["last_error"]) == (500, "status")
                assert len(receiver.got) == attempt
                clock.advance(seconds=1.2 * wait.total_seconds())
            dead = state(shop, event["id"], "dead")
            assert dead["attempts"] == len(BACK_OFF) + 1
            receiver.answer = lambda: 200
            assert shop.post(f"/v1/events/{event['id']}/replay").json()["deliveries"][0]["state"] == "pending"
            assert state(shop, event["id"], "delivered")["attempts"] == 1
            assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
            assert len({body for _, body in receiver.got}) == 1

    def test_410_ends_it(self, server: Running, api_key: str, receiver: Receiver) -> None:
        receiver.answer = lambda: 410
        with server.client(api_key) as shop:
            made = endpoint(shop, receiver.url)
            event = shop.post(f"/v1/webhook_endpoints/{made['id']}/test").json()
            assert state(shop, event["id"], "dead")["attempts"] == 1
            assert shop.get(f"/v1/webhook_endpoints/{made['id']}").json()["disabled"] is True
            assert shop.get(f"/v1/events/{opened(shop) and event['id']}").json()["deliveries"]
            receiver.answer = lambda: 204
            assert not shop.patch(f"/v1/webhook_endpoints/{made['id']}", json={"disabled": False}).json()["disabled"]
            assert shop.post(f"/v1/events/{event['id']}/replay").json()["deliveries"] != []

    def test_redirects_are_not_followed(self, server: Running, api_key: str, receiver: Receiver) -> None:
        receiver.answer = lambda: 307
        with server.client(api_key) as shop:
            made = endpoint(shop, receiver.url)
            event = shop.post(f"/v1/webhook_endpoints/{made['id']}/test").json()
            assert state(shop, event["id"], "pending", 1)["last_status"] == 307
            assert len(receiver.got) == 1

    def test_a_delivery_whose_sender_was_killed_is_sent_again(
        self, serve: Callable[..., Running], vault: Vault, api_key: str, receiver: Receiver, clock: Clock
    ) -> None:
        made, _ = add_endpoint(vault, application="shop", url=receiver.url)
        event = try_endpoint(vault, made.id, application="shop")
        assert len(take_due(vault, Most(9, 9, 9))) == 1  # and nothing is ever sent
        with serve().client(api_key) as shop:
            time.sleep(0.7)
            assert receiver.got == []
            clock.advance(seconds=SEND_LEASE.total_seconds() + 1)
            assert state(shop, event.id, "delivered")["attempts"] == 2
        assert len(receiver.got) == 1

    def test_who_does_not_answer_keeps_no_other_application_waiting(
        self, server: Running, vault: Vault, api_key: str, receiver: Receiver
    ) -> None:
        bank = make_api_key(vault, application="bank", scopes=Scope)[1]
        with socket.create_server(("127.0.0.1", 0)) as silent, server.client(api_key) as shop:
            for number in range(6):
                endpoint(shop, f"http://127.0.0.1:{silent.getsockname()[1]}/{number}")
            for _ in range(20):
                opened(shop)
            with server.client(bank) as other:
                made = endpoint(other, receiver.url)
                other.post(f"/v1/webhook_endpoints/{made['id']}/test")
                receiver.wait(1, seconds=5)

    def test_no_more_is_taken_of_one_than_may_be(self, vault: Vault) -> None:
        urls = [f"https://{name}.example/" for name in ("a", "b", "c")]
        ends = [add_endpoint(vault, application="shop", url=url)[0] for url in urls[:2]]
        ends.append(add_endpoint(vault, application="bank", url=urls[2])[0])
        for end in ends:
            for _ in range(5):
                try_endpoint(vault, end.id, application=end.application)
        taken = take_due(vault, Most(99, 4, 3))
        assert Counter(each.endpoint.application for each in taken) == {"shop": 4, "bank": 3}
        in_work = [(each.endpoint.application, each.endpoint.id) for each in taken]
        assert take_due(vault, Most(99, 4, 3), in_work=in_work) == []
        assert len(take_due(vault, Most(99, 99, 99), in_work=in_work)) == 8

    def test_who_has_much_to_send_is_looked_past(self, vault: Vault, clock: Clock) -> None:
        much, _ = add_endpoint(vault, application="shop", url="https://a.example/")
        little, _ = add_endpoint(vault, application="bank", url="https://b.example/")
        for _ in range(50):
            try_endpoint(vault, much.id, application="shop")
        clock.advance(seconds=1)
        try_endpoint(vault, little.id, application="bank")
        taken = take_due(vault, Most(10, 8, 8), in_work=[("shop", much.id)] * 7)
        assert [each.endpoint.id for each in taken] == [much.id, little.id]

    def test_one_that_is_taken_again_and_again_is_given_up(self, vault: Vault, clock: Clock) -> None:
        made, _ = add_endpoint(vault, application="shop", url="https://shop.example/")
        event = try_endpoint(vault, made.id, application="shop")
        taken = 0
        while take_due(vault, Most(9, 9, 9)):
            taken += 1
            clock.advance(seconds=SEND_LEASE.total_seconds() + 1)
        assert taken == len(BACK_OFF) + 1
        with vault.store.reading() as tx:
            (delivery,) = tx.outbox.deliveries([event.id])
        assert (delivery.state, delivery.last_error) == (DeliveryState.DEAD, "fault")

    def test_a_410_of_an_earlier_address_disables_nothing(self, vault: Vault) -> None:
        made, _ = add_endpoint(vault, application="shop", url="https://old.example/")
        try_endpoint(vault, made.id, application="shop")
        (sending,) = take_due(vault, Most(9, 9, 9))
        change_endpoint(vault, made.id, application="shop", url="https://new.example/")
        settle_delivery(vault, sending, status=410, error="status")
        assert not find_endpoint(vault, made.id, application="shop").disabled

    def test_a_test_is_replayed_where_it_was_for(self, vault: Vault) -> None:
        made, _ = add_endpoint(vault, application="shop", url="https://a.example/")
        add_endpoint(vault, application="shop", url="https://b.example/")
        event = try_endpoint(vault, made.id, application="shop")
        assert [each.endpoint_id for each in replay(vault, event.id, application="shop")] == [made.id]

    def test_a_fault_that_nobody_foresaw_ends_nothing(
        self, serve: Callable[..., Running], api_key: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import visavis.api.courier as module

        looked: list[int] = []

        def look(*arguments: Any, **named: Any) -> Any:
            looked.append(1)
            if len(looked) < 3:
                raise RuntimeError("can't start new thread")
            return take_due(*arguments, **named)

        monkeypatch.setattr(module, "take_due", look)
        with serve().client(api_key) as shop:
            made = endpoint(shop, receiver.url)
            shop.post(f"/v1/webhook_endpoints/{made['id']}/test")
            receiver.wait(1, seconds=10)

    @pytest.mark.parametrize("ticks", range(6))
    def test_it_ends_when_it_is_told_to_at_any_moment(self, vault: Vault, ticks: int) -> None:
        async def main() -> bool:
            courier = Courier(vault, Metrics())
            running = asyncio.create_task(courier.run())
            await asyncio.sleep(0.2)
            courier._freed.set()
            for _ in range(ticks):
                await asyncio.sleep(0)
            running.cancel()
            await asyncio.wait({running}, timeout=5)
            return running.done()

        assert asyncio.run(main())


class TestSecrets:
    def test_a_new_secret_signs_with_the_old_one_for_a_day(
        self, server: Running, api_key: str, receiver: Receiver, clock: Clock
    ) -> None:
        with server.client(api_key) as shop:
            old = endpoint(shop, receiver.url)
            new = shop.post(f"/v1/webhook_endpoints/{old['id']}/rotate_secret").json()
            assert new["secret"] != old["secret"]
            test = f"/v1/webhook_endpoints/{old['id']}/test"
            shop.post(test)
            ((headers, body),) = receiver.wait(1)
            assert signed(headers, body, old["secret"])
            assert signed(headers, body, new["secret"])
            clock.advance(seconds=timedelta(days=1).total_seconds())
            shop.post(test)
            headers, body = receiver.wait(2)[1]
            assert not signed(headers, body, old["secret"])
            assert signed(headers, body, new["secret"])

    def test_it_is_told_once_and_kept_nowhere(self, server: Running, vault: Vault, api_key: str) -> None:
        with server.client(api_key) as shop:
            made = endpoint(shop, "http://127.0.0.1:1/")
            key = base64.b64decode(made["secret"].removeprefix("whsec_"))
            assert len(key) == 32
            assert made["secret"] not in shop.get(f"/v1/webhook_endpoints/{made['id']}").text
            with vault.store.reading() as tx:
                kept = tx.outbox.endpoint(made["id"])
            assert kept is not None
            assert key not in (kept.secret.salt, repr(kept).encode())
            assert made["secret"] not in json.dumps(log(vault))
            assert "127.0.0.1" not in json.dumps(log(vault))


class TestAddresses:
    @pytest.mark.parametrize(
        "url",
        [
            "http://shop.example/hook",
            "https://user:word@shop.example/",
            "https://shop.example/#x",
            "https://",
            "file:///etc/passwd",
            "https://shop.example:99999/",
            "https://sh op.example/",
            "https://shöp.example/",
            "https://shop.example/" + "x" * 2_000,
        ],
    )
    def test_what_is_no_address_for_events_is_refused(
        self, url: str, serve: Callable[..., Running], vault: Vault, api_key: str
    ) -> None:
        metrics = Metrics()
        with serve(courier=Courier(vault, metrics), metrics=metrics).client(api_key) as shop:
            problem(shop.post("/v1/webhook_endpoints", json={"url": url}), 422, "input_invalid")
            assert shop.get("/v1/webhook_endpoints").json()["data"] == []

    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "localhost",
            "[::1]",
            "0.0.0.0",  # noqa: S104 - is refused
            "10.0.0.1",
            "169.254.169.254",
            "[::ffff:127.0.0.1]",
            "2130706433",
        ],
    )
    def test_nothing_is_sent_into_the_operators_network(
        self, host: str, serve: Callable[..., Running], vault: Vault, api_key: str, receiver: Receiver
    ) -> None:
        port = receiver.url.split(":")[2].split("/")[0]
        metrics = Metrics()
        with serve(courier=Courier(vault, metrics), metrics=metrics).client(api_key) as shop:
            made = endpoint(shop, f"https://{host}:{port}/hook")
            event = shop.post(f"/v1/webhook_endpoints/{made['id']}/test").json()
            failed = state(shop, event["id"], "pending", 1)
            assert (failed["last_status"], failed["last_error"]) == (None, "address_refused")
        assert receiver.got == []

    def test_types_that_there_are_not_are_refused(self, server: Running, api_key: str) -> None:
        with server.client(api_key) as shop:
            refused = shop.post("/v1/webhook_endpoints", json={"url": NEVER, "events": ["subject.found"]})
            assert "'subject.found'" in problem(refused, 422, "input_invalid")["detail"]

    def test_an_application_has_so_many_and_no_more(self, server: Running, api_key: str) -> None:
        with server.client(api_key) as shop:
            for _ in range(16):
                endpoint(shop, NEVER, events=["verification_session.expired"])
            problem(shop.post("/v1/webhook_endpoints", json={"url": NEVER}), 422, "input_invalid")

    def test_a_removed_endpoint_is_sent_nothing_more(self, server: Running, api_key: str, receiver: Receiver) -> None:
        receiver.answer = lambda: 500
        with server.client(api_key) as shop:
            made = endpoint(shop, receiver.url)
            event = shop.post(f"/v1/webhook_endpoints/{made['id']}/test").json()
            state(shop, event["id"], "pending", 1)
            assert shop.delete(f"/v1/webhook_endpoints/{made['id']}").status_code == 204
            assert shop.get(f"/v1/events/{event['id']}").json()["deliveries"] == []
            problem(shop.delete(f"/v1/webhook_endpoints/{made['id']}"), 404, "endpoint_unknown")
