"""Verification against an enrolled reference: claim and probe in, decision out. In this order:

(1) The claim is parsed. A text that is no claim is refused; it counts as nothing.
(2) The attempt is counted as failed before anything is opened, and refused where too many have been.
(3) Record and shred are fetched; where there are none, decoys are, by the same work.
(4) The seal is opened. A wrong claim and an unknown, an erased and an expired record are refused alike.
(5) Subject and purpose must be the expected ones.
(6) The probe is looked at with the reference's own model, compared and decided.
(7) Decision and attempt are recorded. After a match, the reference is sealed again where the operator's key has a newer
    version, and made anew from the probe where the model has and the subject agreed to it.
(8) Template and claim are wiped.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import NoReturn

from visavis.decision import Decision, Outcome, PhotoReport, Policy, acquisition_reasons
from visavis.errors import (
    ClaimRefused,
    ConsentInvalid,
    KeyUnusable,
    PolicyUnsupported,
    SealBroken,
    SealError,
    VisavisError,
)
from visavis.session.audit import Detail, Event
from visavis.session.custody import keep
from visavis.session.enrolment import ENROLMENT_POLICY
from visavis.session.limits import DEFAULT_ATTEMPT_LIMITS, AttemptLimits, admit, attempt_key
from visavis.session.ports import Vault
from visavis.session.probe import Models, Probe
from visavis.session.value import Reference, Stored
from visavis.template import Claim, SealedTemplate, Secret, Template
from visavis.verifier import Acquisition

_NO_PHOTO = PhotoReport((), (0, 0))
RENEWAL_FMR_MAX = 1e-4
"""A match under a laxer policy is no ground to make a reference anew."""
REFUSALS_LOGGED = 60
"""So many refused claims a minute are logged one by one, then those whose number is a power of two: junk must not fill it."""


@dataclass(frozen=True, slots=True)
class Verification:
    """decision: the answer. subject_id: whose claim it was, after a match alone. resealed: whether the reference was."""

    decision: Decision
    subject_id: str | None
    resealed: bool = False


@dataclass(frozen=True, slots=True)
class Expected:
    """What the relying party knows before: for which purpose, and whose claim it must be. subject_id: None where anyone who is
    enrolled for the purpose may pass, as at a door."""

    purpose: str
    subject_id: str | None = None

    def includes(self, reference: Reference) -> bool:
        """Whether it may be this reference's claim."""
        return self.purpose == reference.purpose and self.subject_id in (None, reference.subject_id)


def verify_claim(
    vault: Vault,
    models: Models,
    *,
    claim: str,
    probe: Probe,
    policy: str | Policy,
    expected: Expected,
    limits: AttemptLimits = DEFAULT_ATTEMPT_LIMITS,
) -> Verification:
    """Decide whether the person in the probe is the one whose record the claim opens.

    Raises ClaimMalformed, ClaimRefused, RateLimited; SealBroken when the record was damaged; ModelMismatch when its model is not
    configured; an ImageError for the probe; TooManyComparisons when it was compared with another reference before; KeyUnusable
    when no claim can be opened; PolicyUnknown or PolicyUnsupported.
    """
    policy = captured_policy(models, policy)
    with _opened(vault, claim, expected=expected, limits=limits) as opened:
        decision = _decide(vault, models, opened, probe, policy)
        fresh = _fresh(vault, models, opened, probe, decision)
        resealed = _settle(vault, opened, decision, fresh)  # (7)
        subject_id = opened.reference.subject_id if decision.outcome is Outcome.MATCH else None
        return Verification(decision, subject_id, resealed)


def renew_claim(
    vault: Vault,
    models: Models,
    *,
    claim: str,
    probe: Probe,
    policy: str | Policy,
    expected: Expected,
    limits: AttemptLimits = DEFAULT_ATTEMPT_LIMITS,
) -> tuple[Decision, Claim | None]:
    """Give the subject a new claim in place of one that others may have seen, after a match.

    The reference is sealed into a new record and the old one destroyed, with it the old claim. Returns no claim without a match.
    Raises what `verify_claim` does.
    """
    policy = captured_policy(models, policy)
    with _opened(vault, claim, expected=expected, limits=limits) as opened:
        decision = _decide(vault, models, opened, probe, policy)
        _settle(vault, opened, decision, None)
        if decision.outcome is not Outcome.MATCH:
            return decision, None
        reference = opened.reference
        with vault.store.reading() as tx:
            consents = [each for each in tx.consents.of(reference.subject_id) if each.id == reference.consent_id]
        if not consents:
            raise ConsentInvalid("the subject was erased meanwhile")
        (consent,) = consents
        renewed = keep(
            vault,
            opened.template,
            consent=consent,
            captures=reference.captures,
            event=Event.CLAIM_RENEWED,
            replace=True,
            renewed=reference,
        )
        return decision, renewed


