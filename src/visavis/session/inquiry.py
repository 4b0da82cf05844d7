"""What applications of the operator's ask for: keys by which they may, verification sessions, and the answers."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from visavis.errors import InputInvalid
from visavis.session.value import check_purpose

_TEXT_MAX = 200
_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,4})?")
_CURRENCY = re.compile("[A-Z]{3}")


class Scope(StrEnum):
    """What a key may do. Those that read see no more than those that write hand out."""

    VERIFICATION_SESSIONS = "verification_sessions"
    REPORTS = "verification_reports"
    COMPARISONS = "comparisons"
    SUBJECTS = "subjects"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """id: `key_` and 16 hex digits. application: whose it is. hash: of its text; the text is nowhere here."""

    id: str
    application: str
    scopes: frozenset[Scope]
    hash: bytes
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class SessionStatus(StrEnum):
    """Where a session stands. The last three are final."""

    REQUIRES_INPUT = "requires_input"
    PROCESSING = "processing"
    VERIFIED = "verified"
    CANCELED = "canceled"
    EXPIRED = "expired"


OPEN = frozenset({SessionStatus.REQUIRES_INPUT, SessionStatus.PROCESSING})


class Against(StrEnum):
    """What the person is compared with."""

    SUBJECT = "subject"
    """The reference of one enrolled subject; their claim opens it."""
    CREDENTIAL = "credential"
    """A face credential that they carry."""
    UPLOAD = "upload"
    """A photo that is submitted with the capture. It proves what that photo is worth."""


@dataclass(frozen=True, slots=True)
class Payment:
    """A transaction that is approved by being verified. amount: decimal digits. currency: ISO 4217. payee: as it was shown."""

    amount: str
    currency: str
    payee: str

    def __post_init__(self) -> None:
        if not _AMOUNT.fullmatch(self.amount) or not Decimal(self.amount):
            raise InputInvalid("an amount has up to 15 digits and 4 decimals, and is more than nothing")
        if not _CURRENCY.fullmatch(self.currency):
            raise InputInvalid("expected a currency of three capital letters (ISO 4217)")
        if not 0 < len(self.payee) <= _TEXT_MAX or not self.payee.isprintable():
            raise InputInvalid(f"a payee has 1 to {_TEXT_MAX} printable characters")

    def to_dict(self) -> dict[str, str]:
        """Plain values for JSON."""
        return {"amount": self.amount, "currency": self.currency, "payee": self.payee}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an application asks for. nonce: the application's own, signed with the answer."""

    purpose: str
    policy: str
    against: Against
    subject_id: str | None = None
    payment: Payment | None = None
    nonce: str | None = None

    def __post_init__(self) -> None:
        check_purpose(self.purpose)
        if self.nonce is not None and (not 0 < len(self.nonce) <= _TEXT_MAX or not self.nonce.isprintable()):
            raise InputInvalid(f"a nonce has 1 to {_TEXT_MAX} printable characters")


@dataclass(frozen=True, slots=True)
class VerificationSession:
    """id: `vs_` and random characters. application: whose it is. secret_hash: of the client's secret. last_error: the code of
    what the last submission lacked. lease, leased_until: of the submission in progress. redacted_at: when what it held of the
    person was forgotten."""

    id: str
    application: str
    wanted: Wanted
    status: SessionStatus
    attempts_left: int
    created_at: datetime
    expires_at: datetime
    secret_hash: bytes = field(repr=False)
    last_error: str | None = None
    lease: bytes | None = field(default=None, repr=False)
    leased_until: datetime | None = None
    redacted_at: datetime | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """The answer to one attempt. decision: as `Decision.to_dict` gives it. jws: the signed answer, without the score."""

    id: str
    session_id: str
    subject_id: str | None
    created_at: datetime
    decision: dict[str, Any]
    jws: str

    def __repr__(self) -> str:
        return f"<Report {self.id}>"
