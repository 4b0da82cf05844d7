import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.cli import Answer, call, command, own_model, process
from tests.conftest import PEOPLE, encoded, pixels
from visavis import __version__
from visavis.evaluation import DEGRADATIONS, FMR_TARGETS
from visavis.verifier import Acquisition, PhotoInput, Verifier

NAMES = ("Anna_Arden", "Berta_Bloom", "Carla_Cole", "Dora_Dunn", "Emma_Eaves")
PHOTO_PX = 256
HEADER_BYTES = 1024
FIGURES = {
    "format", "kind", "date", "code", "model", "dataset", "interval", "seed", "acquisition", "comparisons", "rates", "eer",
    "curves", "tail", "product", "transactions", "folds", "discard", "groups", "documents", "calibration", "hardest",
    "attacks",
}  # fmt: skip


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos of each of five people, one of a wall, one that was cut off, and texts. Not to be written to."""
    folder = tmp_path_factory.mktemp("data") / "people"
    for name, person in zip(NAMES, PEOPLE, strict=False):
        (folder / name).mkdir(parents=True)
        for number, kind in enumerate(("studio_portrait", "amateur_selfie"), start=1):
            data = encoded(pixels(person, kind, PHOTO_PX), "JPEG", quality=90)
            (folder / name / f"{name}_{number:04d}.jpg").write_bytes(data)
    (folder / NAMES[0] / "wall.PNG").write_bytes(encoded(pixels("P001", "studio_portrait", 100)[:20, :20], "PNG"))
    (folder / NAMES[4] / "broken.jpg").write_bytes(encoded(pixels("P005", "studio_portrait"), "JPEG")[:3000])
    (folder / NAMES[4] / "notes.txt").write_text("no photo\n")
    (folder / "README").write_text("no photo either\n")
    return folder


@pytest.fixture(scope="module")
def embeddings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared by those tests that are not about acquiring, so that each photo is acquired once."""
    return tmp_path_factory.mktemp("shared") / "embeddings"


@pytest.fixture
def evaluate(tmp_path: Path, embeddings: Path) -> Callable[..., Answer]:
    """`visavis evaluate DATASET` into tmp_path/out, quickly."""

    def run(dataset: Path, *more: str | Path) -> Answer:
        kept = () if {"--embeddings", "--keep-nothing"} & set(map(str, more)) else ("--embeddings", embeddings)
        page = () if "--html" in more else ("--no-html",)
        rest = [word for word in more if word != "--html"]
        return call("evaluate", dataset, "--out", tmp_path / "out", "--replicates", "100", *page, *kept, *rest)

    return run


