"""Error rates over all thresholds, as ISO/IEC 19795-1 defines them, with intervals from a bootstrap over subjects.

Pairs are not independent: a subject whose photos are hard makes many errors at once. So subjects are drawn, not pairs. For
the false non-match rate that is a bootstrap of clusters. A non-mated pair has two subjects, and weighting it with both draws
would count the chance of a single pair three times over. Here it moves with the mean of its subjects' draws, and the
spread of the logarithm is scaled by what that leaves out, which is known: the variance of a sum over pairs that share
subjects (Fafchamps and Gubert, Journal of Development Economics 2007; Aronow, Samii and Assenova, Political Analysis 2015).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.evaluation.scores import EDGES, STEPS, Comparisons, PairScores, bins, blocks

REPLICATES = 1000
SEED = 20261122
RULE_OF_30 = 30
"""Errors from which a rate lies within 30 % of the truth with 90 % confidence, if trials were independent (ISO/IEC 19795-1)."""
RULE_OF_3 = 3.0
"""Over the count of independent trials: the 95 % upper bound of a rate of which no error was seen (ISO/IEC 19795-1)."""

Floats = NDArray[np.floating]

_SUBJECTS_AT_ONCE = 2000
_Z = 1.959964


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Curves:
    """Rates at every edge of the grid of scores, where a pair matches when its score is at least the edge.

    fmr, fnmr, fnmr_by_subject: (B,), the last being the mean over subjects of each one's own rate; with replicates (R, B) of
    the bootstrap. false_matches, misses: (B,) counts. mated_subjects: how many subjects have a mated pair. times: how often
    each pair was compared; what the data support, they support by pairs.
    """

    fmr: Floats
    fnmr: Floats
    fnmr_by_subject: Floats
    fmr_replicates: Floats
    fnmr_replicates: Floats
    fnmr_by_subject_replicates: Floats
    false_matches: NDArray[np.int64]
    misses: NDArray[np.int64]
    non_mated: int
    mated: int
    subjects: int
    mated_subjects: int
    times: int = 1

    def threshold(self, fmr_target: float) -> int:
        """The number of the lowest edge whose FMR is at most the target."""
        return first_at_most(self.fmr, fmr_target)


def curves(
    scores: PairScores,
    subject: NDArray[np.int32],
    *,
    compared: NDArray[np.bool_] | None,
    replicates: int = REPLICATES,
    seed: int = SEED,
) -> Curves:
    """Rates and their replicates from all scores.

    subject: (N,) of each image. compared: (N,) the images of which every pair was compared; None where a list of pairs was.
    """
    if compared is None:
        present = np.unique(np.concatenate([part for pairs in (scores.mated, scores.tail) for part in _sides(pairs)]))
    else:
        (present,) = np.nonzero(compared)
    numbers, of_image = np.unique(subject[present], return_inverse=True)
    own = np.zeros(len(subject), dtype=np.int32)
    own[present] = of_image
    size = len(numbers)
    draws = drawn_subjects(size, replicates, seed)

    mated_subject, mated_bin = own[scores.mated.first], bins(scores.mated.score)
    missed = _at_least(mated_bin, len(EDGES))
    of_subject = np.bincount(mated_subject, minlength=size).astype(np.float64)
    pair_weight = np.ones(len(mated_bin))
    subject_weight = 1 / of_subject[mated_subject]
    has = of_subject > 0

    images = np.bincount(of_image, minlength=size).astype(np.float64)
    trials: Floats = scores.times * images * (len(present) - images)
    if compared is None:
        trials = 1.0 * np.bincount(np.concatenate([own[side] for side in _sides(scores.tail)]), minlength=size)
    counts = np.cumsum(scores.non_mated[::-1])[::-1]
    non_mated = int(counts[0])
    fmr = counts / max(non_mated, 1)
    return Curves(
        fmr=fmr,
        fnmr=1 - missed / max(len(mated_bin), 1),
        fnmr_by_subject=1 - _weighted(mated_bin, subject_weight) / max(int(has.sum()), 1),
        fmr_replicates=_fmr_replicates(fmr, scores, own, None if compared is None else images, trials, draws),
        fnmr_replicates=_fnmr_replicates(draws, mated_subject, mated_bin, pair_weight, of_subject),
        fnmr_by_subject_replicates=_fnmr_replicates(draws, mated_subject, mated_bin, subject_weight, has * 1.0),
        false_matches=counts,
        misses=len(mated_bin) - missed.astype(np.int64),
        non_mated=non_mated,
        mated=len(mated_bin),
        subjects=size,
        mated_subjects=int(has.sum()),
        times=scores.times,
    )


def first_at_most(curve: Floats, target: float) -> int:
    """The first number of a falling curve at which it is at most the target; the last where it never is."""
    return min(int(np.searchsorted(-curve, -target)), len(curve) - 1)


def interval(value: Floats | float, replicates: Floats, subjects: int) -> tuple[Floats, Floats]:
    """The 95 % interval of rates: as wide on the scale of the logit as the replicates, along their first axis, spread.

    Rates err further up than down, which percentiles miss at few errors, and the logit does not. Student's t, and the spread of a
    sample taken for that of what it is from, make up for few subjects.
    """
    freedom = max(subjects - 1, 1)
    student = _Z + (_Z**3 + _Z) / (4 * freedom)  # the first terms of the Cornish-Fisher expansion
    inside = np.clip(value, 1e-12, 1 - 1e-12)
    spread = np.std(replicates, axis=0) * np.sqrt((freedom + 1) / freedom)
    half = np.minimum(student * spread / (inside * (1 - inside)), 500)
    logit = np.log(inside / (1 - inside))
    return np.asarray(1 / (1 + np.exp(half - logit))), np.asarray(1 / (1 + np.exp(-half - logit)))


def rate(
    value: float, errors: int, trials: int, replicates: Floats, subjects: int, independent: int | None = None
) -> dict[str, Any]:
    """One rate as plain values.

    `value` is None where there were no trials, or no error was seen; then `upper` follows from the rule of 3 over the count of
    independent trials, by default the subjects. supported: at least 30 errors were seen.
    """
    told: dict[str, Any] = {"value": None, "lower": None, "upper": None, "errors": errors, "trials": trials}
    told["supported"] = errors >= RULE_OF_30
    if trials and not errors:
        told |= {"lower": 0.0, "upper": min(1.0, RULE_OF_3 / max(1, subjects if independent is None else independent))}
    elif trials:
        lower, upper = interval(value, replicates, subjects)
        told |= {
            "value": float(value),
            "lower": min(float(lower), float(value)),
            "upper": max(float(upper), float(value)),
        }
    return told


def equal_error(fmr: Floats, fnmr: Floats) -> tuple[float, float]:
    """(rate, threshold) where the two curves cross, taken as straight between edges."""
    gap = fmr - fnmr
    crossed = np.flatnonzero(gap <= 0)
    after = max(int(crossed[0]), 1) if len(crossed) else len(gap) - 1
    before = after - 1
    step = gap[before] - gap[after]
    share = float(np.clip(gap[before] / step, 0, 1)) if step else float(gap[before] > 0)
    return (
        float(fmr[before] + share * (fmr[after] - fmr[before])),
        float(EDGES[before] + share * (EDGES[after] - EDGES[before])),
    )


def at_fmr(curve: Curves, target: float) -> dict[str, Any]:
    """Rates at the threshold of an FMR; FNMR's interval counts that the threshold is itself estimated."""
    chosen = np.array([first_at_most(row, target) for row in curve.fmr_replicates])
    told = at_edge(curve, curve.threshold(target), chosen)
    return {"fmr_target": target, "supported": target * curve.non_mated >= RULE_OF_30 * curve.times, **told}


