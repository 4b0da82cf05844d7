from collections.abc import Callable
from dataclasses import replace
from math import cos, radians, sin

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.conftest import PEOPLE, encoded, person, pixels
from visavis.face import MEASURES, AlignedFace, Face, Measure, Quality, align, assess
from visavis.image import Image, Photo
from visavis.verifier import Verifier
from visavis.weights import shipped_card

Picture = NDArray[np.uint8]

CONTRACT = shipped_card("sface-2021dec").input
TEMPLATE = np.asarray(CONTRACT.landmarks_px)

HEAD = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0, 0.66, 0.57], [-0.42, 1.14, 0.0], [0.42, 1.14, 0.0]])
"""A head of our own, near the average: landmarks in inter-eye distances, x to the image's right, y down, z to the camera."""


@pytest.fixture(scope="module")
def subject(verifier: Verifier) -> tuple[Image, Face, AlignedFace]:
    """A portrait, its face, and the face aligned."""
    photo = Photo(pixels("P001", "studio_portrait"))
    face = verifier.acquire(photo).report.face
    assert face is not None
    image = photo.decode()
    return image, face, align(image, face, CONTRACT)


def turned_head(yaw_deg: float = 0, pitch_deg: float = 0, roll_deg: float = 0) -> Face:
    """The head seen from far away: tilted clockwise, turned to the image's right, then lifted, as the camera sees it."""
    yaw, pitch, roll = map(radians, (yaw_deg, pitch_deg, roll_deg))
    about_y = np.array([[cos(yaw), 0, sin(yaw)], [0, 1, 0], [-sin(yaw), 0, cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, cos(pitch), -sin(pitch)], [0, sin(pitch), cos(pitch)]])
    about_z = np.array([[cos(roll), -sin(roll), 0], [sin(roll), cos(roll), 0], [0, 0, 1]])
    points = HEAD @ (about_x @ about_y @ about_z).T * 90 + 300
    return Face((200.0, 180.0, 200.0, 260.0), points[:, :2].astype(np.float32), 0.9)


def flat(value: int) -> AlignedFace:
    return AlignedFace(np.full((112, 112, 3), value, dtype=np.uint8))


def quality_of(face: Face, aligned: AlignedFace | None = None, size_px: tuple[int, int] = (600, 600)) -> Quality:
    image = Image(np.zeros((1, 1, 3), dtype=np.uint8), None, size_px)
    return assess(image, face, aligned or flat(128))


def score_of(measure: Measure) -> int:
    assert measure.score is not None
    return measure.score


def raw(quality: Quality, name: str) -> float:
    value = quality[name].raw
    assert value is not None
    return value


def score(quality: Quality, name: str) -> int:
    return score_of(quality[name])


class TestTheMapping:
    def test_the_names_in_their_order(self, subject: tuple[Image, Face, AlignedFace]) -> None:
        quality = assess(*subject)
        assert tuple(quality) == MEASURES
        assert len(quality) == len(MEASURES) == 14

    def test_an_unknown_name(self, subject: tuple[Image, Face, AlignedFace]) -> None:
        quality = assess(*subject)
        with pytest.raises(KeyError, match="beauty"):
            quality["beauty"]
        assert "beauty" not in quality
        assert quality.get("beauty") is None

    def test_it_is_silent(self, subject: tuple[Image, Face, AlignedFace]) -> None:
        assert repr(assess(*subject)) == "<Quality>"

    def test_what_cannot_be_taken_has_neither_value(self, subject: tuple[Image, Face, AlignedFace]) -> None:
        """An array was never compressed."""
        assert assess(*subject)["compression"] == Measure(None, None)

    @given(
        points=st.lists(st.floats(-1e4, 1e4, width=32), min_size=10, max_size=10),
        box=st.tuples(*[st.floats(-5000, 5000)] * 2, *[st.floats(0, 5000)] * 2),
        grey=st.integers(0, 255),
    )
    def test_scores_stay_within_their_range_whatever_the_face(
        self, points: list[float], box: tuple[float, float, float, float], grey: int
    ) -> None:
        face = Face(box, np.array(points, dtype=np.float32).reshape(5, 2), 0.9)
        for name, measure in quality_of(face, flat(grey)).items():
            if name != "compression":
                assert measure.raw is not None
                assert np.isfinite(measure.raw)
                assert measure.score is not None
                assert 0 <= measure.score <= 100

    @pytest.mark.parametrize("name", PEOPLE)
    def test_a_studio_portrait_is_good(self, name: str, verifier: Verifier) -> None:
        quality = verifier.acquire(person(name, "studio_portrait")).report.quality
        assert quality is not None
        assert {measure for measure in MEASURES if score(quality, measure) < 50} <= {"luminance_variance"}


