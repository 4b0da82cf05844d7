"""What a client sends while it captures: pictures in order, each bound to all before it.

A message is a kind (one byte), a counter (four bytes, from 1 on), a MAC and the picture. The MAC is an HMAC-SHA256 over the MAC
before it, kind, counter and picture, under a key that client and service derive from the session's secret and the capture's
nonce. It shows order and integrity: that no frame was left out, put in or taken from another capture on the way. Who holds the
secret can send whatever they like.
"""

import hmac
from enum import IntEnum
from struct import Struct

from visavis.document import FILE_BYTES_MAX
from visavis.errors import RequestTooLarge, StreamBroken
from visavis.session import FRAME_BYTES_MAX

PHOTO_BYTES_MAX = 2 * 1024 * 1024
_HEAD, _MAC_BYTES = Struct(">BI"), 32
MESSAGE_BYTES_MAX = _HEAD.size + _MAC_BYTES + PHOTO_BYTES_MAX


class Kind(IntEnum):
    """What a picture is of; or a file of a chip."""

    FRAME = 0
    CLAIM = 1
    CREDENTIAL = 2
    HOLDER = 3
    REFERENCE = 4
    PAGE = 5
    CHIP = 6


_BYTES_MAX = {Kind.FRAME: FRAME_BYTES_MAX, Kind.CHIP: FILE_BYTES_MAX}


class Stream:
    """Checks one client's messages. secret: the session's. nonce: 16 bytes of this capture alone."""

    def __init__(self, secret: str, nonce: bytes) -> None:
        self._key = hmac.digest(secret.encode(), nonce, "sha256")
        self._last, self._count = nonce, 0

    def take(self, message: bytes) -> tuple[Kind, int, bytes]:
        """Kind, counter and picture of the next message. Raises StreamBroken or RequestTooLarge."""
        start = _HEAD.size + _MAC_BYTES
        if len(message) <= start:
            raise StreamBroken(f"a message has a head of {start} bytes and a picture, not {len(message)} bytes in all")
        kind, counter = _HEAD.unpack_from(message)
        mac, picture = message[_HEAD.size : start], message[start:]
        expected = hmac.digest(self._key, self._last + message[: _HEAD.size] + picture, "sha256")
        if counter != self._count + 1 or not hmac.compare_digest(mac, expected):
            raise StreamBroken(
                "this message does not follow the one before; a capture cannot be put together from others"
            )
        if kind not in set(Kind):
            raise StreamBroken(f"there is no picture of kind {kind}")
        most = _BYTES_MAX.get(Kind(kind), PHOTO_BYTES_MAX)
        if len(picture) > most:
            raise RequestTooLarge(f"a picture of this kind has {most:,} bytes at most")
        self._last, self._count = expected, counter
        return Kind(kind), counter, picture
