"""What fusing several probe frames does to scores, to the thresholds they need, and to error rates.

    python benchmarks/frames.py lfw-dev/ [--keep FOLDER] [--json figures.json]

The folder holds one folder a subject. One reference photo is compared with a probe fused (`visavis.embedding.fuse`) from 1,
3 or 5 frames, in three settings; a live capture lies between the first two:

* independent: frames are other photos of the subject, for subjects with at least six. What averaging does at best, since
  light, pose, expression and years differ between them.
* burst: frames are simulated from ONE other photo, as a hand-held camera takes them within a second or two (see `frame`). A
  simulation, not a measurement of cameras: the photo is a plane, and expression, gaze and large turns do not change.
* spoiled: a burst whose first frame is dark and noisy, as before a camera's exposure settles: what weights should weigh down.

Mated: as many comparisons for each subject, drawn at random. Non-mated: each fused probe with the photos of all other subjects.
Weights come from the quality scores, but for uniform and levelled. Levelled is how the product scores: it takes
m (1 / length - 1) off the score, m being the mean of the calibration's non-mated scores and length that of the mean of the
frames' embeddings before it is scaled to 1, for that scaling raises m.

Refused is the share of mated probes that the product would not fuse, since two of their frames are too unlike each other: many of
those from different days. Rates are given as if it did.

Intervals (95 %) are from one bootstrap over subjects, so that differences are paired; thresholds are found anew in every
replicate. A non-mated pair counts as often as the product of its subjects' draws, which makes intervals of thresholds and FMR
somewhat too wide. --keep holds biometric data: delete the folder when done.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from rich.progress import track

from visavis import Photo, Verifier
from visavis.embedding import Embedding, fuse
from visavis.evaluation.acquisition import Acquired, acquire_all
from visavis.evaluation.degrade import decoded, exposed, jpeg, shake
from visavis.face import MEASURES
from visavis.verifier import FRAMES_ALIKE

SEED, REPLICATES = 20261122, 500
FRAMES, COUNTS = 5, (1, 3, 5)
DRAWS = 40  # mated comparisons a subject
FMR_TARGETS = (1e-3, 1e-4)
RATES = {"threshold": ".4f", "fnmr": ".2%", "fmr_at_single": ".1e", "fnmr_at_single": ".2%"}
TAIL_FMR = 5e-3  # the highest non-mated scores, that many of them, are kept for the bootstrap
EYES_MM, DISTANCE_MM, EYES_PX = 63.0, 450.0, 70.0  # an average adult at arm's length, before a VGA camera 65° wide
SIMULATION = "benchmarks/frames.py 1"  # raise the number when `frame` changes

Floats = NDArray[np.floating]
Ints = NDArray[np.intp]
POSE = ("head_pose_yaw_deg", "head_pose_pitch_deg", "head_pose_roll_deg")
ALL = ("sharpness", *POSE, "luminance_mean", "under_exposure", "over_exposure")


def shares(scores: Floats, names: tuple[str, ...]) -> Floats:
    """Of (..., M) quality scores those named, as shares above 0; one that could not be taken weighs nothing down."""
    return np.clip(np.nan_to_num(scores[..., [MEASURES.index(name) for name in names]], nan=100), 1, 100) / 100


RULES: dict[str, Callable[[Floats], Floats]] = {
    "uniform": lambda scores: np.ones(scores.shape[:-1]),
    "levelled": lambda scores: np.ones(scores.shape[:-1]),
    "sharpness": lambda scores: shares(scores, ("sharpness",)).prod(axis=-1),
    "pose": lambda scores: shares(scores, POSE).prod(axis=-1),
    "product": lambda scores: shares(scores, ALL).prod(axis=-1),
    "least": lambda scores: shares(scores, ALL).min(axis=-1),
}


@dataclass(frozen=True, slots=True, repr=False)
class Data:
    """(N, 7, …) of each photo, its five frames and the dark one; single: the calibration's thresholds of single photos.
    non_mated_mean: the calibration's."""

    vectors: NDArray[np.float32]
    found: NDArray[np.bool_]
    quality: NDArray[np.float32]
    subject: Ints
    model_sha256: str
    single: list[float]
    non_mated_mean: float


