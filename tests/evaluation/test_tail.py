from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.evaluation.simulated import Population, pair_scores
from visavis.evaluation.rates import Curves, curves, interval
from visavis.evaluation.scores import EDGES, PairScores
from visavis.evaluation.tail import FMR_MIN, with_tail

SCALE = 0.03


def of_others(score: NDArray[np.float64], subjects: int, replicates: int = 100) -> tuple[Curves, PairScores]:
    """One image a subject, and every pair of them with the next of these scores."""
    first, second = np.triu_indices(subjects, 1)
    scores = pair_scores(first, second, score[: len(first)], np.zeros(len(first), dtype=np.bool_))
    subject = np.arange(subjects, dtype=np.int32)
    compared = np.ones(subjects, dtype=np.bool_)
    return curves(scores, subject, compared=compared, replicates=replicates), scores


@cache
def exponential(seed: int) -> tuple[Curves, PairScores]:
    """120,000 non-mated scores, exponential above -0.2."""
    random = np.random.default_rng(seed)
    return of_others(np.minimum(random.exponential(SCALE, 124_750) - 0.2, 1), 500)


@pytest.mark.parametrize("seed", [1, 2, 3])
class TestExponentialScores:
    def test_are_recovered(self, seed: int) -> None:
        """Some 500 scores exceed the base; a scale from them is within three standard errors, 13 %."""
        curve, scores = exponential(seed)
        _, tail = with_tail(curve, scores)
        assert tail is not None
        assert 450 < tail.count <= 500
        assert tail.count == (scores.tail.score >= tail.from_score).sum()
        assert tail.scale == pytest.approx(SCALE, rel=3 / np.sqrt(tail.count))
        assert tail.shape == pytest.approx(0, abs=0.2)
        assert tail.extrapolated_below == 30 / curve.non_mated

    def test_are_continued_to_rates_that_no_data_show(self, seed: int) -> None:
        curve, scores = exponential(seed)
        continued, _ = with_tail(curve, scores)
        true = np.exp(-(EDGES + 0.2) / SCALE)
        beyond = (true < 1e-4) & (true > 2e-7)
        lower, upper = interval(continued.fmr, continued.fmr_replicates, curve.subjects)
        np.testing.assert_array_less(lower[beyond], true[beyond])
        np.testing.assert_array_less(true[beyond], upper[beyond])
        np.testing.assert_array_less(np.abs(np.log(continued.fmr[beyond] / true[beyond])), np.log(3))

    def test_the_continuation_joins_what_was_counted(self, seed: int) -> None:
        curve, scores = exponential(seed)
        continued, _ = with_tail(curve, scores)
        start = int(np.flatnonzero(curve.false_matches >= 30)[-1])
        np.testing.assert_array_equal(continued.fmr[: start + 1], curve.fmr[: start + 1])
        np.testing.assert_array_equal(continued.fmr_replicates[:, : start + 1], curve.fmr_replicates[:, : start + 1])
        step = -np.diff(np.log(continued.fmr[start:-1]))
        assert step.max() <= 1 / 1024 / SCALE * 1.3
        for name in ("fnmr", "fnmr_by_subject", "fnmr_replicates", "false_matches", "misses"):
            assert getattr(continued, name) is getattr(curve, name)

    def test_each_replicate_has_a_scale_of_its_own(self, seed: int) -> None:
        """Its own mean excess, the area under its curve: as uncertain as a mean of some 500 is, by 4.5 %."""
        curve, scores = exponential(seed)
        continued, tail = with_tail(curve, scores)
        assert tail is not None
        start = int(np.flatnonzero(continued.false_matches >= 30)[-1])
        falls = np.log(continued.fmr_replicates[:, start] / continued.fmr_replicates[:, start + 30])
        assert 0.02 < falls.std() / falls.mean() < 0.09
        base = int(np.searchsorted(EDGES, tail.from_score))
        area = curve.fmr_replicates[:, base:].sum(axis=1) / curve.fmr_replicates[:, base]
        expected = tail.scale * area / (curve.fmr[base:].sum() / curve.fmr[base])
        np.testing.assert_allclose(30 / 1024 / falls, expected, rtol=1e-9)

    def test_the_interval_contains_the_rate(self, seed: int) -> None:
        continued, _ = with_tail(*exponential(seed))
        lower, upper = interval(continued.fmr, continued.fmr_replicates, 500)
        assert np.all(lower <= continued.fmr * (1 + 1e-9))
        assert np.all(continued.fmr <= upper * (1 + 1e-9))


