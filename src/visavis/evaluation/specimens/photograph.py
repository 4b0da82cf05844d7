"""A phone's photographs of documents, by simulation: what is around them, the light, the hand, the lens and the camera.

Light is linear until the photo is encoded; 1.0 saturates a pixel.
"""

import io
from math import pi

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image as PillowImage

from visavis.evaluation.degrade import Light, blurred, decoded, jpeg, shake
from visavis.evaluation.specimens.conditions import Conditions
from visavis.evaluation.specimens.draw import Box, Mount
from visavis.evaluation.specimens.ground import Floats
from visavis.evaluation.specimens.surfaces import SURFACES, Size, fractal

_LONGER_MAX_PX = 4032
"""Of a photo of 12 megapixels, 4:3."""
_FOCAL = 0.77
"""Focal length over the photo's longer side: 66° wide, as a phone's main camera."""
_PAPER = 0.8
"""Reflectance of what counts as white."""
_LAMP = np.array([1.0, 0.74, 0.40], dtype=np.float32)
"""2700 K, to a camera that is balanced for daylight."""
_SKIN = np.array([0.55, 0.30, 0.20])


def photograph(
    image: NDArray[np.uint8], rng: Generator, conditions: Conditions
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """As `photograph_jpeg`, with the photo decoded: (H, W, 3) RGB uint8."""
    data, corners = photograph_jpeg(image, rng, conditions)
    return np.asarray(PillowImage.open(io.BytesIO(data))), corners


def photograph_jpeg(
    image: NDArray[np.uint8], rng: Generator, conditions: Conditions
) -> tuple[bytes, NDArray[np.float32]]:
    """A photograph of one side of a document.

    image: (H, W, 3) RGB uint8, seen straight; sharpest where it is at least `conditions.document_px` wide.
    Returns a JPEG file, 4:3 and at most 4032 px long, and the document's corners in it, (4, 2) float32 in px: upper left, upper
    right, lower right, lower left of the document as it is read.
    """
    scale = conditions.document_px / image.shape[1]
    if scale < 1:
        image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    document = decoded(image)
    tone = float(document.mean())
    page, cover, box = _mounted(_scratched(document, conditions.scratches, rng), conditions.mount, rng)
    page, cover, box = _bent(page, cover, box, conditions.bow * image.shape[1])
    matrix, size_px = _view(box, conditions)
    corners = np.asarray(cv2.perspectiveTransform(_outline(box), matrix)[0], dtype=np.float32)

    light = _surface(size_px, tone, conditions, rng)
    over = np.asarray(cv2.warpPerspective(cover, matrix, size_px), dtype=np.float32)
    dropped = _dropped(over, 0.004 * conditions.document_px, rng)
    light *= (1 - 0.6 * dropped)[..., None]
    light += over[..., None] * (cv2.warpPerspective(page, matrix, size_px, borderMode=cv2.BORDER_REPLICATE) - light)
    if conditions.fingers:
        _hold(light, over, corners, rng)
    _shine(light, over, corners, conditions, rng)
    return jpeg(_developed(light, conditions, rng), conditions.quality), corners


def _scratched(page: Light, count: int, rng: Generator) -> Light:
    """With straight hairs 1/3000 to 1/1000 of the width wide that reflect 10 or 80 %, 20 to 60 % opaque."""
    height, width = page.shape[:2]
    for _ in range(count):
        cover = np.zeros((height, width), dtype=np.float32)
        start = rng.random(2) * (width, height)
        end = start + rng.normal(0, 0.2, 2) * width
        first, last = (np.rint(16 * point).astype(int).tolist() for point in (start, end))
        thick = max(1, round(width * rng.uniform(1 / 3000, 1 / 1000)))
        cv2.line(cover, first, last, rng.uniform(0.2, 0.6), thick, cv2.LINE_AA, 4)
        page = page + cover[..., None] * (float(rng.choice((0.1, 0.8))) - page)
    return page


def _mounted(page: Light, mount: Mount, rng: Generator) -> tuple[Light, Floats, Box]:
    """With what it is part of: the light, what of it there is (0..1), and where in it the document lies."""
    height, width = page.shape[:2]
    left = upper = 0
    if mount == "booklet":
        upper = height
        page = np.concatenate([_facing(page.shape[1::-1], rng), page])
        from_fold = np.abs(np.arange(2 * height, dtype=np.float32) - height) / (0.02 * width)
        page *= (1 - 0.5 * np.exp(-from_fold))[:, None, None]
    elif mount == "sticker":
        left, upper, below = (
            round(width * rng.uniform(*limits)) for limits in ((0.015, 0.03), (0.02, 0.06), (0.015, 0.04))
        )
        size_px = width + 2 * left, height + upper + below
        blank = (0.78 + 0.02 * fractal(size_px, 40, 300, rng))[..., None] * rng.uniform(0.75, 1, 3)
        blank[upper : upper + height, left : left + width] = page
        page = blank.astype(np.float32)
    rows, columns = page.shape[:2]
    radius = round((0.037 if mount == "card" else 0.024) * width)
    cover = np.zeros((rows, columns), dtype=np.float32)
    inner = np.array([[radius, radius], [columns - 1 - radius, rows - 1 - radius]])
    cv2.rectangle(cover, (radius, 0), (columns - 1 - radius, rows - 1), 1.0, -1)
    cv2.rectangle(cover, (0, radius), (columns - 1, rows - 1 - radius), 1.0, -1)
    for x in inner[:, 0].tolist():
        for y in inner[:, 1].tolist():
            cv2.circle(cover, (x, y), radius, 1.0, -1, cv2.LINE_AA)
    return page, cover, (left, upper, left + width, upper + height)


def _facing(size_px: Size, rng: Generator) -> Light:
    """The page before it: tinted, and in a half with ruled lines or bars as of print."""
    width, height = size_px
    light = (0.65 + 0.05 * fractal(size_px, 4, 200, rng))[..., None] * rng.uniform(0.7, 1, 3)
    if rng.random() < 0.5:
        pitch = round(height * rng.uniform(0.05, 0.1))
        thick = max(1, round(pitch * rng.uniform(0.05, 0.4)))
        for y in range(pitch, height - pitch, pitch):
            light[y : y + thick, width // 10 : -width // 10] *= 0.6
    return np.asarray(np.clip(light, 0, 1), dtype=np.float32)


def _bent(page: Light, cover: Floats, box: Box, bow_px: float) -> tuple[Light, Floats, Box]:
    """Bowed about an upright axis, as it looks from above or below; with a margin, so that its edge does not bleed."""
    margin = round(abs(bow_px)) + 8
    page, cover = (
        np.asarray(cv2.copyMakeBorder(part, margin, margin, margin, margin, border), dtype=np.float32)
        for part, border in ((page, cv2.BORDER_REPLICATE), (cover, cv2.BORDER_CONSTANT))
    )
    x, y = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in cover.shape[1::-1]))
    left, upper, right, lower = (side + margin for side in box)
    y += bow_px * np.sin(np.clip((x - left) / (right - left), 0, 1) * pi)
    bowed = (np.asarray(cv2.remap(part, x, y, cv2.INTER_LINEAR), dtype=np.float32) for part in (page, cover))
    return next(bowed), next(bowed), (left, upper, right, lower)


