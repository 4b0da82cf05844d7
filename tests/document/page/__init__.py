"""Photos of specimens, made quickly: flat light on a plain table, at any turn and a little tilt."""

import os
from functools import cache

import cv2
import numpy as np
import pytest
from numpy.random import default_rng
from numpy.typing import NDArray

from tests.conftest import PEOPLE, pixels
from visavis.document.mrz import MrzFormat
from visavis.evaluation.specimens import OCR_B, Specimen, draw_specimen

Pixels = NDArray[np.uint8]

needs_font = pytest.mark.skipif(
    not OCR_B.exists() and not os.environ.get("CI"), reason="the font OCR-B is not installed (Debian: fonts-ocr-b)"
)


@cache
def drawn(mrz_format: MrzFormat, seed: int = 3, px_per_mm: float = 9.0) -> Specimen:
    """A specimen with a zone and a portrait."""
    portrait = pixels(PEOPLE[seed % len(PEOPLE)], "studio_portrait")[50:950, 150:850]
    return draw_specimen(mrz_format, portrait, default_rng(seed), px_per_mm=px_per_mm)


def table(width: int = 1600, height: int = 1200, level: int = 70) -> Pixels:
    """A plain one, (height, width, 3), with some grain."""
    grain = default_rng(1).normal(level, 3, (height, width, 3))
    return np.clip(grain, 0, 255).astype(np.uint8)


def laid(
    page: Pixels,
    on: Pixels,
    *,
    turn_deg: float = 0.0,
    width_px: float = 1000,
    tilt: float = 0.0,
    middle: tuple[float, float] | None = None,
) -> tuple[Pixels, NDArray[np.float32]]:
    """The photo of a page on a table, and the page's corners in it, clockwise from its upper left.

    turn_deg: clockwise. tilt: how much narrower the page's upper edge is, as a share.
    """
    rows, columns = page.shape[:2]
    half = np.array([width_px, width_px * rows / columns]) / 2
    corners = np.array([[-1 + tilt, -1], [1 - tilt, -1], [1, 1], [-1, 1]]) * half
    c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    x, y = corners.T
    where = middle or (on.shape[1] / 2, on.shape[0] / 2)
    placed = np.stack([c * x - s * y + where[0], s * x + c * y + where[1]], axis=1).astype(np.float32)
    outline = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(outline, placed)
    size = on.shape[1], on.shape[0]
    small = cv2.GaussianBlur(page, (0, 0), max(0.3, 0.4 * columns / width_px))
    seen = cv2.warpPerspective(small, matrix, size, flags=cv2.INTER_LINEAR)
    cover = cv2.warpPerspective(np.full((rows, columns), 255, np.uint8), matrix, size)
    return np.where(cover[..., None] > 127, seen, on).astype(np.uint8), placed
