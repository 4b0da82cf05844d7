"""The far tail of non-mated scores: what FMR the data suggest beyond the last false matches that they show.

Down to the rate that thirty false matches support, FMR is what was counted. Under it single pairs decide, label errors among
them; there an exponential tail continues, the generalised Pareto tail of shape 0 (Coles, An Introduction to Statistical
Modeling of Extreme Values, 2001), its scale the mean excess over a threshold that some hundred scores exceed. Whatever is
read from it is marked as extrapolated.
"""

from dataclasses import dataclass, replace

import numpy as np

from visavis.evaluation.rates import RULE_OF_30, Curves, Floats, first_at_most
from visavis.evaluation.scores import EDGES, PairScores

FMR_MIN = 1e-7
"""Curves end here: no extrapolation deserves to be read any further."""
_EXCEEDING = 500


@dataclass(frozen=True, slots=True)
class Tail:
    """from_score: where the excess is measured from. scale: mean excess, in score. shape: a generalised Pareto fit's own.

    count: scores beyond. extrapolated_below: the FMR from which the tail is the model's. A shape far from 0 says that the
    exponential does not describe these data: above 0 the model is too hopeful.
    """

    from_score: float
    scale: float
    shape: float
    count: int
    extrapolated_below: float


def with_tail(curve: Curves, scores: PairScores) -> tuple[Curves, Tail | None]:
    """The curves with FMR and its replicates continued by the tail; as they are where fewer than 30 pairs are in it."""
    pairs = max(curve.non_mated // curve.times, 1)
    supported = RULE_OF_30 / pairs
    base = first_at_most(curve.fmr, _EXCEEDING / pairs)
    start = first_at_most(curve.fmr, np.nextafter(supported, 0)) - 1
    beyond = scores.tail[scores.tail.score >= np.float32(EDGES[base])]
    excess = beyond.score - EDGES[base]
    if len(beyond) < RULE_OF_30 or start < base or not excess.any():
        return curve, None
    scale = float(excess.mean())
    ordered = np.sort(excess)
    heavier = float((ordered * (1 - (np.arange(len(ordered)) + 0.65) / len(ordered))).mean())
    shape = 2 - scale / (scale - 2 * heavier)  # probability-weighted moments, Hosking and Wallis, Technometrics 1987
    fmr = _continued(curve.fmr[None], start, np.array([scale]))[0]
    # each replicate's own scale, from the mean of its distribution beyond the base: the area under its curve
    area = curve.fmr_replicates[:, base:].sum(axis=1) / EDGES.size * (EDGES[-1] - EDGES[0])
    whole = curve.fmr[base:].sum() / EDGES.size * (EDGES[-1] - EDGES[0])
    relative = (area / np.maximum(curve.fmr_replicates[:, base], 1e-300)) / (whole / curve.fmr[base])
    replicates = _continued(curve.fmr_replicates, start, scale * relative)
    told = Tail(float(EDGES[base]), scale, float(shape), len(beyond), supported)
    return replace(curve, fmr=fmr, fmr_replicates=replicates), told


def _continued(rates: Floats, start: int, scale: Floats) -> Floats:
    beyond = rates[:, start, None] * np.exp(-np.maximum(EDGES - EDGES[start], 0) / np.maximum(scale, 1e-6)[:, None])
    return np.asarray(np.maximum(np.where(np.arange(len(EDGES)) <= start, rates, beyond), FMR_MIN))
