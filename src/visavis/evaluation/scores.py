"""All pairs of a data set, compared in blocks: exact counts over a grid of scores, and the few pairs that decide.

Five billion scores do not fit in memory, and need not: error rates follow from how many scores fall between the steps of a
grid. Kept one by one are the mated pairs, and the highest non-mated ones, on which every low FMR and its interval rest.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

STEPS = 1024
"""Steps of the grid to one of score. A power of two: scaling by it is exact, so a score never falls on an edge's wrong side."""
EDGES: NDArray[np.float64] = np.arange(-STEPS, STEPS + 1) / STEPS
"""(2049,) the grid. A score belongs to the last edge that it reaches, and matches at every threshold up to that one."""

TAIL_PAIRS = 1_000_000
_ROWS, _COLUMNS = 1024, 4096
_SAMPLE = 3000
_NONE = -2.0 * STEPS
"""In place of a scaled score that does not count."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Comparisons:
    """first, second: (P,) int32 image numbers; score: (P,) float32 in [-1, 1]."""

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    score: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.score)

    def __getitem__(self, chosen: NDArray[np.bool_] | NDArray[np.intp] | slice) -> "Comparisons":
        return Comparisons(self.first[chosen], self.second[chosen], self.score[chosen])


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class PairScores:
    """What all comparisons of a data set came to.

    mated: every mated pair. non_mated: (2049,) int64, how many non-mated scores belong to each edge. tail: the non-mated
    pairs with scores of at least `tail_from`, which is an edge. times: how often each pair of images was compared; twice
    where references and probes differ, and each image of a pair was either.
    """

    mated: Comparisons
    non_mated: NDArray[np.int64]
    tail: Comparisons
    tail_from: float
    times: int = 1

    @property
    def non_mated_mean(self) -> float:
        """Of all non-mated scores, to half a step of the grid."""
        return float((self.non_mated * (EDGES + 0.5 / STEPS)).sum() / max(int(self.non_mated.sum()), 1))


def bins(score: NDArray[np.floating]) -> NDArray[np.intp]:
    """The number of the edge that each score belongs to."""
    return np.asarray(np.clip(np.floor(score * np.float32(STEPS)).astype(np.intp) + STEPS, 0, 2 * STEPS))


def all_pairs(
    vectors: NDArray[np.float32],
    subject: NDArray[np.int32],
    capture: NDArray[np.int32] | None = None,
    *,
    chosen: NDArray[np.bool_] | None = None,
    probes: NDArray[np.float32] | None = None,
    threads: int = 1,
    tail_pairs: int = TAIL_PAIRS,
    progress: Callable[[int], None] = lambda _: None,
) -> PairScores:
    """Compare every chosen image with every other.

    vectors: (N, d) float32, unit L2 norm. subject: (N,). capture: (N,); two images of one subject and capture are not
    compared. chosen: (N,), all by default. probes: (N, d) what stands for each image as a probe, where that differs; an
    image is not compared with its own.
    tail_pairs: about how many non-mated pairs are kept. progress: called with the count of pairs done anew.
    Memory: about 60 MB, 24 bytes an image pair that is kept, and the vectors twice.
    """
    numbers = np.arange(len(subject)) if chosen is None else np.flatnonzero(chosen)
    order = numbers[np.argsort(subject[numbers], kind="stable")].astype(np.int32)
    vectors, subject = np.ascontiguousarray(vectors[order]), subject[order]
    others = vectors if probes is None else np.ascontiguousarray(probes[order])
    tail_from = _tail_from(vectors, others, subject, tail_pairs)
    counts = np.zeros(2 * STEPS + 1, dtype=np.int64)
    mated: list[Comparisons] = []
    tail: list[Comparisons] = []
    kept = 0

    def block(place: tuple[int, int]) -> tuple[int, NDArray[np.int64], Comparisons, Comparisons]:
        return _block(vectors, others, subject, *place, tail_from)

    with ThreadPoolExecutor(threads) as pool:
        starts = ((row, row if probes is None else 0) for row in range(0, len(order), _ROWS))
        places = [(row, column) for row, first in starts for column in range(first, len(order), _COLUMNS)]
        for start in range(0, len(places), 2 * threads):
            for done, counted, same, high in pool.map(block, places[start : start + 2 * threads]):
                counts += counted
                mated.append(same)
                tail.append(high)
                kept += len(high)
                progress(done)
            if kept > 2 * tail_pairs:
                whole = joined(tail)
                tail_from = _edge(float(np.partition(whole.score, -tail_pairs)[-tail_pairs]))
                tail = [whole[whole.score >= np.float32(tail_from)]]
                kept = len(tail[0])
    pairs = _numbered(joined(mated), order)
    if capture is not None:
        pairs = pairs[capture[pairs.first] != capture[pairs.second]]
    times = 1 if probes is None else 2
    return PairScores(pairs, counts, _numbered(_from(joined(tail), tail_from), order), tail_from, times)


def listed_pairs(
    vectors: NDArray[np.float32], first: NDArray[np.int32], second: NDArray[np.int32], mated: NDArray[np.bool_]
) -> PairScores:
    """Compare the listed pairs alone. vectors: (N, d); first, second: (P,) numbers of its rows; mated: (P,)."""
    score = np.empty(len(first), dtype=np.float32)
    for start, stop in pairwise([*range(0, len(first), _ROWS), len(first)]):
        score[start:stop] = np.einsum("ij,ij->i", vectors[first[start:stop]], vectors[second[start:stop]])
    pairs = Comparisons(first, second, np.clip(score, -1, 1))
    others = pairs[~mated]
    counts = np.bincount(bins(others.score), minlength=2 * STEPS + 1).astype(np.int64)
    return PairScores(pairs[mated], counts, others, -1.0)


def joined(parts: list[Comparisons]) -> Comparisons:
    """One after another."""
    if not parts:
        return Comparisons(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))
    return Comparisons(*(np.concatenate([getattr(part, name) for part in parts]) for name in Comparisons.__slots__))


def _block(
    vectors: NDArray[np.float32],
    probes: NDArray[np.float32],
    subject: NDArray[np.int32],
    row: int,
    column: int,
    tail_from: float,
) -> tuple[int, NDArray[np.int64], Comparisons, Comparisons]:
    """How many pairs, their counts, the mated ones and the highest of the others; images are sorted by subject."""
    rows, columns = slice(row, row + _ROWS), slice(column, column + _COLUMNS)
    scaled = np.asarray((vectors[rows] * STEPS) @ probes[columns].T, dtype=np.float32)
    height, width = scaled.shape
    done = height * width
    if probes is not vectors:
        own = np.eye(height, width, row - column, dtype=np.bool_)
        scaled[own] = _NONE
        done -= int(own.sum())
    elif column == row:
        below = np.tri(height, width, dtype=np.bool_)
        scaled[below] = _NONE
        done -= int(below.sum())
    same = joined([])
    if subject[columns][0] <= subject[rows][-1] and subject[rows][0] <= subject[columns][-1]:
        mated = (subject[rows, None] == subject[None, columns]) & (scaled > _NONE)
        same = _taken(scaled, np.flatnonzero(mated), row, column)
        scaled[mated] = _NONE
    floor = tail_from * STEPS if tail_from > -1 else _NONE + 1  # which rounding does not carry a cosine of -1 under
    high = _taken(scaled, np.flatnonzero(scaled >= floor), row, column)
    np.floor(scaled, out=scaled)
    # as unsigned numbers negative scores wrap around; a count of 65,536 values is a table look-up in OpenCV, and exact in
    # the float32 that it counts in, since a block has fewer than 2**24 scores
    numbers = scaled.astype(np.int16).view(np.uint16)
    wrapped = cv2.calcHist([numbers], [0], None, [65536], [0, 65536]).ravel().astype(np.int64)
    counts = np.concatenate([wrapped[-STEPS:], wrapped[: STEPS + 1]])
    counts[-1] += wrapped[STEPS + 1 : STEPS + 8].sum()  # rounding may carry a cosine a little beyond 1,
    counts[0] += wrapped[-STEPS - 8 : -STEPS].sum()  # or below -1
    return done, counts, same, high


def _taken(scaled: NDArray[np.float32], flat: NDArray[np.intp], row: int, column: int) -> Comparisons:
    first, second = np.divmod(flat, scaled.shape[1])
    score = np.clip(scaled.ravel()[flat] / np.float32(STEPS), -1, 1).astype(np.float32)
    return Comparisons((first + row).astype(np.int32), (second + column).astype(np.int32), score)


def _tail_from(
    vectors: NDArray[np.float32], probes: NDArray[np.float32], subject: NDArray[np.int32], tail_pairs: int
) -> float:
    """The score that about so many non-mated pairs reach, judged by a sample of the images."""
    total = len(vectors) * (len(vectors) - 1) // (2 if probes is vectors else 1)
    if total <= tail_pairs:
        return -1.0
    chosen = np.random.default_rng(0).choice(len(vectors), min(_SAMPLE, len(vectors)), replace=False)
    score = vectors[chosen] @ probes[chosen].T
    others = score[subject[chosen, None] < subject[None, chosen]]
    return _edge(float(np.quantile(others, 1 - tail_pairs / total))) if others.size else -1.0


def _edge(score: float) -> float:
    return float(EDGES[bins(np.array([score], dtype=np.float32))[0]])


def _from(pairs: Comparisons, score: float) -> Comparisons:
    return pairs[pairs.score >= np.float32(score)]


def _numbered(pairs: Comparisons, order: NDArray[np.int32]) -> Comparisons:
    """The same pairs, under the numbers that the images had before they were sorted."""
    return Comparisons(order[pairs.first], order[pairs.second], pairs.score)


def blocks(total: int, size: int) -> Iterator[slice]:
    """Slices that cover `total` things, `size` at a time."""
    return (slice(start, min(start + size, total)) for start in range(0, total, size))
