"""What the service answers with, and the few values that are sent to it.

Times are in UTC. Words from a fixed list (`status`, `outcome`, a reason) are plain texts: later versions may add some. What is
handed out once, and scores, are in no `repr`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, NoReturn, Self, TypeVar

from visavis.client.reading import read

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of several things, and whether there are more behind them."""

    data: tuple[T, ...]
    has_more: bool


# --- decisions ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why, by stable codes. reference, probe: what was wrong with a photo. pair: of the outcome."""

    reference: tuple[str, ...]
    probe: tuple[str, ...]
    pair: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one comparison: for the operator, since it holds the score.

    outcome: `match`, `no_match` or `inconclusive`. score: in [-1, 1], None where nothing was compared. fmr: how often two
    strangers reach this score, by estimate. policy: its name. liveness: `passed`, `failed`, `inconclusive` or `not_checked`, and
    liveness_reasons: why it did not pass. document: what the document was worth, where there was one. plain: all that came. A
    decision has no truth value: compare its outcome.
    """

    outcome: str
    reasons: Reasons
    policy: str
    fmr_target: float
    threshold: float
    liveness: str
    liveness_reasons: tuple[str, ...]
    score: float | None = field(repr=False)
    fmr: float | None = field(repr=False)
    plain: Mapping[str, Any] = field(repr=False)
    document: "DocumentReport | None" = None

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The same from the service's answer. Raises Unreadable."""
        wire = read(_Decision, dict(value))
        return cls(
            outcome=wire.outcome,
            reasons=wire.reasons,
            policy=wire.policy.name,
            fmr_target=wire.policy.fmr_target,
            threshold=wire.policy.threshold,
            liveness=wire.liveness.status,
            liveness_reasons=wire.liveness.reasons,
            document=wire.document,
            score=wire.score,
            fmr=None if wire.fmr is None else wire.fmr.value,
            plain=value,
        )

    def __bool__(self) -> NoReturn:
        raise TypeError("a decision has three outcomes and no truth value; compare decision.outcome with 'match'")


@dataclass(frozen=True, slots=True)
class Comparison(Decision):
    """Two photos, one decision; nothing of the two is kept."""


@dataclass(frozen=True, slots=True)
class Link:
    """Of the chain from a document to a person. status: `passed`, `failed`, `inconclusive` or `not_checked`."""

    status: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentField:
    """What a document says. standing: `signed` by the state, `checked` by a check digit, `unchecked`, or `failed`."""

    value: str | bool | tuple[str, ...] | None = field(repr=False)
    standing: str


@dataclass(frozen=True, slots=True)
class DocumentReport:
    """What a document was worth. sources: `page`, `chip`. authenticity: `authentic`, `authentic_presence_not_proven`, `page_only`
    or `failed`. links: `reading`, `authenticity`, `expiry`, `liveness`, `face`; weakest_link: which of them the answer hangs on.
    fields: those that were asked for, after a match."""

    sources: tuple[str, ...]
    authenticity: str
    links: Mapping[str, Link]
    weakest_link: str
    fields: Mapping[str, DocumentField] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _DecisionPolicy:
    name: str
    fmr_target: float
    threshold: float


@dataclass(frozen=True, slots=True)
class _Liveness:
    status: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _FalseMatchRate:
    value: float


