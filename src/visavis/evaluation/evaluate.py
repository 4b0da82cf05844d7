"""The whole evaluation: from acquired photos to one report of plain values."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis._version import __version__
from visavis.decision import POLICIES
from visavis.errors import InputInvalid, PolicyUnsupported
from visavis.evaluation.acquisition import Acquired, sources_sha256
from visavis.evaluation.dataset import Dataset, Grouping
from visavis.evaluation.discard import FRACTIONS, discard_curves
from visavis.evaluation.documents import document_rates
from visavis.evaluation.folds import folded_accuracy
from visavis.evaluation.rates import (
    REPLICATES,
    SEED,
    Curves,
    at_edge,
    at_fmr,
    curves,
    drawn_subjects,
    equal_error,
    rate,
    told,
)
from visavis.evaluation.scores import EDGES, STEPS, PairScores, all_pairs, listed_pairs
from visavis.evaluation.tail import with_tail
from visavis.evaluation.transactions import transactions
from visavis.weights import Calibration

FORMAT = 1
FMR_TARGETS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
DISCARD_FMR = 1e-3
HARDEST_MAX = 50
_EER_REPLICATES = 200

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class About:
    """What a report says of itself. engine: name, version and precision. date: ISO 8601."""

    dataset: str
    date: str
    model_id: str
    model_sha256: str
    engine: str


@dataclass(frozen=True, slots=True)
class Options:
    """attempts: of transactions, several to compare them. inter_eye_distance_min_px: the product's gate. hardest: list the pairs
    that were hardest, by row. groups: rates by the groupings that the data set states."""

    attempts: tuple[int, ...] = (1, 3)
    inter_eye_distance_min_px: float = POLICIES["1e-4"].inter_eye_distance_min_px
    policy_fmr: float = 1e-4
    hardest: bool = False
    replicates: int = REPLICATES
    seed: int = SEED
    threads: int = 1


def evaluate(
    dataset: Dataset,
    acquired: Acquired,
    about: About,
    options: Options = Options(),
    *,
    calibration: Calibration | None = None,
    documents: Mapping[str, Acquired] | None = None,
    progress: Progress = lambda _: None,
) -> dict[str, Any]:
    """Every figure of the report, as plain values for JSON.

    calibration: the model's table, to be checked against these data. documents: the photos as each degradation by name made them,
    acquired. progress: called with the count of pairs compared anew.
    Raises InputInvalid when there are no two subjects to compare.
    """
    accepted = acquired.accepted(options.inter_eye_distance_min_px)
    scores = _compare(dataset, acquired.vectors, acquired.embedded, options.threads, progress)
    if not scores.non_mated.any():
        raise InputInvalid(
            "no two photos of different subjects could be compared; nothing can be said of false matches"
        )
    whole = _curves(dataset, scores, acquired.embedded, options)
    curve, tail = with_tail(whole, scores)
    report: dict[str, Any] = {
        "format": FORMAT,
        "kind": "evaluation",
        "date": about.date,
        "code": {"version": __version__, "sha256": sources_sha256("*")},
        "model": {"id": about.model_id, "sha256": about.model_sha256, "engine": about.engine},
        "dataset": {
            "name": about.dataset,
            "images": len(dataset.images),
            "subjects": dataset.subjects,
            "sha256": hashlib.sha256(b"".join(sorted(map(bytes, acquired.image_sha256)))).hexdigest(),
        },
        "interval": f"95 %, bootstrap over subjects, {options.replicates} replicates, seed {options.seed}",
        "seed": options.seed,
        "acquisition": _acquisition(acquired, accepted),
        "comparisons": {
            "mated": curve.mated,
            "non_mated": curve.non_mated,
            "mated_subjects": curve.mated_subjects,
            "non_mated_mean": scores.non_mated_mean,
        },
        "rates": [at_fmr(whole, target) for target in FMR_TARGETS],
        "eer": _equal_error(whole),
        "curves": told(curve, scores),
        "tail": asdict(tail) if tail else None,
        "product": None,
        "transactions": [],
        "folds": None,
        "discard": None,
        "groups": [],
        "documents": [],
        "calibration": _calibration_check(whole, calibration) if calibration else None,
        "hardest": _hardest(dataset, scores, acquired.embedded) if options.hardest else None,
        "attacks": None,
    }
    if dataset.pairs is None:
        report["transactions"] = _transactions(dataset, scores, whole, accepted, options)
        report["groups"] = [_by_group(dataset, g, acquired, whole, options) for g in dataset.groupings]
        report["documents"] = document_rates(
            dataset,
            acquired,
            documents or {},
            whole,
            targets=FMR_TARGETS,
            threads=options.threads,
            replicates=options.replicates,
            seed=options.seed,
        )
        if not np.array_equal(accepted, acquired.embedded) and accepted.any():
            own = _compare(dataset, acquired.vectors, accepted, options.threads, lambda _: None)
            if own.non_mated.any():
                product = _curves(dataset, own, accepted, options)
                report["product"] = {
                    "comparisons": {"mated": product.mated, "non_mated": product.non_mated},
                    "rates": [at_fmr(product, target) for target in FMR_TARGETS],
                }
    else:
        report["folds"] = _folds(dataset, scores, acquired.embedded)
    if curve.mated:
        threshold = float(EDGES[whole.threshold(DISCARD_FMR)])
        report["discard"] = {
            "fmr": DISCARD_FMR,
            "threshold": threshold,
            "fractions": list(FRACTIONS),
            "curves": discard_curves(scores.mated, acquired.quality, threshold),
        }
    return report


def _compare(
    dataset: Dataset, vectors: NDArray[np.float32], chosen: NDArray[np.bool_], threads: int, progress: Progress
) -> PairScores:
    """Scores of the chosen images, under their numbers in the data set."""
    if dataset.pairs is not None:
        pairs = dataset.pairs
        both = chosen[pairs.first] & chosen[pairs.second]
        return listed_pairs(vectors, pairs.first[both], pairs.second[both], pairs.mated[both])
    return all_pairs(vectors, dataset.subject, dataset.capture, chosen=chosen, threads=threads, progress=progress)


def _curves(dataset: Dataset, scores: PairScores, chosen: NDArray[np.bool_], options: Options) -> Curves:
    return curves(
        scores,
        dataset.subject,
        compared=None if dataset.pairs is not None else chosen,
        replicates=options.replicates,
        seed=options.seed,
    )


def _acquisition(acquired: Acquired, accepted: NDArray[np.bool_]) -> dict[str, Any]:
    """Failures to acquire: of the face nearest the centre, and by the rules of a verification."""
    total = len(accepted)
    too_small = acquired.embedded & np.array([not reason for reason in acquired.reasons]) & ~accepted
    refused = Counter(reason for reason in acquired.reasons if reason)
    if too_small.any():
        refused["face_too_small"] += int(too_small.sum())
    failed = Counter(r for r, ok in zip(acquired.reasons, acquired.embedded, strict=True) if not ok)
    return {
        "images": total,
        "failures": {"count": total - int(acquired.embedded.sum()), "reasons": dict(failed)},
        "failure_to_acquire_rate": 1 - float(acquired.embedded.mean()),
        "product_failures": {"count": total - int(accepted.sum()), "reasons": dict(refused)},
        "product_failure_to_acquire_rate": 1 - float(accepted.mean()),
    }


def _equal_error(curve: Curves) -> dict[str, Any] | None:
    if not curve.mated:
        return None
    value, threshold = equal_error(curve.fmr, curve.fnmr)
    pairs = zip(curve.fmr_replicates[:_EER_REPLICATES], curve.fnmr_replicates, strict=False)
    drawn = np.array([equal_error(fmr, fnmr)[0] for fmr, fnmr in pairs])
    errors = round(value * curve.mated)
    return {"threshold": threshold, **rate(value, errors, curve.mated, drawn, curve.mated_subjects)}


def _transactions(
    dataset: Dataset, scores: PairScores, curve: Curves, accepted: NDArray[np.bool_], options: Options
) -> list[dict[str, Any]]:
    draws = drawn_subjects(dataset.subjects, options.replicates, options.seed)
    index = curve.threshold(options.policy_fmr)
    return [
        transactions(
            scores,
            curve,
            index,
            subject=dataset.subject,
            accepted=accepted,
            attempts=attempts,
            draws=draws,
            capture=dataset.capture,
        )
        | {"fmr_target": options.policy_fmr, "inter_eye_distance_min_px": options.inter_eye_distance_min_px}
        for attempts in options.attempts
    ]


def _folds(dataset: Dataset, scores: PairScores, chosen: NDArray[np.bool_]) -> dict[str, Any] | None:
    """By LFW's protocol; a pair that could not be compared counts as one that does not match."""
    pairs = dataset.pairs
    if pairs is None or len(np.unique(pairs.fold)) < 2:
        return None
    score = np.full(len(pairs.first), -1.0, dtype=np.float32)
    both = chosen[pairs.first] & chosen[pairs.second]
    score[both & pairs.mated] = scores.mated.score
    score[both & ~pairs.mated] = scores.tail.score
    return folded_accuracy(score, pairs.mated, pairs.fold) | {"not_compared": int((~both).sum())}


