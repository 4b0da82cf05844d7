"""Specimens and photographs of them: what is drawn can be read, is where it is said to be, and is as hard as it says."""

import io
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest
from numpy.random import default_rng
from numpy.typing import NDArray
from PIL import Image as PillowImage

from tests.conftest import PEOPLE, pixels
from visavis.decision import Outcome
from visavis.document.mrz import MrzFormat, Standing, read_zone, transliterate
from visavis.evaluation.specimens import (
    OCR_B,
    Conditions,
    Fault,
    Mount,
    Specimen,
    draw_specimen,
    photograph,
    photograph_jpeg,
)
from visavis.evaluation.specimens.holder import draw_holder
from visavis.evaluation.specimens.photograph import _bent, _mounted, _view
from visavis.evaluation.specimens.surfaces import SURFACES, fractal
from visavis.verifier import Verifier

pytestmark = pytest.mark.skipif(
    not OCR_B.exists() and not os.environ.get("CI"), reason="the font OCR-B is not installed (Debian: fonts-ocr-b)"
)

Picture = NDArray[np.uint8]
FORMATS = tuple(MrzFormat)
TODAY = date(2026, 1, 1)
SIZES_MM = {
    MrzFormat.TD1: (85.6, 54),
    MrzFormat.TD2: (105, 74),
    MrzFormat.TD3: (125, 88),
    MrzFormat.MRV_A: (120, 80),
    MrzFormat.MRV_B: (105, 74),
}
"""ICAO Doc 9303, parts 4 to 7: nominal."""
LINES = {
    MrzFormat.TD1: (3, 30),
    MrzFormat.TD2: (2, 36),
    MrzFormat.TD3: (2, 44),
    MrzFormat.MRV_A: (2, 44),
    MrzFormat.MRV_B: (2, 36),
}


def portrait(name: str) -> Picture:
    """A studio portrait, cut to 35 × 45 mm."""
    return pixels(name, "studio_portrait")[50:950, 150:850]


@cache
def drawn(mrz_format: MrzFormat, seed: int = 0, px_per_mm: float = 12) -> Specimen:
    return draw_specimen(mrz_format, portrait(PEOPLE[seed % 10]), default_rng(seed), px_per_mm=px_per_mm)


def grey(picture: Picture) -> NDArray[np.float64]:
    return np.asarray(picture.mean(axis=2), dtype=np.float64)


def rectified(photo: Picture, corners: NDArray[np.float32], like: Picture) -> Picture:
    """What the photo shows between the corners, in the shape of the specimen's image."""
    height, width = like.shape[:2]
    outline = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(corners, outline)
    return np.asarray(cv2.warpPerspective(photo, matrix, (width, height)), dtype=np.uint8)


def alike(one: Picture, other: Picture) -> float:
    """Correlation of two pictures of one shape."""
    return float(np.corrcoef(grey(one).ravel(), grey(other).ravel())[0, 1])


def detail(picture: Picture) -> float:
    return float(cv2.Laplacian(grey(picture), cv2.CV_64F).std())


def zone_of(specimen: Specimen, photo: Picture, corners: NDArray[np.float32]) -> Picture:
    left, upper, right, lower = specimen.zone_box_px
    return rectified(photo, corners, specimen.images[-1])[upper:lower, left:right]


