"""What may be wrong with a photo is told from what is not."""

import cv2
import numpy as np
from numpy.random import default_rng

from tests.document.page import Pixels, drawn, needs_font, table
from visavis.document.mrz import MrzFormat
from visavis.document.page import faults
from visavis.document.page.characters import HEIGHT_PX, WIDTH_PX, Row


def blurred(pixels: Pixels, sigma_px: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma_px), dtype=np.uint8)


class TestHidden:
    row = Row(np.ones((3, 37), np.float32), np.array([4, 5, 6], np.float32), 0.0, 3.0, 0.0)

    def line(self) -> Pixels:
        picture = np.full((HEIGHT_PX, WIDTH_PX, 3), 190, dtype=np.uint8)
        for middle in (100, 120, 140):
            picture[8:24, middle - 4 : middle + 4] = 40
        return picture

    def test_print_on_bright_paper_is_not_hidden(self) -> None:
        assert faults.hidden(self.line(), self.row) == 0

    def test_what_light_covers_is(self) -> None:
        picture = self.line()
        picture[:, 108:156] = 252
        assert faults.hidden(picture, self.row) == 2

    def test_darkness_and_the_photo_s_outside_hide_otherwise(self) -> None:
        picture = self.line()
        picture[:, 108:156] = 0
        assert faults.hidden(picture, self.row) == 0


@needs_font
class TestBlurred:
    page = staticmethod(lambda: drawn(MrzFormat.TD3).images[0])

    def test_a_page_that_can_be_read_is_not(self) -> None:
        page = self.page()
        for sigma in (0.4, 1.0):  # up to 0.09 % of its width
            assert not faults.blurred_page(blurred(page, sigma), page.shape[1])

    def test_a_page_that_cannot_is(self) -> None:
        page = self.page()
        assert faults.blurred_page(blurred(page, 0.005 * page.shape[1]), page.shape[1])

    def test_noise_does_not_make_it_sharp(self) -> None:
        page = blurred(self.page(), 8.0)
        noisy = np.clip(page + default_rng(0).normal(0, 2.5, page.shape), 0, 255).astype(np.uint8)
        assert faults.blurred_page(noisy, page.shape[1])


class TestLight:
    def test_dark(self) -> None:
        assert faults.dark(table(level=20))
        assert not faults.dark(table(level=70))

    def test_a_reflection(self) -> None:
        page = table(1000, 700, level=200)
        assert not faults.reflects(page)
        cv2.circle(page, (500, 300), 80, (255, 255, 255), -1)
        assert faults.reflects(page)
