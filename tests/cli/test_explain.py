import sys
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from tests.cli import call


@pytest.fixture
def portrait(photos: Path) -> Path:
    return photos / "P001-portrait.jpg"


def picture(path: Path) -> PillowImage.Image:
    """The picture, which must be one."""
    with PillowImage.open(path) as opened:
        assert opened.format == "PNG"
        opened.load()
    return opened.convert("RGB")


@pytest.mark.parametrize(
    ("probe", "code"), [("P001-casual.jpg", 0), ("P003-casual.jpg", 1), ("wall.png", 2), ("distant.jpg", 2)]
)
def test_every_outcome_has_a_picture(probe: str, code: int, portrait: Path, photos: Path, tmp_path: Path) -> None:
    target = tmp_path / "why.png"
    answer = call("verify", portrait, photos / probe, "--explain", target)
    assert (answer.code, answer.err) == (code, "")
    width, height = picture(target).size
    assert 1000 <= width <= 1600
    assert 800 <= height <= 1200
    assert len(picture(target).getcolors(1 << 24) or ()) > 1000  # photos and curves, not an empty sheet


def test_the_outcome_is_told_as_without_it(portrait: Path, photos: Path, tmp_path: Path) -> None:
    told = [call("verify", portrait, photos / "P001-casual.jpg", *more).out
            for more in ((), ("--explain", tmp_path / "new folder" / "why.PNG"))]  # fmt: skip
    assert told[0] == told[1]


def test_an_existing_picture_is_replaced(portrait: Path, photos: Path, tmp_path: Path) -> None:
    target = tmp_path / "why.png"
    target.write_bytes(b"old")
    assert call("verify", portrait, photos / "wall.png", "--explain", target).code == 2
    assert picture(target).size[0] > 1000


def test_a_target_that_cannot_be_written(portrait: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    answer = call("verify", portrait, photos / "P001-casual.jpg", "--explain", tmp_path / "file" / "why.png", "--json")
    assert answer.fault.endswith("[output_unwritable]")
    assert str(tmp_path / "file" / "why.png") in answer.fault
    assert answer.json["error"]["code"] == "output_unwritable"
    assert answer.json["error"]["parameter"] is None
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_is_no_target(portrait: Path, photos: Path, tmp_path: Path) -> None:
    assert "is a directory" in call("verify", portrait, photos / "wall.png", "--explain", tmp_path).wrong_use


def test_another_ending_is_refused(portrait: Path, tmp_path: Path) -> None:
    assert "must end in .png" in call("verify", portrait, portrait, "--explain", tmp_path / "why.jpg").wrong_use
    assert list(tmp_path.iterdir()) == []


def test_a_photo_is_never_replaced(portrait: Path, photos: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes((photos / "wall.png").read_bytes())
    for target in (photo, tmp_path / ".." / tmp_path.name / "photo.png"):
        for pair in ((portrait, photo), (photo, portrait)):
            assert "would replace the photo" in call("verify", *pair, "--explain", target).wrong_use
    assert photo.read_bytes() == (photos / "wall.png").read_bytes()


def test_without_matplotlib(portrait: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    target = tmp_path / "why.png"
    line = call("verify", portrait, photos / "P001-casual.jpg", "--explain", target).fault
    assert "pip install 'visavis[plots]'" in line
    assert line.endswith("[extra_missing]")
    assert not target.exists()
    assert call("verify", portrait, photos / "P001-casual.jpg").code == 0
