"""What the presentation attack detection makes of simulated captures: heads that turn, and attacks of each species.

    python benchmarks/pad.py --photos FOLDER [--bona-fide 300] [--attacks 150] [--species NAME ...] [--json F] [--csv F]

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
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from hashlib import sha256
from math import radians, sin, sqrt
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.evaluation.heads import FaceRelief, Height, Pose, Surface, bent, flat, folded
from visavis.face import Face, similarity, transform
from visavis.pad import FRONTAL, SEQUENCES, PadResult, PadStatus, Step
from visavis.session.live import LiveCapture
from visavis.verifier import Verifier

FACE_TO_EYES = 2.3
"""Width of a face over its inter-eye distance."""
SIZE_PX = (480, 640)
"""Height and width of a frame."""
STEPS = tuple(step.value for step in Step)
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

    def taken(self, picture: Frame, exposure: float, random: np.random.Generator) -> bytes:
        """What arrives of a picture, as a JPEG file."""
        seen = cv2.GaussianBlur(picture, (0, 0), self.blur_px) if self.blur_px > 0.3 else picture
        row, column = random.integers(0, 200, 2)
        height, width = picture.shape[:2]
        noise = _noise()[row : row + height, column : column + width]
        deviation = self.noise / sqrt(self.light)
        noisy = cv2.addWeighted(seen, self.light * exposure, noise, deviation, 0.0, dtype=cv2.CV_8U)
        return cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, self.quality])[1].tobytes()


@cache
def _noise() -> NDArray[np.float32]:
    """Of deviation 1, larger than a frame: each takes another part of it."""
    return np.random.default_rng(1).standard_normal((SIZE_PX[0] + 200, SIZE_PX[1] + 200, 3), dtype=np.float32)


class Actor(Protocol):
    """Who, or what, is before the camera, and answers to what is asked for."""

    def picture(self, code: str, at_s: float) -> Frame:
        """What the camera sees at this time, later than all before. code: the guidance that was shown last."""


@dataclass(frozen=True)
class Stage:
    """What a capture is made from. photo: (H, W, 3) BGR, with the landmarks of the face in it. other: another person's."""

    photo: Frame
    landmarks_px: NDArray[np.float32]
    other: Frame
    other_landmarks_px: NDArray[np.float32]
    eyes_px: float
    head: FaceRelief
    random: np.random.Generator

    def surface(self, height: Height) -> Surface:
        """The photo over a relief."""
        return Surface(self.photo, self.landmarks_px, height)

    def other_surface(self, height: Height) -> Surface:
        """The other person's photo over a relief."""
        return Surface(self.other, self.other_landmarks_px, height)


class Body:
    """How what is shown moves: as a person does it who does as they are asked, with a reaction time, a pace and a shaking hand.

    turned: whether it is turned at all when that is asked for; otherwise it is moved to that side. shaken: as a share of what
    is usual.
    """

    def __init__(self, random: np.random.Generator, *, turned: bool = True, shaken: float = 1.0) -> None:
        self._random, self._turned, self._shaken = random, turned, shaken
        self._distance = random.uniform(5.5, 9.0)
        self._pace = radians(random.uniform(30, 60))
        self._place, self._drift = random.normal(0, 0.01, 2), random.normal(0, 0.01, 3)
        self._pose, self._target = np.zeros(2), np.zeros(2)
        self._scale = 1.0
        self._code, self._seen, self._acts_at_s = "", "", 0.0
        self._at_s: float | None = None

    def pose(self, code: str, at_s: float) -> tuple[Pose, float]:
        """How it stands now, and how much nearer than at first."""
        passed = 0.0 if self._at_s is None else at_s - self._at_s
        self._at_s = at_s
        if code != self._seen:
            self._seen, self._acts_at_s = code, at_s + self._random.uniform(0.25, 0.7)
        if self._seen != self._code and at_s >= self._acts_at_s:
            self._code = self._seen
            self._act(self._code)
        left = self._target - self._pose
        self._pose = self._pose + np.clip(left, -self._pace * passed, self._pace * passed)
        self._scale *= {"move_closer": 1.15, "move_back": 0.87}.get(self._code, 1.0) ** passed
        self._place = 0.9**passed * self._place + self._random.normal(0, 0.012, 2) * self._shaken * sqrt(passed)
        self._drift = 0.5**passed * self._drift + self._random.normal(0, 0.03, 3) * self._shaken * sqrt(passed)
        shake = self._drift + self._random.normal(0, 0.004, 3) * self._shaken
        yaw, pitch = self._pose + shake[:2] if self._turned else shake[:2]
        x, y = self._place + self._random.normal(0, 0.001, 2) * self._shaken
        if not self._turned:
            x, y = x - 0.25 * self._pose[0], y + 0.25 * self._pose[1]
        return Pose(float(yaw), float(pitch), float(shake[2]), (float(x), float(y)), self._distance), self._scale

    def _act(self, code: str) -> None:
        if code in ("turn_left", "turn_right"):
            self._target = np.array([Step(code).side * radians(self._random.uniform(24, 36)), 0.0])
        elif code == "nod":
            self._target = np.array([0.0, radians(self._random.uniform(14, 22))])
        else:
            self._target = np.zeros(2)
            self._pace *= 0.7 if code == "slower" else 1.0


