"""Enrolment by an application's user, and credentials."""

import json
from typing import Any

import httpx
import pytest

from tests.api import Running
from tests.api.test_service import ANNA, BELA, opened, problem, submitted
from tests.session import NOBODY, Clock, Person, enrol, log, subject_id
from visavis.session import Desk, Vault, erase_subject, expire_sessions, withdraw_consent

CONSENT = {"text": "I agree.", "version": "2026-01", "locale": "en", "retention_days": 30}
UPLOADED = {"subject": "anna", "purpose": "door", "consent": CONSENT, "liveness": "not_checked"}


def asked(client: httpx.Client, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/enrolments", json={**UPLOADED, **body})
    assert response.status_code == 201, response.text
    told: dict[str, Any] = response.json()
    return told


def captured(server: Running, enrolment: dict[str, Any], *photos: bytes) -> httpx.Response:
    with server.client(enrolment["client_secret"]) as client:
        files = [("photo", ("photo", photo)) for photo in photos]
        return client.post(f"/v1/capture/{enrolment['id']}/photos", files=files)


class TestReference:
    def test_from_consent_to_a_verification(self, server: Running, vault: Vault, api_key: str) -> None:
        with server.client(api_key) as shop:
            enrolment = asked(shop, recorded_by="branch 7")
            assert enrolment["url"] == f"https://verify.example/verify/{enrolment['id']}#{enrolment['client_secret']}"
            recorded = log(vault)[-2]
            assert recorded["event"] == "consent_recorded"
            assert recorded["details"]["retention_days"] == 30
            with server.client(enrolment["client_secret"]) as client:
                seen = client.get(f"/v1/capture/{enrolment['id']}").json()
            assert (seen["kind"], seen["yields"], seen["against"]) == ("enrolment", "reference", None)
            done = captured(server, enrolment, ANNA.photo(0), ANNA.photo(1)).json()
            assert (done["status"], done["photos"]) == ("enrolled", [{"reasons": []}, {"reasons": []}])
            (code,) = done["codes"]
            assert code["name"] == "claim"
            assert code["svg"].startswith("<?xml") or code["svg"].startswith("<svg")
            after = shop.get(f"/v1/enrolments/{enrolment['id']}").json()
            assert (after["status"], after["subject"]) == ("enrolled", subject_id(vault))
            assert code["text"] not in json.dumps([after, log(vault)])
            session = opened(shop, against="subject", subject=after["subject"])
            assert submitted(server, session, probe=ANNA.photo(5), claim=code["text"]).json()["status"] == "verified"
            assert [each["id"] for each in shop.get("/v1/enrolments").json()["data"]] == [enrolment["id"]]
            assert shop.get("/v1/verification_sessions").json()["data"][0]["id"] == session["id"]
            (consent,) = shop.get(f"/v1/subjects/{after['subject']}/export").json()["consents"]
            assert (consent["recorded_by"], consent["id"]) == ("branch 7", enrolment["consent"])

    def test_a_refused_photo_keeps_nothing_and_says_why(self, server: Running, vault: Vault, api_key: str) -> None:
        with server.client(api_key) as shop:
            enrolment = asked(shop)
            done = captured(server, enrolment, ANNA.photo(), NOBODY).json()
            assert (done["status"], done["last_error"]) == ("requires_input", "no_face")
            assert done["photos"] == [{"reasons": []}, {"reasons": ["no_face"]}]
            assert (done["codes"], done["attempts_left"]) == ([], 4)
            with vault.store.reading() as tx:
                assert tx.references.of(enrolment["subject"]) == []
            two = captured(server, enrolment, ANNA.photo(), BELA.photo()).json()
            assert two["photos"][1]["reasons"] == ["frames_disagree"]
            assert captured(server, enrolment, ANNA.photo()).json()["status"] == "enrolled"
            problem(captured(server, enrolment, ANNA.photo()), 409, "session_closed")

    def test_after_so_many_attempts_it_is_over(self, server: Running, api_key: str) -> None:
        with server.client(api_key) as shop:
            enrolment = asked(shop, attempts=1)
            assert captured(server, enrolment, NOBODY).json()["status"] == "canceled"

    def test_who_is_enrolled_is_replaced_only_on_request(self, server: Running, vault: Vault, api_key: str) -> None:
        old = enrol(vault, ANNA)
        with server.client(api_key) as shop:
            problem(shop.post("/v1/enrolments", json=UPLOADED), 409, "subject_enrolled")
            enrolment = asked(shop, replace=True)
            done = captured(server, enrolment, ANNA.photo()).json()
            session = opened(shop, against="subject", subject=enrolment["subject"])
            refused = submitted(server, session, probe=ANNA.photo(5), claim=old.text()).json()
            assert refused["last_error"] == "claim_refused"
            text = done["codes"][0]["text"]
            assert submitted(server, session, probe=ANNA.photo(6), claim=text).json()["status"] == "verified"

    @pytest.mark.parametrize("how", ["withdrawn", "erased", "canceled", "expired"])
    def test_no_capture_without_a_consent_that_holds(
        self, how: str, server: Running, desk: Desk, vault: Vault, api_key: str, clock: Clock
    ) -> None:
        with server.client(api_key) as shop:
            enrolment = asked(shop)
            match how:
                case "withdrawn":
                    withdraw_consent(vault, enrolment["subject"], "door")
                    problem(captured(server, enrolment, ANNA.photo()), 422, "consent_invalid")
                case "erased":
                    erase_subject(vault, enrolment["subject"])
                    problem(captured(server, enrolment, ANNA.photo()), 401, "client_secret_refused")
                case "canceled":
                    ended = shop.post(f"/v1/enrolments/{enrolment['id']}/cancel").json()
                    assert ended["status"] == "canceled"
                    problem(captured(server, enrolment, ANNA.photo()), 409, "session_closed")
                case _:
                    clock.advance(minutes=31)
                    expire_sessions(vault)
                    problem(captured(server, enrolment, ANNA.photo()), 409, "session_closed")
                    assert shop.get(f"/v1/enrolments/{enrolment['id']}").json()["status"] == "expired"
            with vault.store.reading() as tx:
                assert tx.references.count() == 0

    def test_one_that_ends_while_photos_are_looked_at_keeps_nothing(
        self, server: Running, desk: Desk, vault: Vault, api_key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with server.client(api_key) as shop:
            enrolment = asked(shop)
            verifier: Any = desk.models.current
            look = verifier.acquire

            def interfere(photo: bytes, **how: Any) -> Any:
                shop.post(f"/v1/enrolments/{enrolment['id']}/cancel").raise_for_status()
                return look(photo, **how)

            monkeypatch.setattr(verifier, "acquire", interfere)
            problem(captured(server, enrolment, ANNA.photo()), 409, "session_closed")
            with vault.store.reading() as tx:
                assert tx.references.of(enrolment["subject"]) == []
            assert shop.get(f"/v1/enrolments/{enrolment['id']}").json()["status"] == "canceled"

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"consent": {**CONSENT, "text_sha256": "0" * 64}}, "input_invalid"),
            ({"consent": {**CONSENT, "text": None}}, "input_invalid"),
            ({"consent": {**CONSENT, "text": " "}}, "consent_invalid"),
            ({"consent": {**CONSENT, "retention_days": 0}}, "input_invalid"),
            ({"consent": {**CONSENT, "locale": "?"}}, "input_invalid"),
            ({"purpose": "Door"}, "input_invalid"),
            ({"subject": " anna"}, "input_invalid"),
            ({"subject": ""}, "input_invalid"),
            ({"recorded_by": " "}, "input_invalid"),
            ({"valid_days": 0}, "input_invalid"),
            ({"attempts": 11}, "input_invalid"),
            ({"expires_in_s": 29}, "input_invalid"),
            ({"yields": "everything"}, "input_invalid"),
            ({"callback": "https://elsewhere.example"}, "input_invalid"),
        ],
    )
    def test_what_it_cannot_be(
        self, body: dict[str, Any], code: str, server: Running, vault: Vault, api_key: str
    ) -> None:
        with server.client(api_key) as shop:
            problem(shop.post("/v1/enrolments", json={**UPLOADED, **body}), 422, code)
        with vault.store.reading() as tx:
            assert tx.subjects.page() == []

    def test_a_secret_is_good_for_its_own_kind_of_session(self, server: Running, api_key: str) -> None:
        with server.client(api_key) as shop:
            enrolment, session = asked(shop), opened(shop)
            problem(captured(server, session, ANNA.photo()), 401, "client_secret_refused")
            both = {"probe": ANNA.photo(), "reference": ANNA.photo(1)}
            problem(submitted(server, enrolment, **both), 401, "client_secret_refused")
            stolen = {**enrolment, "client_secret": session["client_secret"]}
            problem(captured(server, stolen, ANNA.photo()), 401, "client_secret_refused")
            problem(shop.get(f"/v1/enrolments/{session['id']}"), 404, "session_unknown")
            problem(shop.post(f"/v1/verification_sessions/{enrolment['id']}/cancel"), 404, "session_unknown")

    def test_who_must_be_captured_live_uploads_no_photos(self, server: Running, vault: Vault, api_key: str) -> None:
        with server.client(api_key) as shop:
            body = {name: value for name, value in UPLOADED.items() if name != "liveness"}
            enrolment = shop.post("/v1/enrolments", json=body).json()
            assert (enrolment["liveness"], enrolment["alternatives"]) == ("required", ["move_camera"])
            answer = captured(server, enrolment, ANNA.photo())
            assert "needs a live capture" in problem(answer, 409, "liveness_required")["detail"]
            after = shop.get(f"/v1/enrolments/{enrolment['id']}").json()
            assert (after["status"], after["attempts_left"]) == ("requires_input", 5)
            assert after["last_error"] == "liveness_required"
        with vault.store.reading() as tx:
            assert tx.references.of(enrolment["subject"]) == []


