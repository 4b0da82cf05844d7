"""Bit depths, palettes, transparency, CMYK and colour profiles, all to 8-bit sRGB."""

import io
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageCms

from tests.conftest import encoded, pixels
from visavis.image import ImageFormat, Photo
from visavis.image.colour import to_srgb

SOURCE = PillowImage.fromarray(pixels("P001", "amateur_selfie", 200))
GREY = SOURCE.convert("L")
MATRIX_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
"""XYZ under D50 of Display P3's red, green and blue (ICC registry, display-p3.icc)."""
MATRIX_SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))


def profile(matrix: tuple[tuple[float, float, float], ...], gamma: float = 2.2) -> bytes:
    """A matrix profile (ICC.1:2010, 8.3.3) with these colorants and one gamma."""
    white = (0.96420, 1.0, 0.82491)
    xyz = [b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values)) for values in (white, *matrix)]
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = [(b"desc", b"desc\0\0\0\0\0\0\0\5test\0" + bytes(79)), (b"cprt", b"text\0\0\0\0none\0\0\0\0")]
    tags += list(zip((b"wtpt", b"rXYZ", b"gXYZ", b"bXYZ"), xyz, strict=True))
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    table, body = struct.pack(">I", len(tags)), b""
    for name, value in tags:
        table += name + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    size = 128 + len(table) + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"test", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += struct.pack(">3i", *(round(v * 65536) for v in white)) + bytes(48)
    return head + table + body


SWAPPED = profile((MATRIX_SRGB[2], MATRIX_SRGB[1], MATRIX_SRGB[0]))
"""sRGB whose red and blue are each other's: applying it swaps the channels."""


def decoded(picture: PillowImage.Image, image_format: ImageFormat, **options: object) -> NDArray[np.int16]:
    return Photo(encoded(picture, image_format, **options)).decode().pixels.astype(np.int16)


def near(got: NDArray[np.int16], picture: PillowImage.Image, tolerance: float) -> bool:
    """Whether the mean absolute difference of 8-bit values is at most `tolerance`."""
    expected = np.asarray(picture.convert("RGB")).astype(np.int16)
    return got.shape == expected.shape and float(np.abs(got - expected).mean()) <= tolerance


# --- depths and modes -------------------------------------------------------------------------------------------------


def deep(scale: int = 257) -> PillowImage.Image:
    return PillowImage.fromarray(np.asarray(GREY).astype(np.uint16) * np.uint16(scale))


@pytest.mark.parametrize(
    ("picture", "image_format", "options", "expected", "tolerance"),
    [
        pytest.param(GREY, "JPEG", {"quality": 95}, GREY, 2, id="jpeg grey"),
        pytest.param(SOURCE.convert("CMYK"), "JPEG", {"quality": 95}, SOURCE, 4, id="jpeg cmyk"),
        pytest.param(GREY, "PNG", {}, GREY, 0, id="png grey"),
        pytest.param(deep(), "PNG", {}, GREY, 0, id="png grey 16 bits"),
        pytest.param(deep(64), "PNG", {}, GREY.point(lambda v: round(v * 64 / 257)), 0.5, id="png grey 16 bits, dark"),
        pytest.param(SOURCE.quantize(256), "PNG", {}, SOURCE.quantize(256), 0, id="png palette"),
        pytest.param(SOURCE.quantize(16), "PNG", {"bits": 4}, SOURCE.quantize(16), 0, id="png palette 4 bits"),
        pytest.param(SOURCE.convert("1"), "PNG", {}, SOURCE.convert("1"), 0, id="png bilevel"),
        pytest.param(SOURCE.convert("RGBA"), "PNG", {}, SOURCE, 0, id="png opaque alpha"),
        pytest.param(GREY.convert("LA"), "PNG", {}, GREY, 0, id="png grey, opaque alpha"),
        pytest.param(SOURCE.quantize(256), "BMP", {}, SOURCE.quantize(256), 0, id="bmp palette"),
        pytest.param(SOURCE.convert("1"), "BMP", {}, SOURCE.convert("1"), 0, id="bmp bilevel"),
        pytest.param(SOURCE.convert("RGBA"), "BMP", {}, SOURCE, 0, id="bmp 32 bits"),
        pytest.param(GREY, "JPEG2000", {}, GREY, 0, id="jpeg 2000 grey"),
        pytest.param(deep(), "JPEG2000", {}, GREY, 0.5, id="jpeg 2000 grey 16 bits"),
        pytest.param(deep(), "TIFF", {}, GREY, 0, id="tiff grey 16 bits"),
        pytest.param(SOURCE.convert("CMYK"), "TIFF", {}, SOURCE, 1, id="tiff cmyk"),
        pytest.param(SOURCE.convert("YCbCr"), "TIFF", {}, SOURCE, 2, id="tiff ycbcr"),
        pytest.param(SOURCE.convert("1"), "TIFF", {"compression": "group4"}, SOURCE.convert("1"), 0, id="tiff fax"),
        pytest.param(GREY.convert("F"), "TIFF", {}, GREY, 0, id="tiff float to 255"),
        pytest.param(GREY.convert("I"), "TIFF", {}, GREY, 0, id="tiff 32 bits to 255"),
        pytest.param(GREY, "WEBP", {"lossless": True}, GREY, 0, id="webp grey"),
        pytest.param(GREY, "HEIF", {"quality": 95}, GREY, 3, id="heif grey"),
        pytest.param(GREY, "AVIF", {"quality": 95}, GREY, 3, id="avif grey"),
    ],
)
def test_every_mode_is_near_its_source(
    picture: PillowImage.Image,
    image_format: ImageFormat,
    options: dict[str, object],
    expected: PillowImage.Image,
    tolerance: float,
) -> None:
    assert near(decoded(picture, image_format, **options), expected, tolerance)


