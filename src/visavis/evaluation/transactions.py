"""Whole transactions under a stated policy: FAR, FRR and their generalised forms (ISO/IEC 19795-1).

FMR and FNMR speak of comparisons that took place. A person who is turned away because no photo was good enough was turned away
all the same; someone who may try three times is accepted more often, and so is an impostor. Attempts of one person are
alike, so rates for several attempts are counted on that person's own photos, never multiplied.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.evaluation.rates import Curves, Floats, interval
from visavis.evaluation.scores import EDGES, Comparisons, PairScores


def transactions(
    scores: PairScores,
    curve: Curves,
    index: int,
    *,
    subject: NDArray[np.int32],
    accepted: NDArray[np.bool_],
    attempts: int,
    draws: Floats,
    capture: NDArray[np.int32] | None = None,
) -> dict[str, Any]:
    """Rates of transactions at the threshold of an edge.

    subject, accepted: (N,) for all photos of the data set, acquired or not; scores are numbered alike. draws: (R, S) how often
    the bootstrap drew each subject. A reference whose photo was not accepted is a failure to enrol; attempts that were not
    accepted fail. Subjects with fewer photos than attempts are left out. capture: (N,) as of `Dataset`; a photo of the
    reference's own capture is no attempt. No FAR is told at a threshold below the kept non-mated pairs.
    """
    threshold = np.float32(EDGES[index])
    images = np.bincount(subject)
    mated, others = (_both(pairs, accepted, threshold) for pairs in (scores.mated, scores.tail))

    together = np.ones(len(subject), dtype=np.int64)
    if capture is not None:
        _, of_photo, photos = np.unique(np.stack([subject, capture]), axis=1, return_inverse=True, return_counts=True)
        together = photos[of_photo]
    compared = images[subject] - together
    succeeded = np.bincount(np.concatenate([mated.first, mated.second]), minlength=len(subject))
    counts = accepted & (compared >= attempts)
    rejected = _all_fail(compared[counts], (compared - succeeded)[counts], attempts)
    frr = float(rejected.mean()) if rejected.size else None

    enrolled_of = np.bincount(subject[accepted], minlength=len(images))
    enough = images >= attempts
    trials = int(enrolled_of.sum() * enough.sum() - (enrolled_of * enough).sum())
    reference = np.concatenate([others.first, others.second]).astype(np.int64)
    impostor = subject[np.concatenate([others.second, others.first])]
    pair, hits = np.unique(reference * len(images) + impostor, return_counts=True)
    tried = images[pair % len(images)]
    chosen = tried >= attempts
    passed = float((1 - _all_fail(tried[chosen], (tried - hits)[chosen], attempts)).sum())
    far = passed / trials if trials and EDGES[index] >= scores.tail_from else None

    told: dict[str, Any] = {"attempts": attempts, "threshold": float(threshold), "fmr": float(curve.fmr[index])}
    fte = 1 - float(accepted.mean())
    told |= {"failure_to_enrol": fte, "frr": frr, "far": far, "references": int(counts.sum())}
    told |= {"frr_lower": None, "frr_upper": None, "far_lower": None, "far_upper": None, "gfrr": None, "gfar": None}
    if frr is not None:
        weight = np.bincount(subject[counts], minlength=len(images)).astype(np.float64)
        errors = np.bincount(subject[counts], weights=rejected, minlength=len(images))
        lower, upper = interval(frr, draws @ errors / np.maximum(draws @ weight, 1e-9), curve.subjects)
        told |= {
            "frr_lower": min(float(lower), frr),
            "frr_upper": max(float(upper), frr),
            "gfrr": fte + (1 - fte) * frr,
        }
    if far is not None:
        lower, upper = interval(curve.fmr[index], curve.fmr_replicates[:, index], curve.subjects)
        relative = far / curve.fmr[index] if curve.fmr[index] else 0.0
        told |= {
            "far_lower": min(float(lower * relative), far),
            "far_upper": min(max(float(upper * relative), far), 1.0),
            "gfar": far * (1 - fte),
        }
    return told


def _both(pairs: Comparisons, accepted: NDArray[np.bool_], threshold: np.float32) -> Comparisons:
    return pairs[accepted[pairs.first] & accepted[pairs.second] & (pairs.score >= threshold)]


def _all_fail(tries: NDArray[np.int64], failed: NDArray[np.int64], attempts: int) -> Floats:
    """The share of all choices of so many tries that hold failures alone: C(failed, n) / C(tries, n)."""
    share = np.ones(len(tries))
    for number in range(attempts):
        share *= np.maximum(failed - number, 0) / (tries - number)
    return share
