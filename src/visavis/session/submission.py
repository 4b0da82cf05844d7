"""What a client submits to its verification session. In this order:

(1) The session is taken: from here on nobody else submits to it, until the lease ends.
(2) The capture is compared with what the session names: an enrolled reference that a claim opens, a credential, or a photo.
(3) Report and state are kept together, and evidence where the person agreed to it, if the lease is still held.

A process that is killed in between loses the submission and no more: when the lease ends, the session takes the next one.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

from visavis.decision import Decision, Outcome, judge_document
from visavis.errors import (
    ClaimRefused,
    ClientSecretRefused,
    CredentialError,
    InputInvalid,
    LivenessRequired,
    VisavisError,
)
from visavis.pad import PadReason, PadResult, PadStatus
from visavis.session.audit import stamp
from visavis.session.credentials import verify_credential
from visavis.session.custody import require_agreement
from visavis.session.evidence import check_agreed, evidence_of, keeping
from visavis.session.hosted import LEASE, Desk, settle, shown_to, take
from visavis.session.inquiry import (
    Against,
    AnySession,
    HostedSession,
    LivenessPolicy,
    Report,
    SessionStatus,
    VerificationSession,
    W,
    Wanted,
)
from visavis.session.jws import sign_report
from visavis.session.limits import failure_keys
from visavis.session.papers import Papers, Shown, read_papers, terms_of, today_of
from visavis.session.ports import Transaction
from visavis.session.probe import Probe
from visavis.session.verification import Expected, verify_claim

READING_LEASE = 2 * LEASE
"""For how long a submission with a document is waited for: its pages wait for a place, and take a while to read."""
INCONCLUSIVE_MAX = 20
"""So many reports of a session may say that nothing could be compared without using up an attempt."""
LIVENESS_FAILED = "liveness_failed"
"""A session's last error after a live capture that looked like an attack."""


@dataclass(frozen=True, slots=True, repr=False)
class Capture:
    """What a client submits. claim, credential, holder: texts of codes. reference: a photo, for sessions that take one. papers:
    those of a document, for sessions about one; shown: the same once it is read. agreed: whether the person agrees that photos
    are kept as evidence."""

    frames: Sequence[bytes]
    claim: str | None = None
    credential: str | None = None
    holder: str | None = None
    reference: bytes | None = None
    papers: Papers | None = None
    shown: Shown | None = None
    agreed: bool = False

    @property
    def token(self) -> str | None:
        """What was shown besides a face."""
        return self.claim or self.credential

    def photos(self, against: Against) -> dict[str, bytes]:
        """The photos of faces and of the document, by what they are; not those of codes, which are secret."""
        photos = {f"probe-{number}": frame for number, frame in enumerate(self.frames, 1)}
        if against is Against.UPLOAD and self.reference is not None:
            photos["reference"] = self.reference
        if against is Against.DOCUMENT and self.shown is not None:
            photos |= self.shown.papers.kept()
        return photos


def submit(desk: Desk, session_id: str, secret: str, capture: Capture) -> VerificationSession:
    """Take a capture, and answer with the session as it is afterwards; the report is the application's to see.

    Raises ClientSecretRefused; SessionClosed when the session takes no capture now; LivenessRequired where it takes no photos; an
    ImageError, a DocumentError, RateLimited, Overloaded, InputInvalid and other faults: they use up no attempt.
    """
    lease = LEASE if capture.papers is None else READING_LEASE
    with taken(desk, session_id, secret, Wanted, lease) as mine:  # (1)
        require_unchecked(mine)
        if capture.papers is not None:
            capture = replace(capture, shown=read_papers(desk, mine, capture.papers))
        return conclude(desk, mine, capture)


