"""What may be why a zone does not read, or a page is not seen: glare, blur, darkness, size.

None of these is looked at where a zone reads: a photo is as good as what can be read in it.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.document.page.characters import HEIGHT_PX, PITCH_PX, Row

PITCH_MIN_PX = 9.0
"""Distance of characters in the photo below which they are small."""
PAGE_MIN_PX = 450.0
"""Width of a page in the photo at which characters are that near, or nearer."""
_DETAIL = 0.2
"""Detail that print must show, in distances of characters: about the width of a stroke."""
_PITCH_OF_PAGE = 0.02
"""Distance of characters over the width of a page, at least."""
_DETAIL_PX = 3.0
"""Width of that detail in the picture in which it is looked for, at most: a larger picture is made smaller."""
_BRIGHT, _FLAT = 150, 45
"""A character is hidden by light whose place has nothing darker than this, and no more contrast."""
_BLURRED = 0.27
"""Share of its curvature that a picture keeps when blurred by that detail from which on it was blurred before: by simulation, up
to 0.20 on photos that can be read, and 0.35 or more on such as cannot (defocus of 0.4 % of the page's width)."""
_WHITE, _WHITE_SHARE = 250, 0.01
"""Where a page has glare, so much of it is saturated."""
_DARK = 50
"""Level that nearly all of a photo is below where it is too dark."""


def hidden(picture: NDArray[np.uint8], row: Row) -> int:
    """How many characters of a straightened line light hides."""
    count = 0
    for middle in np.rint((row.middles + 0.5) * PITCH_PX).astype(int):
        place = picture[HEIGHT_PX // 8 : -HEIGHT_PX // 8, max(0, middle - PITCH_PX // 2) : middle + PITCH_PX // 2].min(
            axis=2
        )
        dark, bright = np.percentile(place, (3, 97))
        count += bool(dark > _BRIGHT and bright - dark < _FLAT)
    return count


def blurred_line(picture: NDArray[np.uint8]) -> bool:
    """Whether a straightened line has no detail as fine as a stroke."""
    return keeps(picture, _DETAIL * PITCH_PX) > _BLURRED


def blurred_page(picture: NDArray[np.uint8], width_px: float) -> bool:
    """Whether a picture that shows a page of this width has no detail as fine as its print."""
    return keeps(picture, _DETAIL * _PITCH_OF_PAGE * width_px) > _BLURRED


def keeps(picture: NDArray[np.uint8], detail_px: float) -> float:
    """How curved the most curved places are after blurring, over before, 0..1."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    if detail_px > _DETAIL_PX:
        scale = _DETAIL_PX / detail_px
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        detail_px = _DETAIL_PX
    grey = grey.astype(np.float32)
    sharp = cv2.GaussianBlur(grey, (0, 0), max(0.3, 0.37 * detail_px))  # noise is curved too
    soft = cv2.GaussianBlur(grey, (0, 0), detail_px)
    before, after = (np.percentile(np.abs(cv2.Laplacian(each, cv2.CV_32F)), 99.5) for each in (sharp, soft))
    return float(after / max(before, 1e-3))


def reflects(page: NDArray[np.uint8]) -> bool:
    """Whether a reflection covers a part of a page."""
    return float((page.min(axis=2) >= _WHITE).mean()) > _WHITE_SHARE


def dark(pixels: NDArray[np.uint8]) -> bool:
    """Whether a photo is too dark to see print in."""
    return float(np.percentile(pixels[::8, ::8].max(axis=2), 98)) < _DARK
