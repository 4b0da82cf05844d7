"""Face credentials: issued to their subjects, revoked, and verified without any database.

Issuing, from an `Enrolment` in which captures were taken:

(1) A free place in the status list is drawn and kept with the credential's id, before there is a credential.
(2) Template and secret go into the credential, which is signed and handed out; nothing of it stays.

Verifying, offline: (1) form, issuer and signature, (2) times, purpose and status, (3) the template is opened with the verifier's
key and the holder's secret, (4) compared with the probe, and wiped.
"""

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from visavis.decision import Decision, Policy
from visavis.errors import ConsentInvalid, CredentialRevoked, CredentialUnknown, StatusListFull, VisavisError
from visavis.session.audit import Detail, Event, stamp
from visavis.session.custody import require_consent
from visavis.session.enrolment import Enrolment
from visavis.session.ports import Store, Transaction, Vault
from visavis.session.probe import Models, Probe
from visavis.session.value import Issued
from visavis.session.verification import captured_policy, compared
from visavis.template import (
    STATUS_AGE_MAX,
    STATUS_BITS,
    FaceCredential,
    HolderSecret,
    HolderType,
    Issuer,
    Secret,
    Signer,
    StatusList,
)

SIGNED_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Issuing:
    """An issuer, the key that signs for it, and the key of the verifiers that its credentials are for."""

    issuer: Issuer
    signer: Signer
    verifier_key: Secret


def issue_credential(
    vault: Vault,
    enrolment: Enrolment,
    issuing: Issuing,
    *,
    valid_for: timedelta,
    holder_secret: bool = True,
    passkey: tuple[bytes, Secret] | None = None,
    alongside: Callable[[Transaction], object] = lambda _: None,
) -> tuple[FaceCredential, HolderSecret | None]:
    """Issue a credential of what was captured, for the purpose consented to, until then or the consent's end at the latest.

    holder_secret: whether a secret is made that its holder must add; without one, whoever has the verifier key can read every
    credential they see. passkey: an id of 16 bytes and the passkey's PRF output for it, instead of a new secret. alongside: what
    is done in the transaction in which the credential is issued; where it raises, none is. Raises
    EnrolmentIncomplete, ConsentInvalid or StatusListFull.
    """
    now, consent = vault.clock(), enrolment.consent
    expires_at = min(now + valid_for, consent.ends_at)
    if int(expires_at.timestamp()) <= int(now.timestamp()):
        raise ConsentInvalid("the credential would be over at once")
    cti = passkey[0] if passkey else secrets.token_bytes(16)
    template, holder = enrolment.template(), None
    try:
        if passkey:
            holder = HolderSecret(cti, Secret(passkey[1].view), HolderType.PASSKEY)
        elif holder_secret:
            holder = HolderSecret(cti, Secret.random(32))
        with vault.store.writing() as tx:  # (1)
            require_consent(tx, consent.subject_id, consent.id)
            index = _free(tx.credentials.taken(now=now - STATUS_AGE_MAX))  # lists that old may still say it is revoked
            purposes = (consent.text.purpose,)
            tx.credentials.add(Issued(cti, consent.subject_id, consent.id, index, purposes, now, expires_at))
            details: dict[str, Detail] = {
                "subject": consent.subject_id,
                "cti": cti.hex(),
                "purpose": consent.text.purpose,
                "consent": consent.id,
                "index": index,
                "expires_at": stamp(expires_at),
                "captures": enrolment.captures,
            }
            tx.audit.append(Event.CREDENTIAL_ISSUED, details, at=now)
            alongside(tx)
        credential = FaceCredential.issue(  # (2)
            template,
            issuer=issuing.issuer.name,
            signer=issuing.signer,
            verifier_key=issuing.verifier_key,
            index=index,
            purposes=purposes,
            issued_at=now,
            expires_at=expires_at,
            holder=holder,
            cti=cti,
        )
    except BaseException:
        if holder is not None:
            holder.secret.wipe()
        raise
    finally:
        template.wipe()
        enrolment.wipe()
    return credential, holder


def revoke_credential(vault: Vault, cti: bytes) -> Issued:
    """Revoke a credential: verifiers refuse it once they have the next status list. Raises CredentialUnknown."""
    now = vault.clock()
    with vault.store.writing() as tx:
        issued = issued_here(tx, cti)
        if issued.revoked_at is None:
            tx.credentials.revoke(cti, now)
            tx.audit.append(Event.CREDENTIAL_REVOKED, {"subject": issued.subject_id, "cti": cti.hex()}, at=now)
    return issued


def issued_here(tx: Transaction, cti: bytes) -> Issued:
    """What is known of a credential. Raises CredentialUnknown."""
    issued = tx.credentials.get(cti)
    if issued is None:
        raise CredentialUnknown("no credential with this id was issued here, or it expired long ago")
    return issued


