from collections import defaultdict
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import det_curve, roc_curve

from tests.conftest import LONG
from tests.evaluation.simulated import Population, pair_scores
from visavis.evaluation import rates
from visavis.evaluation.rates import (
    Curves,
    at_edge,
    at_fmr,
    curves,
    drawn_subjects,
    equal_error,
    first_at_most,
    interval,
    rate,
)
from visavis.evaluation.scores import EDGES, STEPS, Comparisons, PairScores, bins, joined

DATASETS = 500 if LONG else 60

VARIED = Population(60, (2, 3, 5), shared=0.04, own=0.06, easier=0.02)
POPULATIONS = {
    "independent pairs": (Population(100, (3,)), 0.92),
    "some subjects err more": (Population(150, (2,), shared=0.03, own=0.06), 0.92),
    "and have more photos": (Population(200, (2, 3, 5), shared=0.03, own=0.05, easier=0.02), 0.91),
    "few subjects, who make most errors": (Population(80, (2, 3, 5), shared=0.05, own=0.05, easier=0.02), 0.8),
}
"""With the share of intervals that hold the truth at least. Of few subjects some samples have none of those who make most
errors, and no interval can tell."""


def curves_of(population: Population, seed: int = 1, replicates: int = 50) -> tuple[Curves, PairScores]:
    scores, subject = population.draw(seed)
    compared = np.ones(len(subject), dtype=np.bool_)
    return curves(scores, subject, compared=compared, replicates=replicates, seed=seed), scores


