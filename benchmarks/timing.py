"""What the times of two kinds of call tell apart."""

import time
from collections.abc import Callable, Sequence

import numpy as np


def auc(one: Sequence[Callable[[], object]], other: Sequence[Callable[[], object]]) -> float:
    """The area under the ROC curve of how long the calls take, which are made in random order: in what share of pairs the one
    took longer than the other, 0.5 where the time tells nothing."""
    calls = [*one, *other]
    times = np.empty(len(calls))
    for number in np.random.default_rng(2).permutation(len(calls)):
        started = time.perf_counter_ns()
        calls[number]()
        times[number] = time.perf_counter_ns() - started
    ordered = np.sort(times[len(one) :])
    below = np.searchsorted(ordered, times[: len(one)], side="left")
    upto = np.searchsorted(ordered, times[: len(one)], side="right")
    return float((below + upto).mean() / (2 * len(other)))
