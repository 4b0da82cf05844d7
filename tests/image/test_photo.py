"""Photos: formats, orientation, scaled decoding, limits, and silence about what they show."""

import io
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from math import ceil
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage

from tests.conftest import LONG, PEOPLE, encoded, person, pixels
from tests.image.headers import png_with_checksums, with_size
from visavis.errors import (
    DamagedImage,
    EmptyImage,
    ImageError,
    ImageTooLarge,
    TruncatedImage,
    UnsupportedImage,
    VisavisError,
)
from visavis.image import DEFAULT_LIMITS, FORMATS, Image, ImageFormat, Limits, Photo
from visavis.image import photo as photo_module
from visavis.verifier import Verifier

SOURCE = pixels("P001", "amateur_selfie", 400)
SIZE_PX = SOURCE.shape[1], SOURCE.shape[0]
ORIENTATIONS = range(1, 9)
TURNABLE: tuple[ImageFormat, ...] = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "HEIF")
TURNED_BACK = {
    2: PillowImage.Transpose.FLIP_LEFT_RIGHT,
    3: PillowImage.Transpose.ROTATE_180,
    4: PillowImage.Transpose.FLIP_TOP_BOTTOM,
    5: PillowImage.Transpose.TRANSPOSE,
    6: PillowImage.Transpose.ROTATE_90,
    7: PillowImage.Transpose.TRANSVERSE,
    8: PillowImage.Transpose.ROTATE_270,
}


def exif_of(orientation: int) -> bytes:
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def turned(upright: NDArray[np.uint8], image_format: str, orientation: int, **options: object) -> bytes:
    """A file that a camera held that way would write: the picture as the sensor saw it, and EXIF that says so."""
    picture = PillowImage.fromarray(upright)
    if orientation > 1:
        picture = picture.transpose(TURNED_BACK[orientation])
    return encoded(picture, image_format, exif=exif_of(orientation), **options)


def difference(got: NDArray[np.uint8], expected: NDArray[np.uint8]) -> float:
    """Mean absolute difference of 8-bit values."""
    assert got.shape == expected.shape
    return float(np.abs(got.astype(np.int16) - expected).mean())


def score(verifier: Verifier, photo: bytes, probe: bytes) -> float:
    comparison = verifier.verify(reference=photo, probe=probe).comparison
    assert comparison is not None
    return comparison.score


# --- formats ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image_format", "options", "tolerance"),
    [
        pytest.param("JPEG", {"quality": 95, "subsampling": 0}, 2, id="jpeg baseline"),
        pytest.param("JPEG", {"quality": 95, "subsampling": 0, "progressive": True}, 2, id="jpeg progressive"),
        pytest.param("PNG", {}, 0, id="png"),
        pytest.param("WEBP", {"quality": 95}, 3, id="webp lossy"),
        pytest.param("WEBP", {"lossless": True}, 0, id="webp lossless"),
        pytest.param("HEIF", {"quality": 95}, 3, id="heif"),
        pytest.param("AVIF", {"quality": 95}, 3, id="avif"),
        pytest.param("JPEG2000", {}, 0, id="jpeg 2000"),
        pytest.param("JPEG2000", {"no_jp2": True}, 0, id="jpeg 2000 codestream"),
        pytest.param("JPEG2000", {"irreversible": True, "quality_layers": [10]}, 6, id="jpeg 2000 lossy"),
        pytest.param("TIFF", {}, 0, id="tiff"),
        pytest.param("TIFF", {"compression": "tiff_lzw"}, 0, id="tiff lzw"),
        pytest.param("TIFF", {"compression": "tiff_adobe_deflate"}, 0, id="tiff deflate"),
        pytest.param("TIFF", {"compression": "jpeg", "quality": 95}, 3, id="tiff jpeg"),
        pytest.param("BMP", {}, 0, id="bmp"),
    ],
)
def test_every_format_decodes_near_its_source(
    image_format: ImageFormat, options: dict[str, object], tolerance: float
) -> None:
    photo = Photo(encoded(SOURCE, image_format, **options))
    image = photo.decode()
    assert (photo.format, photo.size_px, image.format) == (image_format, SIZE_PX, image_format)
    assert (image.original_size_px, image.reduction) == (SIZE_PX, 1)
    assert image.pixels.dtype == np.uint8
    assert image.pixels.flags.c_contiguous
    assert not image.pixels.flags.writeable
    assert difference(image.pixels, SOURCE) <= tolerance


