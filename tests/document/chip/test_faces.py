from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as PillowImage

from tests.conftest import encoded, pixels
from tests.document.chip.writing import (
    FACE_19794,
    FACE_39794,
    asn_record,
    binary_record,
    dg2,
    dg2_of,
    template,
    tlv,
)
from visavis.document.chip import jpeg2000
from visavis.document.chip.faces import read_face
from visavis.document.chip.portrait import FACE_LIMITS, FaceImage, decode_face
from visavis.errors import ChipMalformed, DamagedImage, ImageError, ImageTooLarge, VisavisError
from visavis.image import Limits

FILES = ("jpeg", "progressive", "grey jpeg", "jp2", "codestream", "grey codestream")
ENCODINGS = (FACE_19794, FACE_39794)


def portrait() -> NDArray[np.uint8]:
    return pixels("P001", "studio_portrait", 160)[:, 20:140]


@cache
def picture(name: str) -> bytes:
    colours = PillowImage.fromarray(portrait())
    grey = colours.convert("L")
    lossy: dict[str, object] = {"irreversible": True, "quality_mode": "rates", "quality_layers": [20]}
    return {
        "jpeg": lambda: encoded(colours, "JPEG", quality=90),
        "progressive": lambda: encoded(colours, "JPEG", quality=90, progressive=True),
        "grey jpeg": lambda: encoded(grey, "JPEG", quality=90),
        "jp2": lambda: encoded(colours, "JPEG2000", **lossy),
        "codestream": lambda: encoded(colours, "JPEG2000", no_jp2=True, **lossy),
        "grey codestream": lambda: encoded(grey, "JPEG2000", no_jp2=True, **lossy | {"quality_layers": [10]}),
    }[name]()


def codestream(**options: object) -> bytes:
    """JPEG 2000 of the same portrait as its writer is told."""
    return encoded(PillowImage.fromarray(portrait()), "JPEG2000", no_jp2=True, **options)


def patched(data: bytes, marker: bytes, offset: int, value: bytes) -> bytes:
    """Other bytes so far behind a marker."""
    at = data.index(marker) + offset
    return data[:at] + value + data[at + len(value) :]


SIZ, COD, SOT = b"\xff\x51", b"\xff\x52", b"\xff\x90"


@contextmanager
def refused(error: type[ImageError], reason: str | None = None) -> Iterator[None]:
    with pytest.raises(error, match=reason) as caught:
        yield
    assert caught.type is error


