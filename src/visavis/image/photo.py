"""A photo as it came, and the image decoded from it at the scale that a step needs."""

import io
import re
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import gcd
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin
from PIL import Image as PillowImage
from PIL.JpegImagePlugin import JpegImageFile

from visavis.errors import DamagedImage, ImageError, ImageTooLarge, TruncatedImage, UnsupportedImage
from visavis.image import jpeg
from visavis.image.colour import to_srgb
from visavis.image.sniff import ImageFormat, sniff

Reduction = Literal[1, 2, 4, 8]
_REDUCTIONS: tuple[Reduction, ...] = (8, 4, 2, 1)
_ORIENTATION = 0x0112
_BOXES_MAX = 1000
_TRANSPOSES = {
    2: PillowImage.Transpose.FLIP_LEFT_RIGHT,
    3: PillowImage.Transpose.ROTATE_180,
    4: PillowImage.Transpose.FLIP_TOP_BOTTOM,
    5: PillowImage.Transpose.TRANSPOSE,
    6: PillowImage.Transpose.ROTATE_270,
    7: PillowImage.Transpose.TRANSVERSE,
    8: PillowImage.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused before decoding. A decoded photo takes 10 to 20 bytes of memory a pixel while it is decoded."""

    max_bytes: int = 32 * 1024 * 1024
    max_pixels: int = 64_000_000


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Image:
    """An upright image.

    pixels: (H, W, 3) uint8, RGB, read-only. format: what it was decoded from, None for an array.
    original_size_px: (width, height) of the whole upright photo. reduction: its side over this image's: pixel i covers
    [i, i + 1) * reduction of the original. compression: quality setting of a JPEG, 1..100, as its quantisation table
    tells it; None elsewhere.
    """

    pixels: NDArray[np.uint8]
    format: ImageFormat | None
    original_size_px: tuple[int, int]
    reduction: int = 1
    compression: int | None = None

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3 or self.pixels.dtype != np.uint8 or not self.pixels.size:
            raise UnsupportedImage(
                f"expected an RGB array of shape (height, width, 3) and type uint8, got {self.pixels.shape} of "
                f"{self.pixels.dtype}"
            )
        self.pixels.flags.writeable = False

    def __repr__(self) -> str:
        return f"<Image {self.format or 'array'}>"


class Photo:
    """A photo whose header has been checked. Decodes on demand; safe to share between threads.

    source: the bytes of an image file, or upright RGB pixels (H, W, 3) uint8, which are copied.
    size_px: (width, height) of the upright original. format: None for an array.
    Raises EmptyImage, UnsupportedImage, TruncatedImage, DamagedImage, or ImageTooLarge.
    """

    def __init__(
        self, source: bytes | bytearray | memoryview | NDArray[np.uint8], *, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self._lock = threading.Lock()
        self._images: dict[Reduction, Image] = {}
        self._data = b""
        self._orientation = 1
        self.format: ImageFormat | None = None
        if isinstance(source, np.ndarray):
            image = Image(source.copy(), None, (source.shape[1], source.shape[0]) if source.ndim == 3 else (0, 0))
            self._images[1] = image
            self.size_px = image.original_size_px
            _check_pixels(self.size_px, limits)
        elif isinstance(source, (bytes, bytearray, memoryview)):
            size = memoryview(source).nbytes
            if size > limits.max_bytes:
                raise ImageTooLarge(f"the file has {size:,} bytes; at most {limits.max_bytes:,} are accepted")
            self._data = bytes(source)
            self.format = sniff(self._data)
            if self.format == "JPEG":
                jpeg.refuse_scans(self._data)
            with self._open() as picture:
                _check_pixels(picture.size, limits)
                self._orientation = self._orientation_of(picture)
                self.size_px = picture.size[::-1] if self._orientation >= 5 else picture.size
        else:
            raise UnsupportedImage(f"expected the bytes of a photo, or an array; got {type(source).__name__}")

    def __repr__(self) -> str:
        return f"<Photo {self.format or 'array'}>"

    def decode(self, long_side_px: int | None = None) -> Image:
        """The image at the smallest scale of 1, 1/2, 1/4, 1/8 whose longer side is at least `long_side_px`.

        None means full scale. What was decoded is kept: the same request gives the same image, whatever came between.
        Raises TruncatedImage, DamagedImage, or ImageTooLarge when memory does not suffice.
        """
        wanted = 1 if self.format is None else _reduction(max(self.size_px), long_side_px)
        with self._lock:
            if wanted not in self._images:
                self._images[wanted] = self._decode(wanted)
            return self._images[wanted]

    def _decode(self, reduction: Reduction) -> Image:
        with self._open() as picture:
            if not isinstance(picture, JpegImageFile):
                return self._image(self._upright(picture, reduction), reduction)
            # Scaling starts at the stored picture's corner; where a turn moves that corner, only what divides the
            # picture evenly leaves pixels where `Image` says that they are. The rest is scaled when upright.
            width, height = picture.size
            scale = reduction if self._orientation == 1 else gcd(reduction, width, height)
            picture.draft(None, (max(1, width // scale), max(1, height // scale)))
            rest = reduction // (getattr(picture, "decoderconfig", None) or (1,))[0]
            pixels = jpeg.decode(self._data, picture, self._orientation) if rest == 1 else None
            if pixels is None:
                pixels = self._upright(picture, rest)
            return self._image(pixels, reduction, jpeg.quality(picture.quantization))

    def _image(self, pixels: NDArray[np.uint8], reduction: Reduction, compression: int | None = None) -> Image:
        return Image(pixels, self.format, self.size_px, reduction, compression)

    def _upright(self, picture: PillowImage.Image, reduction: int) -> NDArray[np.uint8]:
        picture.load()
        transpose = _TRANSPOSES.get(self._orientation)
        return np.asarray(to_srgb(picture if transpose is None else picture.transpose(transpose), reduction))

    def _orientation_of(self, picture: PillowImage.Image) -> int:
        """EXIF orientation still to be applied, 1..8. The decoders of HEIF and TIFF apply it themselves."""
        if self.format in ("HEIF", "TIFF"):
            return 1
        try:
            # Pillow decodes the whole of a PNG to look for EXIF behind its pixels: only where there is some
            late = self.format == "PNG" and b"eXIf" in self._data
            value = (picture.getexif() if late else PillowImage.Image.getexif(picture)).get(_ORIENTATION, 1)
        except (SyntaxError, ValueError, TypeError, KeyError, EOFError, struct.error, OSError):
            return 1  # damaged metadata beside a sound picture
        return value if value in _TRANSPOSES else 1

    @contextmanager
    def _open(self) -> Iterator[PillowImage.Image]:
        """The picture, header read; every way in which a decoder can fail on it becomes one of our errors."""
        try:
            with _pillow(self._data, self.format) as picture:
                yield picture
        except ImageError:
            raise
        except (PillowImage.DecompressionBombError, PillowImage.DecompressionBombWarning) as error:
            raise ImageTooLarge("the photo has far more pixels than are accepted") from error
        except MemoryError as error:
            raise ImageTooLarge("there is not enough memory to decode the photo") from error
        except Exception as error:  # decoders raise almost anything on bytes that were tampered with
            if _ends_early(self._data, self.format, str(error)):
                raise TruncatedImage(
                    f"the {self.format} file ends before its picture does; send the whole file"
                ) from error
            raise DamagedImage(f"the {self.format} file is damaged and cannot be decoded") from error


_AVIF_EXIF = re.compile(rb"(infe[\x02\x03].{7,9})Exif", re.DOTALL)
"""The item that holds EXIF. An AVIF's orientation stands elsewhere, and its decoder fails on EXIF that is damaged."""


def _check_pixels(size_px: tuple[int, int], limits: Limits) -> None:
    if size_px[0] * size_px[1] > limits.max_pixels:
        raise ImageTooLarge(
            f"the photo has {size_px[0]:,} × {size_px[1]:,} pixels; at most {limits.max_pixels:,} in all are accepted"
        )


def _pillow(data: bytes, image_format: ImageFormat | None) -> PillowImage.Image:
    if image_format == "HEIF":
        import pi_heif  # few photos need it, and it takes a while to import

        pi_heif.options.DECODE_THREADS = 1
        return cast("PillowImage.Image", pi_heif.HeifImageFile(io.BytesIO(data)))
    if image_format == "AVIF":
        AvifImagePlugin.DEFAULT_MAX_THREADS = 1
        data = _AVIF_EXIF.sub(rb"\1free", data)
    return PillowImage.open(io.BytesIO(data), formats=[str(image_format)])


def _reduction(long_side: int, wanted: int | None) -> Reduction:
    if wanted is None:
        return 1
    return next((r for r in _REDUCTIONS if long_side >= wanted * r), 1)


def _ends_early(data: bytes, image_format: ImageFormat | None, message: str) -> bool:
    """Whether the failure is that of a file that was cut off."""
    if image_format == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if image_format in ("HEIF", "AVIF", "JPEG2000") and data[4:8] in (b"ftyp", b"jP  "):
        return _boxes_end(data) > len(data)
    return any(word in message.lower() for word in ("truncated", "end of file", "unexpected end", "not enough"))


def _boxes_end(data: bytes) -> int:
    """Where the last of the ISO base media boxes says that it ends."""
    at = 0
    for _ in range(_BOXES_MAX):
        if at + 8 > len(data):
            break
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size == 0:
            return len(data)
        at += max(size, 8)
    return at if at >= len(data) else len(data) + 1