def at_edge(curve: Curves, index: int, chosen: NDArray[np.intp] | None = None) -> dict[str, Any]:
    """Rates at a given edge; or with each replicate of FNMR taken at its own."""
    rows = np.arange(len(curve.fnmr_replicates))
    own = np.full(len(rows), index) if chosen is None else chosen
    missed, mated = int(curve.misses[index]), curve.mated_subjects
    return {
        "threshold": float(EDGES[index]),
        "fmr": rate(
            curve.fmr[index],
            int(curve.false_matches[index]),
            curve.non_mated,
            curve.fmr_replicates[:, index],
            curve.subjects,
            curve.subjects * (curve.subjects - 1) // 2,
        ),
        "fnmr": rate(curve.fnmr[index], missed, curve.mated, curve.fnmr_replicates[rows, own], mated),
        "fnmr_subject_weighted": rate(
            curve.fnmr_by_subject[index], missed, curve.mated, curve.fnmr_by_subject_replicates[rows, own], mated
        ),
    }


def told(curve: Curves, scores: PairScores) -> dict[str, list[float]]:
    """The curves, from the first score that anyone reached to the last."""
    seen = np.bincount(bins(scores.mated.score), minlength=len(EDGES))
    (numbers,) = np.nonzero(scores.non_mated + seen)
    shown = slice(max(0, int(numbers[0]) - 1), min(len(EDGES), max(int(numbers[-1]) + 2, STEPS * 19 // 10 + 2)))
    fmr_lower, fmr_upper = interval(curve.fmr[shown], curve.fmr_replicates[:, shown], curve.subjects)
    values = {
        "scores": EDGES[shown],
        "fmr": curve.fmr[shown],
        "fmr_lower": np.minimum(fmr_lower, curve.fmr[shown]),
        "fmr_upper": np.maximum(fmr_upper, curve.fmr[shown]),
        "fnmr": curve.fnmr[shown],
    }
    if curve.mated:
        lower, upper = interval(curve.fnmr[shown], curve.fnmr_replicates[:, shown], curve.mated_subjects)
        values |= {
            "fnmr_lower": np.minimum(lower, curve.fnmr[shown]),
            "fnmr_upper": np.maximum(upper, curve.fnmr[shown]),
        }
    shortened = {name: [float(f"{value:.8g}") for value in column] for name, column in values.items()}
    return shortened | {"non_mated": scores.non_mated[shown].tolist(), "mated": seen[shown].tolist()}


def drawn_subjects(subjects: int, replicates: int, seed: int) -> NDArray[np.float32]:
    """(R, S) how often each subject is drawn."""
    random = np.random.default_rng(seed)
    return np.stack(
        [np.bincount(random.integers(0, subjects, subjects), minlength=subjects) for _ in range(replicates)]
    ).astype(np.float32)


def _fnmr_replicates(
    draws: NDArray[np.float32],
    subject: NDArray[np.int32],
    numbers: NDArray[np.intp],
    weight: Floats,
    of_subject: Floats,
) -> Floats:
    total = (draws @ of_subject.astype(np.float32)).astype(np.float64)[:, None]
    return np.clip(1 - _drawn(draws, subject, numbers, weight) / np.maximum(total, 1e-9), 0, 1)


def _fmr_replicates(
    fmr: Floats,
    scores: PairScores,
    own: NDArray[np.int32],
    images: Floats | None,
    trials: Floats,
    draws: NDArray[np.float32],
) -> Floats:
    """(R, B). Below the tail's first edge the relative spread is carried on from it, which is more than it would be."""
    tail, numbers = scores.tail, bins(scores.tail.score)
    ends = np.concatenate([own[tail.first], own[tail.second]])
    by_draw = _drawn(draws, ends, np.concatenate([numbers, numbers]), np.ones(2 * len(tail)))
    share = (draws @ trials.astype(np.float32)).astype(np.float64)[:, None] / max(trials.sum(), 1)
    total = share * 2 * scores.non_mated.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.log(by_draw / np.maximum(total, 1e-9) / np.where(fmr > 0, fmr, np.nan))
    moved = np.nan_to_num(np.maximum(moved, -20), nan=0.0, neginf=-20.0)
    start = int(bins(np.array([scores.tail_from], dtype=np.float32))[0])
    moved *= _spread(fmr, tail, numbers, own, images, trials, scores.times)
    moved[:, :start] = moved[:, start, None]
    return np.minimum(np.minimum.accumulate(fmr * np.exp(moved), axis=1), 1.0)


def _spread(
    fmr: Floats,
    tail: Comparisons,
    numbers: NDArray[np.intp],
    own: NDArray[np.int32],
    images: Floats | None,
    trials: Floats,
    times: int,
) -> Floats:
    """(B,) by how much the logarithm's deviation grows: from sqrt(2), where pairs err independently, to 2, where subjects do.

    With e the errors beyond expectation, of pairs of subjects and of subjects (all the pairs that they are in), the variance
    of the sum over pairs is the subjects' sum of e squared less the pairs' own; drawing ends of pairs gives a quarter of the
    subjects' sum.
    """
    size = len(trials)
    pair = np.minimum(own[tail.first], own[tail.second]).astype(np.int64) * size + np.maximum(
        own[tail.first], own[tail.second]
    )
    order = np.lexsort((-numbers, pair))
    pair, numbers = pair[order], numbers[order]
    names, first, of_pair = np.unique(pair, return_index=True, return_inverse=True)
    earlier = np.arange(len(pair)) - first[of_pair]
    pair_squares = _weighted(numbers, 2.0 * earlier + 1)  # (c + 1)² - c² = 2 c + 1
    if images is None:
        pair_trials = np.bincount(of_pair).astype(np.float64)
        all_trials = float((pair_trials**2).sum())
    else:
        pair_trials = times * images[names // size] * images[names % size]
        all_trials = times**2 * float((images**2).sum() ** 2 - (images**4).sum()) / 2
    pair_product = _weighted(numbers, pair_trials[of_pair])
    pairs = pair_squares - 2 * fmr * pair_product + fmr**2 * all_trials
    ends = np.concatenate([names[of_pair] // size, names[of_pair] % size])
    subjects = np.zeros(len(EDGES))
    both = np.concatenate([numbers, numbers])
    order = np.argsort(ends, kind="stable")
    bounds = np.searchsorted(ends[order], np.arange(0, size + _SUBJECTS_AT_ONCE, _SUBJECTS_AT_ONCE))
    for number, span in enumerate(blocks(size, _SUBJECTS_AT_ONCE)):
        part = order[bounds[number] : bounds[number + 1]]
        excess = _per_subject(ends[part] - span.start, both[part], span.stop - span.start) - np.outer(trials[span], fmr)
        subjects += (excess**2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(subjects > 0, pairs / subjects, 0.5)
    return np.asarray(2 * np.sqrt(np.clip(1 - share, 0.5, 1)))


def _drawn(
    draws: NDArray[np.float32], subject: NDArray[np.integer], numbers: NDArray[np.intp], weight: Floats
) -> Floats:
    """(R, B) the weights of the scores at or above each edge, each counted as often as its subject was drawn."""
    total = np.zeros((len(draws), len(EDGES)))
    order = np.argsort(subject, kind="stable")
    size = draws.shape[1]
    bounds = np.searchsorted(subject[order], np.arange(0, size + _SUBJECTS_AT_ONCE, _SUBJECTS_AT_ONCE))
    for number, span in enumerate(blocks(size, _SUBJECTS_AT_ONCE)):
        part = order[bounds[number] : bounds[number + 1]]
        counts = _per_subject(subject[part] - span.start, numbers[part], span.stop - span.start, weight[part])
        total += draws[:, span] @ counts.astype(np.float32)
    return total


def _per_subject(
    subject: NDArray[np.integer], numbers: NDArray[np.intp], size: int, weight: Floats | None = None
) -> Floats:
    """(size, B) for each subject, the scores at or above each edge."""
    flat = subject.astype(np.int64) * len(EDGES) + numbers
    counts = np.bincount(flat, weights=weight, minlength=size * len(EDGES)).reshape(size, len(EDGES))
    return np.asarray(counts[:, ::-1].cumsum(axis=1)[:, ::-1], dtype=np.float64)


def _at_least(numbers: NDArray[np.intp], size: int) -> NDArray[np.int64]:
    return np.asarray(np.cumsum(np.bincount(numbers, minlength=size)[::-1])[::-1], dtype=np.int64)


def _weighted(numbers: NDArray[np.intp], weight: Floats) -> Floats:
    """(B,) the weights of the scores at or above each edge."""
    return np.asarray(np.cumsum(np.bincount(numbers, weights=weight, minlength=len(EDGES))[::-1])[::-1])


def _sides(pairs: Comparisons) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    return pairs.first, pairs.second
