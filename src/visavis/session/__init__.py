"""Consent, enrolment, verification against what was enrolled, and erasure, as numbered protocols.

In: consents, photos, claims and credentials, and a `Vault`: the store, the shreds, the keys and the clock, all behind Protocols
that this room owns. Out: a claim handed out once, decisions, receipts, and an audit log that only grows.
"""

from visavis.session.access import API_KEY_PREFIX, authenticate, make_api_key, revoke_api_key
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
from visavis.session.hosted import (
    Desk,
    cancel_session,
    expire_sessions,
    find_session,
    open_session,
    redact_session,
    report_of,
    reports_of,
    sessions_of,
    shown_to,
)
from visavis.session.inquiry import (
    OPEN,
    Against,
    ApiKey,
    Payment,
    Report,
    Scope,
    SessionStatus,
    VerificationSession,
    Wanted,
)
from visavis.session.jws import REPORT_TYPE
from visavis.session.key_check import confirm_keys
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
from visavis.session.submission import Capture, submit
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
    "API_KEY_PREFIX",
    "CAPTURES_MAX",
    "DEFAULT_ATTEMPT_LIMITS",
    "ENROLMENT_POLICY",
    "GENESIS",
    "OPEN",
    "REPORT_TYPE",
    "Against",
    "ApiKey",
    "AttemptLimits",
    "Attempts",
    "Audit",
    "Capture",
    "CaptureReport",
    "Consent",
    "ConsentText",
    "Consents",
    "Credentials",
    "Desk",
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
    "Payment",
    "Probe",
    "Receipt",
    "Reference",
    "ReferenceState",
    "References",
    "Report",
    "Restored",
    "Scope",
    "SessionStatus",
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
    "VerificationSession",
    "Wanted",
    "Withdrawn",
    "authenticate",
    "cancel_session",
    "confirm_keys",
    "erase_subject",
    "expire_sessions",
    "export_subject",
    "find_session",
    "issue_credential",
    "line_of",
    "make_api_key",
    "open_session",
    "redact_session",
    "renew_claim",
    "report_of",
    "reports_of",
    "restore",
    "revoke_api_key",
    "revoke_credential",
    "sessions_of",
    "shown_to",
    "sign_status_list",
    "stamp",
    "submit",
    "sweep",
    "verify_claim",
    "verify_credential",
    "verify_log",
    "withdraw_consent",
]
