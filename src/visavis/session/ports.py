"""What the protocols need from storage, keys and the clock. `store` implements the first two."""

import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Protocol

from visavis.session.audit import Detail, Entry, Event
from visavis.session.happening import Delivery, Endpoint, Happening
from visavis.session.inquiry import Answer, AnySession, ApiKey, Evidence, Report, SessionStatus
from visavis.session.value import Consent, Issued, Reference, ReferenceState, Stored, Subject
from visavis.template import ClaimType, OperatorKeys, SealedTemplate, Secret, Signer


class Subjects(Protocol):
    """Who is enrolled. Nothing here touches a template."""

    def add(self, subject: Subject) -> None:
        """Keep a new subject. Raises SubjectEnrolled when the name is taken."""

    def get(self, subject_id: str) -> Subject | None:
        """The subject with this id."""

    def named(self, name: str) -> Subject | None:
        """The subject with this name."""

    def page(self, *, after: str = "", limit: int = 100) -> Sequence[Subject]:
        """Subjects in the order of their names, from the first name after `after` on."""

    def leaving(self, *, now: datetime, unused_since: datetime) -> Sequence[Subject]:
        """Those whose erasure has begun, and those of whom nothing is left to keep: no reference, no evidence, no credential
        that has not expired, no consent since that time from which one may yet be made."""

    def begin_erasure(self, subject_id: str) -> None:
        """Mark the subject."""

    def remove(self, subject_id: str) -> None:
        """Forget the subject, with all consents."""


class Consents(Protocol):
    """Who agreed to what."""

    def add(self, consent: Consent) -> None:
        """Keep a new consent."""

    def of(self, subject_id: str) -> Sequence[Consent]:
        """A subject's consents, oldest first."""

    def withdraw(self, consent_id: str, at: datetime) -> None:
        """Note that it no longer holds."""


class References(Protocol):
    """Sealed templates by record id. There is no way to ask for more than one of them at a time."""

    def add(self, reference: Reference, sealed: bytes) -> None:
        """Keep a new reference."""

    def find(self, record_id: bytes, *, now: datetime) -> Stored | None:
        """The reference, if it is active and has not expired. Does the same work where there is none."""

    def reseal(self, record_id: bytes, *, old: bytes, new: bytes, at: datetime) -> bool:
        """Replace the sealed bytes, unless they have changed meanwhile."""

    def set_state(self, record_id: bytes, state: ReferenceState) -> None:
        """Move a reference on."""

    def of(self, subject_id: str) -> Sequence[Reference]:
        """A subject's references, oldest first, without what is sealed in them."""

    def sealed(self, record_id: bytes) -> bytes | None:
        """The sealed bytes, for the export of everything that is held about a subject."""

    def due(self, *, now: datetime, pending_before: datetime) -> Sequence[Reference]:
        """Those to be destroyed: retired, expired, or pending since before that time."""

    def ids(self, *, after: bytes = b"", limit: int = 1000) -> Sequence[bytes]:
        """Ids of active references in their order, from the first after `after` on."""

    def unknown(self, record_ids: Sequence[bytes]) -> Sequence[bytes]:
        """Those of the ids that no reference has, in whatever state."""

    def count(self) -> int:
        """How many are active."""

    def by_key_version(self) -> Mapping[int, int]:
        """How many references are sealed under each version of the operator's key."""

    def remove(self, record_id: bytes) -> None:
        """Forget a reference."""


class Attempts(Protocol):
    """Failed attempts by claim, and openings by minute."""

    def begin(self, key: bytes, record_id: bytes, *, at: datetime) -> tuple[int, datetime | None]:
        """Count an attempt as failed, whatever becomes of it. Returns how many in a row failed before it, and when the last."""

    def undo(self, key: bytes) -> None:
        """The attempt was none: nothing was compared. Forgets a claim of which no failed attempt is left."""

    def clear(self, key: bytes) -> None:
        """The attempt succeeded."""

    def count_opening(self, minute: int) -> int:
        """Count an opening; how many there were in this minute, this one included."""

    def count_refusal(self, minute: int) -> int:
        """Count a refused claim; how many there were in this minute, this one included."""

    def of(self, record_id: bytes) -> Sequence[tuple[int, datetime]]:
        """How often in a row each claim on a record failed, and when last."""

    def prune(self, *, before: datetime, failures_max: int) -> None:
        """Forget keys whose last attempt lies before that time, unless they failed so often, and minutes before it."""

    def forget(self, record_id: bytes) -> None:
        """Forget attempts on a record."""


