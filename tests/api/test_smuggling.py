"""Texts that mean something to a database, a file system or a network mean nothing here."""

from urllib.parse import quote

import pytest

from tests.api import Running
from tests.api.test_enrolments import CONSENT, asked
from tests.api.test_service import UPLOADED, opened, problem
from visavis.session import Vault

SMUGGLED = [
    "' OR '1'='1",
    "'; DROP TABLE sessions; --",
    '" OR ""="',
    "%' UNION SELECT hash FROM api_keys --",
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "file:///etc/passwd",
    "http://169.254.169.254/latest/meta-data/",
    "$(id)",
    "{{7*7}}",
]


@pytest.mark.parametrize("text", SMUGGLED)
class TestSmuggling:
    def test_in_the_place_of_an_id(self, text: str, server: Running, vault: Vault, api_key: str) -> None:
        with server.client(api_key) as shop:
            mine = opened(shop)
            for path in (
                *("verification_sessions", "verification_reports", "enrolments", "subjects", "credentials"),
                *("webhook_endpoints", "events"),
            ):
                answer = shop.get(f"/v1/{path}/{quote(text, safe='')}")
                assert answer.status_code == 404, (path, answer.text)
                assert "passwd" not in answer.text
            for path in ("verification_sessions", "enrolments", "events"):
                page = shop.get(f"/v1/{path}", params={"starting_after": text})
                assert (page.status_code, page.json()["data"]) == (200, [])
            assert shop.get("/v1/credentials", params={"subject": text}).json()["data"] == []
            assert shop.get(f"/v1/verification_sessions/{mine['id']}").status_code == 200
        with server.client(text.encode().decode("latin-1")) as nobody:
            problem(nobody.get("/v1/events"), 401, "api_key_refused")

    def test_in_the_place_of_a_name(self, text: str, server: Running, vault: Vault, api_key: str) -> None:
        with server.client(api_key) as shop:
            enrolment = asked(shop, subject=text, recorded_by=text, consent={**CONSENT, "version": text})
            assert shop.get(f"/v1/subjects/{enrolment['subject']}").json()["name"] == text
            session = opened(shop, nonce=text, transaction={"amount": "1", "currency": "EUR", "payee": text})
            kept = shop.get(f"/v1/verification_sessions/{session['id']}").json()
            assert (kept["nonce"], kept["transaction"]["payee"]) == (text, text)
            for field in ("purpose", "policy", "subject"):
                assert shop.post("/v1/verification_sessions", json={**UPLOADED, field: text}).status_code == 422
