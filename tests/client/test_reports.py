"""Signed reports, and those who would have others taken for them."""

import asyncio
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.api import Running
from tests.client.conftest import MakeClient
from tests.session import Person, enrol, subject_id
from visavis.client import (
    AsyncKeySet,
    AsyncReports,
    AsyncVisavis,
    CheckedReport,
    Expected,
    KeySet,
    ReportRefused,
    Reports,
    ServiceUnreachable,
    SignatureInvalid,
    Transaction,
    Visavis,
)
from visavis.client.keys import read_keys
from visavis.errors import InputInvalid, VisavisError
from visavis.session import Vault
from visavis.template import FileKeys

ANNA = Person(1)
PAYMENT = Transaction("12.50", "EUR", "Bakery")
NOW = 1_800_000_000
POLICY = {"name": "1e-4", "fmr_target": 1e-4, "version": 1, "extrapolated": False}
DOCUMENT = {"sources": [], "authenticity": "authentic", "links": {}, "weakest_link": "face", "fields": {}}
KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
EXPECTED = Expected(purpose="payment", nonce="n-1", transaction=PAYMENT, subject="sub_1", session="vs_1")
CLAIMS = {
    "iss": "https://verify.example",
    "aud": "shop",
    "jti": "vr_1",
    "iat": NOW,
    "session": "vs_1",
    "session_created_at": "2027-01-15T08:00:00.000000Z",
    "sub": "sub_1",
    "credential": None,
    "credential_issuer": None,
    "purpose": "payment",
    "against": "subject",
    "transaction": {"amount": "12.50", "currency": "EUR", "payee": "Bakery"},
    "nonce": "n-1",
    "outcome": "match",
    "policy": POLICY,
    "liveness": {"status": "passed", "method": "turns-1", "reasons": []},
}


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def jwk(key: Ed25519PrivateKey, kid: str, **more: Any) -> dict[str, Any]:
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "use": "sig",
        "alg": "EdDSA",
        "kid": kid,
        "x": base64url(public(key)),
        **more,
    }


JWKS = {"keys": [jwk(OTHER, "k2"), jwk(KEY, "k1")]}
HEADER = {"alg": "EdDSA", "kid": "k1", "typ": "visavis-report+jwt"}


def signed(
    claims: object = CLAIMS,
    *,
    header: object = HEADER,
    sign: Callable[[bytes], bytes] = KEY.sign,
) -> str:
    parts = [base64url(each if isinstance(each, bytes) else json.dumps(each).encode()) for each in (header, claims)]
    message = ".".join(parts)
    return f"{message}.{base64url(sign(message.encode()))}"


def reports(now: float = NOW, **how: Any) -> Reports:
    how = {"issuer": "https://verify.example", "audience": "shop", **how}
    return Reports(JWKS, clock=lambda: now, **how)


def check(jws: str, *, expect: Expected = EXPECTED, now: float = NOW, **how: Any) -> CheckedReport:
    return reports(now, **how).check(jws, expect=expect)