class TestLight:
    def changed(self, subject: tuple[Image, Face, AlignedFace], how: Callable[[Picture], Picture]) -> Quality:
        image, face, aligned = subject
        return assess(image, face, AlignedFace(np.ascontiguousarray(how(aligned.pixels))))

    def test_blur_lowers_sharpness_step_by_step(self, subject: tuple[Image, Face, AlignedFace]) -> None:
        def blurred(sigma: float) -> Quality:
            return self.changed(subject, lambda p: np.asarray(cv2.GaussianBlur(p, (0, 0), sigma), dtype=np.uint8))

        looks = [assess(*subject), *map(blurred, (0.7, 1.5, 3.0, 6.0))]
        values = [raw(quality, "sharpness") for quality in looks]
        assert values == sorted(values, reverse=True)
        scores = [score(quality, "sharpness") for quality in looks]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] >= 60
        assert scores[-1] <= 10

    def test_sharpness_cares_little_for_contrast(self, subject: tuple[Image, Face, AlignedFace]) -> None:
        pale = self.changed(subject, lambda p: (p * 0.5 + 60).astype(np.uint8))
        assert raw(pale, "sharpness") == pytest.approx(raw(assess(*subject), "sharpness"), rel=0.15)

    def test_darkness(self, subject: tuple[Image, Face, AlignedFace]) -> None:
        as_it_is, dark = assess(*subject), self.changed(subject, lambda p: (p * 0.1).astype(np.uint8))
        assert raw(dark, "luminance_mean") < raw(as_it_is, "luminance_mean")
        assert score(dark, "luminance_mean") < 20 < 80 < score(as_it_is, "luminance_mean")
        assert raw(dark, "under_exposure") > 0.9
        assert score(dark, "under_exposure") == 0
        assert score(as_it_is, "under_exposure") > 90
        assert score(dark, "over_exposure") >= 99

    def test_glare(self, subject: tuple[Image, Face, AlignedFace]) -> None:
        as_it_is, bright = assess(*subject), self.changed(subject, lambda p: np.maximum(p, 250))
        assert raw(bright, "luminance_mean") > 0.9
        assert score(bright, "luminance_mean") < 20
        assert raw(bright, "over_exposure") == 1
        assert score(bright, "over_exposure") == 0
        assert score(as_it_is, "over_exposure") > 90
        assert score(bright, "under_exposure") == 100

    def test_a_flat_face_has_no_variance(self, subject: tuple[Image, Face, AlignedFace]) -> None:
        as_it_is, flattened = assess(*subject), self.changed(subject, lambda p: np.full_like(p, 128))
        assert raw(flattened, "luminance_variance") == 0 < raw(as_it_is, "luminance_variance")
        assert score(flattened, "luminance_variance") == 0 < score(as_it_is, "luminance_variance")

    def test_the_exposure_limits_count_themselves(self) -> None:
        """ISO/IEC 29794-5: at or under 25 is dark, at or over 247 bright."""
        shares = {
            grey: (raw(quality, "under_exposure"), raw(quality, "over_exposure"))
            for grey in (25, 26, 246, 247)
            for quality in [quality_of(turned_head(), flat(grey))]
        }
        assert shares == {25: (1, 0), 26: (0, 0), 246: (0, 0), 247: (0, 1)}


