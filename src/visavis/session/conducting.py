"""A session's live capture, from its beginning to what comes of it. In this order:

(1) Who holds the session's secret, and has agreed to be captured, takes the session; the agreement is logged. Where too many
    captures did not pass, none begins.
(2) What the person shows besides their face is looked at as far as it can be, so that nobody is captured in vain.
(3) Frames are looked at, as `live` tells. They are in memory alone, and go when the connection does.
(4) What was captured is compared, or enrolled, as `submission` and `enlisting` tell; where the capture did not pass nothing is.

A capture that breaks off loses nothing the first time; from then on it costs an attempt, once something was asked.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import cast

from visavis.decision import judge_document
from visavis.errors import DocumentRefused, InputInvalid, SessionClosed
from visavis.session.audit import Event
from visavis.session.credentials import look_at_credential
from visavis.session.enlisting import Enrolled, enrol_taken
from visavis.session.evidence import check_agreed
from visavis.session.hosted import INTERRUPTED, Desk, settle, shown_to, take
from visavis.session.inquiry import (
    Against,
    Alternative,
    AnySession,
    EnrolmentSession,
    LivenessPolicy,
    SessionStatus,
    VerificationSession,
    Wanted,
)
from visavis.session.limits import admit_capture, failure_keys
from visavis.session.live import CAPTURE_S, LiveResult
from visavis.session.papers import terms_of, today_of
from visavis.session.ports import Transaction
from visavis.session.submission import Capture, conclude, given_back
from visavis.session.value import check_locale
from visavis.template import Claim

LIVE_LEASE = timedelta(seconds=2 * CAPTURE_S + 60)
"""For how long a live capture is waited for before the session takes another."""
REVIEW_REQUESTED = "review_requested"
"""A session's last error where its user asked for people to take care of it."""
BEGUN_MAX = 50
"""So many captures may be begun in a session, whatever becomes of them."""
_TEXT_MAX = 200


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a person was shown before their capture, and agreed to. version: of the text. locale: BCP 47."""

    version: str
    locale: str

    def __post_init__(self) -> None:
        if not 0 < len(self.version) <= _TEXT_MAX or not self.version.isprintable():
            raise InputInvalid(
                "the text that the person agreed to needs a version, of 200 printable characters at most"
            )
        check_locale(self.locale)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a client says first. alternative: the way of who cannot turn their head. evidence: whether they agree that the photos
    are kept."""

    agreed: Agreed
    alternative: Alternative | None = None
    evidence: bool = False


def begin_capture(desk: Desk, session_id: str, secret: str, beginning: Beginning) -> AnySession:
    """Take a session for a live capture (1).

    Raises ClientSecretRefused; SessionClosed when it takes no capture now; InputInvalid where it takes none that is live, or none
    such; RateLimited while captures are locked.
    """
    session = shown_to(desk, session_id, secret)
    if session.wanted.liveness is not LivenessPolicy.REQUIRED:
        raise InputInvalid("this session takes photos, and no live capture")
    if beginning.alternative not in (None, *session.wanted.alternatives):
        raise InputInvalid("this session does not offer that to people who cannot turn their head")
    check_agreed(session, agreed=beginning.evidence)
    now = desk.vault.clock()

    def begin(tx: Transaction, found: AnySession) -> None:
        if beginning.alternative is Alternative.REVIEW:
            return
        if found.begun >= BEGUN_MAX:
            raise SessionClosed("too many captures were begun in this session; ask for another one")
        admit_capture(tx.failures, failure_keys(found.id), now=now)
        told = {"session": found.id, "application": found.application, "subject": found.wanted.subject_id}
        words = {"text_version": beginning.agreed.version, "locale": beginning.agreed.locale}
        tx.audit.append(Event.CAPTURE_AGREED, {**told, **words, "purpose": found.wanted.purpose}, at=now)

    return take(desk, session_id, lease=LIVE_LEASE, begins=1, alongside=begin)


def check_ready(desk: Desk, mine: AnySession, capture: Capture) -> None:
    """Whether a person may be captured with what they show (2).

    Raises InputInvalid where something is missing, ClaimMalformed, a CredentialError, DocumentRefused, RateLimited while captures
    with this claim are locked.
    """
    if not isinstance(mine.wanted, Wanted):
        return
    against = mine.wanted.against
    shown, name = {
        Against.SUBJECT: (capture.claim, "claim"),
        Against.CREDENTIAL: (capture.credential, "credential"),
        Against.UPLOAD: (capture.reference, "photo to compare with"),
        Against.DOCUMENT: (capture.shown, "document"),
    }[against]
    if shown is None:
        raise InputInvalid(f"before the first frame, send the {name}")
    if against is Against.SUBJECT and capture.claim is not None:
        with Claim.parse(capture.claim):
            pass
    if against is Against.CREDENTIAL and capture.credential is not None and desk.trust is not None:
        look_at_credential(capture.credential, purpose=mine.wanted.purpose, trust=desk.trust(), now=desk.vault.clock())
    if capture.shown is not None:
        report = judge_document(capture.shown.document, terms_of(mine), today=today_of(desk))
        if not report.holds:
            raise DocumentRefused(report.reasons)
    with desk.vault.store.reading() as tx:
        admit_capture(tx.failures, failure_keys(mine.id, capture.token), now=desk.vault.clock())


def finish_capture(desk: Desk, mine: AnySession, live: LiveResult, capture: Capture) -> AnySession | Enrolled:
    """Compare or enrol what was captured (4). capture: with what came besides the frames. Raises what `submit` and `enrol` do."""
    with given_back(desk, mine):
        if isinstance(mine.wanted, Wanted):
            taken = replace(capture, frames=live.frames)
            return conclude(desk, cast("VerificationSession", mine), taken, live.pad)
        enrolment = cast("EnrolmentSession", mine)
        return enrol_taken(desk, enrolment, live.frames, agreed=capture.agreed, liveness=live.pad)


def break_off(
    desk: Desk, mine: AnySession, capture: Capture, *, challenged: bool, error: str = INTERRUPTED
) -> AnySession:
    """Give a session back whose capture broke off. challenged: once something was asked. Raises SessionClosed."""
    costs = challenged and mine.interruptions > 0
    counted = replace(mine, interruptions=mine.interruptions + challenged)
    now = desk.vault.clock()
    with desk.vault.store.writing() as tx:
        if costs:
            for key in failure_keys(mine.id, capture.token):
                tx.failures.add(key, now)
        return settle(tx, counted, now, error=error, attempts=int(costs))


def request_review(desk: Desk, mine: AnySession) -> AnySession:
    """End a session whose user cannot be captured as it asks, for people to take care of."""
    with given_back(desk, mine), desk.vault.store.writing() as tx:
        return settle(tx, mine, desk.vault.clock(), done=SessionStatus.CANCELED, error=REVIEW_REQUESTED, attempts=0)
