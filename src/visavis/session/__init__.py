"""Consent, enrolment, verification against what was enrolled, and erasure, as numbered protocols.

In: consents, photos, claims and credentials, and a `Vault`: the store, the shreds, the keys and the clock, all behind Protocols
that this room owns. Out: a claim handed out once, decisions, receipts, and an audit log that only grows.
"""

from visavis.session.audit import GENESIS, Detail, Entry, Event, Head, Verdict, line_of, stamp, verify_log
from visavis.session.credentials import (
    Issuing,
    Trust,
    issue_credential,
    revoke_credential,
    sign_status_list,
    verify_credential,
)
from visavis.session.custody import PasskeyClaim
from visavis.session.enrolment import CAPTURES_MAX, ENROLMENT_POLICY, CaptureReport, Enrolment
from visavis.session.erasure import Swept, Withdrawn, erase_subject, sweep, withdraw_consent
from visavis.session.export import export_subject
from visavis.session.limits import DEFAULT_ATTEMPT_LIMITS, AttemptLimits
from visavis.session.ports import (
    Attempts,
    Audit,
    Consents,
    Credentials,
    References,
    Shreds,
    Store,
    Subjects,
    Transaction,
    Vault,
)
from visavis.session.probe import Models, Probe
from visavis.session.restoration import Restored, restore
from visavis.session.value import (
    Consent,
    ConsentText,
    Issued,
    Receipt,
    Reference,
    ReferenceState,
    Stored,
    Subject,
)
from visavis.session.verification import Expected, Verification, renew_claim, verify_claim

__all__ = [
    "CAPTURES_MAX",
    "DEFAULT_ATTEMPT_LIMITS",
    "ENROLMENT_POLICY",
    "GENESIS",
    "AttemptLimits",
    "Attempts",
    "Audit",
    "CaptureReport",
    "Consent",
    "ConsentText",
    "Consents",
    "Credentials",
    "Detail",
    "Enrolment",
    "Entry",
    "Event",
    "Expected",
    "Head",
    "Issued",
    "Issuing",
    "Models",
    "PasskeyClaim",
    "Probe",
    "Receipt",
    "Reference",
    "ReferenceState",
    "References",
    "Restored",
    "Shreds",
    "Store",
    "Stored",
    "Subject",
    "Subjects",
    "Swept",
    "Transaction",
    "Trust",
    "Vault",
    "Verdict",
    "Verification",
    "Withdrawn",
    "erase_subject",
    "export_subject",
    "issue_credential",
    "line_of",
    "renew_claim",
    "restore",
    "revoke_credential",
    "sign_status_list",
    "stamp",
    "sweep",
    "verify_claim",
    "verify_credential",
    "verify_log",
    "withdraw_consent",
]
