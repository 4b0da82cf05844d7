"""Many comparisons in one process: nothing may pile up. `VISAVIS_SOAK=1` runs twenty thousand."""

import ctypes
import gc
import resource
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest

from tests.conftest import LONG, PEOPLE, encoded, pixels
from visavis.decision import Outcome
from visavis.verifier import PhotoInput, Verifier

COUNT, WARM_UP = (20_000, 1_000) if LONG else (300, 100)
GROWTH_MAX = 0.05 if LONG else 0.10
"""The short run ends while the allocators of the threads still warm up."""
ALLOCATORS_BYTES = 32 * 1024 * 1024
"""What decoders that break off half-way may leave in the allocators of the threads they ran in, once and for all."""

SHOTS: tuple[tuple[str, dict[str, object]], ...] = (
    ("JPEG", {"quality": 90}),
    ("PNG", {}),
    ("WEBP", {"quality": 85}),
    ("TIFF", {}),
    ("BMP", {}),
    ("HEIF", {"quality": 80}),
    ("AVIF", {"quality": 80}),
    ("JPEG2000", {}),
)


def resident_bytes() -> int:
    """What the process holds in memory now, without what the collector or the allocator merely has not given back yet."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(0)
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


@pytest.fixture(scope="module")
def photos() -> Sequence[tuple[PhotoInput, PhotoInput]]:
    """Mated pairs of different sizes, one format each, one as arrays, and files that are no use."""
    pairs: list[tuple[PhotoInput, PhotoInput]] = []
    for number, (name, (image_format, options)) in enumerate(zip(PEOPLE, SHOTS, strict=False)):
        side = 400 + 40 * number
        shots = (pixels(name, kind, side) for kind in ("studio_portrait", "amateur_selfie"))
        one, other = (encoded(shot, image_format, **options) for shot in shots)
        pairs.append((one, other))
    pairs.append((pixels(PEOPLE[8], "studio_portrait", 500), pixels(PEOPLE[8], "amateur_selfie", 700)))
    return pairs


@pytest.mark.soak
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
def test_memory_does_not_grow(verifier: Verifier, photos: Sequence[tuple[PhotoInput, PhotoInput]]) -> None:
    matches = 0
    keys = [(f"{number} reference", f"{number} probe") for number in range(COUNT)]

    def read(key: str) -> PhotoInput:
        number, parameter = key.split()
        return photos[int(number) % len(photos)][parameter == "probe"]

    results = verifier.verify_pairs(keys, read)
    for result in islice(results, WARM_UP):
        matches += getattr(result, "outcome", None) is Outcome.MATCH
    after_warm_up = resident_bytes()
    for result in results:
        matches += getattr(result, "outcome", None) is Outcome.MATCH
    assert matches == COUNT
    growth = resident_bytes() / after_warm_up - 1
    assert growth < GROWTH_MAX, f"resident memory grew by {growth:.1%} in {COUNT - WARM_UP:,} comparisons"


@pytest.mark.soak
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
def test_nor_with_photos_that_are_no_use(verifier: Verifier, photos: Sequence[tuple[PhotoInput, PhotoInput]]) -> None:
    """Cut files, faults of the reader and photos of nobody leave nothing behind either."""
    whole = [pair[0] for pair in photos if isinstance(pair[0], bytes)]
    keys = [(f"{number} a", f"{number} b") for number in range(COUNT)]

    def read(key: str) -> PhotoInput:
        number, which = key.split()
        if which == "a":
            data = whole[int(number) % len(whole)]
            return data[: len(data) // 2]
        raise OSError("gone")

    results = verifier.verify_pairs(keys, read)
    decided = sum(getattr(result, "outcome", None) is not None for result in islice(results, WARM_UP))
    after_warm_up = resident_bytes()
    decided += sum(getattr(result, "outcome", None) is not None for result in results)
    assert decided == 0
    growth = (resident_bytes() - ALLOCATORS_BYTES) / after_warm_up - 1
    assert growth < GROWTH_MAX, f"resident memory grew by {growth:.1%} in {COUNT - WARM_UP:,} comparisons"
