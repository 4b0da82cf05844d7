"""Lines to characters: what is drawn in OCR-B is read as it was drawn, and what is not sure is said to be so."""

from typing import ClassVar

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from tests.document.page import Pixels, needs_font
from visavis.document.mrz import ALPHABET
from visavis.document.page.characters import HEIGHT_PX, PITCH_PX, WIDTH_PX, LineReader, Picture, Row, straightened
from visavis.document.page.locate import Line
from visavis.document.page.networks import READER
from visavis.evaluation.specimens import OCR_B
from visavis.weights import ModelStore

Floats = NDArray[np.float32]
COLUMNS = WIDTH_PX // 4


def written(text: str, pitch: float = 30.0, left: float = 60.0) -> tuple[Pixels, Line]:
    """A text in OCR-B, and the line it stands in."""
    font = ImageFont.truetype(str(OCR_B), pitch / 0.723)
    width = round(2 * left + len(text) * pitch)
    sheet = PillowImage.new("RGB", (width, 200), (225, 228, 220))
    for place, character in enumerate(text):
        ImageDraw.Draw(sheet).text(
            (left + (place + 0.5) * pitch, 110), character, fill=(40, 40, 45), font=font, anchor="ms"
        )
    middle = 110 - 0.5 * pitch
    return np.asarray(sheet), Line((left, middle), (left + len(text) * pitch, middle), 0.0)


def seen(pixels: Pixels, line: Line, pitch: float) -> Pixels:
    along = (np.arange(WIDTH_PX, dtype=np.float32) + 0.5) * np.float32(pitch / PITCH_PX) - np.float32(3 * pitch)
    return straightened(Picture(pixels), line, along, pitch)


def logs(text: str, *, start: int = 3, doubt: float = 0.01) -> Floats:
    """What the network would say of a text that stands evenly from a place on. doubt: for the alphabet's next character."""
    share = np.full((COLUMNS, len(ALPHABET) + 1), 1e-6)
    share[:, -1] = 1
    for place, character in enumerate(text, start):
        middle = place * 5 + 2
        index = ALPHABET.index(character)
        share[middle - 1 : middle + 2] = 1e-6
        share[middle - 1 : middle + 2, index] = 1 - doubt
        share[middle - 1 : middle + 2, (index + 1) % len(ALPHABET)] = doubt
    return np.asarray(np.log(share / share.sum(axis=1, keepdims=True)), dtype=np.float32)


def likeliest(row: Row) -> str:
    return "".join(each[0] for each in row.candidates())


class TestRow:
    text = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"

    def test_a_row_of_unknown_length_is_counted(self) -> None:
        row = Row.counted(logs(self.text))
        assert likeliest(row) == self.text
        assert row.step == pytest.approx(1, abs=0.01)
        assert row.worth == pytest.approx(44)

    def test_of_a_known_length_it_is_placed(self) -> None:
        row = Row.placed(logs(self.text, start=4), 4, 44)
        assert likeliest(row) == self.text
        assert row.places == pytest.approx(np.arange(4, 48), abs=0.1)

    def test_where_characters_stand_they_are_held_there(self) -> None:
        held = Row.held(logs("ABC", start=10))
        assert np.nonzero(held > 0)[0].tolist() == [10, 11, 12]

    def test_what_is_possible_is_a_candidate_and_what_is_not_is_none(self) -> None:
        assert Row.placed(logs("0AZ", doubt=0.2), 3, 3).candidates() == ["01", "AB", "Z<"]
        assert Row.placed(logs("0AZ", doubt=0.001), 3, 3).candidates() == ["0", "A", "Z"]

    def test_nothing_is_sure_where_nothing_stands(self) -> None:
        row = Row.placed(logs(""), 3, 30)
        assert row.worth <= 0
        assert row.score < -3

    @settings(max_examples=40)
    @given(st.integers(0, 2**32 - 1), st.floats(0.1, 20))
    def test_whatever_the_network_says_there_are_candidates(self, seed: int, strength: float) -> None:
        rng = default_rng(seed)
        raw = rng.normal(0, strength, (COLUMNS, len(ALPHABET) + 1)).astype(np.float32)
        said = np.asarray(
            raw - np.log(np.exp(raw - raw.max()).sum(axis=1, keepdims=True)) - raw.max(), dtype=np.float32
        )
        for row in (Row.counted(said), Row.placed(said, 0, 44), Row.placed(said, 21, 30)):
            assert all(0 < len(set(each)) == len(each) <= 6 for each in row.candidates())
            assert np.isfinite(row.places).all()

    def test_it_says_nothing_of_itself(self) -> None:
        assert repr(Row.counted(logs(self.text))) == "<Row>"


