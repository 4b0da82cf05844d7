"""Evidence over HTTP: asked for by the application, agreed to by the person, and never handed out."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest

from tests.api import Running
from tests.api.test_enrolments import asked
from tests.api.test_service import ANNA, UPLOADED, opened, problem
from visavis.session import Desk, Vault, export_evidence
from visavis.template import Secret, public_of

PRIVATE = Secret(bytes(range(1, 33)))
TERMS = {"text": "May we keep your photos?\nFor disputes.", "version": "1", "locale": "en", "retention_days": 90}


@pytest.fixture
def server(serve: Callable[..., Running], desk: Desk) -> Running:
    """With evidence switched on."""
    return serve(desk=replace(desk, evidence_key=public_of(PRIVATE)))


def submitted(server: Running, session: dict[str, Any], *path: str, **form: Any) -> dict[str, Any]:
    photos = {"photo": ANNA.photo(1)} if path else {"probe": ANNA.photo(1), "reference": ANNA.photo()}
    with server.client(session["client_secret"]) as client:
        response = client.post("/".join(("/v1/capture", session["id"], *path)), files=photos, data=form)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_what_the_person_agreed_to_is_kept_until_it_is_redacted(server: Running, vault: Vault, api_key: str) -> None:
    with server.client(api_key) as shop:
        session = opened(shop, against="upload", evidence=TERMS)
        assert session["evidence"] == TERMS
        with server.client(session["client_secret"]) as client:
            assert client.get(f"/v1/capture/{session['id']}").json()["evidence"] == TERMS
        assert submitted(server, session, evidence_agreed="true")["status"] == "verified"
        with vault.store.reading() as tx:
            (evidence,) = tx.evidence.of(session_id=session["id"])
        with ZipFile(BytesIO(export_evidence(vault, evidence.name).open(PRIVATE))) as archive:
            assert archive.read("probe-1.bin") == ANNA.photo(1)
        receipt = shop.post(f"/v1/verification_sessions/{session['id']}/redact").json()
        assert (receipt["reports"], receipt["evidence"]) == (1, 1)
        with vault.store.reading() as tx:
            assert tx.evidence.of() == []


@pytest.mark.parametrize("form", [{}, {"evidence_agreed": "false"}])
def test_nothing_is_kept_of_who_does_not_agree(
    server: Running, vault: Vault, api_key: str, form: dict[str, str]
) -> None:
    with server.client(api_key) as shop:
        session = opened(shop, against="upload", evidence=TERMS)
    assert submitted(server, session, **form)["status"] == "verified"
    with vault.store.reading() as tx:
        assert tx.evidence.of() == []


def test_an_enrolments_photos(server: Running, vault: Vault, api_key: str) -> None:
    with server.client(api_key) as shop:
        enrolment = asked(shop, evidence=TERMS)
        assert enrolment["evidence"] == TERMS
        assert submitted(server, enrolment, "photos", evidence_agreed="true")["status"] == "enrolled"
        (kept,) = shop.get(f"/v1/subjects/{enrolment['subject']}/export").json()["evidence"]
        assert (kept["session_id"], kept["locale"]) == (enrolment["id"], "en")
        assert shop.delete(f"/v1/subjects/{enrolment['subject']}").json()["evidence"] == 1


def test_what_cannot_be(server: Running, serve: Callable[..., Running], api_key: str) -> None:
    with server.client(api_key) as shop:
        body = {**UPLOADED, "evidence": TERMS}
        for changes, code in (
            ({"retention_days": 3_654}, "input_invalid"),
            ({"text": "  "}, "consent_invalid"),
            ({"text": 20_001 * "a"}, "input_invalid"),
            ({"url": "https://elsewhere.example/"}, "input_invalid"),
        ):
            wrong = {**body, "evidence": {**TERMS, **changes}}
            problem(shop.post("/v1/verification_sessions", json=wrong), 422, code)
        session = opened(shop, against="upload")
    with server.client(session["client_secret"]) as client:
        files = {"probe": ANNA.photo(1), "reference": ANNA.photo()}
        answer = client.post(f"/v1/capture/{session['id']}", files=files, data={"evidence_agreed": "true"})
        problem(answer, 422, "input_invalid")
    with serve().client(api_key) as shop:
        answer = shop.post("/v1/verification_sessions", json=body)
        problem(answer, 422, "input_invalid")
        assert "--evidence-key" in answer.json()["detail"]
