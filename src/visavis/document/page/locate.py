"""Where the lines of a machine-readable zone are in a photo: at any turn, and without the page's edges.

A small network marks, cell by cell, what is in the middle of such a line; it knows them by their texture. Marks that touch are
pieces, pieces that lie in line are lines, and lines that lie above each other are blocks. Glare and fingers leave gaps. What a
block says, and which way up it is, is not known here. Coordinates are of the picture that is searched: x to the right, y down,
pixel i covering [i, i + 1).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import hypot
from threading import Lock

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.weights import CompiledModel, ModelCard, ModelStore

SEARCHED_PX = (1600, 1216)
"""(width, height) of the largest picture that is searched; larger ones are made smaller."""
_REDUCTIONS = (2, 4, 1)
"""Of that, in the order of search. The network marks print of 6 to 16 pixels a character in each."""
_CELL_PX = 2
_MARKED = (0.0, 1.5, 3.0)
"""Log odds from which a cell is marked: where marks of several lines touch, those that are surer."""
_PIECE, _PIECES_MAX, _AREA_MIN = 3.0, 80, 8
"""How many times as long as high the shortest piece is, how many are looked at, and the least area, in cells."""
_LINE = 14.0
"""How many times as long as its characters' distance a line is at least. They are 30, 36 or 44; some may be hidden."""
_GAP = 10.0
"""The widest gap in a line, the same."""
_APART = (1.2, 3.6)
"""Distance of two lines, the same: ICAO Doc 9303 has 1.67 on cards of the size TD1, and 2.5 elsewhere."""
_HEIGHT_MAX_PX = 16.0
"""The network marks no larger print; what is higher are lines that run together."""
_THICKNESS = 0.75
"""Height of what is marked, over the distance of characters."""
_BLOCKS_MAX = 4

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """The middle of a line of print: from `start` to `end`, (x, y), bent so that half-way it is `sag` to the right."""

    start: Point
    end: Point
    sag: float

    @property
    def length(self) -> float:
        """From end to end."""
        return hypot(self.end[0] - self.start[0], self.end[1] - self.start[1])

    @property
    def along(self) -> Point:
        """The unit vector from start to end."""
        return (self.end[0] - self.start[0]) / self.length, (self.end[1] - self.start[1]) / self.length

    def seen(self, point: Point) -> Point:
        """(how far along from the start, how far to the right of straight) the point is."""
        x, y = point[0] - self.start[0], point[1] - self.start[1]
        c, s = self.along
        return c * x + s * y, c * y - s * x

    @property
    def middle(self) -> Point:
        """Half-way, on the line."""
        return self.at(self.length / 2)

    def at(self, along: float, aside: float = 0.0) -> Point:
        """The point that is so far along from the start, and so far to the right of the middle there."""
        c, s = self.along
        share = along / self.length
        off = aside + 4 * share * (1 - share) * self.sag
        return self.start[0] + c * along - s * off, self.start[1] + s * along + c * off

    def beside(self, aside: float) -> "Line":
        """The line that runs so far to the right of it."""
        c, s = self.along
        (a, b), (d, e) = self.start, self.end
        return Line((a - s * aside, b + c * aside), (d - s * aside, e + c * aside), self.sag)

    def turned(self) -> "Line":
        """The same, from the other end."""
        return Line(self.end, self.start, -self.sag)

    def scaled(self, factor: float) -> "Line":
        """In a picture that is so many times as large."""
        (a, b), (c, d) = self.start, self.end
        return Line((a * factor, b * factor), (c * factor, d * factor), self.sag * factor)


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that may be a zone, all in one direction, the next one always to the right of the one before.

    longest: the one that was seen best. pitch: distance of characters, by the marks' height; it may be off by a third.
    """

    lines: tuple[Line, ...]
    longest: Line
    pitch: float

    def turned(self) -> "Block":
        """The same, upside down."""
        return Block(tuple(line.turned() for line in reversed(self.lines)), self.longest.turned(), self.pitch)

    def scaled(self, factor: float) -> "Block":
        """In a picture that is so many times as large."""
        lines = tuple(line.scaled(factor) for line in self.lines)
        return Block(lines, self.longest.scaled(factor), self.pitch * factor)


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """Marked cells, (N,) each, that make a bar."""

    x: NDArray[np.floating]
    y: NDArray[np.floating]
    line: Line
    height: float

    @classmethod
    def of(cls, x: NDArray[np.floating], y: NDArray[np.floating]) -> "_Piece":
        """The bar that fits these cells best."""
        mean_x, mean_y = float(x.mean()), float(y.mean())
        across_x, across_y = x - mean_x, y - mean_y
        angle = 0.5 * np.arctan2(2 * (across_x * across_y).mean(), (across_x**2).mean() - (across_y**2).mean())
        c, s = float(np.cos(angle)), float(np.sin(angle))
        along, aside = across_x * c + across_y * s, across_y * c - across_x * s
        low, high = float(along.min()) - 0.5 * _CELL_PX, float(along.max()) + 0.5 * _CELL_PX
        a, b, d = np.polyfit(along, aside, 2) if high - low > 3 * _CELL_PX else (0.0, 0.0, float(aside.mean()))
        height = float(np.sqrt(12 * (aside - (a * along**2 + b * along + d)).var() + _CELL_PX**2 / 4))
        ends = [(t, float((a * t + b) * t + d)) for t in (low, high)]
        start, end = ((mean_x + t * c - off * s, mean_y + t * s + off * c) for t, off in ends)
        return cls(x, y, Line(start, end, float(-a * (high - low) ** 2 / 4)), height)

    @property
    def straight(self) -> bool:
        """Whether it is as long, as slender and as straight as a piece of a line is."""
        if self.height > _HEIGHT_MAX_PX:
            return False
        return (
            self.line.length >= _PIECE * self.height
            and abs(self.line.sag) < 0.05 * self.line.length + 0.3 * self.height
        )

    def joined(self, other: "_Piece") -> "_Piece | None":
        """Both as one; None where they do not lie in line, or too far apart."""
        pitch = max(self.height, other.height) / _THICKNESS
        if not 0.55 < other.height / self.height < 1.8:
            return None
        ends = sorted(self.line.seen(end) for end in (other.line.start, other.line.end))
        gap = max(ends[0][0] - self.line.length, -ends[1][0])
        if gap > _GAP * pitch or max(abs(off) for _, off in ends) > 0.5 * pitch + 0.04 * (
            max(gap, 0) + other.line.length
        ):
            return None
        both = _Piece.of(np.concatenate([self.x, other.x]), np.concatenate([self.y, other.y]))
        return both if both.straight and both.height < 1.35 * max(self.height, other.height) else None


class LineFinder:
    """Finds blocks of lines. Safe to use from many threads; networks are compiled when they are first needed."""

    def __init__(self, store: ModelStore, card: ModelCard) -> None:
        self._store, self._card = store, card
        self._models: dict[int, CompiledModel] = {}
        self._lock = Lock()

    def find(self, grey: NDArray[np.uint8]) -> Iterator[tuple[Block, ...]]:
        """Blocks in a picture, (H, W), search by search: each finds print of other sizes, and the last one takes longest."""
        turned = grey.shape[0] > grey.shape[1]
        upright = np.ascontiguousarray(grey.T) if turned else grey  # mirrored: the marks do not care
        for reduction in _REDUCTIONS:
            width, height = (side // reduction for side in SEARCHED_PX)
            scale = min(width / upright.shape[1], height / upright.shape[0])
            odds = self._odds(upright, scale, reduction)
            yield tuple(block.scaled(1 / scale) for block in blocks(odds.T if turned else odds))

    def _odds(self, grey: NDArray[np.uint8], scale: float, reduction: int) -> NDArray[np.float32]:
        """(H, W) log odds of each cell that it is of a line."""
        width, height = (side // reduction for side in SEARCHED_PX)
        columns, rows = min(width, round(grey.shape[1] * scale)), min(height, round(grey.shape[0] * scale))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        batch = np.zeros((1, 1, height, width), dtype=np.float32)
        batch[0, 0, :rows, :columns] = cv2.resize(grey, (columns, rows), interpolation=how)
        batch[0, 0, :rows, :columns] /= 255
        batch[0, 0, :rows, :columns] -= 0.5
        (logits,) = self._model(reduction).run(batch)
        return np.asarray(logits[0, 0, : rows // _CELL_PX, : columns // _CELL_PX])

    def _model(self, reduction: int) -> CompiledModel:
        with self._lock:
            if reduction not in self._models:
                width, height = (side // reduction for side in SEARCHED_PX)
                network = self._store.network(self._card)
                self._models[reduction] = self._store.engine.compile(
                    network, (1, height, width), "float32", one_at_a_time=reduction == 1
                )
            return self._models[reduction]


def blocks(odds: NDArray[np.float32]) -> tuple[Block, ...]:
    """Blocks of lines by the log odds of cells, (H, W), in pixels; those of the longest lines first, at most four."""
    if min(odds.shape) < 2:
        return ()  # OpenCV's labelling reads beyond such
    left = _lines(sorted(_pieces(odds, 0, 0, 0), key=lambda piece: -piece.line.length))
    found: list[Block] = []
    while left and len(found) < _BLOCKS_MAX:
        found.append(_stack(left))
    return tuple(found)


def _pieces(odds: NDArray[np.float32], left: int, top: int, level: int) -> Iterator[_Piece]:
    """Marks that touch and make a bar, in a part of the picture that begins there, in cells."""
    marks = (odds > _MARKED[level]).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(marks, connectivity=8)
    for label in np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")[:_PIECES_MAX] + 1:
        x, y, width, height, area = map(int, stats[label])
        if area < _AREA_MIN:
            break
        inside = labels[y : y + height, x : x + width] == label
        rows, columns = np.nonzero(inside)
        piece = _Piece.of((columns + left + x + 0.5) * _CELL_PX, (rows + top + y + 0.5) * _CELL_PX)
        if piece.straight:
            yield piece
        elif level + 1 < len(_MARKED):
            part = np.where(inside, odds[y : y + height, x : x + width], np.float32(-99))
            yield from _pieces(part, left + x, top + y, level + 1)


def _lines(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Pieces that lie in line, joined; the longest first."""
    left = list(pieces)
    lines = []
    while left:
        piece = left.pop(0)
        joins = True
        while joins:
            joins = False
            for other in left:
                both = piece.joined(other)
                if both is not None:
                    piece, joins = both, True
                    left.remove(other)
                    break
        if piece.line.length >= _LINE * piece.height / _THICKNESS:
            lines.append(piece)
    return sorted(lines, key=lambda line: -line.line.length)[:24]