class Shown:
    """One surface that moves. screen: it is one of a screen. once: it is seen once, and that picture shown ever after."""

    def __init__(self, stage: Stage, surface: Surface, body: Body, *, screen: bool = False, once: bool = False) -> None:
        self._stage, self.surface, self._body = stage, surface, body
        self._screen, self._once = screen, once
        self._first: Frame | None = None

    def picture(self, code: str, at_s: float) -> Frame:
        """See `Actor`."""
        if self._once and self._first is not None:
            return self._first
        pose, scale = self._body.pose(code, at_s)
        drawn = self.surface.draw(pose, eyes_px=self._stage.eyes_px * scale, size_px=SIZE_PX)
        self._first = _on_screen(drawn) if self._screen else drawn
        return self._first


class Replay:
    """Another capture, recorded or prepared, that goes on to its next step where one is asked for, whichever it is.

    guess: its steps. wrong: it has at least one that is not what is asked for (found by waiting for it: the first step that is
    asked for is answered by another).
    """

    def __init__(self, shown: Shown, guess: Sequence[Step], *, wrong: bool, random: np.random.Generator) -> None:
        self._shown, self._left, self._wrong, self._random = shown, list(guess), wrong, random
        self._before, self._played = "", ""

    def picture(self, code: str, at_s: float) -> Frame:
        """See `Actor`."""
        asked = code in STEPS
        if asked and self._before not in STEPS:
            self._played = self._left.pop(0).value if self._left else str(self._random.choice(STEPS))
            if self._wrong and self._played == code:
                self._played = str(self._random.choice([step for step in STEPS if step != code]))
            self._wrong = False
        self._before = code
        return self._shown.picture(self._played if asked else code, at_s)


class Exchanged:
    """One that becomes another. within: in the middle of the first turn, or else on the way to the second one."""

    def __init__(self, shown: Shown, later: Surface, *, within: bool) -> None:
        self._shown, self._later, self._within = shown, later, within
        self._since_s: float | None = None

    def picture(self, code: str, at_s: float) -> Frame:
        """See `Actor`."""
        if self._since_s is None and code in STEPS:
            self._since_s = at_s
        if self._since_s is not None and (at_s - self._since_s > 0.9 if self._within else code not in STEPS):
            self._shown.surface = self._later
        return self._shown.picture(code, at_s)


class Beside:
    """A person, and a print of another one at their side."""

    def __init__(self, stage: Stage, body: Body) -> None:
        self._stage, self._body = stage, body
        self._person, self._print = stage.surface(stage.head), stage.other_surface(flat)

    def picture(self, code: str, at_s: float) -> Frame:
        """See `Actor`."""
        pose, _ = self._body.pose(code, at_s)
        half = SIZE_PX[0], SIZE_PX[1] // 2
        eyes_px = min(self._stage.eyes_px, 80.0)
        sides = [
            surface.draw(each, eyes_px=eyes_px, size_px=half)
            for surface, each in ((self._person, pose), (self._print, Pose(distance=pose.distance)))
        ]
        return np.hstack(sides)


