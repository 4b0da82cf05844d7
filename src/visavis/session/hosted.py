"""Sessions that an application asks for and its user's client carries out, and what becomes of them.

    requires_input -> processing -> verified, or enrolled
                   <-            (with the reason, while attempts are left)
                   -> canceled   (by the application, or when no attempt is left)
                   -> expired

An application opens a session and sends its user to a page with the session's secret; the page submits a capture. A verification
(see `submission`) is answered with a report, one a capture that was compared, signed; an enrolment (see `enlisting`) with what it
hands out to its subject. Each change is logged and told to the application's webhook endpoints, in its own transaction.
"""

import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, cast

from visavis.decision import Decision, DocumentTerms
from visavis.document import Authenticity
from visavis.errors import (
    ClientSecretRefused,
    InputInvalid,
    SessionClosed,
    SessionUnknown,
    SubjectUnknown,
)
from visavis.pad import PassiveModel
from visavis.session.audit import Event, stamp
from visavis.session.credentials import Issuing, Trust
from visavis.session.evidence import destroy_evidence
from visavis.session.idempotency import ANSWERS_KEPT
from visavis.session.inquiry import (
    OPEN,
    Against,
    AnySession,
    EvidenceTerms,
    HostedSession,
    Report,
    SessionStatus,
    VerificationSession,
    W,
    Wanted,
)
from visavis.session.limits import CAPTURE_LOCK, CAPTURE_WINDOW, DEFAULT_ATTEMPT_LIMITS, AttemptLimits
from visavis.session.outbox import forget_old_secrets, tell
from visavis.session.ports import Transaction, Vault
from visavis.session.probe import Models
from visavis.session.receipts import sign_receipt
from visavis.session.value import Receipt, ReferenceState, check_url
from visavis.session.verification import captured_policy
from visavis.template import Signer

if TYPE_CHECKING:
    from visavis.session.papers import Documents

ATTEMPTS_MAX = 10
LIFE_MIN, LIFE_MAX = timedelta(seconds=30), timedelta(days=1)
LEASE = timedelta(seconds=60)
"""For how long a submission is waited for before the session takes another."""
INTERRUPTED = "interrupted"
"""A session's last error where the process that looked at a capture ended before it answered."""
KEPT = timedelta(days=30)
"""For how long a session that is over, and an event, is remembered; a session also as long as evidence of it is kept."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What sessions are conducted with. issuer: who the signed answers say they are from. trust: for credentials, where they are
    accepted. issuing, status_list: where credentials are issued. evidence_key: public, where photos may be kept. passive: a model
    that looks at frames of live captures, besides. documents: where identity documents are read. decided: is told of each
    decision."""

    vault: Vault
    models: Models
    issuer: str
    signer: Signer
    trust: Callable[[], Trust] | None = None
    issuing: Issuing | None = None
    status_list: Callable[[], bytes] | None = None
    limits: AttemptLimits = DEFAULT_ATTEMPT_LIMITS
    evidence_key: bytes | None = None
    passive: PassiveModel | None = None
    documents: "Documents | None" = None
    decided: Callable[[Decision], None] = lambda _: None


def open_session(
    desk: Desk,
    *,
    application: str,
    wanted: Wanted,
    attempts: int = 3,
    life: timedelta = timedelta(minutes=15),
    evidence: EvidenceTerms | None = None,
    return_url: str | None = None,
) -> tuple[VerificationSession, str]:
    """Open a verification session. Returns it and the client's secret, which is handed out once.

    evidence: under which terms photos are kept, where the person agrees. return_url: where the page leads back to.
    Raises InputInvalid, SubjectUnknown, PolicyUnknown or PolicyUnsupported.
    """
    if (wanted.against is Against.SUBJECT) != (wanted.subject_id is not None):
        raise InputInvalid("name a subject where the person is compared with one, and nowhere else")
    if wanted.against is Against.CREDENTIAL and desk.trust is None:
        raise InputInvalid("credentials are not accepted here: no issuer is trusted")
    policy = desk.models.current.policy_for(wanted.policy)
    if wanted.document is not None:
        desk.models.current.document_policy_for(policy)
        _require_documents(desk, wanted.document)
    elif wanted.against is not Against.UPLOAD:
        captured_policy(desk.models, policy)
    session, secret = new_session(
        desk,
        application,
        wanted,
        prefix="vs",
        attempts=attempts,
        life=life,
        evidence=evidence,
        return_url=return_url,
    )
    with desk.vault.store.writing() as tx:
        if wanted.subject_id is not None:
            _require_reference(tx, wanted.subject_id, wanted.purpose)
        tx.sessions.add(session)
        note(tx, session, session.created_at, "created")
    return session, secret


