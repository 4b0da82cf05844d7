"""The chip of a passport or identity card: from its files to what they say, and how far that can be relied on.

In: the files as an app has read them, the authorities that the operator trusts, the time, and what the chip answered to a
challenge. Out: a `Chip`.
"""

from visavis.document.chip.chip import (
    PRESENCE_FAILED,
    Chip,
    Presence,
    ReadingNote,
    is_chip_file,
    is_unread_group,
    read_chip,
)
from visavis.document.chip.details import Details
from visavis.document.chip.issuing import Issuing
from visavis.document.chip.passive import ChipNote, ChipReason, PassiveAuthentication
from visavis.document.chip.presence import PresenceChallenge
from visavis.document.chip.text import Name
from visavis.document.chip.tlv import FILE_BYTES_MAX
from visavis.document.chip.trust import Trust

__all__ = [
    "FILE_BYTES_MAX",
    "PRESENCE_FAILED",
    "Chip",
    "ChipNote",
    "ChipReason",
    "Details",
    "Issuing",
    "Name",
    "PassiveAuthentication",
    "Presence",
    "PresenceChallenge",
    "ReadingNote",
    "Trust",
    "is_chip_file",
    "is_unread_group",
    "read_chip",
]
