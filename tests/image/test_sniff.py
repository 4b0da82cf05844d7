"""What a file is, by its first bytes alone."""

import io
import zipfile

import pytest

from tests.conftest import encoded, pixels
from visavis.errors import EmptyImage, UnsupportedImage
from visavis.image import FORMATS, ImageFormat, sniff

GIF = encoded(pixels("P001", "studio_portrait", 32), "GIF")


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("photo.jpg", b"not one")
    return out.getvalue()


@pytest.mark.parametrize("image_format", FORMATS)
def test_knows_each_format(image_format: ImageFormat) -> None:
    assert sniff(encoded(pixels("P001", "studio_portrait", 32), image_format)) == image_format


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"MM\x00*\x00\x00\x00\x08", "TIFF"),
        (b"\xff\x4f\xff\x51\x00\x2f", "JPEG2000"),
        (b"\x00\x00\x00\x14ftypheix\x00\x00\x00\x00mif1", "HEIF"),
        (b"\x00\x00\x00\x14ftypmif1\x00\x00\x00\x00heic", "HEIF"),
        (b"\x00\x00\x00\x10ftypmif1\x00\x00\x00\x00", "HEIF"),
        (b"\x00\x00\x00\x14ftypmsf1\x00\x00\x00\x00hevc", "HEIF"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1avif", "AVIF"),
        (b"\x00\x00\x00\x14ftypavis\x00\x00\x00\x00msf1", "AVIF"),
        (b"\x00\x00\x00\x14ftypXXXX\x00\x00\x00\x00avif", "AVIF"),
    ],
)
def test_knows_the_variants_of_a_format(head: bytes, expected: ImageFormat) -> None:
    assert sniff(head + bytes(64)) == expected


def test_brands_are_read_from_their_box_alone() -> None:
    with pytest.raises(UnsupportedImage, match="MP4 family"):
        sniff(b"\x00\x00\x00\x10ftypisom\x00\x00\x00\x00avifheic")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF document"),
        (GIF, "a GIF image"),
        (archive(), "a ZIP archive or an office document"),
        (b"\x1f\x8b\x08\x00", "a gzip archive"),
        (b"\x1aE\xdf\xa3\x9f", "a Matroska or WebM video"),
        (b"8BPS\x00\x01", "a Photoshop document"),
        (b"\x00\x00\x01\x00\x01\x00", "an icon"),
        (b"II+\x00\x08\x00", "a BigTIFF image"),
        (b"MM\x00+\x00\x08", "a BigTIFF image"),
        (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41", "a video or another file of the MP4 family"),
        (b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00qt  ", "a video or another file of the MP4 family"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "a web page"),
        (b"\xef\xbb\xbf \r\n<HTML><head>", "a web page"),
        (b'<?xml version="1.0"?><svg/>', "an XML or SVG document"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an XML or SVG document"),
        (b'{"error": "not found"}', "text"),
        ("Grüße".encode(), "text"),
        (b"RIFF\x24\x08\x00\x00WAVEfmt ", "of an unknown kind"),
        (bytes(64), "of an unknown kind"),
    ],
)
def test_names_what_else_it_is_and_what_would_do(data: bytes, name: str) -> None:
    with pytest.raises(
        UnsupportedImage, match=rf"^the file is {name}; expected a photo as JPEG, PNG, WEBP, HEIF, "
    ) as caught:
        sniff(data)
    assert caught.value.code == "image_unsupported"


def test_an_empty_file_is_named_so() -> None:
    with pytest.raises(EmptyImage, match="the file is empty") as caught:
        sniff(b"")
    assert caught.value.code == "image_empty"
