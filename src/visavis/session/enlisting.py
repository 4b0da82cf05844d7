"""Enrolment by an application's user: the application records the consent, the user's client captures. In this order:

(1) The consent is recorded together with the session; there is no way to capture before.
(2) The session is taken, and the photos are captured as `enrolment` tells.
(3) Reference or credential are kept in one transaction with the session's end.
(4) The claim, or the credential and its holder's secret, are handed out, once.

Where a photo is refused, nothing is made and the session takes others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from visavis.decision import PhotoReason
from visavis.errors import EnrolmentIncomplete, InputInvalid
from visavis.pad import PadResult, PadStatus
from visavis.session.credentials import issue_credential
from visavis.session.custody import require_consent
from visavis.session.enrolment import CAPTURES_MAX, Enrolment, record_consent
from visavis.session.evidence import check_agreed, evidence_of, keeping
from visavis.session.hosted import Desk, new_session, note, settle
from visavis.session.inquiry import (
    Alternative,
    EnrolmentSession,
    EvidenceTerms,
    LivenessPolicy,
    SessionStatus,
    ToEnrol,
    Yields,
)
from visavis.session.ports import Transaction
from visavis.session.submission import count_failure, had_asked, lacking, require_unchecked, taken
from visavis.session.value import ConsentText


@dataclass(frozen=True, slots=True, repr=False)
class Enrolled:
    """An enrolment after a submission. photos: why each photo was refused, nothing where it was taken. claim, credential, holder:
    the texts of codes that are handed out this once."""

    session: EnrolmentSession
    photos: Sequence[Sequence[PhotoReason]]
    claim: str | None = None
    credential: str | None = None
    holder: str | None = None


def open_enrolment(
    desk: Desk,
    *,
    application: str,
    subject: str,
    consent: ConsentText,
    recorded_by: str,
    yields: Yields = Yields.REFERENCE,
    replaces: bool = False,
    valid_days: int = 365,
    attempts: int = 5,
    life: timedelta = timedelta(minutes=30),
    evidence: EvidenceTerms | None = None,
    return_url: str | None = None,
    liveness: LivenessPolicy = LivenessPolicy.REQUIRED,
    alternatives: Sequence[Alternative] = (Alternative.MOVE_CAMERA,),
) -> tuple[EnrolmentSession, str]:
    """Record a subject's consent, and open the session in which they are captured (1). Returns it and the client's secret, which
    is handed out once.

    subject: the operator's name for them. recorded_by: who saw them consent. evidence: under which terms photos are kept, where
    the person agrees. return_url: where the page leads back to. liveness: whether they must be captured live, and alternatives:
    how they may be who cannot turn their head. Raises SubjectEnrolled where there is a reference for the purpose
    and it must not give way; InputInvalid, also where no credentials are issued.
    """
    issues = yields is Yields.CREDENTIAL
    if issues and desk.issuing is None:
        raise InputInvalid("no credentials are issued here: the installation has no issuer's name")
    with desk.vault.store.writing() as tx:
        person, recorded = record_consent(
            tx,
            desk.vault.clock(),
            subject=subject,
            consent=consent,
            recorded_by=recorded_by,
            replace=replaces or issues,  # a credential takes no reference's place
        )
        wanted = ToEnrol(
            consent.purpose, person.id, recorded.id, yields, replaces, valid_days, liveness, tuple(alternatives)
        )
        session, secret = new_session(
            desk,
            application,
            wanted,
            prefix="enr",
            attempts=attempts,
            life=life,
            evidence=evidence,
            return_url=return_url,
        )
        tx.sessions.add(session)
        note(tx, session, session.created_at, "created")
    return session, secret


def enrol(desk: Desk, session_id: str, secret: str, photos: Sequence[bytes], *, agreed: bool = False) -> Enrolled:
    """Capture one to five photos, and hand out what they yield (2, 3, 4).

    agreed: whether the person agrees that the photos are kept as evidence.
    Raises ClientSecretRefused; SessionClosed when the session takes no capture now; LivenessRequired where it takes no photos;
    ConsentInvalid where the consent ended; InputInvalid, an ImageError and other faults: they use up no attempt.
    """
    if not 1 <= len(photos) <= CAPTURES_MAX:
        raise InputInvalid(f"an enrolment takes 1 to {CAPTURES_MAX} photos of the person, as they look today")
    with taken(desk, session_id, secret, ToEnrol) as mine:
        require_unchecked(mine)
        return enrol_taken(desk, mine, photos, agreed=agreed)


def enrol_taken(
    desk: Desk, mine: EnrolmentSession, photos: Sequence[bytes], *, agreed: bool, liveness: PadResult | None = None
) -> Enrolled:
    """Capture photos that were submitted to an enrolment that is taken (2, 3, 4). liveness: of a live capture; where it did not
    pass nothing is made. Raises what `enrol` does."""
    check_agreed(mine, agreed=agreed)
    if liveness is not None and liveness.status is not PadStatus.PASSED:
        now = desk.vault.clock()
        with desk.vault.store.writing() as tx:
            count_failure(tx, mine, liveness, now)
            attempts = int(had_asked(liveness))
            return Enrolled(settle(tx, mine, now, error=lacking(liveness), attempts=attempts), [])
    with _begun(desk, mine) as enrolment:
        reasons = [enrolment.capture(photo).reasons for photo in photos]
        refused = next((each[0] for each in reasons if each), None)
        if refused is not None:
            with desk.vault.store.writing() as tx:
                return Enrolled(settle(tx, mine, desk.vault.clock(), error=refused.value), reasons)
        ended: list[EnrolmentSession] = []
        now, named = desk.vault.clock(), {f"photo-{number}": photo for number, photo in enumerate(photos, 1)}
        evidence = evidence_of(desk.evidence_key, mine, named, now, agreed=agreed, subject_id=mine.wanted.subject_id)
        with keeping(desk.vault, evidence) as keep:

            def end(tx: Transaction) -> None:
                kept = evidence is not None
                ended.append(settle(tx, mine, desk.vault.clock(), done=SessionStatus.ENROLLED, kept=kept))
                keep(tx)

            if mine.wanted.yields is Yields.REFERENCE:
                with enrolment.finish(alongside=end) as claim:
                    return Enrolled(ended[0], reasons, claim=claim.text())
            if desk.issuing is None:
                raise EnrolmentIncomplete("no credentials are issued here any more")
            credential, holder = issue_credential(
                desk.vault, enrolment, desk.issuing, valid_for=timedelta(days=mine.wanted.valid_days), alongside=end
            )
            assert holder is not None  # noqa: S101 - one is made where none is given
            with holder:
                return Enrolled(ended[0], reasons, credential=credential.text(), holder=holder.text())


def _begun(desk: Desk, session: EnrolmentSession) -> Enrolment:
    """The enrolment whose consent is on record. Raises ConsentInvalid where it is not any more."""
    wanted = session.wanted
    with desk.vault.store.reading() as tx:
        person, consent = require_consent(tx, wanted.subject_id, wanted.consent_id)
    return Enrolment(desk.vault, desk.models.current, person, consent, replace=wanted.replaces)
