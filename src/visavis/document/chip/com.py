"""EF.COM: which files the chip says that it holds (ICAO Doc 9303-10, 4.6.1). Nobody signs it: EF.SOD says what counts."""

import re
from dataclasses import dataclass

from visavis.document.chip.tlv import read_tlv
from visavis.errors import ChipMalformed

_FILE, _LDS_VERSION, _UNICODE_VERSION, _TAGS = 0x60, 0x5F01, 0x5F36, 0x5C
GROUP_TAGS = (
    0x61, 0x75, 0x63, 0x76, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F, 0x70,
)  # fmt: skip
"""With which each data group's file starts, DG1 to DG16."""


@dataclass(frozen=True, slots=True)
class Com:
    """lds_version: '1.7'. unicode_version: '4.0.0'. groups: numbers of the data groups, in the file's order."""

    lds_version: str
    unicode_version: str
    groups: tuple[int, ...]


def read_com(data: bytes) -> Com:
    """Raises ChipMalformed, also for a group that there is not, or that is listed twice."""
    fields = read_tlv(data, tag=_FILE).fields()
    tags = fields.get(_TAGS, b"")
    if not set(tags) <= set(GROUP_TAGS) or len(set(tags)) != len(tags):
        raise ChipMalformed("EF.COM lists a data group that there is not, or one twice")
    return Com(
        _version(fields.get(_LDS_VERSION, b""), 2),
        _version(fields.get(_UNICODE_VERSION, b""), 3),
        tuple(GROUP_TAGS.index(tag) + 1 for tag in tags),
    )


def _version(value: bytes, parts: int) -> str:
    if not re.fullmatch(rb"([0-9]{2}){%d}" % parts, value):
        raise ChipMalformed("EF.COM does not say its versions in digits")
    return ".".join(str(int(value[at : at + 2])) for at in range(0, len(value), 2))
