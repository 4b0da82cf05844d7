"""The picture of a face record: its format and size by its own header, and its pixels."""

from dataclasses import dataclass
from typing import Literal

from visavis.document.chip import jpeg2000
from visavis.document.chip.tlv import FILE_BYTES_MAX
from visavis.errors import ChipMalformed, DamagedImage, ImageError, ImageTooLarge
from visavis.image import Image, Limits, Photo

FACE_LIMITS = Limits(max_bytes=FILE_BYTES_MAX, max_pixels=4_000_000)
"""Portraits on chips have some 15,000 to 100,000 bytes and 0.2 to 2 million pixels."""
_JPEG_START = b"\xff\xd8\xff"
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""Second bytes of the markers SOF (ITU-T T.81, table B.1)."""
_NO_SEGMENTS = {0x01, *range(0xD0, 0xDB)}
"""Those of markers that end the header, or that no header holds."""


@dataclass(frozen=True, slots=True, repr=False)
class FaceImage:
    """A picture of the holder. data: a JPEG file, or JPEG 2000 as a codestream or a JP2 file, as the chip holds it.

    width_px, height_px: as its header states them; records state them too, and are often wrong.
    """

    format: Literal["jpeg", "jpeg2000"]
    data: bytes
    width_px: int
    height_px: int

    @classmethod
    def of(cls, data: bytes) -> "FaceImage":
        """By the first bytes, whatever the record says of them. Raises ChipMalformed for other formats, and without a size."""
        if data.startswith(_JPEG_START):
            return cls("jpeg", data, *_jpeg_size(data))
        try:
            size = jpeg2000.size(jpeg2000.codestream(data))
        except ImageError as error:
            raise ChipMalformed(f"the picture of a face record can't be read: {error}") from error
        return cls("jpeg2000", data, size.width_px, size.height_px)


def decode_face(face: FaceImage, *, limits: Limits = FACE_LIMITS) -> Image:
    """The picture in full size, upright, in sRGB.

    Raises ImageTooLarge, before anything is decoded, for more bytes or pixels than the limits allow and for a JPEG 2000 picture
    cut into absurdly many parts; UnsupportedImage, DamagedImage or TruncatedImage for one that breaks its format.
    """
    if face.width_px * face.height_px > limits.max_pixels:
        raise ImageTooLarge(
            f"the portrait has {face.width_px:,} × {face.height_px:,} pixels; at most {limits.max_pixels:,} are decoded"
        )
    data = face.data
    if face.format == "jpeg2000":
        data = jpeg2000.codestream(data)
        jpeg2000.check(data)
    image = Photo(data, limits=limits).decode()
    if sorted(image.original_size_px) != sorted((face.width_px, face.height_px)):  # EXIF may turn a JPEG
        raise DamagedImage("the portrait has another size than its header states")
    return image


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height by the frame header (ITU-T T.81, B.2.2). Raises ChipMalformed."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xFF:  # fill before a marker
            at += 1
            continue
        if marker in _FRAMES:
            height, width = int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 7 : at + 9], "big")
            if not width or not height:
                break
            return width, height
        if marker in _NO_SEGMENTS or length < 2:
            break
        at += 2 + length
    raise ChipMalformed("the JPEG picture of a face record states no size")