def test_the_first_picture_of_several_is_taken() -> None:
    for image_format in ("MPO", "PNG", "WEBP", "TIFF", "AVIF"):
        second = [PillowImage.new("RGB", SIZE_PX, "red")]
        photo = Photo(encoded(SOURCE, image_format, save_all=True, append_images=second))
        assert difference(photo.decode().pixels, SOURCE) < 6


def test_a_jpeg_in_two_pictures_is_scaled_too() -> None:
    data = encoded(SOURCE, "MPO", save_all=True, append_images=[PillowImage.new("RGB", (8, 8))])
    assert Photo(data).decode(100).pixels.shape == (100, 67, 3)


@pytest.mark.parametrize("quality", [25, 50, 75, 95, 100])
def test_the_quality_setting_of_a_jpeg_is_told(quality: int) -> None:
    compression = Photo(encoded(SOURCE, "JPEG", quality=quality)).decode().compression
    assert compression is not None
    assert abs(compression - quality) <= 1
    assert Photo(encoded(SOURCE, "PNG")).decode().compression is None


def test_junk_behind_the_picture_is_ignored() -> None:
    for image_format in FORMATS:
        assert difference(Photo(encoded(SOURCE, image_format) + b"junk" * 1000).decode().pixels, SOURCE) < 6


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview])
def test_any_bytes_will_do(wrap: Callable[[bytes], bytes | bytearray | memoryview]) -> None:
    assert Photo(wrap(encoded(SOURCE, "PNG"))).size_px == SIZE_PX


def test_one_photo_scores_alike_in_every_format(verifier: Verifier) -> None:
    upright = np.asarray(PillowImage.open(io.BytesIO(person("P001", "amateur_selfie"))).convert("RGB"))
    options: dict[str, dict[str, object]] = {"PNG": {"compress_level": 1}, "AVIF": {"speed": 9}}
    options["JPEG2000"] = {"irreversible": True, "quality_layers": [10]}
    probe = person("P001", "studio_portrait")
    scores = {
        image_format: score(verifier, encoded(upright, image_format, **options.get(image_format, {})), probe)
        for image_format in FORMATS
    }
    assert max(scores.values()) - min(scores.values()) <= 0.03, scores


# --- orientation ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("image_format", TURNABLE)
def test_every_orientation_becomes_upright(image_format: ImageFormat, orientation: int) -> None:
    photo = Photo(turned(SOURCE, image_format, orientation))
    image = photo.decode()
    assert photo.size_px == image.original_size_px == SIZE_PX
    assert difference(image.pixels, SOURCE) <= (0 if image_format in ("PNG", "TIFF") else 6)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("reduction", [2, 4, 8])
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "TIFF"])
def test_reduced_pixels_lie_where_they_say(image_format: str, reduction: int, orientation: int) -> None:
    """Also where the sides are no multiples of the reduction, so that the turned picture has odd pixels at the other end."""
    odd = np.ascontiguousarray(pixels("P001", "amateur_selfie", 1000)[:997, :653])
    options = {"quality": 98, "subsampling": 0} if image_format == "JPEG" else {}
    image = Photo(turned(odd, image_format, orientation, **options)).decode(ceil(997 / reduction) - 1)
    assert image.reduction == reduction
    expected = np.asarray(PillowImage.fromarray(odd).reduce(reduction))
    assert difference(image.pixels, expected) <= (1.5 if image_format == "JPEG" else 0)


@pytest.mark.parametrize("place", ["before", "behind"])
def test_a_png_may_carry_its_exif_before_or_behind_the_pixels(place: str) -> None:
    data = turned(SOURCE, "PNG", 6)
    at = data.index(b"eXIf") - 4
    end = at + 12 + int.from_bytes(data[at : at + 4], "big")
    chunk, rest = data[at:end], data[:at] + data[end:]
    to = rest.index(b"IEND" if place == "behind" else b"IDAT") - 4
    photo = Photo(rest[:to] + chunk + rest[to:])
    assert photo.size_px == SIZE_PX
    assert difference(photo.decode().pixels, SOURCE) == 0


