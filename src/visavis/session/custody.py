"""Keeping and destroying references, so that a crash at any point leaves each of them whole or gone.

Keeping: the row is written as pending, then the shred, then the row becomes active; destroying: the row is retired, then the
shred is destroyed, then the row removed. An active row has its shred; whatever else is found later is swept away.
"""

import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from visavis.errors import ConsentInvalid, EnrolmentIncomplete, StoreUnusable, SubjectEnrolled
from visavis.session.audit import Detail, Event
from visavis.session.ports import Transaction, Vault
from visavis.session.value import Consent, Reference, ReferenceState
from visavis.template import Claim, ClaimType, SealedTemplate, Secret, Template

_CLAIM_BYTES = 32
_NO_SALT = bytes(16)


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
    passkey: PasskeyClaim | None = None,
) -> Claim:
    """Seal a template under a new claim and keep it. Returns the claim, of which no copy stays here.

    event: what the audit log says of it. replace: whether it takes the place of the subject's reference for the same purpose,
    which is destroyed. Raises SubjectEnrolled where there is one and it must not, ConsentInvalid where the consent ended,
    EnrolmentIncomplete where a sweep came between.
    """
    record_id, now = secrets.token_bytes(16), vault.clock()
    if passkey is None:
        claim, salt = Claim(record_id, Secret.random(_CLAIM_BYTES), ClaimType.RANDOM), _NO_SALT
    else:
        claim, salt = Claim(record_id, passkey.secret, ClaimType.PASSKEY), passkey.salt
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
    try:
        with vault.store.writing() as tx:
            replaced = retire(tx, _replaced(tx, reference, replace=replace))
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
    except Exception:
        destroy(vault, [reference])
        raise
    # They open for nobody any more, and the next sweep finishes what fails here; the claim must not be lost.
    with suppress(StoreUnusable):
        destroy(vault, replaced)
    return claim


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


def _replaced(tx: Transaction, new: Reference, *, replace: bool) -> list[Reference]:
    """The references whose place the new one takes."""
    if new.expires_at <= new.created_at:
        raise ConsentInvalid("the time that was consented to is over")
    require_consent(tx, new.subject_id, new.consent_id)
    references = tx.references.of(new.subject_id)
    if not any(each.record_id == new.record_id and each.state is ReferenceState.PENDING for each in references):
        raise EnrolmentIncomplete("keeping the reference took so long that it was swept away; enrol again")
    return replaceable(references, new.purpose, now=new.created_at, replace=replace)


def require_consent(tx: Transaction, subject_id: str, consent_id: str) -> None:
    """Raises ConsentInvalid where the consent was withdrawn, or the subject is being erased."""
    subject = tx.subjects.get(subject_id)
    consent = next((each for each in tx.consents.of(subject_id) if each.id == consent_id), None)
    if subject is None or subject.erasing or consent is None or consent.withdrawn_at is not None:
        raise ConsentInvalid("the consent was withdrawn, or the subject erased, meanwhile")


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