class TestCredentials:
    def test_issued_used_and_revoked(self, server: Running, vault: Vault, api_key: str) -> None:
        with server.client(api_key) as shop:
            enrolment = asked(shop, yields="credential", valid_days=7)
            done = captured(server, enrolment, ANNA.photo()).json()
            texts = {code["name"]: code["text"] for code in done["codes"]}
            assert sorted(texts) == ["credential", "holder"]
            (known,) = shop.get("/v1/credentials", params={"subject": enrolment["subject"]}).json()["data"]
            assert (known["purposes"], known["revoked_at"]) == (["door"], None)
            session = opened(shop, against="credential")
            assert submitted(server, session, probe=ANNA.photo(3), **texts).json()["status"] == "verified"
            before = shop.get("/v1/credentials/status_list")
            assert before.headers["content-type"] == "application/statuslist+cwt"
            assert before.content == shop.get("/v1/credentials/status_list").content
            revoked = shop.post(f"/v1/credentials/{known['id']}/revoke").json()
            assert revoked["revoked_at"] is not None
            assert shop.get(f"/v1/credentials/{known['id']}").json() == revoked
            assert shop.get("/v1/credentials/status_list").content != before.content
            session = opened(shop, against="credential")
            after = submitted(server, session, probe=ANNA.photo(4), **texts).json()
            assert (after["status"], after["last_error"]) == ("requires_input", "credential_revoked")
            for unknown in ("00" * 16, "zz", "x"):
                problem(shop.get(f"/v1/credentials/{unknown}"), 404, "credential_unknown")
                problem(shop.post(f"/v1/credentials/{unknown}/revoke"), 404, "credential_unknown")

    def test_without_an_issuers_name_none_are_issued_or_taken(self, serve: Any, desk: Desk, api_key: str) -> None:
        from dataclasses import replace

        plain = replace(desk, issuing=None, trust=None, status_list=None)
        with serve(desk=plain).client(api_key) as shop:
            problem(shop.post("/v1/enrolments", json={**UPLOADED, "yields": "credential"}), 422, "input_invalid")
            problem(shop.get("/v1/credentials/status_list"), 422, "input_invalid")
            body = {"purpose": "door", "against": "credential"}
            problem(shop.post("/v1/verification_sessions", json=body), 422, "input_invalid")