def labelled(scores: PairScores) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Whether mated, and the score, of all pairs."""
    mated = np.repeat([True, False], [len(scores.mated), len(scores.tail)])
    return mated, np.concatenate([scores.mated.score, scores.tail.score])


@pytest.fixture(scope="module", params=[1, 2])
def both(request: pytest.FixtureRequest) -> tuple[Curves, PairScores]:
    return curves_of(VARIED, request.param)


class TestAgainstScikitLearn:
    """The rates are those of an implementation that has nothing in common with ours."""

    def test_roc_at_every_edge(self, both: tuple[Curves, PairScores]) -> None:
        curve, scores = both
        fpr, tpr, thresholds = roc_curve(*labelled(scores), drop_intermediate=False)
        reached = np.searchsorted(-thresholds, -EDGES, side="right") - 1  # the lowest threshold that is no lower
        np.testing.assert_allclose(curve.fmr, fpr[reached], atol=1e-9)
        np.testing.assert_allclose(curve.fnmr, 1 - tpr[reached], atol=1e-9)

    def test_det_at_every_edge_that_a_score_belongs_to(self, both: tuple[Curves, PairScores]) -> None:
        curve, scores = both
        mated, score = labelled(scores)
        fpr, fnr, thresholds = det_curve(mated, EDGES[bins(score)])
        finite = np.isfinite(thresholds)
        edge = bins(thresholds[finite])
        assert len(edge) > 50
        np.testing.assert_allclose(curve.fmr[edge], fpr[finite], atol=1e-9)
        np.testing.assert_allclose(curve.fnmr[edge], fnr[finite], atol=1e-9)

    def test_equal_error_is_where_the_lines_cross(self, both: tuple[Curves, PairScores]) -> None:
        curve, scores = both
        mated, score = labelled(scores)
        fpr, tpr, thresholds = roc_curve(mated, EDGES[bins(score)], drop_intermediate=False)
        reached = np.searchsorted(-thresholds, -EDGES, side="right") - 1
        lines = EDGES, fpr[reached], 1 - tpr[reached]
        low, high = -1.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            above = np.interp(middle, *lines[:2]) > np.interp(middle, lines[0], lines[2])
            low, high = (middle, high) if above else (low, middle)
        value, threshold = equal_error(curve.fmr, curve.fnmr)
        assert threshold == pytest.approx(low, abs=1e-9)
        assert value == pytest.approx(float(np.interp(low, *lines[:2])), abs=1e-9)

    def test_equal_error_is_that_of_the_scores_within_a_step(self, both: tuple[Curves, PairScores]) -> None:
        curve, scores = both
        fpr, tpr, _ = roc_curve(*labelled(scores), drop_intermediate=False)
        crossing = int(np.argmax(fpr >= 1 - tpr))
        value, threshold = equal_error(curve.fmr, curve.fnmr)
        edge = int(bins(np.array([threshold]))[0])
        lowest, highest = sorted((fpr[crossing], 1 - tpr[crossing]))
        assert min(curve.fmr[edge + 1], curve.fnmr[edge]) <= highest
        assert max(curve.fmr[edge], curve.fnmr[edge + 1]) >= lowest
        assert value == pytest.approx((lowest + highest) / 2, abs=0.005)


class TestRates:
    """Each figure against its definition, counted."""

    @pytest.mark.parametrize("target", [0.3, 1e-2, 1e-3, 1e-4, 1e-6])
    def test_at_an_fmr(self, both: tuple[Curves, PairScores], target: float) -> None:
        curve, scores = both
        told = at_fmr(curve, target)
        threshold = told["threshold"]
        missed = scores.mated.score < threshold
        matched = int((scores.tail.score >= threshold).sum())
        assert matched <= target * len(scores.tail) < (scores.tail.score >= threshold - 1 / STEPS).sum()
        assert told["fmr_target"] == target
        assert told["supported"] == (target * len(scores.tail) >= 30)
        assert (told["fmr"]["errors"], told["fmr"]["trials"]) == (matched, len(scores.tail))
        assert told["fmr"]["value"] == (matched / len(scores.tail) or None)
        assert (told["fnmr"]["errors"], told["fnmr"]["trials"]) == (missed.sum(), len(missed))
        assert told["fnmr"]["value"] == pytest.approx(missed.mean() or None)
        for name in ("fmr", "fnmr", "fnmr_subject_weighted"):
            value = told[name]
            assert value["supported"] == (value["errors"] >= 30)
            assert 0 <= value["lower"] <= (value["value"] or 0) <= value["upper"] <= 1

    @pytest.mark.parametrize("edge", [0, 1200, 1450, 1600, 2048])
    def test_each_subject_weighs_the_same(self, edge: int) -> None:
        scores, subject = VARIED.draw(4)
        curve, _ = curves_of(VARIED, 4)
        own = defaultdict(list)
        for number, score in zip(subject[scores.mated.first], scores.mated.score, strict=True):
            own[number].append(score < EDGES[edge])
        mean = np.mean([np.mean(missed) for missed in own.values()])
        assert curve.fnmr_by_subject[edge] == pytest.approx(mean, abs=1e-12)
        assert curve.mated_subjects == len(own) == 60

    def test_counts(self, both: tuple[Curves, PairScores]) -> None:
        curve, scores = both
        assert (curve.mated, curve.non_mated) == (len(scores.mated), len(scores.tail))
        assert (curve.subjects, curve.false_matches[0], curve.misses[0]) == (60, curve.non_mated, 0)
        for edge in range(0, len(EDGES), 37):
            assert curve.false_matches[edge] == (scores.tail.score >= EDGES[edge]).sum()
            assert curve.misses[edge] == (scores.mated.score < EDGES[edge]).sum()

    def test_images_that_were_not_compared_count_for_nothing(self) -> None:
        scores, subject = VARIED.draw(5)
        compared = np.ones(len(subject), dtype=np.bool_)
        known = curves(scores, subject, compared=compared, replicates=20)
        padded = np.concatenate([subject + 3, np.arange(3, dtype=np.int32), np.array([3], np.int32)])
        wider = curves(scores, padded, compared=np.concatenate([compared, [False] * 4]), replicates=20)
        for name in Curves.__slots__:
            np.testing.assert_array_equal(getattr(known, name), getattr(wider, name))

    def test_a_list_of_pairs(self) -> None:
        """The subjects are those in it, and each one's trials are the pairs that it is in."""
        scores, subject = VARIED.draw(6)
        random = np.random.default_rng(6)
        few = scores.tail[np.sort(random.choice(len(scores.tail), 2000, replace=False))]
        listed = PairScores(scores.mated, np.bincount(bins(few.score), minlength=2049).astype(np.int64), few, -1.0)
        curve = curves(listed, subject, compared=None, replicates=400)
        whole = curves(scores, subject, compared=np.ones(len(subject), np.bool_), replicates=400)
        assert (curve.subjects, curve.non_mated) == (60, 2000)
        edge = whole.threshold(0.1)
        widths = [np.log(c.fmr_replicates[:, edge]).std() for c in (curve, whole)]
        # 200 errors of 2000 add a deviation of 0.067 of their own
        assert np.hypot(widths[1], 0.067) == pytest.approx(widths[0], rel=0.25)