@pytest.mark.parametrize("mrz_format", FORMATS)
class TestSpecimen:
    def test_its_size_is_nominal(self, mrz_format: MrzFormat) -> None:
        specimen = drawn(mrz_format)
        width, height = SIZES_MM[mrz_format]
        assert len(specimen.images) == (2 if mrz_format is MrzFormat.TD1 else 1)
        for image in specimen.images:
            assert image.dtype == np.uint8
            assert image.shape == (round(12 * height), round(12 * width), 3)
        assert (len(specimen.lines), len(specimen.lines[0])) == LINES[mrz_format]

    def test_the_zone_says_what_is_printed_of_the_holder(self, mrz_format: MrzFormat) -> None:
        specimen = drawn(mrz_format)
        assert specimen.lines == specimen.holder.lines(mrz_format)
        for seed in range(200):
            holder = draw_holder(mrz_format, default_rng(seed))
            zone = read_zone(holder.lines(mrz_format), today=TODAY)
            assert zone.format is mrz_format
            read = {
                name: getattr(zone, name)
                for name in (
                    "issuer",
                    "nationality",
                    "document_code",
                    "document_number",
                    "birth_date",
                    "expiry_date",
                    "sex",
                )
            }
            assert {name: field.value for name, field in read.items()} == {name: getattr(holder, name) for name in read}
            assert read["document_number"].standing is Standing.CHECKED
            assert zone.composite_held in (True, None)
            assert (zone.optional_data.value or "") == holder.optional_data
            words = transliterate(holder.surname).split("<")
            for word, whole in zip(str(zone.surname.value).split(), words, strict=True):
                assert whole.startswith(word)

    def test_the_generator_alone_decides(self, mrz_format: MrzFormat) -> None:
        first, again, other = (
            draw_specimen(mrz_format, portrait("P001"), default_rng(seed), px_per_mm=2) for seed in (1, 1, 2)
        )
        assert first.lines == again.lines != other.lines
        for one, two, three in zip(first.images, again.images, other.images, strict=True):
            np.testing.assert_array_equal(one, two)
            assert (one != three).mean() > 0.5

    def test_each_character_is_in_its_place(self, mrz_format: MrzFormat) -> None:
        """Dark strokes in each of the zone's cells, and none above and below its lines."""
        specimen = drawn(mrz_format)
        left, upper, right, lower = specimen.zone_box_px
        rows, columns = LINES[mrz_format]
        image = grey(specimen.images[-1])
        ground = np.median(image[upper:lower, left:right])
        pitch = 12 * (4.23 if rows == 3 else 6.35)
        for row in range(rows):
            base = lower - pitch * (rows - 1 - row)
            for column in range(columns):
                start = left + round(12 * 2.54 * column)
                cell = image[round(base - 36) : round(base + 6), start : start + round(12 * 2.54)]
                assert cell.min() < 0.72 * ground
        below = image[lower + 8 : lower + 30, left:right]
        assert below.min() > image[upper:lower, left:right].min() + 20

    def test_the_portrait_is_where_it_says(self, mrz_format: MrzFormat) -> None:
        specimen = drawn(mrz_format)
        shown = portrait(PEOPLE[0])
        for box, at_least in ((specimen.portrait_box_px, 0.7), (specimen.ghost_box_px, 0.35)):
            left, upper, right, lower = box
            patch = specimen.images[0][upper:lower, left:right]
            small = cv2.resize(shown, (right - left, lower - upper), interpolation=cv2.INTER_AREA)
            assert alike(patch, np.asarray(small, dtype=np.uint8)) > at_least
        assert specimen.ghost_box_px[2] - specimen.ghost_box_px[0] < 0.5 * (
            specimen.portrait_box_px[2] - specimen.portrait_box_px[0]
        )


def test_another_file_is_no_font(tmp_path: Path) -> None:
    (tmp_path / "none.otf").write_bytes(b"no font")
    with pytest.raises(OSError, match="unknown file format"):
        draw_specimen(MrzFormat.TD2, portrait("P001"), default_rng(0), font=tmp_path / "none.otf", px_per_mm=2)


class TestHolders:
    @pytest.mark.parametrize("mrz_format", FORMATS)
    def test_they_are_as_varied_as_told(self, mrz_format: MrzFormat) -> None:
        holders = [draw_holder(mrz_format, default_rng(seed)) for seed in range(300)]
        assert all(date(1930, 1, 1) <= each.birth_date <= date(2023, 12, 31) for each in holders)
        assert all(2027 <= each.expiry_date.year <= 2035 for each in holders)
        assert Counter(each.sex for each in holders).keys() == {"F", "M", None}
        assert len({each.surname for each in holders}) == 32
        long = np.mean([len(each.document_number) > 9 for each in holders])
        assert 0.1 < long < 0.2 if mrz_format in (MrzFormat.TD1, MrzFormat.TD2) else long == 0
        assert 0.3 < np.mean([each.document_number.isdigit() for each in holders]) < 0.5
        assert any(not f"{each.surname}{each.given_names}".isascii() for each in holders)


