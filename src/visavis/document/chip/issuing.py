"""EF.DG12: further details of the document (ICAO Doc 9303-10, 4.7.12), which many chips lack.

Read is who issued it, and when; remarks, persons included, taxes, pictures of its pages and whatever tells of the machine that
wrote it are left where they are.
"""

from dataclasses import dataclass
from datetime import date

from visavis.document.chip.text import read_date, read_tagged, read_text

_FILE, _AUTHORITY, _ISSUED, _OTHER_PERSON = 0x6C, 0x5F19, 0x5F26, 0x5F1A


@dataclass(frozen=True, slots=True, repr=False)
class Issuing:
    """None for what the chip does not say. issue_date: None also where part of it is unknown."""

    authority: str | None
    issue_date: date | None


def read_issuing(data: bytes) -> Issuing:
    """Raises ChipMalformed."""
    fields, _ = read_tagged(data, tag=_FILE, repeated=_OTHER_PERSON)
    return Issuing(
        read_text(fields[_AUTHORITY]) if _AUTHORITY in fields else None,
        read_date(fields[_ISSUED]) if _ISSUED in fields else None,
    )
