"""What JPEG alone has: scans to count, a quality setting to estimate, and a decoder that is faster than Pillow's way.

Pillow hands its pixels to Python in small pieces; on a large photo that takes half as long as decoding it. `decode` writes
them once. It takes only what decodes without the least warning, and leaves the rest, and every judgement, to Pillow.
"""

from collections.abc import Callable

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL.JpegImagePlugin import JpegImageFile

from visavis.errors import DamagedImage
from visavis.image.colour import is_srgb

_SCANS_MAX = 100
"""Each scan of a progressive JPEG makes the decoder pass over the whole picture, however few bytes the scan has."""
_ANNEX_K_SUM = 3688
"""Sum of the luminance table of ITU-T T.81, annex K.1, which quality 50 uses as it is."""

_TURNS: dict[int, Callable[[NDArray[np.uint8]], object]] = {
    1: lambda pixels: pixels,
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: cv2.transpose,
    6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.rotate(cv2.transpose(pixels), cv2.ROTATE_180),
    8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def refuse_scans(data: bytes) -> None:
    """Raises DamagedImage when a file has more scans than a photo."""
    if data.count(b"\xff\xda") > _SCANS_MAX:
        raise DamagedImage(f"the JPEG file has over {_SCANS_MAX} scans; a photo has a dozen at most")


def decode(data: bytes, picture: JpegImageFile, orientation: int) -> NDArray[np.uint8] | None:
    """Upright RGB pixels (H, W, 3) at the size that `picture` was drafted to; None when they are Pillow's to decode.

    The pixels are the same as Pillow's: both are libjpeg-turbo's.
    """
    if picture.mode != "RGB" or not is_srgb(picture):
        return None
    width, height = picture.size
    try:
        pixels = simplejpeg.decode_jpeg(data, "RGB", min_height=height, min_width=width, strict=True)
    except ValueError:
        return None
    if pixels.shape != (height, width, 3):
        return None
    return np.asarray(_TURNS[orientation](pixels), dtype=np.uint8)


def quality(tables: dict[int, list[int]] | None) -> int | None:
    """The quality setting of the Independent JPEG Group's encoder that has this luminance table, roughly."""
    if not tables or 0 not in tables or len(tables[0]) != 64:
        return None
    ratio = 100 * sum(tables[0]) / _ANNEX_K_SUM
    return max(1, min(100, round(100 - ratio / 2 if ratio <= 100 else 5000 / ratio)))
