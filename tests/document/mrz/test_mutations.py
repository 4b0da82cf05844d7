"""Damaged and hostile lines: a zone that keeps its promises, or MrzMalformed. With VISAVIS_SOAK=1 in the environment, 100,000."""

import random
from collections import Counter

import pytest

from tests.conftest import LONG
from tests.document.mrz.test_examples import TODAY, ZONES, standings
from visavis.document.mrz import ALPHABET, MachineReadableZone, MrzFormat, Standing, check_digit, read_zone, split_zone
from visavis.errors import MrzMalformed

COUNT = 100_000 if LONG else 3_000
ANY = ALPHABET + "aé\n\x00٣-"


def mutated(rng: random.Random) -> list[list[str]]:
    """Lines of an example in which some places were changed, doubted, lost or doubled, or lines of chance."""
    if rng.random() < 0.2:
        count, width = rng.choice([(3, 30), (2, 36), (2, 44), (1, 44), (0, 0), (4, 30)])
        return [[rng.choice(ALPHABET) for _ in range(width)] for _ in range(count)]
    lines = [list(line) for line in rng.choice(list(ZONES.values()))]
    for _ in range(rng.choice([1, 2, 3, 10, 60])):
        line = rng.choice(lines)
        place = rng.randrange(len(line)) if line else 0
        match rng.randrange(12):
            case 0:
                line.insert(place, rng.choice(ALPHABET))
            case 1 if line:
                del line[place]
            case 2 if line:
                line[place] = rng.choice(ANY)
            case 3 if line:
                line[place] = ""
            case 4 | 5 | 6 if line:
                line[place] = "".join(rng.choices(ALPHABET, k=rng.choice([1, 2, 3, 36, 38])))
            case 7 | 8 if line:
                line[place] = rng.choice(ALPHABET) + line[place]
            case _ if line:
                line[place] = rng.choice(ALPHABET)
    return lines


def keeps_its_promises(zone: MachineReadableZone) -> None:
    """What is said to hold does, counted again by the positions that the parts of Doc 9303 print."""
    lines = zone.lines
    if zone.format is MrzFormat.TD1:
        first, second, _ = lines
        number, numbered = first[5:14], first[14]
        if numbered == "<" and zone.document_number.standing is Standing.CHECKED:
            rest = first[15:].partition("<")[0]
            number, numbered = number + rest[:-1], rest[-1]
        birth, expiry = second[:7], second[8:15]
        covered, composite = first[5:] + birth + expiry + second[18:29], second[29]
    else:
        second = lines[1]
        number, numbered = second[:9], second[9]
        if zone.format is MrzFormat.TD2 and numbered == "<" and zone.document_number.standing is Standing.CHECKED:
            rest = second[28:35].partition("<")[0]
            number, numbered = number + rest[:-1], rest[-1]
        birth, expiry = second[13:20], second[21:28]
        covered, composite = second[:10] + birth + expiry + second[28:-1], second[-1]
    if zone.composite_held:
        assert check_digit(covered) == composite
    if zone.composite_held is False:
        assert Standing.CHECKED not in standings(zone)
    if zone.document_number.standing is Standing.CHECKED:
        assert check_digit(number) == numbered
        assert (zone.document_number.value or "") == number.rstrip("<")
    for field, text in ((zone.birth_date, birth), (zone.expiry_date, expiry)):
        if field.standing is Standing.CHECKED:
            assert check_digit(text[:6]) == text[6]
        assert not isinstance(field.value, str)
    assert sorted(map(len, lines)) in ([30, 30, 30], [36, 36], [44, 44])
    assert set("".join(lines)) <= set(ALPHABET)


@pytest.mark.soak
def test_any_lines() -> None:
    rng = random.Random(20260701)  # noqa: S311 — seeded
    outcomes: Counter[str] = Counter()
    for _ in range(COUNT):
        lines = mutated(rng)
        try:
            zone = read_zone(lines, today=TODAY)
        except MrzMalformed:
            outcomes["malformed"] += 1
        else:
            outcomes[zone.document_number.standing] += 1
            keeps_its_promises(zone)
    assert all(outcomes[each] > COUNT // 100 for each in ("malformed", *Standing)), outcomes


@pytest.mark.soak
def test_any_text() -> None:
    rng = random.Random(1)  # noqa: S311 — seeded
    read = 0
    for _ in range(COUNT):
        text = "".join(
            rng.choices(ANY if rng.random() < 0.2 else ALPHABET, k=rng.choice([72, 88, 90, rng.randrange(120)]))
        )
        try:
            read_zone(split_zone(text), today=TODAY)
            read += 1
        except MrzMalformed:
            pass
    assert COUNT // 4 < read < COUNT