def test_opening_a_png_decodes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("decoded")

    data = encoded(SOURCE, "PNG")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", refuse)
    assert Photo(data).size_px == SIZE_PX


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_none(orientation: int) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    for image_format in ("JPEG", "PNG", "WEBP"):
        assert Photo(encoded(SOURCE, image_format, exif=exif.tobytes())).size_px == SIZE_PX


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("image_format", [f for f in TURNABLE if f != "TIFF"])  # whose directory is the picture's own
def test_damaged_exif_is_ignored(image_format: ImageFormat) -> None:
    """Its header, its directory and its entries, each overwritten in turn; the picture beside them is sound."""
    exif = PillowImage.Exif()
    exif[0x010F], exif[0x0112] = "a maker", 1
    data = encoded(SOURCE, image_format, exif=exif.tobytes())
    at = data.index(b"MM\x00*\x00\x00\x00\x08")
    places = (0, 2, 3, 4, 7, 8, 9, 11, 13, 17, 21, 23, 25, 29, 31)
    for place in places:
        for value in (0x00, 0x7F, 0xFF):
            damaged = bytearray(data)
            damaged[at + place] = value
            if image_format == "PNG":
                damaged[:] = png_with_checksums(bytes(damaged))
            image = Photo(bytes(damaged)).decode()
            assert sorted(image.pixels.shape) == sorted(SOURCE.shape), (place, value)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("cut", [0, 1, 5, 6, 7, 13, 15, 20])
def test_exif_that_ends_early_is_ignored(cut: int) -> None:
    for image_format in ("JPEG", "PNG", "WEBP"):
        photo = Photo(encoded(SOURCE, image_format, exif=b"Exif\0\0" + exif_of(6)[6:][:cut]))
        assert photo.size_px == SIZE_PX


def test_orientation_does_not_change_the_score(verifier: Verifier) -> None:
    """Exactly, where the pixels are the same; odd sides are the hard case."""
    odd = np.ascontiguousarray(pixels("P001", "amateur_selfie", 1600)[3:, 5:])
    probe = person("P001", "studio_portrait")
    scores = {score(verifier, turned(odd, "PNG", o, compress_level=1), probe) for o in ORIENTATIONS}
    assert len(scores) == 1


@pytest.mark.soak
def test_orientation_hardly_changes_the_score_of_a_large_jpeg(verifier: Verifier) -> None:
    """Each orientation is encoded by itself and so has another noise, which moves landmarks a little."""
    for name in PEOPLE if LONG else PEOPLE[:3]:
        upright = np.asarray(PillowImage.open(io.BytesIO(person(name, "amateur_selfie"))).convert("RGB"))
        probe = person(name, "studio_portrait")
        for quality in (75, 90, 95) if LONG else (90,):
            scores = [score(verifier, turned(upright, "JPEG", o, quality=quality), probe) for o in ORIENTATIONS]
            assert max(scores) - min(scores) <= 0.01, f"{name} at quality {quality}"


# --- scaled decoding --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image_format", FORMATS)
@pytest.mark.parametrize("reduction", [1, 2, 4, 8])
def test_reduced_decoding(image_format: ImageFormat, reduction: int) -> None:
    source = np.ascontiguousarray(SOURCE[:395, :261])
    image = Photo(encoded(source, image_format)).decode(395 // reduction)
    assert image.reduction == reduction
    assert image.original_size_px == (261, 395)
    assert image.pixels.shape == (ceil(395 / reduction), ceil(261 / reduction), 3)
    expected = source if reduction == 1 else np.asarray(PillowImage.fromarray(source).reduce(reduction))
    assert difference(image.pixels, expected) <= 6


@pytest.mark.parametrize(
    ("wanted", "reduction"),
    [(None, 1), (100_000, 1), (400, 1), (399, 1), (201, 1), (200, 2), (101, 2), (100, 4), (51, 4), (50, 8), (1, 8)],
)
def test_the_coarsest_sufficient_scale_is_taken(wanted: int | None, reduction: int) -> None:
    for image_format in ("JPEG", "PNG"):
        image = Photo(encoded(SOURCE, image_format)).decode(wanted)
        assert image.reduction == reduction
        assert max(image.pixels.shape) >= min(wanted or 400, 400)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (7, 5), (17, 16), (400, 3), (3, 400)])
