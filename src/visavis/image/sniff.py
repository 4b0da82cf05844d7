"""What a file is, by its first bytes. Its name is never asked."""

from typing import Literal, get_args

from visavis.errors import EmptyImage, UnsupportedImage

ImageFormat = Literal["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "JPEG2000", "TIFF", "BMP"]
FORMATS: tuple[ImageFormat, ...] = get_args(ImageFormat)

_MAGIC: tuple[tuple[bytes, ImageFormat], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"BM", "BMP"),
)
_BRANDS: dict[bytes, ImageFormat] = {
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"heic": "HEIF",
    b"heix": "HEIF",
    b"heim": "HEIF",
    b"heis": "HEIF",
    b"hevc": "HEIF",
    b"hevx": "HEIF",
    b"mif1": "HEIF",
    b"msf1": "HEIF",
}
_SHARED_BRANDS = (b"mif1", b"msf1")
"""Of HEIF files of any codec: an AVIF may carry them too, even first."""
_OTHERS = (
    (b"%PDF", "a PDF document"),
    (b"GIF8", "a GIF image"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (b"8BPS", "a Photoshop document"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"II+\x00", "a BigTIFF image"),
    (b"MM\x00+", "a BigTIFF image"),
)


def sniff(data: bytes) -> ImageFormat:
    """The image format of the bytes.

    Raises EmptyImage, or UnsupportedImage naming what the bytes seem to be.
    """
    if not data:
        raise EmptyImage("the file is empty; expected a photo")
    for magic, image_format in _MAGIC:
        if data.startswith(magic):
            return image_format
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        box = data[: min(int.from_bytes(data[:4], "big"), 256)]
        brands = (box[8:12], *(box[at : at + 4] for at in range(16, len(box), 4)))
        for brand in sorted(brands, key=_SHARED_BRANDS.__contains__):
            if brand in _BRANDS:
                return _BRANDS[brand]
    raise UnsupportedImage(f"the file is {_other(data)}; expected a photo as {', '.join(FORMATS)}")


def _other(data: bytes) -> str:
    if data[4:8] == b"ftyp":
        return "a video or another file of the MP4 family"
    for magic, name in _OTHERS:
        if data.startswith(magic):
            return name
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    if head.startswith((b"<?xml", b"<svg")):
        return "an XML or SVG document"
    if not any(byte < 9 for byte in data[:512]):
        return "text"
    return "of an unknown kind"
