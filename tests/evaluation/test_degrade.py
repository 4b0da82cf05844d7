import io
from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage

from tests.conftest import PEOPLE, pixels
from visavis.decision import Outcome
from visavis.evaluation.degrade import (
    CHIP_PX,
    DEGRADATIONS,
    PRINT_PX,
    Degradation,
    blurred,
    decoded,
    framing,
    linear,
    portrait,
    shake,
    srgb,
)
from visavis.face import Face
from visavis.image import Photo
from visavis.verifier import Acquisition, Verifier

Pixels = NDArray[np.uint8]
Clean = Callable[[str, str], tuple[Pixels, Acquisition]]

KINDS = {"reference": "studio_portrait", "probe": "amateur_selfie"}

CROWN_AND_CHIN_PX = {"P003": (29, 606), "P006": (34, 643), "P009": (3, 716), "P010": (21, 716)}
"""Rows of the studio portraits at 1,000 px, read off by eye for people with flat hair and no beard."""


@pytest.fixture(scope="module")
def clean(verifier: Verifier) -> Clean:
    """A person's photo with what was found in it."""

    @cache
    def photo(name: str, kind: str) -> tuple[Pixels, Acquisition]:
        return pixels(name, kind), verifier.acquire(pixels(name, kind))

    return photo


@pytest.fixture(scope="module", params=DEGRADATIONS.values(), ids=lambda degradation: degradation.name)
def degradation(request: pytest.FixtureRequest) -> Degradation:
    """Each in turn."""
    found: Degradation = request.param
    return found


def face_of(acquisition: Acquisition) -> Face:
    assert acquisition.report.face is not None
    return acquisition.report.face


def raw(acquisition: Acquisition, measure: str) -> float:
    assert acquisition.report.quality is not None
    value = acquisition.report.quality[measure].raw
    assert value is not None
    return value


def made(degradation: Degradation, source: tuple[Pixels, Acquisition], seed: int = 1) -> bytes:
    return degradation.apply(source[0], face_of(source[1]), np.random.default_rng(seed))


def decode(data: bytes) -> Pixels:
    return np.asarray(Photo(data).decode().pixels)


def resized(picture: Pixels, side: int) -> Pixels:
    return np.asarray(PillowImage.fromarray(picture).resize((side, side), PillowImage.Resampling.LANCZOS))


def uniform_noise(picture: Pixels) -> float:
    """Standard deviation over the mean, in linear light, of the grey backdrop in a studio portrait's corner."""
    corner = decoded(picture[10:110, 10:110]).mean(axis=2)
    return float((corner - blurred(corner, 10)).std() / corner.mean())


class TestEveryDegradation:
    def test_the_generator_alone_decides(self, degradation: Degradation, clean: Clean) -> None:
        source = clean("P006", KINDS[degradation.side])
        first = made(degradation, source, 1)
        assert made(degradation, source, 1) == first
        assert made(degradation, source, 2) != first

    def test_the_file_is_what_it_says(self, degradation: Degradation, clean: Clean) -> None:
        source = clean("P007", KINDS[degradation.side])
        photo = Photo(made(degradation, source))
        width, height = source[0].shape[1::-1]
        size = (width, height) if degradation.side == "probe" else CHIP_PX if degradation.name == "chip" else PRINT_PX
        assert photo.size_px == size
        assert photo.format == ("JPEG2000" if degradation.name == "chip" else "JPEG")
        assert photo.decode().pixels.shape == (size[1], size[0], 3)

    def test_it_states_its_parameters(self, degradation: Degradation) -> None:
        assert DEGRADATIONS[degradation.name] is degradation
        assert any(character.isdigit() or character == "`" for character in degradation.description)
        assert "  " not in degradation.description
        assert "\n" not in degradation.description

    def test_the_subject_is_found_and_mostly_matches(
        self, degradation: Degradation, clean: Clean, verifier: Verifier
    ) -> None:
        """At FMR 1e-3, against another photo; and it is less like the photo that it was made from than that itself."""
        other = KINDS["probe" if degradation.side == "reference" else "reference"]
        found = matched = 0
        for seed, name in enumerate(PEOPLE):
            source = clean(name, KINDS[degradation.side])
            acquired = verifier.acquire(made(degradation, source, seed))
            if acquired.embedding is None:
                continue
            found += 1
            decision = verifier.compare(reference=acquired, probe=clean(name, other)[1], policy="1e-3")
            matched += decision.outcome is Outcome.MATCH
            same = verifier.compare(reference=acquired, probe=source[1]).comparison
            assert same is not None
            assert 0.2 < same.score < 0.9999
        assert found >= 9
        assert matched >= 8

    @pytest.mark.parametrize("side", [250, 2048])
    def test_small_and_large_photos(
        self, degradation: Degradation, side: int, clean: Clean, verifier: Verifier
    ) -> None:
        acquired = clean("P006", "studio_portrait")[1]
        face = face_of(acquired)
        scale = side / 1000
        box = face.box_px
        scaled = Face(
            (box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale), face.landmarks_px * np.float32(scale), 1.0
        )
        photo = resized(pixels("P006", "studio_portrait", 2048), side)
        decision = verifier.compare(
            reference=verifier.acquire(degradation.apply(photo, scaled, np.random.default_rng(5))), probe=acquired
        )
        assert decision.outcome is Outcome.MATCH


