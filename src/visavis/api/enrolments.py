"""Enrolments: an application records its user's consent, and sends them to be captured."""

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from visavis.api import models as m
from visavis.api.access import needs
from visavis.api.service import Service
from visavis.api.sessions import (
    After,
    Alternatives,
    Body,
    EvidenceBody,
    Limit,
    Liveness,
    Locale,
    Purpose,
    ReturnUrl,
    Whole,
)
from visavis.errors import InputInvalid
from visavis.session import (
    Alternative,
    ApiKey,
    ConsentText,
    LivenessPolicy,
    Scope,
    ToEnrol,
    Yields,
    cancel_session,
    find_session,
    open_enrolment,
    sessions_of,
)

Owner = Annotated[ApiKey, Depends(needs(Scope.ENROLMENTS))]


class ConsentBody(Body):
    """What the person agreed to. Either the text, of which its hash alone is kept, or the hash."""

    text: str | None = Field(None, max_length=100_000)
    text_sha256: str | None = Field(None, description="Of the text in UTF-8, in hex.", pattern="^[0-9a-f]{64}$")
    version: str = Field(examples=["2026-01"], min_length=1, max_length=200)
    locale: Locale
    retention_days: Whole = Field(ge=1, le=36_525, description="After so many days the reference is erased.")
    renewal: bool = Field(False, description="Whether the reference may be made anew when the model changes.")


class EnrolmentBody(Body):
    """What is asked for."""

    subject: str = Field(
        examples=["account 4711"], description="Your own name for the person.", min_length=1, max_length=200
    )
    purpose: Purpose
    consent: ConsentBody
    recorded_by: str | None = Field(
        None, description="Who saw the person consent; by default your application.", max_length=200
    )
    yields: Literal["reference", "credential"] = "reference"
    replace: bool = Field(False, description="Whether an earlier reference for the same purpose gives way.")
    valid_days: Whole = Field(365, ge=1, le=36_525, description="Of a credential.")
    attempts: Whole = Field(5, ge=1, le=10)
    expires_in_s: Whole = Field(1_800, ge=30, le=86_400)
    evidence: EvidenceBody | None = None
    return_url: ReturnUrl = None
    liveness: Liveness = "required"
    alternatives: Alternatives = Field(["move_camera"])


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1/enrolments", tags=["enrolments"])
    desk = service.desk

    @routes.post("", status_code=201)
    def create_enrolment(body: EnrolmentBody, key: Owner) -> m.OpenedEnrolment:
        """Record a person's consent, and open the session in which they are captured. Send them to its `url`."""
        session, secret = open_enrolment(
            desk,
            application=key.application,
            subject=body.subject,
            consent=_consent(body.consent, body.purpose),
            recorded_by=body.recorded_by or f"application {key.application}",
            yields=Yields(body.yields),
            replaces=body.replace,
            valid_days=body.valid_days,
            attempts=body.attempts,
            life=timedelta(seconds=body.expires_in_s),
            evidence=None if body.evidence is None else body.evidence.terms(),
            return_url=body.return_url,
            liveness=LivenessPolicy(body.liveness),
            alternatives=list(map(Alternative, body.alternatives)),
        )
        return m.OpenedEnrolment.of(session, client_secret=secret, url=service.page_url(session.id, secret))

    @routes.get("")
    def list_enrolments(key: Owner, limit: Limit = 20, starting_after: After = None) -> m.Page[m.Enrolment]:
        """Your enrolments, newest first."""
        found = sessions_of(desk, ToEnrol, application=key.application, before=starting_after, limit=limit + 1)
        return m.Page.cut([m.Enrolment.of(each) for each in found], limit)

    @routes.get("/{enrolment_id}")
    def get_enrolment(enrolment_id: str, key: Owner) -> m.Enrolment:
        """An enrolment as it is now."""
        return m.Enrolment.of(find_session(desk, enrolment_id, ToEnrol, application=key.application))

    @routes.post("/{enrolment_id}/cancel")
    def cancel_enrolment(enrolment_id: str, key: Owner) -> m.Enrolment:
        """End an enrolment. The consent stays on record, until its subject is erased."""
        return m.Enrolment.of(cancel_session(desk, enrolment_id, ToEnrol, application=key.application))

    return routes


def _consent(body: ConsentBody, purpose: str) -> ConsentText:
    if (body.text is None) == (body.text_sha256 is None):
        raise InputInvalid("give the text that the person agreed to, or its hash, and not both")
    if body.text is not None:
        return ConsentText.of(
            body.text,
            version=body.version,
            locale=body.locale,
            purpose=purpose,
            retention_days=body.retention_days,
            renewal=body.renewal,
        )
    return ConsentText(
        body.text_sha256 or "", body.version, body.locale, purpose, body.retention_days, renewal=body.renewal
    )
