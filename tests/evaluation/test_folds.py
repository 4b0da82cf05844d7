import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from visavis.evaluation.folds import folded_accuracy


def naive(scores: list[float], mated: list[bool], folds: list[int]) -> tuple[list[float], list[float]]:
    """LFW's protocol as it is written: for each fold, try every score of the other folds as the threshold, keep the first of
    those that answer most of the other folds' pairs right, and answer this fold's pairs with it."""
    accuracies, thresholds = [], []
    for held in sorted(set(folds)):
        training = [(s, m) for s, m, f in zip(scores, mated, folds, strict=True) if f != held]
        best, threshold = -1, 0.0
        for candidate in sorted(s for s, _ in training):
            right = sum((s >= candidate) == m for s, m in training)
            if right > best:
                best, threshold = right, candidate
        test = [(s, m) for s, m, f in zip(scores, mated, folds, strict=True) if f == held]
        thresholds.append(threshold)
        accuracies.append(sum((s >= threshold) == m for s, m in test) / len(test))
    return accuracies, thresholds


def pairs_of_ten_folds(seed: int, steps: int) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.int32]]:
    random = np.random.default_rng(seed)
    mated = np.tile(np.repeat([True, False], 15), 10)
    score = np.round(random.normal(np.where(mated, 0.5, 0.1), 0.2) * steps) / steps
    return score.astype(np.float32), mated, np.repeat(np.arange(10, dtype=np.int32), 30)


@pytest.mark.parametrize("steps", [5, 2**20])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ten_folds_are_judged_as_the_protocol_reads(seed: int, steps: int) -> None:
    """With many ties, and with none."""
    score, mated, fold = pairs_of_ten_folds(seed, steps)
    told = folded_accuracy(score, mated, fold)
    accuracies, thresholds = naive(score.tolist(), mated.tolist(), fold.tolist())
    assert told["accuracies"] == pytest.approx(accuracies)
    assert told["thresholds"] == thresholds
    assert told["accuracy"] == pytest.approx(sum(accuracies) / 10)
    mean = sum(accuracies) / 10
    error = (sum((value - mean) ** 2 for value in accuracies) / 9) ** 0.5 / 10**0.5
    assert told["standard_error"] == pytest.approx(error)
    assert (told["folds"], told["pairs"]) == (10, 300)


@given(
    rows=st.lists(st.tuples(st.integers(-3, 3), st.booleans(), st.integers(0, 3)), min_size=2, max_size=40).filter(
        lambda rows: len({fold for *_, fold in rows}) > 1
    )
)
@settings(deadline=None)
def test_any_folds_are_judged_as_the_protocol_reads(rows: list[tuple[int, bool, int]]) -> None:
    """Folds may differ in size, be out of order and have gaps between their numbers."""
    scores, mated, folds = ([row[0] / 4 for row in rows], [row[1] for row in rows], [3 * row[2] for row in rows])
    told = folded_accuracy(np.array(scores, np.float32), np.array(mated), np.array(folds, np.int32))
    accuracies, thresholds = naive(scores, mated, folds)
    assert told["accuracies"] == pytest.approx(accuracies)
    assert told["thresholds"] == thresholds


def test_a_fold_has_no_say_in_its_own_threshold() -> None:
    score, mated, fold = pairs_of_ten_folds(4, 2**20)
    known = folded_accuracy(score, mated, fold)
    turned = np.where(fold == 3, -score, score)
    changed = folded_accuracy(turned, mated, fold)
    assert changed["thresholds"][3] == known["thresholds"][3]
    assert changed["accuracies"][3] < known["accuracies"][3]


def test_scores_that_tell_people_apart_are_always_right() -> None:
    mated = np.tile([True, False], 20)
    told = folded_accuracy(
        np.where(mated, 0.6, 0.2).astype(np.float32), mated, np.repeat(np.arange(4, dtype=np.int32), 10)
    )
    assert (told["accuracy"], told["standard_error"]) == (1.0, 0.0)
