"""Where each field stands (ICAO Doc 9303, parts 4 to 7, section 4.2), and the check digit (part 3, section 4.9)."""

from collections.abc import Sequence
from enum import StrEnum
from functools import cache

from visavis.document.mrz.value import MrzFormat
from visavis.errors import MrzMalformed

DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FILLER = "<"
ALPHABET = DIGITS + LETTERS + FILLER
"""The 37 characters of a machine-readable zone."""
VALUES = {character: value for value, character in enumerate(DIGITS + LETTERS)} | {FILLER: 0}
"""What each counts for in a check digit. Two that are equal modulo 10 are alike to every check digit."""
WEIGHTS = (7, 3, 1)

Place = tuple[int, int]
Places = tuple[Place, ...]
"""Line and column, from 0."""


class Part(StrEnum):
    """What a place is part of, as one letter of a picture of the zone."""

    CODE = "c"
    ISSUER = "s"
    NAME = "n"
    NUMBER = "d"
    NUMBER_DIGIT = "D"
    NATIONALITY = "a"
    BIRTH = "b"
    BIRTH_DIGIT = "B"
    SEX = "x"
    EXPIRY = "e"
    EXPIRY_DIGIT = "E"
    OPTIONAL = "o"
    OPTIONAL_DIGIT = "O"
    OPTIONAL_2 = "p"
    COMPOSITE = "C"


_HOLDER = "dddddddddDaaabbbbbbBxeeeeeeE"
PICTURES: dict[MrzFormat, tuple[str, ...]] = {
    MrzFormat.TD1: ("ccsssdddddddddD" + "o" * 15, "bbbbbbBxeeeeeeEaaa" + "p" * 11 + "C", "n" * 30),
    MrzFormat.TD2: ("ccsss" + "n" * 31, _HOLDER + "o" * 7 + "C"),
    MrzFormat.TD3: ("ccsss" + "n" * 39, _HOLDER + "o" * 14 + "OC"),
    MrzFormat.MRV_A: ("ccsss" + "n" * 39, _HOLDER + "o" * 16),
    MrzFormat.MRV_B: ("ccsss" + "n" * 31, _HOLDER + "o" * 8),
}
COMPOSED = "dDbBeEoOp"
"""The parts that a composite digit covers, in the order in which they stand."""

ALLOWED: dict[str, str] = {
    **dict.fromkeys("csna", LETTERS + FILLER),
    **dict.fromkeys("bBeEDO", DIGITS + FILLER),
    **dict.fromkeys("dop", ALPHABET),
    Part.SEX: "FMX" + FILLER,
    Part.COMPOSITE: DIGITS,
}
"""What may stand in each part. A filler in a date is a part of it that is unknown, one for a digit that there is none."""

FIRST: dict[MrzFormat, str] = {
    **dict.fromkeys((MrzFormat.TD1, MrzFormat.TD2), "ACI"),
    MrzFormat.TD3: "P",
    **dict.fromkeys((MrzFormat.MRV_A, MrzFormat.MRV_B), "V"),
}
"""With what a document code starts (Doc 9303, parts 4 to 7)."""


@cache
def places(mrz_format: MrzFormat, parts: str) -> Places:
    """Where these parts stand, line by line."""
    return tuple(
        (line, column)
        for line, picture in enumerate(PICTURES[mrz_format])
        for column, part in enumerate(picture)
        if part in parts
    )


def weighed(text: str) -> int:
    """The sum of the characters' values times 7, 3, 1, 7 …"""
    return sum(VALUES[character] * WEIGHTS[place % 3] for place, character in enumerate(text))


def check_digit(text: str) -> str:
    """The digit that goes with a text of the 37 characters. Raises MrzMalformed for another character."""
    if not set(text) <= VALUES.keys():
        raise MrzMalformed("expected A to Z, 0 to 9 and <")
    return str(weighed(text) % 10)


def split_zone(text: str) -> tuple[str, ...]:
    """The lines of a zone that was kept as one text of 88, 72 or 90 characters, as chips do (DG1), with line breaks or without.

    Raises MrzMalformed for another length. What stands in the lines is for `read_zone` to judge.
    """
    joined = "".join(text.split()) if len(text) <= 100 else ""
    widths = {88: 44, 72: 36, 90: 30}
    if len(joined) not in widths:
        raise MrzMalformed("expected a machine-readable zone of 88, 72 or 90 characters")
    width = widths[len(joined)]
    return tuple(joined[start : start + width] for start in range(0, len(joined), width))


def format_of(shape: Sequence[int], first: Sequence[str]) -> MrzFormat:
    """The format of lines of these lengths, where the first character may be one of these. Raises MrzMalformed.

    Two lines are a visa's where their first character is V, or where that is the likeliest of those that a document begins with
    (A, C, I, P, V).
    """
    initial = next((character for character in first if character in "".join(FIRST.values())), "")
    match list(shape), initial:
        case [30, 30, 30], _:
            return MrzFormat.TD1
        case [36, 36], _:
            return MrzFormat.MRV_B if initial == "V" else MrzFormat.TD2
        case [44, 44], _:
            return MrzFormat.MRV_A if initial == "V" else MrzFormat.TD3
    raise MrzMalformed("expected three lines of 30 characters, two of 36 or two of 44")