class Worn:
    """A print, bent a little, that another person wears as a mask, with holes for eyes and mouth, or for the nose too."""

    def __init__(self, stage: Stage, body: Body, *, nose: bool) -> None:
        self._stage, self._body = stage, body
        random = stage.random
        before, radius = random.uniform(0.05, 0.2) if nose else random.uniform(0.45, 0.6), random.uniform(1.0, 1.8)
        curve = bent(radius)
        self._wearer = stage.other_surface(stage.head)
        self._mask = stage.surface(lambda u, v: curve(u, v) + before)
        height, width = stage.photo.shape[:2]
        x, y = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64))
        u, v = np.moveaxis(
            transform(similarity(stage.landmarks_px, FRONTAL), np.stack([x, y], -1).reshape(-1, 2)), -1, 0
        )
        holes = _holes(u, v)
        if nose:
            holes |= (np.abs(u) < 0.1 + 0.16 * np.clip(v / 0.58, 0, 1)) & (v > 0.05) & (v < 0.8)
        cut = np.repeat(np.where(holes, 255, 0).astype(np.uint8).reshape(height, width, 1), 3, axis=2)
        self._cut = Surface(cut, stage.landmarks_px, lambda u, v: curve(u, v) + before)

    def picture(self, code: str, at_s: float) -> Frame:
        """See `Actor`."""
        pose, scale = self._body.pose(code, at_s)
        drawn = [
            each.draw(pose, eyes_px=self._stage.eyes_px * scale, size_px=SIZE_PX)
            for each in (self._cut, self._wearer, self._mask)
        ]
        return np.where(drawn[0] > 127, drawn[1], drawn[2])


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
    return lambda u, v: np.where(_holes(u, v), -depth, 0.0)


def _holes(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.bool_]:
    holes = [((u - x) / 0.3) ** 2 + ((v - y) / 0.14) ** 2 < 1 for x, y in ((-0.5, 0.0), (0.5, 0.0))]
    return np.asarray(np.any([*holes, (u / 0.5) ** 2 + ((v - 1.16) / 0.16) ** 2 < 1], axis=0))


Species = Callable[[Stage], Actor]
"""A way to present something: drawn anew for each capture."""


def _turned(height: Callable[[np.random.Generator], Height], **how: bool) -> Species:
    return lambda stage: Shown(stage, stage.surface(height(stage.random)), Body(stage.random), **how)


def _moved(stage: Stage) -> Actor:
    return Shown(stage, stage.surface(flat), Body(stage.random, turned=False, shaken=3.0))


def _replayed(stage: Stage, *, wrong: bool) -> Actor:
    guess = SEQUENCES[stage.random.integers(len(SEQUENCES))]
    shown = Shown(stage, stage.surface(stage.head), Body(stage.random))
    return Replay(shown, guess, wrong=wrong, random=stage.random)


def _exchanged(stage: Stage, *, within: bool) -> Actor:
    shown = Shown(stage, stage.surface(stage.head), Body(stage.random))
    return Exchanged(shown, stage.other_surface(stage.head), within=within)


SPECIES: dict[str, Species] = {
    "bona_fide": lambda stage: Shown(stage, stage.surface(stage.head), Body(stage.random)),
    "flat print, turned": _turned(lambda _: flat),
    "flat print, moved": _moved,
    "photo on a screen": _turned(lambda _: flat, screen=True),
    "repeated still": _turned(lambda _: flat, once=True),
    "bent print": _turned(lambda random: bent(random.uniform(0.6, 1.4))),
    "print folded by 35 degrees": _turned(lambda _: folded(radians(35))),
    "print folded by 50 degrees": _turned(lambda _: folded(radians(50))),
    "print folded by 70 degrees": _turned(lambda _: folded(radians(70))),
    "print with holes for eyes and mouth": _turned(cut_out),
    "print worn as a mask, holes for eyes and mouth": lambda stage: Worn(stage, Body(stage.random), nose=False),
    "print worn as a mask, and the nose out": lambda stage: Worn(stage, Body(stage.random), nose=True),
    "two faces side by side": lambda stage: Beside(stage, Body(stage.random)),
    "another person within a turn": partial(_exchanged, within=True),
    "another person between turns": partial(_exchanged, within=False),
    "replay in the wrong order": partial(_replayed, wrong=True),
    "replay that guesses the order": partial(_replayed, wrong=False),
}


@dataclass
class Row:
    """A capture and what was made of it."""

    species: str
    subject: str
    status: str
    reasons: list[str]
    margin: float
    camera: Camera
    tip: float
    turns: list[dict[str, Any]] = field(default_factory=list)


def capture(verifier: Verifier, stage: Stage, camera: Camera, kind: Species) -> PadResult:
    """One capture: picture after picture, until it is judged."""
    live = LiveCapture(verifier)
    actor, at_s, code = kind(stage), 0.0, ""
    random, drift = stage.random, stage.random.uniform(-0.02, 0.02)
    while live.result is None:
        at_s += stage.random.uniform(0.85, 1.2) / camera.fps
        picture = actor.picture(code, at_s)
        if random.random() >= camera.lost:
            exposure = 1 + 0.1 * sin(drift * 30 * at_s)
            code = live.see(camera.taken(picture, exposure, random), at_s).code.value
    return live.result.pad


