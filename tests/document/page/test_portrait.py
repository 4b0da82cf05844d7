"""A page seen straight, and the cut around a face on it."""

import numpy as np
import pytest

from tests.document.page import laid, table
from visavis.document.page.portrait import cut, page_size_px, straight
from visavis.face import Face


def face(x: float, y: float, side: float) -> Face:
    return Face((x, y, side, side), np.zeros((5, 2), dtype=np.float32), 0.9)


class TestStraight:
    def test_what_was_laid_askew_is_seen_as_it_was(self) -> None:
        page = np.zeros((540, 860, 3), dtype=np.uint8)
        page[..., 0] = np.linspace(40, 200, 860)
        page[..., 1] = np.linspace(40, 200, 540)[:, None]
        photo, corners = laid(page, table(), turn_deg=123, tilt=0.05)
        seen = straight(photo, corners, 860, 540)
        margin = round(0.04 * 860)
        assert seen.shape == (540 + 2 * margin, 860 + 2 * margin, 3)
        assert (
            np.abs(seen[margin + 5 : -margin - 5, margin + 5 : -margin - 5].astype(int) - page[5:-5, 5:-5]).max() <= 3
        )

    def test_the_size_is_that_in_the_photo_and_bounded(self) -> None:
        square = np.array([[0, 0], [850, 0], [850, 500], [0, 500]], dtype=np.float64)
        assert page_size_px(square, 1.7) == (850, 500)
        assert page_size_px(square * 10, 1.7) == (2000, 1176)
        lying = np.roll(square, 1, axis=0)  # seen at right angles: its height is what is long
        assert page_size_px(lying, 1.7)[0] == pytest.approx(850 * 1.7, abs=1)


class TestCut:
    page = np.zeros((600, 900, 3), dtype=np.uint8)

    def test_around_the_face_with_what_is_printed_around_it(self) -> None:
        portrait = cut(self.page, face(300, 200, 100))
        assert portrait.shape == (280, 220, 3)

    @pytest.mark.parametrize(("x", "y"), [(0, 0), (880, 590), (-30, 300), (850, -40)])
    def test_at_the_page_s_edge_it_is_smaller(self, x: float, y: float) -> None:
        portrait = cut(self.page, face(x, y, 100))
        assert 0 < portrait.shape[0] <= 280
        assert 0 < portrait.shape[1] <= 220

    def test_it_is_a_copy(self) -> None:
        assert not np.shares_memory(cut(self.page, face(300, 200, 100)), self.page)
