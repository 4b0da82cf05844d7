"""Enrolment: from a consent to a reference that only its subject can open. In this order:

(1) The consent is recorded. There is no way to capture before.
(2) Photos are captured, five at most. Each is judged; one without a single dominant face that is large enough is refused.
(3) Each must agree with every one before it, as two photos of one person do at an FMR of 1e-5.
(4) The captures are fused into a template,
(5) which is sealed and kept, in the order that `custody` tells.
(6) The claim is handed out, once. Template and embeddings are wiped.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

from visavis.decision import PhotoReason, Policy, acquisition_reasons
from visavis.embedding import Embedding
from visavis.errors import EnrolmentIncomplete, InputInvalid, SubjectEnrolled
from visavis.session.audit import Event
from visavis.session.custody import PasskeyClaim, keep, replaceable
from visavis.session.ports import Transaction, Vault
from visavis.session.value import Consent, ConsentText, Subject, check_name
from visavis.template import Claim, Template
from visavis.verifier import PhotoInput, Verifier

CAPTURES_MAX = 5
TRIES_MAX = 20
ENROLMENT_POLICY = Policy("1e-5", 1e-5, inter_eye_distance_min_px=48.0)
"""What captures must offer and how far they must agree. Of mated pairs in lfw-dev, taken years apart, 1.8 % do not reach this
threshold (docs/accuracy.md); photos of one occasion nearly all do. Two people who would share a reference must be a pair that
strangers are once in 100,000. The model looks at eyes 35 pixels apart: from 48 on nothing has to be enlarged for it. In lfw-dev
no other quality measure tells which references will fail, so none refuses a photo."""


@dataclass(frozen=True, slots=True)
class CaptureReport:
    """reasons: why the photo was refused; empty where it was taken. captures: how many have been taken."""

    reasons: tuple[PhotoReason, ...]
    captures: int


def record_consent(
    tx: Transaction, now: datetime, *, subject: str, consent: ConsentText, recorded_by: str, replace: bool
) -> tuple[Subject, Consent]:
    """Record a subject's consent (1): see `Enrolment.begin`."""
    if not recorded_by.strip() or not recorded_by.isprintable() or len(recorded_by) > 200:
        raise InputInvalid("say who recorded the consent, in 200 printable characters at most")
    person = tx.subjects.named(check_name(subject))
    if person is None:
        person = Subject(f"sub_{secrets.token_hex(12)}", subject, now)
        tx.subjects.add(person)
    if person.erasing:
        raise SubjectEnrolled("the subject is being erased; wait until that is done")
    replaceable(tx.references.of(person.id), consent.purpose, now=now, replace=replace)
    recorded = Consent(f"con_{secrets.token_hex(12)}", person.id, consent, now, recorded_by)
    tx.consents.add(recorded)
    tx.audit.append(
        Event.CONSENT_RECORDED,
        {
            "subject": person.id,
            "consent": recorded.id,
            "purpose": consent.purpose,
            "text_sha256": consent.text_sha256,
            "retention_days": consent.retention_days,
        },
        at=now,
    )
    return person, recorded


class Enrolment:
    """One subject's enrolment, from the recorded consent on. Use it in a `with` statement: its end wipes the captures."""

    def __init__(self, vault: Vault, verifier: Verifier, subject: Subject, consent: Consent, *, replace: bool) -> None:
        self._vault, self._verifier = vault, verifier
        self.subject, self.consent = subject, consent
        self._replace = replace
        self._embeddings: list[Embedding] = []
        self._tries = 0

    @classmethod
    def begin(
        cls,
        vault: Vault,
        verifier: Verifier,
        *,
        subject: str,
        consent: ConsentText,
        recorded_by: str,
        replace: bool = False,
    ) -> Self:
        """Record a subject's consent (1).

        subject: the operator's name for them. recorded_by: who saw them consent. replace: whether an earlier reference for the
        same purpose gives way. Raises SubjectEnrolled where there is one and it must not; InputInvalid.
        """
        with vault.store.writing() as tx:
            person, recorded = record_consent(
                tx, vault.clock(), subject=subject, consent=consent, recorded_by=recorded_by, replace=replace
            )
        return cls(vault, verifier, person, recorded, replace=replace)

    def capture(self, photo: PhotoInput) -> CaptureReport:
        """Judge a photo and take it if it is good (2, 3).

        Raises EnrolmentIncomplete when five were taken or twenty tried, an ImageError when it is no usable image.
        """
        if len(self._embeddings) == CAPTURES_MAX or self._tries == TRIES_MAX:
            raise EnrolmentIncomplete(f"no more than {CAPTURES_MAX} photos are taken, of {TRIES_MAX} tried")
        self._tries += 1
        found = self._verifier.acquire(photo)
        reasons = acquisition_reasons(found.report, ENROLMENT_POLICY)
        if not reasons and found.embedding is not None:
            if all(self._verifier.agree(found.embedding, each, ENROLMENT_POLICY) for each in self._embeddings):
                self._embeddings.append(found.embedding)
            else:
                reasons = (PhotoReason.FRAMES_DISAGREE,)
        if reasons and found.embedding is not None:
            found.embedding.wipe()
        return CaptureReport(reasons, len(self._embeddings))

    def template(self) -> Template:
        """Fuse what was captured (4). Raises EnrolmentIncomplete when nothing was."""
        if not self._embeddings:
            raise EnrolmentIncomplete("no photo has been taken yet; each that was tried was refused with its reasons")
        return Template.of(self._embeddings)

    @property
    def captures(self) -> int:
        """How many photos have been taken."""
        return len(self._embeddings)

    def finish(
        self, *, passkey: PasskeyClaim | None = None, alongside: Callable[[Transaction], object] = lambda _: None
    ) -> Claim:
        """Seal and keep the reference, and hand out its claim (5, 6). passkey: claim by it instead of a new random secret.
        alongside: what is done in the transaction in which the reference can first be opened.

        Raises EnrolmentIncomplete, SubjectEnrolled or ConsentInvalid; then nothing is kept.
        """
        template = self.template()
        try:
            return keep(
                self._vault,
                template,
                consent=self.consent,
                captures=self.captures,
                event=Event.ENROLLED,
                replace=self._replace,
                passkey=passkey,
                alongside=alongside,
            )
        finally:
            template.wipe()
            self.wipe()

    def wipe(self) -> None:
        """Overwrite what was captured."""
        for embedding in self._embeddings:
            embedding.wipe()
        self._embeddings.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wipe()