def test_tiny_and_narrow_photos(size: tuple[int, int]) -> None:
    picture = PillowImage.new("RGB", size, (200, 100, 50))
    for image_format in FORMATS:
        for wanted in (None, 1):
            image = Photo(encoded(picture, image_format)).decode(wanted)
            width, height = (ceil(side / image.reduction) for side in size)
            assert image.pixels.shape == (height, width, 3)
            assert difference(image.pixels, np.full_like(image.pixels, (200, 100, 50))) <= 6


def test_what_was_decoded_is_kept_and_serves_the_same_request_alone() -> None:
    photo = Photo(encoded(SOURCE, "JPEG"))
    coarse = photo.decode(50)
    finer = photo.decode(200)
    assert (coarse.reduction, finer.reduction) == (8, 2)
    assert photo.decode(50) is coarse
    assert photo.decode(200) is photo.decode(150) is finer
    assert photo.decode() is photo.decode(400) is not finer


def test_eight_threads_decode_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    decode = Photo._decode

    def counted(self: Photo, reduction: photo_module.Reduction) -> Image:
        calls.append(reduction)
        return decode(self, reduction)

    monkeypatch.setattr(Photo, "_decode", counted)
    for image_format in FORMATS:
        calls.clear()
        photo, barrier = Photo(encoded(SOURCE, image_format)), Barrier(8)

        def work(_: int, photo: Photo = photo, barrier: Barrier = barrier) -> Image:
            barrier.wait(10)
            return photo.decode()

        with ThreadPoolExecutor(8) as pool:
            images = list(pool.map(work, range(8)))
        assert calls == [1]
        assert len({id(image) for image in images}) == 1


