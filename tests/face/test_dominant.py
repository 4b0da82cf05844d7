import numpy as np
import pytest

from visavis.face import Face, central, dominant


def face(width: float, height: float, at: tuple[float, float] = (0.0, 0.0)) -> Face:
    """A face whose landmarks lie at one point."""
    return Face((*at, width, height), np.full((5, 2), at, dtype=np.float32), 0.9)


class TestDominant:
    def test_nobody(self) -> None:
        assert dominant([]) == "no_face"

    def test_one(self) -> None:
        only = face(1, 1)
        assert dominant([only]) is only

    @pytest.mark.parametrize("area", [50.0, 50.1, 99.0, 100.0])
    def test_another_of_half_the_area_or_more_is_one_too_many(self, area: float) -> None:
        assert dominant([face(10, 10), face(1, area)]) == "several_faces"
        assert dominant([face(1, area), face(10, 10)]) == "several_faces"

    def test_just_under_half_the_area_is_a_bystander(self) -> None:
        largest, other = face(10, 10), face(1, float(np.nextafter(50.0, 0.0)))
        assert dominant([largest, other]) is largest
        assert dominant([other, largest]) is largest

    def test_many_bystanders_are_no_second_face(self) -> None:
        largest = face(10, 10)
        assert dominant([*(face(1, 49) for _ in range(20)), largest]) is largest


class TestCentral:
    def test_nobody(self) -> None:
        assert central([], (100, 100)) is None

    def test_the_nearest_to_the_middle_whatever_its_size(self) -> None:
        corner, middle = face(90, 90, (5.0, 5.0)), face(2, 2, (110.0, 48.0))
        assert central([corner, middle], (200, 100)) is middle
        assert central([middle, corner], (200, 100)) is middle
        assert central([middle, corner], (20, 10)) is corner
