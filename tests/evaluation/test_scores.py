from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.evaluation.simulated import exact_vectors, people
from visavis.evaluation import scores
from visavis.evaluation.scores import (
    EDGES,
    STEPS,
    Comparisons,
    PairScores,
    all_pairs,
    bins,
    blocks,
    joined,
    listed_pairs,
)

Numbers = NDArray[np.int32]
Rows = list[tuple[int, int, float]]


def rows(pairs: Comparisons, *, ordered: bool = False) -> Rows:
    """Pairs as plain values, sorted; the lower number first unless the order of the two counts."""
    ends = zip(pairs.first.tolist(), pairs.second.tolist(), pairs.score.tolist(), strict=True)
    return sorted((a, b, score) if ordered else (min(a, b), max(a, b), score) for a, b, score in ends)


def brute(
    vectors: NDArray[np.float32], subject: Numbers, capture: Numbers | None, probes: NDArray[np.float32] | None = None
) -> tuple[Rows, NDArray[np.int64], Rows]:
    """Mated pairs, counts and non-mated pairs, one at a time in double precision."""
    count = len(subject)
    if probes is None:
        first, second = np.triu_indices(count, 1)
    else:
        first, second = np.nonzero(~np.eye(count, dtype=np.bool_))
    others = vectors if probes is None else probes
    score = np.sum(vectors[first].astype(np.float64) * others[second], axis=1)
    same = subject[first] == subject[second]
    held = same if capture is None else same & (capture[first] != capture[second])
    counts = np.zeros(len(EDGES), dtype=np.int64)
    for value in score[~same]:
        counts[min(max(int(np.floor(value * STEPS)) + STEPS, 0), 2 * STEPS)] += 1
    told = [
        (int(a), int(b), float(value)) for a, b, value in zip(first, second, np.clip(score, -1, 1), strict=True)
    ]  # fmt: skip
    mated, apart = ([told[number] for number in np.flatnonzero(chosen)] for chosen in (held, ~same))
    return sorted(mated), counts, sorted(apart)


def check(found: PairScores, expected: tuple[Rows, NDArray[np.int64], Rows], *, ordered: bool = False) -> None:
    mated, counts, apart = expected
    assert rows(found.mated, ordered=ordered) == mated
    np.testing.assert_array_equal(found.non_mated, counts)
    assert found.tail_from in EDGES
    assert rows(found.tail, ordered=ordered) == [row for row in apart if row[2] >= found.tail_from]


@given(
    subject=st.lists(st.integers(0, 6), max_size=45),
    capture=st.none() | st.integers(1, 3),
    chosen=st.booleans(),
    probes=st.booleans(),
    size=st.sampled_from([(1, 1), (4, 4), (3, 7), (5, 16), (1024, 4096)]),
    threads=st.sampled_from([1, 3]),
    tail_pairs=st.sampled_from([1, 5, 60, 300, 10**6]),
    seed=st.integers(0, 2**32 - 1),
)
@example([0] * 9, None, False, False, (3, 7), 1, 5, 0)  # one subject alone
@example(list(range(7)) * 6, None, False, True, (5, 16), 3, 60, 0)
@settings(max_examples=80, deadline=None)
def test_all_pairs_are_those_of_a_loop(
    subject: list[int],
    capture: int | None,
    chosen: bool,
    probes: bool,
    size: tuple[int, int],
    threads: int,
    tail_pairs: int,
    seed: int,
) -> None:
    random = np.random.default_rng(seed)
    of_image = np.array(subject, dtype=np.int32)
    count = len(of_image)
    vectors = exact_vectors(random, count)
    others = exact_vectors(random, count) if probes else None
    captures = None if capture is None else random.integers(0, capture, count).astype(np.int32)
    mask = random.random(count) < 0.7 if chosen else None
    done: list[int] = []
    with patch.multiple(scores, _ROWS=size[0], _COLUMNS=size[1]):
        found = all_pairs(
            vectors,
            of_image,
            captures,
            chosen=mask,
            probes=others,
            threads=threads,
            tail_pairs=tail_pairs,
            progress=done.append,
        )
    kept = np.arange(count) if mask is None else np.flatnonzero(mask)
    mated, counts, apart = brute(
        vectors[kept],
        of_image[kept],
        None if captures is None else captures[kept],
        None if others is None else others[kept],
    )
    mated, apart = (
        [(int(kept[a]), int(kept[b]), score) for a, b, score in part] for part in (mated, apart)
    )  # fmt: skip
    check(found, (mated, counts, apart), ordered=probes)
    total = len(kept) * (len(kept) - 1) // (1 if probes else 2)
    assert sum(done) == total
    assert found.times == (2 if probes else 1)
    if total <= tail_pairs:
        assert found.tail_from == -1
        assert len(found.tail) == found.non_mated.sum()


@pytest.mark.parametrize("threads", [1, 3])
def test_blocks_of_the_real_size(threads: int) -> None:
    random = np.random.default_rng(5)
    subject = random.integers(0, 400, scores._ROWS + 300).astype(np.int32)
    vectors = exact_vectors(random, len(subject))
    found = all_pairs(vectors, subject, threads=threads, tail_pairs=50_000)
    score = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    first, second = np.triu_indices(len(subject), 1)
    values = np.clip(score[first, second], -1, 1)
    others = values[subject[first] != subject[second]]
    np.testing.assert_array_equal(found.non_mated, np.histogram(others, [*EDGES, 2])[0])
    assert len(found.mated) == len(values) - len(others)
    np.testing.assert_array_equal(np.sort(found.tail.score), np.sort(others[others >= found.tail_from]))
    assert 40_000 < len(found.tail) <= 100_000


