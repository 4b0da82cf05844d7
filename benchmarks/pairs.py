"""How fast all pairs of a large data set stream through, beside the matrix product alone, and in how much memory.

    python benchmarks/pairs.py [--images 100000] [--json figures.json]

Embeddings are synthetic: four a subject, around a centre of its own, at about the scores of a real model. The product alone
multiplies the same blocks and keeps nothing.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import cv2
import numpy as np

from visavis.evaluation.rates import at_fmr, curves
from visavis.evaluation.scores import all_pairs
from visavis.weights import available_threads

DIMENSION, PHOTOS_A_SUBJECT = 128, 4
ROWS, COLUMNS = 1024, 4096


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    random = np.random.default_rng(0)
    subject = np.repeat(np.arange(options.images // PHOTOS_A_SUBJECT, dtype=np.int32), PHOTOS_A_SUBJECT)
    centres = random.standard_normal((subject[-1] + 1, DIMENSION), dtype=np.float32)
    vectors = centres[subject] + 0.65 * random.standard_normal((len(subject), DIMENSION), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    base_mb = _peak_mb()

    begun = time.perf_counter()
    for row in range(0, len(vectors), ROWS):
        for column in range(row, len(vectors), COLUMNS):
            _ = vectors[row : row + ROWS] @ vectors[column : column + COLUMNS].T
    product_s = time.perf_counter() - begun
    begun = time.perf_counter()
    scores = all_pairs(vectors, subject, threads=available_threads())
    pairs_s = time.perf_counter() - begun
    begun = time.perf_counter()
    curve = curves(scores, subject, compared=np.ones(len(subject), dtype=np.bool_))
    rates = [at_fmr(curve, target) for target in (1e-3, 1e-6)]
    curves_s = time.perf_counter() - begun
    pairs = curve.mated + curve.non_mated
    figures = {
        "images": len(vectors),
        "pairs": pairs,
        "product_s": product_s,
        "pairs_s": pairs_s,
        "pairs_a_second": pairs / pairs_s,
        "share_of_product": product_s / pairs_s,
        "rates_and_bootstrap_s": curves_s,
        "peak_mb": _peak_mb(),
        "embeddings_mb": base_mb,
        "rates": rates,
    }
    print(
        f"{pairs:,} pairs of {len(vectors):,} embeddings: {pairs_s:.1f} s, {pairs / pairs_s / 1e6:.0f} million a second; the "
        f"matrix product alone {product_s:.1f} s: {product_s / pairs_s:.0%} of its rate\n"
        f"rates and bootstrap {curves_s:.1f} s; peak memory {_peak_mb():.0f} MB, {base_mb:.0f} MB of it before the first pair"
    )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