class TestInterval:
    @pytest.mark.parametrize("name", POPULATIONS if LONG else ["small"])
    @pytest.mark.soak
    def test_covers_the_truth(self, name: str) -> None:
        """In 95 of 100 data sets, and without being wider than it must be."""
        if LONG:
            (population, least), most = POPULATIONS[name], 0.98
        else:  # with a probability of 99.9 %, 49 or more of 60 intervals hold a truth that 92 of 100 do
            population, least, most = Population(80, (2, 3), shared=0.02, own=0.05, easier=0.03), 49 / 60, 1.0
        true_fmr, true_fnmr, by_subject = population.fmr(), population.fnmr(), population.fnmr(by_subject=True)
        points = [("fmr", true_fmr, first_at_most(true_fmr, target)) for target in (0.1, 0.01, 0.003)]
        points += [("fnmr", true_fnmr, int(np.searchsorted(true_fnmr, miss))) for miss in (0.1, 0.05)]
        points += [
            ("fnmr_subject_weighted", by_subject, int(np.searchsorted(by_subject, miss))) for miss in (0.1, 0.05)
        ]
        assert abs(true_fnmr - by_subject).max() > 0.02 or not population.easier
        held: dict[str, list[bool]] = defaultdict(list)
        estimates, widths = defaultdict(list), defaultdict(list)
        for seed in range(DATASETS):
            curve, _ = curves_of(population, seed, replicates=400 if LONG else 200)
            for rate_name, truth, edge in points:
                label = f"{rate_name} {truth[edge]:.2g}"
                told = at_edge(curve, edge)[rate_name]
                held[label].append(told["lower"] <= truth[edge] <= told["upper"])
                estimates[label].append(told["value"] or 0.0)
                widths[label].append(told["upper"] - told["lower"])
        covered = {label: round(float(np.mean(values)), 3) for label, values in held.items()}
        wide = {label: round(float(np.mean(widths[label]) / (3.92 * np.std(estimates[label]))), 2) for label in held}
        figures = f"{name}: of {DATASETS} covered {covered}, width over 3.92 deviations {wide}"
        print(figures)  # noqa: T201 - what a long run is for
        assert all(least <= share <= most for share in covered.values()), figures
        assert all(0.75 <= ratio <= 1.3 for ratio in wide.values()), figures

    def test_is_the_same_for_a_seed_and_another_for_another(self) -> None:
        scores, subject = VARIED.draw(1)
        compared = np.ones(len(subject), dtype=np.bool_)
        one, again, other = (curves(scores, subject, compared=compared, replicates=40, seed=s) for s in (7, 7, 8))
        for name in ("fmr_replicates", "fnmr_replicates", "fnmr_by_subject_replicates"):
            np.testing.assert_array_equal(getattr(one, name), getattr(again, name))
            assert not np.array_equal(getattr(one, name), getattr(other, name))

    def test_reaches_as_far_as_students_t(self) -> None:
        """On the scale of the logit, where a rate p that spreads by s spreads by s / (p (1 - p))."""
        replicates = 0.2 + 0.01 * np.tile([-1.0, 1.0], 500)
        for subjects, t in ((10, 2.262), (30, 2.045), (100, 1.984), (10_000, 1.960)):
            expected = t * 0.01 * np.sqrt(subjects / (subjects - 1)) / 0.16
            for bound, sign in zip(interval(0.2, replicates, subjects), (-1, 1), strict=True):
                assert np.log(bound / (1 - bound)) - np.log(0.25) == pytest.approx(sign * expected, rel=0.02)
        assert np.all(np.isfinite(interval(0.2, replicates, 1)))

    def test_stays_within_0_and_1(self) -> None:
        for value in (0.0, 1e-300, 1e-7, 0.5, 1 - 1e-7, 1.0):
            for replicates in (np.full(9, value), np.linspace(0, 1, 9)):
                lower, upper = interval(value, replicates, 4)
                assert 0 <= lower <= value + 1e-11
                assert value - 1e-11 <= upper <= 1

    def test_each_draw_is_of_as_many_subjects(self) -> None:
        draws = drawn_subjects(30, 500, 3)
        assert draws.shape == (500, 30)
        np.testing.assert_array_equal(draws.sum(axis=1), 30)
        np.testing.assert_allclose(draws.mean(axis=0), 1, atol=0.2)
        assert draws.var() == pytest.approx(29 / 30, rel=0.05)

    @pytest.mark.parametrize("at_once", [1, 3, 60])
    def test_does_not_depend_on_how_many_subjects_are_counted_at_once(self, at_once: int) -> None:
        known, _ = curves_of(VARIED)
        with patch.object(rates, "_SUBJECTS_AT_ONCE", at_once):
            chunked, _ = curves_of(VARIED)
        np.testing.assert_allclose(chunked.fmr_replicates, known.fmr_replicates, rtol=1e-12)
        np.testing.assert_array_equal(chunked.fnmr_replicates, known.fnmr_replicates)
        np.testing.assert_allclose(chunked.fnmr_by_subject_replicates, known.fnmr_by_subject_replicates, atol=2e-7)

    def test_replicates_are_rates(self) -> None:
        curve, _ = curves_of(VARIED)
        for replicates, sign in (
            (curve.fmr_replicates, -1),
            (curve.fnmr_replicates, 1),
            (curve.fnmr_by_subject_replicates, 1),
        ):
            assert replicates.shape == (50, 2049)
            assert replicates.min() >= 0
            assert replicates.max() <= 1
            assert np.all(sign * np.diff(replicates, axis=1) >= -1e-7)

    def test_replicates_of_many_pairs_are_rates(self) -> None:
        """More pairs than float32 counts one by one: rounding leads to no rate under 0."""
        random = np.random.default_rng(0)
        subject, numbers = np.arange(1000, dtype=np.int32), np.full(1000, 1500)
        weight = random.integers(1, 60_001, 1000).astype(np.float64)
        draws = drawn_subjects(1000, 50, 0)
        replicates = rates._fnmr_replicates(draws, subject, numbers, weight, weight)
        assert replicates.min() == 0
        np.testing.assert_allclose(replicates[:, :1501], 0, atol=1e-6)
        np.testing.assert_array_equal(replicates[:, 1501:], 1)

    def test_replicates_of_fnmr_are_those_of_the_drawn_subjects(self) -> None:
        """A data set with each subject as often as it was drawn, evaluated anew."""
        scores, subject = VARIED.draw(8)
        curve, _ = curves_of(VARIED, 8)
        own = subject[scores.mated.first]
        for number, draw in enumerate(drawn_subjects(60, 5, 8).astype(int)):
            weight = draw[own]
            misses = scores.mated.score[:, None] < EDGES[::50]
            expected = (weight[:, None] * misses).sum(axis=0) / weight.sum()
            np.testing.assert_allclose(curve.fnmr_replicates[number, ::50], expected, atol=1e-6)
            each = np.array([misses[own == s].mean(axis=0) for s in range(60)])
            expected = (draw[:, None] * each).sum(axis=0) / draw.sum()
            np.testing.assert_allclose(curve.fnmr_by_subject_replicates[number, ::50], expected, atol=1e-6)

    def test_comparing_each_pair_twice_changes_nothing(self) -> None:
        """As reference and probe, and as probe and reference: there is no more to know."""
        scores, subject = VARIED.draw(10)
        compared = np.ones(len(subject), dtype=np.bool_)
        again = Comparisons(scores.tail.second, scores.tail.first, scores.tail.score)
        twice = PairScores(scores.mated, 2 * scores.non_mated, joined([scores.tail, again]), -1.0, times=2)
        once, both_ways = (curves(s, subject, compared=compared, replicates=20) for s in (scores, twice))
        np.testing.assert_array_equal(both_ways.fmr, once.fmr)
        np.testing.assert_allclose(both_ways.fmr_replicates, once.fmr_replicates, rtol=1e-5)
        assert both_ways.non_mated == 2 * once.non_mated

    def test_below_the_kept_pairs_the_spread_is_carried_on(self) -> None:
        scores, subject = VARIED.draw(9)
        compared = np.ones(len(subject), dtype=np.bool_)
        start = 1130
        high = scores.tail[scores.tail.score >= np.float32(EDGES[start])]
        assert 500 < len(high) < len(scores.tail) / 4
        kept = PairScores(scores.mated, scores.non_mated, high, float(EDGES[start]))
        whole, partial = (curves(s, subject, compared=compared, replicates=40) for s in (scores, kept))
        np.testing.assert_array_equal(whole.fmr, partial.fmr)
        np.testing.assert_allclose(whole.fmr_replicates[:, start:], partial.fmr_replicates[:, start:], rtol=1e-12)
        moved = partial.fmr_replicates[:, start, None] / partial.fmr[start]
        np.testing.assert_allclose(
            partial.fmr_replicates[:, :start], np.minimum(partial.fmr[:start] * moved, 1), rtol=1e-12
        )


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("listed", [False, True])
def test_spread_is_that_of_a_sum_over_pairs_that_share_subjects(listed: bool, times: int) -> None:
    """Each pair of subjects' errors beyond expectation, squared and summed one by one."""
    scores, subject = Population(12, (1, 2, 4), shared=0.06).draw(3)
    tail = scores.tail
    if times == 2:
        tail = Comparisons(*(np.tile(getattr(tail, name), 2) for name in Comparisons.__slots__))
    if listed:
        tail = tail[np.sort(np.random.default_rng(3).choice(len(tail), 100, replace=False))]
    size = 12
    fmr = (tail.score[:, None] >= EDGES).mean(axis=0)
    images = None if listed else np.bincount(subject, minlength=size).astype(np.float64)
    trials = np.bincount(np.concatenate([subject[tail.first], subject[tail.second]]), minlength=size) * 1.0
    found = rates._spread(fmr, tail, bins(tail.score), subject, images, trials, times)
    for edge in range(700, 1500, 9):
        excess = np.zeros((size, size))
        for a, b, score in zip(subject[tail.first], subject[tail.second], tail.score, strict=True):
            excess[min(a, b), max(a, b)] += (score >= EDGES[edge]) - fmr[edge]
        pairs = (excess**2).sum()
        subjects = ((excess + excess.T).sum(axis=1) ** 2).sum()
        # every two pairs that share a subject, the same one twice included, make the variance of the whole
        ends = list(zip(*np.triu_indices(size, 1), strict=True))
        variance = sum(excess[p] * excess[q] for p in ends for q in ends if set(p) & set(q))
        assert variance == pytest.approx(subjects - pairs, abs=1e-9)
        share = pairs / subjects if subjects > 1e-12 else 0.5
        assert found[edge] == pytest.approx(2 * np.sqrt(min(max(1 - share, 0.5), 1)), rel=1e-6)