def _by_group(
    dataset: Dataset, grouping: Grouping, acquired: Acquired, whole: Curves, options: Options
) -> dict[str, Any]:
    """Rates within each group at the thresholds of the whole data set, and how far the worst is from the rest
    (ISO/IEC 19795-10). Non-mated pairs are of two subjects of the same group."""
    rows: list[dict[str, Any]] = []
    for number, label in enumerate(grouping.labels):
        chosen = (grouping.of_image == number) & acquired.embedded
        if not label or not chosen.any():
            continue
        scores = _compare(dataset, acquired.vectors, chosen, options.threads, lambda _: None)
        curve = _curves(dataset, scores, chosen, options)
        at = [{"fmr_target": t, **at_edge(curve, whole.threshold(t))} for t in FMR_TARGETS]
        rows.append({"label": label, "images": int(chosen.sum()), "subjects": curve.subjects, "rates": at})
    ratios = [
        {"fmr_target": target, **{name: _worst([row["rates"][n][name] for row in rows]) for name in ("fmr", "fnmr")}}
        for n, target in enumerate(FMR_TARGETS)
    ]
    return {"name": grouping.name, "groups": rows, "worst_to_mean": ratios}


def _worst(rates: list[dict[str, Any]]) -> dict[str, Any]:
    """The worst group's rate over the geometric mean of all; only groups with 30 errors are told apart from chance."""
    values = [r["value"] for r in rates if r["value"]]
    supported = len(values) > 1 and all(r["supported"] for r in rates)
    ratio = max(values) / float(np.exp(np.mean(np.log(values)))) if len(values) > 1 else None
    return {"ratio": ratio, "supported": supported}