@dataclass(frozen=True, slots=True)
class _Decision:
    outcome: str
    reasons: Reasons
    score: float | None = field(repr=False)
    fmr: _FalseMatchRate | None
    policy: _DecisionPolicy
    liveness: _Liveness
    document: DocumentReport | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy by which one may decide. fmr_target: the share of strangers that it lets match. condition: `photo`, or `document`
    for portraits in documents."""

    name: str
    fmr_target: float
    condition: str


# --- verification sessions ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentTerms:
    """What is asked of an identity document. authenticity: at least `page_only`, `authentic_presence_not_proven` or `authentic`.
    expired_accepted: whether one is taken whose time is over. fields: what you are told of it, and nothing else is: `surname`,
    `document_number`, `over_18`, … (docs/documents.md)."""

    authenticity: str = "page_only"
    expired_accepted: bool = False
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Transaction:
    """A payment that is approved by being verified. amount: decimal digits, `12.50`. currency: ISO 4217. payee: as shown."""

    amount: str
    currency: str
    payee: str

    def to_dict(self) -> dict[str, str]:
        """Plain values for JSON."""
        return {"amount": self.amount, "currency": self.currency, "payee": self.payee}


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceTerms:
    """Under which photos are kept as evidence, if the person agrees. text: what they are shown. locale: BCP 47. retention_days:
    after so many days they are erased."""

    text: str = field(repr=False)
    version: str
    locale: str
    retention_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationSession:
    """A verification session. status: `requires_input`, `processing`, `verified`, `canceled` or `expired`. against: `subject`,
    `credential`, `upload` or `document`. last_error: the code of what the last submission lacked. liveness: `required` or
    `not_checked`; None from a service that knows no live captures. alternatives: for people who cannot turn their head,
    `move_camera` or `review`."""

    id: str
    status: str
    purpose: str
    policy: str
    against: str
    subject: str | None
    transaction: Transaction | None
    nonce: str | None
    attempts_left: int
    last_error: str | None
    document: DocumentTerms | None = None
    liveness: str | None = None
    alternatives: tuple[str, ...] = ()
    evidence: EvidenceTerms | None = None
    evidence_kept: int = 0
    return_url: str | None = None
    created_at: datetime
    expires_at: datetime
    redacted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSession(VerificationSession):
    """A session that was just opened. url: where to send your user. client_secret: with which a client of your own submits. Both
    are told this once; the url holds the secret."""

    client_secret: str = field(repr=False)
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to one attempt. jws: signed, without the score; `Reports` checks it."""

    id: str
    verification_session: str
    subject: str | None
    created_at: datetime
    decision: Decision
    jws: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RedactionReceipt:
    """That what a session held of the person is forgotten: signed with the key of the audit log. reports, evidence: how many."""

    session: str
    redacted_at: datetime
    reports: int
    evidence: int
    key: str
    signature: str


