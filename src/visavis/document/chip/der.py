"""Distinguished encoding (ITU-T X.690, clause 10), in which Doc 9303 has certificates, revocation lists and signed messages.

asn1crypto reads what it is asked for, when it is asked, and much that is not in this encoding. So bytes are checked here first:
they are one element to their end, all elements within it end where they say, and nothing is deep or long enough to cost much.
"""

from asn1crypto.parser import emit

DEPTH_MAX = 24
"""Of elements in elements. A signer's certificate within EF.SOD is some 14 deep."""
_TAG_BYTES_MAX = 3
_OID_BYTES_MAX = 64
_INTEGER_BYTES_MAX = 2049
"""A modulus of 16,384 bits."""
_INTEGER, _OCTETS, _OID, _SEQUENCE, _SET = 0x02, 0x04, 0x06, 0x30, 0x31


class Malformed(ValueError):
    """Not what was expected, or not in the one encoding."""


def check(data: bytes, *, bytes_max: int) -> None:
    """Raises Malformed unless the data is one element, all lengths in it are definite and in the fewest bytes, and no string is
    in pieces."""
    if not 0 < len(data) <= bytes_max:
        raise Malformed(f"expected 1 to {bytes_max:,} bytes, got {len(data):,}")
    ends, at = [len(data)], 0
    while ends:
        if at == ends[-1]:
            ends.pop()
            continue
        if len(ends) == 1 and at:
            raise Malformed("something follows the element")
        kind, at, end = _header(data, at, ends[-1])
        if end is None:
            raise Malformed("a length is indefinite")
        if kind & 0x20:
            if kind < 0x40 and kind not in (_SEQUENCE, _SET):
                raise Malformed("a string is in pieces")
            if len(ends) > DEPTH_MAX:
                raise Malformed(f"elements are more than {DEPTH_MAX} deep")
            ends.append(end)
        else:
            longest = {_OID: _OID_BYTES_MAX, _INTEGER: _INTEGER_BYTES_MAX}.get(kind, end - at)
            if end - at > longest or kind in (0, _SEQUENCE & ~0x20, _SET & ~0x20):
                raise Malformed("a number is longer than any in use, or an element has no contents")
            at = end


def definite(data: bytes) -> bytes:
    """The same with definite lengths, and strings in one piece, where lengths were indefinite (X.690, 8.1.3.6): some master lists
    come so, although Doc 9303-12, 8, has them in distinguished encoding. Parts of definite length stay as they are.

    Raises Malformed.
    """
    return _definite(data, 0, 0)[0] if data[1:2] == b"\x80" else data


def _definite(data: bytes, start: int, depth: int) -> tuple[bytes, int]:
    """The element at this byte, and where it ends."""
    kind, at, end = _header(data, start, len(data))
    if end is not None:
        return data[start:end], end
    if depth > DEPTH_MAX or kind & 0x1F == 0x1F:
        raise Malformed(f"elements are more than {DEPTH_MAX} deep")
    parts = []
    while data[at : at + 2] != b"\0\0":
        part, at = _definite(data, at, depth + 1)
        parts.append(part)
    if kind == _OCTETS | 0x20:
        if any(part[0] != _OCTETS for part in parts):
            raise Malformed("the pieces of a string are something else")
        kind, parts = _OCTETS, [part[_header(part, 0, len(part))[1] :] for part in parts]
    return emit(kind >> 6, kind >> 5 & 1, kind & 0x1F, b"".join(parts)), at + 2


def _header(data: bytes, at: int, end: int) -> tuple[int, int, int | None]:
    """The first byte of a tag, and where its contents begin and end; None where their end has to be looked for."""
    start, kind = at, data[at] if at < end else 0
    at += 1
    if kind & 0x1F == 0x1F:
        while at < end and data[at] & 0x80 and at - start < _TAG_BYTES_MAX:
            at += 1
        if at < end and data[at] & 0x80:
            raise Malformed("a tag is longer than any in use")
        at += 1
    if at >= end:
        raise Malformed("an element is cut off")
    length, at = data[at], at + 1
    if length == 0x80 and kind & 0x20:
        return kind, at, None
    if length >= 0x80:
        size, number = length - 0x80, data[at : at + length - 0x80]
        length, at = int.from_bytes(number, "big"), at + size
        if not 1 <= size <= 4 or number[:1] == b"\0" or length < 0x80:
            raise Malformed("a length is not in the fewest bytes")
    if length > end - at:
        raise Malformed("an element is longer than what holds it")
    return kind, at, at + length