@pytest.fixture
def acquired(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with each photo that is acquired."""
    made: list[int] = []
    acquire = Verifier.acquire

    def count(self: Verifier, photo: PhotoInput, *, central_face: bool = False) -> Acquisition:
        made.append(1)
        return acquire(self, photo, central_face=central_face)

    monkeypatch.setattr(Verifier, "acquire", count)
    return made


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails where models are loaded."""

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("this was to be refused before any work")

    monkeypatch.setattr("visavis.cli.evaluate.make_verifier", refuse)


def read_report(tmp_path: Path) -> dict[str, Any]:
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert isinstance(report, dict)
    return report


def write_csv(path: Path, *rows: Sequence[object]) -> Path:
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")
    return path


def photo(name: str, number: int) -> str:
    return f"{name}/{name}_{number:04d}.jpg"


def nobody_is_named(text: str) -> bool:
    return not any(part in text for name in NAMES for part in name.split("_"))


def counts(measured: dict[str, Any]) -> dict[str, int]:
    """How much was compared; beside it stands what strangers score in the mean."""
    told = dict(measured["comparisons"])
    assert -1 <= told.pop("non_mated_mean") <= 1
    return told


class TestFolder:
    def test_the_report(self, people: Path, evaluate: Callable[..., Answer], tmp_path: Path) -> None:
        answer = evaluate(people)
        assert (answer.code, answer.err) == (0, "")
        first, *rates, last = answer.out.splitlines()
        assert first == (
            "people: 12 images of 5 subjects, 2 failures to acquire (1 image_truncated, 1 no_face); "
            "5 mated and 40 non-mated comparisons"
        )
        assert len(rates) == len(FMR_TARGETS)
        assert rates[-1] == "  FMR 1 in 1,000,000: these data do not support it (under 30 false matches)"
        assert last == f"reports in {tmp_path}/out/report.json"
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.json"]

        report = read_report(tmp_path)
        assert set(report) == FIGURES
        assert (report["format"], report["kind"], report["code"]["version"]) == (1, "evaluation", __version__)
        assert 0 <= (date.today() - date.fromisoformat(report["date"])).days <= 1  # noqa: DTZ011 - either side of midnight
        assert (report["model"]["id"], report["model"]["engine"].split()[0]) == ("sface-2021dec", "openvino")
        assert {key: report["dataset"][key] for key in ("name", "images", "subjects")} == {
            "name": "people", "images": 12, "subjects": 5,
        }  # fmt: skip
        failures = {"count": 2, "reasons": {"image_truncated": 1, "no_face": 1}}
        assert report["acquisition"]["failures"] == failures
        assert report["acquisition"]["failure_to_acquire_rate"] == pytest.approx(2 / 12)
        assert counts(report) == {"mated": 5, "non_mated": 40, "mated_subjects": 5}
        assert [row["fmr_target"] for row in report["rates"]] == list(FMR_TARGETS)
        assert [row["attempts"] for row in report["transactions"]] == [1, 3]
        assert report["calibration"]["rates"][0]["stated_fmr"] == 1e-3
        assert "100 replicates, seed 20261122" in report["interval"]
        empty: dict[str, Any] = {
            "folds": None,
            "groups": [],
            "documents": [],
            "hardest": None,
            "attacks": None,
        }
        assert {key: report[key] for key in empty} == empty

    def test_folders_of_subjects_may_be_links(
        self, people: Path, evaluate: Callable[..., Answer], tmp_path: Path
    ) -> None:
        (tmp_path / "data").mkdir()
        for name in NAMES[:3]:
            (tmp_path / "data" / name).symlink_to(people / name)
        assert evaluate(tmp_path / "data").code == 0
        assert counts(read_report(tmp_path)) == {"mated": 3, "non_mated": 12, "mated_subjects": 3}

    def test_names_nobody(self, people: Path, evaluate: Callable[..., Answer], tmp_path: Path) -> None:
        answer = evaluate(people, "--hardest", "--json")
        assert nobody_is_named(answer.out + answer.err + json.dumps(read_report(tmp_path)))

    def test_json_for_machines(self, people: Path, evaluate: Callable[..., Answer], tmp_path: Path) -> None:
        answer = evaluate(people, "--json", "--name", "Five \x1b people", "--seed", "7", "--attempts", "2")
        assert (answer.code, answer.err) == (0, "")
        report = read_report(tmp_path)
        told = {
            key: report[key] for key in ("dataset", "date", "acquisition", "comparisons", "rates", "eer", "product")
        }
        assert answer.json == {"reports": [str(tmp_path / "out" / "report.json")], **told}
        assert (report["dataset"]["name"], report["seed"]) == ("Five \\x1b people", 7)
        assert [row["attempts"] for row in report["transactions"]] == [2]

    def test_the_hardest_pairs_are_rows_in_the_order_of_paths(
        self, people: Path, evaluate: Callable[..., Answer], tmp_path: Path
    ) -> None:
        assert evaluate(people, "--hardest").code == 0
        hardest = read_report(tmp_path)["hardest"]
        paths = sorted(str(path) for path in people.rglob("*") if path.suffix in {".jpg", ".PNG"})
        assert len(hardest["mated"]) == 5
        assert len(hardest["non_mated"]) == 40
        for kind, mated in (("mated", True), ("non_mated", False)):
            assert all(set(row) == {"rows", "score"} for row in hardest[kind])
            for row in hardest[kind]:
                first, second = (Path(paths[number - 1]).parent for number in row["rows"])
                assert (first == second) is mated
        lows, highs = ([row["score"] for row in hardest[kind]] for kind in ("mated", "non_mated"))
        assert lows == sorted(lows)
        assert highs == sorted(highs, reverse=True)

    def test_someone_who_looks_sees_bars(
        self, people: Path, evaluate: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        answer = evaluate(people, "--json")
        assert "acquiring" in answer.err
        assert "comparing" in answer.err
        assert answer.json["dataset"]["subjects"] == 5

    def test_a_model_of_ones_own_that_is_not_calibrated_yet(
        self, people: Path, evaluate: Callable[..., Answer], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        manifest = own_model(tmp_path_factory.mktemp("model"), calibrated=False)
        assert evaluate(people, "--model", manifest).code == 0
        report = read_report(tmp_path)
        assert (report["model"]["id"], report["calibration"]) == ("mine", None)

    def test_documents(self, evaluate: Callable[..., Answer], tmp_path: Path) -> None:
        small = tmp_path / "small"
        for name, person in (("a", "P001"), ("b", "P003")):
            (small / name).mkdir(parents=True)
            for number, kind in enumerate(("studio_portrait", "amateur_selfie")):
                data = encoded(pixels(person, kind, 200), "JPEG")
                (small / name / f"{number}.jpg").write_bytes(data)
        assert evaluate(small, "--documents").code == 0
        rows = {row["name"]: row for row in read_report(tmp_path)["documents"]}
        assert set(rows) == {*DEGRADATIONS, "all documents"}
        assert {row["side"] for row in rows.values()} == {"reference", "probe"}
        assert counts(rows["printed"]) == {"mated": 4, "non_mated": 8}
        assert len(rows["printed"]["rates"]) == len(rows["printed"]["at_clean_thresholds"]) == len(FMR_TARGETS)


class TestLists:
    def test_groups_and_captures(self, people: Path, evaluate: Callable[..., Answer], tmp_path: Path) -> None:
        """Both photos of the first subject are of one capture, so they make no mated pair."""
        rows = [
            (photo(name, number), name, "north" if index < 3 else "south", "one day" if index == 0 else "")
            for index, name in enumerate(NAMES)
            for number in (1, 2)
        ]
        data = write_csv(tmp_path / "data.csv", ("image", "subject", "site", "capture"), *rows)
        assert evaluate(data, "--images", people).code == 0
        report = read_report(tmp_path)
        assert report["dataset"]["name"] == "data.csv"
        assert counts(report) == {"mated": 4, "non_mated": 40, "mated_subjects": 4}
        (by_site,) = report["groups"]
        assert by_site["name"] == "site"
        assert [(g["label"], g["images"], g["subjects"]) for g in by_site["groups"]] == [
            ("north", 6, 3),
            ("south", 4, 2),
        ]

    def test_paths_start_from_the_list_and_some_may_be_absent(
        self, people: Path, evaluate: Callable[..., Answer], tmp_path: Path
    ) -> None:
        (tmp_path / "data").symlink_to(people)
        rows = [(f"data/{photo(name, number)}", name) for name in NAMES for number in (1, 2, 3)]
        answer = evaluate(write_csv(tmp_path / "data.csv", ("image", "subject"), *rows))
        assert answer.code == 0
        assert "5 failures to acquire (5 input_invalid)" in answer.out
        assert read_report(tmp_path)["comparisons"]["mated"] == 5

    def test_pairs(self, people: Path, evaluate: Callable[..., Answer], tmp_path: Path) -> None:
        mated = [(photo(name, 1), photo(name, 2), 1) for name in NAMES]
        others = [(photo(a, 1), photo(b, 2), 0) for a, b in pairwise(NAMES)]
        data = write_csv(tmp_path / "pairs.csv", ("reference", "probe", "mated"), *mated, *others)
        assert evaluate(data, "--images", people).code == 0
        report = read_report(tmp_path)
        assert counts(report) == {"mated": 5, "non_mated": 4, "mated_subjects": 5}
        assert (report["transactions"], report["folds"]) == ([], None)

    def test_lfw(self, people: Path, evaluate: Callable[..., Answer], tmp_path: Path) -> None:
        lines = ["2\t2"]
        for fold in (NAMES[:2], NAMES[2:4]):
            lines += [f"{name}\t1\t2" for name in fold]
            lines += [f"{fold[0]}\t1\t{fold[1]}\t2", f"{fold[0]}\t2\t{NAMES[4]}\t1"]
        (tmp_path / "pairs.txt").write_text("\n".join(lines) + "\n")
        assert evaluate(tmp_path / "pairs.txt", "--images", people).code == 0
        report = read_report(tmp_path)
        assert counts(report) == {"mated": 4, "non_mated": 4, "mated_subjects": 4}
        assert {key: report["folds"][key] for key in ("folds", "pairs", "not_compared")} == {
            "folds": 2, "pairs": 8, "not_compared": 0,
        }  # fmt: skip
        assert report["folds"]["accuracy"] > 0.5

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "expected a first line that tells the format"),
            (b"image,person\na.jpg,Anna_Arden\n", "the first line tells no known format"),
            (b"image,subject\na.jpg,Anna_Arden\nb.jpg\n", "line 3: expected 2 cells, as in the header, got 1"),
            (b"image,subject\na.jpg,Anna_Arden\na.jpg,Berta_Bloom\n", "line 3 lists the image of line 2 again"),
            (b"image,subject\na.jpg,Anna_Arden\nb.jpg,Anna_Arden\n", "expected images of two subjects or more"),
            (b"image,subject,site\na,Anna_Arden,1\nb,Anna_Arden,2\nc,Berta_Bloom,1\n", "in lines 2 and 3"),
            (b"image,subject\na.jpg,Anna_Arden\nb.jpg,Berta_Bloom\n", "none of its 2 images is in the folder"),
            (b"3\nAnna_Arden\t1\t2\n", "line 1 promises 1 times 3 mated"),
            (b"\x89PNG\r\n\x1a\n\0\0", "is no text in UTF-8"),
        ],
        ids=range(9),
    )
    @pytest.mark.usefixtures("no_work")
    def test_what_is_no_list(self, content: bytes, said: str, evaluate: Callable[..., Answer], tmp_path: Path) -> None:
        data = tmp_path / "data.csv"
        data.write_bytes(content)
        answer = evaluate(data)
        assert answer.fault.startswith(f"visavis: {data}")
        assert said in answer.fault
        assert answer.fault.endswith("[input_invalid]")
        assert answer.out == ""
        assert nobody_is_named(answer.err)
        assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]