class TestHeadPose:
    @pytest.mark.parametrize("angle", [-40, -20, -5, 0, 5, 20, 40])
    @pytest.mark.parametrize("axis", ["yaw", "pitch", "roll"])
    def test_one_angle_at_a_time_within_four_degrees(self, axis: str, angle: int) -> None:
        quality = quality_of(turned_head(**{f"{axis}_deg": angle}))
        for name in ("yaw", "pitch", "roll"):
            expected = angle if name == axis else 0
            assert raw(quality, f"head_pose_{name}_deg") == pytest.approx(expected, abs=4)

    @pytest.mark.parametrize("angles", [(20, 10, 15), (-25, -15, 30), (15, -20, -35), (-10, 20, 160)])
    def test_three_angles_at_once_within_five_degrees(self, angles: tuple[int, int, int]) -> None:
        quality = quality_of(turned_head(*angles))
        measured = [raw(quality, f"head_pose_{name}_deg") for name in ("yaw", "pitch", "roll")]
        assert measured == pytest.approx(angles, abs=5)

    @pytest.mark.parametrize("axis", ["yaw", "pitch", "roll"])
    def test_turning_away_costs_score_on_either_side(self, axis: str) -> None:
        for sign in (-1, 1):
            name = f"head_pose_{axis}_deg"
            scores = [score(quality_of(turned_head(**{f"{axis}_deg": sign * angle})), name) for angle in (0, 20, 40)]
            assert scores == sorted(scores, reverse=True)
            assert scores[0] >= 98
            assert scores[-1] <= 70

    def test_a_tilted_photo_rolls_clockwise(self, verifier: Verifier) -> None:
        """By 15 degrees, less what the detector takes tilted landmarks for upright: up to five."""
        picture = pixels("P001", "studio_portrait")
        rolls = []
        for degrees in (0, 15):  # OpenCV turns anticlockwise
            turn = cv2.getRotationMatrix2D((500, 500), -degrees, 1.0)
            tilted = np.asarray(cv2.warpAffine(picture, turn, (1000, 1000)), dtype=np.uint8)
            quality = verifier.acquire(tilted).report.quality
            assert quality is not None
            rolls.append(raw(quality, "head_pose_roll_deg"))
        assert rolls[1] - rolls[0] == pytest.approx(15, abs=5)


class TestGeometry:
    def test_the_inter_eye_distance_grows_with_the_photo(self, verifier: Verifier) -> None:
        values = []
        for long_side in (250, 500, 1000):
            quality = verifier.acquire(pixels("P002", "studio_portrait", long_side)).report.quality
            assert quality is not None
            values.append((raw(quality, "inter_eye_distance_px"), score(quality, "inter_eye_distance_px")))
        assert values == sorted(values)
        assert values[2][0] / values[0][0] == pytest.approx(4, rel=0.05)
        assert values[0][1] < 30 < 90 < values[2][1]

    def test_a_turned_head_has_its_eyes_as_far_apart_as_before(self) -> None:
        """ISO/IEC 29794-5 divides by the cosine of yaw."""
        straight, turned = (raw(quality_of(turned_head(yaw)), "inter_eye_distance_px") for yaw in (0, 30))
        assert turned == pytest.approx(straight, rel=0.05)

    @pytest.mark.parametrize(
        ("name", "box"),
        [
            ("leftward_crop", (-60.0, 180.0, 200.0, 260.0)),
            ("rightward_crop", (460.0, 180.0, 200.0, 260.0)),
            ("margin_above", (200.0, -60.0, 200.0, 260.0)),
            ("margin_below", (200.0, 400.0, 200.0, 260.0)),
        ],
    )
    def test_a_box_over_the_edge_costs_that_margin_alone(
        self, name: str, box: tuple[float, float, float, float]
    ) -> None:
        within = turned_head()
        cut = quality_of(Face(box, within.landmarks_px, within.score))
        assert raw(cut, name) == pytest.approx(-60 / 90, abs=1e-3)
        assert score(cut, name) == 0
        for margin in {"leftward_crop", "rightward_crop", "margin_above", "margin_below"} - {name}:
            assert score(cut, margin) == score(quality_of(within), margin) == 100

    def test_margins_are_those_of_the_original_at_any_reduction(self) -> None:
        face = turned_head()
        image = Image(np.zeros((75, 75, 3), dtype=np.uint8), None, (600, 600), 8)
        for name in ("leftward_crop", "rightward_crop", "margin_above", "margin_below"):
            assert assess(image, face, flat(90))[name] == quality_of(face, flat(90))[name]


class TestCompression:
    def test_it_is_the_jpegs_quality_setting(self, subject: tuple[Image, Face, AlignedFace]) -> None:
        image, face, aligned = subject
        measured = {}
        for setting in (10, 30, 75, 95):
            decoded = Photo(encoded(image.pixels, "JPEG", quality=setting)).decode()
            measured[setting] = assess(decoded, face, aligned)["compression"]
            assert measured[setting].score == measured[setting].raw
        for setting in (30, 75, 95):
            assert measured[setting].raw == pytest.approx(setting, abs=2)
        assert 10 <= score_of(measured[10]) < 20  # the table's entries end at 255, so the lowest settings look alike

    def test_other_formats_have_none(self, subject: tuple[Image, Face, AlignedFace]) -> None:
        image, face, aligned = subject
        small = replace(image, pixels=image.pixels[::8, ::8].copy())
        assert assess(Photo(encoded(small.pixels, "PNG")).decode(), face, aligned)["compression"].score is None