class TestPhotograph:
    @pytest.mark.parametrize(
        ("roll_deg", "yaw_deg", "pitch_deg"), [(0, 0, 0), (90, -15, 0), (137, 10, -10), (180, 0, 15)]
    )
    @pytest.mark.parametrize("mrz_format", [MrzFormat.TD1, MrzFormat.TD3, MrzFormat.MRV_A])
    def test_the_corners_are_the_documents(
        self, mrz_format: MrzFormat, roll_deg: float, yaw_deg: float, pitch_deg: float
    ) -> None:
        """What lies between them, seen straight, is what was photographed."""
        specimen = drawn(mrz_format, 5, px_per_mm=6)
        taken = Conditions(
            specimen.mount, document_px=600, roll_deg=roll_deg, yaw_deg=yaw_deg, pitch_deg=pitch_deg, fill=0.7
        )
        photo, corners = photograph(specimen.images[-1], default_rng(1), taken)
        shown = rectified(photo, corners, specimen.images[-1])
        inner = slice(25, -25), slice(25, -25)  # a card's corners are round
        assert alike(smooth(shown[inner]), smooth(specimen.images[-1][inner])) > 0.97
        longer = np.linalg.norm(corners[1] - corners[0])
        assert longer == pytest.approx(600, rel=0.15)
        turn = np.degrees(np.arctan2(*(corners[1] - corners[0])[::-1]))
        assert abs((turn - roll_deg + 180) % 360 - 180) < 6

    @pytest.mark.parametrize("mount", get_args(Mount))
    def test_typical_documents_are_wholly_in_the_frame(self, mount: Mount) -> None:
        """In photos of 4:3 with at most 12 megapixels; the view alone is computed."""
        page = np.ones((70, 100, 3), dtype=np.float32)
        for seed in range(100):
            rng = default_rng(seed)
            for taken in (Conditions.typical(rng, mount), Conditions.clean(rng, mount)):
                mounted = _mounted(page, mount, rng)
                _, _, box = _bent(*mounted, taken.bow * 100)
                matrix, (width, height) = _view(box, taken)
                left, upper, right, lower = box
                outline = np.array([[[left, upper], [right, upper], [right, lower], [left, lower]]], dtype=np.float32)
                corners = cv2.perspectiveTransform(outline, matrix)[0]
                assert corners.min() >= 0
                assert (corners <= (width, height)).all()
                assert max(width, height) <= 4032
                assert max(width, height) / min(width, height) == pytest.approx(4 / 3, rel=0.01)

    def test_the_generator_alone_decides(self) -> None:
        specimen = drawn(MrzFormat.TD2, px_per_mm=6)
        conditions = replace(Conditions.typical(default_rng(3), specimen.mount), document_px=500)
        first, again, other = (photograph_jpeg(specimen.images[0], default_rng(seed), conditions) for seed in (1, 1, 2))
        assert first[0] == again[0] != other[0]
        np.testing.assert_array_equal(first[1], other[1])

    def test_it_is_a_jpeg_file_of_the_quality_asked_for(self) -> None:
        specimen = drawn(MrzFormat.TD2, px_per_mm=6)
        taken = Conditions(specimen.mount, document_px=500)
        low, high = (
            photograph_jpeg(specimen.images[0], default_rng(1), replace(taken, quality=quality))[0]
            for quality in (75, 95)
        )
        assert PillowImage.open(io.BytesIO(low)).format == "JPEG"
        assert len(low) < 0.7 * len(high)

    @pytest.mark.parametrize("surface", SURFACES)
    @pytest.mark.parametrize("alike_", [False, True])
    def test_every_surface_is_around_the_document(self, surface: str, alike_: bool) -> None:
        """Darker than it, or about as bright."""
        specimen = drawn(MrzFormat.TD2, 7, px_per_mm=6)
        taken = Conditions("card", document_px=300, fill=0.6, surface=surface, alike=alike_)
        shares = []
        for seed in range(2):
            photo, corners = photograph(specimen.images[0], default_rng(seed), taken)
            inside = np.zeros(photo.shape[:2], dtype=np.uint8)
            cv2.fillConvexPoly(inside, np.rint(corners).astype(np.int32), 1)
            around = cv2.dilate(inside, np.ones((41, 41), np.uint8)) == 0
            shares.append(float(grey(photo)[around].mean() / grey(photo)[inside == 1].mean()))
        assert 0.05 < np.mean(shares) < (1.3 if alike_ else 0.85)
        assert np.mean(shares) > 0.75 or not alike_