class Credentials(Protocol):
    """Which credentials were issued. Their templates are nowhere here."""

    def add(self, issued: Issued) -> None:
        """Keep what is to be known of a new credential."""

    def get(self, cti: bytes) -> Issued | None:
        """The credential with this id."""

    def of(self, subject_id: str) -> Sequence[Issued]:
        """A subject's credentials, oldest first."""

    def taken(self, *, now: datetime) -> frozenset[int]:
        """Places in the status list that belong to credentials which have not expired."""

    def revoked(self, *, now: datetime) -> Sequence[int]:
        """Those of them that are revoked."""

    def revoke(self, cti: bytes, at: datetime) -> None:
        """Note that it is no longer good."""

    def detach(self, subject_id: str) -> None:
        """Forget whose credentials these are."""

    def prune(self, *, before: datetime) -> None:
        """Forget credentials that expired before that time."""


class Audit(Protocol):
    """The log. It only grows."""

    def append(self, event: Event, details: Mapping[str, Detail], *, at: datetime) -> Entry:
        """Chain an entry to the last one. Entries of transactions that run at the same time wait for each other."""

    def restore(self, entry: Entry) -> None:
        """Put an exported entry back behind the last one, whose number and hash it must follow."""

    def tip(self) -> tuple[int, bytes]:
        """Number and hash of the last entry; 0 and zero bytes for an empty log."""

    def entries(self, *, after: int = 0, subject_id: str | None = None) -> Iterator[Entry]:
        """Entries in their order, those about one subject where it is named."""


class KeyChecks(Protocol):
    """By which the operator's keys are known again."""

    def add(self, version: int, check: bytes) -> None:
        """Keep what a version answers, unless it is kept already."""

    def all(self) -> Mapping[int, bytes]:
        """What each version answers."""


class ApiKeys(Protocol):
    """Keys of applications, as hashes."""

    def add(self, key: ApiKey) -> None:
        """Keep a new key."""

    def get(self, key_id: str) -> ApiKey | None:
        """The key with this id."""

    def hash_of(self, key_id: str) -> bytes:
        """The hash of the key's text, after the same work zeros where there is none."""

    def all(self) -> Sequence[ApiKey]:
        """All of them, oldest first."""

    def used(self, key_id: str, at: datetime) -> None:
        """Note its last use."""

    def revoke(self, key_id: str, at: datetime) -> None:
        """Note that it is no longer good."""


class Sessions(Protocol):
    """Sessions of verification and enrolment, and reports."""

    def add(self, session: AnySession) -> None:
        """Keep a new session."""

    def get(self, session_id: str) -> AnySession | None:
        """The session with this id."""

    def hash_of(self, session_id: str) -> bytes:
        """The hash of the client's secret, after the same work zeros where there is none."""

    def page(self, application: str, kind: str, *, before: str | None = None, limit: int = 100) -> Sequence[AnySession]:
        """An application's sessions of a kind, newest first, from the one behind `before` on."""

    def move(self, session: AnySession, *, status: SessionStatus, lease: bytes | None) -> bool:
        """Replace what is kept, if it still has this status and lease; whether it had."""

    def due(self, *, now: datetime, limit: int = 1000) -> Sequence[AnySession]:
        """Those that are open though their time is over, or that of a submission to them."""

    def add_report(self, report: Report) -> None:
        """Keep a report."""

    def reports(self, session_id: str) -> Sequence[Report]:
        """A session's reports, oldest first."""

    def report(self, report_id: str) -> Report | None:
        """The report with this id."""

    def about(self, subject_id: str) -> Sequence[AnySession]:
        """Sessions about a subject, oldest first."""

    def redact(self, session_id: str) -> None:
        """Forget a session's reports."""

    def forget(self, subject_id: str) -> None:
        """Forget sessions and reports about a subject."""

    def prune(self, *, before: datetime) -> None:
        """Forget sessions that were to expire before that time, with their reports, but for those of which evidence is kept."""


class Outbox(Protocol):
    """Events, the endpoints of applications, and what is to be sent from the ones to the others."""

    def add(self, event: Happening) -> None:
        """Keep a new event."""

    def get(self, event_id: str) -> Happening | None:
        """The event with this id."""

    def page(self, application: str, *, before: str | None = None, limit: int = 100) -> Sequence[Happening]:
        """An application's events, newest first, from the one behind `before` on."""

    def prune(self, *, before: datetime) -> None:
        """Forget events from before that time, and their deliveries."""

    def put(self, delivery: Delivery) -> None:
        """Keep a delivery, in place of what was kept of it."""

    def delivery(self, event_id: str, endpoint_id: str) -> Delivery | None:
        """What is kept of a delivery."""

    def deliveries(self, event_ids: Sequence[str]) -> Sequence[Delivery]:
        """All deliveries of these events."""

    def due(self, *, now: datetime, limit: int, besides: Collection[str] = ()) -> Sequence[Delivery]:
        """Pending ones whose time has come, those that wait longest first, besides those for these endpoints."""

    def pending(self) -> int:
        """How many are pending."""

    def put_endpoint(self, endpoint: Endpoint) -> None:
        """Keep an endpoint, in place of what was kept of it."""

    def endpoint(self, endpoint_id: str) -> Endpoint | None:
        """The endpoint with this id."""

    def endpoints(self, application: str | None = None) -> Sequence[Endpoint]:
        """An application's endpoints, oldest first, or all of them."""

    def remove_endpoint(self, endpoint_id: str) -> None:
        """Forget an endpoint, and the deliveries to it."""