class TestGoodOnes:
    def test_one_that_answers_what_was_asked(self) -> None:
        told = check(signed())
        assert (told.id, told.session, told.subject, told.nonce) == ("vr_1", "vs_1", "sub_1", "n-1")
        assert (told.transaction, told.policy, told.liveness) == (PAYMENT, "1e-4", "passed")
        assert told.issued_at.timestamp() == NOW
        assert told.claims["session_created_at"] == CLAIMS["session_created_at"]
        assert "session_created_at" not in repr(told)

    @pytest.mark.parametrize("expect", [
        Expected(purpose="payment", nonce="n-1", transaction=PAYMENT),
        Expected(purpose="payment", session="vs_1", transaction=PAYMENT, policy="1e-4"),
    ])  # fmt: skip
    def test_less_may_be_expected(self, expect: Expected) -> None:
        assert check(signed(), expect=expect).id == "vr_1"

    def test_nobody_is_the_subject_of_an_upload(self) -> None:
        claims = {**CLAIMS, "sub": None, "nonce": None, "transaction": None, "against": "upload"}
        told = check(signed(claims), expect=Expected(purpose="payment", session="vs_1"))
        assert (told.subject, told.nonce, told.transaction) == (None, None, None)
        absent = {name: value for name, value in claims.items() if value is not None}
        assert check(signed(absent), expect=Expected(purpose="payment", session="vs_1")).subject is None

    def test_what_later_versions_add(self) -> None:
        later = {**CLAIMS, "colour": "blue", "liveness": {"status": "passed", "level": 3}}
        told = check(signed(later, header={**HEADER, "cty": "x"}))
        assert (told.liveness, told.liveness_reasons) == ("passed", ())

    @pytest.mark.parametrize("status", ["not_checked", "failed", "inconclusive", "perhaps"])
    def test_who_was_not_captured_live_passes_only_where_that_is_expected(self, status: str) -> None:
        claims = signed({**CLAIMS, "liveness": {"status": status, "method": None, "reasons": []}})
        with pytest.raises(ReportRefused) as refused:
            check(claims)
        assert refused.value.claim == "liveness"
        assert check(claims, expect=replace(EXPECTED, liveness=status)).liveness == status

    @pytest.mark.parametrize("seconds", [-60, 0, 600])
    def test_a_little_before_or_after(self, seconds: int) -> None:
        assert check(signed(), now=NOW + seconds).id == "vr_1"

    def test_the_audience_and_age_are_ones_own(self) -> None:
        told = check(signed({**CLAIMS, "aud": "bank"}), audience="bank", age_max_s=3600, now=NOW + 3600)
        assert told.id == "vr_1"


class TestDocuments:
    @staticmethod
    def shown(authenticity: str) -> str:
        link = {"status": "passed", "reasons": []}
        names = ("reading", "authenticity", "expiry", "liveness", "face")
        document = {
            "sources": ["chip"],
            "authenticity": authenticity,
            "links": dict.fromkeys(names, link),
            "weakest_link": "face",
            "fields": {
                "over_18": {"value": True, "standing": "signed"},
                "surname": {"value": "ERIKSSON", "standing": "signed"},
                "address": {"value": ["1 Main St", "Utopia"], "standing": "signed"},
                "full_name": {"value": None, "standing": "unchecked"},
            },
        }
        return signed({**CLAIMS, "document": document})

    @pytest.mark.parametrize(
        ("told", "expected"),
        [
            ("page_only", "page_only"),
            ("authentic_presence_not_proven", "page_only"),
            ("authentic", "authentic_presence_not_proven"),
            ("authentic", "authentic"),
        ],
    )
    def test_as_strong_as_expected_or_more(self, told: str, expected: str) -> None:
        checked = check(self.shown(told), expect=replace(EXPECTED, document=expected))
        assert checked.document is not None
        assert checked.document.authenticity == told
        assert {name: field.value for name, field in checked.document.fields.items()} == {
            "over_18": True,
            "surname": "ERIKSSON",
            "address": ("1 Main St", "Utopia"),
            "full_name": None,
        }
        assert checked.document.links["face"].status == "passed"
        assert "ERIKSSON" not in repr(checked)

    @pytest.mark.parametrize(
        ("told", "expected"),
        [
            ("page_only", None),
            ("authentic", None),
            ("failed", "page_only"),
            ("perhaps", "page_only"),
            ("page_only", "authentic_presence_not_proven"),
            ("authentic_presence_not_proven", "authentic"),
        ],
    )
    def test_another_one_is_refused(self, told: str, expected: str | None) -> None:
        with pytest.raises(ReportRefused) as refused:
            check(self.shown(told), expect=replace(EXPECTED, document=expected))
        assert refused.value.claim == "document"

    def test_none_at_all(self) -> None:
        with pytest.raises(ReportRefused):
            check(signed(), expect=replace(EXPECTED, document="page_only"))

    @pytest.mark.parametrize(
        ("told", "source", "expected", "good"),
        [
            ("1e-4", "chip", "document-1e-4", True),
            ("1e-4", "chip", "1e-4", True),
            ("document-1e-4", "page", "document-1e-4", True),
            ("1e-4", "page", "document-1e-4", False),
            ("1e-4", None, "document-1e-4", False),
            ("1e-3", "chip", "document-1e-4", False),
            ("1e-4", "chip", "1e-3", False),
            ("document-1e-4", "page", "1e-4", False),
            ("document-1e-3", "page", "document-1e-4", False),
        ],
    )
    def test_a_chips_portrait_is_decided_on_as_a_photo_is(
        self, told: str, source: str | None, expected: str, good: bool
    ) -> None:
        claims: dict[str, Any] = {**CLAIMS, "policy": {**POLICY, "name": told}}
        expect = replace(EXPECTED, policy=expected)
        if source is not None:
            claims["document"] = {**DOCUMENT, "sources": [source]}
            expect = replace(expect, document="page_only")
        if good:
            assert check(signed(claims), expect=expect).policy == told
            return
        with pytest.raises(ReportRefused) as refused:
            check(signed(claims), expect=expect)
        assert refused.value.claim == "policy"

    def test_what_cannot_be_expected(self) -> None:
        with pytest.raises(InputInvalid):
            replace(EXPECTED, document="failed")


