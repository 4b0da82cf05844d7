"""What the page reader makes of simulated photographs of documents, whose every character is known.

    python benchmarks/documents.py [--count 1000] [--conditions typical] [--processes 2] [--megapixels 12] [--json figures.json]
    python benchmarks/documents.py --save FOLDER --count 1 --formats td3

Fictional documents of Utopia are drawn in the five formats of ICAO Doc 9303, with portraits of the synthetic people of
`openpeople`, and photographed by simulation: `visavis.evaluation.specimens` states every condition with its numbers. The seed and
a number make each photograph. It needs an OCR-B font (Debian: fonts-ocr-b). The second command saves photographs and reads none.

Told by format: in how many photographs every character of the zone was read as it was written, with the 95 % interval (Wilson);
how many zones were read otherwise and how many not at all, with which reasons, and how many of those had no reason; fields that
are said to be checked and are wrong, of which there must be none; portraits that match the photo they were printed from, at FMR
1e-3; how far off the page's corners are; and the time from the file's bytes to the page, which counts where nothing else ran and
`--processes` is 1: that one has all cores. `--megapixels` has each photograph scaled to that size first, as a phone has it.
For each ten photographs there is one more of a card's front, which has no zone.
"""

import argparse
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, partial
from importlib import metadata
from itertools import chain
from math import sqrt
from pathlib import Path
from time import perf_counter
from typing import Any, get_args

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from visavis.decision import Outcome
from visavis.document import PageReader
from visavis.document.mrz import Field, MachineReadableZone, MrzFormat, Standing, read_zone
from visavis.evaluation.degrade import PRINT_PX, portrait, srgb
from visavis.evaluation.specimens import (
    OCR_B,
    SIZES_MM,
    Conditions,
    Fault,
    Mount,
    Specimen,
    draw_specimen,
    photograph_jpeg,
)
from visavis.image import Photo
from visavis.verifier import Acquisition, Verifier

TODAY = date(2026, 1, 1)
"""For whoever reads."""
FRONT = "td1 front"
KINDS = (*(each.value for each in MrzFormat), FRONT)
CONDITIONS: dict[str, Callable[[Generator, Mount], Conditions]] = {
    "clean": Conditions.clean,
    "typical": Conditions.typical,
    **{fault: partial(Conditions.hard, fault) for fault in get_args(Fault)},
}
PEOPLE = tuple(f"P{number:03}" for number in range(1, 11))
WIDTH_PX = 2200
"""Of what is drawn: as wide as the largest document in a photograph."""


@dataclass(frozen=True)
class Task:
    """One photograph, of a kind of `KINDS`."""

    number: int
    kind: str
    conditions: str
    seed: int
    font: Path
    megapixels: float | None
    threads: int | None


@dataclass(frozen=True)
class Row:
    """What was read of one.

    exact: whether all characters are right, where there is a zone. differing: (field, its standing) where another value was read
    than is printed. matched: whether the portrait is the person's; None where none was found. corners: the largest error over the
    page's width; None where no page was found.
    """

    number: int
    kind: str
    exact: bool
    read: bool
    differing: tuple[tuple[str, Standing], ...]
    reasons: tuple[str, ...]
    matched: bool | None
    corners: float | None
    seconds: float
    megapixels: float


@cache
def ready(threads: int | None = 1) -> tuple[Verifier, PageReader]:
    """One of each in a process. threads: None for as many as there are cores."""
    verifier = Verifier(threads=threads)
    return verifier, PageReader(verifier.store)


@cache
def person(name: str) -> tuple[NDArray[np.uint8], Acquisition]:
    """A synthetic person's portrait, framed as for a document, and what was acquired of the photo."""
    folder = metadata.distribution("openpeople").locate_file("openpeople/data/curated")
    pixels = Photo(Path(str(folder), name, "assets", "studio_portrait.jpg").read_bytes()).decode(1000).pixels
    acquired = ready()[0].acquire(pixels)
    if acquired.report.face is None:
        raise SystemExit(f"there is no single face in the portrait of {name}")
    framed = np.rint(255 * srgb(portrait(pixels, acquired.report.face, PRINT_PX)))
    return framed.astype(np.uint8), acquired