class TestReading:
    @pytest.mark.parametrize("encoding", ENCODINGS)
    @pytest.mark.parametrize("name", FILES)
    def test_a_portrait_of_each_kind_in_each_encoding(self, name: str, encoding: str) -> None:
        face = read_face(dg2(picture(name), encoding=encoding))
        assert face.format == ("jpeg" if "jpeg" in name or name == "progressive" else "jpeg2000")
        assert (face.data, face.width_px, face.height_px) == (picture(name), 120, 160)
        image = decode_face(face)
        assert image.pixels.shape == (160, 120, 3)
        assert image.format == face.format.upper()
        expected = (
            portrait() if "grey" not in name else np.asarray(PillowImage.fromarray(portrait()).convert("L"))[..., None]
        )
        assert np.abs(image.pixels.astype(np.int16) - expected).mean() < 4

    def test_the_first_of_several_whatever_the_others_are(self) -> None:
        files = [dg2(picture("jp2"), picture("jpeg"), encoding=each) for each in ENCODINGS]
        files.append(dg2_of(template(binary_record(picture("jp2"), picture("jpeg")))))
        files.append(dg2_of(template(asn_record(picture("jp2"))), template(b"no record")))
        files.append(dg2_of(template(binary_record(picture("jp2"), b""))))
        for data in files:
            assert read_face(data).data == picture("jp2")

    @pytest.mark.parametrize("constructed", [True, False])
    @pytest.mark.parametrize("encoding", ENCODINGS)
    def test_either_tag_round_either_record(self, encoding: str, constructed: bool) -> None:
        record = (binary_record if encoding == FACE_19794 else asn_record)(picture("jpeg"))
        face = read_face(dg2_of(template(record, constructed=constructed)))
        assert face.data == picture("jpeg")

    def test_feature_points_are_stepped_over(self) -> None:
        face = read_face(dg2_of(template(binary_record(picture("jp2"), points=9))))
        assert face.data == picture("jp2")

    def test_a_length_that_leaves_two_words_out_is_taken(self) -> None:
        face = read_face(dg2_of(template(binary_record(picture("jp2"), uncounted=8))))
        assert face.data == picture("jp2")

    def test_whatever_is_optional_in_39794(self) -> None:
        face = read_face(dg2_of(template(asn_record(picture("jp2"), optional=True), constructed=True)))
        assert face.data == picture("jp2")

    @pytest.mark.parametrize("code", [2, 3, 4])
    def test_the_first_bytes_say_which_format_it_is(self, code: int) -> None:
        for name in ("jpeg", "codestream"):
            face = read_face(dg2_of(template(asn_record(picture(name), code=code))))
            assert decode_face(face).format == ("JPEG" if name == "jpeg" else "JPEG2000")

    def test_a_jpeg_is_turned_as_its_exif_says(self) -> None:
        exif = PillowImage.Exif()
        exif[0x0112] = 6
        face = read_face(dg2(encoded(portrait(), "JPEG", exif=exif.tobytes())))
        assert (face.width_px, face.height_px) == (120, 160)
        assert decode_face(face).pixels.shape == (120, 160, 3)

    def test_it_must_have_the_size_by_which_it_was_let_in(self) -> None:
        for name in ("jpeg", "jp2"):
            face = FaceImage.of(picture(name))
            with refused(DamagedImage, "another size"):
                decode_face(replace(face, width_px=119))

    def test_it_is_silent(self) -> None:
        face = read_face(dg2(picture("jp2")))
        assert repr(face).startswith("<visavis.document.chip.portrait.FaceImage object")


GOOD = picture("jpeg")
RECORD = binary_record(GOOD)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(tlv(0x61, dg2(GOOD)[4:]), "expected the element 75", id="another file"),
        pytest.param(tlv(0x75), "one group of biometric templates", id="no group"),
        pytest.param(tlv(0x75, tlv(0x7F61), tlv(0x7F61)), "one group of biometric templates", id="two groups"),
        pytest.param(tlv(0x75, tlv(0x7F61)), "as many templates", id="an empty group"),
        pytest.param(dg2_of(), "as many templates", id="no template"),
        pytest.param(dg2_of(template(RECORD), count=2), "as many templates", id="fewer than it says"),
        pytest.param(dg2_of(template(RECORD), template(RECORD), count=1), "as many templates", id="more than it says"),
        pytest.param(dg2_of(*[template(RECORD)] * 10), "more than it may have", id="ten templates"),
        pytest.param(dg2_of(*[tlv(0x7F60)] * 300, count=44), "more than it may have", id="three hundred templates"),
        pytest.param(dg2_of(tlv(0x7F60)), "a header and one record", id="an empty template"),
        pytest.param(dg2_of(tlv(0x7F60, tlv(0xA1))), "a header and one record", id="no record"),
        pytest.param(dg2_of(tlv(0x7F60, tlv(0x5F2E, RECORD))), "a header and one record", id="no header"),
        pytest.param(
            dg2_of(tlv(0x7F60, tlv(0xA1), tlv(0x5F2E, RECORD), tlv(0x5F2E, RECORD))),
            "a header and one record",
            id="two records",
        ),
        pytest.param(
            dg2_of(tlv(0x7F61, tlv(0xA1), tlv(0x5F2E, RECORD))), "a header and one record", id="no template's tag"
        ),
        pytest.param(
            dg2_of(tlv(0x7F60, tlv(0xA1), tlv(0x7F4C, RECORD))), "a header and one record", id="no record's tag"
        ),
        pytest.param(dg2_of(template(b"")), "an element is missing", id="an empty record"),
        pytest.param(dg2_of(template(b"FIR\0" + RECORD[4:])), "expected the element A1", id="a record of fingers"),
    ],
)
def test_what_is_no_dg2_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ChipMalformed, match=reason):
        read_face(data)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        pytest.param(RECORD[:13], "another length", id="cut in its header"),
        pytest.param(RECORD[:-1], "another length", id="cut at its end"),
        pytest.param(RECORD + b"\0", "another length", id="more than its length"),
        pytest.param(binary_record(GOOD, version=b"030\0"), "another version", id="of the edition of 2011"),
        pytest.param(binary_record(), "holds no image", id="no image"),
        pytest.param(binary_record(*[GOOD] * 17), "more than 16", id="seventeen images"),
        pytest.param(RECORD[:14] + b"\xff\xff\xff\xff" + RECORD[18:], "longer than the record", id="an endless image"),
        pytest.param(RECORD[:14] + bytes(4) + RECORD[18:], "or empty", id="an image of no length"),
        pytest.param(RECORD[:18] + b"\xff\xff" + RECORD[20:], "or empty", id="no room for its points"),
        pytest.param(binary_record(b""), "or empty", id="no picture"),
        pytest.param(RECORD[:35] + b"\2" + RECORD[36:], "neither JPEG nor JPEG 2000", id="another data type"),
    ],
)  # fmt: skip
def test_what_breaks_19794_5_is_refused(record: bytes, reason: str) -> None:
    with pytest.raises(ChipMalformed, match=reason):
        read_face(dg2_of(template(record)))


