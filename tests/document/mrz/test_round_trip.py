"""What is written is read: every value, in every format, with all that a digit covers checked."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.document.mrz.test_examples import MRV_A, MRV_B, TD1, TD1_LONG, TD2, TD3, TODAY
from visavis.document.mrz import ALPHABET, MachineReadableZone, MrzFormat, Standing, read_zone, split_zone, write_zone

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
OPTIONAL = {MrzFormat.TD1: 15, MrzFormat.TD2: 7, MrzFormat.TD3: 14, MrzFormat.MRV_A: 16, MrzFormat.MRV_B: 8}
LONGEST = {MrzFormat.TD1: 22, MrzFormat.TD2: 14}


def text(alphabet: str, longest: int, shortest: int = 0) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=shortest, max_size=max(longest, shortest))


@st.composite
def holders(draw: st.DrawFn) -> tuple[MrzFormat, dict[str, Any]]:
    """A format, and what to write in it, all of which fits."""
    mrz_format = draw(st.sampled_from(MrzFormat))
    number = draw(text(ALPHABET[:-1], LONGEST.get(mrz_format, 9), 1))
    used = len(number) - 7 if len(number) > 9 else 0  # what goes on, a digit and a filler
    names = draw(st.lists(text(LETTERS, 6, 1), min_size=1, max_size=2))
    given_names = draw(st.lists(text(LETTERS, 5, 1), max_size=2))
    return mrz_format, {
        "document_code": draw(text(LETTERS.replace("V", ""), 1, 1)) if OPTIONAL[mrz_format] not in (8, 16) else "V",
        "issuer": draw(text(LETTERS, 3, 1)),
        "document_number": number,
        "nationality": draw(text(LETTERS, 3, 1)),
        "birth_date": draw(
            st.dates(date(1926, 7, 2), TODAY) | st.none() | st.sampled_from(["1926-08", "2026", "1999-12"])
        ),
        "sex": draw(st.sampled_from(["F", "M", None])),
        "expiry_date": draw(st.dates(date(1976, 1, 1), date(2075, 12, 31)) | st.none()),
        "surname": " ".join(names),
        "given_names": " ".join(given_names),
        "optional_data": draw(text(ALPHABET, OPTIONAL[mrz_format] - used)).rstrip("<"),
        "optional_data_2": draw(text(ALPHABET, 11)).rstrip("<") if mrz_format is MrzFormat.TD1 else "",
    }


def expect(zone: MachineReadableZone, mrz_format: MrzFormat, holder: dict[str, Any]) -> None:
    """That the zone says all that was written, and what is confirmed of it."""
    birth = holder["birth_date"]
    assert zone.format is mrz_format
    assert zone.composite_held is (None if mrz_format in (MrzFormat.MRV_A, MrzFormat.MRV_B) else True)
    assert zone.birth_partial == (birth if isinstance(birth, str) else None)
    for name, value in holder.items():
        field = getattr(zone, name)
        if name == "optional_data_2" and mrz_format is not MrzFormat.TD1:
            assert field is None
            continue
        assert field.value == (None if value == "" or (field is zone.birth_date and isinstance(value, str)) else value)
        assert not field.repaired
        digit = name in ("document_number", "birth_date", "expiry_date") or (
            name in ("optional_data", "optional_data_2") and zone.composite_held is not None
        )
        if digit and not may_be_filler(zone, name):
            assert field.standing is Standing.CHECKED
        else:
            assert field.standing is Standing.UNCHECKED


def may_be_filler(zone: MachineReadableZone, name: str) -> bool:
    """Whether a K stands beside a filler in this field."""
    width = {"document_number": 9, "optional_data_2": 11, "optional_data": OPTIONAL[zone.format]}.get(name, 0)
    value = getattr(zone, name).value
    if name == "optional_data" and len(str(zone.document_number.value)) > 9:
        width -= len(str(zone.document_number.value)) - 7
    padded = str(value or "").ljust(width, "<")
    return width > 0 and ("K<" in padded or "<K" in padded)


@given(holders())
def test_any_zone(written: tuple[MrzFormat, dict[str, Any]]) -> None:
    mrz_format, holder = written
    lines = write_zone(mrz_format, **holder)
    zone = read_zone(lines, today=TODAY)
    assert zone.lines == lines
    expect(zone, mrz_format, holder)
    assert split_zone("".join(lines)) == lines
    exact = read_zone(lines, today=TODAY, exact=True)
    for name in holder:
        field, read = getattr(exact, name), getattr(zone, name)
        if field is None:
            continue
        assert field.value == read.value
        if may_be_filler(zone, name) and (name == "document_number" or zone.composite_held):
            assert field.standing is Standing.CHECKED


@given(holders(), st.data())
def test_what_is_exact_is_told_as_it_stands(written: tuple[MrzFormat, dict[str, Any]], data: st.DataObject) -> None:
    mrz_format, holder = written
    lines = list(write_zone(mrz_format, **holder))
    row = data.draw(st.integers(0, len(lines) - 1))
    column = data.draw(st.integers(1 if row == 0 else 0, len(lines[0]) - 1))
    lines[row] = lines[row][:column] + data.draw(st.sampled_from(ALPHABET)) + lines[row][column + 1 :]
    zone = read_zone(lines, today=TODAY, exact=True)
    assert zone.lines == tuple(lines)


ERIKSSON: dict[str, Any] = {
    "issuer": "UTO",
    "nationality": "UTO",
    "birth_date": date(1974, 8, 12),
    "sex": "F",
    "expiry_date": date(2012, 4, 15),
    "surname": "Eriksson",
    "given_names": "Anna Maria",
}
VISA = ERIKSSON | {"nationality": "XXX", "birth_date": date(1940, 9, 7), "expiry_date": date(1996, 12, 10)}


@pytest.mark.parametrize(
    ("mrz_format", "holder", "lines"),
    [
        (MrzFormat.TD3, ERIKSSON | {"document_number": "L898902C3", "optional_data": "ZE184226B"}, TD3),
        (MrzFormat.TD2, ERIKSSON | {"document_number": "D23145890"}, TD2),
        (MrzFormat.TD1, ERIKSSON | {"document_number": "D23145890"}, TD1),
        (MrzFormat.MRV_A, VISA | {"document_number": "L8988901C", "optional_data": "6ZE184226B"}, MRV_A),
        (MrzFormat.MRV_B, VISA | {"document_number": "L8988901C"}, MRV_B),
        (
            MrzFormat.TD1,
            ERIKSSON
            | {
                "document_number": "D23145890734",
                "birth_date": date(1934, 7, 12),
                "sex": "M",
                "expiry_date": date(1995, 7, 12),
                "surname": "Stevenson",
                "given_names": "Peter John",
            },
            TD1_LONG,
        ),
    ],
)
def test_the_printed_examples(mrz_format: MrzFormat, holder: dict[str, Any], lines: tuple[str, ...]) -> None:
    assert write_zone(mrz_format, document_code=lines[0][0], **holder) == lines


@pytest.mark.parametrize(
    "changed",
    [
        {"document_number": "1234567890"},
        {"document_number": "12-345"},
        {"document_number": "l898902c3"},
        {"issuer": "UTOP"},
        {"issuer": "UT0"},
        {"document_code": "PUX"},
        {"optional_data": "1" * 15},
        {"optional_data_2": "1"},
        {"birth_date": "1974-13"},
        {"birth_date": "1974-08-12"},
        {"birth_date": "74"},
        {"sex": "W"},
        {"surname": "Иванов"},
    ],
)
def test_what_does_not_fit_is_not_written(changed: dict[str, Any]) -> None:
    holder = {"document_code": "P", "document_number": "L898902C3"} | ERIKSSON | changed
    with pytest.raises(ValueError, match=r"at most|expected"):
        write_zone(MrzFormat.TD3, **holder)


@pytest.mark.parametrize(("mrz_format", "longest"), LONGEST.items())
def test_long_numbers_have_an_end(mrz_format: MrzFormat, longest: int) -> None:
    holder = {"document_code": "I", **ERIKSSON}
    lines = write_zone(mrz_format, document_number="1" * longest, **holder)
    assert read_zone(lines, today=TODAY).document_number.value == "1" * longest
    with pytest.raises(ValueError, match="at most"):
        write_zone(mrz_format, document_number="1" * (longest + 1), **holder)
