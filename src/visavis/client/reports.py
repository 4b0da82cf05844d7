"""Signed answers, checked offline: by whom, for whom, to what, and how long ago. In this order:

(1) The header names EdDSA, the type of a report, and a key; nothing in it is followed, and what is critical in it is refused.
(2) The key is one of the service's.
(3) The signature is by that key, over what was read.
(4) Issuer and audience are who they should be.
(5) It was made just now.
(6) It answers what was asked, and the answer is a match.

Who is not through with all six has no answer.
"""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from visavis.client.answers import DocumentReport, Report, Transaction
from visavis.client.errors import ReportRefused, SignatureInvalid
from visavis.client.keys import AsyncKeySet, Keys, KeySet, decoded, read_keys
from visavis.client.reading import Unreadable, read
from visavis.errors import InputInvalid

REPORT_TYPE = "visavis-report+jwt"
ALGORITHM = "EdDSA"
AGE_MAX_S = 600.0
FUTURE_S = 60.0
"""How far the service's clock may be ahead."""
AUTHENTICITY = ("page_only", "authentic_presence_not_proven", "authentic")
"""Of documents, from the least on."""
_JWS_MAX = 65_536
K = TypeVar("K")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What was asked for. At least one of nonce and session is given: without, the answer to another question would do.

    purpose, transaction: as the session was opened with; a report with a transaction is refused where none is expected. nonce:
    your own, new for each session. session: its id. subject: the id of who should have matched, where that is known. policy: by
    name, where another than the one that was asked for must not do; for a chip's portrait, which is as good as a photo, that for
    photos with the same target does. liveness: `not_checked` for sessions that were opened so.
    document: what must have been shown at least, `page_only`, `authentic_presence_not_proven` or `authentic`; a report on a
    document is refused where none is expected. Raises InputInvalid.
    """

    purpose: str
    nonce: str | None = None
    session: str | None = None
    transaction: Transaction | None = None
    subject: str | None = None
    policy: str | None = None
    liveness: str = "passed"
    document: str | None = None

    def __post_init__(self) -> None:
        if self.document not in (None, *AUTHENTICITY):
            raise InputInvalid(f"a document is {', '.join(AUTHENTICITY)}, not {self.document!r}")
        if not self.nonce and not self.session:
            raise InputInvalid("say which nonce or session the report should answer")


@dataclass(frozen=True, slots=True)
class CheckedReport:
    """A report that passed. id: one session has a match once. subject: whose reference it was; None for an upload. credential: of
    the person, in hex. credential_issuer: by whom. policy: under which FMR. liveness: `passed` after a live capture, or
    `not_checked` where photos were uploaded: a photo of a photo passes. liveness_reasons: why it did not pass. document: what was
    shown, with the fields that were asked for. claims: all that was signed."""

    id: str
    session: str
    purpose: str
    against: str
    nonce: str | None
    transaction: Transaction | None
    subject: str | None
    credential: str | None
    credential_issuer: str | None
    issued_at: datetime
    policy: str
    fmr_target: float
    liveness: str
    liveness_reasons: tuple[str, ...]
    document: DocumentReport | None
    claims: Mapping[str, Any] = field(repr=False)


class _Checker(Generic[K]):
    """Both ways to check: they differ in how a key is found.

    issuer: the service's address, as it stands in its reports. audience: your application's name. age_max_s: what is older is
    refused.
    """

    def __init__(
        self,
        keys: K | Mapping[str, Any],
        *,
        issuer: str,
        audience: str,
        age_max_s: float = AGE_MAX_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not issuer or not audience:
            raise InputInvalid("say who should have issued the reports, and for whom")
        self._found: K | None = None
        self._given: Keys = {}
        if isinstance(keys, Mapping):
            self._given = read_keys(keys)
        else:
            self._found = keys
        self._issuer, self._audience, self._age_max_s, self._clock = issuer, audience, age_max_s, clock

    def _judge(self, jws: str, key: bytes | None, expect: Expected) -> CheckedReport:
        claims = _claims(_verified(jws, key))  # (2, 3)
        now = self._clock()
        _same("iss", claims.iss, self._issuer)  # (4)
        _same("aud", claims.aud, self._audience)
        if not now - self._age_max_s <= claims.iat <= now + FUTURE_S:  # (5)
            raise ReportRefused("the report is too old, or from the future", claim="iat")
        _same("nonce", claims.nonce, expect.nonce or claims.nonce)  # (6)
        _same("session", claims.session, expect.session or claims.session)
        _same("purpose", claims.purpose, expect.purpose)
        _same("transaction", claims.transaction, expect.transaction)
        _same("sub", claims.sub, expect.subject or claims.sub)
        _decided_by(claims.policy.name, expect.policy, claims.document)
        _same("liveness", claims.liveness.status, expect.liveness)
        _enough(claims.document, expect.document)
        _same("outcome", claims.outcome, "match")
        return CheckedReport(
            id=claims.jti,
            session=claims.session,
            purpose=claims.purpose,
            against=claims.against,
            nonce=claims.nonce,
            transaction=claims.transaction,
            subject=claims.sub,
            credential=claims.credential,
            credential_issuer=claims.credential_issuer,
            issued_at=datetime.fromtimestamp(claims.iat, UTC),
            policy=claims.policy.name,
            fmr_target=claims.policy.fmr_target,
            liveness=claims.liveness.status,
            liveness_reasons=claims.liveness.reasons,
            document=claims.document,
            claims=claims.all,
        )


class Reports(_Checker[KeySet]):
    """Checks reports.

    keys: a `KeySet`, which asks the service, or a JSON Web Key Set that you have. issuer: the service's address, as it stands in
    its reports (its `--base-url`). audience: your application's name. age_max_s: what is older is refused. Raises InputInvalid.
    """

    def check(self, report: Report | str, *, expect: Expected) -> CheckedReport:
        """What a report, or its JWS, says, once it has passed all that is told above.

        Use each nonce for one session, and each session once: a report stays good for as long as `age_max_s` says. Raises
        SignatureInvalid where it is not the service's, ReportRefused where it is not the one that was expected; with a `KeySet`
        also what that raises.
        """
        jws, kid = _opened(report)  # (1)
        key = self._given.get(kid) if self._found is None else self._found.find(kid)
        return self._judge(jws, key, expect)


class AsyncReports(_Checker[AsyncKeySet]):
    """Checks reports with keys from an `AsyncKeySet`. See `Reports`."""

    async def check(self, report: Report | str, *, expect: Expected) -> CheckedReport:
        """See `Reports.check`."""
        jws, kid = _opened(report)  # (1)
        key = self._given.get(kid) if self._found is None else await self._found.find(kid)
        return self._judge(jws, key, expect)


@dataclass(frozen=True, slots=True)
class _Policy:
    name: str
    fmr_target: float


@dataclass(frozen=True, slots=True)
class _Liveness:
    status: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claims:
    iss: str
    aud: str
    jti: str
    iat: int
    session: str
    purpose: str
    against: str
    outcome: str
    policy: _Policy
    liveness: _Liveness
    sub: str | None = None
    credential: str | None = None
    credential_issuer: str | None = None
    nonce: str | None = None
    transaction: Transaction | None = None
    document: DocumentReport | None = None
    all: Mapping[str, Any] = field(default_factory=dict)


def _opened(report: Report | str) -> tuple[str, str]:
    """Step (1): the JWS, and the id of the key that it names."""
    jws = report.jws if isinstance(report, Report) else report
    header: Any = None
    with suppress(ValueError, RecursionError):
        parts = [decoded(part) for part in jws.split(".")] if len(jws) <= _JWS_MAX else []
        header = json.loads(parts[0]) if len(parts) == 3 else None
    match header:
        case {"alg": "EdDSA", "typ": "visavis-report+jwt", "kid": str(kid)}:
            if "crit" in header or "b64" in header:
                raise SignatureInvalid("the JWS asks for something that this client does not know")
            return jws, kid
    raise SignatureInvalid(
        f"expected a compact JWS with the algorithm {ALGORITHM}, the type {REPORT_TYPE} and a key's id"
    )


def _same(claim: str, told: object, expected: object) -> None:
    if told != expected:
        raise ReportRefused(f"the report's `{claim}` is not what was expected", claim=claim)


def _decided_by(told: str, expected: str | None, shown: DocumentReport | None) -> None:
    """By the policy that was expected, or by that for photos with the same target where the portrait is a chip's."""
    chip = shown is not None and "chip" in shown.sources
    if not (chip and expected == f"document-{told}"):
        _same("policy", told, expected or told)


