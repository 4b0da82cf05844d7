"""Subjects: who is enrolled, everything held about one, and its erasure. Nothing here opens a reference."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from visavis.api.access import needs
from visavis.api.service import Service
from visavis.session import Scope, Subject, erase_subject, export_subject, stamp


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1/subjects", tags=["subjects"], dependencies=[Depends(needs(Scope.SUBJECTS))])
    vault = service.desk.vault

    @routes.get("")
    def page(
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        starting_after: Annotated[str, Query(description="A name.", max_length=200)] = "",
    ) -> dict[str, Any]:
        """Subjects in the order of their names."""
        with vault.store.reading() as tx:
            found = tx.subjects.page(after=starting_after, limit=limit + 1)
        return {"object": "list", "data": [_plain(each) for each in found[:limit]], "has_more": len(found) > limit}

    @routes.get("/{subject_id}/export")
    def export(subject_id: str) -> dict[str, Any]:
        """Everything held about a subject, for them. The export is logged."""
        return {"object": "subject_export", **export_subject(vault, subject_id)}

    @routes.delete("/{subject_id}")
    def erase(subject_id: str) -> dict[str, Any]:
        """Erase everything about a subject; the answer is a signed receipt. It cannot be undone."""
        return {"object": "erasure_receipt", **erase_subject(vault, subject_id).to_dict()}

    return routes


def _plain(subject: Subject) -> dict[str, Any]:
    return {"object": "subject", "id": subject.id, "name": subject.name, "created_at": stamp(subject.created_at)}