def nested(*tags: int, value: bytes) -> bytes:
    for tag in reversed(tags):
        value = tlv(tag, value)
    return value


FLAT = tlv(0x80, GOOD)
INFORMATION = nested(0xA1, 0xA0, 0x80, value=b"\2")
TO_BLOCKS = (0xA1, 0x65, 0xA1)
TO_FLAT = (*TO_BLOCKS, 0x30, 0xA1, 0xA0, 0xA0)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        pytest.param(asn_record(GOOD) + b"\0", "1 bytes follow", id="something behind it"),
        pytest.param(tlv(0xA1), "lacks the element 65", id="no block"),
        pytest.param(tlv(0x65), "expected the element A1", id="no record"),
        pytest.param(nested(0xA1, 0x65, value=tlv(0xA0)), "lacks the element A1", id="no representations"),
        pytest.param(nested(*TO_BLOCKS, value=b""), "another number of representations", id="an empty list of them"),
        pytest.param(nested(*TO_BLOCKS, value=tlv(0x30) * 2), "another number of representations", id="two of them"),
        pytest.param(nested(*TO_BLOCKS, 0x30, value=tlv(0x80)), "lacks the element A1", id="no image"),
        pytest.param(nested(*TO_BLOCKS, 0x30, 0xA1, value=tlv(0xA1)), "lacks the element A0", id="an extension of it"),
        pytest.param(nested(*TO_FLAT[:-1], value=tlv(0xA1)), "lacks the element A0", id="a shape in three dimensions"),
        pytest.param(nested(*TO_FLAT, value=INFORMATION), "lacks the element 80", id="no picture"),
        pytest.param(nested(*TO_FLAT, value=FLAT), "lacks the element A1", id="no information"),
        pytest.param(nested(*TO_FLAT, value=FLAT + FLAT + INFORMATION), "a tag comes twice", id="two pictures"),
        pytest.param(nested(*TO_FLAT, value=FLAT + nested(0xA1, 0xA0, value=tlv(0xA1))), "lacks", id="no format"),
        pytest.param(asn_record(GOOD, code=5), "neither JPEG nor JPEG 2000", id="a PNG"),
        pytest.param(asn_record(b"", code=2), "can't be read", id="an empty picture"),
    ],
)
def test_what_breaks_39794_5_is_refused(record: bytes, reason: str) -> None:
    with pytest.raises(ChipMalformed, match=reason):
        read_face(dg2_of(template(record)))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "TIFF", "BMP", "AVIF", "GIF", "PPM"])
