"""What the presentation attack detection makes of simulated captures: heads that turn, and attacks of each species.

    python benchmarks/pad.py --photos FOLDER [--bona-fide 300] [--attacks 150] [--json figures.json] [--csv rows.csv]

FOLDER has one folder a person. Their frontal photos are laid over reliefs (`visavis.evaluation.heads`) and turned before a camera
that shakes, with noise, blur, drifting exposure, JPEG, late and lost frames, at 160 to 400 pixels across the face and 8 to 15
frames a second. Every figure is simulated. The people are parted in two halves: thresholds were set on the one, and what is told
is the other's (`--half setting` for the first).

Told are BPCER and, by species, APCER (ISO/IEC 30107-3:2023, 13.2), each with its 95 % interval (Wilson); what is inconclusive is
asked for again by the product and counts as not passed here; and BPCER by face size, light, frame rate and depth of the relief.
`--csv` writes a row a capture, which `visavis evaluate --attacks` reads.
"""

import argparse
import csv
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from math import radians, sqrt
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.evaluation.heads import FaceRelief, Height, Pose, Surface, bent, flat, folded
from visavis.face import Face, similarity, transform
from visavis.pad import FRONTAL, Follower, PadResult, PadStatus, Step, judge, relief
from visavis.verifier import Verifier

FACE_TO_EYES = 2.3
"""Width of a face over its inter-eye distance."""
FRONTAL_MAX = 0.06
"""How far the tip of the nose may be from the middle of the eyes, in inter-eye distances, in a photo that is used."""
Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class Camera:
    """How a capture is taken. light: the share of full light. noise: of each pixel, at full light."""

    face_px: float
    fps: float
    light: float
    noise: float
    blur_px: float
    quality: int
    lost: float

    @classmethod
    def drawn(cls, random: np.random.Generator) -> "Camera":
        """One of those that people have."""
        return cls(
            face_px=random.uniform(160, 400),
            fps=random.uniform(8, 15),
            light=random.uniform(0.35, 1.0),
            noise=random.uniform(2, 5),
            blur_px=random.uniform(0, 1.2),
            quality=int(random.integers(70, 91)),
            lost=random.uniform(0, 0.1),
        )

    def taken(self, picture: Frame, exposure: float, random: np.random.Generator) -> Frame:
        """What arrives of a picture."""
        seen = cv2.GaussianBlur(picture, (0, 0), self.blur_px) if self.blur_px > 0.3 else picture
        lit = seen * (self.light * exposure)
        noisy = lit + random.normal(0, self.noise / sqrt(self.light), picture.shape)
        _, sent = cv2.imencode(
            ".jpg", np.clip(noisy, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, self.quality]
        )
        return np.asarray(cv2.imdecode(sent, cv2.IMREAD_COLOR), dtype=np.uint8)


@dataclass(frozen=True)
class Species:
    """A way to present something. height: of what is shown, drawn anew for each capture. turned: whether it is turned when a turn
    is asked for. moved: how far it moves from frame to frame. still: one picture, again and again. reordered: the other turn."""

    height: Callable[[np.random.Generator], Height]
    turned: bool = True
    moved: float = 0.004
    screen: bool = False
    still: bool = False
    reordered: bool = False


def head(random: np.random.Generator) -> FaceRelief:
    """A relief with depths as wide apart as people's."""
    tip = random.uniform(0.45, 0.70)
    return FaceRelief(
        tip=tip,
        nasion=tip * random.uniform(0.38, 0.58),
        tip_width=random.uniform(0.14, 0.20),
        nasion_width=random.uniform(0.09, 0.13),
        cheeks=random.uniform(0.30, 0.50),
        chin=random.uniform(0.05, 0.15),
    )