def _enough(shown: DocumentReport | None, expected: str | None) -> None:
    """A document as strong as was expected, or none where none was."""
    told = None if shown is None else shown.authenticity
    enough = () if expected is None else AUTHENTICITY[AUTHENTICITY.index(expected) :]
    if (told is not None or expected is not None) and told not in enough:
        raise ReportRefused("the report's `document` is not what was expected", claim="document")


def _verified(jws: str, key: bytes | None) -> Mapping[str, Any]:
    """Steps (2) and (3): what was signed."""
    import jwt
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if key is None:
        raise SignatureInvalid("the JWS names a key that is none of the service's")
    try:
        told: Mapping[str, Any] = jwt.decode(
            jws,
            Ed25519PublicKey.from_public_bytes(key),
            algorithms=[ALGORITHM],
            options={  # what else it can check is checked by the caller, by the caller's clock
                "verify_signature": True,
                "verify_exp": True,
                "verify_nbf": True,
                "verify_iat": False,
                "verify_aud": False,
                "verify_iss": False,
                "verify_sub": False,
                "verify_jti": False,
            },
        )
    except (jwt.InvalidTokenError, ValueError):
        raise SignatureInvalid("the signature is not the service's, or its time is over") from None
    return told


def _claims(told: Mapping[str, Any]) -> _Claims:
    try:
        return read(_Claims, {**told, "all": dict(told)})
    except Unreadable as error:
        raise SignatureInvalid(f"what is signed is no report: {error}") from None
