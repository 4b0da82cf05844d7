"""Webhook endpoints, and the events that are sent there."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from visavis.api import models as m
from visavis.api.access import needs
from visavis.api.service import Service
from visavis.api.sessions import After, Body, Limit
from visavis.session import (
    EVENT_TYPES,
    ApiKey,
    Happening,
    Scope,
    Transaction,
    add_endpoint,
    change_endpoint,
    change_secret,
    find_endpoint,
    own_event,
    remove_endpoint,
    replay,
    try_endpoint,
)

Owner = Annotated[ApiKey, Depends(needs(Scope.WEBHOOKS))]
Reader = Annotated[ApiKey, Depends(needs(Scope.EVENTS))]


Url = Annotated[str, Field(examples=["https://shop.example/webhooks"], max_length=2_000, pattern="^https?://[!-~]+$")]
EventType = Annotated[str, Field(json_schema_extra={"enum": list(EVENT_TYPES)})]


class EndpointBody(Body):
    """A new endpoint."""

    url: Url
    events: list[EventType] = Field([], description="Which types of events; all where it is empty.", max_length=50)


class EndpointChange(Body):
    """What is to be changed."""

    url: Url | None = None
    events: list[EventType] | None = Field(None, max_length=50)
    disabled: bool | None = None


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    vault = service.desk.vault
    endpoints = APIRouter(prefix="/v1/webhook_endpoints", tags=["webhook endpoints"])
    events = APIRouter(prefix="/v1/events", tags=["events"])

    @endpoints.post("", status_code=201)
    def create_webhook_endpoint(body: EndpointBody, key: Owner) -> m.WebhookEndpointWithSecret:
        """Have events sent to an address. Its secret, by which you check them, is told this once."""
        service.courier.check(body.url)
        endpoint, secret = add_endpoint(vault, application=key.application, url=body.url, types=body.events)
        return m.WebhookEndpointWithSecret(**m.WebhookEndpoint.of(endpoint).model_dump(), secret=secret)

    @endpoints.get("")
    def list_webhook_endpoints(key: Owner) -> m.Page[m.WebhookEndpoint]:
        """Your endpoints, oldest first."""
        with vault.store.reading() as tx:
            found = tx.outbox.endpoints(key.application)
        return m.Page(data=[m.WebhookEndpoint.of(each) for each in found], has_more=False)

    @endpoints.get("/{endpoint_id}")
    def get_webhook_endpoint(endpoint_id: str, key: Owner) -> m.WebhookEndpoint:
        """An endpoint."""
        return m.WebhookEndpoint.of(find_endpoint(vault, endpoint_id, application=key.application))

    @endpoints.patch("/{endpoint_id}")
    def update_webhook_endpoint(endpoint_id: str, body: EndpointChange, key: Owner) -> m.WebhookEndpoint:
        """Change an endpoint. One that answered 410, and was disabled for it, is enabled again here."""
        if body.url is not None:
            service.courier.check(body.url)
        changed = change_endpoint(
            vault,
            endpoint_id,
            application=key.application,
            url=body.url,
            types=body.events,
            disabled=body.disabled,
        )
        return m.WebhookEndpoint.of(changed)

    @endpoints.post("/{endpoint_id}/rotate_secret")
    def rotate_webhook_secret(endpoint_id: str, key: Owner) -> m.WebhookEndpointWithSecret:
        """A new secret, told this once. Events are signed with the old one too for another day."""
        endpoint, secret = change_secret(vault, endpoint_id, application=key.application)
        return m.WebhookEndpointWithSecret(**m.WebhookEndpoint.of(endpoint).model_dump(), secret=secret)

    @endpoints.post("/{endpoint_id}/test", status_code=202)
    def send_test_event(endpoint_id: str, key: Owner) -> m.Event:
        """Send an event of the type `webhook_endpoint.test` there."""
        event = try_endpoint(vault, endpoint_id, application=key.application)
        return answers([event])[0]

    @endpoints.delete("/{endpoint_id}", status_code=204)
    def delete_webhook_endpoint(endpoint_id: str, key: Owner) -> Response:
        """Send nothing there any more, of what is still to be sent neither."""
        remove_endpoint(vault, endpoint_id, application=key.application)
        return Response(status_code=204)

    @events.get("")
    def list_events(key: Reader, limit: Limit = 20, starting_after: After = None) -> m.Page[m.Event]:
        """What happened, newest first, and which of it reached your endpoints. Kept for 30 days."""
        with vault.store.reading() as tx:
            found = tx.outbox.page(key.application, before=starting_after, limit=limit + 1)
        return m.Page.cut(answers(found), limit)

    @events.get("/{event_id}")
    def get_event(event_id: str, key: Reader) -> m.Event:
        """An event."""
        with vault.store.reading() as tx:
            return _answers(tx, [own_event(tx, event_id, key.application)])[0]

    @events.post("/{event_id}/replay", status_code=202)
    def replay_event(event_id: str, key: Reader) -> m.Event:
        """Send an event again to every endpoint that wants it, under the same id."""
        replay(vault, event_id, application=key.application)
        return get_event(event_id, key)

    def answers(found: Sequence[Happening]) -> list[m.Event]:
        with vault.store.reading() as tx:
            return _answers(tx, found)

    routes.include_router(endpoints)
    routes.include_router(events)
    return routes


def _answers(tx: Transaction, found: Sequence[Happening]) -> list[m.Event]:
    deliveries = tx.outbox.deliveries([each.id for each in found])
    return [m.Event.of(each, [one for one in deliveries if one.event_id == each.id]) for each in found]
