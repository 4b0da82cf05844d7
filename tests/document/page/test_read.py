"""Photos to pages: every character, the larger portrait, the corners; and a reason wherever something is missing."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from math import hypot

import cv2
import numpy as np
import pytest
from numpy.random import default_rng
from numpy.typing import NDArray

from tests.conftest import PEOPLE, encoded, pixels
from tests.document.page import Pixels, drawn, laid, needs_font, table
from visavis.document.mrz import MrzFormat, Standing, read_zone
from visavis.document.page import Page, PageReader, PageReason
from visavis.errors import TruncatedImage
from visavis.face import FaceDetector
from visavis.image import Photo
from visavis.weights import ModelStore, shipped_card

pytestmark = needs_font
TODAY = date(2026, 1, 1)
FIELDS = (
    "document_code",
    "issuer",
    "document_number",
    "nationality",
    "birth_date",
    "sex",
    "expiry_date",
    "surname",
    "given_names",
)
R = PageReason


@pytest.fixture(scope="session")
def reader(store: ModelStore) -> PageReader:
    return PageReader(store)


def read(reader: PageReader, photo: Pixels | bytes) -> Page:
    return reader.read(Photo(photo), today=TODAY)


def off(page: Page, corners: NDArray[np.float32]) -> float:
    assert page.corners_px is not None
    return float(np.abs(page.corners_px - corners).max() / hypot(*(corners[1] - corners[0])))


class TestWhole:
    @pytest.mark.parametrize(("mrz_format", "turn_deg"), [*zip(MrzFormat, (0, 155, 0, 155, 20), strict=True)])
    def test_each_format_is_read_to_the_last_character(
        self, reader: PageReader, mrz_format: MrzFormat, turn_deg: float
    ) -> None:
        specimen = drawn(mrz_format)
        photo, corners = laid(specimen.images[-1], table(), turn_deg=turn_deg, tilt=0.04)
        page = read(reader, photo)
        assert page.zone is not None
        assert page.zone.lines == specimen.lines
        printed = read_zone(specimen.lines, today=TODAY)
        assert [getattr(page.zone, name).value for name in FIELDS] == [getattr(printed, name).value for name in FIELDS]
        assert page.zone.document_number.standing is Standing.CHECKED
        assert page.reasons == ((R.NO_PORTRAIT,) if mrz_format is MrzFormat.TD1 else ())
        assert off(page, corners) < 0.03

    @pytest.mark.parametrize("turn_deg", [45, 180, 270])
    def test_at_any_turn(self, reader: PageReader, turn_deg: float) -> None:
        specimen = drawn(MrzFormat.TD3)
        photo, corners = laid(specimen.images[0], table(), turn_deg=turn_deg)
        page = read(reader, photo)
        assert (page.zone and page.zone.lines, page.reasons) == (specimen.lines, ())
        assert off(page, corners) < 0.03

    def test_on_a_table_as_bright_as_the_page(self, reader: PageReader) -> None:
        specimen = drawn(MrzFormat.TD3)
        level = int(np.median(specimen.images[0]))
        photo, _ = laid(specimen.images[0], table(level=level), turn_deg=12)
        page = read(reader, photo)
        assert (page.zone and page.zone.lines, page.portrait is not None) == (specimen.lines, True)

    def test_from_a_file_of_12_megapixels(self, reader: PageReader) -> None:
        specimen = drawn(MrzFormat.MRV_A)
        photo, corners = laid(specimen.images[0], table(4000, 3000), turn_deg=200, width_px=1100)
        page = read(reader, encoded(photo, "JPEG", quality=90))
        assert (page.zone and page.zone.lines, page.reasons) == (specimen.lines, ())
        assert off(page, corners) < 0.03, "in pixels of the whole photo, whatever was decoded of it"

    def test_bent_as_the_page_of_a_booklet_is(self, reader: PageReader) -> None:
        specimen = drawn(MrzFormat.TD3)
        photo, _ = laid(specimen.images[0], table(), turn_deg=5)
        rows, columns = np.indices(photo.shape[:2])
        x = np.asarray(columns, dtype=np.float32)
        y = np.asarray(rows + 10 * np.cos((columns - 800) / 320), dtype=np.float32)
        seen = cv2.remap(photo, x, y, cv2.INTER_LINEAR)
        page = read(reader, np.asarray(seen, dtype=np.uint8))
        assert page.zone is not None
        assert page.zone.lines == specimen.lines

    def test_the_portrait_and_not_its_ghost_upright(self, reader: PageReader, store: ModelStore) -> None:
        specimen = drawn(MrzFormat.TD3)
        photo, _ = laid(specimen.images[0], table(), turn_deg=215)
        portrait = read(reader, photo).portrait
        assert portrait is not None
        left, upper, right, lower = specimen.portrait_box_px
        scale = 1000 / specimen.images[0].shape[1]
        assert 1 < portrait.shape[1] / ((right - left) * scale) < 1.6, "with something around it"
        assert 1 < portrait.shape[0] / ((lower - upper) * scale) < 1.7
        (face,) = FaceDetector(store, shipped_card("yunet-2023mar")).detect(Photo(portrait))
        eyes = face.landmarks_px[1] - face.landmarks_px[0]
        assert abs(np.degrees(np.arctan2(eyes[1], eyes[0]))) < 8
        assert face.box_px[2] > 0.3 * portrait.shape[1]

    def test_it_cannot_be_changed_and_says_nothing_of_itself(self, reader: PageReader) -> None:
        page = read(reader, laid(drawn(MrzFormat.TD2).images[0], table())[0])
        assert repr(page) == "<Page>"
        for array in (page.portrait, page.corners_px):
            assert array is not None
            with pytest.raises(ValueError, match="read-only"):
                array[0, 0] = 0

    def test_from_many_threads_the_same(self, reader: PageReader) -> None:
        photos = [laid(drawn(each).images[-1], table(), turn_deg=30)[0] for each in (MrzFormat.TD1, MrzFormat.TD3)] * 2
        with ThreadPoolExecutor(4) as pool:
            pages = list(pool.map(lambda photo: read(reader, photo), photos))
        lines = [page.zone.lines for page in pages if page.zone]
        assert len(lines) == 4
        assert lines[:2] == lines[2:]


class TestReasons:
    """What is missing is None, and has a reason; what was read besides is there."""

    def test_the_front_of_a_card_has_a_portrait_and_no_zone(self, reader: PageReader) -> None:
        for turn_deg in (10, 190):
            photo, corners = laid(drawn(MrzFormat.TD1).images[0], table(), turn_deg=turn_deg)
            page = read(reader, photo)
            assert (page.zone, page.reasons) == (None, (R.NO_ZONE,))
            assert page.portrait is not None
            assert off(page, corners) < 0.03

    def test_a_table_and_a_photo_of_somebody_are_no_documents(self, reader: PageReader) -> None:
        for photo in (table(), pixels(PEOPLE[0], "amateur_selfie")):
            page = read(reader, photo)
            assert page.reasons[-1] is R.NO_DOCUMENT
            assert (page.zone, page.portrait, page.corners_px) == (None, None, None)

    def test_of_two_documents_nothing_is_read(self, reader: PageReader) -> None:
        photo = table()
        for place, each in ((330, MrzFormat.TD2), (890, MrzFormat.TD3)):
            photo, _ = laid(drawn(each).images[0], photo, width_px=700, middle=(800, place))
        page = read(reader, photo)
        assert (page.reasons, page.zone, page.portrait) == ((R.SEVERAL_DOCUMENTS,), None, None)

    def test_glare_over_the_zone(self, reader: PageReader) -> None:
        specimen = drawn(MrzFormat.TD3)
        photo, corners = laid(specimen.images[0], table())
        x, y = corners[3] + (corners[2] - corners[3]) * 0.5 + (corners[0] - corners[3]) * 0.15
        cv2.ellipse(photo, (round(float(x)), round(float(y))), (90, 45), 0, 0, 360, (255, 255, 255), -1)
        page = read(reader, photo)
        assert R.GLARE in page.reasons
        assert R.ZONE_UNREADABLE in page.reasons
        assert page.portrait is not None
        assert page.zone is None or page.zone.document_number.standing is not Standing.CHECKED

    def test_blurred(self, reader: PageReader) -> None:
        photo, _ = laid(drawn(MrzFormat.TD3).images[0], table())
        page = read(reader, np.asarray(cv2.GaussianBlur(photo, (0, 0), 6), dtype=np.uint8))
        assert page.zone is None
        assert R.BLURRED in page.reasons

    def test_too_small(self, reader: PageReader) -> None:
        photo, _ = laid(drawn(MrzFormat.TD3).images[0], table(), width_px=230)
        page = read(reader, photo)
        assert page.zone is None
        assert R.TOO_SMALL in page.reasons
        assert R.BLURRED not in page.reasons  # which would have people hold still

    def test_too_dark(self, reader: PageReader) -> None:
        photo, _ = laid(drawn(MrzFormat.TD3).images[0], table())
        noise = default_rng(0).normal(0, 6, photo.shape)
        page = read(reader, np.clip(photo * 0.06 + noise, 0, 255).astype(np.uint8))
        assert page.zone is None
        assert R.TOO_DARK in page.reasons

    def test_cut_by_the_photo_s_border(self, reader: PageReader) -> None:
        photo, _ = laid(drawn(MrzFormat.TD3).images[0], table(), middle=(1350, 600))
        page = read(reader, photo)
        assert R.CUT_EDGES in page.reasons
        assert page.zone is None or page.zone.document_number.standing is not Standing.CHECKED

    def test_a_page_without_a_face_says_what_it_has(self, reader: PageReader) -> None:
        specimen = drawn(MrzFormat.TD3)
        plain = specimen.images[0].copy()
        for left, upper, right, lower in (specimen.portrait_box_px, specimen.ghost_box_px):
            plain[upper:lower, left:right] = 180
        page = read(reader, laid(plain, table())[0])
        assert (page.zone and page.zone.lines, page.portrait) == (specimen.lines, None)
        assert page.reasons == (R.NO_PORTRAIT,)

    @pytest.mark.parametrize("hidden", [3, 19, 42])
    def test_a_hidden_character_is_never_confirmed_as_another(self, reader: PageReader, hidden: int) -> None:
        specimen = drawn(MrzFormat.TD3)
        left, upper, right, lower = specimen.zone_box_px
        printed = specimen.images[0].copy()
        pitch = (right - left) / 44
        middle = left + (hidden + 0.5) * pitch
        printed[(upper + lower) // 2 : lower + 6, round(middle - 0.7 * pitch) : round(middle + 0.7 * pitch)] = 235
        page = read(reader, laid(printed, table())[0])
        truth = read_zone(specimen.lines, today=TODAY)
        if page.zone is not None:
            for name in FIELDS:
                field = getattr(page.zone, name)
                assert field.standing is not Standing.CHECKED or field.value == getattr(truth, name).value

    @pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 2), (70, 340), (64, 64), (2000, 401)])
    def test_photos_of_any_shape(self, reader: PageReader, size: tuple[int, int]) -> None:
        page = read(reader, default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8))
        assert page.reasons[-1] is R.NO_DOCUMENT

    def test_a_photo_that_ends_early_is_a_fault(self, reader: PageReader) -> None:
        data = encoded(laid(drawn(MrzFormat.TD3).images[0], table())[0], "JPEG")
        with pytest.raises(TruncatedImage):
            read(reader, io.BytesIO(data).read(len(data) // 2))