@dataclass(frozen=True, slots=True, repr=False)
class Setting:
    """frames: (T, 5, 2) photo and place of each probe's frames, in the order in which they are added. mated: (S, D, 2) probe
    and reference photo of D comparisons of each of S subjects."""

    name: str
    frames: Ints
    mated: Ints


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keep", type=Path, help="keep what was acquired in this folder, and go on from it")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    data = acquired(sorted(options.folder.glob("*/*.jpg")), options.keep)
    report: dict[str, Any] = {
        "images": len(data.subject),
        "subjects": int(data.subject.max()) + 1,
        "no_face": (~data.found).sum(axis=0).tolist(),  # among photos, first to fifth frames, dark ones
        "model_sha256": data.model_sha256,
        "single_thresholds": data.single,
        "interval": f"95 %, bootstrap over subjects, {REPLICATES} replicates, seed {SEED}",
        "settings": {},
    }
    print(f"{report['images']:,} photos of {report['subjects']:,} subjects; no face: {report['no_face']}")
    for setting in (independent(data), bursts(data, "burst"), bursts(data, "spoiled")):
        report["settings"][setting.name] = measured(setting, data)
        show(setting.name, report["settings"][setting.name])
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")


def acquired(files: list[Path], keep: Path | None) -> Data:
    keys = [str(file) for file in files]
    with Verifier() as verifier:
        acquire = partial(acquire_all, keys, lambda key: Path(key).read_bytes(), verifier, folder=keep)
        parts: list[Acquired] = [acquire()]
        for place in track(range(1, FRAMES + 2), "simulating bursts"):
            change = partial(frame, eyes_px=parts[0].inter_eye_distance_px, place=place)
            parts.append(acquire(change=(f"{SIMULATION} {SEED} {place}", change)))
        return Data(
            np.stack([part.vectors for part in parts], axis=1),
            np.stack([part.embedded for part in parts], axis=1),
            np.stack([part.quality for part in parts], axis=1),
            np.unique([file.parent.name for file in files], return_inverse=True)[1].astype(np.intp),
            verifier.card.sha256,
            [verifier.calibration.threshold(target) for target in FMR_TARGETS],
            verifier.calibration.non_mated_mean,
        )


def frame(number: int, photo: bytes, eyes_px: Floats, place: int) -> bytes:
    """Frame 1 to 5 of a burst, 1/30 s exposed; the sixth is dark. A photo without a face stays as it is.

    In a burst wells are of 500 to 4,000 e- with the eyes 70 px apart, exposure wanders by 0.07 stops a frame and white balance
    by 1.2 %. Hand and head move at 20 mm/s (median; one frame in forty at 100). JPEG quality is 80 to 95. The sixth is 3 to 5
    stops under, of which gain makes up 2.
    """
    if not eyes_px[number]:
        return photo
    common, rng = np.random.default_rng([SEED, number]), np.random.default_rng([SEED, number, place])
    well_e = 500 * 8 ** common.random()
    stops = common.normal(0, 0.07, FRAMES + 1)[:place].sum()
    tint = common.normal(0, 0.012, (FRAMES + 1, 3))[:place].sum(axis=0)
    light, eyes = decoded(Photo(photo).decode().pixels), float(eyes_px[number])
    size_px = light.shape[1], light.shape[0]
    view = held(size_px, eyes, rng)
    moved = cv2.warpPerspective(light, view, size_px, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    path_mm = 20 * np.exp(0.8 * rng.standard_normal()) / 30
    kernel = shake(path_mm / EYES_MM * eyes, rng)
    under, gain = (rng.uniform(3, 5), 2.0) if place > FRAMES else (0.0, 0.0)
    seen = cv2.filter2D(moved, -1, kernel, borderType=cv2.BORDER_REPLICATE) * 2 ** (stops - under) * np.exp(tint)
    counted = exposed(seen.astype(np.float32), rng, well_e * (EYES_PX / eyes) ** 2, 3 * EYES_PX / eyes)
    return jpeg(counted * np.float32(2**gain), int(rng.integers(80, 96)))


def held(size_px: tuple[int, int], eyes_px: float, rng: Generator) -> NDArray[np.float64]:
    """(3, 3): the photo as a plane at arm's length, turned by 2 to 3° about each axis and moved by a tenth of the inter-eye
    distance and 4 % in depth (standard deviations)."""
    rotation, _ = cv2.Rodrigues(np.radians(rng.normal(0, (2.5, 3.0, 2.0))))
    depth = DISTANCE_MM / EYES_MM * eyes_px
    across, down = np.array(size_px) / 2
    to_plane = np.array([[1, 0, -across], [0, 1, -down], [0, 0, 0], [0, 0, 1]])
    move = [*rng.normal(0, 0.1 * eyes_px, 2), depth * (1 + rng.normal(0, 0.04))]
    camera = np.array([[depth, 0, across], [0, depth, down], [0, 0, 1]])
    return np.asarray(camera @ np.column_stack([rotation, move]) @ to_plane)


def independent(data: Data) -> Setting:
    rng, drawn = np.random.default_rng(SEED), []
    for one in np.unique(data.subject):
        photos = np.flatnonzero((data.subject == one) & data.found[:, 0])
        if len(photos) > FRAMES:
            drawn += [rng.permutation(photos)[: FRAMES + 1] for _ in range(DRAWS)]
    chosen = np.array(drawn)
    frames = np.stack([chosen[:, 1:], np.zeros_like(chosen[:, 1:])], axis=2)
    mated = np.column_stack([np.arange(len(chosen)), chosen[:, 0]]).reshape(-1, DRAWS, 2)
    return Setting("independent", frames, mated)


def bursts(data: Data, name: str) -> Setting:
    rng, mated = np.random.default_rng(SEED), []
    source = np.flatnonzero(data.found.all(axis=1))
    places = rng.permuted(np.tile(np.arange(1, FRAMES + 1), (len(source), 1)), axis=1)
    if name == "spoiled":
        places[:, 0] = FRAMES + 1
    for one in np.unique(data.subject):
        photos = np.flatnonzero((data.subject == one) & data.found[:, 0])
        probes = np.flatnonzero(data.subject[source] == one)
        pairs = [(probe, photo) for probe in probes for photo in photos if photo != source[probe]]
        if pairs:
            mated.append(rng.permutation(pairs)[np.arange(DRAWS) % len(pairs)])
    frames = np.stack([np.broadcast_to(source[:, None], places.shape), places], axis=2)
    return Setting(name, frames, np.stack(mated))


def measured(setting: Setting, data: Data) -> list[dict[str, Any]]:
    """A row for each number of frames and rule; in it every rate as [value, lower, upper]."""
    size = int(data.subject.max()) + 1
    drawn = np.random.default_rng(SEED).integers(0, size, (REPLICATES, size))
    draws = np.stack([np.ones(size), *(np.bincount(each, minlength=size) for each in drawn)])
    rows: list[dict[str, Any]] = []
    kept: dict[tuple[int, str], dict[str, Floats]] = {}
    photo, place = setting.frames[..., 0], setting.frames[..., 1]
    for count, name in [(1, "uniform"), *((count, name) for count in COUNTS[1:] for name in RULES)]:
        frames, weights = data.vectors[photo, place][:, :count], RULES[name](data.quality[photo, place])[:, :count]
        probes, length = fused(frames, weights, data.model_sha256)
        less = (data.non_mated_mean if name == "levelled" else 0.0) * (1 / length - 1)
        row, rates = compared(setting, data, probes, less.astype(np.float32), draws)
        kept[count, name] = rates
        row["refused"] = float(unlike(frames)[setting.mated[..., 0]].mean())
        row |= {"frames": count, "weights": name, "length": np.quantile(length, (0.05, 0.5, 0.95)).round(4).tolist()}
        row |= {key: interval(values) for key, values in rates.items()}
        for other, values in (("one_frame", kept[1, "uniform"]), ("uniform", kept[count, "uniform"])):
            row[f"less_{other}"] = {key: interval(rates[key] - values[key]) for key in rates}
        rows.append(row)
    return rows


def unlike(frames: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(T,) whether two of a probe's frames are not of one capture."""
    return np.asarray(np.einsum("tik,tjk->tij", frames, frames).min(axis=(1, 2)) < FRAMES_ALIKE)


def fused(frames: NDArray[np.float32], weights: Floats, model: str) -> tuple[NDArray[np.float32], Floats]:
    """(T, d) fused probes, and (T,) the lengths of the means."""
    probes = [
        fuse([Embedding(vector, model) for vector in each], list(weight)).vector
        for each, weight in zip(frames, weights, strict=True)
    ]
    share = weights / weights.sum(axis=1, keepdims=True)
    return np.stack(probes), np.linalg.norm((share[..., None] * frames).sum(axis=1), axis=1)


def compared(
    setting: Setting, data: Data, probes: NDArray[np.float32], less: NDArray[np.float32], draws: Floats
) -> tuple[dict[str, Any], dict[str, Floats]]:
    """Both distributions; and (1 + R,) values of every rate, of the sample and of each replicate."""
    usable, owner, own = data.found[:, 0], data.subject[setting.frames[:, 0, 0]], data.subject[setting.mated[:, 0, 1]]
    photos, subject = data.vectors[usable, 0], data.subject[usable]
    mated = np.einsum("sdk,sdk->sd", probes[setting.mated[..., 0]], data.vectors[setting.mated[..., 1], 0])
    mated -= less[setting.mated[..., 0]]
    total, squares, pairs, lowest, tail = 0.0, 0.0, 0, -2.0, []
    for block in np.array_split(np.random.default_rng(SEED).permutation(len(probes)), len(probes) // 1000 + 1):
        scores, others = probes[block] @ photos.T - less[block, None], owner[block, None] != subject
        values = scores[others]
        pairs, total = pairs + len(values), total + float(values.sum(dtype=np.float64))
        squares += float(np.square(values, dtype=np.float64).sum())
        lowest = float(np.quantile(values, 1 - TAIL_FMR)) if lowest == -2 else lowest
        one, other = np.nonzero(others & (scores >= lowest))
        tail.append((scores[one, other], owner[block][one], subject[other]))
    kept = [np.concatenate(part) for part in zip(*tail, strict=True)]
    falling, probe, reference = (part[np.argsort(-kept[0])] for part in kept)
    per_probe, per_photo = (np.bincount(each, minlength=draws.shape[1]) for each in (owner, subject))
    rates: dict[str, list[float]] = {}
    for draw in draws:
        weight = np.cumsum(np.append(0, draw[probe] * draw[reference]))  # of the pairs before each
        trials = (draw @ per_probe) * (draw @ per_photo) - draw**2 @ (per_probe * per_photo)
        for target, single in zip(FMR_TARGETS, data.single, strict=True):
            threshold = falling[max(np.searchsorted(weight, target * trials, "right") - 2, 0)]
            reached = np.searchsorted(-falling, -single, "right")
            missed = [np.average((mated < limit).mean(axis=1), weights=draw[own]) for limit in (threshold, single)]
            for key, value in zip(RATES, (threshold, missed[0], weight[reached] / trials, missed[1]), strict=True):
                rates.setdefault(f"{key}@{target:.0e}", []).append(float(value))
    mean = total / pairs
    row = {
        "non_mated": {"pairs": pairs, "mean": mean, "deviation": float(np.sqrt(squares / pairs - mean**2))},
        "mated": {"pairs": mated.size, "mean": float(mated.mean()), "deviation": float(mated.std())},
        "misses": {f"{t:.0e}": int((mated < rates[f"threshold@{t:.0e}"][0]).sum()) for t in FMR_TARGETS},
    }
    return row, {key: np.array(values) for key, values in rates.items()}


def interval(values: Floats) -> list[float]:
    return [float(v) for v in (values[0], *np.quantile(values[1:], (0.025, 0.975)))]


def show(name: str, rows: list[dict[str, Any]]) -> None:
    mated, others = rows[0]["mated"]["pairs"], rows[0]["non_mated"]["pairs"]
    print(f"\n{name}: {mated:,} mated comparisons of {mated // DRAWS} subjects, {others:,} non-mated")
    print("frames, weights, length, refused | non-mated and mated scores | then each with its change from one frame: threshold |"
          " FNMR | FMR and FNMR at the single photos' threshold")  # fmt: skip
    for target in (f"{target:.0e}" for target in FMR_TARGETS):
        print(f"FMR {target}")
        for row in rows:
            cells = [f"{row['frames']} {row['weights']:9} {row['length'][1]:.3f} {row['refused']:.1%}"]
            cells += [f"{row[kind]['mean']:.4f} ±{row[kind]['deviation']:.4f}" for kind in ("non_mated", "mated")]
            for key, form in RATES.items():
                change = row["less_one_frame"][f"{key}@{target}"]
                cells += [span(row[f"{key}@{target}"], form), span(change, f"+{form}")]
            print(*cells, sep=" | ")


def span(values: list[float], form: str) -> str:
    value, lower, upper = (format(each, form) for each in values)
    return f"{value} ({lower}…{upper})"


if __name__ == "__main__":
    main()