def smooth(picture: Picture) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 2), dtype=np.uint8)


CHANGES: dict[str, tuple[dict[str, object], Callable[[Picture, Picture], bool]]] = {
    "noise": ({"noise": 0.05}, lambda usual, changed: detail(changed) > 1.2 * detail(usual)),
    "defocus": ({"defocus_px": 2.0}, lambda usual, changed: detail(changed) < 0.6 * detail(usual)),
    "motion": ({"motion_px": 5.0}, lambda usual, changed: detail(changed) < 0.9 * detail(usual)),
    "sharpening": ({"sharpening": 1.0}, lambda usual, changed: detail(changed) > 1.1 * detail(usual)),
    "white": ({"white": 0.3}, lambda usual, changed: changed.mean() < 0.75 * usual.mean()),
    "shadow": ({"shadow": 0.65}, lambda usual, changed: changed.mean() < 0.97 * usual.mean()),
    "warmth": ({"warmth": 0.5}, lambda usual, changed: changed[..., 2].mean() < 0.9 * usual[..., 2].mean()),
    "falloff": ({"falloff": 0.4}, lambda usual, changed: 0.1 < unevenness(usual, changed) < 0.5),
    "sheen": ({"sheen": 0.2}, lambda usual, changed: bool(np.percentile(changed, 2) > np.percentile(usual, 2) + 20)),
    "hologram": ({"hologram": 0.5}, lambda usual, changed: colourful(changed) > 1.01 * colourful(usual)),
    "scratches": ({"scratches": 30}, lambda usual, changed: 0.5 < alike(usual, changed) < 0.998),
    "bow": ({"bow": 0.02}, lambda usual, changed: alike(usual, changed) < 0.97),
    "fingers": ({"fingers": True}, lambda usual, changed: 0.3 < alike(usual, changed) < 0.999),
}


def unevenness(usual: Picture, changed: Picture) -> float:
    """How differently nine parts of a picture were changed."""
    shares = cv2.resize(grey(changed), (3, 3), interpolation=cv2.INTER_AREA) / cv2.resize(
        grey(usual), (3, 3), interpolation=cv2.INTER_AREA
    )
    return float(np.ptp(np.asarray(shares)))


def colourful(picture: Picture) -> float:
    return float(np.ptp(picture.astype(np.int16), axis=2).mean())