def test_pictures_of_other_formats_are_refused(image_format: str, encoding: str) -> None:
    with pytest.raises(ChipMalformed, match="can't be read"):
        read_face(dg2(encoded(portrait(), image_format), encoding=encoding))


@pytest.mark.parametrize("start", [b"\xff\xd8\xff", jpeg2000.CODESTREAM_START, jpeg2000.JP2_START])
@pytest.mark.parametrize("image_format", ["PNG", "TIFF", "BMP", "GIF", "PPM"])
def test_no_decoder_looks_for_another_format_than_the_first_bytes_say(start: bytes, image_format: str) -> None:
    """Neither behind those bytes nor written over by them."""
    other = encoded(portrait(), image_format)
    for data in (start + other, start + other[len(start) :]):
        with pytest.raises(VisavisError):
            read_face(dg2(data))
        face = FaceImage("jpeg" if start == b"\xff\xd8\xff" else "jpeg2000", data, 120, 160)
        with pytest.raises(ImageError):
            decode_face(face)


class TestJpeg:
    @pytest.mark.parametrize("end", [3, 4, 100])
    def test_without_a_frame_it_has_no_size(self, end: int) -> None:
        with pytest.raises(ChipMalformed, match="states no size"):
            read_face(dg2(GOOD[:end]))

    def test_a_frame_behind_the_scan_is_none(self) -> None:
        with pytest.raises(ChipMalformed, match="states no size"):
            FaceImage.of(b"\xff\xd8\xff\xda\x00\x02\xff\xc0\x00\x11\x08\x00\x10\x00\x10\x03" + bytes(20))

    @pytest.mark.parametrize("size", [b"\0\0\0\x10", b"\0\x10\0\0"])
    def test_nothing_has_a_side_of_nothing(self, size: bytes) -> None:
        with pytest.raises(ChipMalformed, match="states no size"):
            FaceImage.of(patched(GOOD, b"\xff\xc0", 5, size))

    def test_fill_before_markers_is_stepped_over(self) -> None:
        at = GOOD.index(b"\xff\xc0")
        face = FaceImage.of(GOOD[:at] + b"\xff" * 50 + GOOD[at:])
        assert (face.width_px, face.height_px) == (120, 160)

    def test_a_bomb_is_refused_before_it_is_decoded(self) -> None:
        face = FaceImage.of(patched(GOOD, b"\xff\xc0", 5, b"\xff\xff\xff\xff"))
        with refused(ImageTooLarge, "65,535 × 65,535 pixels"):
            decode_face(face)