def captured_policy(models: Models, policy: str | Policy) -> Policy:
    """The policy, for a reference that was captured from its subject. Raises PolicyUnknown or PolicyUnsupported."""
    found = models.current.policy_for(policy)
    if found.condition != "photo":
        raise PolicyUnsupported(
            f"the policy {found.name} is for photos of documents; references are captured from people"
        )
    return found


@dataclass(frozen=True, slots=True, repr=False)
class _Opened:
    """A record that its claim has opened."""

    claim: Claim
    attempt: bytes
    reference: Reference
    stored: bytes
    sealed: SealedTemplate
    shred: Secret
    template: Template

    def told(self, outcome: str, reason: str) -> dict[str, Detail]:
        """What the audit log says of the verification."""
        reference = self.reference
        return {
            "subject": reference.subject_id,
            "record": reference.record_id.hex(),
            "purpose": reference.purpose,
            "key_version": self.sealed.key_version,
            "outcome": outcome,
            "reason": reason,
        }


@dataclass(frozen=True, slots=True, repr=False)
class _Fresh:
    """A reference sealed again. from_probe: whether it was made anew from the probe."""

    sealed: SealedTemplate
    from_probe: bool


@contextmanager
def _opened(vault: Vault, text: str, *, expected: Expected, limits: AttemptLimits) -> Iterator[_Opened]:
    """Steps (1) to (5), and (8) when the block ends."""
    with ExitStack() as wiped:
        claim = Claim.parse(text)  # (1)
        wiped.enter_context(claim)
        now, attempt = vault.clock(), attempt_key(claim)
        with vault.store.writing() as tx:
            admit(tx.attempts, attempt, claim, limits=limits, now=now)  # (2)
            found = tx.references.find(claim.record_id, now=now)  # (3)
        try:
            opened = _open(vault, claim, found, expected, wiped)
        except (SealError, _KeyGone) as error:
            _refuse(vault, claim, expected, error)
        except Exception:
            _undo(vault, attempt)
            raise
        yield opened


class _KeyGone(KeyUnusable):
    """The record's version of the operator's key is not there, while the current one is."""


def _open(vault: Vault, claim: Claim, found: Stored | None, expected: Expected, wiped: ExitStack) -> _Opened:
    shred = wiped.enter_context(vault.shreds.get(claim.record_id))
    stored = vault.decoy if found is None else found.sealed
    sealed = SealedTemplate.parse(stored)
    template = _unsealed(vault, claim, sealed, shred)  # (4)
    wiped.callback(template.wipe)
    if found is None or not expected.includes(found.reference):  # (5)
        raise ClaimRefused("this claim opens no record that is expected here")
    return _Opened(claim, attempt_key(claim), found.reference, stored, sealed, shred, template)


def _unsealed(vault: Vault, claim: Claim, sealed: SealedTemplate, shred: Secret) -> Template:
    """Raises KeyUnusable where no claim could be opened, whatever its record."""
    try:
        return sealed.open(claim=claim, keys=vault.keys, shred=shred)
    except KeyUnusable as error:
        with suppress(ClaimRefused):  # the same work as for a wrong claim, and the same answer
            replace(sealed, key_version=vault.keys.current).open(claim=claim, keys=vault.keys, shred=shred).wipe()
        raise _KeyGone(str(error)) from None


def _undo(vault: Vault, attempt: bytes) -> None:
    """The attempt was none. Where the database does not even take that, what went wrong matters more."""
    with suppress(VisavisError), vault.store.writing() as tx:
        tx.attempts.undo(attempt)


