"""Two digits of a year become four, by rule: ICAO Doc 9303 (part 3, section 4.8) says nothing of the century."""

from datetime import date

from visavis.document.mrz.layout import FILLER

_UNKNOWN = FILLER * 2
_EXPIRY_BEFORE_YEARS = 50
"""How long before this year a document may have expired; with 49 after it a hundred years, so that two digits are one year."""


def read_birth(text: str, today: date) -> date | str | None:
    """YYMMDD as the latest such day that is not after today: who is over a hundred is taken for a hundred years younger.

    Fillers in place of the day, or of month and day, give the month as "1974-08" or the year as "1974", by the same rule; without
    a year nothing is known, and that is None. Raises ValueError for what is no date, and for half an unknown part.
    """
    year, month, day = text[:2], text[2:4], text[4:]
    if any(FILLER in part != _UNKNOWN for part in (year, month, day)):
        raise ValueError("half a part of the date is unknown")
    if year == _UNKNOWN:
        return None
    if month == _UNKNOWN != day:
        raise ValueError("a day without a month")
    for whole in (today.year // 100 * 100 + int(year), today.year // 100 * 100 - 100 + int(year)):
        try:
            first = date(whole, *(1 if part == _UNKNOWN else int(part) for part in (month, day)))
        except ValueError:
            continue  # for one, a 29 February that this century lacks
        if first <= today:  # which the first day of a month or year is, where any of its days is
            return first if day != _UNKNOWN else f"{first:%Y-%m}" if month != _UNKNOWN else f"{first:%Y}"
    raise ValueError("no date")


def read_expiry(text: str, today: date) -> date | None:
    """YYMMDD in the hundred years from 50 years before this one to 49 after it; fillers alone are None: it does not expire.

    Raises ValueError for what is no date.
    """
    if text == FILLER * 6:
        return None
    if FILLER in text:
        raise ValueError("a part of the date is unknown")
    first = today.year - _EXPIRY_BEFORE_YEARS
    return date(first + (int(text[:2]) - first) % 100, int(text[2:4]), int(text[4:]))
