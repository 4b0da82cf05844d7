"""What the service offers, resource by resource.

Every method raises `ServiceError` where the service refuses, `ServiceUnreachable` where it does not answer, and InputInvalid for
an id, key or secret that is none; besides these each says what else. A method with `idempotency_key` is carried out once: by
default under a new key for each call, which its repetitions share. Give your own, kept with what you do, where a restarted
process must not do it again; the service remembers it for a day.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from visavis.client import answers as a
from visavis.client import request as r
from visavis.client.request import Call, Listing, Photo
from visavis.client.resource import Lister, M, Method, Resource

T = TypeVar("T")
_BY_ID: Callable[[Any], str] = operator.attrgetter("id")


class VerificationSessions(Resource[M]):
    """Verification sessions: is this the person they claim to be?"""

    @Method
    def create(
        self,
        *,
        purpose: str,
        against: str,
        subject: str | None = None,
        document: a.DocumentTerms | None = None,
        transaction: a.Transaction | None = None,
        nonce: str | None = None,
        policy: str | None = None,
        attempts: int | None = None,
        expires_in_s: int | None = None,
        evidence: a.EvidenceTerms | None = None,
        return_url: str | None = None,
        liveness: str | None = None,
        alternatives: Sequence[str] | None = None,
        idempotency_key: str | None = None,
    ) -> Call[a.OpenedSession]:
        """Open a session. Send your user to its `url`.

        against: `subject`, whose id is given; `credential` or `upload`; or `document`, of which `document` says what is asked.
        transaction, nonce: signed with the answer. policy: by name, `1e-4` where none is given, `document-1e-4` for documents.
        evidence: under which terms photos are kept, if the person agrees. return_url: where the page sends the user in the end.
        liveness: `required`, a live capture, which is the default; or `not_checked`, photos that are uploaded, for where someone
        looks on. alternatives: for people who cannot turn their head, `move_camera` and `review`, in which your own people take
        care of it. Where attempts, expires_in_s and alternatives are not given, the service's defaults hold.
        """
        body = {
            "purpose": purpose,
            "against": against,
            "subject": subject,
            "document": None if document is None else {**asdict(document), "fields": [*document.fields]},
            "transaction": None if transaction is None else transaction.to_dict(),
            "nonce": nonce,
            "policy": policy,
            "attempts": attempts,
            "expires_in_s": expires_in_s,
            "evidence": None if evidence is None else asdict(evidence),
            "return_url": return_url,
            "liveness": liveness,
            "alternatives": None if alternatives is None else [*alternatives],
        }
        return r.post("verification_sessions", read=r.of(a.OpenedSession), body=body, idempotency_key=idempotency_key)

    @Method
    def retrieve(self, session_id: str) -> Call[a.VerificationSession]:
        """A session as it is now."""
        return r.get("verification_sessions", session_id, read=r.of(a.VerificationSession))

    @Lister
    def list(self, *, limit: int | None = None) -> Listing[a.VerificationSession]:
        """All your sessions, newest first. limit: how many are asked for at a time."""
        return _listing("verification_sessions", a.VerificationSession, limit=limit)

    @Method
    def page(
        self, *, limit: int | None = None, starting_after: str | None = None
    ) -> Call[a.Page[a.VerificationSession]]:
        """Some of your sessions, newest first, from the one behind this id on."""
        return _listing("verification_sessions", a.VerificationSession, limit=limit).page(starting_after)

    @Method
    def cancel(self, session_id: str, *, idempotency_key: str | None = None) -> Call[a.VerificationSession]:
        """End a session."""
        read = r.of(a.VerificationSession)
        return r.post("verification_sessions", session_id, "cancel", read=read, idempotency_key=idempotency_key)

    @Method
    def redact(self, session_id: str, *, idempotency_key: str | None = None) -> Call[a.RedactionReceipt]:
        """Forget what a session that is over holds of the person."""
        read = r.of(a.RedactionReceipt)
        return r.post("verification_sessions", session_id, "redact", read=read, idempotency_key=idempotency_key)

    @Method
    def reports(self, session_id: str) -> Call[tuple[a.Report, ...]]:
        """A session's reports, oldest first. What they say counts once `Reports` has checked it."""
        return r.get("verification_sessions", session_id, "reports", read=r.all_of(a.Report))


class VerificationReports(Resource[M]):
    """The answers."""

    @Method
    def retrieve(self, report_id: str) -> Call[a.Report]:
        """A report: the decision with its score, and the signed answer without."""
        return r.get("verification_reports", report_id, read=r.of(a.Report))