def test_eight_threads_at_different_scales_and_photos() -> None:
    photos = {image_format: Photo(encoded(SOURCE, image_format)) for image_format in FORMATS}
    expected = {(f, r): Photo(encoded(SOURCE, f)).decode(400 // r).pixels.mean() for f in FORMATS for r in (1, 2, 4, 8)}

    def work(number: int) -> bool:
        image_format, reduction = FORMATS[number % 8], (8, 4, 2, 1)[number % 4]
        image = photos[image_format].decode(400 // reduction)
        fresh = Photo(encoded(SOURCE, "PNG")).decode()
        return (
            image.reduction == reduction
            and image.pixels.mean() == expected[image_format, image.reduction]
            and difference(fresh.pixels, SOURCE) == 0
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(128)))


# --- limits and faults ------------------------------------------------------------------------------------------------


def test_too_many_bytes() -> None:
    data = encoded(SOURCE, "PNG")
    assert Photo(data, limits=Limits(max_bytes=len(data))).size_px == SIZE_PX
    for source in (data, bytearray(data), memoryview(data)):
        with pytest.raises(ImageTooLarge, match="at most"):
            Photo(source, limits=Limits(max_bytes=len(data) - 1))
    wide = np.zeros((2, 64), dtype=np.float64).data
    with pytest.raises(ImageTooLarge, match="1,024 bytes"):
        Photo(wide, limits=Limits(max_bytes=1023))


def test_the_default_limits() -> None:
    assert Limits(32 * 1024 * 1024, 64_000_000) == DEFAULT_LIMITS
    with pytest.raises(ImageTooLarge, match="33,554,433 bytes; at most 33,554,432"):
        Photo(bytes(DEFAULT_LIMITS.max_bytes + 1))


@pytest.mark.parametrize("image_format", FORMATS)
def test_too_many_pixels(image_format: ImageFormat) -> None:
    data = encoded(SOURCE, image_format)
    assert Photo(data, limits=Limits(max_pixels=SOURCE.size // 3)).size_px == SIZE_PX
    with pytest.raises(ImageTooLarge, match="268 × 400 pixels; at most 107,199") as caught:
        Photo(data, limits=Limits(max_pixels=SOURCE.size // 3 - 1))
    assert caught.value.code == "image_too_large"


def test_too_many_pixels_of_an_array() -> None:
    with pytest.raises(ImageTooLarge):
        Photo(SOURCE, limits=Limits(max_pixels=SOURCE.size // 3 - 1))


HUGE = """
import resource, sys, warnings
from pathlib import Path
from visavis.errors import VisavisError
from visavis.image import Photo
import PIL.AvifImagePlugin, PIL.BmpImagePlugin, PIL.Jpeg2KImagePlugin, PIL.JpegImagePlugin, PIL.PngImagePlugin
import PIL.TiffImagePlugin, PIL.WebPImagePlugin
warnings.simplefilter("ignore")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
for path in sys.argv[1:]:
    try:
        Photo(Path(path).read_bytes()).decode()
        print("accepted")
    except VisavisError as error:
        print(error.code)
print((peak() - before) // 1024)
"""


def test_huge_headers_are_refused_before_anything_is_decoded(tmp_path: Path) -> None:
    """By name where the header can say so, and in any case without memory. (HEIF states its size in the coded picture.)"""
    small = np.ascontiguousarray(SOURCE[:64, :64])
    files = [
        (encoded(small, image_format, **options), side)
        for image_format, options, side in (
            ("JPEG", {}, 30_000),
            ("JPEG", {"progressive": True}, 65_535),
            ("PNG", {}, 30_000),
            ("PNG", {}, 2_000_000_000),
            ("PNG", {"exif": exif_of(6)}, 30_000),
            ("BMP", {}, 30_000),
            ("TIFF", {}, 30_000),
            ("TIFF", {"compression": "tiff_lzw"}, 30_000),
            ("WEBP", {}, 16_383),
            ("WEBP", {"lossless": True}, 16_383),
            ("WEBP", {"exif": exif_of(1)}, 30_000),
            ("JPEG2000", {}, 30_000),
            ("JPEG2000", {"no_jp2": True}, 30_000),
            ("AVIF", {}, 16_000),
            ("AVIF", {}, 30_000),
        )
    ]
    paths = [tmp_path / str(number) for number in range(len(files))]
    for path, (data, side) in zip(paths, files, strict=True):
        path.write_bytes(with_size(data, side, side))
    done = subprocess.run([sys.executable, "-c", HUGE, *map(str, paths)], capture_output=True, text=True, check=True)
    *codes, grown_mib = done.stdout.split()
    # at 30,000 × 30,000 the AVIF decoder's own limit comes first, and does not say what it is
    assert codes == ["image_too_large"] * (len(files) - 1) + ["image_damaged"]
    assert int(grown_mib) < 16


def test_just_over_the_limit_is_refused_on_the_header() -> None:
    for image_format in set(FORMATS) - {"HEIF"}:
        data = with_size(encoded(np.ascontiguousarray(SOURCE[:64, :64]), image_format), 8_001, 8_000)
        with pytest.raises(ImageTooLarge, match="8,001 × 8,000 pixels; at most 64,000,000"):
            Photo(data)


@pytest.mark.parametrize("error", [MemoryError(), PillowImage.DecompressionBombWarning()])
def test_no_memory_is_too_large(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object) -> None:
        raise error

    photo = Photo(encoded(SOURCE, "PNG"))
    monkeypatch.setattr(photo_module, "to_srgb", fail)
    with pytest.raises(ImageTooLarge):
        photo.decode()


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("image_format", FORMATS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_a_file_that_is_cut_off_is_named_so(image_format: ImageFormat, share: float) -> None:
    data = encoded(SOURCE, image_format)
    with pytest.raises(TruncatedImage, match=f"the {image_format} file ends before its picture does") as caught:
        Photo(data[: max(16, int(len(data) * share))]).decode()
    assert caught.value.code == "image_truncated"


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("image_format", FORMATS)
def test_a_head_without_a_picture_is_an_image_error(image_format: ImageFormat) -> None:
    data = encoded(SOURCE, image_format)
    for length in (*range(1, 64), 100, 200):
        with pytest.raises(ImageError):
            Photo(data[:length]).decode()


def test_damage_is_named_so() -> None:
    for image_format in ("PNG", "HEIF", "AVIF", "JPEG2000"):
        data = encoded(SOURCE, image_format)
        middle = len(data) // 3
        with pytest.raises(DamagedImage, match="damaged and cannot be decoded") as caught:
            Photo(data[:32] + bytes(middle) + data[32 + middle :]).decode()
        assert caught.value.code == "image_damaged"


def test_boxes_that_lie_about_their_length() -> None:
    long = bytearray(encoded(SOURCE, "HEIF"))
    at = long.index(b"mdat") - 4
    long[at : at + 4] = (1).to_bytes(4, "big")  # the length follows in eight bytes, which are the picture's here
    with pytest.raises(TruncatedImage):
        Photo(bytes(long[:-1000])).decode()
    open_end = bytearray(encoded(SOURCE, "JPEG2000"))
    at = open_end.index(b"jp2c") - 4
    open_end[at : at + 4] = bytes(4)  # to the end of the file
    assert difference(Photo(bytes(open_end)).decode().pixels, SOURCE) == 0
    with pytest.raises(DamagedImage):
        Photo(bytes(open_end[:-5000])).decode()


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (b"", EmptyImage),
        (bytearray(), EmptyImage),
        (b"<html></html>", UnsupportedImage),
        (b"%PDF-1.4", UnsupportedImage),
        (np.zeros((4, 4), dtype=np.uint8), UnsupportedImage),
        (np.zeros((4, 4, 4), dtype=np.uint8), UnsupportedImage),
        (np.zeros((1, 4, 4, 3), dtype=np.uint8), UnsupportedImage),
        (np.zeros((0, 4, 3), dtype=np.uint8), UnsupportedImage),
        (np.zeros((4, 4, 3), dtype=np.float32), UnsupportedImage),
        (np.zeros((4, 4, 3), dtype=np.int8), UnsupportedImage),
        (np.array(7, dtype=np.uint8), UnsupportedImage),
        ("photo.jpg", UnsupportedImage),
        (Path("photo.jpg"), UnsupportedImage),
        (None, UnsupportedImage),
    ],
)
def test_what_is_no_photo(source: object, error: type[VisavisError]) -> None:
    with pytest.raises(error):
        Photo(source)  # type: ignore[arg-type]


# --- arrays and values ------------------------------------------------------------------------------------------------


def test_an_array_is_copied() -> None:
    source = SOURCE.copy()
    photo = Photo(source)
    source[:] = 0
    image = photo.decode(10)
    assert (photo.format, photo.size_px, image.format, image.compression) == (None, SIZE_PX, None, None)
    assert (image.reduction, image.original_size_px) == (1, SIZE_PX)
    assert difference(image.pixels, SOURCE) == 0
    assert source.flags.writeable
    assert not image.pixels.flags.writeable


def test_an_array_in_any_order_of_memory() -> None:
    flipped = SOURCE[:, ::-1]
    assert difference(Photo(flipped).decode().pixels, flipped) == 0


def test_an_image_is_frozen() -> None:
    image = Photo(SOURCE).decode()
    with pytest.raises(ValueError, match="read-only"):
        image.pixels[0, 0] = 0
    with pytest.raises(FrozenInstanceError):
        image.reduction = 2  # type: ignore[misc]


def test_photos_and_images_are_silent() -> None:
    photo = Photo(encoded(SOURCE, "JPEG"))
    assert (repr(photo), repr(photo.decode())) == ("<Photo JPEG>", "<Image JPEG>")
    assert (repr(Photo(SOURCE)), repr(Photo(SOURCE).decode())) == ("<Photo array>", "<Image array>")
    assert str(photo) == "<Photo JPEG>"


def test_errors_hold_no_contents() -> None:
    data = encoded(SOURCE, "PNG", exif=exif_of(1))[:-20_000]
    with pytest.raises(TruncatedImage) as caught:
        Photo(data).decode()
    assert str(caught.value) == "the PNG file ends before its picture does; send the whole file"


def test_a_jpeg_of_very_many_scans_is_refused_before_it_is_decoded() -> None:
    """Each scan makes the decoder pass over the whole picture: a few bytes a scan would buy a second of work."""
    data = encoded(SOURCE, "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    scan = data[last : data.rindex(b"\xff\xd9")]
    assert Photo(data[:last] + 3 * scan + b"\xff\xd9").decode().pixels.size
    with pytest.raises(DamagedImage, match="scans"):
        Photo(data[:last] + 150 * scan + b"\xff\xd9")