def _require_documents(desk: Desk, terms: DocumentTerms) -> None:
    """Raises InputInvalid where no document could ever be what is asked for."""
    if desk.documents is None:
        raise InputInvalid("no identity documents are read here")
    if terms.authenticity is not Authenticity.PAGE_ONLY and not desk.documents.trust().authorities:
        raise InputInvalid("no state's signatures are trusted here, so no chip would do; see `visavis trust`")


def _require_reference(tx: Transaction, subject_id: str, purpose: str) -> None:
    """Raises SubjectUnknown, or InputInvalid where the subject has nothing to be compared with."""
    if tx.subjects.get(subject_id) is None:
        raise SubjectUnknown("there is no subject with this id")
    if not any(
        each.purpose == purpose and each.state is ReferenceState.ACTIVE for each in tx.references.of(subject_id)
    ):
        raise InputInvalid(f"the subject has no reference for the purpose {purpose!r}; enrol them for it first")


def new_session(
    desk: Desk,
    application: str,
    wanted: W,
    *,
    prefix: str,
    attempts: int,
    life: timedelta,
    evidence: EvidenceTerms | None,
    return_url: str | None,
) -> tuple[HostedSession[W], str]:
    """A session that is still to be kept, and its client's secret. Raises InputInvalid."""
    if not 1 <= attempts <= ATTEMPTS_MAX or not LIFE_MIN <= life <= LIFE_MAX:
        raise InputInvalid(f"a session has 1 to {ATTEMPTS_MAX} attempts, and lives for 30 seconds to a day")
    if evidence is not None and desk.evidence_key is None:
        raise InputInvalid("no photos are kept here: the operator has not switched it on with --evidence-key")
    now, secret = desk.vault.clock(), f"vscs_{secrets.token_urlsafe(32)}"
    session = HostedSession(
        id=f"{prefix}_{secrets.token_hex(12)}",
        application=application,
        wanted=wanted,
        status=SessionStatus.REQUIRES_INPUT,
        attempts_left=attempts,
        created_at=now,
        expires_at=now + life,
        secret_hash=_hash(secret),
        evidence=evidence,
        return_url=None if return_url is None else check_url(return_url),
    )
    return session, secret


def find_session(desk: Desk, session_id: str, kind: type[W], *, application: str) -> HostedSession[W]:
    """A session of the application's. Raises SessionUnknown, also for another's, or one of another kind."""
    with desk.vault.store.reading() as tx:
        return _as_of(_own(tx, session_id, kind, application), desk.vault.clock())


def _own(tx: Transaction, session_id: str, kind: type[W], application: str) -> HostedSession[W]:
    session = tx.sessions.get(session_id)
    if session is None or session.application != application or not isinstance(session.wanted, kind):
        raise SessionUnknown("there is no session with this id")
    return cast("HostedSession[W]", session)


def sessions_of(
    desk: Desk, kind: type[W], *, application: str, before: str | None = None, limit: int = 100
) -> Sequence[HostedSession[W]]:
    """An application's sessions of a kind, newest first, from the one behind `before` on."""
    now = desk.vault.clock()
    with desk.vault.store.reading() as tx:
        found = tx.sessions.page(application, kind.kind, before=before, limit=limit)
    return [_as_of(cast("HostedSession[W]", session), now) for session in found]


def shown_to(desk: Desk, session_id: str, secret: str) -> AnySession:
    """The session, to the client who holds its secret. Raises ClientSecretRefused, also for one that is not there."""
    with desk.vault.store.reading() as tx:
        same = hmac.compare_digest(_hash(secret), tx.sessions.hash_of(session_id))
        session = tx.sessions.get(session_id) if same else None
    if session is None:
        raise ClientSecretRefused("this is not the secret of a session")
    return _as_of(session, desk.vault.clock())


