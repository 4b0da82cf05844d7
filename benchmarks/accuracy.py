"""Accuracy on a folder of labelled photos, and the calibration table that follows from it.

    python benchmarks/accuracy.py lfw-dev/ --name lfw-dev [--calibration table.json] [--json figures.json]

The folder holds one folder a subject. Every photo is acquired once and every pair compared. The face nearest the centre is
taken, as is usual for data sets that centre the subject; the product's own rule (exactly one dominant face of sufficient
size) is reported beside it. Rates are given pair-weighted and subject-weighted; intervals come from a bootstrap over
subjects, since pairs that share a person are not independent.
"""

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from visavis import Photo
from visavis.decision import POLICIES
from visavis.embedding import Embedder
from visavis.face import FaceDetector, align, central, dominant
from visavis.weights import (
    Cache,
    ModelStore,
    Places,
    available_threads,
    make_engine,
    read_manifest,
    shipped_card,
    user_cache_folder,
)

FMR_TARGETS = (1e-3, 1e-4, 1e-5, 1e-6)
STEP = 0.002
EDGES = np.arange(-1.0, 1.0 + STEP / 2, STEP)  # score k counts for every threshold up to it
REPLICATES = 500
SEED = 20261122
RULE_OF_30 = 30
TAIL_FMR = 1e-4
FMR_MIN = 1e-7  # the table ends here: no extrapolation from these data deserves to be read any further

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """All pairs of the photos that were acquired: scores, and the subjects of both sides."""

    score: NDArray[np.float32]
    first: NDArray[np.int32]
    second: NDArray[np.int32]

    @property
    def mated(self) -> NDArray[np.bool_]:
        return np.equal(self.first, self.second)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", required=True, help="the data set's name, as figures and tables cite it")
    parser.add_argument("--engine", default="openvino", choices=("openvino", "onnxruntime", "cuda"))
    parser.add_argument("--precision", default="fastest", choices=("fastest", "float32"))
    parser.add_argument("--model", type=Path, help="manifest of another embedding model")
    parser.add_argument("--calibration", type=Path, help="write the calibration table here")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()

    files = sorted(options.folder.glob("*/*.jpg"))
    names, subjects = np.unique([file.parent.name for file in files], return_inverse=True)
    threads = available_threads()
    cache = Cache(user_cache_folder())
    engine = make_engine(options.engine, threads=threads, cache=cache)
    store = ModelStore(places=Places(cache=user_cache_folder()), cache=cache, engine=engine)
    card = read_manifest(options.model) if options.model else shipped_card("sface-2021dec")
    detector, embedder = FaceDetector(store, shipped_card("yunet-2023mar")), Embedder(store, card, options.precision)

    def acquire(file: Path) -> tuple[NDArray[np.float32] | None, bool]:
        """The central face's embedding, and whether the product would have compared this photo's face too."""
        photo = Photo(file.read_bytes())
        faces = detector.detect(photo)
        face = central(faces, photo.size_px)
        if face is None:
            return None, False
        own = dominant(faces)
        accepted = own is face and face.inter_eye_distance_px >= POLICIES["1e-4"].inter_eye_distance_min_px
        refined = detector.refine(photo, face)
        (embedding,) = embedder.embed([align(photo.decode(), refined, embedder.contract)])
        return embedding.vector, accepted

    with ThreadPoolExecutor(threads) as pool:
        acquired = list(track(pool.map(acquire, files), "acquiring", total=len(files)))
    has_face = np.array([vector is not None for vector, _ in acquired])
    accepted = np.array([ok for _, ok in acquired])
    vectors = np.array([vector for vector, _ in acquired if vector is not None])

    scores = _all_pairs(vectors, subjects[has_face])
    own_scores = _all_pairs(vectors[accepted[has_face]], subjects[accepted])
    report: dict[str, Any] = {
        "dataset": options.name,
        "date": datetime.now(UTC).date().isoformat(),
        "model": {"id": card.id, "sha256": card.sha256},
        "engine": f"{engine.name} {engine.version}, {embedder.precision}",
        "images": len(files),
        "subjects": len(names),
        "interval": f"95 %, bootstrap over subjects, {REPLICATES} replicates, seed {SEED}",
        "central_face": _figures(scores, ~has_face, "central face"),
        "own_rule": _figures(own_scores, ~accepted, "product's own rule"),
    }
    _print(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    if options.calibration:
        options.calibration.write_text(_calibration(scores, report) + "\n")


def _all_pairs(vectors: NDArray[np.float32], subjects: NDArray[np.int64]) -> Scores:
    first, second = np.triu_indices(len(vectors), 1)
    score = np.empty(len(first), dtype=np.float32)
    start = 0
    for row in range(len(vectors) - 1):
        stop = start + len(vectors) - row - 1
        score[start:stop] = vectors[row + 1 :] @ vectors[row]
        start = stop
    return Scores(score, subjects[first].astype(np.int32), subjects[second].astype(np.int32))


def _figures(scores: Scores, failed: NDArray[np.bool_], label: str) -> dict[str, Any]:
    mated = scores.mated
    non_mated_score = np.sort(scores.score[~mated])
    mated_score, mated_subject = scores.score[mated], scores.first[mated]
    rows = []
    weights = _replicates(scores)
    for target in FMR_TARGETS:
        threshold = float(non_mated_score[int(np.ceil(len(non_mated_score) * (1 - target)))])
        missed = mated_score < threshold
        rates = [_pair_weighted(missed, weight[mated_subject]) for weight in weights]
        by_subject = [_subject_weighted(missed, mated_subject, weight) for weight in weights]
        rows.append(
            {
                "fmr_target": target,
                "threshold": round(threshold, 4),
                "false_matches": int((non_mated_score >= threshold).sum()),
                "fnmr": float(missed.mean()),
                "fnmr_interval": _interval(rates),
                "fnmr_subject_weighted": _subject_weighted(missed, mated_subject, np.ones_like(weights[0])),
                "fnmr_subject_weighted_interval": _interval(by_subject),
            }
        )
    return {
        "rule": label,
        "failures_to_acquire": int(failed.sum()),
        "failure_to_acquire_rate": float(failed.mean()),
        "mated_pairs": int(mated.sum()),
        "non_mated_pairs": int((~mated).sum()),
        "rates": rows,
    }


def _replicates(scores: Scores) -> list[Floats]:
    """How often each subject is drawn, for each replicate of the bootstrap."""
    present = np.unique(np.concatenate([scores.first, scores.second]))
    random = np.random.default_rng(SEED)
    size = int(present.max()) + 1
    return [
        np.bincount(random.choice(present, len(present)), minlength=size).astype(np.float64) for _ in range(REPLICATES)
    ]


def _pair_weighted(missed: NDArray[np.bool_], weight: Floats) -> float:
    return float((missed * weight).sum() / weight.sum())


def _subject_weighted(missed: NDArray[np.bool_], subject: NDArray[np.int32], weight: Floats) -> float:
    """The mean over subjects of each one's own rate."""
    count = np.bincount(subject, minlength=len(weight))
    rate = np.bincount(subject, weights=missed, minlength=len(weight))[count > 0] / count[count > 0]
    return float(np.average(rate, weights=weight[count > 0]))


def _interval(values: list[float]) -> list[float]:
    return [float(v) for v in np.quantile(values, (0.025, 0.975))]


# --- the table --------------------------------------------------------------------------------------------------------


def _calibration(scores: Scores, report: dict[str, Any]) -> str:
    """FMR and FNMR at every score of the grid.

    Down to the rate that 30 false matches support, FMR is what was counted. Under it, where single label errors decide, an
    exponential tail continues from there: a generalised Pareto tail of shape 0, its scale the mean excess over the
    threshold of FMR 1e-4.
    """
    mated = scores.mated
    bins = np.searchsorted(EDGES, scores.score, side="right").astype(np.int32) - 1
    survive = _survival(bins[~mated])
    supported = RULE_OF_30 / int((~mated).sum())
    curve = _with_tail(survive, scores.score[~mated], None, supported)

    first, second, non_mated_bins = scores.first[~mated], scores.second[~mated], bins[~mated]
    replicates = []
    for weight in track(_replicates(scores), "bootstrap"):
        pair = (weight[first] * weight[second]).astype(np.float32)
        replicates.append(_with_tail(_survival(non_mated_bins, pair), scores.score[~mated], pair, supported))
    lower, upper = np.quantile(replicates, (0.025, 0.975), axis=0)
    fnmr = 1 - _survival(bins[mated])
    shown = (EDGES >= -0.3) & (EDGES <= 0.9)
    table = {
        "format": 1,
        "model_sha256": report["model"]["sha256"],
        "dataset": report["dataset"],
        "date": report["date"],
        "subjects": report["subjects"],
        "images": report["images"],
        "mated_pairs": int(mated.sum()),
        "non_mated_pairs": int((~mated).sum()),
        "interval": report["interval"],
        "extrapolated_below": float(f"{supported:.3g}"),
        "scores": [round(float(v), 4) for v in EDGES[shown]],
        "fmr": _rounded(curve[shown]),
        "fmr_lower": _rounded(np.minimum(lower, curve)[shown]),
        "fmr_upper": _rounded(np.maximum(upper, curve)[shown]),
        "fnmr": [float(f"{v:.4g}") for v in fnmr[shown]],
    }
    lines = (f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in table.items())
    return "{\n" + ",\n".join(lines) + "\n}"


def _survival(bins: NDArray[np.int32], weights: NDArray[np.float32] | None = None) -> Floats:
    """The share of scores at or above each edge."""
    counts = np.bincount(bins, weights=weights, minlength=len(EDGES)).astype(np.float64)
    total: Floats = counts[::-1].cumsum()[::-1] / counts.sum()
    return total


def _with_tail(survive: Floats, score: NDArray[np.float32], weight: NDArray[np.float32] | None, rate: float) -> Floats:
    base = EDGES[np.argmax(survive <= TAIL_FMR)]
    tail = score >= base
    scale = float(np.average(score[tail] - base, weights=None if weight is None else weight[tail]))
    start = int(np.argmax(survive < rate)) - 1
    beyond = np.exp(-(EDGES - EDGES[start]) / scale) * survive[start]
    return np.maximum(np.where(np.arange(len(EDGES)) <= start, survive, beyond), FMR_MIN)


def _rounded(values: Floats) -> list[float]:
    return [float(f"{v:.4g}") for v in np.minimum.accumulate(values)]


def _print(report: dict[str, Any]) -> None:
    print(f"\n{report['dataset']}: {report['images']:,} images of {report['subjects']:,} subjects; {report['engine']}")
    print(f"model {report['model']['id']} {report['model']['sha256'][:16]}; {report['interval']}")
    for rule in ("central_face", "own_rule"):
        figures = report[rule]
        print(
            f"\n{figures['rule']}: failure to acquire {figures['failures_to_acquire']} "
            f"({figures['failure_to_acquire_rate']:.2%}); {figures['mated_pairs']:,} mated and "
            f"{figures['non_mated_pairs']:,} non-mated pairs"
        )
        print("  FMR      threshold  false matches  FNMR (pair-weighted)       FNMR (subject-weighted)")
        for row in figures["rates"]:
            low, high = row["fnmr_interval"]
            subject_low, subject_high = row["fnmr_subject_weighted_interval"]
            print(
                f"  {row['fmr_target']:.0e}    {row['threshold']:.4f}     {row['false_matches']:>9}    "
                f"{row['fnmr']:7.3%} ({low:.2%}–{high:.2%})     "
                f"{row['fnmr_subject_weighted']:7.3%} ({subject_low:.2%}–{subject_high:.2%})"
                f"{'  under 30 false matches: not supported' if row['false_matches'] < RULE_OF_30 else ''}"
            )


if __name__ == "__main__":
    main()
