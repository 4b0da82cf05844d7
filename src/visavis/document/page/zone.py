"""A block of lines to the zone that stands there, and where each of its characters is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from visavis.document.mrz import MachineReadableZone, Standing, read_zone
from visavis.document.page.characters import PITCH_PX, WIDTH_PX, Floats, LineReader, Picture, Row, straightened
from visavis.document.page.locate import Block, Line

_LENGTHS = {3: (30,), 2: (44, 36)}
"""Characters a line, by the number of lines."""
_STEPS = (1.0, 0.85, 1.18, 0.72, 1.4)
"""How the distance of characters may be off that the marks of a line tell."""
_APART = (1.67, 2.5)
"""Distances of lines, in characters: on cards of the size TD1, and elsewhere (ICAO Doc 9303, parts 4 to 7)."""
_BEYOND_MAX = 3.0
"""Log odds of one more character beside a row's first or last: with it, the row is none of a format's, or was misread."""
_ALL_SURE = 0.97
"""Share of sure characters from which that does not count: edges and figures of holograms are taken for an I or an L."""
_OFF, _TOLD_MIN, _CENTRED, _CENTRINGS = 0.3, 8, 0.9, 3
"""Steps up and down, in distances of characters, at which a line is looked for that is seen badly; how many characters must tell;
which share of sure ones suffices; and how often it is looked for."""
_OWN_MIN = 15
"""Characters from which a line's own distances are told from those of the best line."""
_READINGS_MAX = 3
"""Choices of lines and formats that are read, the best ones first."""
_WORTH_MIN = 12.0
"""How much a first look must find: about as many sure characters."""
_TRIED, _HINT = 4, 3.0
"""After so many distances in vain, no other is tried: print of a zone shows so many sure characters at a wrong one too."""
_WORTH_ENOUGH = 0.85
"""Which share of a line's characters must be sure to look no further."""
_PLACES = WIDTH_PX // PITCH_PX
"""How many characters a picture has room for: those of the longest line, and a few on either side."""
_LINE_SCORE_MIN = -0.35
"""Mean log probability of a line's characters from which it is taken for read."""
_LIKE_ZONE = 0.5
"""Share of a line's characters that are sure in a zone, though it may not read."""
_SURE_MIN = 0.8
"""Share of sure characters from which a zone is told whose check digits do not hold."""


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
    def sure(self) -> float:
        """The share of its characters that are sure, to within their unevenness."""
        return sum(row.worth for row in self.rows) / sum(len(row.places) for row in self.rows)

    @property
    def read(self) -> bool:
        """Whether it is a zone whose characters are sure, so that nothing else needs to be tried."""
        return self.zone is not None and self.sure > _ALL_SURE

    @property
    def like_zone(self) -> bool:
        """Whether so many characters of each line are sure that it is a zone, though it may not read, and no other print."""
        return all(row.worth > _LIKE_ZONE * len(row.places) for row in self.rows)

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

    def overlaps(self, other: "ZoneSeen") -> bool:
        """Whether both are about the same place."""
        one, another = (np.concatenate(seen.middles) for seen in (self, other))
        apart = float(np.hypot(*(one.mean(axis=0) - another.mean(axis=0))))
        return apart < 0.25 * max(float(np.hypot(*np.ptp(points, axis=0))) for points in (one, another))

    def scaled(self, factor: float) -> "ZoneSeen":
        """In a picture that is so many times as large."""
        middles = tuple((points * np.float32(factor)) for points in self.middles)
        return replace(self, middles=middles, pitch=self.pitch * factor)


def read_block(picture: Picture, block: Block, reader: LineReader, today: date) -> ZoneSeen | None:
    """The zone that stands in a block; None where none does.

    picture: in whose coordinates the block is.
    """
    best: ZoneSeen | None = None
    for look in _first_looks(picture, block, reader):
        for seen in _readings(picture, look, reader, today):
            if seen.certain:
                return seen
            if best is None or seen.sure > best.sure:
                best = seen
        if best is not None and best.read:
            break
    return best


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """A block in one direction at one pitch, and how much its longest line says there."""

    block: Block
    pitch: float
    worth: float


def _first_looks(picture: Picture, block: Block, reader: LineReader) -> list[_Look]:
    """Both directions, each at the pitch that shows the most; the better one first, and none that shows little."""
    looks = []
    for turned in (block, block.turned()):
        line = turned.longest
        best = _Look(turned, 0.0, 0.0)
        for tried, pitch in enumerate(_pitches(line.length, block.pitch)):
            if tried == _TRIED and best.worth < _HINT:
                break
            row = Row.counted(reader.columns(straightened(picture, line, _evenly(-3 * pitch, pitch), pitch)))
            if row.worth > best.worth:
                best = _Look(turned, pitch * row.step, row.worth)
            if row.worth >= _WORTH_ENOUGH * line.length / pitch:
                break
        looks.append(best)
    return sorted((look for look in looks if look.worth >= _WORTH_MIN), key=lambda look: -look.worth)


