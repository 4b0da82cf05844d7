"""Error rates on simulated document photos and poor captures: what a data set of clean photos says nothing about."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.errors import UnsupportedImage
from visavis.evaluation.acquisition import Acquired
from visavis.evaluation.dataset import Dataset
from visavis.evaluation.degrade import DEGRADATIONS
from visavis.evaluation.rates import Curves, at_edge, at_fmr, curves, told
from visavis.evaluation.scores import PairScores, all_pairs, joined
from visavis.evaluation.tail import with_tail
from visavis.image import Photo

ALL_DOCUMENTS = "all documents"
VERSION = 1
"""Raised whenever a degradation would give other pictures."""


def degraded(name: str, acquired: Acquired, seed: int) -> tuple[str, Callable[[int, bytes], bytes]]:
    """What `acquire_all` needs to acquire the photos as this degradation makes them; the same for the same seed."""

    def change(number: int, data: bytes) -> bytes:
        if not acquired.embedded[number]:
            raise UnsupportedImage("there is no face in the photo to make a document of")
        random = np.random.default_rng([seed, *acquired.image_sha256[number]])
        return DEGRADATIONS[name].apply(Photo(data).decode().pixels, acquired.face(number), random)

    return f"{name} {VERSION} {seed}", change


def document_rates(
    dataset: Dataset,
    clean: Acquired,
    by_name: Mapping[str, Acquired],
    whole: Curves,
    *,
    targets: tuple[float, ...],
    threads: int,
    replicates: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Rates for each degradation, on its side of the comparison, against the clean photos; and for the documents together.

    At the thresholds of the degraded comparisons' own FMR, and at those that the clean photos give.
    """
    rows: list[dict[str, Any]] = []
    pool: list[PairScores] = []
    failed = 0
    for name, acquired in by_name.items():
        kind = DEGRADATIONS[name]
        chosen = clean.embedded & acquired.embedded
        failures = int((clean.embedded & ~acquired.embedded).sum())
        reference, probe = (acquired, clean) if kind.side == "reference" else (clean, acquired)
        scores = all_pairs(
            reference.vectors, dataset.subject, dataset.capture, chosen=chosen, probes=probe.vectors, threads=threads
        )
        if not scores.non_mated.any() or not len(scores.mated):
            continue
        if kind.side == "reference":
            pool.append(scores)
            failed += failures
        rows.append(
            {"name": name, "side": kind.side, "description": kind.description, "failures": failures}
            | _told(scores, dataset, chosen, whole, targets, replicates, seed)
        )
    if len(pool) > 1:
        chosen = np.any([clean.embedded & a.embedded for a in by_name.values()], axis=0)
        rows.append(
            {
                "name": ALL_DOCUMENTS,
                "side": "reference",
                "description": "all kinds of the reference's side, pooled",
            }
            | {"failures": failed}
            | _told(_pooled(pool), dataset, chosen, whole, targets, replicates, seed, calibrates=True)
        )
    return rows


def _told(
    scores: PairScores,
    dataset: Dataset,
    chosen: NDArray[np.bool_],
    whole: Curves,
    targets: tuple[float, ...],
    replicates: int,
    seed: int,
    *,
    calibrates: bool = False,
) -> dict[str, Any]:
    """calibrates: with the curves from which a table is made."""
    curve = curves(scores, dataset.subject, compared=chosen, replicates=replicates, seed=seed)
    rates: dict[str, Any] = {
        "comparisons": {
            "mated": curve.mated,
            "non_mated": curve.non_mated,
            "non_mated_mean": scores.non_mated_mean,
        },
        "rates": [at_fmr(curve, target) for target in targets],
        "at_clean_thresholds": [{"fmr_target": t, **at_edge(curve, whole.threshold(t))} for t in targets],
    }
    if calibrates:
        continued, tail = with_tail(curve, scores)
        rates |= {"curves": told(continued, scores), "tail": asdict(tail) if tail else None}
    return rates


def _pooled(parts: list[PairScores]) -> PairScores:
    tail_from = max(part.tail_from for part in parts)
    tail = joined([part.tail for part in parts])
    return PairScores(
        joined([part.mated for part in parts]),
        np.sum([part.non_mated for part in parts], axis=0),
        tail[tail.score >= np.float32(tail_from)],
        tail_from,
        sum(part.times for part in parts),
    )
