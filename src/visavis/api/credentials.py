"""Face credentials that were issued here (by enrolments that yield them): what is known of them, revocation, the status list."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from visavis.api import models as m
from visavis.api.access import needs
from visavis.api.service import Service
from visavis.errors import CredentialUnknown, InputInvalid
from visavis.session import ApiKey, Scope, issued_here, revoke_credential

STATUS_LIST_TYPE = "application/statuslist+cwt"

Owner = Annotated[ApiKey, Depends(needs(Scope.CREDENTIALS))]


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1/credentials", tags=["credentials"])
    vault, status_list = service.desk.vault, service.desk.status_list

    @routes.get("", dependencies=[Depends(needs(Scope.CREDENTIALS))])
    def list_credentials(
        subject: Annotated[str, Query(description="A subject's id.", max_length=64)],
    ) -> m.Page[m.Credential]:
        """A subject's credentials, oldest first."""
        with vault.store.reading() as tx:
            found = tx.credentials.of(subject)
        return m.Page(data=[m.Credential.of(each) for each in found], has_more=False)

    @routes.get(
        "/status_list",
        dependencies=[Depends(needs(Scope.STATUS_LIST))],
        response_class=Response,
        responses={200: {"content": {STATUS_LIST_TYPE: {"schema": {"type": "string", "format": "binary"}}}}},
    )
    def get_status_list() -> Response:
        """The signed list of revoked credentials, by which verifiers go. Fetch it at least once a day."""
        if status_list is None:
            raise InputInvalid("no credentials are issued here: the installation has no issuer's name")
        return Response(status_list(), media_type=STATUS_LIST_TYPE)

    @routes.get("/{credential_id}")
    def get_credential(credential_id: str, _: Owner) -> m.Credential:
        """What is known of a credential."""
        with vault.store.reading() as tx:
            return m.Credential.of(issued_here(tx, _cti(credential_id)))

    @routes.post("/{credential_id}/revoke")
    def revoke(credential_id: str, _: Owner) -> m.Credential:
        """Revoke a credential: this service refuses it at once, other verifiers once they have the next status list."""
        revoke_credential(vault, _cti(credential_id))
        return get_credential(credential_id, _)

    return routes


def _cti(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise CredentialUnknown("a credential's id is 32 hex digits") from None
