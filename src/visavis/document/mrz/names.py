"""Names in a machine-readable zone (ICAO Doc 9303, part 3, sections 4.6 and 6, and the parts' sections on truncation)."""

import re
import unicodedata
from collections.abc import Sequence

from visavis.document.mrz.layout import FILLER, LETTERS

_LIKE_FILLER = "CEKLS"
"""What a run of fillers is misread as."""
_TWO = FILLER * 2
NAME_MAX = 200
"""How long a name may be to be written."""

_LATIN = {
    "Ä": "AE", "Å": "AA", "Æ": "AE", "Ö": "OE", "Ø": "OE", "Œ": "OE", "Ü": "UE", "Ð": "D", "Đ": "D", "Ħ": "H", "ı": "I",
    "Ĳ": "IJ", "ĸ": "Q", "Ŀ": "L", "Ł": "L", "Ŋ": "N", "Þ": "TH", "Ŧ": "T", "ẞ": "SS", "Ə": "A",
}  # fmt: skip
"""Of section 6, table A, those that are more than their letter without its mark; and ĸ and Ə, which it lacks."""


def transliterate(name: str) -> str:
    """A name in Latin letters as a zone holds it: A to Z, with one filler between components.

    Hyphens, spaces and commas part components; apostrophes and all other punctuation go without a trace. Ä, Ö, Ü, Å and Ñ become
    AE, OE, UE, AA and N, the forms that are recommended first. Raises ValueError for a name of more than 200 characters, and for
    a character that is neither a Latin letter nor punctuation, as a digit.
    """
    if len(name) > NAME_MAX:
        raise ValueError(f"a name has at most {NAME_MAX} characters")
    written = "".join(map(_letter, unicodedata.normalize("NFC", name).upper()))
    return FILLER.join(filter(None, written.split(FILLER)))


def _letter(character: str) -> str:
    if character in LETTERS:
        return character
    if character in _LATIN:
        return _LATIN[character]
    category = unicodedata.category(character)
    if character == "," or category in ("Pd", "Zs"):
        return FILLER
    if category[0] in "PM" or category in ("Lm", "Sk"):
        return ""
    base = unicodedata.normalize("NFD", character)[0]
    if base in LETTERS:
        return base
    raise ValueError("expected a name in Latin letters; transliterate other scripts first")


def fit_names(surname: str, given_names: str, width: int) -> str:
    """Both names, already transliterated, in a field of so many characters; longer ones are truncated, to end with a letter.

    The given names are cut first. Where not even their first letter would have room, the longest component of the surname is
    shortened, and again, until it has. Nothing but initials may end with a filler all the same.
    """
    if given_names:
        while len(surname) > width - 3:
            surname = _shortened(surname)
    whole = surname + (_TWO + given_names if given_names else "")
    if len(whole) > width and whole[width - 1] == FILLER:
        surname, two, given_names = whole[: width - 1].partition(_TWO)
        if max(map(len, given_names.split(FILLER))) > 1:
            given_names = _shortened(given_names)
        else:
            surname = _shortened(surname)
        whole = surname + two + given_names + whole[width - 1 :]
    return whole[:width].ljust(width, FILLER)


def _shortened(name: str) -> str:
    """Without the last letter of its longest component, or without its last component where all are initials."""
    components = name.split(FILLER)
    longest = max(range(len(components)), key=lambda place: (len(components[place]), place))
    if len(components[longest]) == 1:
        return FILLER.join(components[:-1])
    components[longest] = components[longest][:-1]
    return FILLER.join(components)


def tidied(text: str, doubtful: Sequence[bool]) -> str:
    """A field of names in which fillers after the names were misread, with fillers there. doubtful: where a filler is possible.

    After the second pair of fillers there are only fillers, so that one or two letters there that a filler is misread as are
    none. Such a letter that seems to be the last component is none where the recogniser itself held that possible.
    """
    start = text.find(_TWO)
    if start > 0:
        end = start + 2 if text.startswith(FILLER, start + 2) else text.find(_TWO, start + 2)
        if end >= 0 and all(len(run) <= 2 and set(run) <= set(_LIKE_FILLER) for run in _runs(text[end:])):
            text = text[:end].ljust(len(text), FILLER)
    last = len(text.rstrip(FILLER)) - 1
    if 0 < last < len(text) - 1 and text[last - 1] == FILLER and text[last] in _LIKE_FILLER and doubtful[last]:
        text = text[:last].ljust(len(text), FILLER)
    return text


def split_names(text: str) -> tuple[str, str]:
    """Surname and given names, with spaces between components, "" for one that is not there."""
    surname, _, given_names = text.partition(_TWO)
    return " ".join(_runs(surname)), " ".join(_runs(given_names))


def _runs(text: str) -> list[str]:
    return re.findall(f"[^{FILLER}]+", text)
