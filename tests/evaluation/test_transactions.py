from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.evaluation.simulated import pair_scores
from visavis.evaluation.rates import curves, drawn_subjects
from visavis.evaluation.scores import EDGES, PairScores
from visavis.evaluation.transactions import transactions

INDEX = 1024 + 100


def all_scores(random: np.random.Generator, subject: NDArray[np.int32]) -> NDArray[np.float64]:
    """(N, N) symmetric scores, of which about half the mated and a fifth of the others reach the threshold, some exactly."""
    count = len(subject)
    reaches = random.random((count, count)) < np.where(subject[:, None] == subject, 0.5, 0.2)
    score = np.where(reaches, EDGES[INDEX + random.integers(0, 2, (count, count))], EDGES[INDEX] - 0.05)
    return np.triu(score, 1) + np.triu(score, 1).T


def told(
    score: NDArray[np.float64],
    subject: NDArray[np.int32],
    accepted: NDArray[np.bool_],
    attempts: int,
    capture: NDArray[np.int32] | None = None,
    *,
    change: Callable[[PairScores], PairScores] = lambda scores: scores,
) -> dict[str, float | None]:
    first, second = np.triu_indices(len(subject), 1)
    same = subject[first] == subject[second]
    if capture is not None:
        compared = ~same | (capture[first] != capture[second])
        first, second, same = first[compared], second[compared], same[compared]
    scores = pair_scores(first, second, score[first, second], same)
    curve = curves(scores, subject, compared=np.ones(len(subject), dtype=np.bool_), replicates=50)
    draws = drawn_subjects(int(subject.max()) + 1, 50, 1)
    return transactions(
        change(scores),
        curve,
        INDEX,
        subject=subject,
        accepted=accepted,
        attempts=attempts,
        draws=draws,
        capture=capture,
    )


def by_all_choices(
    score: NDArray[np.float64],
    subject: NDArray[np.int32],
    accepted: NDArray[np.bool_],
    attempts: int,
    capture: NDArray[np.int32] | None,
) -> tuple[float | None, float | None, int]:
    """FRR, FAR and the count of references, from every choice of so many photos that a person may offer."""

    def passes(reference: int, offered: tuple[int, ...]) -> bool:
        return any(accepted[probe] and score[reference, probe] >= EDGES[INDEX] for probe in offered)

    rejected, passed = [], []
    for reference in np.flatnonzero(accepted):
        for person in range(int(subject.max()) + 1):
            photos = [int(photo) for photo in np.flatnonzero(subject == person) if photo != reference]
            if person == subject[reference] and capture is not None:
                photos = [photo for photo in photos if capture[photo] != capture[reference]]
            if len(photos) < attempts:
                continue
            share = np.mean([passes(int(reference), choice) for choice in combinations(photos, attempts)])
            if person == subject[reference]:
                rejected.append(1 - share)
            else:
                passed.append(share)
    return (float(np.mean(rejected)) if rejected else None, float(np.mean(passed)) if passed else None, len(rejected))


@given(
    photos=st.lists(st.integers(1, 5), min_size=1, max_size=6),
    attempts=st.integers(1, 3),
    share=st.sampled_from([0.0, 0.6, 1.0]),
    captures=st.none() | st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=120, deadline=None)
def test_every_choice_of_attempts_counts_the_same(
    photos: list[int], attempts: int, share: float, captures: int | None, seed: int
) -> None:
    random = np.random.default_rng(seed)
    subject = random.permutation(np.repeat(np.arange(len(photos)), photos)).astype(np.int32)
    accepted = random.random(len(subject)) < share
    score = all_scores(random, subject)
    capture = None if captures is None else random.integers(0, captures, len(subject)).astype(np.int32)
    found = told(score, subject, accepted, attempts, capture)
    frr, far, references = by_all_choices(score, subject, accepted, attempts, capture)
    fte = 1 - accepted.mean()
    assert found["references"] == references
    assert found["failure_to_enrol"] == pytest.approx(fte)
    for name, value, general in (
        ("frr", frr, fte + (1 - fte) * (frr or 0)),
        ("far", far, (1 - fte) * (far or 0)),
    ):
        if value is None:
            assert [found[name], found[f"{name}_lower"], found[f"{name}_upper"], found[f"g{name}"]] == [None] * 4
            continue
        assert found[name] == pytest.approx(value, abs=1e-12)
        assert found[f"g{name}"] == pytest.approx(general, abs=1e-12)
        lower, point, upper = (found[key] for key in (f"{name}_lower", name, f"{name}_upper"))
        assert lower is not None
        assert point is not None
        assert upper is not None
        assert 0 <= lower <= point <= upper <= 1


