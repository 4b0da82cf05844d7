"""Keeping and destroying references, so that a crash at any point leaves each of them whole or gone.

Keeping: the row is written as pending, then the shred, then the row becomes active; destroying: the row is retired, then the
shred is destroyed, then the row removed. So an active row has its shred, and a shred has its row; whatever else is found later,
after a crash or in what was restored from a back-up, is swept away.
"""

import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from visavis.errors import ClaimRefused, ConsentInvalid, EnrolmentIncomplete, StoreUnusable, SubjectEnrolled
from visavis.session.audit import Detail, Event
from visavis.session.ports import Transaction, Vault
from visavis.session.value import Consent, Reference, ReferenceState, Subject
from visavis.template import NO_SALT, Claim, ClaimType, SealedTemplate, Secret, Template


@dataclass(frozen=True, slots=True, repr=False)
class PasskeyClaim:
    """A claim that a passkey computes. secret: 32 bytes, the PRF's output. salt: 16 bytes, its input, not all zero."""

    secret: Secret
    salt: bytes


def keep(
    vault: Vault,
    template: Template,
    *,
    consent: Consent,
    captures: int,
    event: Event,
    replace: bool,
    renewed: Reference | None = None,
    passkey: PasskeyClaim | None = None,
    alongside: Callable[[Transaction], object] = lambda _: None,
) -> Claim:
    """Seal a template under a new claim and keep it. Returns the claim, of which no copy stays here.

    event: what the audit log says of it. replace: whether it takes the place of the subject's reference for the same purpose,
    which is destroyed. renewed: the reference that this must be. alongside: what is done in the transaction that makes the
    reference active; where it raises, nothing is kept. Raises SubjectEnrolled where there is one and it must not,
    ClaimRefused where it is another by now, ConsentInvalid where the consent ended, EnrolmentIncomplete where a sweep came
    between.
    """
    record_id = secrets.token_bytes(16)
    if passkey is None:
        claim, salt = Claim(record_id, Secret.random(), ClaimType.RANDOM), NO_SALT
    else:
        claim, salt = Claim(record_id, Secret(passkey.secret.view), ClaimType.PASSKEY), passkey.salt
    try:
        _keep(vault, template, claim, salt, consent, captures, event, alongside, replace=replace, renewed=renewed)
    except BaseException:
        claim.secret.wipe()
        raise
    return claim


def _keep(
    vault: Vault,
    template: Template,
    claim: Claim,
    salt: bytes,
    consent: Consent,
    captures: int,
    event: Event,
    alongside: Callable[[Transaction], object],
    *,
    replace: bool,
    renewed: Reference | None,
) -> None:
    record_id, now = claim.record_id, vault.clock()
    reference = Reference(
        record_id=record_id,
        subject_id=consent.subject_id,
        consent_id=consent.id,
        purpose=consent.text.purpose,
        renewal=consent.text.renewal,
        captures=captures,
        state=ReferenceState.PENDING,
        created_at=now,
        sealed_at=now,
        expires_at=consent.ends_at,
    )
    with Secret.random() as shred:
        sealed = SealedTemplate.seal(template, claim=claim, keys=vault.keys, shred=shred, claim_salt=salt)
        with vault.store.writing() as tx:
            tx.references.add(reference, bytes(sealed))
        vault.shreds.put(record_id, shred)
    replaced: list[Reference] = []
    try:
        with vault.store.writing() as tx:
            replaced = retire(tx, _replaced(tx, reference, replace=replace, renewed=renewed))
            tx.references.set_state(record_id, ReferenceState.ACTIVE)
            details: dict[str, Detail] = {
                "subject": reference.subject_id,
                "record": record_id.hex(),
                "purpose": reference.purpose,
                "consent": consent.id,
                "captures": captures,
                "key_version": sealed.key_version,
                "replaced": len(replaced),
            }
            tx.audit.append(event, details, at=now)
            alongside(tx)
    except Exception:
        if not _is_active(vault, reference):  # it is where the connection broke after all was kept
            destroy(vault, [reference])
            raise
    # They open for nobody any more, and the next sweep finishes what fails here; the claim must not be lost.
    with suppress(StoreUnusable, KeyboardInterrupt):
        destroy(vault, replaced)


def _is_active(vault: Vault, reference: Reference) -> bool:
    with vault.store.reading() as tx:
        references = tx.references.of(reference.subject_id)
    return any(each.record_id == reference.record_id and each.state is ReferenceState.ACTIVE for each in references)


def destroy(vault: Vault, references: Iterable[Reference]) -> None:
    """Destroy references that are not active, each one's shred first. Doing it again does no harm."""
    for reference in references:
        vault.shreds.destroy(reference.record_id)
        with vault.store.writing() as tx:
            tx.references.remove(reference.record_id)
            tx.attempts.forget(reference.record_id)


def retire(tx: Transaction, references: Iterable[Reference]) -> list[Reference]:
    """Mark references for destruction: from here on they cannot be opened."""
    retired = list(references)
    for reference in retired:
        tx.references.set_state(reference.record_id, ReferenceState.RETIRED)
    return retired


def _replaced(tx: Transaction, new: Reference, *, replace: bool, renewed: Reference | None) -> list[Reference]:
    """The references whose place the new one takes."""
    if new.expires_at <= new.created_at:
        raise ConsentInvalid("the time that was consented to is over")
    require_consent(tx, new.subject_id, new.consent_id)
    references = tx.references.of(new.subject_id)
    if not any(each.record_id == new.record_id and each.state is ReferenceState.PENDING for each in references):
        raise EnrolmentIncomplete("keeping the reference took so long that it was swept away; enrol again")
    replaced = replaceable(references, new.purpose, now=new.created_at, replace=replace)
    if renewed is not None and renewed.record_id not in {each.record_id for each in replaced}:
        raise ClaimRefused("the reference was replaced or erased meanwhile, and with it this claim")
    return replaced


def require_agreement(tx: Transaction, subject_id: str, purpose: str) -> None:
    """Raises ConsentInvalid where a subject is gone, or no consent of theirs for the purpose holds any more."""
    subject = tx.subjects.get(subject_id)
    holding = (
        each for each in tx.consents.of(subject_id) if each.text.purpose == purpose and each.withdrawn_at is None
    )
    if subject is None or subject.erasing or next(holding, None) is None:
        raise ConsentInvalid("the consent ended while the capture was looked at; nothing was kept")


def require_consent(tx: Transaction, subject_id: str, consent_id: str) -> tuple[Subject, Consent]:
    """The subject and their consent. Raises ConsentInvalid where the consent was withdrawn, or the subject is being erased."""
    subject = tx.subjects.get(subject_id)
    consent = next((each for each in tx.consents.of(subject_id) if each.id == consent_id), None)
    if subject is None or subject.erasing or consent is None or consent.withdrawn_at is not None:
        raise ConsentInvalid("the consent was withdrawn, or the subject erased, meanwhile")
    return subject, consent


def replaceable(references: Iterable[Reference], purpose: str, *, now: datetime, replace: bool) -> list[Reference]:
    """A subject's references that can be opened for a purpose. Raises SubjectEnrolled where there are, and must not give way."""
    others = [
        each
        for each in references
        if each.purpose == purpose and each.state is ReferenceState.ACTIVE and each.expires_at > now
    ]
    if others and not replace:
        raise SubjectEnrolled(f"the subject is enrolled for {purpose!r} already; replace the reference, or erase it")
    return others
