"""The audit log, and its signed head."""

import json
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from visavis.api import models as m
from visavis.api.access import needs
from visavis.api.service import Service
from visavis.session import Head, Scope


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1/audit", tags=["audit"], dependencies=[Depends(needs(Scope.AUDIT))])
    vault = service.desk.vault

    @routes.get("")
    def list_audit_entries(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        after: Annotated[int, Query(ge=0, le=2**53, description="The number behind which the page begins.")] = 0,
    ) -> m.Page[m.AuditEntry]:
        """The installation's log, oldest first; `visavis audit verify` checks an export of it."""
        with vault.store.reading() as tx:
            found = list(islice(tx.audit.entries(after=after), limit + 1))
        return m.Page.cut([m.AuditEntry(**entry.to_dict()) for entry in found], limit)

    @routes.get("/head")
    def get_audit_head() -> m.AuditHead:
        """The log's state as of now, signed. Kept elsewhere, it proves that nothing before it is changed or dropped later."""
        with vault.store.reading() as tx:
            number, last = tx.audit.tip()
        head = Head.sign(number, last, signer=vault.audit_signer, at=vault.clock())
        return m.AuditHead(**json.loads(head.to_line()))

    return routes
