"""A block of lines to the zone that stands there, and where each of its characters is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from visavis.document.mrz import MachineReadableZone, Standing, read_zone
from visavis.document.page.characters import PITCH_PX, WIDTH_PX, Floats, LineReader, Row, straightened
from visavis.document.page.locate import Block, Line

_LENGTHS = {3: (30,), 2: (44, 36)}
"""Characters a line, by the number of lines."""
_STEPS = (1.0, 0.85, 1.18, 0.72, 1.4)
"""How the distance of characters may be off that the marks of a line tell."""
_APART = (1.67, 2.5)
"""Distances of lines, in characters: on cards of the size TD1, and elsewhere (ICAO Doc 9303, parts 4 to 7)."""
_BEYOND_MAX = 3.0
"""Log odds of one more character beside a row's first or last: with it, the row is none of a format's, or was misread."""
_OWN_MIN = 15
"""Characters from which a line's own distances are told from those of the best line."""
_READINGS_MAX = 3
_WORTH_MIN = 12.0
"""How much a first look must find: about as many sure characters."""
_WORTH_ENOUGH = 0.85
"""Which share of a line's characters must be sure to look no further."""
_PLACES = WIDTH_PX // PITCH_PX
"""How many characters a picture has room for: those of the longest line, and a few on either side."""
_LINE_SCORE_MIN = -0.35
"""The same of a line from which it is taken for read."""
_SCORE_MIN = -0.5
"""Mean log likelihood of characters from which a zone is told whose check digits do not hold."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class ZoneSeen:
    """A zone as it was seen.

    zone: None where its characters are too uncertain. rows: of each line its characters. middles: of each line (N, 2), where they
    are, in the picture. pictures: of each line. pitch: mean distance of characters, in pixels of the picture.
    """

    zone: MachineReadableZone | None
    rows: tuple[Row, ...]
    middles: tuple[Floats, ...]
    pictures: tuple[NDArray[np.uint8], ...]
    pitch: float

    def __repr__(self) -> str:
        return "<ZoneSeen>"

    @property
    def score(self) -> float:
        """Mean log likelihood of its characters; 0 is certain."""
        return float(np.mean([row.score for row in self.rows]))

    @property
    def legible(self) -> bool:
        """Whether every line is, the holder's name, which no digit covers, among them."""
        return min(row.score for row in self.rows) > _LINE_SCORE_MIN

    @property
    def certain(self) -> bool:
        """Whether check digits confirm the fields that identify a document, and the composite digit where there is one."""
        zone = self.zone
        if zone is None or zone.composite_held is False:
            return False
        fields = (zone.document_number, zone.birth_date, zone.expiry_date)
        return all(field.standing is Standing.CHECKED for field in fields)

    def scaled(self, factor: float) -> "ZoneSeen":
        """In a picture that is so many times as large."""
        middles = tuple((points * np.float32(factor)) for points in self.middles)
        return replace(self, middles=middles, pitch=self.pitch * factor)


def read_block(pixels: NDArray[np.uint8], block: Block, reader: LineReader, today: date) -> ZoneSeen | None:
    """The zone that stands in a block; None where none does.

    pixels: (H, W, 3) RGB, in whose coordinates the block is.
    """
    best: ZoneSeen | None = None
    for look in _first_looks(pixels, block, reader):
        for seen in _readings(pixels, look, reader, today):
            if seen.certain:
                return seen
            if best is None or (seen.zone is not None, seen.score) > (best.zone is not None, best.score):
                best = seen
    return best


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """A block in one direction at one pitch, and how much its longest line says there."""

    block: Block
    pitch: float
    worth: float


