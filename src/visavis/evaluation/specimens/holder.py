"""Fictional people of Utopia, and what stands in their documents."""

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Literal

from numpy.random import Generator

from visavis.document.mrz import MrzFormat, write_zone

# letters beyond ASCII are those that free versions of OCR-B have
_SURNAMES = (
    "Abendtal", "Blumström", "Cordavel", "Dönnerholz", "Eskaradin", "Fjordløs", "Grauß", "Hjelmækr", "Ilvarenko", "Jasperon",
    "Köhlersbrück", "Lomaquist", "Mirandole", "Nachtigälchen", "O'Fenwarra", "Pellgrave-Quill", "Qvistermann", "Rosemond",
    "Søllerup", "Tavaszoly", "Überwasser", "van Tongelo", "Wychcombe", "Xanthoval", "Yrrgang", "Zellbianco", "Ko", "Kk",
    "Eklesk", "Ammerländer-Zwischenahn von und zu Hohenwasserburg", "de la Torrevieja y Monteclaro Santibarrios",
    "Vandermeulenbroekhuizendorpstra",
)  # fmt: skip
_GIVEN_NAMES = (
    "Anselme", "Bjørna", "Calixto", "Dörthe", "Elowen", "Fabrizia", "Günelda", "Hartwig", "Isaura", "Jürnjakob", "Kassia",
    "Leopoldine", "Mäximiliane", "Nepomuk", "Oriol", "Philippœ", "Quirina", "Rasmus", "Saskia", "Thaddäus", "Ulrikka",
    "Valeska", "Wolfhardt", "Xenia", "Ysolde", "Zbynek", "Al", "Jo-Ann", "Bartholomæus", "Keck", "Lesslie", "Silke",
)  # fmt: skip
_LETTERS, _DIGITS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), tuple("0123456789")
_CODES = {
    MrzFormat.TD1: ("I", "ID", "AC"),
    MrzFormat.TD2: ("I", "ID"),
    MrzFormat.TD3: ("P", "P", "P", "PD", "PM"),
    MrzFormat.MRV_A: ("V", "VC"),
    MrzFormat.MRV_B: ("V", "VC"),
}
_OPTIONAL_MAX = {MrzFormat.TD1: 15, MrzFormat.TD2: 7, MrzFormat.TD3: 14, MrzFormat.MRV_A: 16, MrzFormat.MRV_B: 8}
_NUMBER_MAX = {MrzFormat.TD1: 22, MrzFormat.TD2: 14}
"""Nine characters, and what the optional data have room for beside a check digit and a filler."""
_BORN = date(1930, 1, 1), date(2023, 12, 31)
_ISSUED = date(2017, 1, 1), date(2025, 12, 31)


@dataclass(frozen=True, slots=True)
class Holder:
    """A fictional person, as printed: names in both cases and with their own letters. sex: None where none is told.

    optional_data, optional_data_2: "" where there are none; the second are a TD1's alone.
    """

    document_code: str
    document_number: str
    surname: str
    given_names: str
    birth_date: date
    sex: Literal["F", "M"] | None
    issue_date: date
    expiry_date: date
    optional_data: str
    optional_data_2: str
    issuer: str = "UTO"
    nationality: str = "UTO"

    def lines(self, mrz_format: MrzFormat) -> tuple[str, ...]:
        """The zone of a document of theirs."""
        printed = asdict(self)
        del printed["issue_date"]
        return write_zone(mrz_format, **printed)


def draw_holder(mrz_format: MrzFormat, rng: Generator) -> Holder:
    """One of 32 invented surnames, three of them too long for any zone with a given name, and 1 to 3 of 32 given names.

    Born in 1930 to 2023, issued in 2017 to 2025 for ten years; one in seven without a sex. Numbers have 9 characters: digits in
    40 %, 1 or 2 letters and digits in 30 %, any mixture in 30 %; on cards 15 % are longer. Optional data are missing in 40 %.
    """
    number, optional = _number(9, rng), _optional(_OPTIONAL_MAX[mrz_format], rng)
    if mrz_format in _NUMBER_MAX and rng.random() < 0.15:
        number, optional = _number(int(rng.integers(10, _NUMBER_MAX[mrz_format] + 1)), rng), ""
    sexes: tuple[Literal["F", "M"] | None, ...] = ("F", "F", "F", "M", "M", "M", None)
    issue = _day(*_ISSUED, rng)
    return Holder(
        document_code=str(rng.choice(_CODES[mrz_format])),
        document_number=number,
        surname=str(rng.choice(_SURNAMES)),
        given_names=" ".join(rng.choice(_GIVEN_NAMES, rng.integers(1, 4), replace=False)),
        birth_date=_day(*_BORN, rng),
        sex=sexes[rng.integers(len(sexes))],
        issue_date=issue,
        expiry_date=issue.replace(year=issue.year + 10, day=min(issue.day, 28)),
        optional_data=optional,
        optional_data_2=_optional(11, rng) if mrz_format is MrzFormat.TD1 else "",
    )


def _number(length: int, rng: Generator) -> str:
    letters, mixed = int(rng.choice([0, 1, 2, length], p=[0.4, 0.15, 0.15, 0.3])), _LETTERS + _DIGITS
    leading = rng.choice(mixed if letters == length else _LETTERS, letters)
    return "".join([*leading, *rng.choice(_DIGITS, length - letters)])


def _optional(longest: int, rng: Generator) -> str:
    return "" if rng.random() < 0.4 else _number(int(rng.integers(4, longest + 1)), rng)


def _day(first: date, last: date, rng: Generator) -> date:
    return first + timedelta(days=int(rng.integers((last - first).days + 1)))
