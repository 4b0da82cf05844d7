"""Marks to lines to blocks: at any turn, bent, with gaps, and never more than is there."""

from math import cos, hypot, radians, sin

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng
from numpy.typing import NDArray

from tests.document.page import drawn, laid, needs_font, table
from visavis.document.mrz import MrzFormat
from visavis.document.page.locate import Block, Line, LineFinder, blocks
from visavis.document.page.networks import FINDER
from visavis.weights import ModelStore

Odds = NDArray[np.float32]


def marked(*lines: tuple[float, float, float, float], thick: int = 4) -> Odds:
    """Log odds with bars of marks from (x, y) to (x, y), in cells."""
    odds = np.full((300, 400), -5, dtype=np.float32)
    for x, y, u, v in lines:
        cv2.line(odds, (round(x), round(y)), (round(u), round(v)), 5.0, thick)
    return odds


def at(turn_deg: float, aside: float, start: float = -120, end: float = 120) -> tuple[float, float, float, float]:
    """A line through the middle but for `aside`, in cells."""
    c, s = cos(radians(turn_deg)), sin(radians(turn_deg))
    return (
        200 + c * start - s * aside,
        150 + s * start + c * aside,
        200 + c * end - s * aside,
        150 + s * end + c * aside,
    )


class TestLine:
    line = Line((10.0, 20.0), (110.0, 20.0), 4.0)

    def test_points_on_it_and_beside_it(self) -> None:
        assert self.line.at(0) == (10, 20)
        assert self.line.at(50) == (60, 24)
        assert self.line.at(50, 3) == (60, 27)
        assert self.line.seen((60.0, 27.0)) == (50, 7)
        assert self.line.middle == (60, 24)

    def test_turned_it_runs_through_the_same_points(self) -> None:
        for along in (0.0, 20.0, 50.0, 100.0):
            there, back = self.line.at(along), self.line.turned().at(100 - along)
            assert there == pytest.approx(back)

    def test_scaled_and_moved(self) -> None:
        assert self.line.scaled(2).at(100) == (120, 48)
        assert self.line.beside(5).at(50) == (60, 29)


class TestBlocks:
    @pytest.mark.parametrize("turn_deg", range(0, 360, 35))
    def test_two_lines_at_any_turn(self, turn_deg: int) -> None:
        (block,) = blocks(marked(at(turn_deg, -7), at(turn_deg, 7)))
        assert len(block.lines) == 2
        for line in block.lines:
            assert line.length == pytest.approx(482, abs=12)
        apart = block.lines[0].seen(block.lines[1].middle)[1]
        assert apart == pytest.approx(28, abs=2), "the second lies to the right of the first"

    def test_three_lines_of_a_card(self) -> None:
        (block,) = blocks(marked(at(10, -11), at(10, 0), at(10, 11)))
        assert len(block.lines) == 3

    def test_a_gap_that_glare_leaves_is_bridged(self) -> None:
        (block,) = blocks(marked(at(20, -8, -120, -10), at(20, -8, 25, 120), at(20, 8)))
        assert [round(line.length / 482, 1) for line in block.lines] == [1.0, 1.0]

    def test_a_line_of_which_little_is_seen_runs_as_the_longest_does(self) -> None:
        (block,) = blocks(marked(at(20, -8, -60, 80), at(20, 8)))
        short, long = block.lines
        assert short.length == long.length == block.longest.length

    def test_a_bent_line(self) -> None:
        odds = np.full((300, 400), -5, dtype=np.float32)
        x = np.arange(60, 341)
        for aside in (0, 16):
            y = 140 + aside + 6 * (1 - ((x - 200) / 140) ** 2)
            cv2.polylines(
                odds, [np.stack([x, y], axis=1).round().astype(np.int32)], isClosed=False, color=5.0, thickness=4
            )
        (block,) = blocks(odds)
        assert [abs(line.sag) for line in block.lines] == pytest.approx([12, 12], abs=1.5)

    def test_lines_that_run_together_are_taken_apart_by_their_surest_marks(self) -> None:
        odds = marked(at(0, -8), at(0, 8))
        odds[145:156, 150:250] = 1.0
        (block,) = blocks(odds)
        assert len(block.lines) == 2

    def test_a_patch_and_a_speck_are_no_lines(self) -> None:
        assert blocks(marked((100, 100, 180, 100), thick=60)) == ()
        assert blocks(marked((100, 100, 104, 100))) == ()
        assert blocks(np.full((300, 400), -5, dtype=np.float32)) == ()

    def test_two_documents_are_two_blocks(self) -> None:
        found = blocks(marked((20, 50, 180, 50), (20, 62, 180, 62), (220, 200, 380, 200), (220, 212, 380, 212)))
        assert [len(block.lines) for block in found] == [2, 2]

    @settings(max_examples=30)
    @given(st.integers(0, 2**32 - 1), st.floats(0.02, 0.6))
    def test_whatever_is_marked_there_are_few_blocks_of_few_lines(self, seed: int, share: float) -> None:
        rng = default_rng(seed)
        noise = cv2.GaussianBlur(rng.normal(0, 1, (152, 200)).astype(np.float32), (0, 0), float(rng.uniform(0.5, 4)))
        found = blocks(np.asarray(noise - np.quantile(noise, 1 - share), dtype=np.float32) * 20)
        assert len(found) <= 4
        assert all(1 <= len(block.lines) <= 4 and np.isfinite(block.pitch) for block in found)


@needs_font
class TestFinder:
    def nearest(self, found: Block, corners: NDArray[np.float32]) -> float:
        """How far the block's middle is from that of the page's lower edge, over the page's width."""
        x, y = np.mean([line.middle for line in found.lines], axis=0)
        low = (corners[2] + corners[3]) / 2
        return hypot(x - low[0], y - low[1]) / hypot(*(corners[1] - corners[0]))

    @pytest.mark.parametrize("turn_deg", [73, 180])
    def test_the_zone_is_among_the_blocks_at_any_turn(self, store: ModelStore, turn_deg: int) -> None:
        photo, corners = laid(drawn(MrzFormat.TD3).images[0], table(), turn_deg=turn_deg)
        finder = LineFinder(store, FINDER)
        near = [
            block
            for search in finder.find(photo[..., 1])
            for block in search
            if self.nearest(block, corners) < 0.14 and len(block.lines) == 2
        ]
        assert near
        assert near[0].longest.length == pytest.approx(1000 * 0.894, rel=0.08)

    def test_on_a_table_there_is_nothing(self, store: ModelStore) -> None:
        assert not any(LineFinder(store, FINDER).find(table()[..., 0]))
