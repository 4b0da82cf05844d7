"""What a subject carries, as text: an id, a secret and its type, in one small QR code."""

from visavis.template import base45
from visavis.template.secret import Secret

ID_BYTES = 16
SECRET_BYTES = 32
TEXT_LENGTH = 78
"""Four characters that say what it is, and 49 bytes in Base45."""


def write(prefix: str, identifier: bytes, secret: Secret, kind: int) -> str:
    """The text."""
    return base45.encode(prefix, identifier + bytes(secret.view) + bytes([kind]))


def read(prefix: str, text: str) -> tuple[bytes, Secret, int]:
    """The inverse of `write`: 16 bytes of id, 32 secret ones, the type. Raises ValueError for anything that it never writes."""
    if len(text) != TEXT_LENGTH:
        raise ValueError(f"expected {TEXT_LENGTH} characters")
    data = base45.decode(prefix, text)
    return data[:ID_BYTES], Secret(data[ID_BYTES:-1]), data[-1]
