"""Lines to characters: each line straightened, and read column by column by a small network that knows OCR-B.

The network says of every fourth column of a line which character stands in its middle, or that none does. Characters stand at
equal distances, and a format says how many there are, so their places are the row of columns that is best for them; what is held
possible at each is the network's answer there. `benchmarks/line_readers.py` has it beside a general recogniser.
"""

from dataclasses import dataclass
from math import log2
from threading import Lock

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.document.mrz import ALPHABET
from visavis.document.page.locate import Line
from visavis.weights import CompiledModel, ModelCard, ModelStore

HEIGHT_PX, WIDTH_PX, PITCH_PX = 32, 1024, 20
"""Of the picture of a line: its height, its width, and the distance of characters in it."""
_STRIDE = 4
_STEP = PITCH_PX // _STRIDE
"""Columns from one character to the next, nominally."""
_STEPS = (_STEP - 1, _STEP, _STEP + 1)
_UNEVEN = 0.7
"""What a step by another number of columns than nominal costs, in units of log likelihood."""
_SURE = 0.8
"""Probability from which a character is sure."""
_POSSIBLE, _CANDIDATES_MAX = 0.01, 6
"""Probability from which a character is held possible, and how many are, at the most."""
_NONE = len(ALPHABET)
_BASE, _AHEAD = 0.15, 0.5
"""In distances of characters, as the network was trained to have it: how far the middle of a picture is below the middle of
characters, and how far before a character's middle it says that it stands."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Row:
    """Characters of a line. probability: (N, 37) of each. places: (N,) where the network says that they stand, in distances of
    characters, from 0 for one that begins with the picture. shift: how far after these they stand on average; a place is the
    nearest column.

    worth: how much of a row it is: how many characters are sure, less a half for each that stands unevenly. score: mean log
    probability that the likeliest character stands there; 0 is certain.
    """

    probability: Floats
    places: Floats
    shift: float
    worth: float
    score: float

    def __repr__(self) -> str:
        return "<Row>"

    @classmethod
    def counted(cls, logs: Floats) -> "Row":
        """The characters of a line of unknown length: the row that is worth most, at least one."""
        stands = _standing(logs)
        best, back = stands.copy(), np.full(len(stands), -1)
        for column in range(len(stands)):
            for step in _STEPS:
                if column >= step:
                    value = best[column - step] - _UNEVEN * (step != _STEP)
                    if value > 0 and stands[column] + value > best[column]:
                        best[column], back[column] = stands[column] + value, column - step
        chosen = [int(best.argmax())]
        while (before := int(back[chosen[-1]])) >= 0:
            chosen.append(before)
        return cls._of(logs, np.array(chosen[::-1]))

    @classmethod
    def placed(cls, logs: Floats, start: int, length: int) -> "Row":
        """So many characters from that place on, in a picture where places are even; each may be up to two columns off."""
        stands = _standing(logs)
        reach = np.arange(-2, 3)
        nominal = ((np.arange(start, start + length) + 0.5) * _STEP - 0.5).round().astype(int)
        options = np.clip(nominal[:, None] + reach, 0, len(stands) - 1)
        value, back = stands[options[0]] - 0.1 * np.abs(reach), []
        for place in options[1:]:
            moves = value[:, None] - _UNEVEN * np.abs(reach[:, None] - reach)
            back.append(moves.argmax(axis=0))
            value = moves.max(axis=0) + stands[place] - 0.1 * np.abs(reach)
        path = [int(value.argmax())]
        for each in back[::-1]:
            path.append(int(each[path[-1]]))
        return cls._of(logs, options[np.arange(length), path[::-1]])

    @staticmethod
    def held(logs: Floats) -> Floats:
        """(places,) how much more likely a character stands in each place than none, in a picture where places are even."""
        stands = _standing(logs)
        middle = (np.arange(len(stands) // _STEP) * _STEP) + _STEP // 2
        return np.asarray(np.maximum.reduce([stands[middle - 1], stands[middle], stands[middle + 1]]), dtype=np.float32)

    @classmethod
    def _of(cls, logs: Floats, chosen: NDArray[np.intp]) -> "Row":
        near = np.clip(chosen[:, None] + (-1, 0, 1), 0, len(logs) - 1)
        # a geometric mean, so that a column that denies a character counts
        share = np.exp((logs[near] * np.array([0.25, 0.5, 0.25], dtype=np.float32)[:, None]).sum(axis=1))
        probability = share[:, :_NONE] / np.maximum(share[:, :_NONE].sum(axis=1, keepdims=True), 1e-9)
        likeliest = share[:, :_NONE].max(axis=1)
        around = chosen[:, None] + np.arange(-2, 3)
        stands = 1 - np.exp(logs[np.clip(around, 0, len(logs) - 1), _NONE])
        shift = float((stands * (around - chosen[:, None])).sum() / max(float(stands.sum()), 1e-3))
        return cls(
            probability.astype(np.float32),
            ((chosen + 0.5) / _STEP - 0.5).astype(np.float32),
            shift / _STEP,
            float((likeliest > _SURE).sum() - 0.5 * (np.diff(chosen) != _STEP).sum()),
            float(np.log(np.maximum(likeliest, 1e-6)).mean()),
        )

    @property
    def step(self) -> float:
        """The mean distance of characters, over what it is nominally."""
        return float(np.diff(self.places).mean()) if len(self.places) > 1 else 1.0

    @property
    def middles(self) -> Floats:
        """(N,) the same of the characters' middles."""
        return self.places + np.float32(self.shift + _AHEAD)

    def candidates(self) -> list[str]:
        """Of each place the characters that are held possible, the likeliest first."""
        order = np.argsort(-self.probability, axis=1, kind="stable")[:, :_CANDIDATES_MAX]
        return [
            "".join(ALPHABET[index] for rank, index in enumerate(row) if rank == 0 or share[index] >= _POSSIBLE)
            for row, share in zip(order, self.probability, strict=True)
        ]


