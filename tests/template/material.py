"""What the tests of templates share: people made of random numbers, keys, records, and an office that issues credentials."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cbor2
import numpy as np

from visavis.embedding import Embedding
from visavis.errors import KeyUnusable
from visavis.template import (
    Claim,
    ClaimType,
    FaceCredential,
    FileKeys,
    HolderSecret,
    Issuer,
    SealedTemplate,
    Secret,
    Signer,
    StatusList,
    Template,
    key_id,
)

MODEL, OTHER_MODEL = "ab" * 32, "cd" * 32
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
YEAR = timedelta(days=365)
SALT = bytes(range(1, 17))
"""What a passkey's pseudo-random function is given."""


def embedding(seed: int, *, dimension: int = 128, model: str = MODEL, spread: float = 0.0, frame: int = 0) -> Embedding:
    """A person's embedding, and with a spread one that differs a little from frame to frame."""
    vector = np.random.default_rng(seed).normal(size=dimension)
    vector += spread * np.random.default_rng((seed, frame + 1)).normal(size=dimension)
    return Embedding((vector / np.linalg.norm(vector)).astype(np.float32), model)


def template(seed: int = 0, *, dimension: int = 128, spread: float = 0.0, frame: int = 0) -> Template:
    return Template.of([embedding(seed, dimension=dimension, spread=spread, frame=frame)])


def random_bytes(seed: int, length: int) -> bytes:
    return np.random.default_rng((seed, length)).bytes(length)


def claim(seed: int, kind: ClaimType = ClaimType.RANDOM) -> Claim:
    return Claim(random_bytes(seed, 16), Secret(random_bytes(seed, 32)), kind)


def flips(data: bytes) -> list[tuple[int, bytes]]:
    """The data with each of its bits flipped, and the byte that it stands in."""
    found = []
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        found.append((bit // 8, bytes(flipped)))
    return found


class HeldKeys:
    """An `OperatorKeys` that holds its keys, by version; the highest is the current one."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        self.keys = dict(keys)
        self.asked: list[int] = []

    @property
    def current(self) -> int:
        return max(self.keys)

    def mac(self, version: int, message: bytes) -> bytes:
        self.asked.append(version)
        if version not in self.keys:
            raise KeyUnusable(f"there is no operator key {version}")
        return hmac.new(self.keys[version], message, "sha256").digest()


@dataclass
class Record:
    """One sealed template and all that opens it."""

    seed: int = 0
    kind: ClaimType = ClaimType.RANDOM
    keys: HeldKeys = field(default_factory=lambda: HeldKeys({1: random_bytes(1000, 32)}))
    template: Template = field(init=False)
    claim: Claim = field(init=False)
    shred: Secret = field(init=False)
    salt: bytes = field(init=False)
    sealed: SealedTemplate = field(init=False)

    def __post_init__(self) -> None:
        self.template = template(self.seed)
        self.claim = claim(2 * self.seed, self.kind)
        self.shred = Secret(random_bytes(2 * self.seed + 1, 32))
        self.salt = random_bytes(2 * self.seed + 1, 16) if self.kind is ClaimType.PASSKEY else bytes(16)
        self.sealed = self.seal()

    def seal(self) -> SealedTemplate:
        return SealedTemplate.seal(
            self.template, claim=self.claim, keys=self.keys, shred=self.shred, claim_salt=self.salt
        )

    def open(self, data: bytes | None = None) -> Template:
        sealed = self.sealed if data is None else SealedTemplate.parse(data)
        return sealed.open(claim=self.claim, keys=self.keys, shred=self.shred)


class Office:
    """An issuer of credentials, and verifiers that hold its verifier key."""

    def __init__(self, folder: Path, name: str = "Example Office", address: str = "https://example.org/status") -> None:
        self.keys = FileKeys.create(folder)
        self.signer: Signer = self.keys.signer("issuer")
        self.issuer = Issuer(name, address, self.keys.public_keys("issuer"))
        self.verifier_keys = self.keys.verifier_keys()
        self.verifier_key = self.verifier_keys[max(self.verifier_keys)]

    def issue(
        self,
        *,
        template: Template | None = None,
        index: int = 5,
        purposes: Sequence[str] = ("visavis",),
        issued_at: datetime = NOW,
        expires_at: datetime = NOW + YEAR,
        holder: HolderSecret | None = None,
        cti: bytes = bytes(range(16)),
        name: str | None = None,
    ) -> FaceCredential:
        return FaceCredential.issue(
            PERSON if template is None else template,
            issuer=self.issuer.name if name is None else name,
            signer=self.signer,
            verifier_key=self.verifier_key,
            index=index,
            purposes=purposes,
            issued_at=issued_at,
            expires_at=expires_at,
            holder=holder,
            cti=cti,
        )

    def status_list(self, *revoked: int, now: datetime = NOW) -> bytes:
        return StatusList.make(self.issuer, revoked, signer=self.signer, now=now)

    def sign(self, payload: bytes, **changes: Any) -> bytes:
        return sign(payload, self.signer, **changes)


PERSON = template()


def cbor(value: Any) -> bytes:
    return bytes(cbor2.dumps(value, canonical=True))


def sign(
    payload: bytes,
    signer: Signer,
    *,
    protected: bytes | None = None,
    unprotected: Mapping[Any, Any] | None = None,
    signature: bytes | None = None,
) -> bytes:
    """A COSE_Sign1 of anything, with a signature that fits unless another is given."""
    header = cbor({1: -8, 4: key_id(signer.public)}) if protected is None else protected
    fits = signer.sign(cbor(["Signature1", header, b"", payload]))
    return b"\xd2" + cbor([header, unprotected or {}, payload, fits if signature is None else signature])


def payload_of(message: bytes) -> bytes:
    """The payload of a COSE_Sign1."""
    return bytes(cbor2.loads(message).value[2])


def claims_of(message: bytes) -> dict[int, Any]:
    return dict(cbor2.loads(payload_of(message)))
