"""Trains the two networks that find and read machine-readable zones, on lines and pages drawn and degraded here.

    python benchmarks/train_mrz.py reader --fonts /usr/share/fonts/opentype/ocr-b --minutes 20 --out reader.onnx
    python benchmarks/train_mrz.py finder --fonts /usr/share/fonts/opentype/ocr-b --minutes 50 --batch 12 --out finder.onnx

Nothing of any document is in the drawings, and of no person. Needs PyTorch (a CPU build will do), onnx, Pillow, OpenCV, the fonts
OCRB.otf and OCRBS.otf of the Debian package fonts-ocr-b, and those of fonts-dejavu. One thread; the minutes are by the clock.

The reader sees a piece of a line as a camera may give it: other stroke widths and ink that spreads, coloured paper, printed
patterns and lettering beneath, other lines above and below, perspective and bending left over, 8 to 42 pixels a character in
the photo, blur, shadow, reflections, noise, JPEG. It says of every fourth column which of 37 characters stands in its middle, or
that none does; where characters stand is known from the drawing, so no alignment has to be learnt.

The finder sees a piece of a photo at 5.5 to 17 pixels a character: a page at any turn on cloth, wood or other print, with a zone
or without. It says of every second pixel, both ways, whether it is in the middle of a zone's line.
"""

import argparse
import time
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw, ImageFont
from torch import nn

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"
NONE = len(CHARACTERS)
HEIGHT, WIDTH, STRIDE, PITCH = 32, 480, 4, 20
"""Of the network's input in pixels; columns to a column of its output; nominal distance of characters."""
ALIKE = "O0QDUI1LTJB8S5Z2G6VYKXC<EMNWH"
_DRAWN = 40
"""Pitch at which lines are drawn."""
_FINE = 4
_WEIGHTS = (-0.07, -0.045, -0.02, 0.0, 0.025, 0.05, 0.08)
"""By how much of an em strokes are made wider on each side, at the most."""

Array = NDArray[np.float32]


# --- drawing --------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def glyph(font: Path, character: str, weight: int) -> Array:
    """(80, 60) ink 0..1 of one character; it stands in the middle, its baseline at row 60."""
    large = ImageFont.truetype(str(font), round(_DRAWN / 0.723 * _FINE))
    cell = Image.new("L", (60 * _FINE, 80 * _FINE), 0)
    ImageDraw.Draw(cell).text((30 * _FINE, 60 * _FINE), character, fill=255, font=large, anchor="ms")
    ink = np.asarray(cell)
    grown = _WEIGHTS[weight] * _DRAWN * _FINE / 2
    inside = cv2.distanceTransform((ink > 127).astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((ink <= 127).astype(np.uint8), cv2.DIST_L2, 5)
    edge = np.clip(inside - outside + grown * 1.0 + 0.5, 0, 1).astype(np.float32)
    return np.asarray(cv2.resize(edge, (60, 80), interpolation=cv2.INTER_AREA), dtype=np.float32)


def words(rng: np.random.Generator, count: int) -> str:
    """Characters as they stand in zones, and as they do not."""
    letters = np.array(list(CHARACTERS))
    kind = rng.random()
    if kind < 0.45:
        return "".join(rng.choice(letters, count))
    if kind < 0.65:
        return "".join(rng.choice(list(ALIKE), count))
    text = ""
    while len(text) < count:
        part = rng.random()
        if part < 0.35:
            text += "<" * int(rng.integers(1, 9))
        elif part < 0.7:
            text += "".join(rng.choice(letters[10:36], rng.integers(1, 9)))
        else:
            text += "".join(rng.choice(letters[:10], rng.integers(1, 9)))
    return text[:count]


def paper(rng: np.random.Generator, height: int, width: int) -> Array:
    """(H, W, 3) 0..1, printed as documents are: tints, waves, rays, dots and lettering."""
    base = np.array(rng.uniform(0.62, 1.0) * (1 - rng.uniform(0, 0.3, 3)), dtype=np.float32)
    sheet = np.broadcast_to(base, (height, width, 3)).copy()
    if rng.random() < 0.15:
        return sheet
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    for _ in range(rng.integers(1, 4)):
        tint = rng.uniform(-0.35, 0.1, 3).astype(np.float32) * rng.uniform(0.2, 1.0) ** 2
        turn, period = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(3), np.log(45)))
        along = columns * np.cos(turn) + rows * np.sin(turn)
        across = rows * np.cos(turn) - columns * np.sin(turn)
        bent = along + rng.uniform(0, 10) * np.sin(across / rng.uniform(4, 30) + rng.uniform(0, 6))
        wave = np.sin(bent * (2 * np.pi / period) + rng.uniform(0, 6))
        if rng.random() < 0.5:  # fine lines in place of soft waves
            thin = rng.uniform(0.5, 0.97)
            wave = np.clip((wave - thin) / (1 - thin), 0, 1)
        sheet += wave[..., None] * tint
    if rng.random() < 0.25:
        for _ in range(rng.integers(1, 6)):
            tint = rng.uniform(-0.4, -0.05, 3)
            at = (int(rng.uniform(-20, width)), int(rng.uniform(0, height + 20)))
            size, bold = rng.uniform(0.3, 2.5), int(rng.integers(1, 5))
            stamp = np.zeros((height, width), np.uint8)
            word = "".join(rng.choice(list("SPECIMENUTOPIA 0123456789abcdefg"), rng.integers(2, 12)))
            cv2.putText(stamp, word, at, int(rng.integers(0, 8)), size, 255, bold, cv2.LINE_AA)
            sheet += (stamp / 255.0).astype(np.float32)[..., None] * tint.astype(np.float32)
    return np.clip(sheet, 0, 1)