class LineReader:
    """Reads pictures of lines. Safe to use from many threads."""

    def __init__(self, store: ModelStore, card: ModelCard) -> None:
        self._store, self._card = store, card
        self._model: CompiledModel | None = None
        self._lock = Lock()

    def columns(self, picture: NDArray[np.uint8]) -> Floats:
        """(WIDTH_PX / 4, 38) log probability of each character, and of none, in every fourth column of a line's picture."""
        low, high = np.percentile(picture[::2, ::2], (1, 99))
        batch = np.clip((picture.transpose(2, 0, 1)[None] - low) / max(high - low, 16.0), -0.5, 1.5).astype(np.float32)
        (logits,) = self._compiled().run(batch)
        logits = logits[0] - logits[0].max(axis=1, keepdims=True)
        return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)), dtype=np.float32)

    def _compiled(self) -> CompiledModel:
        with self._lock:
            if self._model is None:
                shape = (3, HEIGHT_PX, WIDTH_PX)
                self._model = self._store.engine.compile(
                    self._store.network(self._card), shape, "float32", one_at_a_time=True
                )
            return self._model


class Picture:
    """A picture, (H, W, 3) RGB, and what it is at half the size, at a quarter …, each made when it is first needed."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self._levels = [pixels]

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """At full size."""
        return self._levels[0]

    def halved(self, times: int) -> NDArray[np.uint8]:
        """At half the size, so many times over."""
        while len(self._levels) <= times:
            last = self._levels[-1]
            size = max(1, last.shape[1] // 2), max(1, last.shape[0] // 2)
            self._levels.append(np.asarray(cv2.resize(last, size, interpolation=cv2.INTER_AREA), dtype=np.uint8))
        return self._levels[times]


def straightened(
    picture: Picture, line: Line, along: Floats, pitch: float, off: Floats | float = 0.0
) -> NDArray[np.uint8]:
    """(HEIGHT_PX, WIDTH_PX, 3): a line's picture.

    along: (WIDTH_PX,) how far along the line each column is. pitch: distance of characters there. off: how far to the right of
    the line the middle of its characters is, in such distances, (WIDTH_PX,) or throughout. What is outside the picture is black.
    """
    share = along / line.length
    c, s = line.along
    aside = (np.arange(HEIGHT_PX, dtype=np.float32)[:, None] + 0.5 - HEIGHT_PX / 2) * (pitch / PITCH_PX)
    aside = aside + 4 * share * (1 - share) * line.sag + (_BASE + np.asarray(off)) * pitch
    # bilinear sampling alone would skip pixels where one of the line's covers two of the picture or more
    halvings = max(0, int(log2(max(pitch, 1e-3) / PITCH_PX)))
    pixels = picture.halved(halvings)
    scale = pixels.shape[1] / picture.pixels.shape[1]
    x = (line.start[0] + c * along[None, :] - s * aside) * scale - 0.5
    y = (line.start[1] + s * along[None, :] + c * aside) * scale - 0.5
    return np.asarray(cv2.remap(pixels, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR), dtype=np.uint8)


def _standing(logs: Floats) -> Floats:
    """(columns,) how much more likely each column is to be the middle of a character than not, bounded."""
    none = np.exp(logs[:, _NONE])
    raw = np.log((1 - none + 1e-3) / (none + 1e-3))
    padded = np.pad(raw, 1, mode="edge")
    return np.asarray(np.clip((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4, -4, 4), dtype=np.float32)
