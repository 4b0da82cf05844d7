"""A zone to its lines, for specimens and for tests."""

import re
from datetime import date
from typing import Literal

from visavis.document.mrz.layout import (
    ALLOWED,
    COMPOSED,
    FILLER,
    PICTURES,
    Part,
    check_digit,
    places,
)
from visavis.document.mrz.names import fit_names, transliterate
from visavis.document.mrz.value import MrzFormat

_MONTH = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2]))?")


def write_zone(
    mrz_format: MrzFormat,
    *,
    document_code: str,
    issuer: str,
    document_number: str,
    nationality: str,
    birth_date: date | str | None,
    sex: Literal["F", "M"] | None,
    expiry_date: date | None,
    surname: str,
    given_names: str = "",
    optional_data: str = "",
    optional_data_2: str = "",
) -> tuple[str, ...]:
    """The lines of a zone with these values, and with its check digits.

    Names are transliterated (see `transliterate`) and truncated where they are too long. On cards a document number of more than
    nine characters goes on in the optional data. birth_date: as "1974-08" or "1974" where no more is known of it.

    Raises ValueError for what does not fit, and for characters that have no place in a field.
    """
    lines = [[FILLER] * len(picture) for picture in PICTURES[mrz_format]]

    def put(part: Part, text: str) -> None:
        where = places(mrz_format, part)
        if len(text) > len(where) or not set(text) <= set(ALLOWED[part]):
            raise ValueError(f"{part.name.lower()} has at most {len(where)} of the characters {ALLOWED[part]}")
        for (line, column), character in zip(where, text, strict=False):
            lines[line][column] = character

    def text_of(parts: str) -> str:
        return "".join(lines[line][column] for line, column in places(mrz_format, parts))

    if len(document_number) > 9 and mrz_format in (MrzFormat.TD1, MrzFormat.TD2):
        rest = document_number[9:] + check_digit(document_number) + FILLER
        put(Part.NUMBER, document_number[:9])
        put(Part.OPTIONAL, rest + optional_data)
    else:
        put(Part.NUMBER, document_number)
        put(Part.NUMBER_DIGIT, check_digit(text_of(Part.NUMBER)))
        put(Part.OPTIONAL, optional_data)
    put(Part.CODE, document_code)
    put(Part.ISSUER, issuer)
    put(Part.NATIONALITY, nationality)
    put(Part.BIRTH, _birth(birth_date))
    put(Part.BIRTH_DIGIT, check_digit(text_of(Part.BIRTH)))
    put(Part.SEX, sex or FILLER)
    put(Part.EXPIRY, FILLER * 6 if expiry_date is None else f"{expiry_date:%y%m%d}")
    put(Part.EXPIRY_DIGIT, check_digit(text_of(Part.EXPIRY)))
    put(Part.OPTIONAL_2, optional_data_2)
    width = len(places(mrz_format, Part.NAME))
    put(Part.NAME, fit_names(transliterate(surname), transliterate(given_names), width))
    if mrz_format is MrzFormat.TD3:
        put(Part.OPTIONAL_DIGIT, check_digit(text_of(Part.OPTIONAL)))
    if places(mrz_format, Part.COMPOSITE):
        put(Part.COMPOSITE, check_digit(text_of(COMPOSED)))
    return tuple("".join(line) for line in lines)


def _birth(birth: date | str | None) -> str:
    if birth is None or isinstance(birth, date):
        return FILLER * 6 if birth is None else f"{birth:%y%m%d}"
    if not _MONTH.fullmatch(birth):
        raise ValueError('expected a date, or as much of one as "1974-08" or "1974"')
    return birth[2:].replace("-", "").ljust(6, FILLER)