def _stack(lines: list[_Piece]) -> Block:
    """The longest line with those above and below it, which are taken out of the list."""
    first = lines.pop(0)
    pitch = first.height / _THICKNESS
    beside = [(0.0, first)]
    for direction in (1, -1):
        last = 0.0
        for off, other in sorted(((first.line.seen(other.line.middle)[1], other) for other in lines),
                                 key=lambda each: direction * each[0]):  # fmt: skip
            apart = direction * (off - last) / pitch
            if _APART[0] < apart < _APART[1] and _beside(first, other):
                beside.append((off, other))
                last = off
    for _, piece in beside[1:]:
        lines.remove(piece)
    ordered = [piece.line for _, piece in sorted(beside, key=lambda each: each[0])][-4:]
    c, s = first.line.along
    same = [line if line.along[0] * c + line.along[1] * s > 0 else line.turned() for line in ordered]
    longest = first.line
    same = [
        line if line.length > 0.7 * longest.length else longest.beside(longest.seen(line.middle)[1]) for line in same
    ]
    return Block(tuple(same), longest, float(np.median([piece.height for _, piece in beside])) / _THICKNESS)


def _beside(line: _Piece, other: _Piece) -> bool:
    """Whether both have about the same direction, height and extent."""
    (a, b), (c, d) = line.line.along, other.line.along
    ends = sorted(line.line.seen(end)[0] for end in (other.line.start, other.line.end))
    shared = min(ends[1], line.line.length) - max(ends[0], 0)
    return abs(a * d - b * c) < 0.1 and 0.6 < other.height / line.height < 1.6 and shared > 0.5 * line.line.length
