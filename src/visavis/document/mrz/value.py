"""What was read of a machine-readable zone, field by field."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class MrzFormat(StrEnum):
    """The formats of ICAO Doc 9303, parts 4 to 7."""

    TD1 = "td1"
    """Cards of the size of a bank card: three lines of 30."""
    TD2 = "td2"
    """Larger cards: two lines of 36."""
    TD3 = "td3"
    """Passports: two lines of 44."""
    MRV_A = "mrv_a"
    """Visas as large as the page of a passport: two lines of 44."""
    MRV_B = "mrv_b"
    """Smaller visas: two lines of 36."""


class Standing(StrEnum):
    """How far what was read is confirmed by what was read besides."""

    CHECKED = "checked"
    """The check digits that cover the field confirm this value, and no other that the recogniser held possible."""
    UNCHECKED = "unchecked"
    """No check digit covers the field, or a doubt is left: other readings pass, the repair is a guess, the composite digit fails,
    a K beside a filler may be one."""
    FAILED = "failed"
    """Its check digit or its type contradicts what was read, and no single repair is confirmed."""


@dataclass(frozen=True, slots=True, repr=False)
class Field:
    """One field. value: without fillers, None where there are only fillers, or where a date is none or not wholly known.

    repaired: whether a character of it is another than the recogniser's likeliest.
    """

    value: str | date | None
    standing: Standing
    repaired: bool = False

    def __repr__(self) -> str:
        return f"<Field {self.standing.value}>"


@dataclass(frozen=True, slots=True, repr=False)
class MachineReadableZone:
    """A machine-readable zone. Nothing of it shows that the document is genuine: anybody can compute check digits.

    lines: as read, after repair. composite_held: whether the digit over several fields fits, None where the format has none.
    names_truncated: whether the name reaches the last place of its field, as a name that was cut short does (one that just fits
    does too). birth_partial: what is known of a birth date that is not wholly known, as "1974-08" or "1974", else None.

    issuer, nationality: as printed, so that Germany is "D". sex: "F", "M" or None. optional_data: of a passport the personal
    number; after a document number longer than its field, what follows it. optional_data_2: of TD1 alone, the second line's.
    """

    format: MrzFormat
    lines: tuple[str, ...]
    composite_held: bool | None
    names_truncated: bool
    birth_partial: str | None
    document_code: Field
    issuer: Field
    document_number: Field
    nationality: Field
    birth_date: Field
    sex: Field
    expiry_date: Field
    surname: Field
    given_names: Field
    optional_data: Field
    optional_data_2: Field | None

    def __repr__(self) -> str:
        return f"<MachineReadableZone {self.format.value}>"