def check(curve: Curves, continued: Curves) -> None:
    for rates in (continued.fmr[None], continued.fmr_replicates):
        assert rates.min() >= FMR_MIN
        assert rates.max() <= 1
        assert np.all(np.diff(rates, axis=1) <= 0)
    assert continued.non_mated == curve.non_mated


@given(
    kind=st.sampled_from(["normal", "uniform", "narrow", "two values", "heavy", "outliers"]),
    subjects=st.integers(2, 60),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_rates_fall_whatever_the_scores_are(kind: str, subjects: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    count = subjects * (subjects - 1) // 2
    score = {
        "normal": random.normal(0, 0.1, count),
        "uniform": random.uniform(-1, 1, count),
        "narrow": random.normal(0.9, 1e-4, count),
        "two values": random.choice([0.1, 0.9], count),
        "heavy": random.pareto(2, count) / 20,
        "outliers": np.where(random.random(count) < 0.001, 0.99, random.normal(0, 1e-3, count)),
    }[kind]
    curve, scores = of_others(np.clip(score, -1, 1), subjects, replicates=20)
    continued, tail = with_tail(curve, scores)
    if tail is None:
        assert continued is curve
        return
    check(curve, continued)
    assert tail.scale > 0
    assert np.isfinite(tail.shape)


def test_the_shape_is_that_of_probability_weighted_moments() -> None:
    """Hosking and Wallis (1987), with the plotting positions (i - 0.35) / n."""
    curve, scores = of_others(np.random.default_rng(7).normal(0, 0.1, 300), 25, replicates=5)
    _, tail = with_tail(curve, scores)
    assert tail is not None
    excess = sorted(score - tail.from_score for score in scores.tail.score.tolist() if score >= tail.from_score)
    n = len(excess)
    first = sum(excess) / n
    second = sum(value * (1 - (i - 0.35) / n) for i, value in enumerate(excess, 1)) / n
    assert tail.scale == pytest.approx(first)
    assert tail.shape == pytest.approx(2 - first / (first - 2 * second), rel=1e-5)


@pytest.mark.parametrize("shape", [-0.3, 0.3])
def test_the_shape_says_where_an_exponential_does_not_describe_the_data(shape: float) -> None:
    random = np.random.default_rng(4)
    excess = SCALE * (random.random(124_750) ** -shape - 1) / shape  # a generalised Pareto distribution
    curve, scores = of_others(np.minimum(excess - 0.2, 1), 500, replicates=5)
    _, tail = with_tail(curve, scores)
    assert tail is not None
    assert tail.shape == pytest.approx(shape, abs=0.2)


@pytest.mark.parametrize(("score", "subjects"), [(0.3, 60), (-1.0, 60), (1.0, 60), (0.3, 8), (0.3, 2)])
def test_too_little_is_left_as_it_is(score: float, subjects: int) -> None:
    """Scores that are all the same have no tail, and fewer than 30 show none."""
    curve, scores = of_others(np.full(1770, score), subjects, replicates=5)
    continued, tail = with_tail(curve, scores)
    assert tail is None
    assert continued is curve


def test_fewer_than_30_pairs_have_no_tail() -> None:
    random = np.random.default_rng(5)
    curve, scores = of_others(random.normal(0, 0.1, 28), 8, replicates=5)
    assert with_tail(curve, scores) == (curve, None)


def test_subjects_that_err_more_widen_the_interval() -> None:
    widths = []
    for shared in (0.0, 0.05):
        population = Population(200, (2,), shared=shared)
        scores, subject = population.draw(6)
        curve = curves(scores, subject, compared=np.ones(len(subject), dtype=np.bool_), replicates=200)
        continued, tail = with_tail(curve, scores)
        assert tail is not None
        edge = int(np.flatnonzero(continued.fmr > 2e-5)[-1])
        lower, upper = interval(continued.fmr[edge], continued.fmr_replicates[:, edge], curve.subjects)
        widths.append(np.log(upper / lower))
    assert widths[1] > 1.5 * widths[0]
