import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from visavis.evaluation.discard import FRACTIONS, discard_curves
from visavis.evaluation.scores import Comparisons
from visavis.face import MEASURES

THRESHOLD = 0.25


def pairs(score: NDArray[np.floating], images: int, seed: int = 0) -> Comparisons:
    first, second = np.random.default_rng(seed).integers(0, images, (2, len(score))).astype(np.int32)
    return Comparisons(first, second, score.astype(np.float32))


def only(mated: Comparisons, quality: NDArray[np.floating], measure: int = 1) -> list[float]:
    """The curve of one measure; no photo has any other."""
    every = np.full((len(quality), len(MEASURES)), np.nan, dtype=np.float32)
    every[:, measure] = quality
    (told,) = discard_curves(mated, every, THRESHOLD)
    assert told["measure"] == MEASURES[measure]
    curve: list[float] = told["fnmr"]
    assert len(curve) == len(FRACTIONS)
    return curve


def test_fractions() -> None:
    assert FRACTIONS[0] == 0
    assert FRACTIONS[-1] == 0.5
    assert len(FRACTIONS) == 26


@given(seed=st.integers(0, 2**32 - 1), images=st.integers(2, 400))
@settings(max_examples=40, deadline=None)
def test_without_ties_the_poorest_are_left_out_one_by_one(seed: int, images: int) -> None:
    random = np.random.default_rng(seed)
    quality = random.permutation(images).astype(np.float32)
    # each photo is the poorer one of one pair at most: it and the next better one
    order = np.argsort(quality).astype(np.int32)
    count = (images - 1) // 2 * 2 if images > 2 else 1
    score = random.choice([0.2, THRESHOLD, 0.3], count)
    mated = Comparisons(order[:count], order[1 : count + 1], score.astype(np.float32))
    curve = only(mated, quality)
    ordered = score < THRESHOLD  # already in the order of quality
    for fraction, value in zip(FRACTIONS, curve, strict=True):
        left_out = fraction * count
        if left_out == int(left_out):
            assert value == pytest.approx(ordered[int(left_out) :].mean())


@given(seed=st.integers(0, 2**32 - 1), levels=st.integers(1, 5), count=st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_ties_are_left_out_in_equal_shares(seed: int, levels: int, count: int) -> None:
    """As leaving out at random within a group does on average: its rate of misses stays what it is."""
    random = np.random.default_rng(seed)
    quality = random.integers(0, levels, 30).astype(np.float32)
    mated = pairs(random.choice([0.2, 0.3], count), 30, seed)
    curve = only(mated, quality)
    worse = np.minimum(quality[mated.first], quality[mated.second])
    missed = mated.score < THRESHOLD
    for fraction, value in zip(FRACTIONS, curve, strict=True):
        budget, kept, errors = fraction * count, 0.0, 0.0
        for level in range(levels):
            group = worse == level
            taken = min(budget, group.sum())
            budget -= taken
            kept += group.sum() - taken
            errors += (missed & group).sum() * (1 - taken / max(group.sum(), 1))
        assert value == pytest.approx(errors / kept, abs=1e-9)


def test_a_measure_that_tells_nothing_is_flat_on_average() -> None:
    random = np.random.default_rng(1)
    mated = pairs(random.choice([0.2, 0.3], 4000, p=[0.1, 0.9]), 3000)
    curves = np.array([only(mated, random.random(3000).astype(np.float32)) for _ in range(40)])
    np.testing.assert_allclose(curves.mean(axis=0), curves[0, 0], atol=0.004)
    assert curves[0, 0] == pytest.approx((mated.score < THRESHOLD).mean())


def test_a_measure_that_tells_everything_leaves_no_miss() -> None:
    random = np.random.default_rng(2)
    poor = random.random(1000) < 0.1
    mated = pairs(np.zeros(2000), 1000)
    missed = poor[mated.first] | poor[mated.second]
    mated = Comparisons(mated.first, mated.second, np.where(missed, 0.1, 0.5).astype(np.float32))
    curve = only(mated, np.where(poor, 5, 90))
    share = missed.mean()
    for fraction, value in zip(FRACTIONS, curve, strict=True):
        assert value == pytest.approx(max(share - fraction, 0) / (1 - fraction), abs=1e-9)
    assert curve[-1] == 0


def test_a_score_on_the_threshold_is_no_miss() -> None:
    assert only(pairs(np.full(10, THRESHOLD), 5), np.ones(5))[0] == 0


def test_comparisons_that_were_not_assessed_are_in_no_curve() -> None:
    mated = Comparisons(
        np.array([0, 0, 1], np.int32), np.array([1, 2, 2], np.int32), np.array([0.1, 0.1, 0.9], np.float32)
    )
    quality = np.full((3, len(MEASURES)), np.nan, dtype=np.float32)
    assert discard_curves(mated, quality, THRESHOLD) == []
    quality[:, 3] = [50, np.nan, 50]
    quality[:, 0] = [50, 60, 70]
    told = discard_curves(mated, quality, THRESHOLD)
    assert [(row["measure"], row["comparisons"]) for row in told] == [(MEASURES[0], 3), (MEASURES[3], 1)]
    assert told[1]["fnmr"][0] == 1.0


def test_without_mated_pairs_there_are_no_curves() -> None:
    empty = Comparisons(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))
    assert discard_curves(empty, np.ones((3, len(MEASURES)), np.float32), THRESHOLD) == []
