"""Does 8-bit inference of the embedding network keep its accuracy, and what does it save?

The float32 network is quantised after training with NNCF in several ways, and each result is compared with
the float32 and the bfloat16 network on the same aligned faces:

* FNMR at fixed FMR over all pairs of faces. Each network gets its own threshold, the score that the allowed
  share of the non-mated pairs exceeds. Next to the rate stand the number of mated pairs falsely rejected, how
  many of them float32 accepts ("lost"), how many float32 rejects and this network accepts ("won"), and a
  confidence interval of the relative change against float32, from a bootstrap that draws the same subjects
  for both.
* The time of one inference, batch 1 on one thread, all networks taking turns in one run.

Calibration faces are drawn from subjects with a single face, so that leaving those subjects out ("held-out")
takes away no mated pair. An 8-bit network meets the rule when its FNMR at FMR 1e-4 is less than 5 % above
that of float32, over all faces and over the held-out ones.

CROPS.npz holds `crops`, (n, 112, 112, 3) uint8 RGB aligned faces, and `subject`, (n,) integers. The model
takes (N, 3, 112, 112) float32 RGB in 0..255 and returns (N, d). Needs `pip install nncf`, besides the
dependencies of the package. A run of all variants over 4,000 faces takes about a quarter of an hour::

    python benchmarks/int8.py CROPS.npz --model sface.onnx
    python benchmarks/int8.py CROPS.npz --model sface.onnx --only "int8 mixed" --seed 1 --json int8.json
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import nncf
import numpy as np
import openvino as ov
from nncf.quantization import advanced_parameters as advanced
from nncf.quantization import range_estimator as ranges
from numpy.typing import NDArray

FMRS = (1e-3, 1e-4, 1e-5)
RULE_FMR, RULE_GROWTH = 1e-4, 0.05
SEED = 1  # of the bootstrap and of the order of the timed runs

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


# ----------------------------------------------------------------------------------------------- the variants


@dataclass(frozen=True)
class Variant:
    """One way to run the network: the precision of what is not quantised, and how the rest is quantised."""

    name: str
    hint: str = "f32"
    quantize: dict[str, Any] | None = None
    keep: tuple[str, ...] = ()  # parts left unquantised: "first", "depthwise", "last"


def variants() -> list[Variant]:
    """The variants compared, float32 first."""
    base = {"fast_bias_correction": True}
    mixed = {"preset": nncf.QuantizationPreset.MIXED, **base}

    def advanced_by(**options: Any) -> dict[str, Any]:
        return {**mixed, "advanced_parameters": advanced.AdvancedQuantizationParameters(**options)}

    def ranged(estimator: ranges.RangeEstimatorParameters) -> dict[str, Any]:
        return advanced_by(activations_range_estimator_params=estimator)

    def smooth(alpha: float) -> dict[str, Any]:
        alphas = advanced.AdvancedSmoothQuantParameters(convolution=alpha, matmul=alpha)
        # NNCF smooths only what is declared a transformer
        return {**advanced_by(smooth_quant_alphas=alphas), "model_type": nncf.ModelType.TRANSFORMER}

    clipped = ranges.RangeEstimatorParametersSet.MEAN_QUANTILE
    absolute = ranges.RangeEstimatorParametersSet.MINMAX
    return [
        Variant("float32"),
        Variant("bfloat16", hint="bf16"),
        Variant("int8 performance", quantize={"preset": nncf.QuantizationPreset.PERFORMANCE, **base}),
        Variant("int8 mixed", quantize=mixed),
        Variant("int8 mixed, bf16 rest", hint="bf16", quantize=mixed),
        Variant("int8 mixed, full bias correction", quantize={**mixed, "fast_bias_correction": False}),
        Variant("int8 mixed, no bias correction", quantize=advanced_by(disable_bias_correction=True)),
        Variant("int8 mixed, first conv kept", quantize=mixed, keep=("first",)),
        Variant("int8 mixed, depthwise kept", quantize=mixed, keep=("depthwise",)),
        Variant("int8 mixed, last layer kept", quantize=mixed, keep=("last",)),
        Variant("int8 mixed, first and last kept", quantize=mixed, keep=("first", "last")),
        Variant("int8 mixed, all three kept", quantize=mixed, keep=("first", "depthwise", "last")),
        Variant("int8 mixed, all three kept, bf16", "bf16", mixed, keep=("first", "depthwise", "last")),
        Variant("int8 mixed, channel alignment", quantize=advanced_by(disable_channel_alignment=False)),
        Variant("int8 mixed, SmoothQuant 0.5", quantize=smooth(0.5)),
        Variant("int8 mixed, quantile ranges", quantize=ranged(clipped)),
        Variant("int8 mixed, extreme ranges", quantize=ranged(absolute)),
    ]


def tensor(crop: NDArray[np.uint8]) -> Floats:
    """One face as the network takes it."""
    return np.ascontiguousarray(crop.transpose(2, 0, 1)[None], dtype=np.float32)


def kept(model: Any, parts: tuple[str, ...]) -> Any:
    """The NNCF scope that leaves `parts` of the network unquantised."""
    types = [t for part, t in (("depthwise", "GroupConvolution"), ("last", "MatMul")) if part in parts]
    convolutions = [o for o in model.get_ordered_ops() if o.get_type_name() == "Convolution"]
    names = [convolutions[0].get_friendly_name()] if "first" in parts else []
    return nncf.IgnoredScope(names=names, types=types)


def build(variant: Variant, path: Path, calibration: NDArray[np.uint8]) -> Any:
    """The network of a variant, with a batch of 1."""
    # unlike read_model, this folds the batch normalisations into the convolutions
    model = ov.convert_model(path)
    model.reshape([1, 3, *calibration.shape[1:3]])
    if variant.quantize is None:
        return model
    options = dict(variant.quantize)
    if variant.keep:
        options["ignored_scope"] = kept(model, variant.keep)
    return nncf.quantize(model, nncf.Dataset(list(calibration), tensor), subset_size=len(calibration), **options)


def compiled(model: Any, hint: str, threads: int) -> Any:
    """The network compiled for the CPU, one inference at a time."""
    config = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
    return ov.Core().compile_model(model, "CPU", config)


def runner(network: Any) -> Callable[[Floats], Floats]:
    """A function that runs a compiled network on one face."""
    request = network.create_infer_request()

    def run(data: Floats) -> Floats:
        request.infer([data])
        return np.array(request.get_output_tensor(0).data[0], dtype=np.float32)

    return run


# --------------------------------------------------------------------------------------------------- accuracy


@dataclass(frozen=True)
class Pairs:
    """The scores of one network: all mated ones in a fixed order, the highest non-mated ones descending."""

    mated: Floats
    mated_subject: Ints
    top: Floats
    top_a: Ints
    top_b: Ints
    subjects: int
    nonmated: int


def score(embeddings: Floats, subject: Ints) -> Pairs:
    """Compare all pairs by cosine."""
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    ids = np.unique(subject, return_inverse=True)[1].astype(np.int64)
    a, b = np.triu_indices(len(ids), 1)
    scores = (unit @ unit.T)[a, b]
    same = ids[a] == ids[b]
    mated, mated_subject = scores[same], ids[a[same]]
    scores, a, b = scores[~same], a[~same], b[~same]
    many = min(len(scores), int(5 * max(FMRS) * len(scores)) + 1)  # room for the thresholds of a bootstrap
    top = np.argpartition(scores, len(scores) - many)[len(scores) - many :]
    top = top[np.argsort(-scores[top], kind="stable")]
    return Pairs(mated, mated_subject, scores[top], ids[a[top]], ids[b[top]], int(ids.max()) + 1, len(scores))


def threshold(pairs: Pairs, fmr: float) -> float:
    """The score that at most a share `fmr` of the non-mated pairs exceeds."""
    return float(pairs.top[int(fmr * pairs.nonmated)])


def fnmr_resampled(pairs: Pairs, sizes: Ints, weights: Ints) -> list[float]:
    """FNMR at each of FMRS where subject s counts `weights[s]` times; a subject is never its own impostor."""
    total = (int(weights @ sizes) ** 2 - int((weights * sizes) @ (weights * sizes))) / 2
    reached = np.cumsum(weights[pairs.top_a] * weights[pairs.top_b])
    mated = weights[pairs.mated_subject]
    found = []
    for fmr in FMRS:
        at = min(int(np.searchsorted(reached, fmr * total, side="right")), len(reached) - 1)
        found.append(float(mated[pairs.mated <= pairs.top[at]].sum() / mated.sum()))
    return found


def bootstrap(pairs: Pairs, reference: Pairs, sizes: Ints, rounds: int) -> list[tuple[float, float]]:
    """The 95 % interval of the relative change of FNMR against the reference, at each of FMRS."""
    rng = np.random.default_rng(SEED)
    n = pairs.subjects
    changes = []
    for _ in range(rounds):
        weights = np.bincount(rng.integers(0, n, n), minlength=n).astype(np.int64)
        mine, theirs = fnmr_resampled(pairs, sizes, weights), fnmr_resampled(reference, sizes, weights)
        changes.append([m / t - 1 if t else np.nan for m, t in zip(mine, theirs, strict=True)])
    low, high = np.nanpercentile(np.array(changes), [2.5, 97.5], axis=0)
    return [(float(x), float(y)) for x, y in zip(low, high, strict=True)]


@dataclass(frozen=True)
class Point:
    """What is found at one false match rate; the last five compare with float32."""

    fmr: float
    threshold: float
    rejected: int
    fnmr: float
    lost: int
    won: int
    change: float
    change_low: float
    change_high: float


def measure(pairs: Pairs, reference: Pairs, subject: Ints, rounds: int) -> list[Point]:
    """FNMR at each of FMRS, and the change of it against the reference."""
    sizes = np.unique(subject, return_counts=True)[1].astype(np.int64)
    intervals = [(0.0, 0.0)] * len(FMRS) if pairs is reference else bootstrap(pairs, reference, sizes, rounds)
    points = []
    for fmr, (low, high) in zip(FMRS, intervals, strict=True):
        mine = pairs.mated <= threshold(pairs, fmr)
        theirs = reference.mated <= threshold(reference, fmr)
        points.append(
            Point(
                fmr=fmr,
                threshold=threshold(pairs, fmr),
                rejected=int(mine.sum()),
                fnmr=float(mine.mean()),
                lost=int((mine & ~theirs).sum()),
                won=int((theirs & ~mine).sum()),
                change=float(mine.mean() / theirs.mean() - 1) if theirs.any() else float("nan"),
                change_low=low,
                change_high=high,
            )
        )
    return points


# ------------------------------------------------------------------------------------------------------- time


def times(networks: dict[str, Any], example: Floats, runs: int) -> dict[str, float]:
    """The median time of one inference of each network in milliseconds, the networks taking turns."""
    run = {name: runner(network) for name, network in networks.items()}
    for f in run.values():
        for _ in range(5):
            f(example)
    taken: dict[str, list[float]] = {name: [] for name in run}
    rng = np.random.default_rng(SEED)
    names = list(run)
    for _ in range(runs):
        for i in rng.permutation(len(names)):  # no network always follows the same other one
            start = time.perf_counter()
            run[names[i]](example)
            taken[names[i]].append(time.perf_counter() - start)
    return {name: 1e3 * float(np.median(t)) for name, t in taken.items()}


# -------------------------------------------------------------------------------------------------------- run


@dataclass
class Result:
    """All that is found of one variant."""

    name: str
    megabytes: float  # of the constants
    cosine: float  # mean cosine of its embedding of a face with the one float32 makes
    every: list[Point]
    held_out: list[Point]
    milliseconds: float = float("nan")
    meets: bool = field(init=False)
    surely: bool = field(init=False)  # the upper ends of the intervals meet the rule too

    def __post_init__(self) -> None:
        points = [p for p in [*self.every, *self.held_out] if p.fmr == RULE_FMR]
        self.meets = all(p.change < RULE_GROWTH for p in points)
        self.surely = self.meets and all(p.change_high < RULE_GROWTH for p in points)


def calibration_faces(subject: Ints, count: int, seed: int) -> NDArray[np.bool_]:
    """Which faces to calibrate on: of random subjects with one face, or of all where those are too few."""
    ids, first, sizes = np.unique(subject, return_index=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(ids))
    order = order[np.argsort(sizes[order] > 1, kind="stable")]
    chosen = np.zeros(len(subject), dtype=bool)
    chosen[first[order[:count]]] = True
    return chosen


def cosine(x: Floats, y: Floats) -> float:
    """The mean cosine of the rows of two sets of embeddings."""
    return float(np.mean((x * y).sum(1) / (np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1))))


def constants_megabytes(model: Any) -> float:
    """The size of the constants of a network."""
    constants = (o for o in model.get_ordered_ops() if o.get_type_name() == "Constant")
    return float(sum(o.get_byte_size() for o in constants)) / 1e6


def table(results: list[Result], which: str) -> Iterator[str]:
    """A Markdown table of the results, over `every` face or those `held_out`."""
    head = ["variant", *(f"FNMR % at {f:.0e}" for f in FMRS), f"change at {RULE_FMR:.0e}, % (95 %)"]
    head += ["rejected", "lost", "won", "cosine", "MB", "ms", "speed"]
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for r in results:
        points: list[Point] = getattr(r, which)
        p = next(p for p in points if p.fmr == RULE_FMR)
        cells = [r.name, *(f"{100 * q.fnmr:.3f}" for q in points)]
        cells.append(f"{100 * p.change:+.1f} ({100 * p.change_low:+.1f} to {100 * p.change_high:+.1f})")
        cells += [str(p.rejected), str(p.lost), str(p.won), f"{r.cosine:.5f}", f"{r.megabytes:.1f}"]
        cells += [f"{r.milliseconds:.2f}", f"{results[0].milliseconds / r.milliseconds:.2f}"]
        yield "| " + " | ".join(cells) + " |"


def main() -> None:
    """Run the benchmark and print its tables."""
    every = variants()
    parser = argparse.ArgumentParser(description="Accuracy and speed of 8-bit inference of the embedding.")
    parser.add_argument("crops", type=Path, help="npz of aligned faces: crops, subject")
    parser.add_argument("--model", type=Path, required=True, help="the float32 network, ONNX")
    parser.add_argument("--calibration", type=int, default=300, help="faces to calibrate on")
    parser.add_argument("--seed", type=int, default=0, help="draws the calibration faces")
    parser.add_argument("--threads", type=int, default=2, help="threads for the embeddings, not the times")
    parser.add_argument("--rounds", type=int, default=1000, help="rounds of the bootstrap")
    parser.add_argument("--runs", type=int, default=100, help="timed inferences of each variant")
    parser.add_argument("--only", action="append", choices=[v.name for v in every], help="run these variants")
    parser.add_argument("--json", type=Path, help="write all figures here")
    given = parser.parse_args()
    logging.getLogger("nncf").setLevel(logging.ERROR)

    with np.load(given.crops) as data:
        crops, subject = data["crops"], data["subject"].astype(np.int64)
    chosen = calibration_faces(subject, given.calibration, given.seed)
    held_out = ~np.isin(subject, subject[chosen])
    faces = {"every": np.ones(len(subject), dtype=bool), "held_out": held_out}

    results: list[Result] = []
    networks: dict[str, Any] = {}
    references: dict[str, Pairs] = {}
    plain: Floats | None = None
    for variant in every:
        if given.only and variant.name not in given.only and variant.name != every[0].name:
            continue
        start = time.perf_counter()
        model = build(variant, given.model, crops[chosen])
        built = time.perf_counter() - start
        run = runner(compiled(model, variant.hint, given.threads))
        embeddings = np.stack([run(tensor(crop)) for crop in crops])
        plain = embeddings if plain is None else plain
        found: dict[str, list[Point]] = {}
        for which, mask in faces.items():
            pairs = score(embeddings[mask], subject[mask])
            reference = references.setdefault(which, pairs)
            found[which] = measure(pairs, reference, subject[mask], given.rounds)
        networks[variant.name] = compiled(model, variant.hint, 1)
        size, alike = constants_megabytes(model), cosine(plain, embeddings)
        results.append(Result(variant.name, size, alike, found["every"], found["held_out"]))
        change = next(p.change for p in results[-1].held_out if p.fmr == RULE_FMR)
        print(f"{variant.name}: built in {built:.0f} s, {100 * change:+.2f} %", flush=True)

    taken = times(networks, tensor(crops[0]), given.runs)
    for result in results:
        result.milliseconds = taken[result.name]

    for which, mask in faces.items():
        pairs = references[which]
        title = {"every": "All faces", "held_out": "Faces of subjects not calibrated on"}[which]
        print(f"\n{title}: {mask.sum()} faces of {pairs.subjects} subjects, ", end="")
        print(f"{len(pairs.mated)} mated and {pairs.nonmated} non-mated pairs\n")
        print("\n".join(table(results, which)))
    quantised = [r for r in results if r.name.startswith("int8")]
    for title, names in (
        ("Meet the rule", [r.name for r in quantised if r.meets]),
        ("Meet it with the upper end of the interval", [r.name for r in quantised if r.surely]),
    ):
        print(f"\n{title}: {'; '.join(names) or 'none'}")
    if given.json:
        given.json.write_text(json.dumps([asdict(r) for r in results], indent=1) + "\n")


if __name__ == "__main__":
    main()