@given(
    subject=st.lists(st.integers(0, 5), min_size=1, max_size=40),
    seed=st.integers(0, 2**32 - 1),
    at_once=st.sampled_from([1, 3, 2000]),
)
@settings(max_examples=25, deadline=None)
def test_drawn_counts_each_score_as_often_as_its_subject_was_drawn(subject: list[int], seed: int, at_once: int) -> None:
    random = np.random.default_rng(seed)
    own = np.array(subject, dtype=np.int32)
    numbers = random.integers(0, len(EDGES), len(own))
    weight = random.integers(1, 5, len(own)).astype(np.float64)
    draws = drawn_subjects(6, 4, seed)
    with patch.object(rates, "_SUBJECTS_AT_ONCE", at_once):
        found = rates._drawn(draws, own, numbers, weight)
    expected = (draws[:, own] * weight) @ (numbers[:, None] >= np.arange(len(EDGES)))
    np.testing.assert_array_equal(found, expected)


class TestRate:
    replicates = np.linspace(0.1, 0.3, 101)

    def test_without_errors_the_rule_of_3_bounds_it(self) -> None:
        told = rate(0.0, 0, 5000, np.zeros(100), 60)
        assert told == {
            "value": None,
            "lower": 0.0,
            "upper": 3 / 60,
            "errors": 0,
            "trials": 5000,
            "supported": False,
        }
        assert rate(0.0, 0, 5000, np.zeros(100), 60, 1770)["upper"] == 3 / 1770
        assert rate(0.0, 0, 2, np.zeros(100), 2)["upper"] == 1.0

    def test_without_trials_there_is_nothing_to_tell(self) -> None:
        told = rate(0.0, 0, 0, np.zeros(100), 0)
        assert (told["value"], told["lower"], told["upper"], told["supported"]) == (None, None, None, False)

    def test_thirty_errors_support_it(self) -> None:
        assert not rate(0.2, 29, 145, self.replicates, 60)["supported"]
        assert rate(0.2, 30, 150, self.replicates, 60)["supported"]

    @pytest.mark.parametrize("value", [0.05, 0.2, 0.5])
    def test_its_interval_contains_it(self, value: float) -> None:
        told = rate(value, 10, 100, self.replicates, 60)
        assert told["lower"] <= told["value"] == value <= told["upper"]

    def test_no_false_match_is_judged_by_pairs_of_subjects(self) -> None:
        curve, _ = curves_of(VARIED)
        told = at_edge(curve, 2040)
        assert told["fmr"]["value"] is None
        assert told["fmr"]["upper"] == 3 / (60 * 59 / 2)
        told = at_edge(curve, 100)
        assert told["fnmr"]["value"] is None
        assert told["fnmr"]["upper"] == told["fnmr_subject_weighted"]["upper"] == 3 / 60