class TestJpeg2000:
    @pytest.mark.parametrize("name", ["jp2", "codestream"])
    def test_a_bomb_is_refused_before_it_is_decoded(self, name: str) -> None:
        face = FaceImage.of(patched(patched(picture(name), SIZ, 6, b"\0\0\xff\xff" * 2), SIZ, 22, b"\0\0\xff\xff" * 2))
        with refused(ImageTooLarge, "65,535 × 65,535 pixels"):
            decode_face(face)

    def test_limits_are_the_callers(self) -> None:
        face = FaceImage.of(picture("jp2"))
        assert decode_face(face, limits=Limits(max_pixels=120 * 160)).pixels.shape == (160, 120, 3)
        with refused(ImageTooLarge):
            decode_face(face, limits=Limits(max_pixels=120 * 160 - 1))
        with refused(ImageTooLarge):
            decode_face(face, limits=Limits(max_bytes=100))
        assert FACE_LIMITS.max_pixels < Limits().max_pixels

    def test_the_size_that_counts_is_the_codestreams(self) -> None:
        """A JP2 states it once more, in a box of its own."""
        small = patched(picture("jp2"), b"ihdr", 4, b"\0\0\0\1\0\0\0\1")
        assert decode_face(FaceImage.of(small)).pixels.shape == (160, 120, 3)
        bomb = patched(patched(picture("jp2"), SIZ, 6, b"\0\0\xff\xff" * 2), SIZ, 22, b"\0\0\xff\xff" * 2)
        with refused(ImageTooLarge):
            decode_face(FaceImage.of(bomb))

    @pytest.mark.parametrize(
        "options",
        [
            {"tile_size": (64, 64)},
            {"num_resolutions": 1},
            {"precinct_size": (64, 64)},
            {"codeblock_size": (16, 16)},
            {"quality_mode": "rates", "quality_layers": [80, 40, 20, 10]},
            {"progression": "RPCL"},
            {"mct": 0},
            {"plt": True},
            {"comment": "what a portrait may carry along"},
        ],
        ids=str,
    )
    def test_what_writers_of_portraits_choose_is_decoded(self, options: dict[str, object]) -> None:
        assert decode_face(FaceImage.of(codestream(**options))).pixels.shape == (160, 120, 3)

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            pytest.param(lambda: codestream(tile_size=(8, 8)), "300 tiles", id="many tiles"),
            pytest.param(lambda: codestream(precinct_size=(1, 1), codeblock_size=(4, 4)), "many parts|more parts", id="blocks"),
            pytest.param(lambda: codestream(codeblock_size=(4, 4)), "more parts", id="the smallest code-blocks"),
            pytest.param(lambda: patched(codestream(), COD, 6, b"\xff\xff"), "more parts", id="many layers"),
            pytest.param(lambda: patched(codestream(), COD, 9, b"\x20"), "more parts", id="many levels"),
            pytest.param(
                lambda: patched(codestream(precinct_size=(64, 64)), COD, 14, b"\x00" * 6), "precincts", id="many precincts"
            ),
            pytest.param(lambda: patched(codestream(), SIZ, 6, b"\0\1\0\0"), "lies beyond", id="far out"),
        ],
    )  # fmt: skip
    def test_what_makes_decoders_work_too_hard_is_refused_before(self, data: Callable[[], bytes], reason: str) -> None:
        with refused(ImageTooLarge, reason):
            jpeg2000.check(data())

    def test_that_holds_for_what_stands_in_tiles_and_for_components(self) -> None:
        good = codestream()
        at = good.index(SOT)
        many_layers = good[good.index(COD) : good.index(COD) + 14].replace(b"\0\1", b"\xff\xff", 1)
        small_blocks = b"\xff\x53\0\x09\0\0\5\0\0\0\0"
        for segment in (many_layers, small_blocks):
            length = int.from_bytes(good[at + 6 : at + 10], "big") + len(segment)
            in_tile = good[: at + 6] + length.to_bytes(4, "big") + good[at + 10 : at + 12] + segment + good[at + 12 :]
            for data in (good[:at] + segment + good[at:], in_tile):
                with refused(ImageTooLarge, "more parts"):
                    decode_face(FaceImage.of(data))

    @pytest.mark.parametrize(
        ("data", "error"),
        [
            pytest.param(lambda: picture("jp2")[:60], ChipMalformed, id="cut in its boxes"),
            pytest.param(lambda: jpeg2000.JP2_START, ChipMalformed, id="no box but the first"),
            pytest.param(lambda: jpeg2000.JP2_START + tlv_box(b"free") * 200, ChipMalformed, id="nothing but boxes"),
            pytest.param(lambda: jpeg2000.JP2_START + b"\0\0\0\7jp2c", ChipMalformed, id="a box shorter than itself"),
            pytest.param(lambda: jpeg2000.JP2_START + tlv_box(b"jp2c", bytes(100)), ChipMalformed, id="no codestream"),
            pytest.param(lambda: picture("codestream")[:44], ChipMalformed, id="cut in its header"),
            pytest.param(lambda: patched(picture("codestream"), SIZ, 6, bytes(8)), ChipMalformed, id="no size"),
            pytest.param(lambda: patched(picture("codestream"), SIZ, 22, bytes(8)), ChipMalformed, id="no tiles"),
            pytest.param(lambda: patched(picture("codestream"), SIZ, 38, b"\0\4"), ChipMalformed, id="four components"),
            pytest.param(lambda: patched(picture("codestream"), SIZ, 38, b"\x40\0"), ChipMalformed, id="many components"),
            pytest.param(lambda: patched(picture("codestream"), SIZ, 40, b"\x0f"), ChipMalformed, id="16 bits"),
            pytest.param(lambda: patched(picture("codestream"), SIZ, 41, b"\2"), ChipMalformed, id="half a component"),
            pytest.param(lambda: patched(picture("jp2"), b"colr", 7, b"\0\0\0\x12"), ChipMalformed, id="YCC"),
            pytest.param(lambda: picture("codestream")[:80], DamagedImage, id="cut in its second header"),
            pytest.param(lambda: patched(picture("codestream"), COD, 0, b"\xff\x51"), DamagedImage, id="two sizes"),
            pytest.param(lambda: patched(picture("codestream"), COD, 2, b"\0\1"), DamagedImage, id="a short segment"),
            pytest.param(lambda: patched(picture("codestream"), COD, 2, b"\0\6"), DamagedImage, id="no coding"),
            pytest.param(lambda: patched(picture("codestream"), COD, 4, b"\1"), DamagedImage, id="no precincts"),
            pytest.param(lambda: patched(picture("codestream"), SOT, 2, b"\0\x0b"), DamagedImage, id="a long tile-part"),
            pytest.param(lambda: patched(picture("codestream"), SOT, 6, b"\0\0\0\x0d"), DamagedImage, id="a short one"),
        ],
    )  # fmt: skip
    def test_what_breaks_the_format_is_refused(self, data: Callable[[], bytes], error: type[VisavisError]) -> None:
        with pytest.raises(error):
            decode_face(FaceImage.of(data()))

    def test_a_palette_is_no_portrait(self) -> None:
        data = picture("jp2")
        header = data.index(b"jp2h")
        length = int.from_bytes(data[header - 4 : header], "big") + 8
        with_palette = data[: header - 4] + length.to_bytes(4, "big") + b"jp2h" + tlv_box(b"pclr") + data[header + 4 :]
        with pytest.raises(ChipMalformed, match="sRGB or grey"):
            FaceImage.of(with_palette)

    def test_a_box_may_reach_to_the_end_or_state_its_length_in_eight_bytes(self) -> None:
        data = picture("jp2")
        at = data.index(b"jp2c") - 4
        long = b"\0\0\0\1jp2c" + (len(data) - at + 8).to_bytes(8, "big")
        for box in (bytes(4) + b"jp2c", long):
            assert decode_face(FaceImage.of(data[:at] + box + data[at + 8 :])).pixels.shape == (160, 120, 3)

    def test_a_last_tile_part_may_reach_to_the_end(self) -> None:
        data = patched(picture("codestream"), SOT, 6, bytes(4))
        assert decode_face(FaceImage.of(data)).pixels.shape == (160, 120, 3)


def tlv_box(kind: bytes, content: bytes = b"") -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


@given(data=st.binary(max_size=200))
def test_any_bytes_are_faces_or_malformed(data: bytes) -> None:
    for each in (
        data,
        tlv(0x75, data),
        dg2_of(template(data)),
        dg2_of(template(b"FAC\x00010\0" + (8 + len(data)).to_bytes(4, "big") + data)),
        *(dg2(start + data, encoding=encoding) for start in (b"\xff\xd8\xff", jpeg2000.CODESTREAM_START, jpeg2000.JP2_START)
          for encoding in ENCODINGS),
    ):  # fmt: skip
        with suppress(ChipMalformed):
            assert read_face(each).data