class Enrolments(Resource[M]):
    """Enrolments: a consent is recorded, and the person is captured."""

    @Method
    def create(
        self,
        *,
        subject: str,
        purpose: str,
        consent: a.Consent,
        recorded_by: str | None = None,
        yields: str | None = None,
        replace: bool | None = None,
        valid_days: int | None = None,
        attempts: int | None = None,
        expires_in_s: int | None = None,
        evidence: a.EvidenceTerms | None = None,
        return_url: str | None = None,
        liveness: str | None = None,
        alternatives: Sequence[str] | None = None,
        idempotency_key: str | None = None,
    ) -> Call[a.OpenedEnrolment]:
        """Record a person's consent, and open the session in which they are captured. Send them to its `url`.

        subject: your own name for them. recorded_by: who saw them consent, your application where that is not given. yields:
        `reference` or `credential`. replace: whether an earlier reference for the purpose gives way. valid_days: of a credential.
        evidence: under which terms photos are kept, if the person agrees. return_url: where the page sends the user in the end.
        liveness, alternatives: as of a verification session.
        """
        body = {
            "subject": subject,
            "purpose": purpose,
            "consent": consent.to_dict(),
            "recorded_by": recorded_by,
            "yields": yields,
            "replace": replace,
            "valid_days": valid_days,
            "attempts": attempts,
            "expires_in_s": expires_in_s,
            "evidence": None if evidence is None else asdict(evidence),
            "return_url": return_url,
            "liveness": liveness,
            "alternatives": None if alternatives is None else [*alternatives],
        }
        return r.post("enrolments", read=r.of(a.OpenedEnrolment), body=body, idempotency_key=idempotency_key)

    @Method
    def retrieve(self, enrolment_id: str) -> Call[a.Enrolment]:
        """An enrolment as it is now."""
        return r.get("enrolments", enrolment_id, read=r.of(a.Enrolment))

    @Lister
    def list(self, *, limit: int | None = None) -> Listing[a.Enrolment]:
        """All your enrolments, newest first. limit: how many are asked for at a time."""
        return _listing("enrolments", a.Enrolment, limit=limit)

    @Method
    def page(self, *, limit: int | None = None, starting_after: str | None = None) -> Call[a.Page[a.Enrolment]]:
        """Some of your enrolments, newest first, from the one behind this id on."""
        return _listing("enrolments", a.Enrolment, limit=limit).page(starting_after)

    @Method
    def cancel(self, enrolment_id: str, *, idempotency_key: str | None = None) -> Call[a.Enrolment]:
        """End an enrolment. The consent stays on record, until its subject is erased."""
        return r.post("enrolments", enrolment_id, "cancel", read=r.of(a.Enrolment), idempotency_key=idempotency_key)


class Comparisons(Resource[M]):
    """Two photos, one decision."""

    @Method
    def create(
        self, *, reference: Photo, probe: Photo, policy: str | None = None, idempotency_key: str | None = None
    ) -> Call[a.Comparison]:
        """Is the person in the one photo the one in the other? The service keeps nothing of the two.

        Raises InputInvalid where a file cannot be read.
        """
        return r.post_form(
            "comparisons",
            read=r.of(a.Comparison),
            photos=[("reference", reference), ("probe", probe)],
            texts={"policy": policy},
            idempotency_key=idempotency_key,
        )


class Policies(Resource[M]):
    """The policies to decide by."""

    @Lister
    def list(self) -> Listing[a.Policy]:
        """All of them."""
        return _listing("policies", a.Policy)


class Subjects(Resource[M]):
    """Who is enrolled."""

    @Lister
    def list(self, *, limit: int | None = None) -> Listing[a.Subject]:
        """All subjects in the order of their names. limit: how many are asked for at a time."""
        return _listing("subjects", a.Subject, limit=limit, cursor=operator.attrgetter("name"))

    @Method
    def page(self, *, limit: int | None = None, starting_after: str | None = None) -> Call[a.Page[a.Subject]]:
        """Some subjects in the order of their names, from the one behind this name on."""
        return _listing("subjects", a.Subject, limit=limit).page(starting_after)

    @Method
    def retrieve(self, subject_id: str) -> Call[a.Subject]:
        """A subject."""
        return r.get("subjects", subject_id, read=r.of(a.Subject))

    @Method
    def export(self, subject_id: str) -> Call[Mapping[str, Any]]:
        """Everything held about a subject, for them. The export is logged."""
        return r.get("subjects", subject_id, "export", read=r.mapping)

    @Method
    def withdraw_consent(
        self, subject_id: str, *, purpose: str, idempotency_key: str | None = None
    ) -> Call[a.Withdrawal]:
        """Withdraw a subject's consents for a purpose: its references are destroyed, its credentials revoked."""
        return r.post(
            "subjects",
            subject_id,
            "withdraw_consent",
            read=r.of(a.Withdrawal),
            body={"purpose": purpose},
            idempotency_key=idempotency_key,
        )

    @Method
    def erase(self, subject_id: str) -> Call[a.ErasureReceipt]:
        """Erase everything about a subject. It cannot be undone, and where its answer is lost it is not repeated."""
        return r.delete("subjects", subject_id, read=r.of(a.ErasureReceipt))


