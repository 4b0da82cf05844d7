"""Telling applications what happens, by webhooks to the Standard Webhooks specification. In this order:

(1) The event is kept in the transaction of the change that it tells of, with a delivery for each endpoint that wants it.
(2) Deliveries that are due are taken: until their lease ends nobody else sends them.
(3) Each is signed and sent, which is the caller's to do.
(4) What came of it is noted: delivered, due again later, or dead when the last attempt failed.

A process that is killed between (2) and (4) leaves a delivery that is due again when its lease ends: each event is delivered at
least once, and receivers know one that they have seen by its id.
"""

import json
import secrets
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import digest
from typing import Any

from visavis.errors import EndpointUnknown, EventUnknown, InputInvalid
from visavis.session.audit import Event, stamp
from visavis.session.happening import TEST, Delivery, DeliveryState, Endpoint, Happening, SigningSecret
from visavis.session.ports import Transaction, Vault

BACK_OFF = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""How long after each failed attempt the next one is due, as the specification proposes: ten attempts in about three days."""
SEND_LEASE = timedelta(seconds=60)
ENDPOINTS_MAX = 16
SECRET_OVERLAP = timedelta(days=1)
"""For how long the secret before the last change signs too."""
GONE = 410
"""The answer of an endpoint that wants no more events."""
SECRET_PREFIX = "whsec_"  # noqa: S105 - it only names the kind


def tell(
    tx: Transaction,
    *,
    application: str,
    event_type: str,
    data: Mapping[str, Any],
    now: datetime,
    only: str | None = None,
) -> Happening:
    """Step (1). data: what it is about. only: for this endpoint alone."""
    told = {"type": event_type, "timestamp": stamp(now), "data": dict(data)}
    event = Happening(f"evt_{secrets.token_hex(12)}", application, event_type, now, json.dumps(told))
    tx.outbox.add(event)
    for endpoint in tx.outbox.endpoints(application):
        if endpoint.wants(event_type) if only is None else endpoint.id == only:
            tx.outbox.put(Delivery(event.id, endpoint.id, now))
    return event


@dataclass(frozen=True, slots=True)
class Sending:
    """A delivery that was taken, with what to send and where."""

    delivery: Delivery
    event: Happening
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Most:
    """So many deliveries are taken: now, of one application, and for one endpoint, those in work included."""

    now: int
    application: int
    endpoint: int


def take_due(vault: Vault, most: Most, *, in_work: Iterable[tuple[str, str]] = ()) -> Sequence[Sending]:
    """Step (2). in_work: application and endpoint of each that is being sent."""
    now, turn = vault.clock(), _Turn(most)
    with vault.store.reading() as tx:
        for application, endpoint_id in in_work:
            turn.count(tx, application, endpoint_id)
        if not tx.outbox.due(now=now, limit=1, besides=turn.full):
            return []
    taken: list[Sending] = []
    with vault.store.writing() as tx:
        more = True
        while more and len(taken) < most.now:  # those of who has enough are looked past
            limit = most.now - len(taken)
            found = tx.outbox.due(now=now, limit=limit, besides=turn.full)
            for delivery in found:
                if delivery.endpoint_id not in turn.full:
                    taken += _taken(tx, delivery, turn, now)
            more = len(found) == limit
    return taken


class _Turn:
    """Who has enough to do. full: endpoints."""

    def __init__(self, most: Most) -> None:
        self._most, self.full = most, set[str]()
        self._endpoints, self._applications = Counter[str](), Counter[str]()

    def count(self, tx: Transaction, application: str, endpoint_id: str) -> None:
        """One more is sent."""
        self._endpoints[endpoint_id] += 1
        self._applications[application] += 1
        if self._endpoints[endpoint_id] >= self._most.endpoint:
            self.full.add(endpoint_id)
        if self._applications[application] >= self._most.application:
            self.full.update(each.id for each in tx.outbox.endpoints(application))


def _taken(tx: Transaction, delivery: Delivery, turn: _Turn, now: datetime) -> list[Sending]:
    """The delivery with its lease, or nothing where it is given up."""
    event, endpoint = tx.outbox.get(delivery.event_id), tx.outbox.endpoint(delivery.endpoint_id)
    if event is None or endpoint is None or endpoint.disabled or delivery.attempts > len(BACK_OFF):
        error = (
            "fault" if delivery.attempts > len(BACK_OFF) else "endpoint_disabled"
        )  # taken so often, and never settled
        tx.outbox.put(replace(delivery, state=DeliveryState.DEAD, last_error=error))
        return []
    leased = Delivery(delivery.event_id, delivery.endpoint_id, now + SEND_LEASE, attempts=delivery.attempts + 1)
    tx.outbox.put(leased)
    turn.count(tx, endpoint.application, endpoint.id)
    return [Sending(leased, event, endpoint)]


def headers_of(vault: Vault, sending: Sending) -> dict[str, str]:
    """Step (3): the headers that name and sign what is sent, as of now. Raises KeyUnusable."""
    now, event, endpoint = vault.clock(), sending.event, sending.endpoint
    signing = [endpoint.secret]
    if endpoint.previous is not None and endpoint.previous_until is not None and now < endpoint.previous_until:
        signing.append(endpoint.previous)
    stamped = str(int(now.timestamp()))
    message = f"{event.id}.{stamped}.{event.body}".encode()
    signatures = (b64encode(digest(_secret(vault, each), message, "sha256")).decode() for each in signing)
    return {
        "content-type": "application/json",
        "webhook-id": event.id,
        "webhook-timestamp": stamped,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def settle_delivery(vault: Vault, sending: Sending, *, status: int | None, error: str | None = None) -> Delivery:
    """Step (4). status: of the answer, None where there was none. error: why it counts as failed. Changes nothing where the
    delivery was taken again meanwhile."""
    now, taken = vault.clock(), sending.delivery
    accepted = error is None and status is not None and 200 <= status < 300
    state, due_at = DeliveryState.PENDING, taken.due_at
    if accepted:
        state = DeliveryState.DELIVERED
    elif status == GONE or taken.attempts > len(BACK_OFF):
        state = DeliveryState.DEAD
    else:
        due_at = now + BACK_OFF[taken.attempts - 1] * (0.9 + 0.2 * secrets.randbelow(1000) / 1000)
    settled = replace(taken, state=state, due_at=due_at, last_status=status, last_error=None if accepted else error)
    with vault.store.writing() as tx:
        if tx.outbox.delivery(taken.event_id, taken.endpoint_id) == taken:
            tx.outbox.put(settled)
            endpoint = tx.outbox.endpoint(taken.endpoint_id)
            if status == GONE and endpoint is not None and endpoint.url == sending.endpoint.url:
                tx.outbox.put_endpoint(replace(endpoint, disabled=True))
    return settled


def own_event(tx: Transaction, event_id: str, application: str) -> Happening:
    """An event of the application's. Raises EventUnknown, also for another's."""
    event = tx.outbox.get(event_id)
    if event is None or event.application != application:
        raise EventUnknown("there is no event with this id")
    return event


def replay(vault: Vault, event_id: str, *, application: str) -> Sequence[Delivery]:
    """Send an event again, to every endpoint that wants it now, whatever became of it before. Raises EventUnknown."""
    now = vault.clock()
    with vault.store.writing() as tx:
        event = own_event(tx, event_id, application)
        wanting = [each for each in tx.outbox.endpoints(application) if each.wants(event.type)]
        if event.type == TEST:  # which was for one of them
            asked = {each.endpoint_id for each in tx.outbox.deliveries([event.id])}
            wanting = [each for each in wanting if each.id in asked]
        anew = [Delivery(event.id, each.id, now) for each in wanting]
        for delivery in anew:
            tx.outbox.put(delivery)
    return anew


# --- endpoints ------------------------------------------------------------------------------------------------------


def add_endpoint(vault: Vault, *, application: str, url: str, types: Iterable[str] = ()) -> tuple[Endpoint, str]:
    """Keep an endpoint. Returns it and its secret, which is shown once. Raises InputInvalid."""
    now = vault.clock()
    secret = _fresh(vault)
    endpoint = Endpoint(f"we_{secrets.token_hex(12)}", application, url, frozenset(types), now, secret)
    with vault.store.writing() as tx:
        if len(tx.outbox.endpoints(application)) >= ENDPOINTS_MAX:
            raise InputInvalid(f"an application has {ENDPOINTS_MAX} webhook endpoints at most")
        tx.outbox.put_endpoint(endpoint)
        _log(tx, endpoint, "added", now)
    return endpoint, _shown(vault, secret)


def change_endpoint(
    vault: Vault,
    endpoint_id: str,
    *,
    application: str,
    url: str | None = None,
    types: Iterable[str] | None = None,
    disabled: bool | None = None,
) -> Endpoint:
    """Change what is given. Raises EndpointUnknown or InputInvalid."""
    with vault.store.writing() as tx:
        old = _own(tx, endpoint_id, application)
        changed = replace(
            old,
            url=old.url if url is None else url,
            types=old.types if types is None else frozenset(types),
            disabled=old.disabled if disabled is None else disabled,
        )
        tx.outbox.put_endpoint(changed)
        _log(tx, changed, "changed", vault.clock())
    return changed


def change_secret(vault: Vault, endpoint_id: str, *, application: str) -> tuple[Endpoint, str]:
    """Give an endpoint a new secret; the old one signs too for another day. Raises EndpointUnknown."""
    now, secret = vault.clock(), _fresh(vault)
    with vault.store.writing() as tx:
        old = _own(tx, endpoint_id, application)
        changed = replace(old, secret=secret, previous=old.secret, previous_until=now + SECRET_OVERLAP)
        tx.outbox.put_endpoint(changed)
        _log(tx, changed, "secret_changed", now)
    return changed, _shown(vault, secret)


def forget_old_secrets(tx: Transaction, now: datetime) -> None:
    """Secrets before the last change whose time is over."""
    for each in tx.outbox.endpoints():
        if each.previous_until is not None and each.previous_until <= now:
            tx.outbox.put_endpoint(replace(each, previous=None, previous_until=None))


def remove_endpoint(vault: Vault, endpoint_id: str, *, application: str) -> Endpoint:
    """Forget an endpoint and what was to be sent there. Raises EndpointUnknown."""
    with vault.store.writing() as tx:
        endpoint = _own(tx, endpoint_id, application)
        tx.outbox.remove_endpoint(endpoint_id)
        _log(tx, endpoint, "removed", vault.clock())
    return endpoint


def find_endpoint(vault: Vault, endpoint_id: str, *, application: str) -> Endpoint:
    """An endpoint of the application's. Raises EndpointUnknown, also for another's."""
    with vault.store.reading() as tx:
        return _own(tx, endpoint_id, application)


def try_endpoint(vault: Vault, endpoint_id: str, *, application: str) -> Happening:
    """Send an event of the type `webhook_endpoint.test` to an endpoint. Raises EndpointUnknown."""
    with vault.store.writing() as tx:
        endpoint = _own(tx, endpoint_id, application)
        data = {"object": "webhook_endpoint", "id": endpoint.id}
        return tell(tx, application=application, event_type=TEST, data=data, now=vault.clock(), only=endpoint.id)


def _own(tx: Transaction, endpoint_id: str, application: str) -> Endpoint:
    endpoint = tx.outbox.endpoint(endpoint_id)
    if endpoint is None or endpoint.application != application:
        raise EndpointUnknown("there is no webhook endpoint with this id")
    return endpoint


def _log(tx: Transaction, endpoint: Endpoint, change: str, now: datetime) -> None:
    told = {"endpoint": endpoint.id, "application": endpoint.application, "change": change}
    # Where events go is security-relevant; the address may hold a token of the application's.
    told["url_sha256"] = sha256(endpoint.url.encode()).hexdigest()
    tx.audit.append(Event.WEBHOOK_ENDPOINT, told, at=now)


def _fresh(vault: Vault) -> SigningSecret:
    return SigningSecret(vault.keys.current, secrets.token_bytes(16))


def _secret(vault: Vault, secret: SigningSecret) -> bytes:
    return vault.keys.mac(secret.key_version, b"visavis webhook v1" + secret.salt)


def _shown(vault: Vault, secret: SigningSecret) -> str:
    return SECRET_PREFIX + b64encode(_secret(vault, secret)).decode()
