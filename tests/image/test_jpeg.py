"""The fast way to a JPEG's pixels gives Pillow's, or leaves them to Pillow."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageCms
from PIL.JpegImagePlugin import JpegImageFile

from tests.conftest import pixels
from visavis.errors import DamagedImage, TruncatedImage
from visavis.image import Photo, jpeg

SOURCE = np.ascontiguousarray(pixels("P003", "studio_portrait", 400)[:395, :261])


def encoded(picture: PillowImage.Image, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", **options)
    return out.getvalue()


def opened(data: bytes) -> JpegImageFile:
    picture = PillowImage.open(io.BytesIO(data))
    assert isinstance(picture, JpegImageFile)
    return picture


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"quality": 30},
        {"subsampling": "4:4:4"},
        {"subsampling": "4:2:2"},
        {"subsampling": "4:2:0", "quality": 97},
        {"progressive": True},
        {"progressive": True, "optimize": True, "subsampling": "4:4:4"},
        {"restart_marker_rows": 1},
        {"keep_rgb": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("reduction", [1, 2, 4, 8])
def test_pixels_are_pillows(options: dict[str, object], reduction: int) -> None:
    data = encoded(PillowImage.fromarray(SOURCE), **options)
    picture = opened(data)
    picture.draft(None, (261 // reduction, 395 // reduction))
    got = jpeg.decode(data, picture, 1)
    assert got is not None
    np.testing.assert_array_equal(got, np.asarray(picture))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turns_are_pillows(orientation: int, monkeypatch: pytest.MonkeyPatch) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    photo = encoded(PillowImage.fromarray(SOURCE[:392, :256]), exif=exif)
    fast = {side: Photo(photo).decode(side).pixels for side in (392, 196)}
    monkeypatch.setattr(jpeg, "decode", lambda *_: None)
    for side, got in fast.items():
        np.testing.assert_array_equal(got, Photo(photo).decode(side).pixels)


@pytest.mark.parametrize("convert", [lambda p: p.convert("L"), lambda p: p.convert("CMYK")], ids=["L", "CMYK"])
def test_other_modes_are_left_to_pillow(convert: Callable[[PillowImage.Image], PillowImage.Image]) -> None:
    data = encoded(convert(PillowImage.fromarray(SOURCE)))
    assert jpeg.decode(data, opened(data), 1) is None
    assert Photo(data).decode().pixels.shape == SOURCE.shape


def test_profiles_other_than_srgb_are_left_to_pillow() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    other = srgb.replace("sRGB".encode("utf-16-be"), "P3  ".encode("utf-16-be")).replace(
        b"sRGB built-in", b"P3   built-in"
    )
    for profile, fast in ((srgb, True), (other, False), (b"damaged", False)):
        data = encoded(PillowImage.fromarray(SOURCE), icc_profile=profile)
        assert (jpeg.decode(data, opened(data), 1) is not None) == fast


def test_what_decodes_with_a_warning_is_left_to_pillow() -> None:
    """And is refused by it, or taken, as it judges."""
    whole = encoded(PillowImage.fromarray(SOURCE), quality=90)
    cut = whole[: len(whole) * 2 // 3]
    assert jpeg.decode(cut, opened(cut), 1) is None
    with pytest.raises(TruncatedImage):
        Photo(cut).decode()
    middle = len(whole) // 2
    odd = whole[:middle] + b"\xff\xd0" * 4 + whole[middle:]
    assert jpeg.decode(odd, opened(odd), 1) is None


def test_scans_are_counted() -> None:
    jpeg.refuse_scans(b"\xff\xda" * 100)
    with pytest.raises(DamagedImage, match="scans"):
        jpeg.refuse_scans(b"\xff\xda" * 101)