def conclude(
    desk: Desk, mine: VerificationSession, capture: Capture, liveness: PadResult | None = None
) -> VerificationSession:
    """Compare a capture that was submitted to a session that is taken (2, 3). liveness: of a live capture; where it did not pass
    nothing is opened and nothing compared. Raises what `submit` does."""
    check_agreed(mine, agreed=capture.agreed)
    try:
        answer = _compared(desk, mine, capture, liveness)
    except (ClaimRefused, CredentialError) as error:
        with desk.vault.store.writing() as tx:
            return settle(tx, mine, desk.vault.clock(), error=error.code)
    desk.decided(answer.decision)
    outcome, now = answer.decision.outcome, desk.vault.clock()
    report = _report(desk, mine, answer, now)
    photos = capture.photos(mine.wanted.against) if outcome is not Outcome.INCONCLUSIVE else {}
    evidence = evidence_of(
        desk.evidence_key, mine, photos, now, agreed=capture.agreed, subject_id=answer.about, report=report
    )
    with keeping(desk.vault, evidence) as keep, desk.vault.store.writing() as tx:
        if answer.about is not None:
            require_agreement(tx, answer.about, mine.wanted.purpose)
        if liveness is not None:
            count_failure(tx, mine, liveness, now, capture.token)
        asked = liveness is not None and had_asked(liveness)
        free = outcome is Outcome.INCONCLUSIVE and not asked and len(tx.sessions.reports(mine.id)) < INCONCLUSIVE_MAX
        settled = settle(
            tx,
            mine,
            now,
            done=SessionStatus.VERIFIED if outcome is Outcome.MATCH else None,
            error=None if outcome is Outcome.MATCH else _lacking(answer.decision),
            attempts=0 if free else 1,
            kept=evidence is not None,
        )
        tx.sessions.add_report(report)
        keep(tx)
    return settled


def require_unchecked(session: AnySession) -> None:
    """Raises LivenessRequired where photos that were uploaded are not enough."""
    if session.wanted.liveness is LivenessPolicy.REQUIRED:
        raise LivenessRequired("this session needs a live capture; open its page, or connect to `/live`")


def had_asked(liveness: PadResult) -> bool:
    """Whether a live capture that did not pass had asked for something: then it costs an attempt, or one could try for ever."""
    return liveness.status is not PadStatus.PASSED and liveness.reasons != (PadReason.NOT_POSITIONED,)


def count_failure(
    tx: Transaction, session: AnySession, liveness: PadResult, now: datetime, token: str | None = None
) -> None:
    """Count a live capture that did not pass. token: the text of the claim or credential that was shown."""
    if had_asked(liveness):
        for key in failure_keys(session.id, token):
            tx.failures.add(key, now)


def lacking(liveness: PadResult) -> str:
    """What is told to the client of a live capture that did not pass: not by what an attack was known."""
    return LIVENESS_FAILED if liveness.status is PadStatus.FAILED else liveness.reasons[0].value


@contextmanager
def taken(
    desk: Desk, session_id: str, secret: str, kind: type[W], lease: timedelta = LEASE
) -> Iterator[HostedSession[W]]:
    """A session of this kind, taken for a submission by who holds its secret (1); given back, without loss of an attempt, when
    the block raises."""
    session = shown_to(desk, session_id, secret)
    if not isinstance(session.wanted, kind):
        raise ClientSecretRefused("this is the secret of another kind of session")
    mine = cast("HostedSession[W]", take(desk, session_id, lease=lease))
    with given_back(desk, mine):
        yield mine


@contextmanager
def given_back(desk: Desk, mine: AnySession) -> Iterator[None]:
    """Gives a session that is taken back, without loss of an attempt, when the block raises."""
    try:
        yield
    except BaseException as error:
        with suppress(VisavisError), desk.vault.store.writing() as tx:
            settle(tx, mine, desk.vault.clock(), error=getattr(error, "code", "fault"), attempts=0)
        raise


@dataclass(frozen=True, slots=True)
class _Answer:
    """about: the subject with whose reference or credential the person was compared, where that is known. credential, issuer: the
    id of a credential, in hex, and whose it is."""

    decision: Decision
    about: str | None = None
    credential: str | None = None
    issuer: str | None = None


