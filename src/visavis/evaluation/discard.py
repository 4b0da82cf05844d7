"""Error versus discard (ISO/IEC 29794-1): how FNMR falls when the comparisons with the poorest photos are left out.

A quality measure that tells anything about errors lets FNMR fall faster than it would by leaving out at random.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.evaluation.scores import Comparisons
from visavis.face import MEASURES

FRACTIONS = tuple(round(step / 100, 2) for step in range(0, 51, 2))


def discard_curves(mated: Comparisons, quality: NDArray[np.float32], threshold: float) -> list[dict[str, Any]]:
    """For each measure FNMR at the threshold after each of `FRACTIONS` of the mated comparisons was left out.

    quality: (N, M) scores of the images in the order of `MEASURES`, NaN where not assessed. A comparison is as good as its
    poorer photo; equally good ones are left out in equal shares. Measures that no photo has are absent.
    """
    missed = mated.score < np.float32(threshold)
    told = []
    for column, name in enumerate(MEASURES):
        both = np.minimum(quality[mated.first, column], quality[mated.second, column])
        known = ~np.isnan(both)
        if not known.any():
            continue
        fnmr = _after(both[known], missed[known])
        told.append({"measure": name, "comparisons": int(known.sum()), "fnmr": fnmr})
    return told


def _after(quality: NDArray[np.float32], missed: NDArray[np.bool_]) -> list[float]:
    _, group = np.unique(quality, return_inverse=True)
    left_out = np.concatenate([[0], np.bincount(group).cumsum()])
    errors = np.concatenate([[0], np.bincount(group, weights=missed).cumsum()])
    counts = np.array(FRACTIONS) * len(quality)
    remaining = errors[-1] - np.interp(counts, left_out, errors)
    return [float(value) for value in np.clip(remaining / (len(quality) - counts), 0, 1)]