class TestForged:
    """Not the service's."""

    @staticmethod
    def refused(jws: str) -> None:
        with pytest.raises(SignatureInvalid):
            check(jws)

    @pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, "ES256", "Ed25519", ["EdDSA"]])
    @pytest.mark.parametrize("signature", [b"", b"\0" * 64])
    def test_algorithms_that_are_none(self, algorithm: object, signature: bytes) -> None:
        self.refused(signed(header={**HEADER, "alg": algorithm}, sign=lambda _: signature))
        self.refused(signed(header={**HEADER, "alg": algorithm}))

    @pytest.mark.parametrize(
        "secret", [public(KEY), base64url(public(KEY)).encode(), json.dumps(JWKS["keys"][1]).encode(), b""]
    )
    def test_a_mac_by_what_everybody_knows(self, secret: bytes) -> None:
        self.refused(
            signed(header={**HEADER, "alg": "HS256"}, sign=lambda message: hmac.digest(secret, message, "sha256"))
        )

    def test_the_key_of_another_id(self) -> None:
        self.refused(signed(header={**HEADER, "kid": "k2"}))
        self.refused(signed(sign=OTHER.sign))
        self.refused(signed(header={**HEADER, "kid": "k3"}))

    @pytest.mark.parametrize("kid", [None, 1, "", "../k1", {"kid": "k1"}])
    def test_an_id_that_is_none(self, kid: object) -> None:
        self.refused(signed(header={**HEADER, "kid": kid}))

    def test_a_key_that_it_brings_along(self) -> None:
        stranger = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
        for more in (
            {"jwk": jwk(stranger, "k1")},
            {"jku": "https://evil.example/jwks.json"},
            {"x5u": "https://evil.example/cert.pem"},
            {"x5c": [base64url(public(stranger))]},
        ):
            self.refused(signed(header={**HEADER, **more}, sign=stranger.sign))
            self.refused(signed(header={**HEADER, **more, "kid": "k9"}, sign=stranger.sign))

    def test_an_address_of_keys_leads_nowhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("connected"))
        told = check(signed(header={**HEADER, "jku": "https://evil.example/jwks.json"}))  # signed by the service
        assert told.id == "vr_1"

    @pytest.mark.parametrize("more", [{"crit": ["exp"]}, {"crit": []}, {"b64": False, "crit": ["b64"]}, {"b64": False}])
    def test_what_is_critical_and_unknown(self, more: dict[str, object]) -> None:
        self.refused(signed(header={**HEADER, **more}))

    @pytest.mark.parametrize("kind", [None, "JWT", "visavis-report", "VISAVIS-REPORT+JWT", "statuslist+jwt", 1])
    def test_another_type(self, kind: object) -> None:
        header: dict[str, object] = {**HEADER, "typ": kind}
        self.refused(signed(header=header))
        del header["typ"]
        self.refused(signed(header=header))

    def test_a_payload_that_was_changed(self) -> None:
        header, _, signature = signed().split(".")
        for change in ({"outcome": "match", "sub": "sub_2"}, {"nonce": "n-2"}, {"aud": "bank"}):
            payload = base64url(json.dumps({**CLAIMS, **change}).encode())
            self.refused(f"{header}.{payload}.{signature}")

    def test_a_header_that_was_changed(self) -> None:
        _, payload, signature = signed().split(".")
        self.refused(f"{base64url(json.dumps({**HEADER, 'x': 1}).encode())}.{payload}.{signature}")

    def test_base64_in_another_form(self) -> None:
        """The last letter of a signature holds four bits that count and two that do not."""
        jws = signed()
        assert check(jws).id == "vr_1"
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        last = alphabet.index(jws[-1])
        others = [jws[:-1] + alphabet[(last & ~15) | low] for low in range(16) if low != last & 15]
        for other in [*others, jws + "=", jws + "==", jws + "\n", jws[:-1] + "\n" + jws[-1], " " + jws, jws + "A", jws + "!",
                      jws.replace("-", "+").replace("_", "/") + "+"]:  # fmt: skip
            self.refused(other)

    @pytest.mark.parametrize(
        "jws",
        ["", ".", "..", "...", "a.b.c", "é.é.é", "e30.e30.", "e30.e30.e30", base64url(b"[" * 9_000) + ".e30.e30",
         "A" * 100_000, json.dumps({"payload": "e30", "signatures": []}), "\0" * 10],
    )  # fmt: skip
    def test_what_is_no_jws(self, jws: str) -> None:
        self.refused(jws)

    def test_parts_too_few_or_too_many(self) -> None:
        jws = signed()
        for other in (jws.rpartition(".")[0], jws + ".e30", jws + ".", "." + jws, jws.replace(".", "..", 1)):
            self.refused(other)

    @pytest.mark.parametrize("header", [b"", b"[]", b"null", b"\xff", b'"x"', [], None])
    def test_a_header_that_is_none(self, header: object) -> None:
        self.refused(signed(header=header))

    @pytest.mark.parametrize("claims", [b"", b"[]", b"null", b"\xff", [], None, 1, "x", {}])
    def test_claims_that_are_none(self, claims: object) -> None:
        self.refused(signed(claims))

    @pytest.mark.parametrize(
        "name", ["iss", "aud", "jti", "iat", "session", "purpose", "outcome", "policy", "liveness"]
    )
    def test_a_claim_that_is_missing_or_of_another_type(self, name: str) -> None:
        self.refused(signed({key: value for key, value in CLAIMS.items() if key != name}))
        for value in (None, True, [CLAIMS[name]], {"is": CLAIMS[name]}, float("nan")):
            self.refused(signed({**CLAIMS, name: value}))

    @pytest.mark.parametrize("change", [{"exp": 1}, {"exp": "soon"}, {"nbf": 10**11}])
    def test_one_whose_time_is_over_or_not_yet_come(self, change: dict[str, object]) -> None:
        self.refused(signed({**CLAIMS, **change}))