def _compared(desk: Desk, session: VerificationSession, capture: Capture, liveness: PadResult | None) -> _Answer:
    """Step (2)."""
    if liveness is not None and liveness.status is not PadStatus.PASSED:
        decision = desk.models.current.not_compared(session.wanted.policy, liveness)
        if capture.shown is not None:
            report = judge_document(capture.shown.document, terms_of(session), today=today_of(desk))
            decision = replace(decision, document=report)
        return _Answer(decision, session.wanted.subject_id)
    answer = _against(desk, session, capture)
    return replace(answer, decision=replace(answer.decision, liveness=liveness))


def _against(desk: Desk, session: VerificationSession, capture: Capture) -> _Answer:
    wanted, probe = session.wanted, Probe(capture.frames)
    match wanted.against:
        case Against.SUBJECT:
            if capture.claim is None:
                raise InputInvalid("submit the claim, or a photo of its code")
            done = verify_claim(
                desk.vault,
                desk.models,
                claim=capture.claim,
                probe=probe,
                policy=wanted.policy,
                expected=Expected(wanted.purpose, wanted.subject_id),
                limits=desk.limits,
            )
            return _Answer(done.decision, wanted.subject_id)
        case Against.CREDENTIAL:
            if capture.credential is None:
                raise InputInvalid("submit the credential, or a photo of its code")
            if desk.trust is None:
                raise InputInvalid("credentials are not accepted here: no issuer is trusted")
            read, decision = verify_credential(
                desk.models,
                credential=capture.credential,
                holder=capture.holder,
                probe=probe,
                policy=wanted.policy,
                purpose=wanted.purpose,
                trust=desk.trust(),
                now=desk.vault.clock(),
                log=desk.vault.store,
            )
            issued = None
            if desk.issuing is not None and read.issuer == desk.issuing.issuer.name:  # others may use the same ids
                with desk.vault.store.reading() as tx:
                    issued = tx.credentials.get(read.cti)
            return _Answer(decision, None if issued is None else issued.subject_id, read.cti.hex(), read.issuer)
        case Against.UPLOAD:
            if capture.reference is None:
                raise InputInvalid("submit the photo that the person is compared with")
            verify = desk.models.current.verify
            return _Answer(verify(reference=capture.reference, probe=capture.frames, policy=wanted.policy))
        case Against.DOCUMENT:
            if capture.shown is None:
                raise InputInvalid("submit photos of the document, or the files of its chip")
            decision = desk.models.current.verify_document(
                capture.shown.document,
                capture.frames,
                terms=terms_of(session),
                today=today_of(desk),
                policy=wanted.policy,
            )
            return _Answer(decision)


def _lacking(decision: Decision) -> str:
    """What was wrong with the capture, the document, or a photo, the probe first; where nothing was, why the decision is what it
    is."""
    if decision.liveness is not None and decision.liveness.status is not PadStatus.PASSED:
        return lacking(decision.liveness)
    if decision.document is not None and not decision.document.holds:
        return decision.document.reasons[0]
    return [*decision.probe.reasons, *decision.reference.reasons, decision.reason][0].value


def _report(desk: Desk, session: VerificationSession, answer: _Answer, now: datetime) -> Report:
    plain, wanted, report_id = answer.decision.to_dict(), session.wanted, f"vr_{secrets.token_hex(12)}"
    matched = answer.decision.outcome is Outcome.MATCH
    claims = {
        "iss": desk.issuer,
        "aud": session.application,
        "jti": report_id,
        "iat": int(now.timestamp()),
        "session": session.id,
        "session_created_at": stamp(session.created_at),
        "sub": answer.about if matched else None,
        "credential": answer.credential if matched else None,
        "credential_issuer": answer.issuer if matched else None,
        "purpose": wanted.purpose,
        "against": wanted.against.value,
        "transaction": None if wanted.payment is None else wanted.payment.to_dict(),
        "nonce": wanted.nonce,
        "outcome": plain["outcome"],
        "policy": {name: plain["policy"][name] for name in ("name", "fmr_target", "version", "extrapolated")},
        "liveness": {name: plain["liveness"][name] for name in ("status", "method", "reasons")},
        "document": plain["document"],
    }
    said = {name: value for name, value in claims.items() if value is not None}
    return Report(report_id, session.id, answer.about, now, plain, sign_report(said, desk.signer))
