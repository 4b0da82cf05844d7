"""Requests that may be repeated, and are carried out once: answers kept under a key that only who asked has.

(1) Before a request is carried out, it is kept that it has begun, under a hash of its secret and its idempotency key.
(2) Its answer is encrypted and kept for a day; a repetition is given the same. An answer may hold what is handed out once, so the
    encryption's key comes from the asker's secret and idempotency key, neither of which is kept.
(3) A request that failed is forgotten, and may be made again.

A process that is killed between (1) and (2) leaves a request of which nobody knows what came of it; it is not carried out again.
"""

import re
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from hmac import digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from visavis.errors import IdempotencyMismatch, IdempotencyUnfinished, InputInvalid, StoreUnusable
from visavis.session.inquiry import Answer
from visavis.session.ports import Vault

ANSWERS_KEPT = timedelta(days=1)
_IN_WORK = timedelta(seconds=60)
_KEY_MAX = 255
_KEY = re.compile(f"[!-~]{{1,{_KEY_MAX}}}")
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that may be repeated. secret: of who asks. key: the idempotency key, 1 to 255 visible ASCII characters. asked:
    the hash of what is asked. Raises InputInvalid."""

    secret: str = field(repr=False)
    key: str = field(repr=False)
    asked: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            raise InputInvalid(f"an idempotency key has 1 to {_KEY_MAX} visible ASCII characters")

    @property
    def id(self) -> bytes:
        """Under which its answer is kept."""
        return sha256(f"visavis idempotency v1\0{self.secret}\0{self.key}".encode()).digest()

    @property
    def request(self) -> bytes:
        """By which the same request is known again; what was asked cannot be guessed from it without the secret."""
        return digest(self.secret.encode(), b"visavis idempotent request v1" + self.asked, "sha256")

    def cipher(self) -> AESGCM:
        """What the answer is encrypted with."""
        derived = HKDF(SHA256(), 32, salt=self.key.encode(), info=b"visavis idempotent answer v1")
        return AESGCM(derived.derive(self.secret.encode()))


def begin_request(vault: Vault, asked: Asked) -> bytes | None:
    """Step (1). The answer where the request was answered already, None where it is to be carried out.

    Raises IdempotencyMismatch where the key was used for another request, IdempotencyUnfinished where one is in work or nobody
    knows what came of it.
    """
    now = vault.clock()
    with vault.store.writing() as tx:
        kept = tx.answers.begin(Answer(asked.id, asked.request, now))
    if kept is None:
        return None
    if kept.request != asked.request:
        raise IdempotencyMismatch("this idempotency key was used for another request; take a new one for each")
    if kept.sealed is not None:
        try:
            return asked.cipher().decrypt(kept.sealed[:_NONCE_BYTES], kept.sealed[_NONCE_BYTES:], asked.id)
        except InvalidTag:
            raise StoreUnusable("an answer that was kept for a repeated request was changed") from None
    waited = now - kept.begun_at
    if waited >= _IN_WORK:
        raise IdempotencyUnfinished(
            "the service was interrupted while it carried this request out; look whether it did, then ask with a new key"
        )
    error = IdempotencyUnfinished("the same request is being carried out; ask again for its answer")
    error.retry_after_s = 1.0
    raise error


def finish_request(vault: Vault, asked: Asked, answer: bytes) -> None:
    """Step (2)."""
    nonce, now = secrets.token_bytes(_NONCE_BYTES), vault.clock()
    sealed = nonce + asked.cipher().encrypt(nonce, answer, asked.id)
    with vault.store.writing() as tx:
        tx.answers.finish(Answer(asked.id, asked.request, now, sealed))


def abandon_request(vault: Vault, asked: Asked) -> None:
    """Step (3)."""
    with vault.store.writing() as tx:
        tx.answers.drop(asked.id)
