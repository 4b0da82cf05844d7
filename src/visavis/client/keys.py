"""The service's public keys, by which its reports are checked.

Keys come from the service over TLS, and from nowhere that a report names. They are asked for anew when a report names one that
is not among them, at most every five minutes, since anybody can name one; and when they are an hour old, so that a key which the
operator withdrew is not trusted any longer.
"""

import asyncio
import re
import threading
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from visavis.errors import InputInvalid

if TYPE_CHECKING:
    from visavis.client.clients import AsyncVisavis, Visavis

REFETCHED_S = 300.0
KEYS_AGE_MAX_S = 3_600.0
Keys = Mapping[str, bytes]
"""Ed25519 public keys of 32 bytes, by `kid`."""
_BASE64URL = re.compile("[A-Za-z0-9_-]+")


def decoded(text: str) -> bytes:
    """Base64url without padding, in the one form in which it is written. Raises ValueError."""
    if not _BASE64URL.fullmatch(text):
        raise ValueError("no base64url")
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if urlsafe_b64encode(data).rstrip(b"=").decode() != text:
        raise ValueError("base64url in another form")
    return data


def read_keys(jwks: Mapping[str, Any]) -> Keys:
    """The keys of a JSON Web Key Set (RFC 7517) that reports can be signed with; others are passed over.

    Raises InputInvalid where there is none.
    """
    given = jwks.get("keys")
    found = {}
    for each in given if isinstance(given, list) else []:
        match each:
            case {"kty": "OKP", "crv": "Ed25519", "kid": str(kid), "x": str(x)} if (
                each.get("use", "sig") == "sig" and each.get("alg", "EdDSA") == "EdDSA" and "d" not in each
            ):
                try:
                    key = decoded(x)
                except ValueError:
                    continue
                if len(key) == 32:
                    found[kid] = key
    if not found:
        raise InputInvalid("expected a JSON Web Key Set with an Ed25519 key for signatures")
    return found


class _Kept:
    """Keys, and when they came."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._keys: Keys = {}
        self._came_at = self._asked_at = float("-inf")

    def known(self, kid: str) -> bytes | None:
        return self._keys.get(kid) if self._clock() - self._came_at < KEYS_AGE_MAX_S else None

    def ask(self) -> bool:
        """Whether the service is to be asked now; whoever is told so asks."""
        now = self._clock()
        fresh = now - self._came_at < KEYS_AGE_MAX_S
        if fresh and now - self._asked_at < REFETCHED_S:
            return False
        self._asked_at = now
        return True

    def keep(self, jwks: Mapping[str, Any]) -> None:
        self._keys, self._came_at = read_keys(jwks), self._clock()


class KeySet:
    """The service's keys, asked for when they are needed. For any number of threads."""

    def __init__(self, client: "Visavis", *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._kept, self._lock = client, _Kept(clock), threading.Lock()

    def find(self, kid: str) -> bytes | None:
        """The key with this id, None where the service has none. Raises ServiceError, ServiceUnreachable or InputInvalid."""
        known = self._kept.known(kid)
        if known is not None:
            return known
        with self._lock:
            if self._kept.known(kid) is None and self._kept.ask():
                self._kept.keep(self._client.key_set())
            return self._kept.known(kid)


class AsyncKeySet:
    """The service's keys, asked for when they are needed. For one event loop."""

    def __init__(self, client: "AsyncVisavis", *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._kept, self._lock = client, _Kept(clock), asyncio.Lock()

    async def find(self, kid: str) -> bytes | None:
        """See `KeySet.find`."""
        known = self._kept.known(kid)
        if known is not None:
            return known
        async with self._lock:
            if self._kept.known(kid) is None and self._kept.ask():
                self._kept.keep(await self._client.key_set())
            return self._kept.known(kid)