def _view(box: Box, conditions: Conditions) -> tuple[NDArray[np.float64], Size]:
    """(3, 3) from the mounted page's pixels to the photo's, and the photo's size."""
    yaw, pitch, roll = np.radians((conditions.yaw_deg, conditions.pitch_deg, conditions.roll_deg))
    spun = _rotation(2, roll) @ _rotation(0, pitch) @ _rotation(1, yaw)
    left, upper, right, lower = box
    scale = conditions.document_px / (right - left)
    plane = np.array([[scale, 0, -scale * (left + right) / 2], [0, scale, -scale * (upper + lower) / 2], [0, 0, 1]])
    focal = _FOCAL * conditions.document_px / conditions.fill
    posed = np.stack([spun[:, 0], spun[:, 1], (0, 0, focal)], axis=1)
    matrix = np.diag((focal, focal, 1)) @ posed @ plane
    seen = cv2.perspectiveTransform(_outline(box), matrix)[0]
    low, high = seen.min(axis=0), seen.max(axis=0)
    extent = np.asarray(high - low, dtype=np.float64)
    longer = min(max(extent.max(), extent.min() * 4 / 3) / conditions.fill, _LONGER_MAX_PX)
    frame = np.rint((longer, longer * 3 / 4) if extent[0] >= extent[1] else (longer * 3 / 4, longer))
    offset = np.array(conditions.offset)
    within = np.clip(offset, -1, 1)
    middle = frame / 2 + within * np.clip(frame - extent, 0, None) / 2 + (offset - within) * extent
    moved = np.eye(3)
    moved[:2, 2] = middle - (low + high) / 2
    return moved @ matrix, (int(frame[0]), int(frame[1]))