def cut_out(random: np.random.Generator) -> Height:
    """A print with holes, behind which the attacker's own eyes and mouth are seen."""
    depth = random.uniform(0.1, 0.3)

    def height(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
        holes = [((u - x) / 0.3) ** 2 + ((v - y) / 0.14) ** 2 < 1 for x, y in ((-0.5, 0.0), (0.5, 0.0))]
        holes.append((u / 0.5) ** 2 + ((v - 1.16) / 0.16) ** 2 < 1)
        return np.where(np.any(holes, axis=0), -depth, 0.0)

    return height


SPECIES = {
    "bona_fide": Species(head),
    "flat print, turned": Species(lambda _: flat),
    "flat print, moved": Species(lambda _: flat, turned=False, moved=0.05),
    "photo on a screen": Species(lambda _: flat, screen=True),
    "repeated still": Species(lambda _: flat, still=True),
    "bent print": Species(lambda random: bent(random.uniform(0.6, 1.4))),
    "print folded by 35 degrees": Species(lambda _: folded(radians(35))),
    "print folded by 50 degrees": Species(lambda _: folded(radians(50))),
    "print folded by 70 degrees": Species(lambda _: folded(radians(70))),
    "print with holes for eyes and mouth": Species(cut_out),
    "replay in the wrong order": Species(head, reordered=True),
}
TURNS = (Step.TURN_LEFT, Step.TURN_RIGHT)


@dataclass
class Row:
    """A capture and what was made of it."""

    species: str
    subject: str
    status: str
    reasons: list[str]
    margin: float
    camera: Camera
    tip: float | None
    turns: list[dict[str, Any]] = field(default_factory=list)


def capture(
    verifier: Verifier, photo: Frame, face: Face, kind: Species, seed: Sequence[int]
) -> tuple[PadResult | None, Camera, float | None]:
    """One capture; None where no frontal face was found in its first frame."""
    random = np.random.default_rng(seed)
    camera, height = Camera.drawn(random), kind.height(random)
    surface = Surface(photo, face.landmarks_px, height)
    asked = [TURNS[each] for each in random.permutation(2)]
    shown = asked[::-1] if kind.reordered else asked
    turns = []
    for step, shown_step in zip(asked, shown, strict=True):
        frames = list(_frames(surface, camera, kind, shown_step, random))
        found = verifier.acquire(np.ascontiguousarray(frames[0][..., ::-1])).report.face
        if found is None:
            return None, camera, getattr(height, "tip", None)
        follower = Follower(_grey(frames[0]), found)
        turns.append((step, relief([follower.follow(_grey(frame)) for frame in frames[1:]], step.axis)))
    return judge(turns), camera, getattr(height, "tip", None)


def _frames(
    surface: Surface, camera: Camera, kind: Species, step: Step, random: np.random.Generator
) -> Iterator[Frame]:
    """From frontal to the end of the turn, at a person's pace."""
    eyes_px = camera.face_px / FACE_TO_EYES
    size_px = int(4.4 * eyes_px), int(4.2 * eyes_px)
    end, pace = step.side * radians(random.uniform(24, 36)), radians(random.uniform(30, 60))
    count = max(4, int(abs(end) / pace * camera.fps) + 2)
    distance, drift = random.uniform(5.5, 9.0), random.uniform(-0.15, 0.15)
    place = random.normal(0, 0.01, 2)
    first: Frame | None = None
    for number in range(count):
        if number and random.random() < camera.lost:
            continue
        share = number / (count - 1)
        place = place + random.normal(0, kind.moved, 2)
        yaw = end * share if kind.turned and not kind.still else 0.0
        shake = random.normal(0, (0.01, 0.012, 0.01)) if not kind.still else np.zeros(3)
        pose = Pose(yaw + shake[0], shake[1], shake[2], (float(place[0]), float(place[1])), distance)
        picture = surface.draw(pose, eyes_px=eyes_px, size_px=size_px) if first is None or not kind.still else first
        first = picture if first is None else first
        yield camera.taken(_on_screen(picture) if kind.screen else picture, 1 + drift * share, random)


def _on_screen(picture: Frame) -> Frame:
    """Its gamma, and the lattice of its pixels against the camera's."""
    rows, columns = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]]
    lattice = 1 + 0.06 * np.sin(rows * 2.4) * np.sin(columns * 2.3)
    return np.asarray(np.clip(255 * (picture / 255) ** 1.15 * lattice[..., None], 0, 255), dtype=np.uint8)


def _grey(frame: Frame) -> Frame:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


# --- the run ----------------------------------------------------------------------------------------------------------

_verifier: Verifier | None = None


def work(job: tuple[str, str, int]) -> Row | None:
    """One capture of a person's photo; None where the photo is not frontal."""
    global _verifier
    if _verifier is None:
        cv2.setNumThreads(1)
        _verifier = Verifier(threads=1)
    species, path, seed = job
    data = Path(path).read_bytes()
    face = _verifier.acquire(data).report.face
    if face is None or not _frontal(face):
        return None
    photo = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), dtype=np.uint8)
    number = list(SPECIES).index(species)
    result, camera, tip = capture(_verifier, photo, face, SPECIES[species], (seed, number))
    if result is None:
        return Row(species, Path(path).parent.name, "inconclusive", ["no_face"], float("nan"), camera, tip)
    told = result.to_dict()
    passed = result.status is PadStatus.PASSED
    return Row(
        species, Path(path).parent.name, told["status"], told["reasons"], float(passed), camera, tip, told["turns"]
    )


