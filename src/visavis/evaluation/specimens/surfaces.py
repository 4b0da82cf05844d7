"""What documents lie on when they are photographed: drawn wood, cloth, stone, bare paper and print.

Each takes the picture's (width, height) in px, a colour in linear light, (3,), and the only source of randomness, and gives
(H, W, 3) linear light.
"""

from collections.abc import Callable, Mapping
from math import cos, pi, sin

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from visavis.evaluation.degrade import Light, blurred
from visavis.evaluation.specimens.ground import Floats

Size = tuple[int, int]


def fractal(size_px: Size, coarse: int, fine: int, rng: Generator) -> Floats:
    """(H, W) of noise of deviation 1, in octaves from `coarse` cells along the longer side to `fine`, each 0.6 of the last."""
    total, longer = np.zeros(size_px[::-1], dtype=np.float32), max(size_px)
    cells, weight = min(coarse, longer), 1.0
    while cells <= min(fine, longer):
        columns, rows = (max(2, round(cells * side / longer)) for side in size_px)
        grid = rng.standard_normal((rows, columns), dtype=np.float32)
        total += weight * np.asarray(cv2.resize(grid, size_px, interpolation=cv2.INTER_CUBIC))
        cells, weight = 2 * cells, 0.6 * weight
    return np.asarray(total / total.std(), dtype=np.float32)


def wood(size_px: Size, colour: Floats, rng: Generator) -> Light:
    """Two to six boards with rings and grain, browner than asked."""
    y, x = np.indices(size_px[::-1], dtype=np.float32) / max(size_px)
    level = rng.random() < 0.5
    across = y if level else x
    boards = across * rng.uniform(2, 6)
    # grain is noise of many cells across the board and few along it
    cells = (30, 800) if level else (800, 30)
    grain = np.asarray(cv2.resize(rng.standard_normal(cells[::-1], dtype=np.float32), size_px))
    rings = np.sin(2 * pi * (rng.uniform(20, 60) * across + rng.uniform(0.3, 1.2) * fractal(size_px, 3, 12, rng)))
    seam = np.clip(np.abs(boards - np.rint(boards)) / 0.01, 0.4, 1)
    tone = seam * (1 + 0.1 * rings + 0.1 * np.sin(13 * np.floor(boards)) + 0.07 * grain)
    return np.asarray(tone[..., None] * colour * (1.35, 1.0, 0.65), dtype=np.float32)


def cloth(size_px: Size, colour: Floats, rng: Generator) -> Light:
    """Woven of threads 5 to 14 px apart, with folds, and checked in a half."""
    y, x = np.indices(size_px[::-1], dtype=np.float32)
    turn, thread = rng.uniform(0, pi), 2 * pi / rng.uniform(5, 14)
    along, across = x * cos(turn) + y * sin(turn), y * cos(turn) - x * sin(turn)
    weave = 0.12 * np.sin(along * thread) * np.sin(across * thread)
    light = (1 + weave + 0.1 * fractal(size_px, 2, 6, rng) + 0.05 * fractal(size_px, 200, 800, rng))[..., None] * colour
    if rng.random() < 0.5:
        check = 2 * pi / (rng.uniform(0.04, 0.15) * max(size_px))
        cover = 0.25 * (np.sin(along * check) > 0.3) + 0.25 * (np.sin(across * check) > 0.3)
        light += cover[..., None] * (rng.uniform(0.05, 0.7, 3) - light)
    return np.asarray(light, dtype=np.float32)


def stone(size_px: Size, colour: Floats, rng: Generator) -> Light:
    """A table's top: clouds, and specks that are lighter or darker."""
    specks = np.clip(fractal(size_px, 150, 600, rng) - 1, 0, 2)
    tone = 1 + 0.08 * fractal(size_px, 2, 40, rng) + rng.uniform(-0.25, 0.25) * specks
    return np.asarray(tone[..., None] * colour, dtype=np.float32)


def paper(size_px: Size, colour: Floats, rng: Generator) -> Light:
    """One to three sheets over each other, each with its edges and its shadow."""
    light = np.asarray((1 + 0.02 * fractal(size_px, 100, 400, rng))[..., None] * colour, dtype=np.float32)
    for _ in range(rng.integers(1, 4)):
        light = _covered(light, _sheet(size_px, rng), light * rng.uniform(0.6, 1.1), rng)
    return light


def print_(size_px: Size, colour: Floats, rng: Generator) -> Light:
    """A sheet, on a table, full of lines of print in letters 0.8 to 2.5 % of the picture high."""
    side = max(size_px)
    drawn = PillowImage.new("L", (side, side))
    draw, letter_px, at = ImageDraw.Draw(drawn), rng.uniform(0.008, 0.025) * side, 0.0
    font = ImageFont.load_default(letter_px)
    while at < side:
        row = "".join(rng.choice(tuple("abcdefghiklmnoprstuvw  "), round(2.5 * side / letter_px)))
        draw.text((0.0, at), row.upper() if rng.random() < 0.2 else row, 255, font)
        at += letter_px * rng.uniform(1.3, 2.4)
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(-180, 180), 1.1)
    words = np.asarray(cv2.warpAffine(np.asarray(drawn), matrix, (side, side)))[: size_px[1], : size_px[0]] / 255
    table = stone(size_px, rng.uniform(0.05, 0.6, 3).astype(np.float32), rng)
    sheet = np.asarray((1 - 0.85 * words)[..., None] * colour, dtype=np.float32)
    return _covered(table, _sheet(size_px, rng), sheet, rng)


def _sheet(size_px: Size, rng: Generator) -> Floats:
    """(H, W) of 0..1: a rectangle of 0.7 to 1.3 of the longer side, turned by any angle."""
    cover = np.zeros(size_px[::-1], dtype=np.float32)
    middle, sides = rng.uniform(0.2, 0.8, 2) * size_px, rng.uniform(0.7, 1.3, 2) * max(size_px)
    outline = cv2.boxPoints(((middle[0], middle[1]), (sides[0], sides[1]), rng.uniform(0, 90)))
    cv2.fillConvexPoly(cover, np.rint(outline).astype(np.int32), 1.0, cv2.LINE_AA)
    return cover


def _covered(light: Light, sheet: Floats, over: Light, rng: Generator) -> Light:
    """By a sheet that throws a shadow beside it."""
    shadow = blurred(np.roll(sheet, rng.integers(-8, 9, 2), (0, 1)), 6)
    under = light * (1 - 0.35 * shadow)[..., None]
    return np.asarray(under + sheet[..., None] * (over - under), dtype=np.float32)


SURFACES: Mapping[str, Callable[[Size, Floats, Generator], Light]] = {
    "wood": wood,
    "cloth": cloth,
    "stone": stone,
    "paper": paper,
    "print": print_,
}
