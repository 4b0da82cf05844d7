"""Pages are found where they lie: by their zone, by their edges, and by both."""

from math import hypot

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng
from numpy.typing import NDArray

from tests.document.page import Pixels, laid, table
from visavis.document.mrz import MrzFormat
from visavis.document.page.outline import LAYOUTS, PITCH_MM, page_by_edges, page_of_zone

CHARACTERS = {
    MrzFormat.TD1: (3, 30),
    MrzFormat.TD2: (2, 36),
    MrzFormat.TD3: (2, 44),
    MrzFormat.MRV_A: (2, 44),
    MrzFormat.MRV_B: (2, 36),
}


def blank(mrz_format: MrzFormat, level: int = 210) -> Pixels:
    layout = LAYOUTS[mrz_format]
    return np.full((round(10 * layout.height), round(10 * layout.width), 3), level, dtype=np.uint8)


def middles(mrz_format: MrzFormat, corners: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Where the characters of a page's zone are in the photo."""
    layout = LAYOUTS[mrz_format]
    lines, count = CHARACTERS[mrz_format]
    matrix = cv2.getPerspectiveTransform(layout.corners.astype(np.float32), corners)
    x = (layout.width - PITCH_MM * (count - 1)) / 2 + PITCH_MM * np.arange(count)
    rows = [
        np.stack([x, np.full(count, layout.height - layout.last - layout.line * row)], axis=1) for row in range(lines)
    ]
    return [cv2.perspectiveTransform(row[None], matrix)[0].astype(np.float32) for row in reversed(rows)]


def off(found: NDArray[np.floating], corners: NDArray[np.float32]) -> float:
    """The largest error, over the page's width."""
    return float(np.abs(found - corners).max() / hypot(*(corners[1] - corners[0])))


class TestByZone:
    @pytest.mark.parametrize(("mrz_format", "turn_deg"), [*zip(MrzFormat, (0, 130, 255, 40, 300), strict=True)])
    def test_all_corners_to_within_a_hundredth_where_edges_are_seen(
        self, mrz_format: MrzFormat, turn_deg: float
    ) -> None:
        photo, corners = laid(blank(mrz_format), table(), turn_deg=turn_deg, tilt=0.03)
        assert off(page_of_zone(photo, middles(mrz_format, corners), LAYOUTS[mrz_format]), corners) < 0.01

    def test_where_no_edge_is_seen_about_there(self) -> None:
        photo, corners = laid(blank(MrzFormat.TD3, 70), table(), turn_deg=40, tilt=0.02)
        assert off(page_of_zone(photo, middles(MrzFormat.TD3, corners), LAYOUTS[MrzFormat.TD3]), corners) < 0.06

    def test_the_photo_s_border_is_no_edge_of_it(self) -> None:
        photo, corners = laid(blank(MrzFormat.TD2), table(), middle=(1300, 700))
        found = page_of_zone(photo, middles(MrzFormat.TD2, corners), LAYOUTS[MrzFormat.TD2])
        assert found[:, 0].max() > photo.shape[1], "the page goes on beyond the photo"

    @settings(max_examples=25, deadline=None)
    @given(st.integers(0, 2**32 - 1))
    def test_on_any_picture_there_are_four_finite_corners(self, seed: int) -> None:
        rng = default_rng(seed)
        picture = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
        x = np.linspace(rng.uniform(-50, 50), rng.uniform(90, 300), 44)
        lines = [
            np.stack([x, np.full(44, y)], axis=1).astype(np.float32) for y in (rng.uniform(0, 60), rng.uniform(70, 200))
        ]
        assert np.isfinite(page_of_zone(picture, lines, LAYOUTS[MrzFormat.TD3])).all()


class TestByEdges:
    @pytest.mark.parametrize(("turn_deg", "width_px"), [(0, 400), (20, 1000), (65, 1000), (110, 400)])
    def test_a_page_on_a_table(self, turn_deg: float, width_px: float) -> None:
        photo, corners = laid(blank(MrzFormat.TD1), table(), turn_deg=turn_deg, tilt=0.03, width_px=width_px)
        found = page_by_edges(photo)
        assert found is not None
        assert min(off(np.roll(found, turn, axis=0), corners) for turn in range(4)) < 0.02

    def test_none_on_a_table_alone(self) -> None:
        assert page_by_edges(table()) is None

    def test_a_square_is_no_page(self) -> None:
        photo, _ = laid(np.full((500, 500, 3), 220, dtype=np.uint8), table(), width_px=600)
        assert page_by_edges(photo) is None

    def test_the_page_is_taken_and_not_the_portrait_on_it(self) -> None:
        page = blank(MrzFormat.TD1)
        page[130:440, 35:275] = 60
        photo, corners = laid(page, table(), turn_deg=8)
        found = page_by_edges(photo)
        assert found is not None
        assert min(off(np.roll(found, turn, axis=0), corners) for turn in range(4)) < 0.02

    def test_it_must_hold_the_face_and_be_as_large_as_it_makes_likely(self) -> None:
        photo, _ = laid(blank(MrzFormat.TD1), table(), width_px=800)
        assert page_by_edges(photo, (800, 600), (700, 900)) is not None
        assert page_by_edges(photo, (50, 60), (700, 900)) is None
        assert page_by_edges(photo, (800, 600), (300, 500)) is None

    @settings(max_examples=25, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.integers(2, 200), st.integers(2, 200))
    def test_on_any_picture_it_is_a_quadrilateral_or_none(self, seed: int, width: int, height: int) -> None:
        found = page_by_edges(default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))
        assert found is None or (found.shape == (4, 2) and np.isfinite(found).all())