def _frontal(face: Face) -> bool:
    (nose,) = transform(similarity(face.landmarks_px, FRONTAL), face.landmarks_px[2:3])
    return abs(float(nose[0])) < FRONTAL_MAX


def halves(folder: Path) -> dict[str, list[str]]:
    """One photo of each person; by a hash of the name, so that a person stays in a half."""
    found: dict[str, list[str]] = {"setting": [], "reporting": []}
    for person in sorted(path for path in folder.iterdir() if path.is_dir()):
        photos = sorted(person.glob("*.jpg"))
        if photos:
            half = "setting" if sha256(person.name.encode()).digest()[0] % 2 else "reporting"
            found[half].append(str(photos[0]))
    return found


def rows(species: str, photos: list[str], count: int, pool: ProcessPoolExecutor) -> list[Row]:
    """So many captures of a species, each of another person while there are enough."""
    made: list[Row] = []
    jobs = ((species, photos[number % len(photos)], number) for number in range(20 * count))
    while len(made) < count:
        batch = [next(jobs) for _ in range(max(4, count - len(made)))]
        made += [row for row in pool.map(work, batch) if row is not None]
        print(f"\r{species}: {len(made)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return made[:count]


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    z, share = 1.959964, hits / of
    middle, half = share + z * z / (2 * of), z * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, (middle - half) / (1 + z * z / of)), min(1.0, (middle + half) / (1 + z * z / of))


def share_of(chosen: Sequence[Row], which: Callable[[Row], bool]) -> dict[str, Any]:
    """How many of the rows are so, with its interval."""
    hits = sum(map(which, chosen))
    low, high = wilson(hits, len(chosen))
    return {"count": len(chosen), "hits": hits, "rate": hits / len(chosen), "interval": [low, high]}


def told(made: dict[str, list[Row]]) -> dict[str, Any]:
    """The figures."""
    bona_fide = made["bona_fide"]
    refused = partial(lambda row: row.status != "passed")
    figures: dict[str, Any] = {
        "bpcer": share_of(bona_fide, refused),
        "apcer": {
            name: share_of(made[name], lambda row: row.status == "passed") for name in made if name != "bona_fide"
        },
        "reasons": {name: dict(Counter(reason for row in made[name] for reason in row.reasons)) for name in made},
    }
    parts: dict[str, Callable[[Row], float]] = {
        "face_px": lambda row: row.camera.face_px,
        "light": lambda row: row.camera.light,
        "fps": lambda row: row.camera.fps,
        "tip": lambda row: row.tip or 0.0,
    }
    for name, value in parts.items():
        edges = np.quantile([value(row) for row in bona_fide], np.linspace(0, 1, 6))
        grouped = defaultdict(list)
        for row in bona_fide:
            grouped[min(4, int(np.searchsorted(edges, value(row), side="right")) - 1)].append(row)
        figures[f"bpcer_by_{name}"] = [
            {"from": edges[each], "to": edges[each + 1], **share_of(grouped[each], refused)} for each in sorted(grouped)
        ]
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--half", choices=("setting", "reporting"), default="reporting")
    parser.add_argument("--bona-fide", type=int, default=300)
    parser.add_argument("--attacks", type=int, default=150)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--csv", type=Path)
    options = parser.parse_args(arguments)
    photos = halves(options.photos)[options.half]
    with ProcessPoolExecutor(options.processes) as pool:
        made = {
            name: rows(name, photos, options.bona_fide if name == "bona_fide" else options.attacks, pool)
            for name in SPECIES
        }
    figures = {"date": datetime.now(UTC).date().isoformat(), "half": options.half, "simulated": True, **told(made)}
    print(f"BPCER (simulated): {_line(figures['bpcer'])}")
    for name, each in figures["apcer"].items():
        print(f"APCER (simulated), {name}: {_line(each)}")
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    if options.csv is not None:
        with options.csv.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("species", "score", "subject"))
            writer.writerows((row.species, row.margin, row.subject) for each in made.values() for row in each)


def _line(share: dict[str, Any]) -> str:
    low, high = share["interval"]
    return f"{share['rate']:.1%} ({share['hits']} of {share['count']}; {low:.1%} to {high:.1%})"


if __name__ == "__main__":
    main()
