"""Subjects: who is enrolled, everything held about one, and its erasure. Nothing here opens a reference."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from visavis.api import models as m
from visavis.api.access import needs
from visavis.api.service import Service
from visavis.api.sessions import Body, Limit, Purpose
from visavis.errors import SubjectUnknown
from visavis.session import Scope, erase_subject, export_subject, withdraw_consent


class WithdrawalBody(Body):
    """For what the consent is withdrawn."""

    purpose: Purpose


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1/subjects", tags=["subjects"], dependencies=[Depends(needs(Scope.SUBJECTS))])
    vault = service.desk.vault

    @routes.get("")
    def list_subjects(
        limit: Limit = 20,
        starting_after: Annotated[
            str, Query(description="The name behind which the page begins.", max_length=200)
        ] = "",
    ) -> m.Page[m.Subject]:
        """Subjects in the order of their names."""
        with vault.store.reading() as tx:
            found = tx.subjects.page(after=starting_after, limit=limit + 1)
        return m.Page.cut([m.Subject.of(each) for each in found], limit)

    @routes.get("/{subject_id}")
    def get_subject(subject_id: str) -> m.Subject:
        """A subject."""
        with vault.store.reading() as tx:
            found = tx.subjects.get(subject_id)
        if found is None:
            raise SubjectUnknown("there is no subject with this id")
        return m.Subject.of(found)

    @routes.get("/{subject_id}/export")
    def export(subject_id: str) -> m.SubjectExport:
        """Everything held about a subject, for them. The export is logged."""
        return m.SubjectExport(**export_subject(vault, subject_id))

    @routes.post("/{subject_id}/withdraw_consent")
    def withdraw(subject_id: str, body: WithdrawalBody) -> m.Withdrawal:
        """Withdraw a subject's consents for a purpose: its references are destroyed, its credentials revoked."""
        done = withdraw_consent(vault, subject_id, body.purpose)
        return m.Withdrawal(**asdict(done))

    @routes.delete("/{subject_id}")
    def erase(subject_id: str) -> m.ErasureReceipt:
        """Erase everything about a subject; the answer is a signed receipt. It cannot be undone."""
        return m.ErasureReceipt(**erase_subject(vault, subject_id).to_dict())

    return routes