def _first_looks(pixels: NDArray[np.uint8], block: Block, reader: LineReader) -> list[_Look]:
    """Both directions, each at the pitch that shows the most; the better one first, and none that shows little."""
    looks = []
    for turned in (block, block.turned()):
        line = turned.longest
        best = _Look(turned, 0.0, 0.0)
        for pitch in _pitches(line.length, block.pitch):
            row = Row.counted(reader.columns(straightened(pixels, line, _evenly(-3 * pitch, pitch), pitch)))
            if row.worth > best.worth:
                best = _Look(turned, pitch * row.step, row.worth)
            if row.worth >= _WORTH_ENOUGH * line.length / pitch:
                break
        looks.append(best)
    return sorted((look for look in looks if look.worth >= _WORTH_MIN), key=lambda look: -look.worth)


def _pitches(length: float, marked: float) -> list[float]:
    """Distances of characters to try: those of a whole line, and those near what the marks say where it is not whole."""
    kept: list[float] = []
    for pitch in (*(length / number for numbers in _LENGTHS.values() for number in numbers), *(marked * step for step in _STEPS)):
        if all(abs(pitch / other - 1) > 0.06 for other in kept):
            kept.append(pitch)
    return kept


def _evenly(start: float, pitch: float) -> Floats:
    """(WIDTH_PX,) how far along each column of a picture is that starts there."""
    return (start + (np.arange(WIDTH_PX, dtype=np.float32) + 0.5) * (pitch / PITCH_PX)).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """A line's picture in which characters stand evenly. along: (2 or 3,) polynomial from place to how far along the line."""

    line: Line
    along: NDArray[np.float64]
    picture: NDArray[np.uint8]
    logs: Floats

    @classmethod
    def of(cls, pixels: NDArray[np.uint8], line: Line, along: NDArray[np.float64], pitch: float, reader: LineReader) -> "_Grid":
        """The line with characters where the polynomial says."""
        place = (np.arange(WIDTH_PX) + 0.5) / PITCH_PX - 0.5
        picture = straightened(pixels, line, np.polyval(along, place).astype(np.float32), pitch)
        return cls(line, along, picture, reader.columns(picture))


def _readings(pixels: NDArray[np.uint8], look: _Look, reader: LineReader, today: date) -> Iterator[ZoneSeen]:
    """What each two or three neighbouring lines are, in the format that fits best; the best ones first."""
    lines = _completed(look)
    grids = _grids(pixels, lines, look.pitch, reader)
    held = [Row.held(grid.logs) for grid in grids]
    options = []
    for which in _neighbours(lines, look.pitch):
        for length in _LENGTHS[len(which)]:
            gains = [[_gain(held[index], length, start) for start in range(_PLACES - length + 1)] for index in which]
            options.append((*_starts(gains), length, which))
    options.sort(key=lambda option: -option[0])
    for _, starts, length, which in options[:_READINGS_MAX]:
        chosen = [grids[index] for index in which]
        rows = [Row.placed(grid.logs, start, length) for grid, start in zip(chosen, starts, strict=True)]
        seen = _seen(chosen, rows, look.pitch, today)
        beyond = max(
            float(held[index][side])
            for index, start in zip(which, starts, strict=True)
            for side in (start - 1, start + length)
            if 0 <= side < _PLACES
        )
        yield seen if beyond < _BEYOND_MAX else replace(seen, zone=None)


def _starts(gains: Sequence[Sequence[float]]) -> tuple[float, tuple[int, ...]]:
    """How much the lines hold together at best, and where each starts then: seen obliquely, the next one may start a place off."""
    best = -np.inf, (0,)
    for start in range(len(gains[0])):
        near = range(max(0, start - 1), min(len(gains[0]), start + 2))
        found = [max(near, key=lambda each, line=line: line[each] - 0.5 * abs(each - start)) for line in gains]
        gain = sum(line[each] for line, each in zip(gains, found, strict=True))
        if gain > best[0]:
            best = gain, tuple(found)
    return best


