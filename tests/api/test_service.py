import base64
import json
import logging
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.api import Running
from tests.session import NOBODY, Clock, Person, enrol, log, subject_id
from visavis.api.service import Rates, Room
from visavis.session import Scope, Vault, make_api_key, revoke_api_key
from visavis.template import key_id, signed

ANNA, BELA = Person(1), Person(2)
UPLOADED = {"purpose": "door", "against": "upload", "liveness": "not_checked"}
JSON = "application/problem+json"


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """A problem document, checked."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == JSON
    told: dict[str, Any] = response.json()
    assert (told["status"], told["code"], told["type"]) == (status, code, f"urn:visavis:error:{code}")
    return told


def opened(client: httpx.Client, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/verification_sessions", json={**UPLOADED, **body})
    assert response.status_code == 201, response.text
    told: dict[str, Any] = response.json()
    return told


def submitted(server: Running, session: dict[str, Any], **parts: Any) -> httpx.Response:
    """Files are given as bytes, texts as texts."""
    files = [(name, (name, each)) for name, part in parts.items() for each in _list(part) if isinstance(each, bytes)]
    texts = {name: part for name, part in parts.items() if isinstance(part, str)}
    with server.client(session["client_secret"]) as client:
        return client.post(f"/v1/capture/{session['id']}", files=files, data=texts)


def _list(part: Any) -> list[Any]:
    return part if isinstance(part, list) else [part]


class TestFlow:
    def test_from_a_session_to_an_answer_that_is_checked_offline(
        self, server: Running, vault: Vault, api_key: str, clock: Clock
    ) -> None:
        claim = enrol(vault, ANNA, purpose="payment")
        transaction = {"amount": "12.50", "currency": "EUR", "payee": "Bäckerei"}
        with server.client(api_key) as shop:
            session = opened(
                shop,
                purpose="payment",
                against="subject",
                subject=subject_id(vault),
                nonce="n-1",
                transaction=transaction,
            )
            assert session["url"] == f"https://verify.example/verify/{session['id']}#{session['client_secret']}"
            assert "client_secret" not in shop.get(f"/v1/verification_sessions/{session['id']}").json()
            wrong = submitted(server, session, probe=BELA.photo(), claim=claim.text()).json()
            assert (wrong["status"], wrong["last_error"]) == ("requires_input", "score_below_threshold")
            clock.advance(seconds=1)
            right = submitted(server, session, probe=[ANNA.photo(7)], claim=claim.text()).json()
            assert right["status"] == "verified"
            assert right["transaction"] == transaction
            assert "score" not in json.dumps({**right, "last_error": None})
            after = shop.get(f"/v1/verification_sessions/{session['id']}").json()
            assert (after["status"], after["attempts_left"], after["nonce"]) == ("verified", 1, "n-1")
            first, second = shop.get(f"/v1/verification_sessions/{session['id']}/reports").json()["data"]
            assert [each["decision"]["outcome"] for each in (first, second)] == ["no_match", "match"]
            assert shop.get(f"/v1/verification_reports/{second['id']}").json() == second
        with server.client() as anyone:
            keys = anyone.get("/.well-known/jwks.json").json()["keys"]
        header, payload, made = second["jws"].split(".")
        told = json.loads(base64.urlsafe_b64decode(payload + "=="))
        assert (told["outcome"], told["transaction"], told["nonce"]) == ("match", transaction, "n-1")
        assert (told["iss"], told["aud"], told["sub"]) == ("https://verify.example", "shop", subject_id(vault))
        (key,) = [each for each in keys if each["kid"] == json.loads(base64.urlsafe_b64decode(header + "=="))["kid"]]
        public = base64.urlsafe_b64decode(key["x"] + "=")
        assert key_id(public).hex() == key["kid"]
        assert signed(public, base64.urlsafe_b64decode(made + "=="), f"{header}.{payload}".encode())

    def test_two_uploads(self, server: Running, api_key: str) -> None:
        with server.client(api_key) as shop:
            session = opened(shop)
            assert (
                submitted(server, session, probe=ANNA.photo(), reference=ANNA.photo(1)).json()["status"] == "verified"
            )
            again = submitted(server, session, probe=ANNA.photo(), reference=ANNA.photo(1))
            assert "verified; it takes no capture" in problem(again, 409, "session_closed")["detail"]

    def test_a_comparison_keeps_nothing(self, server: Running, vault: Vault, api_key: str) -> None:
        before = log(vault)
        with server.client(api_key) as shop:
            for person, outcome in ((ANNA, "match"), (BELA, "no_match")):
                pair = {"reference": ANNA.photo(), "probe": person.photo(1)}
                assert shop.post("/v1/comparisons", files=pair).json()["outcome"] == outcome
            files = {"reference": ANNA.photo(), "probe": ANNA.photo(1)}
            told = shop.post("/v1/comparisons", files={"reference": ANNA.photo(), "probe": NOBODY}).json()
            assert (told["outcome"], told["reasons"]["probe"]) == ("inconclusive", ["no_face"])
            unknown = shop.post("/v1/comparisons", files=files, data={"policy": "1e-9"})
            problem(unknown, 422, "policy_unknown")
            names = [each["name"] for each in shop.get("/v1/policies").json()["data"]]
            assert "1e-4" in names
        assert log(vault) == before

    def test_sessions_are_listed_a_page_at_a_time(self, server: Running, api_key: str, clock: Clock) -> None:
        ids = []
        with server.client(api_key) as shop:
            for _ in range(3):
                ids.append(opened(shop)["id"])
                clock.advance(seconds=1)
            first = shop.get("/v1/verification_sessions", params={"limit": 2}).json()
            assert ([each["id"] for each in first["data"]], first["has_more"]) == (ids[:0:-1], True)
            rest = shop.get("/v1/verification_sessions", params={"limit": 2, "starting_after": ids[1]}).json()
            assert ([each["id"] for each in rest["data"]], rest["has_more"]) == (ids[:1], False)

    def test_cancel_and_redact(self, server: Running, api_key: str) -> None:
        with server.client(api_key) as shop:
            session = opened(shop, nonce="secret nonce")
            at = f"/v1/verification_sessions/{session['id']}"
            problem(shop.post(f"{at}/redact"), 409, "session_closed")
            assert shop.post(f"{at}/cancel").json()["status"] == "canceled"
            receipt = shop.post(f"{at}/redact").json()
            assert (receipt["session"], len(receipt["signature"])) == (session["id"], 128)
            assert shop.get(at).json()["nonce"] is None

    def test_subjects_are_listed_exported_and_erased(self, server: Running, vault: Vault, api_key: str) -> None:
        enrol(vault, ANNA)
        mine = subject_id(vault)
        with server.client(api_key) as shop:
            assert [each["id"] for each in shop.get("/v1/subjects").json()["data"]] == [mine]
            assert shop.get(f"/v1/subjects/{mine}/export").json()["subject"]["name"] == "anna"
            receipt = shop.delete(f"/v1/subjects/{mine}").json()
            assert (receipt["subject"], receipt["references"]) == (mine, 1)
            for response in (shop.delete(f"/v1/subjects/{mine}"), shop.get(f"/v1/subjects/{mine}/export")):
                problem(response, 404, "subject_unknown")


class TestLiveness:
    def test_who_must_be_captured_live_uploads_no_photos(self, server: Running, api_key: str) -> None:
        with server.client(api_key) as shop:
            session = shop.post("/v1/verification_sessions", json={"purpose": "door", "against": "upload"}).json()
            assert (session["liveness"], session["alternatives"]) == ("required", ["move_camera"])
            for _ in range(2):
                answer = submitted(server, session, probe=ANNA.photo(1), reference=ANNA.photo())
                assert "needs a live capture" in problem(answer, 409, "liveness_required")["detail"]
            with server.client(session["client_secret"]) as client:
                seen = client.get(f"/v1/capture/{session['id']}").json()
            assert (seen["liveness"], seen["alternatives"]) == ("required", ["move_camera"])
            assert (seen["status"], seen["attempts_left"]) == ("requires_input", 3)
            assert seen["last_error"] == "liveness_required"
            assert shop.get(f"/v1/verification_sessions/{session['id']}/reports").json()["data"] == []

    @pytest.mark.parametrize("alternatives", [[], ["review"], ["review", "move_camera"]])
    def test_the_application_says_how_it_may_be_otherwise(
        self, alternatives: list[str], server: Running, api_key: str
    ) -> None:
        with server.client(api_key) as shop:
            session = opened(shop, liveness="required", alternatives=alternatives)
            kept = shop.get(f"/v1/verification_sessions/{session['id']}").json()
        for told in (session, kept):
            assert (told["liveness"], told["alternatives"]) == ("required", alternatives)

    def test_of_photos_that_are_uploaded_none_is_claimed(self, server: Running, api_key: str) -> None:
        with server.client(api_key) as shop:
            session = opened(shop)
            assert session["liveness"] == "not_checked"
            assert (
                submitted(server, session, probe=ANNA.photo(1), reference=ANNA.photo()).json()["status"] == "verified"
            )
            (report,) = shop.get(f"/v1/verification_sessions/{session['id']}/reports").json()["data"]
        told = report["decision"]["liveness"]
        assert told == {"status": "not_checked", "method": None, "reasons": [], "turns": []}


class TestReturn:
    def test_the_client_is_told_where_to_go_back_to(self, server: Running, api_key: str) -> None:
        back = "https://shop.example/orders/77?from=visavis"
        with server.client(api_key) as shop:
            session = opened(shop, return_url=back)
            assert shop.get(f"/v1/verification_sessions/{session['id']}").json()["return_url"] == back
        seen = submitted(server, session, probe=ANNA.photo(1), reference=ANNA.photo()).json()
        assert (seen["status"], seen["return_url"]) == ("verified", back)

    @pytest.mark.parametrize(
        "url",
        ["javascript:alert(1)", "data:text/html,x", "//shop.example/", "/orders", "https://", "https://a@shop.example/",
         "https://shop.example/\n", "https://shop.example/ x", "ftp://shop.example/", "https://shop.example/" + 2000 * "a"],
    )  # fmt: skip
    def test_what_is_no_address_is_none_to_go_to(self, server: Running, api_key: str, url: str) -> None:
        body = {**UPLOADED, "return_url": url}
        with server.client(api_key) as shop:
            problem(shop.post("/v1/verification_sessions", json=body), 422, "input_invalid")

    def test_who_shows_a_good_key_is_not_turned_away_for_others(
        self, serve: Callable[..., Running], api_key: str
    ) -> None:
        server = serve(rates=Rates(failed_by_address=3))
        with server.client("vsk_wrong") as guessing, server.client(api_key) as shop:
            assert [guessing.get("/v1/policies").status_code for _ in range(6)] == 3 * [401] + 3 * [429]
            assert shop.get("/v1/policies").status_code == 200

    def test_an_address_with_a_line_end_evades_no_bound(self, serve: Callable[..., Running], api_key: str) -> None:
        room = Room(1)
        room.take()
        files = {"reference": ANNA.photo(), "probe": ANNA.photo(1)}
        with serve(room=room).client(api_key) as shop:
            problem(shop.post("/v1/comparisons", files=files), 429, "overloaded")
            problem(shop.post("/v1/comparisons%0A", files=files), 422, "input_invalid")


class TestReadiness:
    def test_it_is_not_ready_while_a_file_is_elsewhere(self, tmp_path: Path, server: Running) -> None:
        shreds, elsewhere = tmp_path / "shreds.db", tmp_path / "elsewhere"
        with server.client() as anyone:
            assert anyone.get("/readyz").status_code == 200
            shreds.rename(elsewhere)
            told = problem(anyone.get("/readyz"), 503, "store_unusable")
            assert "shreds" not in told["detail"]
            assert anyone.get("/livez").status_code == 200
            elsewhere.rename(shreds)
            assert anyone.get("/readyz").status_code == 200


class TestAccess:
    @pytest.mark.parametrize(
        "path", ["/v1/policies", "/v1/subjects", "/v1/verification_sessions", "/v1/nothing", "/v1/"]
    )
    @pytest.mark.parametrize("token", [None, "vsk_0", "vsk_" + "0" * 16 + "_" + "A" * 43, "x" * 5000])
    def test_nothing_answers_without_a_key(self, path: str, token: str | None, server: Running) -> None:
        with server.client(token) as nobody:
            told = nobody.get(path)
        problem(told, 401, "api_key_refused")
        assert told.headers["www-authenticate"] == "Bearer"

    def test_but_health_and_the_public_keys(self, server: Running) -> None:
        with server.client() as anyone:
            for path in ("/livez", "/readyz", "/.well-known/jwks.json"):
                assert anyone.get(path).status_code == 200
            for path in ("/openapi.json", "/docs", "/verify", "/web/../capture.js", "/web/capture.html"):
                problem(anyone.get(path), 404, "not_found")

    def test_two_authorizations_are_none(self, server: Running, api_key: str) -> None:
        headers = [("Authorization", f"Bearer {api_key}")] * 2
        with server.client() as client:
            problem(client.get("/v1/policies", headers=headers), 401, "api_key_refused")
            problem(client.get("/v1/policies", headers={"Authorization": f"Basic {api_key}"}), 401, "api_key_refused")

    def test_a_revoked_key_is_refused_at_once(self, server: Running, vault: Vault, api_key: str) -> None:
        key, text = make_api_key(vault, application="shop", scopes=Scope)
        with server.client(text) as shop:
            assert shop.get("/v1/policies").status_code == 200
            revoke_api_key(vault, key.id)
            problem(shop.get("/v1/policies"), 401, "api_key_refused")

    @pytest.mark.parametrize(
        ("method", "path", "scope"),
        [
            ("POST", "/v1/verification_sessions", Scope.VERIFICATION_SESSIONS),
            ("GET", "/v1/verification_sessions", Scope.VERIFICATION_SESSIONS),
            ("POST", "/v1/verification_sessions/vs_0/cancel", Scope.VERIFICATION_SESSIONS),
            ("POST", "/v1/verification_sessions/vs_0/redact", Scope.VERIFICATION_SESSIONS),
            ("GET", "/v1/verification_sessions/vs_0/reports", Scope.REPORTS),
            ("GET", "/v1/verification_reports/vr_0", Scope.REPORTS),
            ("POST", "/v1/comparisons", Scope.COMPARISONS),
            ("GET", "/v1/subjects", Scope.SUBJECTS),
            ("GET", "/v1/subjects/sub_0/export", Scope.SUBJECTS),
            ("DELETE", "/v1/subjects/sub_0", Scope.SUBJECTS),
        ],
    )
    def test_a_key_does_what_it_is_for_and_nothing_else(
        self, method: str, path: str, scope: Scope, server: Running, vault: Vault
    ) -> None:
        _, wrong = make_api_key(vault, application="shop", scopes=set(Scope) - {scope})
        _, right = make_api_key(vault, application="shop", scopes={scope})
        body: dict[str, Any] = {"json": UPLOADED} if path.endswith("sessions") else {}
        if path.endswith("comparisons"):
            body = {"files": {"reference": ANNA.photo(), "probe": ANNA.photo(1)}}
        with server.client(wrong) as client:
            told = problem(client.request(method, path, **(body if method == "POST" else {})), 403, "scope_missing")
            assert scope.value in told["detail"]
        with server.client(right) as client:
            assert client.request(method, path, **(body if method == "POST" else {})).status_code in (200, 201, 404)

    def test_another_applications_sessions_are_not_there(self, server: Running, vault: Vault, api_key: str) -> None:
        _, others = make_api_key(vault, application="bank", scopes=Scope)
        with server.client(api_key) as shop, server.client(others) as bank:
            session = opened(shop)
            submitted(server, session, probe=ANNA.photo(), reference=ANNA.photo())
            (report,) = shop.get(f"/v1/verification_sessions/{session['id']}/reports").json()["data"]
            at = f"/v1/verification_sessions/{session['id']}"
            for response in (
                bank.get(at), bank.post(f"{at}/cancel"), bank.post(f"{at}/redact"), bank.get(f"{at}/reports"),
                bank.get(f"/v1/verification_reports/{report['id']}"), bank.get("/v1/verification_sessions/vs_0"),
            ):  # fmt: skip
                problem(response, 404, "session_unknown")
            assert bank.get("/v1/verification_sessions").json()["data"] == []
            assert bank.get("/v1/verification_sessions", params={"starting_after": session["id"]}).json()["data"] == []

    def test_a_secret_is_good_for_its_session_alone(self, server: Running, api_key: str) -> None:
        with server.client(api_key) as shop:
            one, two = opened(shop), opened(shop)
            problem(shop.get(f"/v1/capture/{one['id']}"), 401, "client_secret_refused")  # nor is an API key
        with server.client(one["client_secret"]) as client:
            assert client.get(f"/v1/capture/{one['id']}").json()["status"] == "requires_input"
            problem(client.get(f"/v1/capture/{two['id']}"), 401, "client_secret_refused")
            problem(client.post(f"/v1/capture/{two['id']}", files={"probe": b"x"}), 401, "client_secret_refused")
            problem(client.get("/v1/capture/vs_0"), 401, "client_secret_refused")
            for path in ("/v1/verification_sessions", f"/v1/verification_sessions/{one['id']}"):
                problem(client.get(path), 401, "api_key_refused")

    def test_an_expired_secret_is_of_no_use(self, server: Running, api_key: str, clock: Clock) -> None:
        with server.client(api_key) as shop:
            session = opened(shop, expires_in_s=60)
        clock.advance(seconds=60)
        response = submitted(server, session, probe=ANNA.photo(), reference=ANNA.photo())
        assert "expired" in problem(response, 409, "session_closed")["detail"]


class TestBadInput:
    @pytest.mark.parametrize(
        ("body", "parameter"),
        [
            ({"purpose": 3}, "purpose"),
            ({"against": "everyone"}, "against"),
            ({"attempts": "3"}, "attempts"),
            ({"photo_url": "http://127.0.0.1/"}, "photo_url"),
            ({"transaction": {"amount": 12.5, "currency": "EUR", "payee": "x"}}, "transaction.amount"),
            ({"liveness": "passed"}, "liveness"),
            ({"alternatives": ["move_camera", "photo"]}, "alternatives.1"),
            ({"alternatives": 3 * ["review"]}, "alternatives"),
        ],
    )
    def test_the_parameter_at_fault_is_named(
        self, body: dict[str, Any], parameter: str, server: Running, api_key: str
    ) -> None:
        with server.client(api_key) as shop:
            response = shop.post("/v1/verification_sessions", json={**UPLOADED, **body})
        assert problem(response, 422, "input_invalid")["parameter"] == parameter

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"null", b'{"purpose":' + b"[" * 100_000])
    def test_what_is_no_json_is_told_so(self, content: bytes, server: Running, api_key: str) -> None:
        with server.client(api_key) as shop:
            headers = {"Content-Type": "application/json"}
            response = shop.post("/v1/verification_sessions", content=content, headers=headers)
        assert response.status_code in (400, 422)
        problem(response, response.status_code, "input_invalid")

    @pytest.mark.parametrize(
        "value",
        ["' OR 1=1 --", "\0", "../../etc/passwd", "file:///etc/passwd", "{{7*7}}", "\U0001f600" * 200, "%00", "-"],
    )
    def test_no_text_is_more_than_a_text(self, value: str, server: Running, vault: Vault, api_key: str) -> None:
        enrol(vault, ANNA)
        with server.client(api_key) as shop:
            for body in ({"purpose": value}, {"policy": value}, {"subject": value}, {"nonce": value}):
                response = shop.post("/v1/verification_sessions", json={**UPLOADED, **body})
                assert response.status_code in (201, 404, 422), response.text
            for path in ("/v1/subjects", "/v1/verification_sessions"):
                assert shop.get(path, params={"starting_after": value}).status_code in (200, 422)
            for path in ("/v1/subjects/{}/export", "/v1/verification_sessions/{}", "/v1/verification_reports/{}"):
                assert shop.get(path.format(quote(value, safe=""))).status_code in (404, 422)
            session = opened(shop)
        for part in ("claim", "credential", "holder"):
            response = submitted(server, session, probe=ANNA.photo(), reference=ANNA.photo(), **{part: value})
            assert response.status_code in (200, 409, 422)

    def test_a_photo_that_is_none_names_its_part(self, server: Running, api_key: str) -> None:
        with server.client(api_key) as shop:
            response = shop.post("/v1/comparisons", files={"probe": b"x"})
            assert problem(response, 422, "input_invalid")["parameter"] == "reference"
            response = shop.post("/v1/comparisons", files={"reference": b"", "probe": b""})
            problem(response, 422, "image_empty")

    def test_eleven_frames_are_too_many(self, server: Running, api_key: str) -> None:
        with server.client(api_key) as shop:
            session = opened(shop)
        response = submitted(server, session, probe=[ANNA.photo()] * 11, reference=ANNA.photo())
        assert "at most 10" in problem(response, 422, "input_invalid")["detail"]

    def test_an_unknown_path_and_method(self, server: Running, api_key: str) -> None:
        with server.client(api_key) as shop:
            problem(shop.get("/v1/gallery"), 404, "not_found")
            problem(shop.put("/v1/policies"), 405, "method_not_allowed")


class TestBounds:
    def test_a_large_body_is_cut_off(self, serve: Callable[..., Running], api_key: str) -> None:
        server = serve(body_max=10_000)
        with server.client(api_key) as shop:
            head = b'--b\r\nContent-Disposition: form-data; name="probe"; filename="a"\r\n\r\n'
            for content in (head + b"x" * 20_000, iter([head, *[b"x" * 1000] * 20])):
                headers = {"Content-Type": "multipart/form-data; boundary=b"}
                response = shop.post("/v1/comparisons", content=content, headers=headers)
                problem(response, 413, "request_too_large")

    def test_a_slow_body_is_waited_for_no_longer(self, serve: Callable[..., Running], api_key: str) -> None:
        server = serve(body_s=0.5)
        request = (
            f"POST /v1/verification_sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api_key}\r\n"
            "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
        started = time.monotonic()
        with socket.create_connection(server.address, timeout=10) as connection:
            connection.sendall(request.encode())
            answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - started > 0.4

    def test_where_there_is_no_room_one_is_told_at_once(self, serve: Callable[..., Running], api_key: str) -> None:
        room = Room(1)
        server = serve(room=room)
        files = {"reference": ANNA.photo(), "probe": ANNA.photo(1)}
        room.take()
        with server.client(api_key) as shop:
            response = shop.post("/v1/comparisons", files=files)
            problem(response, 429, "overloaded")
            assert response.headers["retry-after"] == "1"
            room.leave()
            for _ in range(3):  # each gives its place back
                assert shop.post("/v1/comparisons", files=files).status_code == 200
            assert shop.post("/v1/comparisons", files={"probe": ANNA.photo()}).status_code == 422
            assert room.taken == 0

    def test_too_many_attempts_say_when_to_come_back(self, server: Running, vault: Vault, api_key: str) -> None:
        claim = enrol(vault, ANNA)
        with server.client(api_key) as shop:
            session = opened(shop, against="subject", subject=subject_id(vault), attempts=10)
        for _ in range(5):
            submitted(server, session, probe=BELA.photo(), claim=claim.text())
        response = submitted(server, session, probe=ANNA.photo(), claim=claim.text())
        problem(response, 429, "rate_limited")
        assert response.headers["retry-after"] == "30"


class TestRates:
    def test_a_key_has_so_many_requests_a_minute(
        self, serve: Callable[..., Running], vault: Vault, api_key: str
    ) -> None:
        server = serve(rates=Rates(by_key=5))
        _, other = make_api_key(vault, application="shop", scopes=Scope)
        with server.client(api_key) as shop, server.client(other) as bank:
            assert [shop.get("/v1/policies").status_code for _ in range(6)] == [200] * 5 + [429]
            told = shop.get("/v1/policies")
            problem(told, 429, "rate_limited")
            assert 1 <= int(told.headers["retry-after"]) <= 12
            assert bank.get("/v1/policies").status_code == 200

    def test_an_address_has_so_many_captures(self, serve: Callable[..., Running], api_key: str) -> None:
        server = serve(rates=Rates(by_address=5))
        with server.client(api_key) as shop:
            session = opened(shop)
        with server.client(session["client_secret"]) as client:
            codes = [client.get(f"/v1/capture/{session['id']}").status_code for _ in range(6)]
        assert codes[-1] == 429
        assert codes.count(200) == 4  # one went to see whether the server answers


class TestHeaders:
    def test_every_answer_carries_them(self, server: Running, api_key: str) -> None:
        with server.client(api_key) as shop:
            for path in ("/v1/policies", "/v1/none", "/livez", "/verify/vs_1"):
                headers = shop.get(path).headers
                assert headers["x-content-type-options"] == "nosniff"
                assert headers["referrer-policy"] == "no-referrer"
                assert "frame-ancestors 'none'" in headers["content-security-policy"]
                assert headers["x-request-id"].startswith("req_")
                assert "access-control-allow-origin" not in headers

    def test_no_other_origin_is_let_in(self, server: Running, api_key: str) -> None:
        headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        with server.client(api_key) as shop:
            response = shop.options("/v1/comparisons", headers=headers)
        assert response.status_code == 405
        assert "access-control-allow-origin" not in response.headers

    def test_the_page_is_the_same_for_all_and_runs_nothing_but_its_script(self, server: Running) -> None:
        with server.client() as anyone:
            page, other = anyone.get("/verify/vs_1"), anyone.get("/verify/%3Cscript%3E")
            assert page.content == other.content
            policy = page.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert b"<script>" not in page.content
            assert b"style=" not in page.content
            for name in ("capture.js", "capture.css"):
                assert anyone.get(f"/web/{name}").status_code == 200


class TestSilence:
    def test_neither_secrets_nor_photos_are_logged(
        self, server: Running, vault: Vault, api_key: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        claim = enrol(vault, ANNA)
        with server.client(api_key) as shop:
            session = opened(shop, against="subject", subject=subject_id(vault))
            submitted(server, session, probe=BELA.photo(), claim=claim.text())
            submitted(server, session, probe=b"junk", claim=claim.text())
            shop.get("/v1/verification_sessions/vs_secret-in-a-path")
        lines = [
            json.dumps(vars(record), default=str) for record in caplog.records if record.name.startswith("visavis")
        ]
        assert any("/v1/capture/{session_id}" in line for line in lines)
        everything = "\n".join(lines)
        for secret in (api_key, session["client_secret"], claim.text(), session["id"], "secret-in-a-path", "junk"):
            assert secret not in everything
