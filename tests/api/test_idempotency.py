"""A request that is repeated with its idempotency key is carried out once."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.api import Running
from tests.api.test_enrolments import asked
from tests.api.test_service import ANNA, UPLOADED, problem
from tests.session import Clock, events
from visavis.errors import StoreUnusable
from visavis.session import Asked, Desk, Scope, Vault, begin_request, make_api_key

KEY = {"Idempotency-Key": "order 77".replace(" ", "-")}


def create(client: httpx.Client, body: dict[str, Any] = UPLOADED, **headers: str) -> httpx.Response:
    return client.post("/v1/verification_sessions", json=body, headers={**KEY, **headers})


class TestRepeated:
    def test_what_was_done_and_whose_answer_could_not_be_kept_is_not_done_again(
        self, server: Running, vault: Vault, api_key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise StoreUnusable("the disk is full")

        monkeypatch.setattr("visavis.api.idempotency.finish_request", full)
        with server.client(api_key) as shop:
            problem(create(shop), 503, "store_unusable")
            problem(create(shop), 409, "idempotency_unfinished")
            assert len(shop.get("/v1/verification_sessions").json()["data"]) == 1

    def test_what_was_asked_cannot_be_guessed_from_what_is_kept(self) -> None:
        one, other = (Asked(secret, "k", bytes(32)) for secret in ("vsk_1", "vsk_2"))
        assert one.request != other.request
        assert one.request == Asked("vsk_1", "another", bytes(32)).request

    def test_it_is_answered_alike(self, server: Running, vault: Vault, api_key: str) -> None:
        with server.client(api_key) as shop:
            first, second = create(shop), create(shop)
            assert (first.status_code, second.status_code) == (201, 201)
            assert first.json() == second.json()
            assert "idempotent-replayed" not in first.headers
            assert second.headers["idempotent-replayed"] == "true"
            assert first.headers["x-request-id"] != second.headers["x-request-id"]
            assert len(shop.get("/v1/verification_sessions").json()["data"]) == 1

    def test_a_form_too_whose_boundary_is_drawn_anew(self, server: Running, api_key: str) -> None:
        with server.client(api_key) as shop:
            answers = [
                shop.post(
                    "/v1/comparisons", files={"reference": ANNA.photo(), "probe": ANNA.photo(1)}, headers=KEY
                ).json()
                for _ in range(2)
            ]
        assert answers[0] == answers[1]
        assert answers[0]["outcome"] == "match"

    def test_another_request_is_refused(self, server: Running, api_key: str) -> None:
        with server.client(api_key) as shop:
            session = create(shop).json()
            problem(create(shop, {**UPLOADED, "purpose": "payment"}), 422, "idempotency_mismatch")
            path = f"/v1/verification_sessions/{session['id']}/cancel"
            problem(shop.post(path, headers=KEY), 422, "idempotency_mismatch")
            assert shop.get(f"/v1/verification_sessions/{session['id']}").json()["status"] == "requires_input"

    def test_keys_of_two_who_ask_are_two(self, server: Running, vault: Vault, api_key: str) -> None:
        _, other = make_api_key(vault, application="bank", scopes=Scope)
        with server.client(api_key) as shop, server.client(other) as bank:
            assert create(shop).json()["id"] != create(bank).json()["id"]

    def test_what_failed_may_be_made_again(self, server: Running, vault: Vault, api_key: str) -> None:
        with server.client(api_key) as shop:
            problem(create(shop, {**UPLOADED, "policy": "1e-9"}), 422, "policy_unknown")
            assert create(shop).status_code == 201

    def test_after_a_day_the_key_is_free_again(self, server: Running, desk: Desk, api_key: str, clock: Clock) -> None:
        from visavis.session import expire_sessions

        with server.client(api_key) as shop:
            first = create(shop).json()
            clock.advance(days=1, seconds=1)
            expire_sessions(desk.vault)
            assert create(shop).json()["id"] != first["id"]

    @pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ä"])
    def test_what_is_no_key_is_refused(self, key: str, server: Running, api_key: str) -> None:
        with server.client(api_key) as shop:
            headers = [(b"Idempotency-Key", key.encode("latin-1"))]
            problem(shop.post("/v1/verification_sessions", json=UPLOADED, headers=headers), 422, "input_invalid")


class TestAtTheSameTime:
    def test_one_is_carried_out(self, server: Running, vault: Vault, api_key: str) -> None:
        start = threading.Barrier(8)

        def ask() -> httpx.Response:
            with server.client(api_key) as shop:
                start.wait()
                return create(shop)

        with ThreadPoolExecutor(8) as pool:
            answers = [each.result() for each in [pool.submit(ask) for _ in range(8)]]
        made = [each for each in answers if each.status_code == 201]
        for each in answers:
            if each not in made:
                assert problem(each, 409, "idempotency_unfinished")
                assert each.headers["retry-after"] == "1"
        assert len({each.json()["id"] for each in made}) == 1
        assert events(vault).count("session") == 1

    def test_one_that_was_interrupted_is_not_carried_out_again(
        self, server: Running, vault: Vault, api_key: str, clock: Clock
    ) -> None:
        from hashlib import sha256

        with server.client(api_key) as shop:
            request = shop.build_request("POST", "/v1/verification_sessions", json=UPLOADED)
            seen = sha256(b"/v1/verification_sessions?\0" + request.content).digest()
            begin_request(vault, Asked(api_key, KEY["Idempotency-Key"], seen))
            assert "being carried out" in problem(create(shop), 409, "idempotency_unfinished")["detail"]
            clock.advance(seconds=61)
            lost = create(shop)
            assert "interrupted" in problem(lost, 409, "idempotency_unfinished")["detail"]
            assert "retry-after" not in lost.headers
            assert shop.get("/v1/verification_sessions").json()["data"] == []


class TestSecrecy:
    def test_what_is_handed_out_once_is_kept_under_a_key_that_only_who_asked_has(
        self, server: Running, vault: Vault, api_key: str
    ) -> None:
        with server.client(api_key) as shop:
            enrolment = asked(shop)
        with server.client(enrolment["client_secret"]) as client:
            path = f"/v1/capture/{enrolment['id']}/photos"
            first, second = (client.post(path, files={"photo": ANNA.photo()}, headers=KEY) for _ in range(2))
        assert first.status_code == 200
        assert first.json() == second.json()
        (code,) = first.json()["codes"]
        with vault.store.reading() as tx:
            begun = Asked(enrolment["client_secret"], KEY["Idempotency-Key"], bytes(32))
            kept = tx.answers.begin(_nothing(begun.id, vault))
        assert kept is not None
        assert kept.sealed is not None
        assert code["text"].encode() not in kept.sealed
        assert repr(begun).count(enrolment["client_secret"]) == 0

    def test_a_changed_answer_is_not_given(self, server: Running, vault: Vault, api_key: str) -> None:
        with server.client(api_key) as shop:
            create(shop)
            begun = Asked(api_key, KEY["Idempotency-Key"], bytes(32))
            with vault.store.writing() as tx:
                kept = tx.answers.begin(_nothing(begun.id, vault))
                assert kept is not None
                assert kept.sealed is not None
                changed = bytearray(kept.sealed)
                changed[20] ^= 1
                tx.answers.finish(_nothing(begun.id, vault, bytes(changed)))
            problem(create(shop), 503, "store_unusable")


def _nothing(answer_id: bytes, vault: Vault, sealed: bytes | None = None) -> Any:
    from visavis.session import Answer

    return Answer(answer_id, bytes(32), vault.clock(), sealed)


def test_a_client_that_goes_away_leaves_nothing_begun(
    serve: Callable[..., Running], vault: Vault, api_key: str
) -> None:
    import socket

    server = serve()
    with socket.create_connection(server.address) as connection:
        head = (
            f"POST /v1/verification_sessions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {api_key}\r\n"
            "content-type: application/json\r\nidempotency-key: gone\r\ncontent-length: 400\r\n\r\n{"
        )
        connection.sendall(head.encode())
        time.sleep(0.3)
    time.sleep(0.3)
    with server.client(api_key) as shop:
        assert create(shop, UPLOADED, **{"Idempotency-Key": "gone"}).status_code == 201