@pytest.mark.parametrize("highest", [1.0, 255.0, 65535.0])
def test_floating_point_is_read_in_the_range_that_its_maximum_tells(highest: float) -> None:
    values = np.asarray(GREY).astype(np.float32)
    values[0, 0] = 255
    picture = PillowImage.fromarray(values * np.float32(highest / 255))
    assert near(decoded(picture, "TIFF"), PillowImage.fromarray(values.astype(np.uint8)), 0.01)


def test_what_is_no_number_is_black() -> None:
    values = np.full((8, 8), 100, dtype=np.float32)
    values[0, :4] = np.nan, np.inf, -np.inf, -5
    got = decoded(PillowImage.fromarray(values), "TIFF")
    assert not got[0, :4].any()
    assert (got[1:] == 100).all()


def test_colour_of_16_bits() -> None:
    header = struct.pack(">IIBBBBB", 4, 1, 16, 2, 0, 0, 0)
    values = np.array([[0, 0, 0], [65535, 0, 32768], [1, 255, 256], [65535, 65535, 65535]], dtype=">u2")

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\0" + values.tobytes())), chunk(b"IEND", b"")
    got = Photo(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode().pixels
    assert np.abs(got[0].astype(int) - values.astype(int) / 257).max() <= 1


# --- transparency -----------------------------------------------------------------------------------------------------


def test_transparency_is_laid_on_white() -> None:
    alpha = np.zeros((2, 4, 4), dtype=np.uint8)
    alpha[:, :, 0] = 200
    alpha[0, :, 3] = 0, 128, 255, 51
    got = decoded(PillowImage.fromarray(alpha), "PNG")
    expected = [[255, 255, 255], [227, 127, 127], [200, 0, 0], [244, 204, 204]]
    assert np.abs(got[0] - expected).max() <= 1
    assert (got[1] == 255).all()


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "HEIF", "AVIF", "TIFF", "JPEG2000"])
def test_every_format_with_alpha_is_laid_on_white(image_format: ImageFormat) -> None:
    picture = SOURCE.convert("RGBA")
    mask = np.full((picture.height, picture.width), 255, dtype=np.uint8)
    mask[: picture.height // 2] = 0
    picture.putalpha(PillowImage.fromarray(mask))
    got = decoded(picture, image_format)
    assert (got[: picture.height // 2 - 8] >= 250).all()
    assert near(got[picture.height // 2 + 8 :], SOURCE.crop((0, picture.height // 2 + 8, *picture.size)), 8)


def test_transparent_greyscale() -> None:
    values = np.array([[[80, 255], [80, 0]]], dtype=np.uint8)
    assert decoded(PillowImage.fromarray(values, "LA"), "PNG")[0].tolist() == [[80] * 3, [255] * 3]


@pytest.mark.parametrize("transparency", [0, bytes([0, 255, 128])])
def test_transparent_palette_entries(transparency: int | bytes) -> None:
    picture = PillowImage.fromarray(np.array([[0, 1, 2]], dtype=np.uint8), "P")
    picture.putpalette([10, 20, 30, 40, 50, 60, 0, 0, 0])
    got = decoded(picture, "PNG", transparency=transparency)[0].tolist()
    assert got[:2] == [[255] * 3, [40, 50, 60]]
    assert got[2] == ([0] * 3 if transparency == 0 else [127] * 3)


@pytest.mark.parametrize(("mode", "key"), [("RGB", (1, 2, 3)), ("L", 7)])
def test_one_transparent_colour(mode: str, key: tuple[int, int, int] | int) -> None:
    picture = PillowImage.new(mode, (2, 1), 0 if mode == "L" else (9, 9, 9))
    picture.putpixel((1, 0), key)
    got = decoded(picture, "PNG", transparency=key)[0]
    assert got[1].tolist() == [255] * 3
    assert (got[0] <= 9).all()


def test_transparent_edges_keep_their_colour_when_reduced() -> None:
    """Averages weigh by alpha: what lies under transparent pixels does not shine through."""
    values = np.zeros((16, 16, 4), dtype=np.uint8)
    values[:, ::2] = 200, 100, 50, 255
    values[:, 1::2] = 0, 255, 0, 0
    reduced = np.asarray(to_srgb(PillowImage.fromarray(values), 8)).astype(int)
    half_white = np.array([200, 100, 50]) / 2 + 255 / 2
    assert np.abs(reduced - half_white).max() <= 2


def test_premultiplied_and_exotic_modes() -> None:
    straight = PillowImage.new("RGBA", (4, 4), (200, 100, 50, 255))
    assert near(np.asarray(to_srgb(straight.convert("RGBa"))).astype(np.int16), straight, 0)
    grey = PillowImage.new("LA", (4, 4), (80, 255))
    assert near(np.asarray(to_srgb(grey.convert("La"))).astype(np.int16), grey, 0)
    assert near(np.asarray(to_srgb(SOURCE.convert("HSV"))).astype(np.int16), SOURCE, 3)
    palette = SOURCE.quantize(16).convert("PA")
    assert near(np.asarray(to_srgb(palette)).astype(np.int16), SOURCE.quantize(16), 0)


# --- profiles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_an_embedded_profile_is_applied(image_format: ImageFormat) -> None:
    options: dict[str, object] = {} if image_format in ("PNG", "TIFF") else {"quality": 95}
    if image_format == "WEBP":
        options = {"lossless": True}
    got = decoded(SOURCE, image_format, icc_profile=SWAPPED, **options)
    red, green, blue = SOURCE.split()
    swapped = PillowImage.merge("RGB", (blue, green, red))
    assert near(got, swapped, 6)
    assert not near(got, SOURCE, 12)


def test_a_profile_of_display_p3_gives_purer_colours() -> None:
    skin = PillowImage.new("RGB", (8, 8), (220, 160, 130))
    got = decoded(skin, "PNG", icc_profile=profile(MATRIX_P3))[0, 0]
    linear = (np.array([220, 160, 130]) / 255) ** 2.2 @ np.array(MATRIX_P3) @ np.linalg.inv(np.array(MATRIX_SRGB))
    expected = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(got - expected).max() <= 2
    assert got[0] > 222


def test_a_profile_is_applied_to_turned_transparent_palette_and_reduced_pictures() -> None:
    red, green, blue = SOURCE.split()
    swapped = PillowImage.merge("RGB", (blue, green, red))
    exif = PillowImage.Exif()
    exif[0x0112] = 3
    turned = SOURCE.transpose(PillowImage.Transpose.ROTATE_180)
    assert near(decoded(turned, "PNG", icc_profile=SWAPPED, exif=exif), swapped, 6)
    assert near(decoded(SOURCE.convert("RGBA"), "PNG", icc_profile=SWAPPED), swapped, 6)
    assert near(decoded(SOURCE.quantize(256), "PNG", icc_profile=SWAPPED), swapped, 12)
    small = Photo(encoded(SOURCE, "PNG", icc_profile=SWAPPED)).decode(50).pixels.astype(np.int16)
    assert near(small, swapped.reduce(4), 6)


def test_a_profile_that_says_srgb_changes_nothing() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert near(decoded(SOURCE, "PNG", icc_profile=srgb), SOURCE, 0)


@pytest.mark.parametrize(
    "damaged",
    [b"no profile at all", SWAPPED[:100], SWAPPED[:300], SWAPPED[:132] + bytes(len(SWAPPED) - 132), bytes(128)],
    ids=["text", "header cut", "tags cut", "tags zeroed", "zeros"],
)
@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
def test_a_damaged_profile_is_ignored(image_format: ImageFormat, damaged: bytes) -> None:
    assert near(decoded(SOURCE, image_format, icc_profile=damaged), SOURCE, 6)


def test_a_profile_of_another_colour_space_is_ignored() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert near(decoded(SOURCE, "PNG", icc_profile=lab), SOURCE, 0)
    assert near(decoded(GREY, "PNG", icc_profile=SWAPPED), GREY, 0)
    assert near(decoded(SOURCE.convert("CMYK"), "JPEG", icc_profile=SWAPPED, quality=95), SOURCE, 6)


def test_the_test_profile_is_a_profile() -> None:
    assert ImageCms.ImageCmsProfile(io.BytesIO(SWAPPED)).profile.xcolor_space == "RGB "
