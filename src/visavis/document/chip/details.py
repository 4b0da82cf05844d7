"""EF.DG11: further details of the holder (ICAO Doc 9303-10, 4.7.11), which many chips lack.

Read is what says who the holder is; profession, title, summary, custody, telephone and pictures are left where they are.
"""

from dataclasses import dataclass
from datetime import date

from visavis.document.chip.text import Name, read_date, read_lines, read_name, read_tagged, read_text

_FILE = 0x6B
_NAME, _OTHER_NAME, _PERSONAL_NUMBER, _BIRTH_DATE, _BIRTH_PLACE, _ADDRESS = (
    0x5F0E, 0x5F0F, 0x5F10, 0x5F2B, 0x5F11, 0x5F42,
)  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class Details:
    """What the chip adds to the machine-readable zone; None and () for what it does not say.

    name: in full and in national characters, not as cut for the zone. birth_date: None also where part of it is unknown.
    birth_place, address: their lines.
    """

    name: Name | None
    other_names: tuple[Name, ...]
    personal_number: str | None
    birth_date: date | None
    birth_place: tuple[str, ...]
    address: tuple[str, ...]


def read_details(data: bytes) -> Details:
    """Raises ChipMalformed."""
    fields, others = read_tagged(data, tag=_FILE, repeated=_OTHER_NAME)
    return Details(
        read_name(fields[_NAME]) if _NAME in fields else None,
        tuple(map(read_name, others)),
        read_text(fields[_PERSONAL_NUMBER]) if _PERSONAL_NUMBER in fields else None,
        read_date(fields[_BIRTH_DATE]) if _BIRTH_DATE in fields else None,
        read_lines(fields.get(_BIRTH_PLACE, b"")),
        read_lines(fields.get(_ADDRESS, b"")),
    )