class TestPortrait:
    @pytest.mark.parametrize("size_px", [PRINT_PX, CHIP_PX])
    @pytest.mark.parametrize("name", CROWN_AND_CHIN_PX)
    def test_the_head_takes_about_70_to_80_percent_of_the_height(
        self, name: str, size_px: tuple[int, int], clean: Clean
    ) -> None:
        """As far as one knows the head from its landmarks, which err by some hundredths."""
        face = face_of(clean(name, "studio_portrait")[1])
        column = face.landmarks_px[:2, 0].mean()
        matrix = framing(face, size_px)
        crown, chin = (matrix[1] @ (column, row, 1) for row in CROWN_AND_CHIN_PX[name])
        assert 0.68 <= (chin - crown) / size_px[1] <= 0.83
        assert 0 < crown < chin < size_px[1]

    @pytest.mark.parametrize("document", ["printed", "chip"])
    @pytest.mark.parametrize("name", PEOPLE)
    def test_the_eyes_are_where_icao_wants_them(
        self, name: str, document: str, clean: Clean, verifier: Verifier
    ) -> None:
        """Apart by 1/4 to 5/14 of the width, since a head is about two eye distances wide and takes 1/2 to 5/7 of it."""
        data = made(DEGRADATIONS[document], clean(name, "studio_portrait"))
        self.assert_framed(face_of(verifier.acquire(data)), Photo(data).size_px)

    def test_a_face_at_the_border(self, clean: Clean, verifier: Verifier) -> None:
        """The photo's edge goes on where the portrait needs more."""
        photo, acquired = clean("P006", "studio_portrait")
        top, bottom, left = 200, 700, 340
        cut = np.ascontiguousarray(photo[top:bottom, left:])
        shifted = Face((0, 0, 350, 470), face_of(acquired).landmarks_px - np.array([left, top], dtype=np.float32), 1.0)
        framed = portrait(cut, shifted, PRINT_PX)
        first_column, first_row = framing(shifted, PRINT_PX)[:, 2]
        assert first_column > 20
        assert first_row > 20
        continued = np.pad(cut, ((top, 1000 - bottom), (left, 0), (0, 0)), mode="edge")
        expected = portrait(continued, face_of(acquired), PRINT_PX)
        np.testing.assert_allclose(blurred(framed, 2), blurred(expected, 2), atol=0.06)
        found = face_of(verifier.acquire((255 * srgb(framed)).astype(np.uint8)))
        self.assert_framed(found, PRINT_PX)

    def test_a_tilted_head_is_set_upright(self, clean: Clean, verifier: Verifier) -> None:
        turn = cv2.getRotationMatrix2D((500, 400), 20, 0.8)
        photo = np.asarray(cv2.warpAffine(clean("P010", "studio_portrait")[0], turn, (1000, 1000)), dtype=np.uint8)
        data = made(DEGRADATIONS["chip"], (photo, verifier.acquire(photo)))
        acquired = verifier.acquire(data)
        self.assert_framed(face_of(acquired), CHIP_PX)
        assert abs(raw(acquired, "head_pose_roll_deg")) < 4

    @staticmethod
    def assert_framed(face: Face, size_px: tuple[int, int]) -> None:
        x, y = face.landmarks_px[:2].mean(axis=0)
        assert 1 / 4 <= face.inter_eye_distance_px / size_px[0] <= 5 / 14
        assert abs(x / size_px[0] - 0.5) < 0.04
        assert 0.3 <= y / size_px[1] <= 0.5


