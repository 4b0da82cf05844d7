"""What applications of the operator's ask for: keys by which they may, sessions of their users, and the answers."""

import re
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Any, ClassVar, Generic, TypeVar

from visavis.decision import DocumentTerms
from visavis.errors import InputInvalid
from visavis.session.audit import stamp
from visavis.session.value import ConsentText, check_purpose

_TEXT_MAX = 200
VALID_DAYS_MAX = 36_525
EVIDENCE_DAYS_MAX, EVIDENCE_TEXT_MAX = 3_653, 20_000
_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,4})?")
_CURRENCY = re.compile("[A-Z]{3}")


class Scope(StrEnum):
    """What a key may do. Those that read see no more than those that write hand out."""

    VERIFICATION_SESSIONS = "verification_sessions"
    REPORTS = "verification_reports"
    COMPARISONS = "comparisons"
    SUBJECTS = "subjects"
    ENROLMENTS = "enrolments"
    CREDENTIALS = "credentials"
    STATUS_LIST = "status_list"
    WEBHOOKS = "webhook_endpoints"
    EVENTS = "events"
    AUDIT = "audit"
    METRICS = "metrics"


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
    """Where a session stands. All but the first two are final."""

    REQUIRES_INPUT = "requires_input"
    PROCESSING = "processing"
    VERIFIED = "verified"
    ENROLLED = "enrolled"
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
    DOCUMENT = "document"
    """The portrait of an identity document that is shown."""


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


class LivenessPolicy(StrEnum):
    """Whether a person must be captured live."""

    REQUIRED = "required"
    NOT_CHECKED = "not_checked"
    """Photos are taken as they are uploaded: a photo of a photo passes. For where someone looks on."""


class Alternative(StrEnum):
    """A way for people who cannot turn their head."""

    MOVE_CAMERA = "move_camera"
    """The camera is moved round the head, which shows the same."""
    REVIEW = "review"
    """The session ends, and the application's people take care of it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A verification that an application asks for. nonce: the application's own, signed with the answer. alternatives: those that
    its user may choose. document: what is asked of the document, where the person is compared with one."""

    kind: ClassVar[str] = "verification_session"
    purpose: str
    policy: str
    against: Against
    subject_id: str | None = None
    payment: Payment | None = None
    nonce: str | None = None
    liveness: LivenessPolicy = LivenessPolicy.REQUIRED
    alternatives: tuple[Alternative, ...] = (Alternative.MOVE_CAMERA,)
    document: DocumentTerms | None = None

    def __post_init__(self) -> None:
        check_purpose(self.purpose)
        if (self.against is Against.DOCUMENT) != (self.document is not None):
            raise InputInvalid(
                "say what is asked of a document where the person is compared with one, and nowhere else"
            )
        if self.nonce is not None and (not 0 < len(self.nonce) <= _TEXT_MAX or not self.nonce.isprintable()):
            raise InputInvalid(f"a nonce has 1 to {_TEXT_MAX} printable characters")


class Yields(StrEnum):
    """What an enrolment makes for its subject."""

    REFERENCE = "reference"
    """A sealed template that is kept here, and the claim that opens it."""
    CREDENTIAL = "credential"
    """A face credential and its holder's secret, of which nothing is kept here."""


@dataclass(frozen=True, slots=True)
class ToEnrol:
    """An enrolment that an application asks for, once the subject's consent is recorded. replaces: whether an earlier reference
    for the same purpose gives way. valid_days: of a credential. alternatives: those that its user may choose."""

    kind: ClassVar[str] = "enrolment"
    purpose: str
    subject_id: str
    consent_id: str
    yields: Yields
    replaces: bool = False
    valid_days: int = 365
    liveness: LivenessPolicy = LivenessPolicy.REQUIRED
    alternatives: tuple[Alternative, ...] = (Alternative.MOVE_CAMERA,)

    def __post_init__(self) -> None:
        if not 1 <= self.valid_days <= VALID_DAYS_MAX:
            raise InputInvalid(f"a credential is valid for 1 to {VALID_DAYS_MAX:,} days")


@dataclass(frozen=True, slots=True)
class EvidenceTerms:
    """Under which photos of a session are kept, if its person agrees. text: what they are shown. locale: BCP 47."""

    text: str
    version: str
    locale: str
    retention_days: int

    def __post_init__(self) -> None:
        if len(self.text) > EVIDENCE_TEXT_MAX or not 1 <= self.retention_days <= EVIDENCE_DAYS_MAX:
            raise InputInvalid(
                f"evidence is kept for 1 to {EVIDENCE_DAYS_MAX:,} days, under a text of {EVIDENCE_TEXT_MAX:,} characters at most"
            )
        ConsentText.of(
            self.text, version=self.version, locale=self.locale, purpose="evidence", retention_days=self.retention_days
        )

    @property
    def text_sha256(self) -> str:
        """Of the text in UTF-8, in hex."""
        return sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of photos that are kept. id: 16 bytes. report_id: None for an enrolment's. subject_id: where it is known.
    text_sha256, text_version, locale: of the text that the person agreed to."""

    id: bytes
    session_id: str
    report_id: str | None
    subject_id: str | None
    purpose: str
    text_sha256: str
    text_version: str
    locale: str
    created_at: datetime
    expires_at: datetime

    @property
    def name(self) -> str:
        """The id as a text: `ev_` and 32 hex digits."""
        return f"ev_{self.id.hex()}"

    @staticmethod
    def id_of(name: str) -> bytes | None:
        """The inverse of `name`; None for a text that is none."""
        found = re.fullmatch("ev_([0-9a-f]{32})", name)
        return None if found is None else bytes.fromhex(found[1])

    def to_dict(self) -> dict[str, str | None]:
        """Plain values for JSON."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**plain, "id": self.name, "created_at": stamp(self.created_at), "expires_at": stamp(self.expires_at)}


W = TypeVar("W", bound=Wanted | ToEnrol)
W_co = TypeVar("W_co", bound=Wanted | ToEnrol, covariant=True)


@dataclass(frozen=True, slots=True)
class HostedSession(Generic[W_co]):
    """A session in which an application's user submits captures. id: a prefix and random characters. application: whose it is.
    secret_hash: of the client's secret. evidence: under which terms photos are kept. evidence_kept: how often they were.
    return_url: where the page leads back to. last_error: the code of what the last submission lacked. lease, leased_until: of the
    submission in progress. begun: how many live captures were. interruptions: how many of them broke off once something was
    asked. redacted_at: when what it held of the person was forgotten."""

    id: str
    application: str
    wanted: W_co
    status: SessionStatus
    attempts_left: int
    created_at: datetime
    expires_at: datetime
    secret_hash: bytes = field(repr=False)
    evidence: EvidenceTerms | None = None
    evidence_kept: int = 0
    return_url: str | None = None
    last_error: str | None = None
    lease: bytes | None = field(default=None, repr=False)
    leased_until: datetime | None = None
    begun: int = 0
    interruptions: int = 0
    redacted_at: datetime | None = None


VerificationSession = HostedSession[Wanted]
EnrolmentSession = HostedSession[ToEnrol]
AnySession = HostedSession[Wanted | ToEnrol]


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """To a request that may be repeated. id: a hash of who asked and their idempotency key. request: a hash of what was asked.
    sealed: what was answered, encrypted; None while the request is carried out."""

    id: bytes
    request: bytes
    begun_at: datetime
    sealed: bytes | None = None


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