def _rotation(axis: int, angle: float) -> NDArray[np.float64]:
    turn = np.zeros(3)
    turn[axis] = angle
    return np.asarray(cv2.Rodrigues(turn)[0], dtype=np.float64)


def _outline(box: Box) -> Floats:
    """(1, 4, 2): upper left, upper right, lower right, lower left."""
    left, upper, right, lower = box
    return np.array([[[left, upper], [right, upper], [right, lower], [left, lower]]], dtype=np.float32)


def _surface(size_px: Size, tone: float, conditions: Conditions, rng: Generator) -> Light:
    """What it lies on, drawn at half the resolution. tone: the document's mean."""
    level = tone * rng.uniform(0.85, 1.15) if conditions.alike else rng.uniform(0.02, 0.3)
    tint = rng.uniform(0.75, 1.25, 3)
    colour = (level * tint / tint.mean()).astype(np.float32)
    drawn = SURFACES[conditions.surface]((size_px[0] // 2, size_px[1] // 2), colour, rng)
    return np.asarray(np.clip(cv2.resize(drawn, size_px), 0.005, 1), dtype=np.float32)


def _dropped(cover: Floats, reach_px: float, rng: Generator) -> Floats:
    """The shadow that what lies there throws."""
    moved = np.array([[1, 0, reach_px * rng.uniform(-1, 1)], [0, 1, reach_px * rng.uniform(-1, 1)]])
    return blurred(np.asarray(cv2.warpAffine(cover, moved, cover.shape[1::-1])), max(0.8, reach_px))


def _hold(light: Light, cover: Floats, corners: Floats, rng: Generator) -> None:
    """In place: fingers from outside over the upper half's left and right edge, each in 60 %, up to 6 % of the width far in, with
    their shadows. `cover` ends where they begin."""
    upper_left, upper_right, lower_right, lower_left = corners
    skin = _SKIN * rng.uniform(0.15, 1.2)
    for start, end, other in ((upper_left, lower_left, upper_right), (upper_right, lower_right, upper_left)):
        if rng.random() < 0.6:
            width = float(np.linalg.norm(other - start))
            inward, radius = (other - start) / width, width * rng.uniform(0.05, 0.075)
            tip = start + (end - start) * rng.uniform(0.05, 0.4) + inward * (width * rng.uniform(0, 0.06) - radius)
            knuckle = tip - inward * width + rng.uniform(-0.5, 0.5, 2) * width
            finger = np.zeros(cover.shape, dtype=np.float32)
            first, last = (np.rint(point).astype(int).tolist() for point in (tip, knuckle))
            cv2.line(finger, first, last, 1.0, round(2 * radius), cv2.LINE_AA)
            small = np.asarray(
                cv2.resize(finger, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA), dtype=np.float32
            )
            soft, round_ = (
                np.asarray(cv2.resize(blurred(small, max(0.5, sigma / 8)), cover.shape[1::-1]))[..., None]
                for sigma in (0.02 * width, 0.5 * radius)
            )
            light *= 1 - 0.4 * soft
            light += finger[..., None] * ((0.25 + 0.75 * round_) * skin - light)
            cover *= 1 - finger


def _shine(light: Light, cover: Floats, corners: Floats, conditions: Conditions, rng: Generator) -> None:
    """In place: the lamp and its falloff, shadows, and what the laminate mirrors; drawn at an eighth of the resolution."""
    full = light.shape[1], light.shape[0]
    coarse = max(8, full[0] // 8), max(8, full[1] // 8)
    y, x = np.indices(coarse[::-1], dtype=np.float32) / (max(coarse) - 1) - 0.5
    towards = rng.uniform(0, 2 * pi)
    lamp = 1 + conditions.falloff * (x * np.cos(towards) + y * np.sin(towards))
    if conditions.shadow:
        towards = rng.uniform(0, 2 * pi)
        middle = rng.uniform(-0.3, 0.3, 2)
        edge = (x - middle[0]) * np.cos(towards) + (y - middle[1]) * np.sin(towards) + 0.06 * fractal(coarse, 2, 8, rng)
        lamp *= 1 - conditions.shadow / (1 + np.exp(-edge / rng.uniform(0.005, 0.08)))
    light *= np.asarray(cv2.resize(lamp.astype(np.float32), full))[..., None]
    light += cover[..., None] * np.asarray(
        cv2.resize(_mirrored(coarse, corners / np.float32(8), conditions, rng), full)
    )
    cast = _LAMP**conditions.warmth
    light *= (conditions.white / _PAPER * cast / cast.mean()).astype(np.float32)


def _mirrored(size_px: Size, corners: Floats, conditions: Conditions, rng: Generator) -> Light:
    """Sheen, holograms and lamps, over the document's own coordinates u and v, 0..1."""
    columns, rows = size_px
    matrix = cv2.getPerspectiveTransform(corners, _outline((0, 0, 1, 1))[0])
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).astype(np.float32)
    u, v = np.moveaxis(cv2.perspectiveTransform(grid.reshape(1, -1, 2), matrix).reshape(rows, columns, 2), -1, 0)
    veil = conditions.sheen * np.clip(1 + 0.6 * fractal(size_px, 2, 6, rng), 0, 3)[..., None].repeat(3, axis=2)
    across, down, beside, below = rng.uniform(2, 9, 4)
    phase = across * u + down * v + 0.5 * fractal(size_px, 2, 6, rng)
    colours = 0.5 + 0.5 * np.cos(2 * pi * (phase[..., None] + np.array([0, 1 / 3, 2 / 3])))
    figures = np.clip(4 * np.sin(4 * beside * u) * np.sin(4 * below * v), 0, 1)
    figures *= np.clip(0.4 + fractal(size_px, 2, 4, rng), 0, 1)
    veil += conditions.hologram * colours * figures[..., None]
    aspect = float(np.linalg.norm(corners[3] - corners[0]) / np.linalg.norm(corners[1] - corners[0]))
    uneven = 0.012 * fractal(size_px, 2, 8, rng)
    for glare in conditions.glares:
        turn = rng.uniform(0, pi)
        x, y = u - glare.x + uneven, (v - glare.y) * aspect + uneven
        along, aside = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        distance = np.hypot(along / glare.stretch, aside) / glare.radius
        veil += (glare.strength * (np.exp(-(distance**2) / 2) + 0.04 * np.exp(-distance / 3)))[..., None]
    return np.asarray(veil * _PAPER, dtype=np.float32)


def _developed(light: Light, conditions: Conditions, rng: Generator) -> Light:
    """Through the lens and onto the sensor; then noise is smoothed (0.6 px) and detail sharpened, as cameras do."""
    seen = blurred(light, conditions.defocus_px)
    if conditions.motion_px:
        seen = np.asarray(cv2.filter2D(seen, -1, shake(conditions.motion_px, rng), borderType=cv2.BORDER_REPLICATE))
    np.clip(seen, 0, 1, out=seen)
    # shot noise grows with the root of light, 0.18 being middle grey; read noise is a sixth of what there is then
    deviation = conditions.noise * np.sqrt(seen / 0.18 + 1 / 36)
    smooth = blurred(seen + deviation * rng.standard_normal(seen.shape, dtype=np.float32), 0.6)
    return np.asarray(smooth + conditions.sharpening * (smooth - blurred(smooth, 1.5)), dtype=np.float32)
