"""Keys in files: the operator's, the issuer's, the verifier's, and those that sign the audit log and the reports."""

import os
import re
import secrets
import stat
from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from hmac import digest
from pathlib import Path
from typing import Literal, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from visavis.errors import KeyUnusable
from visavis.template.secret import Secret

KeyKind = Literal["operator", "verifier", "issuer", "audit", "report"]
KEY_KINDS: tuple[KeyKind, ...] = ("operator", "verifier", "issuer", "audit", "report")
SigningKind = Literal["issuer", "audit", "report"]
KEY_BYTES = 32
KEY_ID_BYTES = 8
_VERSION_MAX = 9999
_INSTEAD = "is its volume mounted? Restore the keys from their back-up"
_NAME = re.compile(r"(operator|verifier|issuer|audit|report)-(?!0000)([0-9]{4})\.key")


class Signer(Protocol):
    """An Ed25519 key that signs and is never handed out."""

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes (RFC 8032)."""
        ...


def key_id(key: bytes | memoryview) -> bytes:
    """8 bytes that name a public key or a verifier key without telling it."""
    return sha256(b"visavis key id v1" + key).digest()[:KEY_ID_BYTES]


def signed(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature is the key's of the message."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class FileSigner:
    """A `Signer` whose seed was read from a file."""

    def __init__(self, seed: Secret) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed.view)

    @cached_property
    def public(self) -> bytes:
        """See `Signer`."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """See `Signer`."""
        return self._key.sign(message)


class FileKeys:
    """Keys as files of 32 bytes, mode 0600, in a folder of mode 0700: `operator-0001.key` and so on.

    Each kind has versions; the highest is the current one, and the others stay for what was made with them. Files that others
    can read, that have another size or that are visibly no random bytes are refused.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: dict[tuple[KeyKind, int], Secret] = {}

    @classmethod
    def create(cls, folder: Path) -> "FileKeys":
        """Make the folder, and in it the first key of every kind that has none yet."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = cls(folder)
        for kind in KEY_KINDS:
            if not keys.versions(kind):
                keys.rotate(kind)
        return keys

    def rotate(self, kind: KeyKind) -> int:
        """Make the next version of a key, whole or not at all, and return its number."""
        version = max(self.versions(kind), default=0) + 1
        if version > _VERSION_MAX:
            raise KeyUnusable(f"there are {_VERSION_MAX} versions of the {kind} key already")
        target = self._path(kind, version)
        draft = target.with_name(f".{secrets.token_hex(8)}.draft")
        with Secret.random(KEY_BYTES) as key:
            try:
                descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                try:
                    with os.fdopen(descriptor, "wb") as file:
                        file.write(key.view)
                        file.flush()
                        os.fsync(file.fileno())
                    os.link(draft, target)  # fails where another process has just made that version
                finally:
                    draft.unlink()
                _sync(self._folder)
            except OSError as error:
                raise KeyUnusable(f"{target} cannot be written: {error.strerror or error}") from error
        return version

    def retire(self, kind: KeyKind, version: int) -> None:
        """Destroy an old version of a key. Raises KeyUnusable for the current one, or one that there is not."""
        if version not in self.versions(kind)[:-1]:
            raise KeyUnusable(f"there is no old version {version} of the {kind} key; the current one stays")
        path = self._path(kind, version)
        try:
            with path.open("r+b", buffering=0) as file:
                file.write(bytes(KEY_BYTES))
                os.fsync(file.fileno())
            path.unlink()
            _sync(self._folder)
        except OSError as error:
            raise KeyUnusable(f"{path} cannot be removed: {error.strerror or error}") from error
        known = self._keys.pop((kind, version), None)
        if known is not None:
            known.wipe()

    def versions(self, kind: KeyKind) -> tuple[int, ...]:
        """The versions there are, in order. Raises KeyUnusable when the folder cannot be read."""
        try:
            names = [path.name for path in self._folder.iterdir()]
            status = self._folder.stat()
        except OSError as error:
            raise KeyUnusable(f"{self._folder}: {error.strerror or error}; {_INSTEAD}") from error
        if open_to_others(status, stat.S_IWGRP | stat.S_IWOTH):
            raise KeyUnusable(f"other users can put keys into {self._folder}; allow its owner alone: chmod 700")
        found = (_NAME.fullmatch(name) for name in names)
        return tuple(sorted(int(match[2]) for match in found if match and match[1] == kind))

    @property
    def current(self) -> int:
        """See `OperatorKeys`."""
        return self.newest("operator")

    def newest(self, kind: KeyKind) -> int:
        """The current version of a key. Raises KeyUnusable when there is none."""
        versions = self.versions(kind)
        if not versions:
            raise KeyUnusable(f"there is no {kind} key in {self._folder}; {_INSTEAD}")
        return versions[-1]

    def mac(self, version: int, message: bytes) -> bytes:
        """See `OperatorKeys`."""
        return digest(self.key("operator", version).view, message, "sha256")

    def signer(self, kind: SigningKind) -> Signer:
        """The current signing key of a kind."""
        return FileSigner(self.key(kind, self.newest(kind)))

    def public_keys(self, kind: SigningKind) -> tuple[bytes, ...]:
        """The public keys of all versions, oldest first."""
        return tuple(FileSigner(self.key(kind, version)).public for version in self.versions(kind))

    def verifier_keys(self) -> Mapping[bytes, Secret]:
        """All verifier keys by their `key_id`, oldest first."""
        keys = (self.key("verifier", version) for version in self.versions("verifier"))
        return {key_id(key.view): key for key in keys}

    def key(self, kind: KeyKind, version: int) -> Secret:
        """The key's bytes, read once and checked. Raises KeyUnusable."""
        if (kind, version) not in self._keys:
            self._keys[kind, version] = read_key(self._path(kind, version))
        return self._keys[kind, version]

    def _path(self, kind: KeyKind, version: int) -> Path:
        return self._folder / f"{kind}-{version:04}.key"


def read_key(path: Path) -> Secret:
    """A key's 32 bytes from its file. Raises KeyUnusable when it is missing, weak, or open to others."""
    try:
        with path.open("rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            data = Secret(file.read(KEY_BYTES + 1) or b"")
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror or error}") from error
    if len(data) != KEY_BYTES or len(set(data.view)) < 8:
        raise KeyUnusable(f"{path} is no key: expected {KEY_BYTES} random bytes")
    if open_to_others(status):
        raise KeyUnusable(f"{path} is open to other users; allow its owner alone: chmod 600")
    if hasattr(os, "getuid") and status.st_uid not in (os.getuid(), 0):
        raise KeyUnusable(f"{path} belongs to another user; a key must be this user's own, or root's")
    return data


def open_to_others(status: os.stat_result, what: int = stat.S_IRWXG | stat.S_IRWXO) -> bool:
    """Whether other users have any of these rights, where the system knows such."""
    return hasattr(os, "getuid") and bool(status.st_mode & what)


def _sync(folder: Path) -> None:
    """Make sure that names in a folder outlast a loss of power, where folders can be opened."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
