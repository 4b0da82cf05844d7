"""EF.DG1: the machine-readable zone as the chip holds it (ICAO Doc 9303-10, 4.7.1)."""

import re

from visavis.document.chip.tlv import read_tlv
from visavis.errors import ChipMalformed

_FILE, _ZONE = 0x61, 0x5F1F
_FORM = re.compile(rb"(?:[0-9A-Z<]{72}|[0-9A-Z<]{88}|[0-9A-Z<]{90})")


def read_identity(data: bytes) -> str:
    """The zone's lines as one text of 72 (TD2), 88 (TD3) or 90 (TD1) characters of its alphabet; check digits are not looked at.

    Raises ChipMalformed.
    """
    zone = read_tlv(data, tag=_FILE).fields().get(_ZONE, b"")
    if not _FORM.fullmatch(zone):
        raise ChipMalformed("DG1 holds no machine-readable zone of 72, 88 or 90 characters")
    return zone.decode("ascii")