@pytest.mark.usefixtures("no_work")
class TestWrongUse:
    """Refused before any work, with nothing written."""

    def test_an_empty_folder(self, evaluate: Callable[..., Answer], tmp_path: Path) -> None:
        (tmp_path / "data" / NAMES[0]).mkdir(parents=True)
        (tmp_path / "data" / NAMES[0] / "notes.txt").touch()
        line = evaluate(tmp_path / "data").fault
        assert f"{tmp_path}/data holds no photos; expected one folder a subject" in line
        assert line.endswith("[input_invalid]")
        assert not (tmp_path / "out").exists()

    def test_one_subject_and_photos_of_none(
        self, people: Path, evaluate: Callable[..., Answer], tmp_path: Path
    ) -> None:
        assert "lie in no folder of a subject" in evaluate(people / NAMES[0]).fault
        (tmp_path / "one" / NAMES[0]).mkdir(parents=True)
        for number in (1, 2):
            (tmp_path / "one" / photo(NAMES[0], number)).symlink_to(people / photo(NAMES[0], number))
        answer = evaluate(tmp_path / "one")
        assert "expected images of two subjects or more, got 2 of 1" in answer.fault
        assert nobody_is_named(answer.err)

    def test_no_data_set(self, evaluate: Callable[..., Answer], tmp_path: Path) -> None:
        assert "does not exist" in evaluate(tmp_path / "absent").wrong_use

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--keep-nothing", "--embeddings", "kept"), "exclude each other"),
            (("--images", "."), "--images goes with a CSV or pairs file"),
            (("--attack-threshold", "0.5"), "goes with --attacks"),
            (("--attempts", "0"), "is not in the range"),
            (("--replicates", "99"), "is not in the range"),
            (("--attacks", "absent.csv"), "does not exist"),
        ],
    )
    def test_options_that_make_no_sense(
        self, arguments: tuple[str, ...], said: str, people: Path, evaluate: Callable[..., Answer], tmp_path: Path
    ) -> None:
        assert said in evaluate(people, *arguments).wrong_use
        assert list(tmp_path.iterdir()) == []

    def test_a_threshold_that_is_no_number(
        self, people: Path, evaluate: Callable[..., Answer], attacks: Path, tmp_path: Path
    ) -> None:
        assert "a finite number" in evaluate(people, "--attacks", attacks, "--attack-threshold", "nan").wrong_use

    def test_documents_of_listed_pairs(self, people: Path, evaluate: Callable[..., Answer], tmp_path: Path) -> None:
        rows = [(photo(NAMES[0], 1), photo(name, 2), int(name == NAMES[0])) for name in NAMES]
        data = write_csv(tmp_path / "pairs.csv", ("reference", "probe", "mated"), *rows)
        assert "--documents" in evaluate(data, "--images", people, "--documents").wrong_use

    def test_without_matplotlib(
        self, people: Path, evaluate: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
        line = evaluate(people, "--html").fault
        assert "pip install 'visavis[plots]'" in line
        assert line.endswith("[extra_missing]")
        assert list(tmp_path.iterdir()) == []


class TestOutput:
    @pytest.mark.parametrize("name", ["report.json", "report.html"])
    @pytest.mark.usefixtures("no_work")
    def test_an_existing_report_is_kept(
        self, name: str, people: Path, evaluate: Callable[..., Answer], tmp_path: Path
    ) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / name).write_text("mine")
        line = evaluate(people).fault
        assert f"{tmp_path}/out/{name} exists" in line
        assert "--overwrite" in line
        assert line.endswith("[output_unwritable]")
        assert (tmp_path / "out" / name).read_text() == "mine"
        assert [path.name for path in (tmp_path / "out").iterdir()] == [name]

    def test_overwrite_leaves_no_page_of_other_figures(
        self, people: Path, evaluate: Callable[..., Answer], tmp_path: Path
    ) -> None:
        (tmp_path / "out").mkdir()
        for name in ("report.json", "report.html"):
            (tmp_path / "out" / name).write_text("mine")
        assert evaluate(people, "--overwrite").code == 0
        assert read_report(tmp_path)["dataset"]["images"] == 12
        assert not (tmp_path / "out" / "report.html").exists()

    @pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names are text")
    def test_the_page_of_a_folder_whose_name_is_no_text(
        self, people: Path, evaluate: Callable[..., Answer], tmp_path: Path
    ) -> None:
        odd = tmp_path / os.fsdecode(b"<b>\xff")
        people.rename(odd)
        try:
            answer = evaluate(odd, "--html", "--hardest")
        finally:
            odd.rename(people)
        assert (answer.code, answer.err) == (0, "")
        assert answer.out.splitlines()[-1] == f"reports in {tmp_path}/out/report.json, {tmp_path}/out/report.html"
        page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
        assert page.lower().startswith("<!doctype html>")
        assert "&lt;b&gt;\\udcff" in page
        assert "<script" not in page
        assert nobody_is_named(page)

    @pytest.mark.usefixtures("no_work")
    @pytest.mark.parametrize("more", [(), ("--keep-nothing",)])
    def test_places_that_cannot_be_written(
        self, more: tuple[str, ...], people: Path, evaluate: Callable[..., Answer], tmp_path: Path
    ) -> None:
        (tmp_path / "out").touch()
        assert "is a file" in evaluate(people, *more).wrong_use
        line = evaluate(people, "--out", tmp_path / "out" / "deep", *more).fault
        assert line.endswith("choose another --out [output_unwritable]")
        taken = tmp_path / "taken"
        (taken / "report.json").mkdir(parents=True)
        assert "report.json is a folder" in evaluate(people, "--out", taken, "--overwrite", *more).fault

    @pytest.mark.usefixtures("no_work")
    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_that_may_not_be_written(
        self, people: Path, evaluate: Callable[..., Answer], tmp_path: Path
    ) -> None:
        (tmp_path / "out").mkdir(mode=0o500)
        assert evaluate(people).fault.endswith("[output_unwritable]")

    def test_embeddings_that_cannot_be_kept(
        self, people: Path, evaluate: Callable[..., Answer], acquired: list[int], tmp_path: Path
    ) -> None:
        (tmp_path / "file").touch()
        line = evaluate(people, "--embeddings", tmp_path / "file" / "kept").fault
        assert line.endswith("[output_unwritable]")
        assert acquired == []