class Credentials(Resource[M]):
    """Face credentials that were issued by the service."""

    @Lister
    def list(self, *, subject: str) -> Listing[a.Credential]:
        """A subject's credentials, oldest first. subject: their id."""
        return _listing("credentials", a.Credential, subject=subject)

    @Method
    def retrieve(self, credential_id: str) -> Call[a.Credential]:
        """What is known of a credential."""
        return r.get("credentials", credential_id, read=r.of(a.Credential))

    @Method
    def revoke(self, credential_id: str, *, idempotency_key: str | None = None) -> Call[a.Credential]:
        """Revoke a credential: the service refuses it at once, other verifiers once they have the next status list."""
        return r.post("credentials", credential_id, "revoke", read=r.of(a.Credential), idempotency_key=idempotency_key)

    @Method
    def status_list(self) -> Call[bytes]:
        """The signed list of revoked credentials, by which verifiers go."""
        return r.get("credentials", "status_list", read=r.content)


class WebhookEndpoints(Resource[M]):
    """Where events are sent."""

    @Method
    def create(
        self, *, url: str, events: Sequence[str] = (), idempotency_key: str | None = None
    ) -> Call[a.NewWebhookEndpoint]:
        """Have events sent to an address. events: which types; all where none are given."""
        body = {"url": url, "events": [*events]}
        read = r.of(a.NewWebhookEndpoint)
        return r.post("webhook_endpoints", read=read, body=body, idempotency_key=idempotency_key)

    @Lister
    def list(self) -> Listing[a.WebhookEndpoint]:
        """All your endpoints, oldest first."""
        return _listing("webhook_endpoints", a.WebhookEndpoint)

    @Method
    def retrieve(self, endpoint_id: str) -> Call[a.WebhookEndpoint]:
        """An endpoint."""
        return r.get("webhook_endpoints", endpoint_id, read=r.of(a.WebhookEndpoint))

    @Method
    def update(
        self,
        endpoint_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        disabled: bool | None = None,
    ) -> Call[a.WebhookEndpoint]:
        """Change what is given."""
        body = {"url": url, "events": None if events is None else [*events], "disabled": disabled}
        return r.patch("webhook_endpoints", endpoint_id, read=r.of(a.WebhookEndpoint), body=body)

    @Method
    def rotate_secret(self, endpoint_id: str, *, idempotency_key: str | None = None) -> Call[a.NewWebhookEndpoint]:
        """A new secret. Events are signed with the old one too for another day: until then let `Webhooks` know both."""
        read = r.of(a.NewWebhookEndpoint)
        return r.post("webhook_endpoints", endpoint_id, "rotate_secret", read=read, idempotency_key=idempotency_key)

    @Method
    def test(self, endpoint_id: str, *, idempotency_key: str | None = None) -> Call[a.Event]:
        """Have an event of the type `webhook_endpoint.test` sent there."""
        return r.post("webhook_endpoints", endpoint_id, "test", read=r.of(a.Event), idempotency_key=idempotency_key)

    @Method
    def delete(self, endpoint_id: str) -> Call[None]:
        """Have nothing sent there any more."""
        return r.delete("webhook_endpoints", endpoint_id, read=r.nothing)


class Events(Resource[M]):
    """What happened."""

    @Lister
    def list(self, *, limit: int | None = None) -> Listing[a.Event]:
        """All that happened, newest first, for 30 days. limit: how many are asked for at a time."""
        return _listing("events", a.Event, limit=limit)

    @Method
    def page(self, *, limit: int | None = None, starting_after: str | None = None) -> Call[a.Page[a.Event]]:
        """Some of what happened, newest first, from the event behind this id on."""
        return _listing("events", a.Event, limit=limit).page(starting_after)

    @Method
    def retrieve(self, event_id: str) -> Call[a.Event]:
        """An event, and what became of it."""
        return r.get("events", event_id, read=r.of(a.Event))

    @Method
    def replay(self, event_id: str, *, idempotency_key: str | None = None) -> Call[a.Event]:
        """Have an event sent again, under the same id, to every endpoint that wants it."""
        return r.post("events", event_id, "replay", read=r.of(a.Event), idempotency_key=idempotency_key)


class Audit(Resource[M]):
    """The installation's audit log."""

    @Lister
    def list(self, *, limit: int | None = None, after: int | None = None) -> Listing[a.AuditEntry]:
        """The entries, oldest first. limit: how many are asked for at a time. after: the number behind which it begins."""
        return _listing(
            "audit", a.AuditEntry, limit=limit, cursor=operator.attrgetter("number"), named="after", begin=after
        )

    @Method
    def head(self) -> Call[a.AuditHead]:
        """The log's state as of now, signed."""
        return r.get("audit", "head", read=r.of(a.AuditHead))


def _listing(
    path: str,
    kind: type[T],
    *,
    cursor: Callable[[T], str | int] = _BY_ID,
    named: str = "starting_after",
    begin: str | int | None = None,
    **query: str | int | None,
) -> Listing[T]:
    """named: what the cursor is called in a query. begin: the cursor of the first page."""

    def page(after: str | int | None) -> Call[a.Page[T]]:
        return r.get(path, read=r.page_of(kind), query={**query, named: begin if after is None else after})

    return Listing(page, cursor)