def cancel_session(desk: Desk, session_id: str, kind: type[W], *, application: str) -> HostedSession[W]:
    """End a session. Raises SessionUnknown, or SessionClosed when it is over already."""
    now = desk.vault.clock()
    with desk.vault.store.writing() as tx:
        session = _as_of(_own(tx, session_id, kind, application), now)
        if session.status not in OPEN:
            raise SessionClosed(f"the session is {session.status.value.replace('_', ' ')}, and cannot be canceled")
        ended = replace(session, status=SessionStatus.CANCELED, lease=None, leased_until=None)
        tx.sessions.move(ended, status=session.status, lease=session.lease)
        note(tx, ended, now)
    return ended


def take(
    desk: Desk,
    session_id: str,
    *,
    lease: timedelta = LEASE,
    begins: int = 0,
    alongside: Callable[[Transaction, AnySession], object] = lambda *_: None,
) -> AnySession:
    """Take a session for a submission: until its lease ends nobody else submits to it. begins: how many live captures begin with
    it. alongside: what is done in the same transaction, and may refuse it. Raises SessionClosed."""
    now = desk.vault.clock()
    with desk.vault.store.writing() as tx:
        found = tx.sessions.get(session_id)
        if found is None:
            raise SessionClosed("the session is gone; it takes no capture any more")
        session = _as_of(found, now)
        if session.status not in OPEN:
            raise SessionClosed(f"the session is {session.status.value}; it takes no capture any more")
        if session.status is SessionStatus.PROCESSING and session.leased_until and now < session.leased_until:
            raise SessionClosed("a capture is being looked at; wait for the answer")
        mark = secrets.token_bytes(16)
        taken = replace(
            session,
            status=SessionStatus.PROCESSING,
            lease=mark,
            leased_until=now + lease,
            begun=session.begun + begins,
        )
        tx.sessions.move(taken, status=session.status, lease=session.lease)  # which nobody else writes to meanwhile
        alongside(tx, session)
    return taken


def settle(
    tx: Transaction,
    taken: HostedSession[W],
    now: datetime,
    *,
    done: SessionStatus | None = None,
    error: str | None = None,
    attempts: int = 1,
    kept: bool = False,
) -> HostedSession[W]:
    """End a submission. done: what the session is from now on, where it reached its end. error: the code of what was lacking.
    kept: whether evidence is kept with it.

    Raises SessionClosed where the session ended, or the lease did, meanwhile: then nothing is kept.
    """
    left = taken.attempts_left - attempts
    status = done or (SessionStatus.REQUIRES_INPUT if left > 0 else SessionStatus.CANCELED)
    settled = replace(
        taken,
        status=status,
        attempts_left=left,
        last_error=error,
        lease=None,
        leased_until=None,
        evidence_kept=taken.evidence_kept + kept,
    )
    if not tx.sessions.move(settled, status=SessionStatus.PROCESSING, lease=taken.lease):
        raise SessionClosed("the session ended, or took too long, while the capture was looked at; nothing was kept")
    if attempts or done is not None:
        note(tx, settled, now)
    return settled


def reports_of(desk: Desk, session_id: str, *, application: str) -> Sequence[Report]:
    """A session's reports, oldest first. Raises SessionUnknown."""
    find_session(desk, session_id, Wanted, application=application)
    with desk.vault.store.reading() as tx:
        return tx.sessions.reports(session_id)


def report_of(desk: Desk, report_id: str, *, application: str) -> Report:
    """A report of the application's. Raises SessionUnknown, also for another's."""
    with desk.vault.store.reading() as tx:
        report = tx.sessions.report(report_id)
        session = None if report is None else tx.sessions.get(report.session_id)
    if report is None or session is None or session.application != application:
        raise SessionUnknown("there is no verification report with this id")
    return report