# --- enrolments -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a person agreed to. text: of which its hash alone is kept; or text_sha256: the hash, in hex. locale: BCP 47.
    retention_days: after so many days the reference is erased. renewal: whether it may be made anew when the model changes."""

    version: str
    locale: str
    retention_days: int
    text: str | None = None
    text_sha256: str | None = None
    renewal: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        words = {"text": self.text, "text_sha256": self.text_sha256}
        return {
            **{name: value for name, value in words.items() if value is not None},
            "version": self.version,
            "locale": self.locale,
            "retention_days": self.retention_days,
            "renewal": self.renewal,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """An enrolment. status: `requires_input`, `processing`, `enrolled`, `canceled` or `expired`. subject, consent: their ids.
    yields: `reference` or `credential`. liveness, alternatives: see `VerificationSession`."""

    id: str
    status: str
    purpose: str
    subject: str
    consent: str
    yields: str
    attempts_left: int
    last_error: str | None
    liveness: str | None = None
    alternatives: tuple[str, ...] = ()
    evidence: EvidenceTerms | None = None
    evidence_kept: int = 0
    return_url: str | None = None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedEnrolment(Enrolment):
    """An enrolment that was just opened. client_secret, url: see `OpenedSession`."""

    client_secret: str = field(repr=False)
    url: str = field(repr=False)


# --- captures -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipAnswer:
    """What a document's chip answered to a challenge. challenge: its name. active: the answer to `active_command`. chip: those to
    `chip_commands`; each with its status words at the end."""

    challenge: str
    active: bytes | None = field(default=None, repr=False)
    chip: tuple[bytes, ...] = field(default=(), repr=False)

    def to_json(self) -> str:
        """As the service takes it."""
        active = None if self.active is None else self.active.hex()
        return json.dumps({"challenge": self.challenge, "active": active, "chip": [each.hex() for each in self.chip]})


@dataclass(frozen=True, slots=True)
class ChipChallenge:
    """What a document's chip answers to show that it is there. active_command, chip_commands: command APDUs."""

    challenge: str
    active_command: bytes = field(repr=False)
    chip_commands: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class DocumentLook:
    """What was said of a document. ready: whether the capture may begin with it. reasons: why not. pages: what is wrong with each
    photo of a side, in their order."""

    ready: bool
    reasons: tuple[str, ...]
    pages: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A session as its client sees it. kind: `verification_session` or `enrolment`. against: of the first, yields: of the
    second. liveness, alternatives: see `VerificationSession`; where it is `required`, no photos are taken."""

    id: str
    kind: str
    status: str
    purpose: str
    against: str | None
    yields: str | None
    transaction: Transaction | None
    attempts_left: int
    last_error: str | None
    document: DocumentTerms | None = None
    liveness: str | None = None
    alternatives: tuple[str, ...] = ()
    evidence: EvidenceTerms | None = None
    return_url: str | None = None


@dataclass(frozen=True, slots=True)
class PhotoJudged:
    """What was said of a photo. reasons: why it was refused; none where it was taken."""

    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """What a subject must keep. name: `claim`, `credential` or `holder`. text: of the code. svg, png: its picture, for
    printing and for keeping; the PNG in Base64."""

    name: str
    text: str = field(repr=False)
    svg: str = field(repr=False)
    png: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled(Capture):
    """An enrolment after photos were submitted. codes: handed out this once, where all photos were taken."""

    photos: tuple[PhotoJudged, ...]
    codes: tuple[Code, ...] = field(repr=False)


# --- subjects and credentials ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is enrolled. name: the operator's own."""

    id: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """How many consents were withdrawn, references destroyed, credentials revoked, and how much evidence destroyed."""

    consents: int
    references: int
    credentials: int
    evidence: int


@dataclass(frozen=True, slots=True)
class ErasureReceipt:
    """That everything about a subject is erased: signed with the key of the audit log. final_at: from then on no back-up can undo
    it. references, consents, evidence: how many. credentials: what is told of each."""

    subject: str
    erased_at: datetime
    final_at: datetime
    references: int
    consents: int
    credentials: tuple[Mapping[str, Any], ...]
    evidence: int
    key: str
    signature: str


@dataclass(frozen=True, slots=True)
class Credential:
    """What is known of a credential that was issued. id: its `cti`, in hex. subject: the subject's id."""

    id: str
    subject: str | None
    purposes: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


# --- events and the audit log ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint:
    """Where events are sent. events: which types; all where there are none. disabled: whether nothing is sent. url: it may hold a
    token of yours."""

    id: str
    url: str = field(repr=False)
    events: tuple[str, ...]
    disabled: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWebhookEndpoint(WebhookEndpoint):
    """An endpoint with a new secret, which is told this once: `Webhooks` checks events by it."""

    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of an event at an endpoint. state: `pending`, `delivered` or `dead`. last_status: of the last answer.
    last_error: what came instead of a good one."""

    endpoint: str
    state: str
    attempts: int
    due_at: datetime
    last_status: int | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What happened. data: what it is about: its id, where it stands, and nothing of a person. deliveries: what became of it;
    none in an event that was received."""

    id: str
    type: str
    created_at: datetime
    data: Mapping[str, Any]
    deliveries: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An entry of the audit log. hash: of the entry before and this one."""

    number: int
    at: datetime
    event: str
    details: Mapping[str, Any]
    hash: str


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The state of the audit log, signed: keep it where the operator of the database cannot change it."""

    number: int
    hash: str
    at: datetime
    key: str
    signature: str
