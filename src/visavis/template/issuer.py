"""An issuer of face credentials, as verifiers know it."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from visavis.errors import CredentialMalformed
from visavis.template.keys import key_id

_NAME_MAX = 255


@dataclass(frozen=True, slots=True)
class Issuer:
    """name: as its credentials give it. status_list: the address under which it publishes its list, '' for none. keys: its
    public keys, 32 bytes each. It comes to verifiers as a file of JSON, in which the keys are JWKs (RFC 8037)."""

    name: str
    status_list: str
    keys: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= _NAME_MAX or any("\ud800" <= c <= "\udfff" for c in self.name + self.status_list):
            raise CredentialMalformed(f"an issuer's name has 1 to {_NAME_MAX} characters")

    def to_json(self) -> str:
        """The file."""
        keys = [jwk(key) for key in self.keys]
        return json.dumps({"issuer": self.name, "status_list": self.status_list, "keys": keys}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Issuer":
        """The inverse of `to_json`. Raises CredentialMalformed."""
        try:
            match json.loads(text):
                case {"issuer": str(name), "status_list": str(address), "keys": [*keys]} if keys:
                    issuer = cls(name, address, tuple(_public(key) for key in keys))
                    if issuer.to_json() == text:
                        return issuer
        except (ValueError, RecursionError, CredentialMalformed):
            pass
        raise CredentialMalformed("expected an issuer's public file, as `visavis credential issuer` writes it")


def jwk(key: bytes) -> dict[str, str]:
    """An Ed25519 public key of 32 bytes as a JWK (RFC 8037)."""
    return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": key_id(key).hex(), "x": base64url(key)}


def _public(key: object) -> bytes:
    match key:
        case {"kty": "OKP", "crv": "Ed25519", "x": str(x)}:
            data = urlsafe_b64decode(x + "=" * (-len(x) % 4))
            if len(data) == 32 and base64url(data) == x:
                return data
    raise ValueError("no Ed25519 key")


def base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515, 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()