def _refuse(vault: Vault, claim: Claim, expected: Expected, error: VisavisError) -> NoReturn:
    """Record the refusal and raise it: one for all that must not be told apart. That a record was damaged is told to no one but
    who holds its claim, which only its commitment shows."""
    with vault.store.writing() as tx:
        tx.attempts.undo(attempt_key(claim))
        now = vault.clock()
        number = tx.attempts.count_refusal(int(now.timestamp()) // 60)
        if number <= REFUSALS_LOGGED or number.bit_count() == 1:
            details: dict[str, Detail] = {
                "record": claim.record_id.hex(),
                "purpose": expected.purpose,
                "reason": error.code,
                "refused_this_minute": number,
            }
            tx.audit.append(Event.CLAIM_REFUSED, details, at=now)
    if isinstance(error, SealBroken):
        raise error
    raise ClaimRefused(
        "this claim opens no record: it is not the right one, or the record was erased or has expired; enrol anew if it was"
    ) from None


def compared(models: Models, template: Template, probe: Probe, policy: Policy, *, reference: bytes) -> Decision:
    """Look at the probe with the template's own model, compare and decide. reference: id of whose template it is.

    Raises ModelMismatch, TooManyComparisons, or what `Verifier.acquire_frames` does.
    """
    probe.serve(reference)
    verifier = models.of(template.model)
    acquired = probe.acquired(verifier, policy)
    with template.embedding(verifier.card.sha256) as embedding:
        return verifier.compare(reference=Acquisition(_NO_PHOTO, embedding, 0.0), probe=acquired, policy=policy)


def _decide(vault: Vault, models: Models, opened: _Opened, probe: Probe, policy: Policy) -> Decision:
    """Step (6). A fault is recorded, and counts as no attempt."""
    try:
        return compared(models, opened.template, probe, policy, reference=opened.reference.record_id)
    except Exception as error:
        _undo(vault, opened.attempt)
        with suppress(VisavisError), vault.store.writing() as tx:
            told = opened.told("fault", getattr(error, "code", "unforeseen"))
            tx.audit.append(Event.VERIFIED, told, at=vault.clock())
        raise


def _fresh(vault: Vault, models: Models, opened: _Opened, probe: Probe, decision: Decision) -> _Fresh | None:
    """The reference under the newest key and by the newest model; None where it is already, or there was no match.

    What fails here is tried again after the next match, and spoils none.
    """
    if decision.outcome is not Outcome.MATCH:
        return None
    with suppress(VisavisError):
        return _sealed_anew(vault, models, opened, probe, decision)
    return None


def _sealed_anew(vault: Vault, models: Models, opened: _Opened, probe: Probe, decision: Decision) -> _Fresh | None:
    current, template = models.current, opened.template
    outdated = template.model != bytes.fromhex(current.card.sha256[:16])
    if outdated and opened.reference.renewal and decision.policy.fmr_target <= RENEWAL_FMR_MAX:
        found = probe.acquired(current, ENROLMENT_POLICY)
        if found.embedding is not None and not acquisition_reasons(found.report, ENROLMENT_POLICY):
            template = Template.of([found.embedding])
    if template is opened.template and opened.sealed.key_version == vault.keys.current:
        return None
    try:
        sealed = SealedTemplate.seal(
            template, claim=opened.claim, keys=vault.keys, shred=opened.shred, claim_salt=opened.sealed.claim_salt
        )
    finally:
        if template is not opened.template:
            template.wipe()
    return _Fresh(sealed, template is not opened.template)


def _settle(vault: Vault, opened: _Opened, decision: Decision, fresh: _Fresh | None) -> bool:
    """Step (7). Returns whether the reference was sealed again."""
    now, record_id = vault.clock(), opened.reference.record_id
    with vault.store.writing() as tx:
        if decision.outcome is Outcome.MATCH:
            tx.attempts.clear(opened.attempt)
        elif decision.outcome is Outcome.INCONCLUSIVE:
            tx.attempts.undo(opened.attempt)
        resealed = fresh is not None and tx.references.reseal(
            record_id, old=opened.stored, new=bytes(fresh.sealed), at=now
        )
        told = opened.told(decision.outcome.value, decision.reason.value)
        tx.audit.append(Event.VERIFIED, {**told, "policy": decision.policy.name}, at=now)
        if fresh is not None and resealed:
            details: dict[str, Detail] = {"subject": opened.reference.subject_id, "record": record_id.hex()}
            versions = {"key_version": fresh.sealed.key_version, "from_probe": fresh.from_probe}
            tx.audit.append(Event.RESEALED, {**details, **versions}, at=now)
    return resealed