class TestAudit:
    def test_the_log_is_read_and_checked_elsewhere(self, server: Running, vault: Vault, api_key: str) -> None:
        from visavis.session import Entry, Head, verify_log

        with server.client(api_key) as shop:
            for person in range(3):
                captured(server, asked(shop, subject=f"p{person}"), Person(person).photo())
            head = Head.from_line(json.dumps(shop.get("/v1/audit/head").json(), sort_keys=True, separators=(",", ":")))
            entries: list[Entry] = []
            while True:
                page = shop.get("/v1/audit", params={"limit": 4, "after": len(entries)}).json()
                entries += map(Entry.from_dict, page["data"])
                if not page["has_more"]:
                    break
            assert len(entries) > 8
            assert verify_log(entries, heads=[head], keys=[vault.audit_signer.public]).proven == head.number
            problem(shop.get("/v1/audit", params={"after": -1}), 422, "input_invalid")


class TestMetrics:
    def test_how_much_and_nothing_of_whom(self, server: Running, vault: Vault, api_key: str) -> None:
        with server.client(api_key) as shop:
            session = opened(shop)
            submitted(server, session, probe=ANNA.photo(), reference=ANNA.photo(1))
            shop.post("/v1/comparisons", files={"reference": ANNA.photo(), "probe": NOBODY})
            text = shop.get("/metrics").text
        assert 'visavis_decisions_total{outcome="inconclusive",policy="1e-4"} 1.0' in text
        assert 'visavis_acquisition_failures_total{photo="probe",reason="no_face"} 1.0' in text
        assert 'route="/v1/capture/{session_id}",status="200"' in text
        assert "visavis_webhooks_pending 0.0" in text
        for secret in (session["id"], session["client_secret"], api_key, "shop"):
            assert secret not in text
