"""Who may ask the service for what: API keys, which are shown once and kept as hashes.

A key belongs to an application of the operator's, which sees its own verification sessions and no other's. Its text is
`vsk_`, an id and 32 random bytes: enough that their plain SHA-256 tells nothing.
"""

import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256

from visavis.errors import ApiKeyRefused, InputInvalid
from visavis.session.audit import Event
from visavis.session.inquiry import ApiKey, Scope
from visavis.session.ports import Vault

API_KEY_PREFIX = "vsk_"
_TEXT = re.compile("vsk_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_NAME = re.compile("[a-z0-9][a-z0-9_.-]{0,63}")
USED_EVERY = timedelta(minutes=1)
"""The time of a key's last use is noted no more often, so that a request need not write."""


def make_api_key(vault: Vault, *, application: str, scopes: Iterable[Scope]) -> tuple[ApiKey, str]:
    """Make a key, and its text, which is handed out once. Raises InputInvalid."""
    if not _NAME.fullmatch(application):
        raise InputInvalid("an application's name has 1 to 64 lower-case letters, digits, `_`, `.` and `-`")
    identifier, now = secrets.token_hex(8), vault.clock()
    text = f"{API_KEY_PREFIX}{identifier}_{secrets.token_urlsafe(32)}"
    key = ApiKey(f"key_{identifier}", application, frozenset(scopes), _hash(text), now)
    if not key.scopes:
        raise InputInvalid("a key without scopes could do nothing")
    with vault.store.writing() as tx:
        tx.api_keys.add(key)
        told = {"key": key.id, "application": application, "scopes": " ".join(sorted(key.scopes))}
        tx.audit.append(Event.API_KEY_MADE, told, at=now)
    return key, text


def authenticate(vault: Vault, text: str) -> ApiKey:
    """The key with this text. Raises ApiKeyRefused, after the same work whether there is none, it is another, or revoked."""
    match = _TEXT.fullmatch(text)
    now = vault.clock()
    with vault.store.reading() as tx:
        key_id = "key_" + match[1] if match else ""
        same = hmac.compare_digest(_hash(text), tx.api_keys.hash_of(key_id))
        key = tx.api_keys.get(key_id) if same else None
    if key is None or key.revoked_at is not None:
        raise ApiKeyRefused("there is no such API key, or it was revoked; make one with `visavis api-key create`")
    if key.last_used_at is None or now - key.last_used_at >= USED_EVERY:
        with vault.store.writing() as tx:
            tx.api_keys.used(key.id, now)
    return key


def revoke_api_key(vault: Vault, key_id: str) -> ApiKey:
    """Revoke a key, at once and for good. Raises InputInvalid when there is none."""
    now = vault.clock()
    with vault.store.writing() as tx:
        key = tx.api_keys.get(key_id)
        if key is None:
            raise InputInvalid("there is no API key with this id; `visavis api-key list` lists them")
        if key.revoked_at is None:
            tx.api_keys.revoke(key.id, now)
            tx.audit.append(Event.API_KEY_REVOKED, {"key": key.id, "application": key.application}, at=now)
    return key


def _hash(text: str) -> bytes:
    return sha256(b"visavis api key v1" + text.encode()).digest()
