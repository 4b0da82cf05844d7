"""Texts, names, dates and fields by tags, as DG11 and DG12 write them (ICAO Doc 9303-10, 4.7.11 and 4.7.12)."""

import re
from dataclasses import dataclass
from datetime import date

from visavis.document.chip.tlv import iterate, read_tlv
from visavis.errors import ChipMalformed

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_DATE = re.compile(rb"[0-9<]{8}")
_BCD_BYTES = 4
_TAGS, _LIST, _COUNT = 0x5C, 0xA0, 0x02


@dataclass(frozen=True, slots=True, repr=False)
class Name:
    """A person's. given_names: empty where the chip does not part them from the surname."""

    surname: str
    given_names: str


def read_text(value: bytes) -> str:
    """UTF-8, without the space round it. Raises ChipMalformed, also for control characters but tabs and line ends."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise ChipMalformed("a text is not in UTF-8") from None
    if _CONTROL.search(text):
        raise ChipMalformed("a text holds control characters")
    return text.strip()


def read_lines(value: bytes) -> tuple[str, ...]:
    """The parts of a text that '<' separates, without the empty ones. Raises ChipMalformed."""
    return tuple(part for part in map(str.strip, read_text(value).split("<")) if part)


def read_name(value: bytes) -> Name:
    """As in the machine-readable zone, in national characters: '<<' parts surname and given names. Raises ChipMalformed."""
    surname, _, given_names = read_text(value).partition("<<")
    return Name(*(" ".join(part.replace("<", " ").split()) for part in (surname, given_names)))


def read_date(value: bytes) -> date | None:
    """A day as eight digits, or as four bytes of two digits each, which chips also write.

    None where part of it is unknown, or it is no day of the calendar. Raises ChipMalformed for anything but digits and '<'.
    """
    digits = value.hex().encode() if len(value) == _BCD_BYTES else value
    if not _DATE.fullmatch(digits):
        raise ChipMalformed("a date has not the form of one")
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def read_tagged(data: bytes, *, tag: int, repeated: int) -> tuple[dict[int, bytes], tuple[bytes, ...]]:
    """The file `tag` (DG11, DG12): its fields by their tags, and the values under the one tag that may come more than once.

    Those stand in a list of their own, which says first how many there are; some chips leave it out, and that is taken too. The
    file's list of its tags must be there, and is not compared: chips' lists are not always right. Raises ChipMalformed.
    """
    elements = read_tlv(data, tag=tag).elements()
    fields = {each.tag: each.value for each in elements if each.tag != repeated}
    bare = tuple(each.value for each in elements if each.tag == repeated)
    if len(fields) + len(bare) != len(elements) or _TAGS not in fields:
        raise ChipMalformed(f"a tag comes twice in the file {tag:02X}, or its list of tags is missing")
    return fields, (*_listed(fields.get(_LIST), repeated), *bare)


def _listed(data: bytes | None, tag: int) -> tuple[bytes, ...]:
    if data is None:
        return ()
    elements = tuple(iterate(data))
    tags, values = [each.tag for each in elements], [each.value for each in elements]
    if tags != [_COUNT, *(tag for _ in values[1:])] or int.from_bytes(values[0], "big") != len(values) - 1:
        raise ChipMalformed(f"a list of {tag:02X} has not as many elements as it says, or others")
    return tuple(values[1:])
