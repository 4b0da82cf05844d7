import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli import Answer, call, command, own_model, process
from tests.conftest import PEOPLE, encoded, pixels
from visavis.verifier import PARTNERS_MAX, Acquisition, PhotoInput, Verifier

Row = dict[str, Any]

MIXED = (
    ("P001-portrait.jpg", "P001-casual.jpg"),
    ("P001-portrait.jpg", "P003-casual.jpg"),
    ("P001-portrait.jpg", "wall.png"),
    ("several.jpg", "distant.jpg"),
    ("", "P001-casual.jpg"),
    ("P001-portrait.jpg", " "),
    ("absent.jpg", "P001-casual.jpg"),
    ("P001-portrait.jpg", "notes.txt"),
    ("P001-portrait.jpg", "."),
    ("nul\0.jpg", "P001-portrait.jpg"),
    ("P003-portrait.jpg", "P003-casual.jpg"),
)
OUTCOMES = ["match", "no_match", "inconclusive", "inconclusive", *6 * [None], "match"]
CODES = {5: "input_invalid", 6: "input_invalid", 7: "input_invalid", 8: "image_unsupported", 9: "input_invalid",
         10: "input_invalid"}  # fmt: skip


def write_list(folder: Path, pairs: Sequence[Sequence[str]], name: str = "pairs.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file).writerows([("reference", "probe"), *pairs])
    return path


def read_jsonl(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def without_timings(rows: list[Row]) -> list[Row]:
    return [{key: value for key, value in row.items() if key != "timings_ms"} for row in rows]


def as_table_row(row: Row) -> Row:
    """What one JSON row is in a table, said a second time."""
    reasons = row.get("reasons", {"reference": [], "probe": [], "pair": []})
    fmr = row.get("fmr") or {"value": None, "lower": None, "upper": None}
    policy = row.get("policy", {"name": None, "threshold": None})
    error = row["error"] or {"code": None, "message": None, "parameter": None}
    return {
        **{key: row[key] for key in ("row", "reference", "probe", "outcome")},
        **{f"reasons_{key}": " ".join(reasons[key]) for key in ("reference", "probe")},
        "reason_pair": " ".join(reasons["pair"]),
        "score": row.get("score"),
        "fmr": fmr["value"],
        "fmr_lower": fmr["lower"],
        "fmr_upper": fmr["upper"],
        "policy": policy["name"],
        "threshold": policy["threshold"],
        **{f"error_{key}": error[key] for key in ("code", "message", "parameter")},
    }


@pytest.fixture
def folder(photos: Path, tmp_path: Path) -> Path:
    """A folder of one's own with the photos in it."""
    for photo in photos.iterdir():
        (tmp_path / photo.name).symlink_to(photo)
    return tmp_path


@pytest.fixture
def small(folder: Path) -> Path:
    return write_list(folder, MIXED[:2])


class TestResults:
    @pytest.fixture
    def rows(self, folder: Path) -> list[Row]:
        answer = call("batch", write_list(folder, MIXED), "--out", folder / "out.jsonl")
        assert (answer.code, answer.err) == (0, "")
        assert answer.out == f"11 pairs: 6 error, 2 inconclusive, 2 match, 1 no match; results in {folder}/out.jsonl\n"
        return read_jsonl(folder / "out.jsonl")

    def test_every_pair_is_a_row_in_order(self, rows: list[Row]) -> None:
        assert [row["row"] for row in rows] == list(range(1, len(MIXED) + 1))
        assert [(row["reference"], row["probe"]) for row in rows] == [(a, b.strip()) for a, b in MIXED]
        assert [row["outcome"] for row in rows] == OUTCOMES
        assert {row["row"]: row["error"]["code"] for row in rows if row["error"]} == CODES
        assert rows[7]["error"]["parameter"] == "probe"
        assert "the row names no file" in rows[4]["error"]["message"]
        assert rows[6]["error"]["message"].endswith("absent.jpg: No such file or directory")

    def test_a_row_is_what_verify_says(self, rows: list[Row], folder: Path) -> None:
        for row, (reference, probe) in list(zip(rows, MIXED, strict=True))[:4]:
            (alone,) = without_timings([call("verify", folder / reference, folder / probe, "--json").json])
            names = {"row": row["row"], "reference": reference, "probe": probe}
            assert without_timings([row]) == [{**names, **alone, "error": None}]

    def test_csv_and_parquet_say_the_same(self, rows: list[Row], folder: Path) -> None:
        from pyarrow import parquet

        for name in ("out.csv", "out.parquet"):
            assert call("batch", folder / "pairs.csv", "--out", folder / name).code == 0
        expected = [as_table_row(row) for row in rows]
        table = parquet.read_table(folder / "out.parquet")
        assert table.to_pylist() == expected
        assert [str(table.schema.field(name).type) for name in ("row", "score", "outcome")] == [
            "int64",
            "double",
            "string",
        ]
        with (folder / "out.csv").open(newline="", encoding="utf-8") as file:
            text = list(csv.DictReader(file))
        assert text == [{key: "" if value is None else str(value) for key, value in row.items()} for row in expected]

    def test_nothing_else_is_left(self, rows: list[Row], folder: Path) -> None:
        made = {path.name for path in folder.iterdir() if not path.is_symlink()}
        assert rows
        assert made == {"pairs.csv", "out.jsonl"}

    def test_a_policy_is_kept(self, small: Path) -> None:
        out = small.with_name("out.csv")
        assert call("batch", small, "--out", out, "--policy", "1e-6").code == 0
        with out.open(newline="") as file:
            assert {row["policy"] for row in csv.DictReader(file)} == {"1e-6"}

    def test_json_for_machines(self, folder: Path) -> None:
        out = folder / "out.csv"
        answer = call("batch", write_list(folder, MIXED[:6]), "--out", out, "--json")
        assert answer.code == 0
        outcomes = {"match": 1, "no_match": 1, "inconclusive": 2, "error": 2}
        assert answer.json == {"out": str(out), "pairs": 6, "outcomes": outcomes}

    def test_someone_who_looks_sees_a_bar(self, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        answer = call("batch", small, "--out", small.with_name("out.jsonl"), "--json")
        assert "verifying" in answer.err
        assert "2/2" in answer.err
        assert answer.json["pairs"] == 2

    def test_own_model(self, small: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        manifest = own_model(tmp_path_factory.mktemp("model"))
        out = small.with_name("out.jsonl")
        assert call("batch", small, "--out", out, "--model", manifest).code == 0
        assert {row["model"]["id"] for row in read_jsonl(out)} == {"mine"}

    def test_a_surprise_is_a_row(self, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def acquire(_: Verifier, photo: PhotoInput) -> Acquisition:
            raise ZeroDivisionError

        monkeypatch.setattr(Verifier, "acquire", acquire)
        out = small.with_name("out.jsonl")
        assert call("batch", small, "--out", out).code == 0
        assert [row["error"]["code"] for row in read_jsonl(out)] == ["fault", "fault"]


class TestLists:
    def run(self, path: Path, *more: str) -> Answer:
        return call("batch", path, "--out", path.with_name("out.jsonl"), *more)

    def test_paths_are_relative_to_the_list(self, folder: Path, photos: Path, tmp_path: Path) -> None:
        deep = tmp_path / "lists" / "of today"
        deep.mkdir(parents=True)
        path = write_list(deep, [("../../P001-portrait.jpg", str(photos / "P001-casual.jpg"))])
        out = tmp_path / "out.jsonl"
        answer = process("batch", "of today/pairs.csv", "--out", "../out.jsonl", folder=path.parents[1])
        assert answer.code == 0, answer.err
        assert [row["outcome"] for row in read_jsonl(out)] == ["match"]

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    def test_names_are_any_text_with_or_without_a_mark(self, encoding: str, folder: Path) -> None:
        pair = ('Zoë, "portrait".jpg', "写真\n.jpg")
        for name, target in zip(pair, MIXED[0], strict=True):
            (folder / name).symlink_to(target)
        assert self.run(write_list(folder, [pair], encoding=encoding)).code == 0
        (row,) = read_jsonl(folder / "out.jsonl")
        assert (row["reference"], row["probe"], row["outcome"]) == (*pair, "match")

    def test_other_columns_other_order_short_rows_and_blank_lines(self, folder: Path) -> None:
        path = folder / "pairs.csv"
        path.write_text("note,probe,reference\r\nx,P001-casual.jpg,P001-portrait.jpg\r\n\r\nshort\r\n")
        assert self.run(path).code == 0
        rows = read_jsonl(folder / "out.jsonl")
        assert [row["outcome"] for row in rows] == ["match", None]
        assert rows[1]["error"]["code"] == "input_invalid"

    def test_an_empty_list_has_an_empty_result(self, folder: Path) -> None:
        answer = self.run(write_list(folder, []))
        assert (answer.code, answer.out) == (0, f"0 pairs: none; results in {folder}/out.jsonl\n")
        assert (folder / "out.jsonl").read_bytes() == b""

    @pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names are text")
    def test_a_folder_whose_name_is_no_text(self, tmp_path: Path) -> None:
        odd = tmp_path / os.fsdecode(b"\xff")
        odd.mkdir()
        for name in ("out.jsonl", "out.csv", "out.parquet"):
            assert call("batch", write_list(odd, [("absent.jpg", "absent.jpg")]), "--out", tmp_path / name).code == 0
        assert "\\udcff/absent.jpg" in read_jsonl(tmp_path / "out.jsonl")[0]["error"]["message"]

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "expected a header line with the columns `reference` and `probe`"),
            (b"reference\na.jpg\n", "expected a header line"),
            (b"reference;probe\na.jpg;b.jpg\n", "expected a header line"),
            (b"a.jpg,b.jpg\n", "expected a header line"),
            (b"\x89PNG\r\n\x1a\n\0\0", "is no CSV file in UTF-8"),
            ("reference,probe\n".encode("utf-16"), "is no CSV file in UTF-8"),
            (b"reference,probe\na," + b"x" * 200_000, "is no CSV file in UTF-8"),
        ],
    )
    def test_what_is_no_list(self, content: bytes, said: str, tmp_path: Path) -> None:
        path = tmp_path / "pairs.csv"
        path.write_bytes(content)
        line = self.run(path).fault
        assert said in line
        assert line.endswith("[input_invalid]")
        assert [path.name for path in tmp_path.iterdir()] == ["pairs.csv"]

    def test_no_file_and_a_folder(self, tmp_path: Path) -> None:
        assert "No such file" in self.run(tmp_path / "absent.csv").fault
        assert "is a directory" in call("batch", tmp_path, "--out", tmp_path / "out.csv").wrong_use

    @pytest.mark.parametrize("column", [0, 1])
    def test_a_search_is_refused_before_anything_is_written(self, column: int, folder: Path) -> None:
        others = [f"photo-{number}.jpg" for number in range(PARTNERS_MAX + 1)]
        spellings = ("P001-portrait.jpg", "./P001-portrait.jpg", f"{folder}/P001-portrait.jpg")
        pairs = [(spellings[number % 3], other)[:: -1 if column else 1] for number, other in enumerate(others)]
        before = set(folder.iterdir())
        line = self.run(write_list(folder, pairs)).fault
        assert "at most 40" in line
        assert line.endswith("[too_many_comparisons]")
        assert {path.name for path in set(folder.iterdir()) - before} == {"pairs.csv"}
        assert self.run(write_list(folder, pairs[:-1])).code == 0


class TestOutput:
    def test_an_existing_one_is_kept_unless_told_otherwise(self, small: Path) -> None:
        out = small.with_name("out.jsonl")
        out.write_text("mine")
        line = call("batch", small, "--out", out).fault
        assert "--overwrite" in line
        assert line.endswith("[output_unwritable]")
        assert out.read_text() == "mine"
        assert call("batch", small, "--out", out, "--overwrite").code == 0
        assert len(read_jsonl(out)) == 2

    def test_the_list_itself_is_never_replaced(self, small: Path) -> None:
        before = small.read_bytes()
        for more in ([], ["--overwrite"]):
            assert "would replace the list" in call("batch", small, "--out", small, *more).wrong_use
        assert small.read_bytes() == before

    @pytest.mark.parametrize("name", ["out", "out.txt", "out.json", "out.CSV", "out.csv.gz"])
    def test_an_unknown_ending(self, name: str, small: Path) -> None:
        answer = call("batch", small, "--out", small.with_name(name))
        assert ".jsonl, .csv, .parquet" in answer.wrong_use

    def test_places_that_cannot_be_written(self, small: Path) -> None:
        before = set(small.parent.iterdir())
        for place in ("absent/out.csv", "pairs.csv/out.csv"):
            line = call("batch", small, "--out", small.parent / place).fault
            assert "is no folder; make it first" in line
            assert line.endswith("[output_unwritable]")
        assert "is a directory" in call("batch", small, "--out", small.parent).wrong_use
        assert set(small.parent.iterdir()) == before

    def test_a_name_too_long_for_the_journal(self, small: Path) -> None:
        out = small.with_name(f"{'x' * 244}.jsonl")
        assert call("batch", small, "--out", out).fault.endswith("[output_unwritable]")

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_that_may_not_be_written(self, small: Path, tmp_path: Path) -> None:
        locked = tmp_path / "locked"
        locked.mkdir(mode=0o500)
        assert "Permission denied" in call("batch", small, "--out", locked / "out.csv").fault

    def test_a_disk_that_fills_up(self, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("visavis.cli.batch._write_line", full)
        assert call("batch", small, "--out", small.with_name("out.csv")).fault.endswith("[output_unwritable]")

    def test_parquet_without_pyarrow(self, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        line = call("batch", small, "--out", small.with_name("out.parquet")).fault
        assert "pip install 'visavis[parquet]'" in line
        assert line.endswith("[extra_missing]")
        assert not list(small.parent.glob("out*"))
        assert call("batch", small, "--out", small.with_name("out.csv")).code == 0


class TestResume:
    @pytest.fixture
    def finished(self, small: Path) -> list[bytes]:
        """The lines of a whole run's output over `small`, without its header."""
        out = small.with_name("whole.jsonl")
        assert call("batch", small, "--out", out).code == 0
        return out.read_bytes().splitlines(keepends=True)

    @pytest.fixture
    def journal(self, small: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """What a run over `small` leaves that was stopped behind its first row."""

        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("visavis.cli.batch.finish", stop)
            assert call("batch", small, "--out", small.with_name("out.jsonl")).code == 3
        journal = small.with_name("out.jsonl.partial")
        lines = journal.read_bytes().splitlines(keepends=True)
        assert len(lines) == 3
        journal.write_bytes(b"".join(lines[:2]))
        assert not small.with_name("out.jsonl").exists()
        return journal

    def test_after_being_killed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pairs = _many_photos(tmp_path, 60)
        out, journal = tmp_path / "out.jsonl", tmp_path / "out.jsonl.partial"
        with subprocess.Popen(command("batch", pairs, "--out", out, "--threads", "1")) as running:
            deadline = time.monotonic() + 100
            while not (journal.exists() and journal.read_bytes().count(b"\n") > 10):
                assert running.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.002)
            running.kill()
        assert running.returncode != 0
        assert not out.exists()
        before = [json.loads(line) for line in journal.read_bytes().splitlines(keepends=True)[1:] if line[-1:] == b"\n"]
        assert 10 <= len(before) < 60

        acquired = []
        acquire = Verifier.acquire

        def count(self: Verifier, photo: PhotoInput) -> Acquisition:
            acquired.append(1)
            return acquire(self, photo)

        monkeypatch.setattr(Verifier, "acquire", count)
        assert call("batch", pairs, "--out", out).code == 0
        rows = read_jsonl(out)
        assert not journal.exists()
        assert rows[: len(before)] == before  # with their timings: they were not made again
        assert len(acquired) == 2 * (60 - len(before))

        assert call("batch", pairs, "--out", tmp_path / "whole.jsonl").code == 0
        whole = read_jsonl(tmp_path / "whole.jsonl")
        assert len(acquired) == 2 * (60 - len(before)) + 120
        assert without_timings(rows) == without_timings(whole)
        assert {row["outcome"] for row in rows} == {"match", "no_match"}

    @pytest.mark.parametrize("kept", [0, 1, 200])
    def test_a_last_line_that_was_cut_off_is_made_again(
        self, kept: int, journal: Path, small: Path, finished: list[bytes]
    ) -> None:
        with journal.open("ab") as file:
            file.write(finished[1][:kept])
        out = small.with_name("out.jsonl")
        assert call("batch", small, "--out", out).code == 0
        assert without_timings(read_jsonl(out)) == without_timings([json.loads(line) for line in finished])
        assert not journal.exists()

    @pytest.mark.parametrize("size", [0, 1, 50])
    def test_a_header_that_was_cut_off_is_a_new_start(self, size: int, journal: Path, small: Path) -> None:
        journal.write_bytes(journal.read_bytes()[:size])
        out = small.with_name("out.jsonl")
        assert call("batch", small, "--out", out).code == 0
        assert [row["row"] for row in read_jsonl(out)] == [1, 2]

    def test_when_only_the_last_step_is_missing(
        self, journal: Path, small: Path, finished: list[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        journal.write_bytes(journal.read_bytes().splitlines(keepends=True)[0] + b"".join(finished))
        monkeypatch.setattr(Verifier, "acquire", None)
        assert call("batch", small, "--out", small.with_name("out.jsonl")).code == 0
        assert small.with_name("out.jsonl").read_bytes() == b"".join(finished)

    def test_of_another_list_or_policy_or_model(
        self, journal: Path, small: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        out = small.with_name("out.jsonl")
        before = journal.read_bytes()
        other = write_list(small.parent, MIXED[:3], "other.csv")
        changed = own_model(tmp_path_factory.mktemp("model"))
        for arguments in ((other,), (small, "--policy", "1e-5")):
            line = call("batch", *arguments, "--out", out).fault
            assert "holds an unfinished run over other pairs" in line
            assert "--overwrite" in line
            assert line.endswith("[output_unwritable]")
        assert journal.read_bytes() == before
        assert not out.exists()
        assert call("batch", small, "--out", out, "--model", changed).code == 0  # the same weights by another name

    def test_overwrite_forgets_it(self, journal: Path, small: Path) -> None:
        out = small.with_name("out.jsonl")
        assert call("batch", small, "--out", out, "--overwrite", "--policy", "1e-5").code == 0
        assert {row["policy"]["name"] for row in read_jsonl(out)} == {"1e-5"}
        assert not journal.exists()

    @pytest.mark.parametrize("content", [b"hello\n", b"\0\xff\n", b"[]\n", b'{"a": 1}\n'])
    def test_a_file_that_is_no_journal_is_left_alone(self, content: bytes, small: Path) -> None:
        journal = small.with_name("out.jsonl.partial")
        journal.write_bytes(content)
        assert call("batch", small, "--out", small.with_name("out.jsonl")).fault.endswith("[output_unwritable]")
        assert journal.read_bytes() == content

    def test_a_folder_in_its_place(self, small: Path) -> None:
        small.with_name("out.jsonl.partial").mkdir()
        assert call("batch", small, "--out", small.with_name("out.jsonl")).fault.endswith("[output_unwritable]")

    @pytest.mark.parametrize("line", [b"\0\0\0\n", b"[1]\n"])
    def test_a_line_that_was_damaged(self, line: bytes, journal: Path, small: Path) -> None:
        header = journal.read_bytes().splitlines(keepends=True)[0]
        journal.write_bytes(header + line)
        fault = call("batch", small, "--out", small.with_name("out.jsonl")).fault
        assert "line 2 is damaged; start anew with --overwrite" in fault
        assert not small.with_name("out.jsonl").exists()


def _many_photos(folder: Path, count: int) -> Path:
    """A list of `count` pairs, mated and not, of photos that are all different."""
    pairs = []
    for number in range(count):
        side = 300 + number
        names = (PEOPLE[number % 10], PEOPLE[(number // 2) % 10])
        files = f"{number}-reference.jpg", f"{number}-probe.jpg"
        for file, name, kind in zip(files, names, ("studio_portrait", "amateur_selfie"), strict=True):
            image = np.array(pixels(name, kind, 420))[: side + 60, :, :]
            (folder / file).write_bytes(encoded(image, "JPEG"))
        pairs.append(files)
    return write_list(folder, pairs)


class TestSharing:
    def test_two_runs_never_write_into_one_journal(self, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        fcntl = pytest.importorskip("fcntl")
        out = small.with_name("out.jsonl")
        journal = out.with_name(out.name + ".partial")
        with journal.open("a+b") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            assert call("batch", small, "--out", out).code == 3
        assert not out.exists()
        assert journal.read_bytes() == b""

    def test_empty_cells_are_no_photo_that_many_share(self, tmp_path: Path) -> None:
        pairs, out = tmp_path / "pairs.csv", tmp_path / "out.jsonl"
        pairs.write_text("reference,probe\n" + "".join(f"missing_{row}.jpg,\n" for row in range(50)))
        assert call("batch", pairs, "--out", out).code == 0
        rows = [json.loads(line) for line in out.read_bytes().splitlines()]
        assert len(rows) == 50
        assert {row["error"]["code"] for row in rows} == {"input_invalid"}