def soft(rng: np.random.Generator, height: int, width: int, cells: int) -> Array:
    """(H, W) of smooth noise, -1..1, with about so many cells along it."""
    small = rng.uniform(-1, 1, (max(2, cells * height // width + 2), cells + 2)).astype(np.float32)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def sample(rng: np.random.Generator, fonts: list[Path]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """((HEIGHT, WIDTH, 3) RGB, (WIDTH / STRIDE,) the character in the middle of each column, or NONE, or -1 for either)."""
    pitch = PITCH * np.exp(rng.normal(0, 0.05))
    many = int(WIDTH / pitch) + 3
    first, last = 0, many
    if rng.random() < 0.35:
        first = int(rng.integers(0, 6))
    if rng.random() < 0.35:
        last = many - int(rng.integers(0, 8))
    if rng.random() < 0.05:  # no line of a zone, but other print
        last = first
    text = words(rng, many)
    wide, high = (many + 1) * _DRAWN, 3 * _DRAWN
    ink = np.zeros((high, wide), dtype=np.float32)
    baseline = high // 2 + 14  # the middle of capital letters is the middle of the sheet
    line_px = _DRAWN * rng.uniform(1.5, 2.6)
    font, weight = fonts[int(rng.integers(len(fonts)))], int(rng.integers(len(_WEIGHTS)))
    jitter = rng.random() < 0.3
    for row in (-1, 0, 1):
        if row and rng.random() < 0.25:
            continue
        content = text if row == 0 else words(rng, many)
        shift = 0 if row == 0 or rng.random() < 0.6 else int(rng.integers(-20, 20))
        for index in range(first, last):
            mark = glyph(font, content[index], weight)
            top = round(baseline + row * line_px + (rng.normal(0, 0.6) if jitter else 0)) - 60
            left = index * _DRAWN + _DRAWN // 2 - 10 + shift + (round(rng.normal(0, 0.8)) if jitter else 0)
            a, b = max(0, top), min(high, top + 80)
            c, d = max(0, left), min(wide, left + 60)
            if a < b and c < d:
                ink[a:b, c:d] = np.maximum(ink[a:b, c:d], mark[a - top : b - top, c - left : d - left])
    if rng.random() < 0.3:  # ink that did not take everywhere
        ink *= np.clip(1 - rng.uniform(0, 0.6) * np.maximum(soft(rng, high, wide, int(rng.integers(10, 200))), 0), 0, 1)
    if rng.random() < 0.15:
        ink *= (rng.random(ink.shape) > rng.uniform(0, 0.25)).astype(np.float32)
    sheet = np.asarray(cv2.resize(paper(rng, high // 2, wide // 2), (wide, high)), dtype=np.float32)
    dark = rng.uniform(0, 0.25) + rng.uniform(0, 0.15, 3)
    if rng.random() < 0.2:
        dark = dark + rng.uniform(0, 0.3)
    strength = ink[..., None] * rng.uniform(0.75, 1.0)
    picture = np.asarray(sheet * (1 - strength) + dark.astype(np.float32) * strength, dtype=np.float32)
    if first == last:
        written = (picture * 255).astype(np.uint8)
        line = "".join(rng.choice(list("aAbcdeEfghilmnoOprRsStTuvxyz01234567 :./"), 60))
        cv2.putText(
            written,
            line,
            (0, high // 2 + 12),
            int(rng.integers(0, 8)),
            rng.uniform(0.5, 1.4),
            (30, 30, 30),
            2,
            cv2.LINE_AA,
        )
        picture = (written / 255.0).astype(np.float32)
    elif first and rng.random() < 0.4:  # the end of the page, and what it lies on
        picture[:, : int(first * _DRAWN - rng.uniform(0, 1) * _DRAWN)] = rng.uniform(0, 1, 3)
    elif last < many and rng.random() < 0.4:
        picture[:, int(last * _DRAWN + rng.uniform(0, 1) * _DRAWN) :] = rng.uniform(0, 1, 3)
    return _photographed(rng, picture, text, first, last, pitch)


def _photographed(
    rng: np.random.Generator, picture: Array, text: str, first: int, last: int, pitch: float
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    high = picture.shape[0]
    scale = float(np.exp(rng.uniform(np.log(8), np.log(42)))) / PITCH
    rows_px, columns_px = max(8, round(HEIGHT * scale)), round(WIDTH * scale)
    # where each pixel of the photo comes from, by way of the network's input
    x = (np.arange(columns_px, dtype=np.float32) + 0.5) / scale
    y = (np.arange(rows_px, dtype=np.float32) + 0.5) / scale
    zoom, start = _DRAWN / pitch, rng.uniform(0.2, 1.5) * _DRAWN
    drift = rng.normal(0, 0.04)
    map_x = start + zoom * x * (1 + drift * (x / WIDTH - 0.5))
    tall = zoom * np.exp(rng.normal(0, 0.08))
    middle = (
        HEIGHT / 2
        + rng.normal(0, 1.3)
        + rng.normal(0, 0.9) * (x / WIDTH - 0.5) * 2
        + rng.normal(0, 0.8) * (x / WIDTH * 2 - 1) ** 2
    )
    shear = rng.normal(0, 0.05)
    full_x = map_x[None, :] + shear * zoom * (y[:, None] - HEIGHT / 2)
    full_y = high / 2 + tall * (y[:, None] - middle[None, :])
    if zoom / scale > 1.6:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 * zoom / scale), dtype=np.float32)
    photo = cv2.remap(
        picture, full_x.astype(np.float32), full_y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    photo = _lit(rng, np.asarray(photo, dtype=np.float32))
    photo = _blurred(rng, photo, scale * PITCH)
    noise = rng.uniform(0, 0.2) ** 2 if rng.random() < 0.9 else rng.uniform(0.05, 0.1)
    photo = photo + rng.normal(0, noise * rng.uniform(0.3, 1), photo.shape[:2]).astype(np.float32)[..., None]
    photo = photo + rng.normal(0, noise * 0.6, photo.shape).astype(np.float32)
    pixels = (np.clip(photo, 0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.75:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 97))]
        pixels = cv2.imdecode(cv2.imencode(".jpg", pixels, quality)[1], cv2.IMREAD_COLOR)
    shrink = cv2.INTER_AREA if scale > 1 and rng.random() < 0.7 else cv2.INTER_LINEAR
    pixels = cv2.resize(pixels, (WIDTH, HEIGHT), interpolation=shrink)
    fine = np.arange(0, WIDTH, 0.25, dtype=np.float32)
    where = start + zoom * fine * (1 + drift * (fine / WIDTH - 0.5))
    labels = np.full(WIDTH // STRIDE, NONE, dtype=np.int64)
    columns = (np.arange(WIDTH // STRIDE) + 0.5) * STRIDE
    place = np.interp(columns, fine, where) / _DRAWN - 0.5
    nearest = np.rint(place).astype(int)
    off = np.abs(place - nearest)
    inside = (nearest >= first) & (nearest < last)
    for column in np.nonzero(inside)[0]:
        if off[column] < 0.3:
            labels[column] = CHARACTERS.index(text[nearest[column]])
        elif off[column] < 0.38:
            labels[column] = -1
    return np.asarray(pixels, dtype=np.uint8), labels


def _lit(rng: np.random.Generator, photo: Array) -> Array:
    rows, columns = photo.shape[:2]
    photo = photo * rng.uniform(0.4, 1.2) * rng.uniform(0.85, 1.1, 3).astype(np.float32)
    if rng.random() < 0.5:
        photo = photo * (1 + rng.uniform(0, 0.5) * soft(rng, rows, columns, int(rng.integers(1, 6))))[..., None]
    if rng.random() < 0.25:  # the edge of a shadow
        along = np.arange(columns, dtype=np.float32) - rng.uniform(0, columns)
        fall = 0.5 + 0.5 * np.tanh(along / rng.uniform(1, 20) * rng.choice([-1, 1]))
        photo = photo * (1 - rng.uniform(0.2, 0.7) * fall)[None, :, None].astype(np.float32)
    if rng.random() < 0.25:  # light that veils: less contrast
        photo = photo * (1 - (veil := rng.uniform(0.1, 0.6))) + veil * rng.uniform(0.3, 1)
    if rng.random() < 0.15:  # a reflection
        x, y = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
        r = ((x - rng.uniform(0, columns)) / rng.uniform(0.3, 3) / rows) ** 2 + ((y - rng.uniform(0, rows)) / rows) ** 2
        photo = photo + (rng.uniform(0.2, 0.9) * np.exp(-r * rng.uniform(1, 6)))[..., None]
    return np.asarray(np.clip(photo, 0, 1.05), dtype=np.float32)


def _blurred(rng: np.random.Generator, photo: Array, pitch_px: float) -> Array:
    if rng.random() < 0.7:  # up to what blurs a stroke by its own width
        photo = np.asarray(
            cv2.GaussianBlur(photo, (0, 0), max(0.25, rng.uniform(0.01, 0.1) * pitch_px)), dtype=np.float32
        )
    if rng.random() < 0.3:
        length = max(1, round(rng.uniform(0.05, 0.3) * pitch_px))
        kernel = np.zeros((2 * length + 1, 2 * length + 1), np.float32)
        turn = rng.uniform(0, np.pi)
        ends = [
            (round(length + s * length / 2 * np.cos(turn)), round(length + s * length / 2 * np.sin(turn)))
            for s in (-1, 1)
        ]
        cv2.line(kernel, ends[0], ends[1], 1.0, 1)
        photo = np.asarray(cv2.filter2D(photo, -1, kernel / kernel.sum()), dtype=np.float32)
    if rng.random() < 0.2:  # as cameras sharpen
        soft_photo = cv2.GaussianBlur(photo, (0, 0), 1.0)
        photo = np.asarray(photo + rng.uniform(0.3, 1.5) * (photo - soft_photo), dtype=np.float32)
    return photo


def stretched(pixels: NDArray[np.uint8]) -> Array:
    """(3, HEIGHT, WIDTH): the darkest and the brightest of 100 pixels at 0 and 1."""
    low, high = np.percentile(pixels, (1, 99))
    scaled = (pixels.transpose(2, 0, 1) - low) / max(high - low, 16.0)
    return np.asarray(np.clip(scaled, -0.5, 1.5), dtype=np.float32)


# --- whole pages, for the network that finds lines ------------------------------------------------------------------

OTHER_FONTS = sorted(Path("/usr/share/fonts/truetype/dejavu").glob("*.ttf"))
"""Of the Debian package fonts-dejavu, in which what is no zone is written."""
TILE, CELL = 320, 2
"""Side of a piece of a photo, and of a cell of the answer, in pixels."""


def page(rng: np.random.Generator, fonts: list[Path]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """((TILE, TILE) grey, (TILE / CELL, TILE / CELL) 1 in the core of a line of a zone, 0 elsewhere, -1 for either)."""
    pitch = float(np.exp(rng.uniform(np.log(5.5), np.log(17))))
    side = _DRAWN // 2  # pages are drawn at half the size of lines
    count = int(rng.choice([0, 1, 2, 2, 2, 2, 3, 3]))
    columns = int(rng.choice([30, 36, 44])) if rng.random() < 0.8 else int(rng.integers(4, 30))
    apart = rng.choice([1.67, 2.5]) * np.exp(rng.normal(0, 0.06)) if count == 3 else rng.uniform(1.9, 2.8)
    wide = int((columns + rng.uniform(2, 7)) * side)
    below, above = rng.uniform(0.8, 4), rng.uniform(1.2, 14)
    high = int((below + above + apart * count + 1) * side)
    sheet = cv2.resize(paper(rng, high // 2, wide // 2).mean(axis=2), (wide, high))
    dark = rng.uniform(0, 0.35)
    ink = np.zeros((high, wide), dtype=np.float32)
    core = np.zeros((high, wide), dtype=np.float32)
    left = rng.uniform(0.6, max(0.7, wide / side - columns - 0.6)) * side
    font, weight = fonts[int(rng.integers(len(fonts)))], int(rng.integers(len(_WEIGHTS)))
    for row in range(count):
        base = high - below * side - (count - 1 - row) * apart * side
        _print(ink, words(rng, columns), font, weight, left, base)
        core[int(base - 0.9 * side) : int(base - 0.2 * side), int(left) : int(left + columns * side)] = 1
    ends = high - below * side - max(count - 1, 0) * apart * side - 1.6 * side if count else high
    picture = np.asarray(sheet * (1 - ink * (1 - dark)), dtype=np.float32)
    _other_print(rng, picture, core, fonts, ends, side, dark)
    return _as_photographed(rng, picture, core, side, pitch)


def _print(ink: Array, text: str, font: Path, weight: int, left: float, base: float) -> None:
    for index, character in enumerate(text):
        mark = cv2.resize(glyph(font, character, weight), (30, 40), interpolation=cv2.INTER_AREA)
        top, start = round(base) - 30, round(left + index * 20 + 10) - 15
        a, b, c, d = max(0, top), min(ink.shape[0], top + 40), max(0, start), min(ink.shape[1], start + 30)
        if a < b and c < d:
            ink[a:b, c:d] = np.maximum(ink[a:b, c:d], mark[a - top : b - top, c - start : d - start])


def _other_print(
    rng: np.random.Generator, picture: Array, core: Array, fonts: list[Path], ends: float, side: int, dark: float
) -> None:
    """Text, frames and pictures above the zone, in place; short lines in OCR-B may be taken for either."""
    row = ends - rng.uniform(0, 3) * side
    while row > side:
        kind, at = rng.random(), rng.uniform(0, 0.6) * picture.shape[1]
        size = rng.uniform(0.4, 1.3)
        if kind < 0.25:
            ink = np.zeros_like(picture)
            text = words(rng, int(rng.integers(3, 24))).replace("<", "H")
            _print(ink, text, fonts[0], 3, at, row)
            picture *= 1 - ink * (1 - dark)
            mark = core[max(0, int(row - 1.1 * side)) : int(row + 1), int(at) : int(at + len(text) * side)]
            mark[:] = -1
        elif kind < 0.85:
            stamp = Image.new("L", picture.shape[::-1], 0)
            face = _other_font(rng, max(8, int(size * side)))
            text = _written(rng)[: int(rng.integers(4, 50))]
            ImageDraw.Draw(stamp).text((at, row), text, fill=255, font=face, anchor="ls")
            picture *= 1 - np.asarray(stamp, dtype=np.float32) / 255 * (1 - dark - rng.uniform(0, 0.3))
        elif kind < 0.93:
            corner = (int(at + rng.uniform(1, 12) * side), int(row - rng.uniform(1, 8) * side))
            cv2.rectangle(picture, (int(at), int(row)), corner, rng.uniform(0, 1), int(rng.choice([-1, 1, 2, 4])))
        row -= rng.uniform(0.7, 3) * side


def _other_font(rng: np.random.Generator, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(OTHER_FONTS[int(rng.integers(len(OTHER_FONTS)))]), size)


def _written(rng: np.random.Generator) -> str:
    kinds = (
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ ",
        "abcdefghijklmnopqrstuvwxyz  .,",
        "0123456789 /.-",
        "aAbBcdeEfghilmnoOprRsStTuvxyzDINPK0123456789 :./",
    )
    return "".join(rng.choice(list(kinds[int(rng.integers(len(kinds)))]), 90))


def _printed(rng: np.random.Generator, under: Array) -> Array:
    """A tile with lines of other print on it, as of a book or a letter that lies below."""
    face = _other_font(rng, int(np.exp(rng.uniform(np.log(7), np.log(26)))))
    sheet = Image.new("L", (2 * TILE, 2 * TILE), 0)
    draw, row, gap = ImageDraw.Draw(sheet), 0.0, face.size * rng.uniform(1.0, 2.6)
    while row < 2 * TILE:
        draw.text((rng.uniform(-60, 5), row), _written(rng), fill=255, font=face)
        row += gap
    turn = np.asarray(cv2.getRotationMatrix2D((TILE, TILE), rng.uniform(0, 360), 1.0), dtype=np.float64)
    turn[:, 2] -= TILE / 2
    ink = cv2.warpAffine(np.asarray(sheet), turn, (TILE, TILE), flags=cv2.INTER_LINEAR) / np.float32(255)
    return np.asarray(under + ink * rng.choice([-1, -1, -1, 1]) * rng.uniform(0.15, 0.7), dtype=np.float32)


def _as_photographed(
    rng: np.random.Generator, picture: Array, core: Array, side: int, pitch: float
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Laid on something at any turn, seen from up to about 20 degrees, with some of the zone in the middle of the tile."""
    high, wide = picture.shape
    turn, size = rng.uniform(0, 2 * np.pi), pitch / side
    c, s = size * np.cos(turn), size * np.sin(turn)
    x, y = rng.uniform(0, wide), high - rng.uniform(0, min(high, 8 * side))
    tilt = rng.normal(0, 0.08, 2) / TILE
    place = np.array([[c, -s, -c * x + s * y], [s, c, -s * x - c * y], [0, 0, 1]])
    seen = np.array([[1, rng.normal(0, 0.06), 0], [0, np.exp(rng.normal(0, 0.08)), 0], [*tilt, 1]])
    middle = np.array([[1, 0, TILE / 2 + rng.normal(0, 40)], [0, 1, TILE / 2 + rng.normal(0, 40)], [0, 0, 1]])
    matrix = middle @ seen @ place
    under = 0.5 + 0.3 * soft(rng, TILE, TILE, int(rng.integers(1, 40))) + rng.uniform(-0.4, 0.4)
    if rng.random() < 0.5:  # grain of wood, weave of cloth, stripes
        rows, columns = np.mgrid[:TILE, :TILE].astype(np.float32)
        angle, period = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(3), np.log(40)))
        wave = np.sin(
            (columns * np.cos(angle) + rows * np.sin(angle)) * 2 * np.pi / period + 4 * soft(rng, TILE, TILE, 6)
        )
        under = under + rng.uniform(0.02, 0.25) * wave * (1 + soft(rng, TILE, TILE, int(rng.integers(3, 60))))
    if rng.random() < 0.35:
        under = _printed(rng, under)
    smooth = cv2.GaussianBlur(picture, (0, 0), max(0.3, 0.45 / size))
    drawn = cv2.warpPerspective(smooth, matrix, (TILE, TILE), flags=cv2.INTER_LINEAR)
    whole = cv2.warpPerspective(np.ones_like(picture), matrix, (TILE, TILE), flags=cv2.INTER_LINEAR)
    photo = _lit(rng, np.repeat((under * (1 - whole) + drawn * whole)[..., None], 3, axis=2).astype(np.float32))
    grey = _blurred(rng, photo, pitch)[..., 0]
    noisy = grey + rng.normal(0, rng.uniform(0, 0.25) ** 2, grey.shape)
    pixels = (np.clip(noisy, 0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.6:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 97))]
        coded = cv2.imencode(".jpg", pixels, quality)[1]
        pixels = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
    cells = np.diag([1 / CELL, 1 / CELL, 1]) @ matrix
    shape = (TILE // CELL, TILE // CELL)
    lines = cv2.warpPerspective((core > 0).astype(np.float32), cells, shape, flags=cv2.INTER_LINEAR)
    either = cv2.warpPerspective((core < 0).astype(np.float32), cells, shape, flags=cv2.INTER_LINEAR)
    labels = np.where(either > 0.1, -1, np.where(lines > 0.6, 1, np.where(lines > 0.2, -1, 0)))
    return np.asarray(pixels, dtype=np.uint8), labels.astype(np.float32)


# --- the networks ---------------------------------------------------------------------------------------------------


class Step(nn.Module):  # type: ignore[misc]
    """Convolution, normalisation, ReLU; added to its input where `adds`."""

    def __init__(self, a: int, b: int, kernel: tuple[int, int], stride: tuple[int, int], *,
                 groups: int = 1, apart: int = 1, adds: bool = False) -> None:  # fmt: skip
        super().__init__()
        self.pad = (0 if kernel[0] == 2 else apart * (kernel[0] // 2), apart * (kernel[1] // 2))
        self.conv = nn.Conv2d(a, b, kernel, stride, self.pad, apart, groups, bias=False)
        self.norm = nn.BatchNorm2d(b)
        self.adds = adds

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.norm(self.conv(x)))
        return x + y if self.adds else y

    def folded(self) -> tuple[Array, Array]:
        """Weights and bias of the one convolution that does the same."""
        factor = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        weight = self.conv.weight * factor[:, None, None, None]
        bias = self.norm.bias - self.norm.running_mean * factor
        return weight.detach().numpy().astype(np.float32), bias.detach().numpy().astype(np.float32)


def make_finder() -> nn.Sequential:
    """(N, 1, H, W) grey to (N, CELL², H / 4, W / 4): of the cells of each square of four pixels, whether they are of a line."""
    return nn.Sequential(
        Step(1, 12, (3, 3), (2, 2)),
        Step(12, 24, (3, 3), (2, 2)),
        Step(24, 32, (3, 3), (1, 1)),
        *(
            part
            for apart in (1, 2, 4, 2)
            for part in (
                Step(32, 32, (5, 5), (1, 1), groups=32, apart=apart, adds=True),
                Step(32, 32, (1, 1), (1, 1), adds=True),
            )
        ),
        nn.Conv2d(32, 4, (1, 1)),
    )


def make_reader() -> nn.Sequential:
    """(N, 3, HEIGHT, W) RGB to (N, 38, 1, W / STRIDE)."""
    return nn.Sequential(
        Step(3, 16, (3, 3), (2, 2)),
        Step(16, 32, (3, 3), (2, 2)),
        Step(32, 64, (3, 3), (1, 1)),
        Step(64, 64, (3, 3), (2, 1)),
        Step(64, 64, (3, 3), (1, 1), adds=True),
        Step(64, 96, (3, 3), (2, 1)),
        Step(96, 96, (2, 3), (1, 1)),
        *(
            part
            for _ in range(3)
            for part in (Step(96, 96, (1, 7), (1, 1), groups=96, adds=True), Step(96, 96, (1, 1), (1, 1), adds=True))
        ),
        nn.Conv2d(96, NONE + 1, (1, 1)),
    )


def exported(network: nn.Sequential, kind: str) -> bytes:
    """The network as ONNX. Its input and output are as its maker says, but for axes of one that the reader loses."""
    nodes, weights, last = [], [], "pixels"

    def keep(name: str, value: Array) -> str:
        weights.append(numpy_helper.from_array(value, name))
        return name

    for index, part in enumerate(network):
        if isinstance(part, Step):
            weight, bias = part.folded()
            conv = part.conv
            pads = [part.pad[0], part.pad[1], part.pad[0], part.pad[1]]
        else:
            weight, bias, conv, pads = part.weight.detach().numpy(), part.bias.detach().numpy(), part, [0, 0, 0, 0]
        into = f"conv{index}"
        nodes.append(helper.make_node("Conv", [last, keep(f"w{index}", weight), keep(f"b{index}", bias)], [into],
                                      strides=list(conv.stride), dilations=list(conv.dilation), pads=pads,
                                      group=conv.groups))  # fmt: skip
        if isinstance(part, Step):
            nodes.append(helper.make_node("Relu", [into], [f"relu{index}"]))
            into = f"relu{index}"
            if part.adds:
                nodes.append(helper.make_node("Add", [last, into], [f"sum{index}"]))
                into = f"sum{index}"
        last = into
    shapes: tuple[list[str | int | None], list[str | int | None]]
    if kind == "reader":
        weights.append(numpy_helper.from_array(np.array([2], dtype=np.int64), "rows"))
        nodes.append(helper.make_node("Squeeze", [last, "rows"], ["flat"]))
        nodes.append(helper.make_node("Transpose", ["flat"], ["characters"], perm=[0, 2, 1]))
        shapes = ([1, 3, HEIGHT, "width"], [1, "columns", NONE + 1])
    else:
        nodes.append(helper.make_node("DepthToSpace", [last], ["lines"], blocksize=CELL))
        shapes = ([1, 1, "height", "width"], [1, 1, "rows", "columns"])
    graph = helper.make_graph(
        nodes,
        kind,
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shapes[0])],
        [helper.make_tensor_value_info("characters" if kind == "reader" else "lines", TensorProto.FLOAT, shapes[1])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="visavis")
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def reader_loss(
    network: nn.Sequential, drawn: list[tuple[NDArray[np.uint8], NDArray[np.int64]]]
) -> tuple[torch.Tensor, float]:
    """The loss, and the share of columns of characters that are right."""
    pixels = torch.from_numpy(np.stack([stretched(each) for each, _ in drawn]))
    labels = torch.from_numpy(np.stack([each for _, each in drawn]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network(pixels)[:, :, 0]
    right = (logits.argmax(1) == labels)[(labels >= 0) & (labels != NONE)].float().mean()
    return nn.functional.cross_entropy(logits.float(), labels, ignore_index=-1), right.item()


def finder_loss(network: nn.Sequential, drawn: list[tuple[NDArray[np.uint8], Array]]) -> tuple[torch.Tensor, float]:
    """The loss, and the share of lines' area that is found over that found or there."""
    pixels = torch.from_numpy(np.stack([each for each, _ in drawn]))[:, None].float() / 255 - 0.5
    labels = torch.from_numpy(np.stack([each for _, each in drawn]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = nn.functional.pixel_shuffle(network(pixels), CELL)[:, 0].float()
    counted = labels >= 0
    loss = nn.functional.binary_cross_entropy_with_logits(logits[counted], labels[counted])
    found, there = (logits > 0) & counted, labels > 0
    shared = torch.sigmoid(logits)[there].sum() / (torch.sigmoid(logits)[counted].sum() + there.sum())
    both = (found & there).sum().item() / max(1, (found | there).sum().item())
    return loss + 0.2 * (1 - 2 * shared), both


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=["finder", "reader"])
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=3e-3, help="of learning, at first")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=Path, help="weights to start from: the .pt that is written beside --out")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(given.seed)
    cv2.setNumThreads(1)
    rng = np.random.default_rng(given.seed)
    fonts = [given.fonts / name for name in ("OCRB.otf", "OCRB.otf", "OCRBS.otf")]
    network = make_finder() if given.network == "finder" else make_reader()
    if given.start:
        network.load_state_dict(torch.load(given.start))
    optimiser = torch.optim.AdamW(network.parameters(), lr=given.rate, weight_decay=1e-2)
    begun, shown, step, sums = time.monotonic(), time.monotonic(), 0, np.zeros(3)
    while (part := (time.monotonic() - begun) / 60 / given.minutes) < 1:
        for group in optimiser.param_groups:
            group["lr"] = given.rate * min(1.0, (step + 1) / 100) * (0.5 * (1 + np.cos(np.pi * part)) + 0.002)
        if given.network == "finder":
            loss, good = finder_loss(network, [page(rng, fonts) for _ in range(given.batch)])
        else:
            loss, good = reader_loss(network, [sample(rng, fonts) for _ in range(given.batch)])
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        step += 1
        sums += loss.item(), good, 1
        if time.monotonic() - shown > 20:
            print(f"{part:5.0%} step {step} loss {sums[0] / sums[2]:.4f} right {sums[1] / sums[2]:.4f}", flush=True)
            shown, sums = time.monotonic(), np.zeros(3)
            torch.save(network.state_dict(), given.out.with_suffix(".pt"))
    network.eval()
    torch.save(network.state_dict(), given.out.with_suffix(".pt"))
    given.out.write_bytes(exported(network, given.network))


if __name__ == "__main__":
    main()
