"""The chip of a document, from its files to what they are worth. In this order:

(1) The files are told apart by their first bytes. EF.SOD, DG1 and DG2 must be there.
(2) Passive authentication: the state signed them, and nothing was changed since. What fails here is not looked at any further:
    the picture of a portrait that nobody signed is not decoded.
(3) Where the chip answered a challenge, the answer must be right: by the keys in DG15 or DG14, which (2) has verified.
(4) The machine-readable zone, the portrait and the details are read.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from visavis.document.chip.com import GROUP_TAGS, read_com
from visavis.document.chip.details import Details, read_details
from visavis.document.chip.faces import read_face
from visavis.document.chip.identity import read_identity
from visavis.document.chip.issuing import Issuing, read_issuing
from visavis.document.chip.passive import PassiveAuthentication, authenticate
from visavis.document.chip.portrait import decode_face
from visavis.document.chip.presence import (
    PresenceChallenge,
    PresenceMethod,
    presence_methods,
    verify_active,
    verify_chip,
)
from visavis.document.chip.tlv import FILE_BYTES_MAX
from visavis.document.chip.trust import Trust
from visavis.document.mrz import MachineReadableZone, Standing, read_zone, split_zone
from visavis.errors import ChipIncomplete, ChipMalformed

_COM, _SOD = 0x60, 0x77
_IDENTITY, _FACES, _DETAILS, _ISSUING, _CHIP_KEYS, _ACTIVE_KEY = 1, 2, 11, 12, 14, 15
T = TypeVar("T")


PRESENCE_FAILED = "presence_failed"
"""Why a chip is not authentic that answered wrongly."""


class ReadingNote(StrEnum):
    """What should be known of a chip whose files are signed."""

    PRESENCE_NOT_PROVEN = "presence_not_proven"
    """It did not answer: the files may be a copy."""
    COM_DIFFERS = "com_differs"
    """EF.COM, which nobody signs, lists other groups than EF.SOD, or is not as specified."""
    BIRTH_DATES_DIFFER = "birth_dates_differ"
    """DG1 and DG11 say different days."""
    DETAILS_UNREADABLE = "details_unreadable"
    """DG11 or DG12 is not as specified."""


@dataclass(frozen=True, slots=True, repr=False)
class Presence:
    """What a chip answered to a challenge, each with its status words. active: to `active_command`. chip: to `chip_commands`."""

    challenge: PresenceChallenge
    active: bytes | None = None
    chip: Sequence[bytes] = field(default=())


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Chip:
    """What a chip says, and what that is worth.

    passive: what was found of the state's signature. present: whether the chip itself answered. reasons: why it is not authentic;
    empty where it is. notes: what is to be known though it is. zone, portrait, details: None where it is not authentic; portrait:
    (H, W, 3) uint8, RGB, upright. details, issuing: also where the chip has none.
    """

    passive: PassiveAuthentication
    present: bool
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    zone: MachineReadableZone | None = None
    portrait: NDArray[np.uint8] | None = None
    details: Details | None = None
    issuing: Issuing | None = None

    def __repr__(self) -> str:
        return f"<Chip {'failed' if self.reasons else 'authentic'}>"


def is_chip_file(data: bytes) -> bool:
    """Whether it begins as a file of a chip does, with a tag and a length, and so no picture and no text."""
    return len(data) > 1 and data[0] in (_COM, _SOD, *GROUP_TAGS) and data[1] in (len(data) - 2, 0x81, 0x82, 0x83)


def is_unread_group(data: bytes) -> bool:
    """Whether it begins as a data group of which nothing is read: fingerprints (DG3), irises (DG4) and others."""
    read = (_IDENTITY, _FACES, _DETAILS, _ISSUING, _CHIP_KEYS, _ACTIVE_KEY)
    return data[:1] in {bytes([tag]) for number, tag in enumerate(GROUP_TAGS, 1) if number not in read}


def read_chip(files: Iterable[bytes], *, trust: Trust, now: datetime, presence: Presence | None = None) -> Chip:
    """Read a chip and authenticate it. files: as they were read, in any order.

    now: with a time zone. Raises ChipIncomplete without EF.SOD, DG1 and DG2; ChipMalformed or an ImageError for what breaks its
    format; ValueError for a time without a zone.
    """
    if now.tzinfo is None:
        raise ValueError("now needs a time zone: say datetime.now(UTC)")
    sod, com, groups = _sorted(files)  # (1)
    passive = authenticate(sod, groups, trust=trust, now=now)  # (2)
    notes = [note.value for note in passive.notes]
    if passive.reasons:
        return Chip(passive, present=False, reasons=tuple(each.value for each in passive.reasons), notes=tuple(notes))
    answered = None if presence is None else _answered(presence, groups)  # (3)
    if answered is False:
        return Chip(passive, present=False, reasons=(PRESENCE_FAILED,), notes=tuple(notes))
    details, issuing = _optional(read_details, groups.get(_DETAILS)), _optional(read_issuing, groups.get(_ISSUING))
    zone = read_zone(split_zone(read_identity(groups[_IDENTITY])), today=now.date(), exact=True)  # (4)
    zone, agree = _born(zone, None if details is None else details.birth_date)
    doubts = {
        ReadingNote.PRESENCE_NOT_PROVEN: answered is None,
        ReadingNote.COM_DIFFERS: com is not None
        and _optional(read_com, com) != frozenset(passive.groups_checked + passive.groups_not_read),
        ReadingNote.BIRTH_DATES_DIFFER: not agree,
        ReadingNote.DETAILS_UNREADABLE: (details is None and _DETAILS in groups)
        or (issuing is None and _ISSUING in groups),
    }
    return Chip(
        passive,
        present=answered is True,
        reasons=(),
        notes=(*notes, *(note.value for note, holds in doubts.items() if holds)),
        zone=zone,
        portrait=decode_face(read_face(groups[_FACES])).pixels,
        details=details,
        issuing=issuing,
    )


def _born(zone: MachineReadableZone, birth_date: date | None) -> tuple[MachineReadableZone, bool]:
    """The zone with the century of the birth date that DG11 says, and whether the two agree; where not, neither is relied on."""
    field = zone.birth_date
    if birth_date is None or not isinstance(field.value, date):
        return zone, True
    agree = f"{birth_date:%y%m%d}" == f"{field.value:%y%m%d}"
    known = replace(field, value=birth_date) if agree else replace(field, standing=Standing.FAILED)
    return replace(zone, birth_date=known), agree


def _optional(read: Callable[[bytes], T], data: bytes | None) -> T | None:
    """What a file says without which a document is whole; None where it is not there, or not as specified."""
    try:
        return None if data is None else read(data)
    except ChipMalformed:
        return None


def _sorted(files: Iterable[bytes]) -> tuple[bytes, bytes | None, dict[int, bytes]]:
    """EF.SOD, EF.COM where it is there, and the data groups by their numbers."""
    sod: bytes | None = None
    com: bytes | None = None
    groups: dict[int, bytes] = {}
    for data in files:
        if len(data) > FILE_BYTES_MAX:
            raise ChipMalformed(f"a file has {len(data):,} bytes; at most {FILE_BYTES_MAX:,} are read")
        tag = data[0] if is_chip_file(data) else 0
        if tag == _SOD and sod is None:
            sod = data
        elif tag in GROUP_TAGS and GROUP_TAGS.index(tag) + 1 not in groups:
            groups[GROUP_TAGS.index(tag) + 1] = data
        elif tag == _COM and com is None:
            com = data
        else:
            raise ChipMalformed("a file begins as none of a chip does, or was given twice")
    needed = {"EF.SOD": sod, "DG1": groups.get(_IDENTITY), "DG2": groups.get(_FACES)}
    missing = [name for name, data in needed.items() if data is None]
    if sod is None or missing:
        raise ChipIncomplete(f"a chip needs its files EF.SOD, DG1 and DG2; missing: {', '.join(missing)}")
    return sod, com, groups


def _answered(presence: Presence, groups: dict[int, bytes]) -> bool | None:
    """Whether the chip's answers are right; None where it gave none, or by a key that cannot be used. Of two, both must be."""
    dg14, dg15 = groups.get(_CHIP_KEYS), groups.get(_ACTIVE_KEY)
    usable, answers = presence_methods(dg14=dg14, dg15=dg15), []
    if presence.active is not None and (dg15 is None or PresenceMethod.ACTIVE in usable):
        answers.append(dg15 is not None and verify_active(dg15, dg14, presence.challenge, presence.active))
    if presence.chip and (dg14 is None or PresenceMethod.CHIP in usable):
        answers.append(dg14 is not None and verify_chip(dg14, presence.challenge, presence.chip))
    return all(answers) if answers else None
