"""BER-TLV (ISO/IEC 7816-4, 5.2.2; ITU-T X.690), in which every file of a chip is written.

Read is what chips write: tags of one to three bytes (also 5F0E, whose number would fit into one), lengths of one to five bytes,
not always the shortest. Refused are indefinite lengths, padding between elements, and whatever does not end where it says.
Nothing here recurses: one call reads one level, and whoever calls knows the level that follows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from visavis.errors import ChipMalformed

FILE_BYTES_MAX = 524_288
"""Of one file; more than the memory of any chip in use leaves for it. A portrait of 100,000 bytes is a large one."""
ELEMENTS_MAX = 1_000
"""Of one level."""
_TAG_BYTES_MAX = 3
_LENGTH_BYTES_MAX = 4


@dataclass(frozen=True, slots=True, repr=False)
class Tlv:
    """One element. tag: all bytes of it as a number, 0x7F61."""

    tag: int
    value: bytes

    def __repr__(self) -> str:
        return f"<Tlv {self.tag:02X}>"

    @property
    def constructed(self) -> bool:
        """Whether its tag says that its value is elements again."""
        return bool(self.tag.to_bytes(_TAG_BYTES_MAX, "big").lstrip(b"\0")[0] & 0x20)

    def elements(self) -> tuple["Tlv", ...]:
        """Those of its value, in order. Raises ChipMalformed, also where its tag says that there are none."""
        if not self.constructed:
            raise ChipMalformed(f"the element {self.tag:02X} holds no elements")
        return tuple(iterate(self.value))

    def fields(self) -> dict[int, bytes]:
        """The values of its elements by tag. Raises ChipMalformed, also where a tag comes twice."""
        elements = self.elements()
        found = {each.tag: each.value for each in elements}
        if len(found) != len(elements):
            raise ChipMalformed(f"a tag comes twice in the element {self.tag:02X}")
        return found


def read_tlv(data: bytes, *, tag: int | None = None) -> Tlv:
    """The one element that the bytes are, to their end; a whole file, or a part of one.

    tag: which it must have. Raises ChipMalformed.
    """
    if len(data) > FILE_BYTES_MAX:
        raise ChipMalformed(f"the file has {len(data):,} bytes; at most {FILE_BYTES_MAX:,} are read")
    found, end = _element(data, 0)
    if tag is not None and found.tag != tag:
        raise ChipMalformed(f"expected the element {tag:02X}, got {found.tag:02X}")
    if end != len(data):
        raise ChipMalformed(f"{len(data) - end:,} bytes follow the element {found.tag:02X}")
    return found


def iterate(data: bytes) -> Iterator[Tlv]:
    """The elements that stand one after another in a value. Raises ChipMalformed at the one that is none, or is too many."""
    at = count = 0
    while at < len(data):
        count += 1
        if count > ELEMENTS_MAX:
            raise ChipMalformed(f"an element has more than {ELEMENTS_MAX:,} elements")
        element, at = _element(data, at)
        yield element


def _element(data: bytes, at: int) -> tuple[Tlv, int]:
    """The element that starts at this byte, and where it ends."""
    start = at
    at += 1
    if data[start : start + 1] in (b"", b"\0"):
        raise ChipMalformed("an element is missing, or padding stands where one should")
    if data[start] & 0x1F == 0x1F:
        at += 1
        while data[at - 1 : at] >= b"\x80" and at - start < _TAG_BYTES_MAX:
            at += 1
        if at > len(data) or data[at - 1] >= 0x80 or data[start + 1] == 0x80:
            raise ChipMalformed("a tag does not end, or is longer than it may be")
    tag = int.from_bytes(data[start:at], "big")
    length_at, at = at, at + 1
    if at > len(data):
        raise ChipMalformed(f"the element {tag:02X} has no length")
    length = data[length_at]
    if length >= 0x80:
        size = length - 0x80
        if not 1 <= size <= _LENGTH_BYTES_MAX or at + size > len(data):
            raise ChipMalformed(f"the length of the element {tag:02X} is indefinite, cut off, or longer than it may be")
        length, at = int.from_bytes(data[at : at + size], "big"), at + size
    if length > len(data) - at:
        raise ChipMalformed(f"the element {tag:02X} is longer than what holds it")
    return Tlv(tag, data[at : at + length]), at + length
