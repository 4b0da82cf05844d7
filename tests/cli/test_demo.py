import base64
import re
from collections import Counter
from html.parser import HTMLParser
from importlib import metadata
from pathlib import Path

import pytest

from tests.cli import Answer, call, process
from tests.conftest import PEOPLE
from visavis.cli.demo import _alike_in_words

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """Reads a page strictly: every tag that is opened is closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.images: dict[str, str] = {}
        self.cells: list[tuple[str, str]] = []
        self.declaration = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_decl(self, decl: str) -> None:
        self.declaration = decl

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags[tag] += 1
        if tag not in VOID:
            self.open.append(tag)
        if tag == "img":
            self.images[values["alt"]] = values["src"]
        if tag == "td":
            self.cells.append((values["class"], values["title"]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> tuple[Answer, Path]:
    """`visavis demo --json` and the page that it wrote."""
    folder = tmp_path_factory.mktemp("demo") / "new"
    answer = process("demo", "--out", folder, "--json", environment={"VISAVIS_CACHE": str(cache_folder)})
    return answer, folder / "index.html"


class TestDemo:
    def test_everyone_matches_themselves(self, told: tuple[Answer, Path]) -> None:
        answer, page = told
        assert (answer.code, answer.err) == (0, "")
        assert answer.json["mated"] == {"pairs": 10, "matches": 10}
        assert answer.json["non_mated"]["pairs"] == 90
        assert answer.json["non_mated"]["matches"] == len(answer.json["non_mated"]["which"])
        assert answer.json["page"] == str(page)
        assert set(answer.json["scores"]) == {f"{a}-{b}" for a in PEOPLE for b in PEOPLE}
        assert all(-1 <= score <= 1 for score in answer.json["scores"].values())

    def test_the_page_needs_nothing_else(self, told: tuple[Answer, Path]) -> None:
        text = told[1].read_text(encoding="utf-8")
        for word in ("http:", "https:", "<script", "url(", "@import", "javascript:", "<link", "onload"):
            assert word not in text

    def test_the_page_is_whole(self, told: tuple[Answer, Path]) -> None:
        page = Page(told[1].read_text(encoding="utf-8"))
        assert page.declaration == "doctype html"
        assert page.tags["td"] == 100
        assert page.tags["tr"] == 11
        assert set(page.images) == {f"{n}, {kind}" for n in PEOPLE for kind in ("studio portrait", "amateur selfie")}
        for source in page.images.values():
            prefix, data = source.split(",")
            assert prefix == "data:image/jpeg;base64"
            assert base64.b64decode(data, validate=True)[:2] == b"\xff\xd8"

    def test_the_page_shows_the_same_outcomes(self, told: tuple[Answer, Path]) -> None:
        answer, path = told
        cells = Counter(kind for kind, _ in Page(path.read_text(encoding="utf-8")).cells)
        assert cells["match mated"] == 10
        assert cells["match non-mated"] == answer.json["non_mated"]["matches"]

    def test_as_text(self, told: tuple[Answer, Path], tmp_path: Path) -> None:
        answer = call("demo", "--out", tmp_path, "--policy", "1e-6")
        assert (answer.code, answer.err) == (0, "")
        assert "10 of 10 mated pairs match." in answer.out
        assert re.search(r"of the 90 non-mated pairs match", answer.out)
        assert f"Pictures: {tmp_path / 'index.html'}" in answer.out
        assert "0.7" in answer.out
        assert (tmp_path / "index.html").is_file()

    def test_nobody_alike(self) -> None:
        assert _alike_in_words([], 90, "1e-4") == "None of the 90 non-mated pairs matches."


class TestFaults:
    def test_a_mated_pair_that_does_not_match(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("visavis.cli.demo._PROBE", "emotions_sheet")  # many faces: inconclusive
        answer = call("demo", "--out", tmp_path)
        assert answer.code == 3
        assert "0 of 10 mated pairs match." in answer.out
        assert "–" in answer.out

    def test_a_photo_that_is_missing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("visavis.cli.demo._PROBE", "absent")
        assert "FileNotFoundError" in call("demo", "--out", tmp_path).fault
        assert list(tmp_path.iterdir()) == []

    def test_without_the_people(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        distribution = metadata.distribution

        def absent(name: str) -> metadata.Distribution:
            if name == "openpeople":
                raise metadata.PackageNotFoundError(name)
            return distribution(name)

        monkeypatch.setattr(metadata, "distribution", absent)
        line = call("demo", "--out", tmp_path).fault
        assert "pip install 'visavis[demo]'" in line
        assert line.endswith("[extra_missing]")

    def test_a_place_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert "is a file" in call("demo", "--out", tmp_path / "file").wrong_use
        assert call("demo", "--out", tmp_path / "file" / "page").fault.endswith("[output_unwritable]")