class TestStraightened:
    """A ramp tells where each pixel comes from."""

    ramp: ClassVar[Pixels] = np.moveaxis(np.indices((200, 200))[[1, 0, 0]], 0, -1).astype(np.uint8)

    def test_along_and_across(self) -> None:
        line = Line((20.0, 100.0), (180.0, 100.0), 0.0)
        along = np.linspace(0, 160, WIDTH_PX, dtype=np.float32)
        drawn = straightened(Picture(self.ramp), line, along, 20.0)
        assert drawn.shape == (HEIGHT_PX, WIDTH_PX, 3)
        assert np.abs(drawn[:, :, 0] - (20 + along - 0.5)).max() <= 1
        middle = 100 + 0.15 * 20
        assert np.abs(drawn[:, 5, 1] - (middle + np.arange(HEIGHT_PX) - HEIGHT_PX / 2)).max() <= 1

    def test_bent_and_turned(self) -> None:
        line = Line((100.0, 180.0), (100.0, 20.0), 10.0)  # upwards, bent to the right
        along = np.linspace(0, 160, WIDTH_PX, dtype=np.float32)
        drawn = straightened(Picture(self.ramp), line, along, 20.0)
        middle = 100 + 4 * (along / 160) * (1 - along / 160) * 10 + 3
        assert np.abs(drawn[HEIGHT_PX // 2, :, 0] - middle).max() <= 1.5
        assert np.abs(drawn[HEIGHT_PX // 2, :, 1] - (180 - along)).max() <= 1.5

    def test_what_is_outside_is_black(self) -> None:
        line = Line((-500.0, -500.0), (-300.0, -500.0), 0.0)
        along = np.linspace(0, 160, WIDTH_PX, dtype=np.float32)
        assert not straightened(Picture(self.ramp), line, along, 20.0).any()

    def test_large_print_is_halved_first(self) -> None:
        dots = np.zeros((400, 400, 3), dtype=np.uint8)
        dots[::4] = 255  # one row of four: sampled bilinearly at a quarter of the size, it would be all or nothing
        line = Line((0.0, 200.0), (400.0, 200.0), 0.0)
        drawn = straightened(Picture(dots), line, np.linspace(10, 390, WIDTH_PX, dtype=np.float32), 4.0 * PITCH_PX)
        assert np.abs(drawn.astype(int) - 64).max() <= 2


@needs_font
class TestReader:
    @pytest.mark.parametrize("pitch", [11.0, 20.0, 47.0])
    def test_every_character_is_read_as_it_is_drawn(self, store: ModelStore, pitch: float) -> None:
        reader = LineReader(store, READER)
        for text in (ALPHABET, "O0Q<B8S5Z2I1G6DUVYKX<<CEL<<<<T7J3<W4A9HMNFPR"):
            pixels, line = written(text, pitch)
            assert likeliest(Row.counted(reader.columns(seen(pixels, line, pitch)))) == text

    def test_blurred_beyond_reading_nothing_is_sure(self, store: ModelStore) -> None:
        pixels, line = written(ALPHABET, 30.0)
        soft = np.asarray(cv2.GaussianBlur(pixels, (0, 0), 14), dtype=np.uint8)
        row = Row.counted(LineReader(store, READER).columns(seen(soft, line, 30.0)))
        assert row.worth < 8

    def test_probabilities_add_up(self, store: ModelStore) -> None:
        said = LineReader(store, READER).columns(np.zeros((HEIGHT_PX, WIDTH_PX, 3), dtype=np.uint8))
        assert said.shape == (COLUMNS, len(ALPHABET) + 1)
        assert np.exp(said).sum(axis=1) == pytest.approx(1, abs=1e-4)
