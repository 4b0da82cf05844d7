"""What is printed on paper or card before anybody's data: guilloches, rosettes, fine script. Light is linear, 1.0 is white."""

from math import cos, hypot, pi, sin

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from visavis.evaluation.degrade import Light

Floats = NDArray[np.float32]

_WORDS = ("UTOPIA ", "UTO ", "UTOPIAREPUBLIC", "utopia · ")


def printed_ground(size_mm: tuple[float, float], px_per_mm: float, rng: Generator) -> Light:
    """A page of (width, height) mm, in two pastel inks that run into each other, with reflectances of 0.5 to 0.85.

    Over them 3 to 5 sets of waved lines (0.08 to 0.22 mm wide, 0.5 to 2.2 mm apart), 1 or 2 rosettes (15 to 35 mm), a broad
    figure with soft edges, and in 70 % rows of script 0.9 to 2.2 mm high. Their inks reflect 0.1 to 0.5 and cover the paper by
    15 to 50 % where they are; on one document in four by 30 to 80 %.
    """
    width, height = (round(side * px_per_mm) for side in size_mm)
    y, x = np.indices((height, width), dtype=np.float32) / px_per_mm
    first, second = (0.85 - rng.uniform(0, 0.33, (2, 3)) * rng.uniform(0.4, 1, (2, 1))).astype(np.float32)
    turn = rng.uniform(0, 2 * pi)
    along = (x - size_mm[0] / 2) * cos(turn) + (y - size_mm[1] / 2) * sin(turn)
    share = 0.5 + 0.5 * np.sin(along * (rng.uniform(1, 2.5) * pi / size_mm[0]))
    paper = np.asarray(first + share[..., None] * (second - first), dtype=np.float32)
    opacity = (0.3, 0.8) if rng.random() < 0.25 else (0.15, 0.5)
    for _ in range(rng.integers(3, 6)):
        _print(paper, _waves(x, y, px_per_mm, rng), opacity, rng)
    for _ in range(rng.integers(1, 3)):
        _print(paper, _rosette(x, y, size_mm, px_per_mm, rng), opacity, rng)
    _print(paper, _figure(x, y, size_mm, rng), (0.0, 0.4), rng)
    if rng.random() < 0.7:
        _print(paper, _script((width, height), px_per_mm, rng), opacity, rng)
    return paper


def _print(paper: Light, cover: Floats, opacity: tuple[float, float], rng: Generator) -> None:
    """In place, with an ink that covers more towards one side."""
    ink = rng.uniform(0.1, 0.5, 3).astype(np.float32)
    first, last = rng.uniform(*opacity, 2).tolist()
    cover *= np.linspace(first, last, cover.shape[1], dtype=np.float32)
    paper += cover[..., None] * (ink - paper)


def _lines(across_mm: Floats, pitch_mm: float, width_mm: float, px_per_mm: float) -> Floats:
    """0..1: lines where `across_mm` is a multiple of the pitch."""
    turns = across_mm / pitch_mm
    distance = np.abs(turns - np.rint(turns)) * pitch_mm
    return np.asarray(np.clip((width_mm / 2 - distance) * px_per_mm + 0.5, 0, 1), dtype=np.float32)


def _waves(x: Floats, y: Floats, px_per_mm: float, rng: Generator) -> Floats:
    turn, phase, length = rng.uniform(0, 2 * pi), rng.uniform(0, 2 * pi), rng.uniform(6, 30)
    along, across = x * cos(turn) + y * sin(turn), y * cos(turn) - x * sin(turn)
    swing = rng.uniform(0.5, 5) * np.sin(along * (2 * pi / length) + across / rng.uniform(5, 20) + phase)
    return _lines(
        np.asarray(across + swing, dtype=np.float32), rng.uniform(0.5, 2.2), rng.uniform(0.08, 0.22), px_per_mm
    )


def _rosette(x: Floats, y: Floats, size_mm: tuple[float, float], px_per_mm: float, rng: Generator) -> Floats:
    across, down = x - rng.uniform(0, size_mm[0]), y - rng.uniform(0.2, 1) * size_mm[1]
    radius, reach = np.hypot(across, down), rng.uniform(15, 35)
    petals = np.sin(int(rng.integers(5, 13)) * np.arctan2(down, across) + rng.uniform(1, 6) / reach * radius)
    bent = radius * (1 + rng.uniform(0.1, 0.3) * petals)
    lines = _lines(bent, rng.uniform(0.6, 1.6), rng.uniform(0.1, 0.2), px_per_mm)
    return np.asarray(lines * (bent < reach), dtype=np.float32)


def _figure(x: Floats, y: Floats, size_mm: tuple[float, float], rng: Generator) -> Floats:
    """A sun of 5 to 12 rays over the lower half, 8 to 25 mm from its middle to where it ends."""
    across, down = x - rng.uniform(0.1, 0.9) * size_mm[0], y - rng.uniform(0.5, 1) * size_mm[1]
    rays = np.sin(int(rng.integers(5, 13)) * np.arctan2(down, across))
    inside = rng.uniform(8, 25) * (1 + 0.4 * rays) - np.hypot(across, down)
    return np.asarray(np.clip(inside / rng.uniform(0.2, 3), 0, 1), dtype=np.float32)


def _script(size_px: tuple[int, int], px_per_mm: float, rng: Generator) -> Floats:
    """A word over and over, at up to 60° either way."""
    letter_px, side = rng.uniform(0.9, 2.2) * px_per_mm, round(1.1 * hypot(*size_px))
    font, word = ImageFont.load_default(letter_px), str(rng.choice(_WORDS))
    drawn = PillowImage.new("L", (side, side))
    draw, pitch_px = ImageDraw.Draw(drawn), letter_px * rng.uniform(1.1, 3)
    row = word * round(side / font.getlength(word) + 1)
    for number in range(round(side / pitch_px)):
        draw.text((-letter_px * (number % 5), number * pitch_px), row, 255, font)
    matrix = np.asarray(cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(-60, 60), 1.0), dtype=np.float64)
    matrix[:, 2] += (np.array(size_px) - side) / 2
    return np.asarray(cv2.warpAffine(np.asarray(drawn), matrix, size_px) / 255, dtype=np.float32)
