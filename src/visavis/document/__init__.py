"""Identity documents: a photo of the page, or the files of the chip, become a document (ICAO Doc 9303).

A page is read as it is printed, and nothing shows that it is genuine. What a chip holds is signed by the state: with the
certificates that the operator trusts it is known whether it was changed, and with an answer of the chip itself whether it is no
copy. Which of them it was is part of the value.
"""

from visavis.document.chip import (
    FILE_BYTES_MAX,
    Chip,
    Presence,
    PresenceChallenge,
    Trust,
    is_chip_file,
    is_unread_group,
    read_chip,
)
from visavis.document.fields import FIELDS, FieldStanding, Said, check_fields, fields_of
from visavis.document.page import PageReader
from visavis.document.value import Authenticity, Document, Source

__all__ = [
    "FIELDS",
    "FILE_BYTES_MAX",
    "Authenticity",
    "Chip",
    "Document",
    "FieldStanding",
    "PageReader",
    "Presence",
    "PresenceChallenge",
    "Said",
    "Source",
    "Trust",
    "check_fields",
    "fields_of",
    "is_chip_file",
    "is_unread_group",
    "read_chip",
]
