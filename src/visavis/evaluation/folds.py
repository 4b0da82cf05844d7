"""Accuracy by the protocol of Labeled Faces in the Wild (Huang et al. 2007): the mean over folds, each judged by the others."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def folded_accuracy(score: NDArray[np.float32], mated: NDArray[np.bool_], fold: NDArray[np.int32]) -> dict[str, Any]:
    """Mean accuracy and its standard error over folds.

    score, mated, fold: (P,) of each listed pair, folds from 0. For each fold the threshold is the lowest score with the best
    accuracy on all the other folds.
    """
    accuracies, thresholds = [], []
    for number in np.unique(fold):
        held = fold == number
        threshold = _best_threshold(score[~held], mated[~held])
        thresholds.append(threshold)
        accuracies.append(float(((score[held] >= threshold) == mated[held]).mean()))
    spread = float(np.std(accuracies, ddof=1) / np.sqrt(len(accuracies))) if len(accuracies) > 1 else None
    return {
        "folds": len(accuracies),
        "pairs": len(score),
        "accuracy": float(np.mean(accuracies)),
        "standard_error": spread,
        "accuracies": accuracies,
        "thresholds": thresholds,
    }


def _best_threshold(score: NDArray[np.float32], mated: NDArray[np.bool_]) -> float:
    candidates, place = np.unique(score, return_inverse=True)
    hits = np.bincount(place, weights=mated, minlength=len(candidates))[::-1].cumsum()[::-1]
    false = np.bincount(place, weights=~mated, minlength=len(candidates))[::-1].cumsum()[::-1]
    return float(candidates[np.argmax(hits - false)])