def _pitches(length: float, marked: float) -> list[float]:
    """Distances of characters to try: those of a whole line, and those near what the marks say where it is not whole."""
    kept: list[float] = []
    for pitch in (
        *(length / number for numbers in _LENGTHS.values() for number in numbers),
        *(marked * step for step in _STEPS),
    ):
        if all(abs(pitch / other - 1) > 0.06 for other in kept):
            kept.append(pitch)
    return kept


def _evenly(start: float, pitch: float) -> Floats:
    """(WIDTH_PX,) how far along each column of a picture is that starts there."""
    return (start + (np.arange(WIDTH_PX, dtype=np.float32) + 0.5) * (pitch / PITCH_PX)).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """A line's picture in which characters stand evenly.

    along, off: polynomials from place to how far along the line it is, and how far off its middle (see `straightened`).
    """

    line: Line
    along: NDArray[np.float64]
    off: NDArray[np.float64]
    picture: NDArray[np.uint8]
    logs: Floats

    @classmethod
    def of(
        cls,
        picture: Picture,
        line: Line,
        along: NDArray[np.float64],
        pitch: float,
        reader: LineReader,
        off: Sequence[float] = (0.0,),
    ) -> "_Grid":
        """The line with characters where the polynomials say."""
        place = (np.arange(WIDTH_PX) + 0.5) / PITCH_PX - 0.5
        where = np.polyval(along, place).astype(np.float32)
        seen = straightened(picture, line, where, pitch, np.polyval(np.asarray(off), place).astype(np.float32))
        return cls(line, along, np.asarray(off), seen, reader.columns(seen))

    def centred(self, picture: Picture, pitch: float, reader: LineReader) -> "_Grid":
        """The same, moved up and down to where characters are seen best; itself where that is not told."""
        steps = (0.0, -2 * _OFF, -_OFF, _OFF, 2 * _OFF)
        moved = ([*self.off[:-1], self.off[-1] + step] for step in steps[1:])
        shifted = [self, *(_Grid.of(picture, self.line, self.along, pitch, reader, off) for off in moved)]
        held = np.array([Row.held(grid.logs) for grid in shifted])
        weight = np.exp(held - held.max(axis=0))
        best = (weight * np.array(steps)[:, None]).sum(axis=0) / weight.sum(axis=0)
        (told,) = np.nonzero(held.max(axis=0) > 0)
        if len(told) < _TOLD_MIN:
            return self
        fit = np.polyfit(told, best[told], 2 if len(told) > 2 * _TOLD_MIN else 1)
        off = np.polyadd(self.off, fit)
        return _Grid.of(picture, self.line, self.along, pitch, reader, off.tolist())


def _readings(picture: Picture, look: _Look, reader: LineReader, today: date) -> Iterator[ZoneSeen]:
    """What each two or three neighbouring lines are, in the format that fits best; the best ones first."""
    lines = _completed(look)
    grids = _grids(picture, lines, look.pitch, reader)
    options = [
        _Placed.best([grids[index] for index in which], length)
        for which in _neighbours(lines, look.pitch)
        for length in _LENGTHS[len(which)]
    ]
    options.sort(key=lambda option: -option.gain)
    for option in options[:_READINGS_MAX]:
        if option.gain <= 0.5 * options[0].gain:
            break
        placed, rows = option, option.rows
        for _ in range(_CENTRINGS):
            poor = [row.worth < _CENTRED * placed.length for row in rows]
            if not any(poor) or sum(row.worth for row in rows) < _WORTH_MIN * len(rows):
                break
            moved = [
                grid.centred(picture, look.pitch, reader) if is_poor else grid
                for grid, is_poor in zip(placed.grids, poor, strict=True)
            ]
            again = _Placed.best(moved, placed.length)
            again_rows = again.rows
            if sum(row.worth for row in again_rows) <= sum(row.worth for row in rows):
                break
            placed, rows = again, again_rows
        seen = _seen(placed.grids, rows, look.pitch, today)
        yield seen if placed.beyond < _BEYOND_MAX or seen.sure > _ALL_SURE else replace(seen, zone=None)


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """Lines of so many characters, where each starts, and how well characters stand in these places and in no others."""

    grids: Sequence[_Grid]
    length: int
    starts: tuple[int, ...]
    gain: float

    @classmethod
    def best(cls, grids: Sequence[_Grid], length: int) -> "_Placed":
        """Where they stand best."""
        held = [Row.held(grid.logs) for grid in grids]
        gains = [[_gain(line, length, start) for start in range(_PLACES - length + 1)] for line in held]
        gain, starts = _starts(gains)
        return cls(grids, length, starts, gain)

    @property
    def rows(self) -> list[Row]:
        """Of each line its characters."""
        return [Row.placed(grid.logs, start, self.length) for grid, start in zip(self.grids, self.starts, strict=True)]

    @property
    def beyond(self) -> float:
        """Log odds of the likeliest character just before or after one of the lines."""
        return max(
            float(Row.held(grid.logs)[side])
            for grid, start in zip(self.grids, self.starts, strict=True)
            for side in (start - 1, start + self.length)
            if 0 <= side < _PLACES
        )