class TestDocuments:
    @pytest.mark.parametrize("name", PEOPLE)
    def test_a_chip_holds_12_to_20_kilobytes(self, name: str, clean: Clean) -> None:
        sizes = [len(made(DEGRADATIONS["chip"], clean(name, "studio_portrait"), seed)) for seed in range(4)]
        assert all(12_000 <= size <= 20_000 for size in sizes)
        assert len(set(sizes)) > 1

    def test_an_engraved_portrait_has_no_colour(self, clean: Clean) -> None:
        grey = decode(made(DEGRADATIONS["greyscale"], clean("P008", "studio_portrait")))
        assert (grey == grey[..., :1]).all()
        assert (
            PillowImage.open(io.BytesIO(made(DEGRADATIONS["greyscale"], clean("P008", "studio_portrait")))).mode == "L"
        )

    def test_print_has_less_contrast_than_the_photo(self, clean: Clean) -> None:
        source = clean("P008", "studio_portrait")
        straight = portrait(source[0], face_of(source[1]), PRINT_PX)
        printed = decoded(decode(made(DEGRADATIONS["printed"], source)))
        assert np.percentile(printed, 1) > np.percentile(straight, 1) + 0.01
        assert printed.std() < straight.std()

    def test_guilloche_lies_over_the_print(self, clean: Clean) -> None:
        source = clean("P008", "studio_portrait")
        plain, veiled = (decode(made(DEGRADATIONS[name], source)) for name in ("printed", "security_print"))
        edges = [cv2.Laplacian(picture, cv2.CV_32F).std() for picture in (plain, veiled)]
        assert edges[1] > 1.3 * edges[0]

    def test_glare_saturates_part_of_the_picture(self, clean: Clean) -> None:
        source = clean("P007", "studio_portrait")
        assert (decode(made(DEGRADATIONS["printed"], source)) == 255).mean() < 1e-4
        shares = [
            (decode(made(DEGRADATIONS["laminate_glare"], source, seed)).min(axis=2) == 255).mean() for seed in range(12)
        ]
        assert min(shares) > 0.001
        assert max(shares) < 0.3


class TestCapture:
    def test_low_light_is_dark_and_noisy(self, clean: Clean) -> None:
        photo, acquired = clean("P006", "studio_portrait")
        assert uniform_noise(photo) < 0.05
        dim = [decode(made(DEGRADATIONS["low_light"], (photo, acquired), seed)) for seed in range(3)]
        assert min(map(uniform_noise, dim)) > 2 * uniform_noise(photo)
        for picture in dim:
            assert 2**-1.9 < decoded(picture).mean() / decoded(photo).mean() < 2**-0.6
            red, _, blue = decoded(picture).mean(axis=(0, 1)) / decoded(photo).mean(axis=(0, 1))
            assert blue < 0.9 * red

    def test_motion_takes_sharpness_away(self, clean: Clean, verifier: Verifier) -> None:
        for name in PEOPLE[:4]:
            source = clean(name, "amateur_selfie")
            moved = verifier.acquire(made(DEGRADATIONS["motion_blur"], source))
            assert raw(moved, "sharpness") < 0.9 * raw(source[1], "sharpness")

    @pytest.mark.parametrize("length_px", [0.5, 3.0, 40.0])
    def test_a_shake_is_as_long_as_asked(self, length_px: float) -> None:
        for seed in range(5):
            kernel = shake(length_px, np.random.default_rng(seed))
            assert kernel.sum() == pytest.approx(1, abs=1e-5)
            assert kernel.min() >= 0
            rows, columns = np.nonzero(kernel > 1e-4)
            reach = np.hypot(np.ptp(rows), np.ptp(columns))
            assert 0.9 * length_px - 1 <= reach <= 1.3 * length_px + 3


class TestLight:
    def test_srgb_there_and_back(self) -> None:
        codes = np.arange(256, dtype=np.uint8)
        np.testing.assert_array_equal(np.rint(255 * srgb(decoded(codes))), codes)

    def test_middle_grey(self) -> None:
        """IEC 61966-2-1: code 119 reflects 18 %."""
        assert linear(np.array([119 / 255], dtype=np.float32))[0] == pytest.approx(0.184, abs=0.001)