@pytest.fixture
def three_each() -> NDArray[np.int32]:
    return np.repeat(np.arange(4, dtype=np.int32), 3)


def test_more_attempts_reject_fewer_and_accept_more(three_each: NDArray[np.int32]) -> None:
    score = all_scores(np.random.default_rng(2), three_each)
    accepted = np.ones(12, dtype=np.bool_)
    one, two = (told(score, three_each, accepted, attempts) for attempts in (1, 2))
    assert (one["attempts"], two["attempts"]) == (1, 2)
    assert (one["threshold"], two["threshold"]) == (EDGES[INDEX], EDGES[INDEX])
    assert (two["frr"] or 0) < (one["frr"] or 0)
    assert (two["far"] or 0) > (one["far"] or 0) == one["fmr"]


def test_a_photo_that_was_not_acquired_is_a_failed_attempt_and_a_failure_to_enrol(
    three_each: NDArray[np.int32],
) -> None:
    """All scores match; each subject's third photo cannot be used."""
    accepted = np.arange(12) % 3 < 2
    found = told(np.ones((12, 12)), three_each, accepted, 1)
    assert found["failure_to_enrol"] == pytest.approx(1 / 3)
    assert found["frr"] == 0.5  # one of the two other photos
    assert found["gfrr"] == pytest.approx(1 / 3 + 2 / 3 * 0.5)
    assert found["far"] == pytest.approx(2 / 3)
    assert found["gfar"] == pytest.approx(2 / 3 * 2 / 3)
    assert found["references"] == 8
    assert told(np.ones((12, 12)), three_each, accepted, 2)["frr"] == 0


def test_subjects_with_too_few_photos_are_left_out(three_each: NDArray[np.int32]) -> None:
    accepted = np.ones(12, dtype=np.bool_)
    found = told(np.ones((12, 12)), three_each, accepted, 3)
    assert (found["frr"], found["gfrr"], found["references"]) == (None, None, 0)  # a reference leaves two photos
    assert found["far"] == 1.0  # and an impostor has three
    found = told(np.ones((12, 12)), three_each, accepted, 4)
    assert (found["frr"], found["far"]) == (None, None)


def test_nobody_was_acquired(three_each: NDArray[np.int32]) -> None:
    found = told(np.ones((12, 12)), three_each, np.zeros(12, dtype=np.bool_), 1)
    assert (found["failure_to_enrol"], found["frr"], found["far"]) == (1.0, None, None)


def test_false_matches_that_were_not_kept_are_not_taken_for_none(three_each: NDArray[np.int32]) -> None:
    """FAR counts pairs one by one, so it needs all that reach the threshold."""
    accepted = np.ones(12, dtype=np.bool_)

    def kept_from(edge: float) -> Callable[[PairScores], PairScores]:
        return lambda s: PairScores(s.mated, s.non_mated, s.tail[s.tail.score >= np.float32(edge)], edge)

    score = all_scores(np.random.default_rng(3), three_each)
    whole = told(score, three_each, accepted, 1)
    assert told(score, three_each, accepted, 1, change=kept_from(EDGES[INDEX])) == whole
    partial = told(score, three_each, accepted, 1, change=kept_from(EDGES[INDEX + 1]))
    assert (partial["far"], partial["far_upper"], partial["gfar"]) == (None, None, None)
    assert partial["frr"] == whole["frr"]