class TestUnexpected:
    """The service's, and not what was asked for."""

    @pytest.mark.parametrize(
        ("claim", "value"),
        [
            ("iss", "https://verify.example/"), ("iss", "https://evil.example"), ("aud", "bank"), ("aud", "Shop"),
            ("nonce", "n-2"), ("nonce", None), ("purpose", "door"), ("session", "vs_2"), ("sub", "sub_2"), ("sub", None),
            ("transaction", None), ("transaction", {"amount": "12.5", "currency": "EUR", "payee": "Bakery"}),
            ("transaction", {"amount": "1250", "currency": "EUR", "payee": "Bakery"}),
            ("transaction", {"amount": "12.50", "currency": "EUR", "payee": "Thief"}),
            ("outcome", "no_match"), ("outcome", "inconclusive"), ("outcome", "Match"), ("outcome", ""),
        ],
    )  # fmt: skip
    def test_another_claim(self, claim: str, value: object) -> None:
        with pytest.raises(ReportRefused) as refused:
            check(signed({**CLAIMS, claim: value}))
        assert refused.value.claim == claim
        assert refused.value.code == "report_refused"

    def test_an_audience_among_several(self) -> None:
        with pytest.raises(VisavisError):
            check(signed({**CLAIMS, "aud": ["shop", "bank"]}))

    @pytest.mark.parametrize("seconds", [-61, 601, -(10**10), 10**10])
    def test_too_early_or_too_late(self, seconds: int) -> None:
        with pytest.raises(ReportRefused) as refused:
            check(signed(), now=NOW + seconds)
        assert refused.value.claim == "iat"

    def test_a_transaction_that_nobody_asked_for(self) -> None:
        with pytest.raises(ReportRefused) as refused:
            check(signed(), expect=Expected(purpose="payment", nonce="n-1"))
        assert refused.value.claim == "transaction"

    def test_another_policy(self) -> None:
        with pytest.raises(ReportRefused):
            check(signed(), expect=Expected(purpose="payment", nonce="n-1", transaction=PAYMENT, policy="1e-6"))

    @pytest.mark.parametrize("empty", ["", None])
    def test_the_answer_to_any_question_cannot_be_expected(self, empty: str | None) -> None:
        with pytest.raises(InputInvalid):
            Expected(purpose="payment", nonce=empty, session=empty)

    @pytest.mark.parametrize("missing", [{"issuer": ""}, {"audience": ""}])
    def test_nor_one_for_anybody(self, missing: dict[str, Any]) -> None:
        with pytest.raises(InputInvalid):
            reports(**missing)