class TestEmbeddings:
    def run(self, people: Path, out: Path, *more: str | Path) -> Answer:
        return call("evaluate", people, "--out", out, "--no-html", "--replicates", "100", "--overwrite", *more)

    def test_are_kept_for_this_user_alone_and_used_again(
        self, people: Path, tmp_path: Path, acquired: list[int]
    ) -> None:
        assert self.run(people, tmp_path / "out").code == 0
        before = read_report(tmp_path)
        assert len(acquired) == 12
        folder = tmp_path / "out" / "embeddings"
        (kept,) = folder.iterdir()
        if sys.platform != "win32":
            assert (folder.stat().st_mode & 0o777, kept.stat().st_mode & 0o777) == (0o700, 0o600)
        size = kept.stat().st_size
        assert self.run(people, tmp_path / "out").code == 0
        assert len(acquired) == 12
        assert kept.stat().st_size == size
        assert read_report(tmp_path) == before
        kept.write_bytes(kept.read_bytes()[:-1])  # the last record was cut off
        assert self.run(people, tmp_path / "out").code == 0
        assert (len(acquired), kept.stat().st_size) == (13, size)

    def test_where_one_says(self, people: Path, tmp_path: Path, acquired: list[int]) -> None:
        assert self.run(people, tmp_path / "out", "--embeddings", tmp_path / "kept").code == 0
        assert self.run(people, tmp_path / "other", "--embeddings", tmp_path / "kept").code == 0
        assert len(acquired) == 12
        assert len(list((tmp_path / "kept").iterdir())) == 1
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.json"]

    def test_none_are_kept(self, people: Path, tmp_path: Path, acquired: list[int]) -> None:
        assert self.run(people, tmp_path / "out", "--keep-nothing").code == 0
        assert self.run(people, tmp_path / "out", "--keep-nothing").code == 0
        assert len(acquired) == 24
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.json"]

    @pytest.mark.parametrize("more", [(), ("--keep-nothing",)])
    def test_interrupted(
        self, more: tuple[str, ...], people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stop(*_: object, **__: object) -> NoReturn:
            raise KeyboardInterrupt

        monkeypatch.setattr(Verifier, "acquire", stop)
        answer = self.run(people, tmp_path / "out", *more)
        *hint, line = answer.err.splitlines()
        assert line == "visavis: stopped before it was done [interrupted]"
        assert any("it goes on from here" in words for words in hint) is not bool(more)
        assert not (tmp_path / "out" / "report.json").exists()

    def test_after_being_killed(self, tmp_path: Path, acquired: list[int]) -> None:
        data, count = tmp_path / "data", 40
        for number in range(count):
            name = PEOPLE[number % 10]
            picture = pixels(name, ("studio_portrait", "amateur_selfie")[number % 20 // 10], 420)[: 360 + number]
            (data / name).mkdir(parents=True, exist_ok=True)
            (data / name / f"{number}.jpg").write_bytes(encoded(picture.copy(), "JPEG"))
        out = tmp_path / "out"
        arguments = command("evaluate", data, "--out", out, "--no-html", "--threads", "1")
        with subprocess.Popen(arguments) as running:
            deadline = time.monotonic() + 100
            while sum(path.stat().st_size for path in out.glob("embeddings/*")) < HEADER_BYTES + 5000:
                assert running.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.002)
            running.kill()
        assert running.returncode != 0
        assert not (out / "report.json").exists()
        (kept,) = out.glob("embeddings/*")
        before = kept.stat().st_size - HEADER_BYTES

        assert self.run(data, out).code == 0
        record, rest = divmod(kept.stat().st_size - HEADER_BYTES, count)
        assert rest == 0
        assert 0 < before // record < count
        assert len(acquired) == count - before // record
        assert self.run(data, tmp_path / "whole", "--keep-nothing").code == 0
        assert read_report(tmp_path) == json.loads((tmp_path / "whole" / "report.json").read_text())


@pytest.fixture
def attacks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [("bona_fide", 0.9, 0.8), ("bona_fide", 0.7, 0.1), ("bona_fide", "", ""), *3 * [("print", 0.2, 0.7)],
            ("mask", 0.8, 0.9), ("mask", 0.1, 0.9)]  # fmt: skip
    path = tmp_path_factory.mktemp("attacks") / "attacks.csv"
    return write_csv(path, ("species", "score", "comparison"), *rows)


class TestAttacks:
    def test_by_the_threshold_of_the_table_in_force(
        self, people: Path, evaluate: Callable[..., Answer], attacks: Path, tmp_path: Path
    ) -> None:
        assert evaluate(people, "--attacks", attacks, "--attack-threshold", "0.5").code == 0
        report = read_report(tmp_path)
        told = report["attacks"]
        assert told["presentations"] == {"bona_fide": 3, "mask": 2, "print": 3}
        assert (told["at_threshold"]["threshold"], told["at_threshold"]["apcer_worst"]["species"]) == (0.5, "mask")
        (stated,) = (row for row in report["calibration"]["rates"] if row["stated_fmr"] == 1e-4)
        assert told["full_system"]["comparison_threshold"] == stated["threshold"]
        assert told["full_system"]["frr"]["errors"] == 2

    def test_without_a_threshold(
        self, people: Path, evaluate: Callable[..., Answer], attacks: Path, tmp_path: Path
    ) -> None:
        assert evaluate(people, "--attacks", attacks).code == 0
        told = read_report(tmp_path)["attacks"]
        assert (told["at_threshold"], told["full_system"]) == (None, None)
        assert told["bpnrr"]["errors"] == 1

    @pytest.mark.usefixtures("no_work")
    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("kind,score\n", "line 1: expected a header with the columns `species` and `score`"),
            ("species,score\nbona_fide,1\nBona Fide,1\n", "line 3: expected `bona_fide`"),
            ("species,score\nbona_fide,1\n", "expected bona fide presentations and attacks"),
        ],
    )
    def test_a_list_that_is_none(
        self, content: str, said: str, people: Path, evaluate: Callable[..., Answer], tmp_path: Path
    ) -> None:
        path = tmp_path / "attacks.csv"
        path.write_text(content)
        line = evaluate(people, "--attacks", path).fault
        assert line.startswith(f"visavis: {path}: {said}")
        assert line.endswith("[input_invalid]")


def test_a_process(people: Path, tmp_path: Path) -> None:
    """From the folder above, with the default places and relative paths."""
    (tmp_path / "people").symlink_to(people)
    answer = process("evaluate", "people", "--no-html", "--replicates", "100", folder=tmp_path)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.endswith("reports in evaluation/report.json\n")
    assert {path.name for path in (tmp_path / "evaluation").iterdir()} == {"report.json", "embeddings"}


def test_photos_without_a_face(evaluate: Callable[..., Answer], tmp_path: Path) -> None:
    for name in NAMES[:2]:
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(2):
            wall = encoded(pixels("P001", "studio_portrait", 100)[number : 20 + number, :20].copy(), "PNG")
            (tmp_path / "data" / name / f"{number}.png").write_bytes(wall)
    answer = evaluate(tmp_path / "data")
    assert "no two photos of different subjects could be compared" in answer.fault
    assert not (tmp_path / "out" / "report.json").exists()
