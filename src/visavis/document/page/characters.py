"""Lines to characters: each line straightened, and read column by column by a small network that knows OCR-B.

The network says of every fourth column of a line which character stands in its middle, or that none does. Characters stand at
equal distances, and a format says how many there are, so the places are the row of columns that stand best for characters; what is
held possible at each is the network's answer there.
"""

from dataclasses import dataclass
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
_POSSIBLE = 0.01
"""Probability from which a character is held possible."""
_CANDIDATES_MAX = 6
_NONE = len(ALPHABET)
_BASE = 0.15
"""How far the middle of a picture is below the middle of characters, in their distances, as the network is used to it."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Row:
    """Characters of a line. probability: (N, 37) of each place. columns: (N,) where they stand in the line's picture, in pixels.

    worth: how much of a row it is: about the number of sure characters that stand evenly. score: mean log probability that the likeliest character
    stands there; 0 is certain.
    """

    probability: Floats
    columns: Floats
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
        return cls(
            probability.astype(np.float32),
            ((chosen + 0.5) * _STRIDE).astype(np.float32),
            float((likeliest**2).sum() - 0.5 * (np.diff(chosen) != _STEP).sum()),
            float(np.log(np.maximum(likeliest, 1e-6)).mean()),
        )

    @property
    def step(self) -> float:
        """The mean distance of characters, over what it is nominally."""
        return float(np.diff(self.columns).mean()) / PITCH_PX if len(self.columns) > 1 else 1.0

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
        low, high = np.percentile(picture, (1, 99))
        batch = np.clip((picture.transpose(2, 0, 1)[None] - low) / max(high - low, 16.0), -0.5, 1.5).astype(np.float32)
        (logits,) = self._compiled().run(batch)
        logits = logits[0] - logits[0].max(axis=1, keepdims=True)
        return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)), dtype=np.float32)

    def _compiled(self) -> CompiledModel:
        with self._lock:
            if self._model is None:
                shape = (3, HEIGHT_PX, WIDTH_PX)
                self._model = self._store.engine.compile(self._store.network(self._card), shape, "fastest")
            return self._model


def straightened(pixels: NDArray[np.uint8], line: Line, along: Floats, pitch: float) -> NDArray[np.uint8]:
    """(HEIGHT_PX, WIDTH_PX, 3): a line's picture.

    pixels: (H, W, 3) RGB, in whose coordinates the line is. along: (WIDTH_PX,) how far along the line each column is. pitch: distance
    of characters there.
    """
    share = along / line.length
    c, s = line.along
    middle = 4 * share * (1 - share) * line.sag
    aside = middle[None, :] + (np.arange(HEIGHT_PX, dtype=np.float32)[:, None] + 0.5 - HEIGHT_PX / 2) * (pitch / PITCH_PX)
    aside += _BASE * pitch
    x = line.start[0] + c * along[None, :] - s * aside
    y = line.start[1] + s * along[None, :] + c * aside
    left, top = max(0, int(x.min()) - 2), max(0, int(y.min()) - 2)
    right, bottom = min(pixels.shape[1], int(x.max()) + 3), min(pixels.shape[0], int(y.max()) + 3)
    if left >= right or top >= bottom:
        return np.zeros((HEIGHT_PX, WIDTH_PX, 3), dtype=np.uint8)
    region = pixels[top:bottom, left:right]
    scale = 1.0
    while pitch * scale >= 2 * PITCH_PX and min(region.shape[:2]) >= 2:  # bilinear sampling alone would skip pixels
        region = cv2.resize(region, (region.shape[1] // 2, region.shape[0] // 2), interpolation=cv2.INTER_AREA)
        scale /= 2
    map_x, map_y = (((each - first) * scale - 0.5).astype(np.float32) for each, first in ((x, left), (y, top)))
    drawn = cv2.remap(region, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(drawn, dtype=np.uint8)


def _standing(logs: Floats) -> Floats:
    """(columns,) how much more likely each column is to be the middle of a character than not, bounded."""
    none = np.exp(logs[:, _NONE])
    raw = np.log((1 - none + 1e-3) / (none + 1e-3))
    padded = np.pad(raw, 1, mode="edge")
    return np.asarray(np.clip((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4, -4, 4), dtype=np.float32)