@given(
    falls=st.lists(st.sampled_from([0.0, 0.0, 0.1, 0.25]), min_size=1, max_size=12),
    target=st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0, 2.0]),
)
def test_first_at_most_is_that_of_a_loop(falls: list[float], target: float) -> None:
    curve = 1 - np.cumsum(falls)
    reached = [number for number, value in enumerate(curve) if value <= target]
    assert first_at_most(curve, target) == (reached[0] if reached else len(curve) - 1)


@given(seed=st.integers(0, 2**32 - 1), few=st.integers(1, 30))
@settings(max_examples=50, deadline=None)
def test_equal_error_lies_on_both_curves(seed: int, few: int) -> None:
    random = np.random.default_rng(seed)
    mated, others = random.uniform(-1, 1, (2, few))
    fmr, fnmr = (others[:, None] >= EDGES).mean(axis=0), (mated[:, None] < EDGES).mean(axis=0)
    value, threshold = equal_error(fmr, fnmr)
    assert value == pytest.approx(np.interp(threshold, EDGES, fmr))
    assert value == pytest.approx(np.interp(threshold, EDGES, fnmr))


def test_equal_error_where_the_curves_do_not_cross() -> None:
    """Whoever matches everyone has no threshold in reach; the last one comes nearest."""
    assert equal_error(np.ones(2049), np.zeros(2049))[1] == 1.0
    assert equal_error(np.zeros(2049), np.ones(2049)) == (0.0, -1.0)


def test_no_mated_pairs() -> None:
    random = np.random.default_rng(1)
    first, second = np.triu_indices(20, 1)
    scores = pair_scores(first, second, random.uniform(-1, 1, len(first)), np.zeros(len(first), dtype=np.bool_))
    curve = curves(scores, np.arange(20, dtype=np.int32), compared=np.ones(20, np.bool_), replicates=20)
    told = at_fmr(curve, 0.1)
    assert (curve.mated, curve.mated_subjects, told["fnmr"]["value"], told["fnmr"]["upper"]) == (0, 0, None, None)
    assert told["fmr"]["value"] == pytest.approx(0.1, rel=0.2)


def test_one_subject_alone() -> None:
    """A group may have no two subjects; what it says of FNMR is said all the same."""
    first, second = np.triu_indices(4, 1)
    scores = pair_scores(first, second, np.linspace(0.2, 0.7, 6), np.ones(6, dtype=np.bool_))
    curve = curves(scores, np.zeros(4, dtype=np.int32), compared=np.ones(4, np.bool_), replicates=20)
    told = at_edge(curve, 1024 + 512)
    assert (told["fmr"]["value"], told["fmr"]["trials"]) == (None, 0)
    assert told["fnmr"]["value"] == pytest.approx(3 / 6)
