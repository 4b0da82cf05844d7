"""EF.COM: which files the chip says that it holds (ICAO Doc 9303-10, 4.6.1). Nobody signs it: EF.SOD says what counts."""

from visavis.document.chip.tlv import read_tlv
from visavis.errors import ChipMalformed

_FILE, _TAGS = 0x60, 0x5C
GROUP_TAGS = (
    0x61, 0x75, 0x63, 0x76, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F, 0x70,
)  # fmt: skip
"""With which each data group's file starts, DG1 to DG16."""


def read_com(data: bytes) -> frozenset[int]:
    """The numbers of the data groups. Raises ChipMalformed, also for a group that there is not, or that is listed twice."""
    tags = read_tlv(data, tag=_FILE).fields().get(_TAGS, b"")
    if not set(tags) <= set(GROUP_TAGS) or len(set(tags)) != len(tags):
        raise ChipMalformed("EF.COM lists a data group that there is not, or one twice")
    return frozenset(GROUP_TAGS.index(tag) + 1 for tag in tags)
