"""The Python client of the service, for applications that use it.

    from visavis.client import Visavis

    with Visavis("https://verify.example") as client:
        session = client.verification_sessions.create(purpose="payment", against="subject", subject=customer, nonce=nonce)
        ...  # send your user to session.url

In: what an application wants to know. Out: the service's answers, its events (`Webhooks`) and its signed reports (`Reports`), the
last two checked here, with no question asked. It needs `pip install "visavis[client]"`, and loads nothing else of the product.
"""

from visavis.client.answers import (
    AuditEntry,
    AuditHead,
    Capture,
    ChipAnswer,
    ChipChallenge,
    Code,
    Comparison,
    Consent,
    Credential,
    Decision,
    Delivery,
    DocumentField,
    DocumentLook,
    DocumentReport,
    DocumentTerms,
    Enrolled,
    Enrolment,
    ErasureReceipt,
    Event,
    EvidenceTerms,
    Link,
    NewWebhookEndpoint,
    OpenedEnrolment,
    OpenedSession,
    Page,
    PhotoJudged,
    Policy,
    Reasons,
    RedactionReceipt,
    Report,
    Subject,
    Transaction,
    VerificationSession,
    WebhookEndpoint,
    Withdrawal,
)
from visavis.client.clients import AsyncVisavis, Visavis
from visavis.client.errors import EventSeen, ReportRefused, ServiceError, ServiceUnreachable, SignatureInvalid
from visavis.client.keys import AsyncKeySet, KeySet
from visavis.client.reports import AsyncReports, CheckedReport, Expected, Reports
from visavis.client.request import Photo
from visavis.client.webhooks import Seen, Webhooks
from visavis.errors import VisavisError

__all__ = [
    "AsyncKeySet",
    "AsyncReports",
    "AsyncVisavis",
    "AuditEntry",
    "AuditHead",
    "Capture",
    "CheckedReport",
    "ChipAnswer",
    "ChipChallenge",
    "Code",
    "Comparison",
    "Consent",
    "Credential",
    "Decision",
    "Delivery",
    "DocumentField",
    "DocumentLook",
    "DocumentReport",
    "DocumentTerms",
    "Enrolled",
    "Enrolment",
    "ErasureReceipt",
    "Event",
    "EventSeen",
    "EvidenceTerms",
    "Expected",
    "KeySet",
    "Link",
    "NewWebhookEndpoint",
    "OpenedEnrolment",
    "OpenedSession",
    "Page",
    "Photo",
    "PhotoJudged",
    "Policy",
    "Reasons",
    "RedactionReceipt",
    "Report",
    "ReportRefused",
    "Reports",
    "Seen",
    "ServiceError",
    "ServiceUnreachable",
    "SignatureInvalid",
    "Subject",
    "Transaction",
    "VerificationSession",
    "Visavis",
    "VisavisError",
    "WebhookEndpoint",
    "Webhooks",
    "Withdrawal",
]
