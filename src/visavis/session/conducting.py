"""A session's live capture, from its beginning to what comes of it. In this order:

(1) Who holds the session's secret, and has agreed to be captured, takes the session; the agreement is logged. Where too many
    captures did not pass, none begins.
(2) Frames are looked at, as `live` tells. They are in memory alone, and go when the connection does.
(3) What was captured is compared, or enrolled, as `submission` and `enlisting` tell; where the capture did not pass nothing is.

A capture that breaks off loses nothing the first time; from then on it costs an attempt, once something was asked.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import cast

from visavis.errors import InputInvalid
from visavis.session.audit import Event
from visavis.session.enlisting import Enrolled, enrol_taken
from visavis.session.hosted import INTERRUPTED, Desk, settle, shown_to, take
from visavis.session.inquiry import (
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
from visavis.session.ports import Transaction
from visavis.session.submission import Capture, conclude, given_back
from visavis.session.value import check_locale

LIVE_LEASE = timedelta(seconds=CAPTURE_S + 60)
"""For how long a live capture is waited for before the session takes another."""
REVIEW_REQUESTED = "review_requested"
"""A session's last error where its user asked for people to take care of it."""
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


def begin_capture(desk: Desk, session_id: str, secret: str, agreed: Agreed) -> AnySession:
    """Take a session for a live capture (1).

    Raises ClientSecretRefused; SessionClosed when it takes no capture now; InputInvalid where it takes none that is live;
    RateLimited while captures are locked.
    """
    session = shown_to(desk, session_id, secret)
    if session.wanted.liveness is not LivenessPolicy.REQUIRED:
        raise InputInvalid("this session takes photos, and no live capture")
    now = desk.vault.clock()

    def begin(tx: Transaction, found: AnySession) -> None:
        subject_id = found.wanted.subject_id
        admit_capture(tx.failures, failure_keys(session_id, subject_id), now=now)
        told = {"session": session_id, "application": found.application, "subject": subject_id}
        words = {"purpose": found.wanted.purpose, "text_version": agreed.version, "locale": agreed.locale}
        tx.audit.append(Event.CAPTURE_AGREED, {**told, **words}, at=now)

    return take(desk, session_id, lease=LIVE_LEASE, alongside=begin)


def finish_capture(desk: Desk, mine: AnySession, live: LiveResult, capture: Capture) -> AnySession | Enrolled:
    """Compare or enrol what was captured (3). capture: with what came besides the frames. Raises what `submit` and `enrol` do."""
    with given_back(desk, mine):
        if isinstance(mine.wanted, Wanted):
            taken = replace(capture, frames=live.frames)
            return conclude(desk, cast("VerificationSession", mine), taken, live.pad)
        enrolment = cast("EnrolmentSession", mine)
        return enrol_taken(desk, enrolment, live.frames, agreed=capture.agreed, liveness=live.pad)


def break_off(desk: Desk, mine: AnySession, *, challenged: bool, error: str = INTERRUPTED) -> AnySession:
    """Give a session back whose capture broke off. challenged: once something was asked. Raises SessionClosed."""
    costs = challenged and mine.interruptions > 0
    counted = replace(mine, interruptions=mine.interruptions + challenged)
    with desk.vault.store.writing() as tx:
        return settle(tx, counted, desk.vault.clock(), error=error, attempts=int(costs))


def request_review(desk: Desk, mine: AnySession) -> AnySession:
    """End a session whose user cannot be captured as it asks, for people to take care of. Raises InputInvalid where it offers no
    such way."""
    with given_back(desk, mine):
        if Alternative.REVIEW not in mine.wanted.alternatives:
            raise InputInvalid("this session offers no review")
        with desk.vault.store.writing() as tx:
            return settle(tx, mine, desk.vault.clock(), done=SessionStatus.CANCELED, error=REVIEW_REQUESTED, attempts=0)