class TestKeys:
    @pytest.mark.parametrize(
        "key",
        [
            jwk(KEY, "k", use="enc"), jwk(KEY, "k", alg="ES256"), jwk(KEY, "k", crv="X25519"), jwk(KEY, "k", kty="oct"),
            jwk(KEY, "k", x="AAAA"), jwk(KEY, "k", x=1), jwk(KEY, "k", x=base64url(public(KEY)) + "="), "k", None,
            jwk(KEY, "k", d="AAAA"), {"kty": "oct", "k": "AAAA", "kid": "k"},
        ],
    )  # fmt: skip
    def test_one_that_is_none_is_passed_over(self, key: object) -> None:
        assert set(read_keys({"keys": [key, jwk(KEY, "k1"), {**jwk(OTHER, "k2"), "new": 1}]})) == {"k1", "k2"}
        with pytest.raises(InputInvalid):
            read_keys({"keys": [key]})

    @pytest.mark.parametrize("jwks", [{}, {"keys": []}, {"keys": {}}, {"keys": None}])
    def test_a_set_without_any(self, jwks: dict[str, object]) -> None:
        with pytest.raises(InputInvalid):
            Reports(jwks, issuer="i", audience="a")


class Asked:
    """Stands in for a client, and counts how often it is asked for keys."""

    def __init__(self) -> None:
        self.count, self.jwks, self.now = 0, {"keys": [jwk(KEY, "k1")]}, 0.0
        self.down = False

    def key_set(self) -> dict[str, Any]:
        self.count += 1
        if self.down:
            raise ServiceUnreachable("down")
        return self.jwks


class AskedLater(Asked):
    async def key_set(self) -> dict[str, Any]:  # type: ignore[override]
        return super().key_set()


@pytest.fixture(params=[Asked, AskedLater])
def asked(request: pytest.FixtureRequest) -> Asked:
    made: Asked = request.param()
    return made


@pytest.fixture
def find(asked: Asked) -> Callable[[str], bytes | None]:
    """Looks for a key, at once or later."""
    if not isinstance(asked, AskedLater):
        return KeySet(cast("Visavis", asked), clock=lambda: asked.now).find
    keys = AsyncKeySet(cast("AsyncVisavis", asked), clock=lambda: asked.now)
    return lambda kid: asyncio.run(keys.find(kid))


