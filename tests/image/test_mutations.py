"""Damaged and hostile files: every one ends in an ImageError or a decision, soon and in bounded memory.

Seeded mutations of real photos go through the whole verifier in a child process, which the parent watches. By default a
few dozen a format; with VISAVIS_SOAK=1 in the environment, 2,000.
"""

import io
import multiprocessing
import random
import resource
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
from PIL import Image as PillowImage

from tests.conftest import LONG, encoded, person, pixels
from tests.image.headers import png_with_checksums, with_size
from visavis.errors import ImageError
from visavis.image import FORMATS, ImageFormat, Limits
from visavis.verifier import Verifier

COUNT = 2_000 if LONG else 40
SEED = 20261122
FILE_LIMIT_S = 10.0
START_LIMIT_S = 120.0
MEMORY_LIMIT_MIB = 2_560
"""Of the whole child, at the default limits. Measured: 250 MiB for interpreter and models, 600 once the detector has looked
at a photo in its largest squares, 20 bytes a pixel for the 50 million pixels that a header may claim; and what the
allocator keeps of earlier files."""

LONG_SIDE = 400
EXPECTED_CODES = {"image_empty", "image_unsupported", "image_truncated", "image_damaged", "image_too_large"}
EXPECTED_OUTCOMES = {"match", "no_match", "inconclusive"}

Mutation = Callable[[random.Random, bytes, bytes], bytes]


@cache
def sources(image_format: ImageFormat) -> tuple[bytes, ...]:
    """One photo, in the variants of a format that take different ways through its decoder."""
    picture = PillowImage.fromarray(pixels("P001", "amateur_selfie", LONG_SIDE))
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    turned, sideways = exif.tobytes(), picture.transpose(PillowImage.Transpose.ROTATE_90)
    profile = PillowImage.open(io.BytesIO(person("P001", "amateur_selfie"))).info.get("icc_profile", b"")
    grey, palette, alpha = picture.convert("L"), picture.quantize(64), picture.convert("RGBA")
    deep = PillowImage.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    variants: dict[ImageFormat, list[tuple[PillowImage.Image, dict[str, object]]]] = {
        "JPEG": [
            (picture, {"quality": 90, "icc_profile": profile}),
            (sideways, {"progressive": True, "exif": turned}),
            (picture.convert("CMYK"), {}),
            (grey, {}),
        ],
        "PNG": [
            (sideways, {"exif": turned}),
            (palette, {"transparency": 0}),
            (alpha, {}),
            (deep, {}),
        ],
        "WEBP": [(sideways, {"exif": turned}), (picture, {"lossless": True}), (alpha, {})],
        "HEIF": [(sideways, {"exif": turned}), (alpha, {})],
        "AVIF": [(sideways, {"exif": turned}), (alpha, {"speed": 8})],
        "JPEG2000": [(picture, {"irreversible": True, "quality_layers": [20]}), (picture, {"no_jp2": True})],
        "TIFF": [
            (sideways, {"exif": turned}),
            (picture, {"compression": "tiff_lzw"}),
            (picture, {"compression": "jpeg"}),
            (grey.convert("F"), {"compression": "tiff_adobe_deflate"}),
            (picture.convert("CMYK"), {}),
        ],
        "BMP": [(picture, {}), (palette, {})],
    }
    return tuple(encoded(variant, image_format, **options) for variant, options in variants[image_format])