def redact_session(desk: Desk, session_id: str, *, application: str) -> Receipt:
    """Forget what a session that is over holds of the person: its reports, whom it was about, and what they approved.

    Gives a signed receipt. Raises SessionUnknown, or SessionClosed while it is open.
    """
    expire_sessions(desk.vault)  # so that what is kept of it says how it ended
    now = desk.vault.clock()
    with desk.vault.store.writing() as tx:
        session = _own(tx, session_id, Wanted, application)
        if session.status in OPEN:
            raise SessionClosed("the session is not over yet; cancel it first")
        if session.redacted_at is not None:
            raise SessionClosed(f"the session was redacted at {stamp(session.redacted_at)} already")
        counts = redact(desk.vault, tx, session, now)
        receipt = sign_receipt(desk.vault, {"session": session.id, "redacted_at": stamp(now), **counts})
        tx.audit.append(Event.REDACTED, {"session": session.id, "application": application}, at=now)
        _tell(tx, session, now, "redacted")
    desk.vault.store.scrub()
    return receipt


def redact(vault: Vault, tx: Transaction, session: AnySession, now: datetime) -> dict[str, int]:
    """Forget what a verification session holds of the person, and end it where it is open. How much there was."""
    if not isinstance(session.wanted, Wanted):
        return {}
    reports = len(tx.sessions.reports(session.id))
    evidence = destroy_evidence(vault, tx, tx.evidence.of(session_id=session.id))
    wanted = replace(session.wanted, subject_id=None, payment=None, nonce=None)
    status = SessionStatus.CANCELED if session.status in OPEN else session.status
    redacted = replace(
        session, wanted=wanted, status=status, last_error=None, lease=None, leased_until=None, redacted_at=now
    )
    tx.sessions.move(redacted, status=session.status, lease=session.lease)
    tx.sessions.redact(session.id)
    return {"reports": reports, "evidence": evidence}


def forget_about(tx: Transaction, subject_id: str, now: datetime) -> None:
    """Forget all sessions about a subject. Those that are open end, and their applications are told."""
    for session in tx.sessions.about(subject_id):
        if session.status in OPEN:
            note(tx, replace(session, status=SessionStatus.CANCELED), now)
    tx.sessions.forget(subject_id)


def expire_sessions(vault: Vault) -> int:
    """Note which sessions have expired, give back those whose submission broke off, and forget what is over for long.

    How many have expired. To be run every minute.
    """
    now, count = vault.clock(), 0
    with vault.store.writing() as tx:
        for session in tx.sessions.due(now=now):
            expired = now >= session.expires_at
            status, error = (
                (SessionStatus.EXPIRED, session.last_error) if expired else (SessionStatus.REQUIRES_INPUT, INTERRUPTED)
            )
            freed = replace(session, status=status, last_error=error, lease=None, leased_until=None)
            tx.sessions.move(freed, status=session.status, lease=session.lease)
            if expired:
                note(tx, freed, now)
            count += expired
        tx.sessions.prune(before=now - KEPT)
        tx.outbox.prune(before=now - KEPT)
        forget_old_secrets(tx, now)
        tx.answers.prune(before=now - ANSWERS_KEPT)
        tx.failures.prune(before=now - CAPTURE_WINDOW - CAPTURE_LOCK)
    return count


def note(tx: Transaction, session: AnySession, now: datetime, what: str | None = None) -> None:
    """Log a session's state, and tell its application. what: other than the state's own name."""
    details = {"session": session.id, "application": session.application, "status": session.status.value}
    tx.audit.append(Event.SESSION, {**details, "subject": session.wanted.subject_id}, at=now)
    _tell(tx, session, now, what or session.status.value)


def _tell(tx: Transaction, session: AnySession, now: datetime, what: str) -> None:
    """No more than what a session is called, where it stands and why: whoever receives it asks for the rest."""
    kind = session.wanted.kind
    data = {
        "id": session.id,
        "object": kind,
        "purpose": session.wanted.purpose,
        "status": session.status.value,
        "attempts_left": session.attempts_left,
        "last_error": session.last_error,
    }
    tell(tx, application=session.application, event_type=f"{kind}.{what}", data=data, now=now)


def _as_of(session: HostedSession[W], now: datetime) -> HostedSession[W]:
    """A session whose time is over has expired, also before that is noted."""
    over = session.status in OPEN and now >= session.expires_at
    return replace(session, status=SessionStatus.EXPIRED) if over else session


def _hash(secret: str) -> bytes:
    return sha256(b"visavis client secret v1" + secret.encode()).digest()