def _calibration_check(curve: Curves, calibration: Calibration) -> dict[str, Any]:
    """What the FMRs that the table states came to on these data."""
    rows = []
    for policy in POLICIES.values():
        if policy.condition != "photo":
            continue
        try:
            stated = calibration.threshold(policy.fmr_target)
        except PolicyUnsupported:
            continue
        index = min(int(np.ceil(stated * STEPS)) + STEPS, len(EDGES) - 1)
        rows.append({"policy": policy.name, "stated_fmr": policy.fmr_target, **at_edge(curve, index)})
    return {"dataset": calibration.dataset, "date": calibration.date, "rates": rows}


def _hardest(dataset: Dataset, scores: PairScores, embedded: NDArray[np.bool_]) -> dict[str, Any]:
    """The pairs that look most like label errors, as numbers of the data set's rows, from 1: two images, or one listed pair."""
    low = np.argsort(scores.mated.score, kind="stable")[:HARDEST_MAX]
    high = np.argsort(-scores.tail.score, kind="stable")[:HARDEST_MAX]
    rows: dict[str, NDArray[np.integer]] = {
        name: np.stack([part.first, part.second], axis=1)
        for name, part in (("mated", scores.mated), ("non_mated", scores.tail))
    }
    if dataset.pairs is not None:
        both = embedded[dataset.pairs.first] & embedded[dataset.pairs.second]
        kinds = {"mated": dataset.pairs.mated, "non_mated": ~dataset.pairs.mated}
        rows = {name: np.flatnonzero(both & kind)[:, None] for name, kind in kinds.items()}
    return {
        name: [
            {"rows": (row + 1).tolist(), "score": round(float(score), 4)}
            for row, score in zip(rows[name][chosen], part.score[chosen], strict=True)
        ]
        for name, part, chosen in (("mated", scores.mated, low), ("non_mated", scores.tail, high))
    }
