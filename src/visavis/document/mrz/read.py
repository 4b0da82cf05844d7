"""Lines to a zone: types settle what they can, check digits confirm or repair, and what neither does is said to be unchecked."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

from visavis.document.mrz.dates import read_birth, read_expiry
from visavis.document.mrz.layout import (
    ALLOWED,
    ALPHABET,
    COMPOSED,
    DIGITS,
    FILLER,
    FIRST,
    PICTURES,
    VALUES,
    WEIGHTS,
    Part,
    Place,
    Places,
    format_of,
    places,
)
from visavis.document.mrz.names import split_names, tidied
from visavis.document.mrz.repair import Word, typed
from visavis.document.mrz.value import Field, MachineReadableZone, MrzFormat, Standing
from visavis.errors import MrzMalformed

_FILLER_LIKE = re.compile(r"K<|<K")
"""A K beside a filler: it may be one, and is alike to the digit."""


def read_zone(lines: Sequence[Sequence[str]], *, today: date, exact: bool = False) -> MachineReadableZone:
    """Read a machine-readable zone of any format of ICAO Doc 9303, parts 4 to 7.

    lines: each a text, or of each place the characters that a recogniser holds possible there, the likeliest first. Give those
    that it does hold possible and no more: a check digit has to tell them apart. exact: they are no recogniser's but a chip's, so
    that every text stands as it is, and nothing in it is doubted or repaired.

    Raises MrzMalformed for lines of other numbers or lengths than a format's, and for other characters than A to Z, 0 to 9 and <.
    Everything else is an outcome: see `Standing`. Where a composite digit fails, nothing is checked.

    Two digits of a year are made four by rule. Birth: the latest day that is not after today, hence never in the future. Expiry:
    in the hundred years from 50 years before this one to 49 after it.
    """
    if len(lines) not in (2, 3) or any(not 30 <= len(line) <= 44 for line in lines):
        raise MrzMalformed("expected three lines of 30 characters, two of 36 or two of 44")
    candidates = [[_candidates(each) for each in line] for line in lines]
    sheet = _Sheet(format_of([len(line) for line in candidates], candidates[0][0]), candidates, exact=exact)
    return _zone(sheet, today)


def _candidates(characters: str) -> str:
    if not 0 < len(characters) <= len(ALPHABET) or not set(characters) <= VALUES.keys():
        raise MrzMalformed("expected A to Z, 0 to 9 and <")
    return "".join(dict.fromkeys(characters))


class _Sheet:
    """The characters of a zone while it is read: the likeliest at first, and what was settled later."""

    def __init__(self, mrz_format: MrzFormat, candidates: list[list[str]], *, exact: bool) -> None:
        self.format, self.exact, self._candidates = mrz_format, exact, candidates
        self._characters = [[each[0] for each in line] for line in candidates]

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple("".join(line) for line in self._characters)

    def text(self, where: Places) -> str:
        return "".join(self._characters[line][column] for line, column in where)

    def write(self, where: Places, text: str) -> None:
        for (line, column), character in zip(where, text, strict=True):
            self._characters[line][column] = character

    def possible(self, place: Place) -> str:
        return self._candidates[place[0]][place[1]]

    def repaired(self, where: Places) -> bool:
        return any(self._characters[line][column] != self._candidates[line][column][0] for line, column in where)

    def settle_type(self, where: Places) -> Standing:
        """What no digit covers: the likeliest characters that its type allows."""
        options = [self._options(place, self._allowed(place)) for place in where]
        self.write(
            where,
            "".join(option[0] if option else self.text((place,)) for option, place in zip(options, where, strict=True)),
        )
        return Standing.UNCHECKED if all(options) else Standing.FAILED

    def settle(
        self,
        where: Places,
        weights: Sequence[int],
        fits: Callable[[str], bool],
        *,
        rest: int = 0,
        guess: bool = True,
        digit: str | None = None,
    ) -> Standing:
        """What a digit covers, and the digit, which is the last place. digit: what that may be, where its part does not say."""
        allowed = [self._allowed(place) for place in where]
        allowed[-1] = digit or allowed[-1]
        options = [self._options(place, each) for place, each in zip(where, allowed, strict=True)]
        if not all(options):
            return Standing.FAILED
        text, standing = Word(options, allowed, weights, rest, fits).settle(guess=guess and not self.exact)
        self.write(where, text)
        return standing

    def _options(self, place: Place, allowed: str) -> tuple[str, ...]:
        possible = self.possible(place)
        return tuple(each for each in possible if each in allowed) if self.exact else typed(possible, allowed)

    def _allowed(self, place: Place) -> str:
        if place == (0, 0) and any(each in FIRST[self.format] for each in self.possible(place)):
            return FIRST[self.format]
        return ALLOWED[PICTURES[self.format][place[0]][place[1]]]


def _zone(sheet: _Sheet, today: date) -> MachineReadableZone:
    def birth_of(text: str) -> date | str | None:
        return read_birth(text, today)

    def expiry_of(text: str) -> date | str | None:
        return read_expiry(text, today)

    number, number_standing, optional = _number(sheet)
    birth, birth_standing = _own(sheet, Part.BIRTH, Part.BIRTH_DIGIT, birth_of)
    expiry, expiry_standing = _own(sheet, Part.EXPIRY, Part.EXPIRY_DIGIT, expiry_of)
    second = places(sheet.format, Part.OPTIONAL_2)
    held, optional_standing = None, Standing.UNCHECKED
    if sheet.format is MrzFormat.TD3:
        _, optional_standing = _own(sheet, Part.OPTIONAL, Part.OPTIONAL_DIGIT)
        held = _composed(sheet, ()) is not Standing.FAILED
    elif sheet.format in (MrzFormat.TD1, MrzFormat.TD2):
        optional_standing = _composed(sheet, (*optional, *second))
        held = optional_standing is not Standing.FAILED
        # The digit tells something of the optional data only where all else that it covers is right.
        sure = {number_standing, birth_standing, expiry_standing} == {Standing.CHECKED}
        optional_standing = _doubted(optional_standing, doubt=not sure)
    name, name_standing = _name(sheet)
    surname, given_names = split_names(sheet.text(name))
    born = _or_none(birth_of, sheet.text(birth))

    def field(where: Places, standing: Standing, value: str | date | None) -> Field:
        if held is False and standing is Standing.CHECKED:
            standing = Standing.UNCHECKED
        return Field(value, standing, sheet.repaired(where))

    def text(where: Places, standing: Standing) -> Field:
        read = sheet.text(where)
        doubt = not sheet.exact and bool(_FILLER_LIKE.search(read))
        return field(where, _doubted(standing, doubt=doubt), read.rstrip(FILLER) or None)

    def letters(part: Part) -> Field:
        where = places(sheet.format, part)
        return text(where, sheet.settle_type(where))

    sex = letters(Part.SEX)
    return MachineReadableZone(
        format=sheet.format,
        composite_held=held,
        names_truncated=not sheet.text(name).endswith(FILLER),
        birth_partial=born if isinstance(born, str) else None,
        document_code=letters(Part.CODE),
        issuer=letters(Part.ISSUER),
        document_number=text(number, number_standing),
        nationality=letters(Part.NATIONALITY),
        birth_date=field(birth, birth_standing, None if isinstance(born, str) else born),
        sex=replace(sex, value=None) if sex.value == "X" else sex,
        expiry_date=field(expiry, expiry_standing, _or_none(expiry_of, sheet.text(expiry))),
        surname=field(name, name_standing, surname or None),
        given_names=field(name, name_standing, given_names or None),
        optional_data=text(optional, optional_standing),
        optional_data_2=text(second, optional_standing) if second else None,
        lines=sheet.lines,
    )


def _own(sheet: _Sheet, part: Part, digit: Part, value: Callable[[str], object] = str) -> tuple[Places, Standing]:
    """A field with a digit of its own. value: raises ValueError for a text that is no value of it.

    Where there are only fillers, a filler may be the digit too. Of a passport's optional data that is the rule (part 4, section
    4.2.2.2); elsewhere nothing was checked.
    """
    where = places(sheet.format, part)

    def fits(word: str) -> bool:
        if word.endswith(FILLER):
            return not word.strip(FILLER)
        try:
            value(word[:-1])
        except ValueError:
            return False
        return True

    last = places(sheet.format, digit)
    standing = sheet.settle((*where, *last), _weights(len(where)), fits)
    missing = sheet.text(last) == FILLER and part is not Part.OPTIONAL
    return where, _doubted(standing, doubt=missing)


def _number(sheet: _Sheet) -> tuple[Places, Standing, Places]:
    """The places of the document number, its standing, and the places of the optional data besides.

    On cards a filler for its digit says that it goes on in the optional data, where its digit is last and a filler follows (parts
    5 and 6, note j). Where one of the fillers that make it so may be another character, or another a filler, that is a doubt.
    """
    optional = places(sheet.format, Part.OPTIONAL)
    digit = places(sheet.format, Part.NUMBER_DIGIT)
    if sheet.format not in (MrzFormat.TD1, MrzFormat.TD2):
        return *_own(sheet, Part.NUMBER, Part.NUMBER_DIGIT), optional
    marks = typed(sheet.possible(digit[0]), ALLOWED[Part.NUMBER_DIGIT])
    length = sheet.text(optional).find(FILLER) % (len(optional) + 1)
    if marks[:1] != (FILLER,) or length < 2:
        where, standing = _own(sheet, Part.NUMBER, Part.NUMBER_DIGIT)
        return where, _doubted(standing, doubt=FILLER in marks), optional
    where = (*places(sheet.format, Part.NUMBER), *optional[: length - 1])
    fillers = (*digit, *optional[length : length + 1])
    doubt = any(sheet.possible(place) != FILLER for place in fillers) or any(
        FILLER in sheet.possible(place) for place in optional[:length]
    )
    sheet.write(digit, FILLER)
    standing = sheet.settle(
        (*where, optional[length - 1]),
        _weights(len(where)),
        lambda word: FILLER not in word[8:],
        digit=DIGITS,
    )
    return where, _doubted(standing, doubt=doubt), optional[length + 1 :]


def _composed(sheet: _Sheet, free: Places) -> Standing:
    """What the composite digit says of all that it covers. free: what has no digit besides, and may be repaired."""
    covered = places(sheet.format, COMPOSED)
    weights = {place: WEIGHTS[index % 3] for index, place in enumerate(covered)}
    rest = sum(weights[place] * VALUES[sheet.text((place,))] for place in covered if place not in free)
    return sheet.settle(
        (*free, *places(sheet.format, Part.COMPOSITE)),
        [*(weights[place] for place in free), -1],
        lambda _: True,
        rest=rest,
        guess=False,
    )


def _name(sheet: _Sheet) -> tuple[Places, Standing]:
    where = places(sheet.format, Part.NAME)
    standing = sheet.settle_type(where)
    if not sheet.exact:
        sheet.write(where, tidied(sheet.text(where), [FILLER in sheet.possible(place) for place in where]))
    return where, standing


def _weights(length: int) -> list[int]:
    """Of a field and of its digit."""
    return [*(WEIGHTS[index % 3] for index in range(length)), -1]


def _doubted(standing: Standing, *, doubt: bool) -> Standing:
    return Standing.UNCHECKED if doubt and standing is Standing.CHECKED else standing


def _or_none(value: Callable[[str], date | str | None], text: str) -> date | str | None:
    try:
        return value(text)
    except ValueError:
        return None