def sign_status_list(vault: Vault, issuer: Issuer, signer: Signer) -> bytes:
    """The issuer's status list as of now. Publish it at the issuer's address, a fresh one at least every few hours."""
    now = vault.clock()
    with vault.store.writing() as tx:
        revoked = list(tx.credentials.revoked(now=now))
        tx.audit.append(Event.STATUS_LIST_SIGNED, {"revoked": len(revoked)}, at=now)
    return StatusList.make(issuer, revoked, signer=signer, now=now)


class FreshStatusList:
    """The issuer's status list as of now: signed anew every hour, and when a credential was revoked."""

    def __init__(self, vault: Vault, issuing: Issuing) -> None:
        self._vault, self._issuing, self._lock = vault, issuing, threading.Lock()
        self._signed: tuple[datetime, frozenset[int], bytes] | None = None

    def current(self) -> bytes:
        """The list."""
        with self._lock:
            now = self._vault.clock()
            with self._vault.store.reading() as tx:
                revoked = frozenset(tx.credentials.revoked(now=now))
            if self._signed is None or abs(now - self._signed[0]) >= SIGNED_EVERY or self._signed[1] != revoked:
                signed = sign_status_list(self._vault, self._issuing.issuer, self._issuing.signer)
                self._signed = now, revoked, signed
            return self._signed[2]


@dataclass(frozen=True, slots=True)
class Trust:
    """What a verifier of credentials goes by. verifier_keys: by their `key_id`. status_lists: as they were fetched."""

    issuers: Sequence[Issuer]
    status_lists: Sequence[bytes]
    verifier_keys: Mapping[bytes, Secret]


def look_at_credential(credential: str, *, purpose: str, trust: Trust, now: datetime) -> FaceCredential:
    """Read a credential, and check all that can be without opening it (1, 2). Raises a CredentialError for what is wrong."""
    read = FaceCredential.from_text(credential, issuers=trust.issuers)
    read.check(issuers=trust.issuers, status_lists=trust.status_lists, purpose=purpose, now=now)
    return read


def verify_credential(
    models: Models,
    *,
    credential: str,
    holder: str | None,
    probe: Probe,
    policy: str | Policy,
    purpose: str,
    trust: Trust,
    now: datetime,
    log: Store | None = None,
) -> tuple[FaceCredential, Decision]:
    """Decide whether the person in the probe is the one to whom the credential was issued.

    credential, holder: the texts of the codes. log: where the outcome is logged; a verifier needs no database for anything else.
    Raises a CredentialError, each for its own reason; ModelMismatch; an ImageError for the probe; TooManyComparisons when it was
    compared with another reference before; PolicyUnknown or PolicyUnsupported.
    """
    policy = captured_policy(models, policy)
    read = FaceCredential.from_text(credential, issuers=trust.issuers)  # (1)
    outcome, reason = "fault", "fault"
    issued: Issued | None = None
    if log is not None:
        with log.reading() as tx:
            issued = tx.credentials.get(read.cti)  # by this installation, so that its subject is told of it
    try:
        if issued is not None and issued.revoked_at is not None:
            raise CredentialRevoked("its issuer, who is asked here, has revoked it")
        read.check(issuers=trust.issuers, status_lists=trust.status_lists, purpose=purpose, now=now)  # (2)
        with (
            _holder(holder) as secret,
            read.open(verifier_keys=trust.verifier_keys, holder=secret) as template,  # (3)
        ):
            decision = compared(models, template, probe, policy, reference=read.cti)  # (4)
        outcome, reason = decision.outcome.value, decision.reason.value
    except VisavisError as error:
        reason = error.code
        raise
    finally:
        if log is not None:
            told: dict[str, Detail] = {"cti": read.cti.hex(), "purpose": purpose, "policy": policy.name}
            told["subject"] = None if issued is None else issued.subject_id
            with log.writing() as tx:
                tx.audit.append(Event.CREDENTIAL_VERIFIED, {**told, "outcome": outcome, "reason": reason}, at=now)
    return read, decision


@contextmanager
def _holder(text: str | None) -> Iterator[HolderSecret | None]:
    """The holder's secret, wiped when the block ends."""
    if text is None:
        yield None
        return
    with HolderSecret.parse(text) as holder:
        yield holder


def _free(taken: frozenset[int]) -> int:
    """A place in the status list that nobody has, drawn at random so that it tells nothing of the order of issue."""
    free = [index for index in range(STATUS_BITS) if index not in taken]
    if not free:
        raise StatusListFull(
            f"all {STATUS_BITS:,} places are taken by credentials that have not expired; use another issuer"
        )
    return secrets.choice(free)