def truncate(rng: random.Random, data: bytes, other: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def flip_bits(rng: random.Random, data: bytes, other: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 3, 10, 100))):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def flip_header(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Bits of the first bytes, where sizes, tables and metadata stand."""
    head = rng.choice((64, 256, 1024))
    return flip_bits(rng, data[:head], other) + data[head:]


def splice(rng: random.Random, data: bytes, other: bytes) -> bytes:
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def zero(rng: random.Random, data: bytes, other: bytes) -> bytes:
    start, length = _range(rng, data)
    return data[:start] + bytes(length) + data[start + length :]


def duplicate(rng: random.Random, data: bytes, other: bytes) -> bytes:
    start, length = _range(rng, data)
    return data[: start + length] + data[start:]


def remove(rng: random.Random, data: bytes, other: bytes) -> bytes:
    start, length = _range(rng, data)
    return data[:start] + data[start + length :]


def swap_head(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """This format's first bytes before another format's picture."""
    head = rng.choice((4, 12, 32, 128))
    return data[:head] + other[head:]


def resize(rng: random.Random, data: bytes, other: bytes) -> bytes:
    sides = (1, 7, 200, 1_000, 6_000, 7_071, 16_383, 30_000, 65_535)
    return with_size(data, rng.choice(sides), rng.choice(sides))


def wild_words(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Lengths and counts of the header become extreme ones."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 2, 4))):
        width = rng.choice((1, 2, 4))
        at = rng.randrange(min(len(out), 512))
        out[at : at + width] = rng.choice((b"\x00", b"\x7f", b"\x80", b"\xff")) * width
    return bytes(out)


def append(rng: random.Random, data: bytes, other: bytes) -> bytes:
    return data + rng.choice((rng.randbytes(rng.randrange(1, 5_000)), other))


def empty(rng: random.Random, data: bytes, other: bytes) -> bytes:
    return rng.choice((b"", data[:1], bytes(len(data)), rng.randbytes(len(data))))


MUTATIONS: tuple[Mutation, ...] = (
    truncate,
    flip_bits,
    flip_header,
    splice,
    zero,
    duplicate,
    remove,
    swap_head,
    resize,
    wild_words,
    append,
    empty,
)


def mutations(image_format: ImageFormat, count: int) -> Iterator[tuple[str, bytes]]:
    """`count` damaged files and how each was damaged; the same ones every time."""
    for number in range(count):
        rng = random.Random(f"{SEED} {image_format} {number}")  # noqa: S311 - damage, not secrets
        mutate = MUTATIONS[number % len(MUTATIONS)]
        data = rng.choice(sources(image_format))
        same_format = mutate is splice and rng.random() < 0.5
        other = rng.choice(sources(image_format if same_format else rng.choice(FORMATS)))
        damaged = mutate(rng, data, other)
        if image_format == "PNG" and mutate is not truncate and rng.random() < 0.7:
            damaged = png_with_checksums(damaged)
        yield f"{image_format} {number} {mutate.__name__}", damaged


def _range(rng: random.Random, data: bytes) -> tuple[int, int]:
    start = rng.randrange(len(data))
    return start, min(rng.choice((1, 16, 256, 4_096)), len(data) - start)


def serve(pipe: Connection, cache_folder: Path) -> None:
    """The child: verifies each file that comes against a sound photo of the same person, and says what came of it."""
    with Verifier(cache_folder=cache_folder, limits=Limits()) as verifier:
        good = encoded(pixels("P001", "studio_portrait", LONG_SIDE), "JPEG")
        pipe.send((str(verifier.verify(reference=good, probe=good).outcome), _peak_mib()))
        while (data := pipe.recv()) is not None:
            try:
                answer = str(verifier.verify(reference=data, probe=good).outcome)
            except ImageError as error:
                answer = error.code
            except Exception as error:  # noqa: BLE001 - the parent reports it
                answer = f"{type(error).__name__}: {error}"
            pipe.send((answer, _peak_mib()))


def _peak_mib() -> float:
    """Of this process alone: Linux hands `ru_maxrss` on from the parent, which has tested much else by now."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Child:
    """A process that verifies files, replaced when it crashes or hangs."""

    def __init__(self, cache_folder: Path) -> None:
        self._cache_folder = cache_folder
        self._context = multiprocessing.get_context("spawn")
        self.peak_mib = 0.0
        self._start()

    def verify(self, data: bytes) -> str:
        """An outcome, an error's code, or what went wrong."""
        self._pipe.send(data)
        answer = self._answer(FILE_LIMIT_S)
        if not self._process.is_alive() or answer == "hang":
            self._process.kill()
            self._process.join()
            self._start()
        return answer

    def close(self) -> None:
        self._pipe.send(None)
        self._process.join(FILE_LIMIT_S)
        self._process.kill()

    def _start(self) -> None:
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(target=serve, args=(theirs, self._cache_folder), daemon=True)
        self._process.start()
        theirs.close()
        assert self._answer(START_LIMIT_S) == "match"

    def _answer(self, limit_s: float) -> str:
        if not self._pipe.poll(limit_s):
            return "hang"
        try:
            answer, peak_mib = self._pipe.recv()
        except (EOFError, ConnectionResetError):
            self._process.join(FILE_LIMIT_S)
            return f"crash {self._process.exitcode}"
        self.peak_mib = max(self.peak_mib, peak_mib)
        return str(answer)


@pytest.fixture
def child(cache_folder: Path, verifier: Verifier) -> Iterator[Child]:
    """One for each format, so that its peak is that format's own. Starts after the shared verifier has compiled the models."""
    child = Child(cache_folder)
    yield child
    child.close()


@pytest.mark.parametrize(
    "image_format", [pytest.param(f, marks=pytest.mark.soak) if LONG else f for f in FORMATS], ids=str
)
def test_damaged_files_end_in_an_image_error_or_a_decision(child: Child, image_format: ImageFormat) -> None:
    counts: Counter[str] = Counter()
    failures = []
    slowest = 0.0, ""
    for name, data in mutations(image_format, COUNT):
        started = perf_counter()
        answer = child.verify(data)
        slowest = max(slowest, (perf_counter() - started, name))
        counts[answer] += 1
        if answer not in EXPECTED_CODES | EXPECTED_OUTCOMES:
            failures.append(f"{name}: {answer}")
    print(f"\n{image_format}: {dict(counts)}; slowest {slowest[0]:.2f} s ({slowest[1]}); {child.peak_mib:.0f} MiB")  # noqa: T201
    assert failures == []
    assert child.peak_mib < MEMORY_LIMIT_MIB


def test_the_mutations_are_seeded_and_the_sources_sound(verifier: Verifier) -> None:
    good = encoded(pixels("P001", "studio_portrait", LONG_SIDE), "JPEG")
    for image_format in FORMATS:
        assert list(mutations(image_format, 12)) == list(mutations(image_format, 12))
        for source in sources(image_format):
            assert verifier.verify(reference=source, probe=good).comparison is not None