def _starts(gains: Sequence[Sequence[float]]) -> tuple[float, tuple[int, ...]]:
    """How much the lines hold at best, and where each starts then: seen obliquely, the next one may start a place off."""
    best: tuple[float, tuple[int, ...]] = -np.inf, ()
    for start in range(len(gains[0])):
        near = range(max(0, start - 1), min(len(gains[0]), start + 2))
        found = [max((line[each] - 0.5 * abs(each - start), each) for each in near)[1] for line in gains]
        gain = sum(line[each] for line, each in zip(gains, found, strict=True))
        if gain > best[0]:
            best = gain, tuple(found)
    return best


def _completed(look: _Look) -> list[Line]:
    """The block's lines, and those that would stand above and below, should they not have been found."""
    lines = list(look.block.lines)
    if len(lines) == 1:
        steps = [step * look.pitch for apart in _APART for step in (-2 * apart, -apart, apart, 2 * apart)]
        return sorted(
            [lines[0], *(lines[0].beside(step) for step in steps)], key=lambda line: lines[0].seen(line.middle)[1]
        )
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


def _grids(picture: Picture, lines: Sequence[Line], pitch: float, reader: LineReader) -> list[_Grid]:
    """The lines, each in a picture in which the same place is about the same column of the zone."""
    offsets = [lines[0].seen(line.start)[0] for line in lines]
    extent = min(offsets), max(lines[0].seen(line.end)[0] for line in lines)
    start = (sum(extent) - _PLACES * pitch) / 2
    rows = [
        Row.counted(reader.columns(straightened(picture, line, _evenly(start - offset, pitch), pitch)))
        for line, offset in zip(lines, offsets, strict=True)
    ]
    curve = _curve(max(rows, key=lambda row: row.worth))
    enough = _CENTRED * max(row.worth for row in rows)
    grids = []
    for line, offset in zip(lines, offsets, strict=True):
        along = curve * pitch
        along[-1] += start - offset + pitch / 2
        grid = _Grid.of(picture, line, along, pitch, reader)
        row = Row.counted(grid.logs)
        for _ in range(_CENTRINGS):
            if not _TOLD_MIN <= row.worth < enough:
                break
            grid = grid.centred(picture, pitch, reader)
            row = Row.counted(grid.logs)
        if len(row.places) >= _OWN_MIN:  # its own distances, now that they are nearly known
            own = np.polyval(_curve(row), np.arange(_PLACES))
            fitted = np.polyfit(np.arange(_PLACES), np.polyval(along, own), 2)
            grid = _Grid.of(picture, line, fitted, pitch, reader, grid.off.tolist())
        grids.append(grid)
    return grids


def _curve(row: Row) -> NDArray[np.float64]:
    """The polynomial from even places to those of a row's characters, the first of which is in the nearest one."""
    first, count = round(float(row.places[0])), len(row.places)
    if count < 5:
        return np.array([1.0, float(row.places[0]) - first])
    return np.polyfit(
        first + np.arange(count), row.places, 1 if count < _OWN_MIN else 2, w=row.probability.max(axis=1) + 0.05
    )


def _seen(grids: Sequence[_Grid], rows: list[Row], pitch: float, today: date) -> ZoneSeen:
    zone = read_zone([row.candidates() for row in rows], today=today)
    middles = []
    for grid, row in zip(grids, rows, strict=True):
        along = np.polyval(grid.along, row.middles)
        off = np.polyval(grid.off, row.middles) * pitch
        at = [grid.line.at(float(a), float(b)) for a, b in zip(along, off, strict=True)]
        middles.append(np.array(at, dtype=np.float32))
    seen = ZoneSeen(zone, tuple(rows), tuple(middles), tuple(grid.picture for grid in grids), pitch)
    return seen if seen.certain or seen.sure >= _SURE_MIN else replace(seen, zone=None)