def taken(task: Task) -> tuple[str, Specimen, bytes, NDArray[np.float32]]:
    """Whose portrait is on it, the specimen, its photograph, and the corners in that."""
    rng = default_rng((task.seed, task.number, KINDS.index(task.kind)))
    name, mrz_format = str(rng.choice(PEOPLE)), MrzFormat(task.kind.split()[0])
    resolution = WIDTH_PX / SIZES_MM[mrz_format][0]
    specimen = draw_specimen(mrz_format, person(name)[0], rng, font=task.font, px_per_mm=resolution)
    image = specimen.images[0 if task.kind == FRONT else -1]
    return name, specimen, *photograph_jpeg(image, rng, CONDITIONS[task.conditions](rng, specimen.mount))


def work(task: Task) -> Row:
    """One photograph, taken and read."""
    verifier, reader = ready(task.threads)
    name, specimen, data, corners = taken(task)
    if task.megapixels is not None:
        data, corners = scaled(data, corners, task.megapixels)
    started = perf_counter()
    photo = Photo(data)
    page = reader.read(photo, today=TODAY)
    seconds = perf_counter() - started
    matched = None
    if page.portrait is not None:
        acquired = verifier.acquire(page.portrait)
        decision = verifier.compare(reference=acquired, probe=person(name)[1], policy="1e-3")
        matched = decision.outcome is Outcome.MATCH
    error = None
    if page.corners_px is not None:
        off, width = np.linalg.norm(page.corners_px - corners, axis=1).max(), np.linalg.norm(corners[1] - corners[0])
        error = float(off / width)
    printed = read_zone(specimen.lines, today=TODAY)
    return Row(
        number=task.number,
        kind=task.kind,
        exact=page.zone is not None and page.zone.lines == specimen.lines,
        read=page.zone is not None,
        differing=() if page.zone is None else tuple(differing(page.zone, printed)),
        reasons=tuple(reason.value for reason in page.reasons),
        matched=matched,
        corners=error,
        seconds=seconds,
        megapixels=photo.size_px[0] * photo.size_px[1] / 1e6,
    )


def scaled(data: bytes, corners: NDArray[np.float32], megapixels: float) -> tuple[bytes, NDArray[np.float32]]:
    """A photograph of that size, and the corners in it."""
    pixels = Photo(data).decode().pixels
    height, width = pixels.shape[:2]
    scale = sqrt(1e6 * megapixels / (height * width))
    larger = Image.fromarray(pixels).resize((round(scale * width), round(scale * height)), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    larger.save(out, "JPEG", quality=90)
    return out.getvalue(), corners * np.float32(scale)


def differing(zone: MachineReadableZone, printed: MachineReadableZone) -> Iterator[tuple[str, Standing]]:
    """The fields that have another value than is printed."""
    for name in MachineReadableZone.__dataclass_fields__:
        field, right = getattr(zone, name), getattr(printed, name)
        if isinstance(field, Field) and (not isinstance(right, Field) or field.value != right.value):
            yield name, field.standing


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    z, share = 1.959964, hits / of
    middle, half = share + z * z / (2 * of), z * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, (middle - half) / (1 + z * z / of)), min(1.0, (middle + half) / (1 + z * z / of))


def told(rows: Sequence[Row]) -> dict[str, Any]:
    """The figures of some photographs with a zone."""
    exact = sum(row.exact for row in rows)
    missed = [row for row in rows if not row.exact]
    checked = [name for row in rows for name, standing in row.differing if standing is Standing.CHECKED]
    return {
        "photographs": len(rows),
        "exact": exact,
        "exact_interval": wilson(exact, len(rows)),
        "read_otherwise": sum(row.read for row in missed),
        "not_read": sum(not row.read for row in missed),
        "numbers_of_those": [row.number for row in missed],
        "reasons_of_those": _counted(reason for row in missed for reason in row.reasons),
        "without_reason": sum(not row.reasons for row in missed),
        "checked_and_wrong": _counted(checked),
        "differing_fields": _counted(f"{name} {standing.value}" for row in rows for name, standing in row.differing),
        "reasons_of_exact": _counted(reason for row in rows if row.exact for reason in row.reasons),
    } | _besides(rows)


