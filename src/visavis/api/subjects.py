"""Subjects: who is enrolled, everything held about one, and its erasure. Nothing here opens a reference."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from visavis.api import models as m
from visavis.api.access import needs
from visavis.api.service import Service
from visavis.api.sessions import Limit
from visavis.errors import SubjectUnknown
from visavis.session import Scope, erase_subject, export_subject


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
    ) -> m.Page[m.SubjectAnswer]:
        """Subjects in the order of their names."""
        with vault.store.reading() as tx:
            found = tx.subjects.page(after=starting_after, limit=limit + 1)
        return m.Page.cut([m.SubjectAnswer.of(each) for each in found], limit)

    @routes.get("/{subject_id}")
    def get_subject(subject_id: str) -> m.SubjectAnswer:
        """A subject."""
        with vault.store.reading() as tx:
            found = tx.subjects.get(subject_id)
        if found is None:
            raise SubjectUnknown("there is no subject with this id")
        return m.SubjectAnswer.of(found)

    @routes.get("/{subject_id}/export")
    def export(subject_id: str) -> m.SubjectExport:
        """Everything held about a subject, for them. The export is logged."""
        return m.SubjectExport(**export_subject(vault, subject_id))

    @routes.delete("/{subject_id}")
    def erase(subject_id: str) -> m.ErasureReceipt:
        """Erase everything about a subject; the answer is a signed receipt. It cannot be undone."""
        return m.ErasureReceipt(**erase_subject(vault, subject_id).to_dict())

    return routes
