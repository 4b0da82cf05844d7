"""Verification sessions: what a relying application asks for, and what becomes of it.

    requires_input -> processing -> verified
                   <-            (with the reason, while attempts are left)
                   -> canceled   (by the application, or when no attempt is left)
                   -> expired

An application opens a session and sends its user to a page with the session's secret; the page submits a capture (see
`submission`); the answer is a report, one a capture that was compared, signed.
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from visavis.errors import (
    ClientSecretRefused,
    InputInvalid,
    SessionClosed,
    SessionUnknown,
    SubjectUnknown,
)
from visavis.session.audit import Event, stamp
from visavis.session.credentials import Trust
from visavis.session.erasure import sign_receipt
from visavis.session.inquiry import OPEN, Against, Report, SessionStatus, VerificationSession, Wanted
from visavis.session.limits import DEFAULT_ATTEMPT_LIMITS, AttemptLimits
from visavis.session.ports import Transaction, Vault
from visavis.session.probe import Models
from visavis.session.value import Receipt
from visavis.session.verification import captured_policy
from visavis.template import Signer

ATTEMPTS_MAX = 10
LIFE_MIN, LIFE_MAX = timedelta(seconds=30), timedelta(days=1)
INTERRUPTED = "interrupted"
"""A session's last error where the process that looked at a capture ended before it answered."""
KEPT = timedelta(days=30)
"""For how long a session that is over is remembered, unless it is redacted before."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What sessions are conducted with. issuer: who the signed answers say they are from. trust: for credentials, where they are
    accepted."""

    vault: Vault
    models: Models
    issuer: str
    signer: Signer
    trust: Trust | None = None
    limits: AttemptLimits = DEFAULT_ATTEMPT_LIMITS


def open_session(
    desk: Desk, *, application: str, wanted: Wanted, attempts: int = 3, life: timedelta = timedelta(minutes=15)
) -> tuple[VerificationSession, str]:
    """Open a session. Returns it and the client's secret, which is handed out once.

    Raises InputInvalid, SubjectUnknown, PolicyUnknown or PolicyUnsupported.
    """
    if not 1 <= attempts <= ATTEMPTS_MAX or not LIFE_MIN <= life <= LIFE_MAX:
        raise InputInvalid(f"a session has 1 to {ATTEMPTS_MAX} attempts, and lives for 30 seconds to a day")
    if (wanted.against is Against.SUBJECT) != (wanted.subject_id is not None):
        raise InputInvalid("name a subject where the person is compared with one, and nowhere else")
    policy = desk.models.current.policy_for(wanted.policy)
    if wanted.against is not Against.UPLOAD:
        captured_policy(desk.models, policy)
    now, secret = desk.vault.clock(), f"vscs_{secrets.token_urlsafe(32)}"
    session = VerificationSession(
        id=f"vs_{secrets.token_hex(12)}",
        application=application,
        wanted=wanted,
        status=SessionStatus.REQUIRES_INPUT,
        attempts_left=attempts,
        created_at=now,
        expires_at=now + life,
        secret_hash=_hash(secret),
    )
    with desk.vault.store.writing() as tx:
        if wanted.subject_id is not None and tx.subjects.get(wanted.subject_id) is None:
            raise SubjectUnknown("there is no subject with this id")
        tx.sessions.add(session)
        note(tx, session, now)
    return session, secret


def find_session(desk: Desk, session_id: str, *, application: str) -> VerificationSession:
    """A session of the application's. Raises SessionUnknown, also for another's."""
    with desk.vault.store.reading() as tx:
        session = tx.sessions.get(session_id)
    if session is None or session.application != application:
        raise SessionUnknown("there is no verification session with this id")
    return _as_of(session, desk.vault.clock())


def sessions_of(
    desk: Desk, *, application: str, before: str | None = None, limit: int = 100
) -> Sequence[VerificationSession]:
    """An application's sessions, newest first, from the one behind `before` on."""
    with desk.vault.store.reading() as tx:
        found = tx.sessions.page(application, before=before, limit=limit)
    return [_as_of(session, desk.vault.clock()) for session in found]


def shown_to(desk: Desk, session_id: str, secret: str) -> VerificationSession:
    """The session, to the client who holds its secret. Raises ClientSecretRefused, also for one that is not there."""
    with desk.vault.store.reading() as tx:
        session = tx.sessions.get(session_id)
    same = hmac.compare_digest(_hash(secret), bytes(32) if session is None else session.secret_hash)
    if session is None or not same:
        raise ClientSecretRefused("this is not the secret of a verification session")
    return _as_of(session, desk.vault.clock())


def cancel_session(desk: Desk, session_id: str, *, application: str) -> VerificationSession:
    """End a session. Raises SessionUnknown, or SessionClosed when it is over already."""
    session = find_session(desk, session_id, application=application)
    now = desk.vault.clock()
    ended = replace(session, status=SessionStatus.CANCELED, lease=None, leased_until=None)
    with desk.vault.store.writing() as tx:
        if session.status not in OPEN or not tx.sessions.move(ended, status=session.status, lease=session.lease):
            raise SessionClosed(f"the session is {session.status.value.replace('_', ' ')}, and cannot be canceled")
        note(tx, ended, now)
    return ended


def reports_of(desk: Desk, session_id: str, *, application: str) -> Sequence[Report]:
    """A session's reports, oldest first. Raises SessionUnknown."""
    find_session(desk, session_id, application=application)
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
    session, now = find_session(desk, session_id, application=application), desk.vault.clock()
    with desk.vault.store.writing() as tx:
        if session.status in OPEN:
            raise SessionClosed("the session is not over yet; cancel it first")
        wanted = replace(session.wanted, subject_id=None, payment=None, nonce=None)
        reports = len(tx.sessions.reports(session.id))
        kept = tx.sessions.get(session.id) or session
        tx.sessions.move(
            replace(session, wanted=wanted, last_error=None, redacted_at=now), status=kept.status, lease=kept.lease
        )
        tx.sessions.redact(session.id)
        receipt = sign_receipt(desk.vault, {"session": session.id, "redacted_at": stamp(now), "reports": reports})
        tx.audit.append(Event.REDACTED, {"session": session.id, "application": application}, at=now)
    desk.vault.store.scrub()
    return receipt


def expire_sessions(vault: Vault) -> int:
    """Note which sessions have expired, give back those whose submission broke off, and forget those that are over for long.

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
    return count


def note(tx: Transaction, session: VerificationSession, now: datetime) -> None:
    """Log the session's state."""
    details = {"session": session.id, "application": session.application, "status": session.status.value}
    tx.audit.append(Event.SESSION, {**details, "subject": session.wanted.subject_id}, at=now)


def _as_of(session: VerificationSession, now: datetime) -> VerificationSession:
    """A session whose time is over has expired, also before that is noted."""
    over = session.status in OPEN and now >= session.expires_at
    return replace(session, status=SessionStatus.EXPIRED) if over else session


def _hash(secret: str) -> bytes:
    return sha256(b"visavis client secret v1" + secret.encode()).digest()