def _on_screen(picture: Frame) -> Frame:
    """Its gamma, and the lattice of its pixels against the camera's."""
    rows, columns = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]]
    lattice = 1 + 0.06 * np.sin(rows * 2.4) * np.sin(columns * 2.3)
    return np.asarray(np.clip(255 * (picture / 255) ** 1.15 * lattice[..., None], 0, 255), dtype=np.uint8)


# --- the run ----------------------------------------------------------------------------------------------------------

_verifier: Verifier | None = None


def frontal(path: str) -> bool:
    """Whether a photo is one that can be used."""
    return _taken(path) is not None


def work(job: tuple[str, tuple[str, str], int]) -> Row:
    """One capture of a person's photo, and another's."""
    species, paths, seed = job
    taken = [_taken(path) for path in paths]
    if taken[0] is None or taken[1] is None:
        raise ValueError("a photo that is not frontal")
    random = np.random.default_rng((seed, list(SPECIES).index(species)))
    camera = Camera.drawn(random)
    stage = Stage(*taken[0], *taken[1], camera.face_px / FACE_TO_EYES, head(random), random)
    result = capture(_ready(), stage, camera, SPECIES[species])
    told = result.to_dict()
    passed = result.status is PadStatus.PASSED
    return Row(
        species,
        Path(paths[0]).parent.name,
        told["status"],
        told["reasons"],
        float(passed),
        camera,
        stage.head.tip,
        told["turns"],
    )


def _ready() -> Verifier:
    global _verifier
    if _verifier is None:
        cv2.setNumThreads(1)
        _verifier = Verifier(threads=1)
    return _verifier


def _taken(path: str) -> tuple[Frame, NDArray[np.float32]] | None:
    """A photo and its face's landmarks; None where it is not frontal."""
    data = Path(path).read_bytes()
    face = _ready().acquire(data).report.face
    if face is None or not _frontal(face):
        return None
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), dtype=np.uint8), face.landmarks_px


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
    pairs = [
        (photos[number % len(photos)], photos[(number + 1 + number // len(photos)) % len(photos)])
        for number in range(count)
    ]
    for row in pool.map(work, [(species, pair, number) for number, pair in enumerate(pairs)]):
        made.append(row)
        print(f"\r{species}: {len(made)}", end="", file=sys.stderr)
    counts = Counter(row.status for row in made), Counter(reason for row in made for reason in row.reasons)
    print(": " + ", ".join(f"{count} {name}" for each in counts for name, count in each.most_common()), file=sys.stderr)
    return made


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
        "tip": lambda row: row.tip,
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
    parser.add_argument("--species", nargs="*", choices=[name for name in SPECIES if name != "bona_fide"], help="all")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--csv", type=Path)
    options = parser.parse_args(arguments)
    photos = halves(options.photos)[options.half]
    with ProcessPoolExecutor(options.processes) as pool:
        photos = [path for path, usable in zip(photos, pool.map(frontal, photos), strict=True) if usable]
        chosen = [name for name in SPECIES if name == "bona_fide" or not options.species or name in options.species]
        made: dict[str, list[Row]] = {}
        figures: dict[str, Any] = {}
        for name in chosen:  # what there is is written after each, since all of it takes an hour
            made[name] = rows(name, photos, options.bona_fide if name == "bona_fide" else options.attacks, pool)
            figures = {"date": datetime.now(UTC).date().isoformat(), "half": options.half, "simulated": True}
            figures |= told(made)
            _write(figures, made, options)
    print(f"BPCER (simulated): {_line(figures['bpcer'])}")
    for name, each in figures["apcer"].items():
        print(f"APCER (simulated), {name}: {_line(each)}")


def _write(figures: dict[str, Any], made: dict[str, list[Row]], options: argparse.Namespace) -> None:
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    if options.csv is not None:
        with options.csv.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("species", "score", "subject", "simulated"))
            writer.writerows((row.species, row.margin, row.subject, "yes") for each in made.values() for row in each)


def _line(share: dict[str, Any]) -> str:
    low, high = share["interval"]
    return f"{share['rate']:.1%} ({share['hits']} of {share['count']}; {low:.1%} to {high:.1%})"


if __name__ == "__main__":
    main()
