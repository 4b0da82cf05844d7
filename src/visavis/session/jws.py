"""Signed answers: JSON Web Signatures (RFC 7515) with Ed25519 (RFC 8037), in the compact form."""

import json
from collections.abc import Mapping
from typing import Any

from visavis.template import Signer, base64url, key_id

REPORT_TYPE = "visavis-report+jwt"


def sign_report(claims: Mapping[str, Any], signer: Signer) -> str:
    """The claims as a JWS; its type keeps it from being taken for a token of another kind (RFC 8725, 3.11)."""
    header = {"alg": "EdDSA", "kid": key_id(signer.public).hex(), "typ": REPORT_TYPE}
    signed = f"{_part(header)}.{_part(claims)}"
    return f"{signed}.{base64url(signer.sign(signed.encode()))}"


def _part(value: Mapping[str, Any]) -> str:
    return base64url(json.dumps(value, separators=(",", ":")).encode())