class Answers(Protocol):
    """Answers to requests with an idempotency key."""

    def begin(self, answer: Answer) -> Answer | None:
        """Keep that a request has begun, unless one with this id is kept already: then that one."""

    def finish(self, answer: Answer) -> None:
        """Keep what was answered."""

    def drop(self, answer_id: bytes) -> None:
        """Forget it: the request may be made again."""

    def prune(self, *, before: datetime) -> None:
        """Forget those that began before that time."""


class EvidenceBox(Protocol):
    """Photos that are kept as evidence, sealed."""

    def add(self, evidence: Evidence, sealed: bytes) -> None:
        """Keep new evidence."""

    def get(self, evidence_id: bytes) -> Evidence | None:
        """The evidence with this id."""

    def sealed(self, evidence_id: bytes) -> bytes | None:
        """Its sealed bytes."""

    def ids(self, *, after: bytes = b"", limit: int = 1000) -> Sequence[bytes]:
        """Ids in their order, from the first after `after` on."""

    def of(self, *, session_id: str | None = None, subject_id: str | None = None) -> Sequence[Evidence]:
        """All evidence, or that of a session or about a subject, oldest first."""

    def due(self, *, now: datetime, limit: int = 1000) -> Sequence[Evidence]:
        """Evidence whose time is over, no more of it than that."""

    def unknown(self, ids: Sequence[bytes]) -> Sequence[bytes]:
        """Those of the ids that no evidence has."""

    def remove(self, evidence_id: bytes) -> None:
        """Forget it."""


class Failures(Protocol):
    """Live captures that did not pass, by hashes of whom they are counted for."""

    def add(self, key: bytes, at: datetime) -> None:
        """Count one."""

    def of(self, key: bytes) -> Sequence[datetime]:
        """When they were, the oldest first."""

    def prune(self, *, before: datetime) -> None:
        """Forget those from before that time."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """Everything in the database, seen and changed as one."""

    subjects: Subjects
    consents: Consents
    references: References
    attempts: Attempts
    credentials: Credentials
    audit: Audit
    api_keys: ApiKeys
    sessions: Sessions
    key_checks: KeyChecks
    outbox: Outbox
    answers: Answers
    evidence: EvidenceBox
    failures: Failures


class Store(Protocol):
    """The database."""

    def writing(self) -> AbstractContextManager[Transaction]:
        """A transaction: all of it is kept when the block ends, nothing when it raises."""

    def reading(self) -> AbstractContextManager[Transaction]:
        """A view of the database; what is written in it is not kept."""

    def scrub(self) -> None:
        """Have the database overwrite what it still keeps of deleted rows, as far as it can be told to."""


class Shreds(Protocol):
    """32 bytes a record, kept apart from the database and destroyed for good."""

    def put(self, record_id: bytes, shred: Secret) -> None:
        """Keep a record's shred; it outlasts a crash once this returns."""

    def get(self, record_id: bytes) -> Secret:
        """A record's shred; where there is none, after the same work, bytes that open nothing."""

    def destroy(self, record_id: bytes) -> None:
        """Overwrite a record's shred; no file of the store holds it once this returns."""

    def missing(self, record_ids: Sequence[bytes]) -> Sequence[bytes]:
        """Those of the ids that have no shred."""

    def ids(self, *, after: bytes = b"", limit: int = 1000) -> Sequence[bytes]:
        """Ids of the records that have one, in their order, from the first after `after` on."""


_CIPHERTEXT_BYTES = 161
"""Of the default model's template."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Vault:
    """Where references are kept and what opens them, but for the claims.

    shred_backup_days: for how long back-ups of the store of shreds are kept; until then an erased record could be opened by who
    restores one and holds the claim. clock: the time in UTC.
    """

    store: Store
    shreds: Shreds
    keys: OperatorKeys
    audit_signer: Signer
    shred_backup_days: int = 0
    clock: Callable[[], datetime] = _utc_now

    @cached_property
    def decoy(self) -> bytes:
        """A well-formed sealed template that nothing opens; it is tried where there is no record."""
        version = self.keys.current
        parts = (secrets.token_bytes(size) for size in (32, 12, _CIPHERTEXT_BYTES))
        return bytes(SealedTemplate(ClaimType.RANDOM, secrets.token_bytes(16), bytes(16), version, *parts))
