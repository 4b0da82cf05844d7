from math import cos, pi, radians, sin

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from visavis.face import AlignedFace, Face, align, sample, similarity
from visavis.image import Image
from visavis.weights import shipped_card

CONTRACT = shipped_card("sface-2021dec").input
TEMPLATE = np.asarray(CONTRACT.landmarks_px)
WIDTH, HEIGHT = 960, 720

Points = NDArray[np.floating]


def turned(points: Points, angle_deg: float, scale: float, shift: tuple[float, float]) -> NDArray[np.float64]:
    """The points turned about the origin, scaled, then shifted."""
    c, s = scale * cos(radians(angle_deg)), scale * sin(radians(angle_deg))
    moved: NDArray[np.float64] = np.asarray(points, dtype=np.float64) @ np.array([[c, s], [-s, c]]) + shift
    return moved


def mapped(matrix: NDArray[np.float64], points: Points) -> NDArray[np.float64]:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float64)


def wave(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """A smooth picture without an edge: grey levels of three colours at points given in pixels of the original."""
    channels = [
        128 + 50 * np.sin(2 * pi * x / 170 + phase) + 40 * np.cos(2 * pi * (y + 0.3 * x) / 150 - phase)
        for phase in (0.0, 0.8, 2.1)
    ]
    return np.stack(channels, axis=-1)


def smooth(reduction: int) -> Image:
    """The smooth picture, each pixel the average of `reduction`² of the original's."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    blocks = wave(x, y).reshape(HEIGHT // reduction, reduction, WIDTH // reduction, reduction, 3)
    return Image(np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8), None, (WIDTH, HEIGHT), reduction)


def about_the_middle(angle_deg: float, scale: float, side: int) -> NDArray[np.float64]:
    """The transform that brings the photo's middle to that of a square output."""
    source = np.array([[WIDTH / 2, HEIGHT / 2], [WIDTH / 2 + 1, HEIGHT / 2]])
    target = turned(source - source[0], angle_deg, scale, (side / 2, side / 2))
    return similarity(source, target)


class TestSimilarity:
    @given(
        angle=st.floats(-180, 180),
        scale=st.floats(0.02, 50),
        shift=st.tuples(st.floats(-5000, 5000), st.floats(-5000, 5000)),
    )
    def test_a_known_transform_is_recovered(self, angle: float, scale: float, shift: tuple[float, float]) -> None:
        matrix = similarity(TEMPLATE, turned(TEMPLATE, angle, scale, shift))
        expected = scale * np.array(
            [[cos(radians(angle)), -sin(radians(angle))], [sin(radians(angle)), cos(radians(angle))]]
        )
        np.testing.assert_allclose(matrix[:, :2], expected, atol=1e-9 * (1 + scale))
        np.testing.assert_allclose(matrix[:, 2], shift, atol=1e-6 * (1 + scale))

    @given(angle=st.floats(-180, 180), scale=st.floats(0.05, 20))
    def test_landmarks_that_are_the_templates_own_meet_it_exactly(self, angle: float, scale: float) -> None:
        landmarks = turned(TEMPLATE, angle, scale, (300.0, 200.0))
        np.testing.assert_allclose(mapped(similarity(landmarks, TEMPLATE), landmarks), TEMPLATE, atol=1e-7)

    def test_the_template_to_itself_is_the_identity(self) -> None:
        np.testing.assert_allclose(similarity(TEMPLATE, TEMPLATE), np.eye(2, 3), atol=1e-12)

    @given(
        noise=st.lists(st.floats(-15, 15), min_size=10, max_size=10),
        nudge=st.lists(st.floats(-0.2, 0.2), min_size=4, max_size=4),
    )
    def test_no_other_similarity_comes_nearer(self, noise: list[float], nudge: list[float]) -> None:
        source = TEMPLATE + np.reshape(noise, (5, 2))
        matrix = similarity(source, TEMPLATE)
        a, b, x, y = nudge
        other = matrix + np.array([[a, -b, x], [b, a, y]])
        distance, other_distance = (float(np.sum((mapped(m, source) - TEMPLATE) ** 2)) for m in (matrix, other))
        assert distance <= other_distance + 1e-9

    def test_a_reflection_is_never_used(self) -> None:
        mirrored = TEMPLATE * (-1, 1)
        matrix = similarity(mirrored, TEMPLATE)
        assert np.linalg.det(matrix[:, :2]) > 0
        assert np.abs(mapped(matrix, mirrored) - TEMPLATE).max() > 5


class TestSample:
    @pytest.mark.parametrize("reduction", [1, 2, 4, 8])
    @pytest.mark.parametrize("scale", [2.0, 1.0, 0.6, 0.45, 0.2])
    @pytest.mark.parametrize("angle", [0.0, 20.0])
    def test_every_reduction_shows_the_same_picture(self, reduction: int, scale: float, angle: float) -> None:
        """Against the picture's own formula: on average under one grey level of 255, nowhere over four."""
        matrix = about_the_middle(angle, scale, 112)
        drawn = sample(smooth(reduction), matrix, (112, 112)).astype(np.float64)
        y, x = np.mgrid[:112, :112] + 0.5
        inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
        place = mapped(inverse, np.stack([x.ravel(), y.ravel()], axis=1)).reshape(112, 112, 2)
        difference = np.abs(drawn - wave(place[..., 0], place[..., 1]))
        assert difference.mean() < 1.0
        assert difference.max() < 4.0

    def test_the_identity_changes_nothing(self) -> None:
        image = noise(37, 53)
        np.testing.assert_array_equal(sample(image, np.eye(2, 3), (37, 53)), image.pixels)

    @pytest.mark.parametrize(("dx", "dy"), [(1, 0), (0, 1), (-1, 0), (3, -2)])
    def test_a_shift_by_whole_pixels_shifts_by_whole_pixels(self, dx: int, dy: int) -> None:
        image = noise(40, 50)
        drawn = sample(image, np.array([[1.0, 0, dx], [0, 1, dy]]), (40, 50))
        expected = np.zeros_like(image.pixels)
        expected[max(0, dy) : 40 + min(0, dy), max(0, dx) : 50 + min(0, dx)] = image.pixels[
            max(0, -dy) : 40 - max(0, dy), max(0, -dx) : 50 - max(0, dx)
        ]
        np.testing.assert_array_equal(drawn, expected)

    def test_a_shift_of_the_original_is_a_fraction_of_a_reduced_pixel(self) -> None:
        """Eight pixels of the original are one of an image reduced eight times, and the output has the original's scale."""
        image = noise(10, 10, reduction=8)
        half = np.array([[1 / 8, 0, 0], [0, 1 / 8, 0]])
        np.testing.assert_array_equal(sample(image, half, (10, 10)), image.pixels)
        shifted = sample(image, half + np.array([[0, 0, 1], [0, 0, 0]]), (10, 10))
        np.testing.assert_array_equal(shifted[:, 1:], image.pixels[:, :-1])

    def test_twice_as_large_lays_four_pixels_on_one(self) -> None:
        """Whole coordinates are corners: the middle of a two-fold enlargement is the middle of the picture."""
        image = Image(np.full((8, 8, 3), 90, dtype=np.uint8), None, (8, 8))
        drawn = sample(image, np.eye(2, 3) * 2, (16, 16))
        np.testing.assert_array_equal(drawn[1:-1, 1:-1], 90)
        np.testing.assert_array_equal(drawn, drawn[::-1, ::-1])

    def test_a_quarter_turn_is_exact(self) -> None:
        image = noise(30, 20)
        np.testing.assert_array_equal(
            sample(image, np.array([[0.0, -1, 30], [1, 0, 0]]), (20, 30)), np.rot90(image.pixels, -1)
        )

    @pytest.mark.parametrize("scale", [4.0, 1.0, 0.1])
    def test_outside_is_black(self, scale: float) -> None:
        image = Image(np.full((60, 80, 3), 255, dtype=np.uint8), None, (80, 60))
        nowhere = np.array([[scale, 0, 5000], [0, scale, -5000]])
        assert not sample(image, nowhere, (20, 30)).any()
        partly = sample(image, np.array([[scale, 0, 15], [0, scale, 0]]), (20, 30))
        assert not partly[:, :12].any()  # the edge itself fades over one pixel of whichever is coarser
        assert (partly[2:5, 18:22] == 255).all()

    def test_fine_detail_is_averaged_when_it_shrinks(self) -> None:
        """A chequerboard of single pixels becomes grey, not one of its two colours."""
        board = np.indices((400, 400)).sum(axis=0) % 2 * 255
        image = Image(np.repeat(board[..., None], 3, axis=2).astype(np.uint8), None, (400, 400))
        drawn = sample(image, np.eye(2, 3) / 4, (100, 100))
        assert np.abs(drawn[2:-2, 2:-2].astype(int) - 127).max() <= 2

    def test_the_size_is_height_then_width(self) -> None:
        assert sample(noise(9, 9), np.eye(2, 3), (4, 7)).shape == (4, 7, 3)


class TestAlign:
    def test_landmarks_land_on_the_template(self) -> None:
        """Five white dots of the photo are the brightest places of the aligned face, where the model expects them."""
        landmarks = turned(TEMPLATE, 25, 3.0, (420.0, 150.0))
        y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
        light = sum(255 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 6.0**2)) for px, py in landmarks)
        picture = np.repeat(np.minimum(light, 255)[..., None], 3, axis=2).astype(np.uint8)
        face = Face((0, 0, 1, 1), landmarks.astype(np.float32), 1.0)
        drawn = align(Image(picture, None, (WIDTH, HEIGHT)), face, CONTRACT).pixels[..., 0].astype(np.float64)
        rows, columns = np.mgrid[:112, :112] + 0.5
        for px, py in TEMPLATE:
            weight = drawn * ((columns - px) ** 2 + (rows - py) ** 2 < 8**2)
            assert abs(float((weight * columns).sum() / weight.sum()) - px) < 0.1
            assert abs(float((weight * rows).sum() / weight.sum()) - py) < 0.1

    def test_an_aligned_face_is_read_only_and_silent(self) -> None:
        aligned = AlignedFace(np.zeros((112, 112, 3), dtype=np.uint8))
        assert repr(aligned) == "<AlignedFace>"
        with pytest.raises(ValueError, match="read-only"):
            aligned.pixels[0, 0, 0] = 1


class TestFace:
    @pytest.mark.parametrize(
        "landmarks", [np.zeros((4, 2), np.float32), np.zeros((5, 3), np.float32), np.zeros((5, 2), np.float64)]
    )
    def test_other_landmarks_are_refused(self, landmarks: NDArray[np.float32]) -> None:
        with pytest.raises(ValueError, match="landmarks"):
            Face((0, 0, 1, 1), landmarks, 1.0)

    def test_it_is_read_only_and_silent(self) -> None:
        face = Face((1.0, 2.0, 30.0, 40.0), TEMPLATE.astype(np.float32), 0.9)
        assert repr(face) == "<Face>"
        assert face.area_px == 1200
        assert face.inter_eye_distance_px == pytest.approx(35.24, abs=0.01)
        with pytest.raises(ValueError, match="read-only"):
            face.landmarks_px[0, 0] = 1


def noise(height: int, width: int, reduction: int = 1) -> Image:
    pixels = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image(pixels, None, (width * reduction, height * reduction), reduction)