class TestRotation:
    def test_keys_are_asked_for_once(self, asked: Asked, find: Callable[[str], bytes | None]) -> None:
        assert find("k1") == find("k1") == public(KEY)
        assert asked.count == 1

    def test_a_new_one_is_asked_for_at_most_every_five_minutes(
        self, asked: Asked, find: Callable[[str], bytes | None]
    ) -> None:
        assert find("k1")
        asked.jwks = {"keys": [jwk(KEY, "k1"), jwk(OTHER, "k2")]}
        for _ in range(100):
            assert find("k2") is None
        assert asked.count == 1
        asked.now = 300.0
        assert find("k2") == public(OTHER)
        assert find("k3") is None
        assert asked.count == 2

    def test_one_that_was_withdrawn_is_trusted_for_no_more_than_an_hour(
        self, asked: Asked, find: Callable[[str], bytes | None]
    ) -> None:
        assert find("k1")
        asked.jwks = {"keys": [jwk(OTHER, "k2")]}
        asked.now = 3_599.0
        assert find("k1")
        asked.now = 3_600.0
        assert find("k1") is None
        asked.now, asked.down = 7_200.0, True
        with pytest.raises(ServiceUnreachable):
            find("k2")

    def test_where_the_service_is_down_the_old_ones_stay_good_for_a_while(
        self, asked: Asked, find: Callable[[str], bytes | None]
    ) -> None:
        assert find("k1")
        asked.now, asked.down = 300.0, True
        with pytest.raises(ServiceUnreachable):
            find("k2")
        assert find("k2") is None  # anybody can name a key; the service is not asked for each
        assert find("k1")


class TestWithTheService:
    def test_a_payment_from_the_session_to_the_checked_answer(
        self, kind: str, make_client: MakeClient, server: Running, vault: Vault, api_key: str
    ) -> None:
        claim, anna = enrol(vault, ANNA, purpose="payment"), subject_id(vault)
        client = make_client(server.url, api_key)
        opened = client.verification_sessions.create(
            purpose="payment",
            against="subject",
            subject=anna,
            transaction=PAYMENT,
            nonce="order 77",
            liveness="not_checked",
        )
        client.capture(opened.id, opened.client_secret).submit(probe=ANNA.photo(1), claim=claim.text())
        (report,) = client.verification_sessions.reports(opened.id)
        expect = Expected(
            purpose="payment",
            nonce="order 77",
            session=opened.id,
            transaction=PAYMENT,
            subject=anna,
            policy="1e-4",
            liveness="not_checked",
        )
        who: dict[str, Any] = {"issuer": "https://verify.example", "audience": "shop"}

        async def later() -> CheckedReport:
            async with AsyncVisavis(server.url, api_key) as slow:
                return await AsyncReports(AsyncKeySet(slow), **who).check(report, expect=expect)

        at_once = Reports(KeySet(client), **who)
        told = at_once.check(report, expect=expect) if kind == "at once" else asyncio.run(later())
        assert (told.id, told.session, told.subject, told.transaction) == (report.id, opened.id, anna, PAYMENT)
        assert abs(told.issued_at.timestamp() - time.time()) < 60
        with pytest.raises(ReportRefused):
            Reports(client.key_set(), **who).check(report, expect=Expected(purpose="payment", nonce="order 78"))

    def test_a_key_that_was_rotated(
        self, server: Running, vault: Vault, api_key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert isinstance(vault.keys, FileKeys)
        now = time.monotonic()
        with Visavis(server.url, api_key) as client:
            keys = KeySet(client, clock=lambda: now)
            (old,) = read_keys(client.key_set())
            assert keys.find(old) is not None
            vault.keys.rotate("report")
            (new,) = set(read_keys(client.key_set())) - {old}
            assert keys.find(new) is None
            now += 301
            assert keys.find(new) is not None
            assert keys.find(old) is not None

    def test_nobody_is_the_subject_of_an_upload(self, client: Visavis) -> None:
        opened = client.verification_sessions.create(purpose="door", against="upload", liveness="not_checked")
        client.capture(opened.id, opened.client_secret).submit(probe=ANNA.photo(1), reference=ANNA.photo())
        (report,) = client.verification_sessions.reports(opened.id)
        told = Reports(client.key_set(), issuer="https://verify.example", audience="shop").check(
            report, expect=Expected(purpose="door", session=opened.id, liveness="not_checked")
        )
        assert (told.subject, told.nonce, told.transaction) == (None, None, None)