def told_of_fronts(rows: Sequence[Row]) -> dict[str, Any]:
    """The figures of a card's side without a zone."""
    return {
        "photographs": len(rows),
        "zone_invented": sum(row.read for row in rows),
        "reasons": _counted(reason for row in rows for reason in row.reasons),
    } | _besides(rows)


def _besides(rows: Sequence[Row]) -> dict[str, Any]:
    corners = [row.corners for row in rows if row.corners is not None]
    seconds = [row.seconds for row in rows]
    return {
        "portraits": sum(row.matched is not None for row in rows),
        "portraits_matched": sum(row.matched is True for row in rows),
        "pages_found": len(corners),
        "corner_error_median_percent": 100 * float(np.median(corners)) if corners else None,
        "seconds_median": float(np.median(seconds)),
        "seconds_95": float(np.quantile(seconds, 0.95)),
        "megapixels_median": float(np.median([row.megapixels for row in rows])),
    }


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())


def saved(tasks: Sequence[Task], folder: Path) -> None:
    """The photographs as files, as the reader gets them."""
    folder.mkdir(parents=True, exist_ok=True)
    for task in tasks:
        path = folder / f"{task.kind.replace(' ', '-')}-{task.conditions}-{task.number}.jpg"
        path.write_bytes(taken(task)[2])
        print(path)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--numbers", nargs="+", type=int, help="those photographs alone")
    parser.add_argument("--conditions", choices=CONDITIONS, default="typical")
    parser.add_argument("--formats", nargs="+", choices=[each.value for each in MrzFormat], default=list(MrzFormat))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--font", type=Path, default=OCR_B)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--megapixels", type=float)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="save the photographs there, and read none")
    options = parser.parse_args(arguments)
    numbers = options.numbers or range(options.count)
    zones = ((number, options.formats[number % len(options.formats)]) for number in numbers)
    fronts = ((number, FRONT) for number in range(len(numbers) // 10))
    threads = None if options.processes == 1 else 1
    tasks = [
        Task(number, kind, options.conditions, options.seed, options.font, options.megapixels, threads)
        for number, kind in chain(zones, fronts)
    ]
    if options.save is not None:
        saved(tasks, options.save)
        return
    with ProcessPoolExecutor(options.processes) as pool:
        rows = list(track(pool.map(work, tasks), "photographs", total=len(tasks)))
    by_kind = {kind: [row for row in rows if row.kind == kind] for kind in KINDS}
    with_zone = [row for row in rows if row.kind != FRONT]
    figures: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "simulated": True,
        "conditions": options.conditions,
        "seed": options.seed,
        "processes": options.processes,
        "all": told(with_zone),
        "by_format": {kind: told(of) for kind, of in by_kind.items() if of and kind != FRONT},
    }
    if by_kind[FRONT]:
        figures["fronts"] = told_of_fronts(by_kind[FRONT])
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    for name, each in (figures["by_format"] | {"all": figures["all"]}).items():
        low, high = each["exact_interval"]
        print(
            f"{name}: {each['exact'] / each['photographs']:.1%} exact ({each['exact']} of {each['photographs']}; {low:.1%} to "
            f"{high:.1%}), {each['read_otherwise']} otherwise, {each['not_read']} not read, {each['without_reason']} of those "
            f"without a reason; {sum(each['checked_and_wrong'].values())} checked and wrong; {each['portraits_matched']} of "
            f"{each['portraits']} portraits match; {each['seconds_median']:.2f} s, 95 % within {each['seconds_95']:.2f} s"
        )
        print(f"  reasons: {each['reasons_of_those']}; fields that differ: {each['differing_fields']}")
    if by_kind[FRONT]:
        print(f"fronts: {figures['fronts']}")


if __name__ == "__main__":
    main()