class TestConditions:
    @pytest.mark.parametrize("name", CHANGES)
    def test_each_does_what_it_says(self, name: str) -> None:
        """On the same document, all else alike."""
        changes, holds = CHANGES[name]
        specimen = drawn(MrzFormat.TD2, 7, px_per_mm=6)
        taken = Conditions("card", document_px=600, quality=95)
        usual, changed = (
            rectified(*photograph(specimen.images[0], default_rng(8), each), specimen.images[0])
            for each in (taken, replace(taken, **changes))  # type: ignore[arg-type]
        )
        assert holds(usual, changed)

    @pytest.mark.parametrize("mount", get_args(Mount))
    def test_typical_ones_are_within_what_is_told(self, mount: Mount) -> None:
        drawn_ones = [Conditions.typical(default_rng(seed), mount) for seed in range(500)]
        bow = 0.0015 if mount == "card" else 0.008
        for each in drawn_ones:
            assert 1000 <= each.document_px <= 2200
            assert 0.6 <= each.fill <= 0.95
            assert np.hypot(each.yaw_deg, each.pitch_deg) <= 15
            assert max(map(abs, each.offset)) <= 1
            assert abs(each.bow) <= bow
            assert 0.4 <= each.defocus_px <= 0.0008 * 2200
            assert each.motion_px <= min(3, 0.0015 * each.document_px)
            assert 75 <= each.quality <= 95
            assert 0.01 <= each.sheen <= 0.08
            assert each.mount == mount
        assert {each.surface for each in drawn_ones} == set(SURFACES)
        assert 0.3 < np.mean([bool(each.shadow) for each in drawn_ones]) < 0.5
        assert 0.25 < np.mean([each.fingers for each in drawn_ones]) < 0.45
        assert 0.3 < np.mean([any(lamp.strength > 1 for lamp in each.glares) for each in drawn_ones]) < 0.4
        assert max(abs(each.roll_deg) for each in drawn_ones) > 170

    @pytest.mark.parametrize("fault", get_args(Fault))
    def test_hard_ones_hide_characters(self, fault: Fault) -> None:
        specimen = drawn(MrzFormat.TD3)
        for seed in range(2):
            taken = Conditions.hard(fault, default_rng(seed), specimen.mount)
            scale = min(1.0, 600 / taken.document_px)
            taken = replace(taken, document_px=scale * taken.document_px, defocus_px=scale * taken.defocus_px)
            photo, corners = photograph(specimen.images[-1], default_rng(seed), taken)
            zone = zone_of(specimen, photo, corners)
            outside = ((corners < 0) | (corners > photo.shape[1::-1])).any(axis=1)
            match fault:
                case "glare":
                    assert (zone.min(axis=2) > 240).mean() > 0.05
                case "blur":
                    left, upper, right, lower = specimen.zone_box_px
                    assert detail(zone) < 0.35 * detail(specimen.images[-1][upper:lower, left:right])
                case "cut":
                    assert outside.sum() >= 2
                case "small":
                    assert np.linalg.norm(corners[1] - corners[0]) < 270
                case "dark":
                    assert np.percentile(photo, 99) < 60


class TestSurfaces:
    @pytest.mark.parametrize("name", SURFACES)
    @pytest.mark.parametrize("size_px", [(40, 30), (301, 400)])
    def test_light_of_the_size_asked_for(self, name: str, size_px: tuple[int, int]) -> None:
        light = SURFACES[name](size_px, np.full(3, 0.4, dtype=np.float32), default_rng(1))
        assert light.shape == (size_px[1], size_px[0], 3)
        assert light.dtype == np.float32
        assert np.isfinite(light).all()
        assert light.std() > 0.005

    def test_noise_in_octaves(self) -> None:
        noise = fractal((300, 200), 2, 60, default_rng(1))
        assert noise.std() == pytest.approx(1, abs=1e-3)
        coarse, fine = (np.abs(np.diff(fractal((300, 200), 2, end, default_rng(1)), axis=1)).mean() for end in (2, 150))
        assert coarse < 0.5 * fine


def test_the_holders_face_is_found_in_a_clean_photo(verifier: Verifier) -> None:
    """In the place of the portrait, and it is theirs; the ghost image beside it is another, smaller face."""
    specimen = drawn(MrzFormat.TD3)
    taken = replace(Conditions.clean(default_rng(4), specimen.mount), document_px=1500)
    photo, corners = photograph(specimen.images[0], default_rng(4), taken)
    left, upper, right, lower = specimen.portrait_box_px
    crop = rectified(photo, corners, specimen.images[0])[
        max(0, upper - 40) : lower + 40, max(0, left - 40) : right + 40
    ]
    printed, straight = verifier.acquire(np.ascontiguousarray(crop)), verifier.acquire(portrait(PEOPLE[0]))
    assert verifier.compare(reference=printed, probe=straight).outcome is Outcome.MATCH
