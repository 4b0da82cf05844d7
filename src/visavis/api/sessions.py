"""Verification sessions and their reports, for the application that asks for them."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from visavis.api.access import needs
from visavis.api.service import Service
from visavis.session import (
    Against,
    ApiKey,
    Payment,
    Report,
    Scope,
    VerificationSession,
    Wanted,
    cancel_session,
    find_session,
    open_session,
    redact_session,
    report_of,
    reports_of,
    sessions_of,
    stamp,
)

Owner = Annotated[ApiKey, Depends(needs(Scope.VERIFICATION_SESSIONS))]
Reader = Annotated[ApiKey, Depends(needs(Scope.REPORTS))]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class TransactionBody(_Body):
    """A payment that is approved by being verified; it is signed with the answer."""

    amount: str = Field(examples=["12.50"])
    currency: str = Field(examples=["EUR"], description="ISO 4217")
    payee: str


class SessionBody(_Body):
    """What is asked for."""

    purpose: str = Field(examples=["payment"])
    against: Literal["subject", "credential", "upload"]
    subject: str | None = Field(None, description="The subject's id, where the person is compared with one.")
    policy: str = "1e-4"
    attempts: int = 3
    expires_in_s: int = 900
    nonce: str | None = None
    transaction: TransactionBody | None = None


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1", tags=["verification sessions"])
    desk = service.desk

    @routes.post("/verification_sessions", status_code=201)
    def create(body: SessionBody, key: Owner) -> dict[str, Any]:
        """Open a session. Send your user to its `url`; the client's secret in it is told this once."""
        payment = None if body.transaction is None else Payment(**body.transaction.model_dump())
        session, secret = open_session(
            desk,
            application=key.application,
            wanted=Wanted(body.purpose, body.policy, Against(body.against), body.subject, payment, body.nonce),
            attempts=body.attempts,
            life=timedelta(seconds=body.expires_in_s),
        )
        url = f"{service.base_url}/verify/{session.id}#{secret}"
        return {**plain_session(session), "client_secret": secret, "url": url}

    @routes.get("/verification_sessions")
    def page(
        key: Owner, limit: Annotated[int, Query(ge=1, le=100)] = 20, starting_after: str | None = None
    ) -> dict[str, Any]:
        """Your sessions, newest first."""
        found = sessions_of(desk, application=key.application, before=starting_after, limit=limit + 1)
        return {
            "object": "list",
            "data": [plain_session(each) for each in found[:limit]],
            "has_more": len(found) > limit,
        }

    @routes.get("/verification_sessions/{session_id}")
    def retrieve(session_id: str, key: Owner) -> dict[str, Any]:
        """A session as it is now."""
        return plain_session(find_session(desk, session_id, application=key.application))

    @routes.post("/verification_sessions/{session_id}/cancel")
    def cancel(session_id: str, key: Owner) -> dict[str, Any]:
        """End a session."""
        return plain_session(cancel_session(desk, session_id, application=key.application))

    @routes.post("/verification_sessions/{session_id}/redact")
    def redact(session_id: str, key: Owner) -> dict[str, Any]:
        """Forget what a session that is over holds of the person. The answer is a signed receipt."""
        return redact_session(desk, session_id, application=key.application).to_dict()

    @routes.get("/verification_sessions/{session_id}/reports", tags=["verification reports"])
    def reports(session_id: str, key: Reader) -> dict[str, Any]:
        """A session's reports, oldest first."""
        found = reports_of(desk, session_id, application=key.application)
        return {"object": "list", "data": [plain_report(each) for each in found], "has_more": False}

    @routes.get("/verification_reports/{report_id}", tags=["verification reports"])
    def report(report_id: str, key: Reader) -> dict[str, Any]:
        """A report: the decision with its score, and the signed answer without."""
        return plain_report(report_of(desk, report_id, application=key.application))

    return routes


def plain_session(session: VerificationSession) -> dict[str, Any]:
    """A session as the application sees it."""
    wanted = session.wanted
    return {
        "id": session.id,
        "object": "verification_session",
        "status": session.status.value,
        "purpose": wanted.purpose,
        "policy": wanted.policy,
        "against": wanted.against.value,
        "subject": wanted.subject_id,
        "transaction": None if wanted.payment is None else wanted.payment.to_dict(),
        "nonce": wanted.nonce,
        "attempts_left": session.attempts_left,
        "last_error": session.last_error,
        "created_at": stamp(session.created_at),
        "expires_at": stamp(session.expires_at),
        "redacted_at": None if session.redacted_at is None else stamp(session.redacted_at),
    }


def plain_report(report: Report) -> dict[str, Any]:
    """A report as the application sees it."""
    return {
        "id": report.id,
        "object": "verification_report",
        "verification_session": report.session_id,
        "subject": report.subject_id,
        "created_at": stamp(report.created_at),
        "decision": report.decision,
        "jws": report.jws,
    }
