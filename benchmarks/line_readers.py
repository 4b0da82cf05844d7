"""Who reads the lines of a zone better: the page reader's own network, or RapidOCR, a general recogniser of printed text.

    python benchmarks/line_readers.py --peers .venv-rapidocr/bin/python [--count 100] [--json figures.json]

The photographs are made like the typical ones of `documents.py`, of pages that lie flat. Both get

- the photograph as it is, and each does all of its own work: to be right, every line of the zone must be read as it is printed,
  where of RapidOCR's answers any text counts that holds the line, spaces left out, and double angle quotes taken for two fillers;
- each line alone, cut out where the simulation knows that it is, at the size that the recogniser was trained for. Here RapidOCR's
  is confined to the 37 characters of a zone; told are also lines that would be right if O and 0 were one character.

Seconds are from pixels to text, each program with its own threads; they count where nothing else ran. The peer runs in its own
environment: see benchmarks/README.md.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"
LINE_PX, PITCH_PX = 48, 30
"""Height of the picture of a line, and the distance of characters in it."""
EXTRA_PX = 20
"""Around the page."""


def make(folder: Path, count: int) -> None:
    """Photographs, their lines, and what is printed there."""
    from dataclasses import replace

    from rich.progress import track

    from documents import PEOPLE, WIDTH_PX, person
    from visavis.document.mrz import MrzFormat
    from visavis.document.page.outline import LAYOUTS, PITCH_MM
    from visavis.evaluation.specimens import SIZES_MM, Conditions, draw_specimen, photograph_jpeg
    from visavis.image import Photo

    formats = list(MrzFormat)
    printed = []
    for number in track(range(count), "photographs"):
        rng, mrz_format = np.random.default_rng((3, number)), formats[number % len(formats)]
        portrait = person(PEOPLE[number % len(PEOPLE)])[0]
        specimen = draw_specimen(mrz_format, portrait, rng, px_per_mm=WIDTH_PX / SIZES_MM[mrz_format][0])
        conditions = replace(Conditions.typical(rng, specimen.mount), bow=0.0)
        data, corners = photograph_jpeg(specimen.images[-1], rng, conditions)
        (folder / f"{number}.jpg").write_bytes(data)
        layout = LAYOUTS[specimen.format]
        scale = PITCH_PX / PITCH_MM
        page = (layout.corners * scale + EXTRA_PX).astype(np.float32)
        size = int(layout.width * scale) + 2 * EXTRA_PX, int(layout.height * scale) + 2 * EXTRA_PX
        straight = cv2.warpPerspective(
            Photo(data).decode().pixels, cv2.getPerspectiveTransform(corners.astype(np.float32), page), size
        )
        _, upper, _, lower = (each / specimen.px_per_mm for each in specimen.zone_box_px)
        for row in range(len(specimen.lines)):
            middle = (upper + lower) / 2 + (row - (len(specimen.lines) - 1) / 2) * layout.line
            top = round(middle * scale - LINE_PX / 2) + EXTRA_PX
            picture = straight[top : top + LINE_PX, EXTRA_PX:-EXTRA_PX, ::-1]
            cv2.imwrite(str(folder / f"{number}-{row}.png"), picture)
        printed.append(specimen.lines)
    (folder / "printed.json").write_text(json.dumps(printed))


def ours() -> tuple[Callable[[Path], list[str]], Callable[[Path], str]]:
    """What reads a photograph, and what reads a line."""
    from datetime import date

    from visavis.document import PageReader
    from visavis.document.page.characters import HEIGHT_PX, WIDTH_PX, LineReader, Row
    from visavis.document.page.characters import PITCH_PX as OWN_PITCH_PX
    from visavis.document.page.networks import READER
    from visavis.image import Photo
    from visavis.verifier import Verifier

    store = Verifier().store
    pages, lines = PageReader(store), LineReader(store, READER)

    def photograph(path: Path) -> list[str]:
        page = pages.read(Photo(path.read_bytes()), today=date(2026, 1, 1))
        return [] if page.zone is None else list(page.zone.lines)

    def line(path: Path) -> str:
        picture = Photo(path.read_bytes()).decode().pixels
        scale = OWN_PITCH_PX / PITCH_PX
        below = 0.15 * OWN_PITCH_PX  # where the network expects the middle of its picture, below that of characters
        to_own = np.array([[scale, 0, 20], [0, scale, HEIGHT_PX / 2 - below - scale * LINE_PX / 2]])
        own = cv2.warpAffine(picture, to_own, (WIDTH_PX, HEIGHT_PX), borderMode=cv2.BORDER_REPLICATE)
        row = Row.counted(lines.columns(np.asarray(own, dtype=np.uint8)))
        return "".join(each[0] for each in row.candidates())

    return photograph, line


def rapidocr() -> tuple[Callable[[Path], list[str]], Callable[[Path], str]]:
    """The same of the peer."""
    import rapidocr as peer  # type: ignore[import-not-found, unused-ignore]

    engine = peer.RapidOCR(params={"Global.log_level": "error"})

    def photograph(path: Path) -> list[str]:
        texts = engine(path, use_det=True).txts or ()  # it keeps what it was told last
        return [text.replace("«", "<<").replace("《", "<<").replace(" ", "") for text in texts]

    engine(np.full((48, 400, 3), 255, np.uint8), use_det=False)  # loads its networks
    recogniser = engine.text_rec
    characters = recogniser.postprocess_op.character
    allowed = [0, *(characters.index(each) for each in ALPHABET)]

    def line(path: Path) -> str:
        picture = np.asarray(cv2.imread(str(path)))
        batch = recogniser.resize_norm_img(picture, picture.shape[1] / picture.shape[0])[None]
        best = recogniser.session(batch)[0][:, allowed].argmax(axis=1)
        kept = best[np.append(True, best[1:] != best[:-1])]
        return "".join(ALPHABET[each - 1] for each in kept if each)

    return photograph, line


PROGRAMS = {"visavis": ours, "rapidocr": rapidocr}


def worker(program: str, folder: Path) -> dict[str, Any]:
    """The figures of one program."""
    photograph, line = PROGRAMS[program]()
    printed = json.loads((folder / "printed.json").read_text())
    photograph(folder / "0.jpg")
    line(folder / "0-0.png")
    right, seconds, lines = 0, [], []
    for number, zone in enumerate(printed):
        begun = time.perf_counter()
        texts = photograph(folder / f"{number}.jpg")
        seconds.append(time.perf_counter() - begun)
        right += all(any(each in text for text in texts) for each in zone)
        for row, each in enumerate(zone):
            begun = time.perf_counter()
            text = line(folder / f"{number}-{row}.png")
            lines.append((each, text, time.perf_counter() - begun))
    letters = list(_differing(lines))
    return {
        "photographs": len(printed),
        "right": right,
        "seconds_median": float(np.median(seconds)),
        "lines": len(lines),
        "lines_right": sum(each == text for each, text, _ in lines),
        "lines_right_but_for_o": sum(each.replace("O", "0") == text.replace("O", "0") for each, text, _ in lines),
        "lines_ms_median": 1e3 * float(np.median([each for *_, each in lines])),
        "taken_for": {pair: letters.count(pair) for pair in sorted(set(letters), key=letters.count)[:-9:-1]},
    }


def _differing(lines: list[tuple[str, str, float]]) -> Iterator[str]:
    for printed, text, _ in lines:
        if len(printed) == len(text):
            yield from (f"{one} as {other}" for one, other in zip(printed, text, strict=True) if one != other)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--peers", type=Path, help="interpreter of the peers' environment; without it visavis runs alone"
    )
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--worker", nargs=2, metavar=("PROGRAM", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(worker(options.worker[0], Path(options.worker[1]))))
        return
    figures: dict[str, Any] = {"date": datetime.now(UTC).date().isoformat(), "simulated": True}
    with TemporaryDirectory() as name:
        make(Path(name), options.count)
        for program, python in {"visavis": Path(sys.executable), "rapidocr": options.peers}.items():
            if python is None:
                continue
            command = [str(python), "-W", "ignore", __file__, "--worker", program, name]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            figures[program] = json.loads(done.stdout.splitlines()[-1])
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
