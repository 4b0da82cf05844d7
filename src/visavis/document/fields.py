"""What an application may ask of a document, field by field, and what a document answers.

`over_18`, with any age from 1 to 120, is answered by yes or no without the birth date.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from visavis.document.chip import Name
from visavis.document.mrz import Field, Standing
from visavis.document.value import Authenticity, Document
from visavis.errors import InputInvalid

PRINTED = (
    "document_code",
    "issuer",
    "document_number",
    "nationality",
    "birth_date",
    "sex",
    "expiry_date",
    "surname",
    "given_names",
    "optional_data",
    "optional_data_2",
)
"""Those of the machine-readable zone."""
DETAILS = ("full_name", "other_names", "personal_number", "birth_place", "address", "issuing_authority", "issue_date")
"""Those that a chip may hold besides (DG11, DG12), in the holder's own script. Names are written given names first."""
FIELDS = frozenset({*PRINTED, *DETAILS})
_ISSUING = ("issuing_authority", "issue_date")
_CALLED = {"full_name": "name", "issuing_authority": "authority"}
_OVER = re.compile(r"over_([1-9][0-9]?|1[01][0-9]|120)")


class FieldStanding(StrEnum):
    """How far a field can be relied on."""

    SIGNED = "signed"
    """By the state, and the signature is good."""
    CHECKED = "checked"
    """By a check digit: it was read as it is printed. Nothing shows that the page is genuine."""
    UNCHECKED = "unchecked"
    FAILED = "failed"
    """Its check digit, or the chip's signature, says that it is wrong."""


@dataclass(frozen=True, slots=True, repr=False)
class Said:
    """What a document says. value: None where it says nothing, or nothing that could be read."""

    value: str | bool | tuple[str, ...] | None
    standing: FieldStanding

    def __repr__(self) -> str:
        return f"<Said {self.standing.value}>"


def check_fields(names: Iterable[str]) -> None:
    """Raises InputInvalid for a name that no document answers to."""
    for name in names:
        if name not in FIELDS and not _OVER.fullmatch(name):
            raise InputInvalid(
                f"no document has a field {name!r}; ask for {', '.join(sorted(FIELDS))}, or `over_18` with any age to 120"
            )


def fields_of(document: Document, names: Iterable[str], *, today: date) -> dict[str, Said]:
    """What the document says of these fields, and of no other. Raises InputInvalid for a name of none."""
    names = tuple(names)
    check_fields(names)
    return {name: _said(document, name, today) for name in names}


def _said(document: Document, name: str, today: date) -> Said:
    if over := _OVER.fullmatch(name):
        birth = _said(document, "birth_date", today)
        whole = birth.standing in (FieldStanding.SIGNED, FieldStanding.CHECKED) and birth.value is not None
        value = _age(date.fromisoformat(str(birth.value)), today) >= int(over[1]) if whole else None
        return Said(value, birth.standing)
    if name in DETAILS:
        return _detail(document, name)
    field: Field | None = None if document.zone is None else getattr(document.zone, name)
    if field is None:
        return Said(None, FieldStanding.UNCHECKED)
    chip = document.chip is not None
    return Said(
        _plain(field.value), _of_chip(document, field.standing) if chip else FieldStanding(field.standing.value)
    )


def _detail(document: Document, name: str) -> Said:
    """Of a group that was not read nothing is known, and so nothing is signed: it may have been left out."""
    group = document.chip and (document.chip.issuing if name in _ISSUING else document.chip.details)
    standing = _of_chip(document)
    if group is None:
        return Said(None, FieldStanding.UNCHECKED if standing is FieldStanding.SIGNED else standing)
    return Said(_plain(getattr(group, _CALLED.get(name, name))), standing)


def _plain(value: Any) -> Any:
    """A text, a date, a name, or several of them, as they are written; None where there are none."""
    match value:
        case tuple():
            return tuple(map(_plain, value)) or None
        case date():
            return value.isoformat()
        case Name():
            return f"{value.given_names} {value.surname}".strip()
    return value


def _of_chip(document: Document, standing: Standing = Standing.UNCHECKED) -> FieldStanding:
    """Of what a chip holds: its signature stands for all, but for what contradicts itself."""
    if document.chip is None:
        return FieldStanding.UNCHECKED
    if document.authenticity is Authenticity.FAILED or standing is Standing.FAILED:
        return FieldStanding.FAILED
    return FieldStanding.SIGNED


def _age(birth: date, today: date) -> int:
    """Whole years. Who was born on 29 February is a year older on 1 March."""
    return today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))
