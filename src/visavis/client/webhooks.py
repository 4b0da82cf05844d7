"""Events as they are received, checked to the Standard Webhooks specification (https://www.standardwebhooks.com).

Who knows the address of an endpoint can post anything there; what is signed with the endpoint's secret is the service's.
"""

import hmac
import json
import re
import time
from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from visavis.client.answers import Event
from visavis.client.errors import EventSeen, SignatureInvalid
from visavis.client.reading import Unreadable, read
from visavis.errors import InputInvalid

TOLERANCE_S = 300.0
_PREFIX = "whsec_"
_SECRET_BYTES_MIN = 24
_ID = re.compile("[A-Za-z0-9_-]{1,128}")  # a dot could be taken for one of those that part what is signed
_TIMESTAMP = re.compile("[0-9]{1,12}")
_SIGNATURES_MAX = 16


class Seen(Protocol):
    """Remembers which events were received."""

    def __call__(self, event_id: str, /) -> bool:
        """Whether the event was received before; from now on it was."""


class Webhooks:
    """Checks events by an endpoint's secret.

    secrets: one `whsec_...`, or several while one takes the other's place. tolerance_s: how far the sender's clock and yours may
    be apart; what is older is refused, so that it cannot be sent again later by who recorded it. seen: asked once the signature
    is good, with the event's id; where it answers True the event is refused. Within the tolerance it alone tells a repetition,
    and the service repeats what is not answered in time: let it keep ids for longer than three days, and in the transaction in
    which you act on the event, so that neither is done without the other. Raises InputInvalid for what is no secret.
    """

    def __init__(
        self,
        *secrets: str,
        tolerance_s: float = TOLERANCE_S,
        seen: Seen | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not secrets:
            raise InputInvalid("expected at least one secret of a webhook endpoint")
        self._secrets = [_secret(each) for each in secrets]
        self._tolerance_s, self._seen, self._clock = tolerance_s, seen, clock

    def verify(self, body: bytes, headers: Mapping[str, str]) -> Event:
        """The event that a request holds.

        body: the request's, to the byte as it came. headers: the request's, in any case of letters. Raises SignatureInvalid, also
        for what is signed and too old or from the future; EventSeen.
        """
        given = {name.lower(): value for name, value in headers.items()}
        event_id, timestamp, signatures = (
            given.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
        )
        if not _ID.fullmatch(event_id) or not _TIMESTAMP.fullmatch(timestamp):
            raise SignatureInvalid("expected the headers webhook-id and webhook-timestamp, as the service sends them")
        if not self._signed(f"{event_id}.{timestamp}.".encode() + body, signatures):
            raise SignatureInvalid("none of the signatures is the service's; is the secret this endpoint's?")
        if abs(self._clock() - int(timestamp)) > self._tolerance_s:
            raise SignatureInvalid(f"signed more than {self._tolerance_s:.0f} s ago, or from now; is the clock right?")
        event = _event(event_id, body)
        if self._seen is not None and self._seen(event_id):
            raise EventSeen("this event was received before; answer it as if it were new")
        return event

    def _signed(self, message: bytes, signatures: str) -> bool:
        """Whether one of the signatures is by one of the secrets. All are compared, each in constant time."""
        expected = [b64encode(hmac.digest(secret, message, "sha256")) for secret in self._secrets]
        found = False
        for each in signatures.split(" ")[:_SIGNATURES_MAX]:
            version, _, signature = each.partition(",")
            if version == "v1":
                for one in expected:
                    found |= hmac.compare_digest(one, signature.encode())
        return found


@dataclass(frozen=True, slots=True)
class _Sent:
    type: str
    timestamp: datetime
    data: Mapping[str, Any]


def _event(event_id: str, body: bytes) -> Event:
    try:
        sent = read(_Sent, json.loads(body))
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, Unreadable) else "it is no JSON"
        raise SignatureInvalid(f"it is signed, and no event: {why}") from None
    return Event(event_id, sent.type, sent.timestamp, sent.data)


def _secret(text: str) -> bytes:
    try:
        secret = b64decode(text.removeprefix(_PREFIX), validate=True)
    except (NoBase64, ValueError):
        secret = b""
    if len(secret) < _SECRET_BYTES_MIN:
        raise InputInvalid("expected the secret of a webhook endpoint: whsec_ and base64")
    return secret