@pytest.mark.parametrize("threads", [1, 3])
def test_a_floor_that_was_judged_too_low_is_raised_on_the_way(threads: int) -> None:
    random = np.random.default_rng(6)
    subject = random.integers(0, 30, 90).astype(np.int32)
    vectors = exact_vectors(random, 90)
    with patch.multiple(scores, _ROWS=4, _COLUMNS=9, _tail_from=lambda *_: -1.0):
        found = all_pairs(vectors, subject, threads=threads, tail_pairs=300)
    check(found, brute(vectors, subject, None))
    assert found.tail_from > -1
    assert 300 <= len(found.tail) <= 600 + found.non_mated.max()


def test_the_floor_is_judged_by_a_sample() -> None:
    random = np.random.default_rng(7)
    subject = np.repeat(np.arange(300, dtype=np.int32), 2)
    vectors = people(random, [2] * 300)
    with patch.multiple(scores, _SAMPLE=200):
        found = all_pairs(vectors, subject, tail_pairs=5000)
    assert 3000 < len(found.tail) <= 10_000
    assert found.non_mated.sum() == 600 * 599 // 2 - 300
    assert len(found.tail) == found.non_mated[int(bins(np.array([found.tail_from]))[0]) :].sum()


def test_no_images_make_no_pairs() -> None:
    found = all_pairs(np.empty((0, 16), np.float32), np.empty(0, np.int32))
    assert (len(found.mated), len(found.tail), int(found.non_mated.sum())) == (0, 0, 0)


@pytest.mark.parametrize(
    ("score", "edge"), [(1.0, 1.0), (1 + 2**-10, 1.0), (-1.0, -1.0), (-1 - 2**-10, -1.0), (0.0, 0.0), (-(2**-12), -1 / STEPS)]
)  # fmt: skip
def test_scores_at_the_ends_and_on_edges(score: float, edge: float) -> None:
    """Rounding may carry a cosine a little beyond 1: it is kept, counted, and told as 1."""
    vectors = np.array([[1, 0], [score, 0]], dtype=np.float32)
    first, second = np.array([[0], [1]], dtype=np.int32)
    for found in (
        all_pairs(vectors, np.array([0, 1], dtype=np.int32)),
        listed_pairs(vectors, first, second, np.array([False])),
    ):
        assert EDGES[found.non_mated.argmax()] == edge
        assert found.non_mated.sum() == 1
        assert rows(found.tail) == [(0, 1, min(max(score, -1.0), 1.0))]
    mated = all_pairs(vectors, np.array([0, 0], dtype=np.int32))
    assert rows(mated.mated) == [(0, 1, min(max(score, -1.0), 1.0))]


def test_a_score_belongs_to_the_last_edge_that_it_reaches() -> None:
    edges = EDGES.astype(np.float32)
    np.testing.assert_array_equal(edges, EDGES)
    np.testing.assert_array_equal(bins(edges), np.arange(len(EDGES)))
    below = np.nextafter(edges, np.float32(-2))
    np.testing.assert_array_equal(bins(below), np.maximum(np.arange(len(EDGES)) - 1, 0))
    above = np.nextafter(edges, np.float32(2))
    np.testing.assert_array_equal(bins(above), np.arange(len(EDGES)))


@given(
    count=st.integers(0, 40), size=st.sampled_from([1, 4, 1024]), seed=st.integers(0, 2**32 - 1)
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_listed_pairs_are_those_of_a_loop(count: int, size: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors = exact_vectors(random, 12)
    first, second = random.integers(0, 12, (2, count)).astype(np.int32)
    mated = random.random(count) < 0.5
    with patch.multiple(scores, _ROWS=size):
        found = listed_pairs(vectors, first, second, mated)
    score = np.clip(np.sum(vectors[first].astype(np.float64) * vectors[second], axis=1), -1, 1)
    for part, chosen in ((found.mated, mated), (found.tail, ~mated)):
        np.testing.assert_array_equal(part.first, first[chosen])
        np.testing.assert_array_equal(part.second, second[chosen])
        np.testing.assert_array_equal(part.score, score[chosen])
    np.testing.assert_array_equal(found.non_mated, np.histogram(score[~mated], [*EDGES, 2])[0])
    assert found.tail_from == -1


def test_nothing_joined_is_nothing() -> None:
    assert len(joined([])) == 0
    assert joined([]).score.dtype == np.float32


@given(total=st.integers(0, 50), size=st.integers(1, 20))
def test_blocks_cover_everything_once(total: int, size: int) -> None:
    spans = list(blocks(total, size))
    assert [number for span in spans for number in range(span.start, span.stop)] == list(range(total))
    assert all(0 < span.stop - span.start <= size for span in spans)


def test_comparisons_are_silent() -> None:
    pairs = Comparisons(np.array([7], np.int32), np.array([8], np.int32), np.array([0.123], np.float32))
    assert "0.123" not in repr(pairs)
    assert "0.123" not in repr(PairScores(pairs, np.zeros(2049, np.int64), pairs, -1.0))