def _completed(look: _Look) -> list[Line]:
    """The block's lines, and those that would stand above and below, should they not have been found."""
    lines = list(look.block.lines)
    if len(lines) == 1:
        steps = [step * look.pitch for apart in _APART for step in (-2 * apart, -apart, apart, 2 * apart)]
        return sorted([lines[0], *(lines[0].beside(step) for step in steps)], key=lambda line: lines[0].seen(line.middle)[1])
    first, last = (one.seen(other.middle)[1] for one, other in ((lines[0], lines[1]), (lines[-2], lines[-1])))
    return [lines[0].beside(-first), *lines, lines[-1].beside(last)]


def _neighbours(lines: Sequence[Line], pitch: float) -> Iterator[tuple[int, ...]]:
    """Which lines may be two or three of one zone: those that stand evenly, and not too far apart."""
    at = [lines[0].seen(line.middle)[1] / pitch for line in lines]
    for i, j in combinations(range(len(lines)), 2):
        apart = at[j] - at[i]
        if 1.2 < apart < 3.4:
            yield i, j
            for k in range(j + 1, len(lines)):
                if 0.75 < (at[k] - at[j]) / apart < 1.33:
                    yield i, j, k


def _gain(held: Floats, length: int, start: int) -> float:
    """How well characters stand in these places, and none in the others."""
    inside = held[start : start + length].sum()
    return float(inside - 0.5 * (np.maximum(held, 0).sum() - np.maximum(held[start : start + length], 0).sum()))


def _grids(pixels: NDArray[np.uint8], lines: Sequence[Line], pitch: float, reader: LineReader) -> list[_Grid]:
    """The lines, each in a picture in which the same place is about the same column of the zone."""
    offsets = [lines[0].seen(line.start)[0] for line in lines]
    extent = min(offsets), max(lines[0].seen(line.end)[0] for line in lines)
    start = (sum(extent) - _PLACES * pitch) / 2
    logs = [reader.columns(straightened(pixels, line, _evenly(start - offset, pitch), pitch)) for line, offset in zip(lines, offsets, strict=True)]
    rows = [Row.counted(each) for each in logs]
    master = max(rows, key=lambda row: row.worth)
    curve = _curve(master, round(float(master.columns[0]) / PITCH_PX - 0.5))
    grids = []
    for line, offset in zip(lines, offsets, strict=True):
        along = curve * (pitch / PITCH_PX)
        along[-1] += start - offset
        grid = _Grid.of(pixels, line, along, pitch, reader)
        row = Row.counted(grid.logs)
        if len(row.columns) >= _OWN_MIN:  # its own distances, now that they are nearly known
            own = _curve(row, round(float(row.columns[0]) / PITCH_PX - 0.5))
            place = np.polyval(own, np.arange(_PLACES)) / PITCH_PX - 0.5
            grid = _Grid.of(pixels, line, np.polyfit(np.arange(_PLACES), np.polyval(along, place), 2), pitch, reader)
        grids.append(grid)
    return grids


def _curve(row: Row, first: int) -> NDArray[np.float64]:
    """The polynomial from place to column, in pixels, through a row's characters, the first of which is in that place."""
    count = len(row.columns)
    degree = 0 if count < 5 else 1 if count < 15 else 2
    sure = row.probability.max(axis=1) + 0.05
    if degree == 0:
        return np.array([PITCH_PX, float(row.columns[0]) - PITCH_PX * first])
    return np.polyfit(first + np.arange(count), row.columns, degree, w=sure)


def _seen(grids: Sequence[_Grid], rows: list[Row], pitch: float, today: date) -> ZoneSeen:
    zone = read_zone([row.candidates() for row in rows], today=today)
    middles = []
    for grid, row in zip(grids, rows, strict=True):
        along = np.polyval(grid.along, row.columns / PITCH_PX - 0.5)
        middles.append(np.array([grid.line.at(float(each)) for each in along], dtype=np.float32))
    seen = ZoneSeen(zone, tuple(rows), tuple(middles), tuple(grid.picture for grid in grids), pitch)
    return seen if seen.certain or seen.score >= _SCORE_MIN else replace(seen, zone=None)
