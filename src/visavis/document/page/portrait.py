"""A page seen straight, and the portrait on it."""

from math import hypot

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.face import Face

_MARGIN = 0.04
"""Of the page that is looked at around it, as a share of its width: what was taken for its edges may be a little off."""
_WIDTH, _HEIGHT, _MIDDLE = 2.2, 2.8, 0.47
"""Of a portrait's cut, in widths of the face's box, about a third more than is printed; and how far down the face's middle is."""


def straight(pixels: NDArray[np.uint8], corners_px: NDArray[np.floating], width: int, height: int) -> NDArray[np.uint8]:
    """The page seen straight, (H, W, 3), with a little around it.

    pixels: (H, W, 3). corners_px: (4, 2) of the page in it, clockwise from the upper left. width, height: of the page, in pixels.
    """
    margin = round(_MARGIN * width)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32) + margin
    matrix = cv2.getPerspectiveTransform(corners_px.astype(np.float32), target)
    size = width + 2 * margin, height + 2 * margin
    return np.asarray(cv2.warpPerspective(pixels, matrix, size, flags=cv2.INTER_LINEAR), dtype=np.uint8)


def page_size_px(corners_px: NDArray[np.floating], proportions: float) -> tuple[int, int]:
    """(width, height) at which a page of these proportions loses nothing when seen straight; at most 2,000 wide."""
    upper, right, lower, left = (hypot(*(corners_px[(side + 1) % 4] - corners_px[side])) for side in range(4))
    width = min(2000.0, max(upper, lower, max(left, right) * proportions))
    return round(width), round(width / proportions)


def cut(page: NDArray[np.uint8], face: Face) -> NDArray[np.uint8]:
    """The portrait that a face is of, with what is around it, as far as the picture goes."""
    x, y, width, height = face.box_px
    middle_x, middle_y = x + width / 2, y + height / 2
    left, right = middle_x - _WIDTH * width / 2, middle_x + _WIDTH * width / 2
    top = middle_y - _MIDDLE * _HEIGHT * width
    bottom = top + _HEIGHT * width
    rows, columns = page.shape[:2]
    return page[max(0, round(top)) : min(rows, round(bottom)), max(0, round(left)) : min(columns, round(right))].copy()
