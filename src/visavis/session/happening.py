"""What happens in the service, as applications are told of it: events, the endpoints they go to, and each one's delivery."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from visavis.errors import InputInvalid
from visavis.session.value import check_url

TEST = "webhook_endpoint.test"
EVENT_TYPES = (
    "verification_session.created",
    "verification_session.requires_input",
    "verification_session.verified",
    "verification_session.canceled",
    "verification_session.expired",
    "verification_session.redacted",
    "enrolment.created",
    "enrolment.requires_input",
    "enrolment.enrolled",
    "enrolment.canceled",
    "enrolment.expired",
    TEST,
)


@dataclass(frozen=True, slots=True)
class Happening:
    """An event. id: `evt_` and random characters, the same in every delivery. body: what is sent, to the byte: JSON that names
    what it is about by its id, and nothing of a person."""

    id: str
    application: str
    type: str
    created_at: datetime
    body: str

    @property
    def data(self) -> Mapping[str, Any]:
        """What it is about."""
        data: dict[str, Any] = json.loads(self.body)["data"]
        return data


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """From which operator's key, and by which salt, an endpoint's secret is derived; the secret itself is kept nowhere."""

    key_version: int
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an application wants its events. id: `we_` and random characters. types: which, all where it is empty. previous: the
    secret before the last change, which signs too until then. disabled: nothing is sent until it is enabled again."""

    id: str
    application: str
    url: str
    types: frozenset[str]
    created_at: datetime
    secret: SigningSecret
    previous: SigningSecret | None = None
    previous_until: datetime | None = None
    disabled: bool = False

    def __post_init__(self) -> None:
        unknown = self.types.difference(EVENT_TYPES)
        if unknown:
            raise InputInvalid(
                f"there is no event of the type {min(unknown)!r}; expected some of {', '.join(EVENT_TYPES)}"
            )
        check_url(self.url)

    @property
    def key_versions(self) -> frozenset[int]:
        """Of the operator's key, from which its secrets come."""
        return frozenset(each.key_version for each in (self.secret, self.previous) if each is not None)

    def wants(self, event_type: str) -> bool:
        """Whether it is sent events of this type."""
        return not self.disabled and (not self.types or event_type in self.types)


class DeliveryState(StrEnum):
    """PENDING: is sent when it is due. DELIVERED: was accepted. DEAD: was given up, and is sent again only on request."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one endpoint. attempts: how often it was taken for sending. due_at: when it may be taken next; while it is
    being sent, when that is taken for lost. last_status: of the last answer. last_error: what came instead of a good
    one."""

    event_id: str
    endpoint_id: str
    due_at: datetime
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    last_status: int | None = None
    last_error: str | None = None
