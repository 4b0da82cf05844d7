import json
import os
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from tests.cli import Answer, call, own_model
from tests.evaluation.simulated import acquired, people
from tests.weights import SFACE
from visavis.decision import POLICIES
from visavis.evaluation import About, Dataset, Options, evaluate
from visavis.settings import user_calibration
from visavis.weights import Calibration, shipped_card

NAME, DATE = "People \x1b[31m that do not exist", "2026-11-21"


SUBJECTS, PHOTOS = 250, 2


@cache
def told() -> str:
    """An evaluation of the shipped model on people who do not exist, with far higher scores than it would give."""
    random = np.random.default_rng(1)
    vectors = people(random, [PHOTOS] * SUBJECTS)
    subject = np.repeat(np.arange(SUBJECTS, dtype=np.int32), PHOTOS)
    dataset = Dataset(tuple(f"{number}.jpg" for number in range(len(subject))), subject)
    about = About(NAME, DATE, SFACE, shipped_card(SFACE).sha256, "none")
    return json.dumps(evaluate(dataset, acquired(random, vectors), about, Options(replicates=100)))


def changed(**values: Any) -> str:
    """A report with other values at the top."""
    return json.dumps(json.loads(told()) | values)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.json"
    path.write_text(told())
    return path


@pytest.fixture
def installed() -> Path:
    """Where this test's user keeps the table of the shipped model."""
    path = user_calibration(shipped_card(SFACE).sha256)
    assert path is not None
    assert not path.exists()
    return path


def read(path: Path) -> Calibration:
    return Calibration.parse(path.read_text(), model_sha256=shipped_card(SFACE).sha256)


class TestTable:
    def test_into_a_file(self, report: Path, tmp_path: Path, installed: Path) -> None:
        out = tmp_path / "tables" / "mine.json"
        answer = call("calibrate", report, "--out", out)
        assert (answer.code, answer.err) == (0, "")
        first, *rows, last = answer.out.splitlines()
        assert first == f"table of People \\x1b[31m that do not exist, {DATE}: {out}"
        table = read(out)
        assert (table.dataset, table.date, table.subjects, table.images) == (NAME, DATE, SUBJECTS, SUBJECTS * PHOTOS)
        assert rows[0] == f"  policy 1e-3: threshold {table.threshold(1e-3):.4f}"
        assert len(rows) == len(POLICIES)
        assert rows[3] == "  policy 1e-6: not supported by these data"
        assert f"VISAVIS_CALIBRATION={out}" in last
        assert not installed.exists()

    def test_json_for_machines(self, report: Path, tmp_path: Path) -> None:
        out = tmp_path / "mine.json"
        answer = call("calibrate", report, "--out", out, "--json")
        assert answer.code == 0
        thresholds = answer.json["thresholds"]
        assert answer.json == {"table": str(out), "installed": False, "dataset": NAME, "thresholds": thresholds}
        assert list(thresholds) == list(POLICIES)
        assert thresholds["1e-3"] == read(out).threshold(1e-3)
        assert thresholds["1e-6"] is None

    def test_an_existing_one_is_kept_unless_told_otherwise(self, report: Path, tmp_path: Path, installed: Path) -> None:
        installed.parent.mkdir(parents=True)
        out = tmp_path / "mine.json"
        for path, arguments in ((out, ("--out", out)), (installed, ())):
            path.write_text("mine")
            line = call("calibrate", report, *arguments).fault
            assert f"{path} exists" in line
            assert "--overwrite" in line
            assert line.endswith("[output_unwritable]")
            assert path.read_text() == "mine"
            assert call("calibrate", report, *arguments, "--overwrite").code == 0
            assert read(path).dataset == NAME

    def test_the_report_is_never_replaced(self, report: Path, tmp_path: Path) -> None:
        (tmp_path / "link.json").symlink_to(report)
        for out in (report, tmp_path / "link.json"):
            assert "would replace the report" in call("calibrate", report, "--out", out, "--overwrite").wrong_use
        assert report.read_text() == told()

    def test_a_place_that_cannot_be_written(self, report: Path, tmp_path: Path) -> None:
        line = call("calibrate", report, "--out", report / "mine.json").fault
        assert line.endswith("[output_unwritable]")
        assert "is a directory" in call("calibrate", report, "--out", tmp_path).wrong_use


class TestReports:
    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("", "is no JSON; expected the report.json of `visavis evaluate`"),
            ("{", "is no JSON"),
            ("[" * 100_000, "is no JSON"),
            ("[]", "this is none, or it was changed"),
            ("null", "this is none, or it was changed"),
            ('{"format": 1, "kind": "evaluation"}', "this is none, or it was changed"),
            (changed(tail=None), "evaluate a larger data set"),
            (changed(curves={}), "this is none, or it was changed"),
        ],
        ids=["empty", "broken", "deep", "list", "null", "other", "few", "curves"],
    )
    def test_what_is_none(self, content: str, said: str, tmp_path: Path, installed: Path) -> None:
        path = tmp_path / "report.json"
        path.write_text(content)
        line = call("calibrate", path).fault
        assert line.startswith(f"visavis: {path}")
        assert said in line
        assert line.endswith("[input_invalid]")
        assert not installed.exists()

    def test_no_text_no_file_and_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "report.json").write_bytes(b"\xff\xfe\0")
        assert "is no text in UTF-8" in call("calibrate", tmp_path / "report.json").fault
        assert "does not exist" in call("calibrate", tmp_path / "absent.json").wrong_use
        assert "is a directory" in call("calibrate", tmp_path).wrong_use

    def test_a_table_that_supports_no_policy_is_not_made(self, tmp_path: Path, installed: Path) -> None:
        """It would keep `verify` from deciding anything."""
        path = tmp_path / "report.json"
        curves = json.loads(told())["curves"]
        for name in ("fmr", "fmr_lower", "fmr_upper"):
            curves[name] = [max(rate, 0.002) for rate in curves[name]]
        path.write_text(changed(curves=curves))
        line = call("calibrate", path).fault
        assert "support no policy: their table reaches FMR 2.0e-03" in line
        assert "evaluate a larger data set" in line
        assert not installed.exists()

    def test_without_a_home(self, report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object, **__: object) -> NoReturn:
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.setattr("platformdirs.user_config_path", refuse)
        line = call("calibrate", report).fault
        assert "name a file with --out" in line
        assert line.endswith("[output_unwritable]")
        assert call("calibrate", report, "--out", tmp_path / "mine.json").code == 0


class TestInForce:
    """What `verify` decides by."""

    def verify(self, photos: Path, *more: str | Path) -> Answer:
        return call("verify", photos / "P001-portrait.jpg", photos / "P001-casual.jpg", "--json", *more)

    def test_the_table_that_was_installed(self, report: Path, photos: Path, installed: Path) -> None:
        before = self.verify(photos).json
        answer = call("calibrate", report, "--json")
        assert answer.json["table"] == str(installed)
        assert answer.json["installed"] is True
        after = self.verify(photos).json
        assert before["calibration"]["dataset"] != NAME
        assert (after["calibration"]["dataset"], after["calibration"]["date"]) == (NAME, DATE)
        assert after["policy"]["threshold"] == pytest.approx(answer.json["thresholds"]["1e-4"], abs=1e-6)
        assert after["policy"]["threshold"] > before["policy"]["threshold"]
        assert after["score"] == before["score"]
        assert after["outcome"] == ("match" if after["score"] >= after["policy"]["threshold"] else "no_match")
        words = call("verify", photos / "P001-portrait.jpg", photos / "P001-casual.jpg").out
        assert f"measured on People \\x1b[31m that do not exist, {DATE}" in words

    def test_it_goes_with_the_file_and_not_with_the_manifest(
        self, report: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        assert call("calibrate", report).code == 0
        manifest = own_model(tmp_path_factory.mktemp("model"), calibrated=False)
        assert self.verify(photos, "--model", manifest).json["calibration"]["dataset"] == NAME

    def test_a_policy_that_the_table_does_not_reach(self, report: Path, photos: Path) -> None:
        assert call("calibrate", report).code == 0
        assert self.verify(photos, "--policy", "1e-6").fault.endswith("[policy_unsupported]")

    def test_the_environment_overrules(
        self, report: Path, photos: Path, tmp_path: Path, installed: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        installed.parent.mkdir(parents=True)
        installed.write_text("damaged")
        other = tmp_path / "other.json"
        report.write_text(changed(dataset=json.loads(told())["dataset"] | {"name": "Others"}))
        assert call("calibrate", report, "--out", other).code == 0
        monkeypatch.setenv("VISAVIS_CALIBRATION", str(other))
        assert self.verify(photos).json["calibration"]["dataset"] == "Others"

    @pytest.mark.parametrize("by_environment", [True, False])
    def test_what_is_no_table_of_the_model(
        self, by_environment: bool, report: Path, photos: Path, installed: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path, advice = installed, "or remove that file"
        if by_environment:
            path, advice = report.with_name("table.json"), "or unset VISAVIS_CALIBRATION"
            monkeypatch.setenv("VISAVIS_CALIBRATION", str(path))
        assert call("calibrate", report, "--out", path).code == 0
        ours = shipped_card(SFACE).sha256
        path.write_text(path.read_text().replace(ours, "ab" * 32))
        answer = self.verify(photos)
        line = answer.fault
        assert line.startswith(
            f"visavis: {path}: the calibration table is for the model abababababababab…, not {ours[:16]}…"
        )
        assert line.endswith(f"{advice} [manifest_invalid]")
        assert answer.json["error"]["code"] == "manifest_invalid"
        path.write_text("{}")
        assert self.verify(photos).fault.startswith(f"visavis: {path}: the calibration table cannot be read")
        path.write_bytes(b"\xff")
        assert f"{path} is no text in UTF-8" in self.verify(photos).fault

    def test_a_table_that_is_not_there(self, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VISAVIS_CALIBRATION", str(tmp_path / "absent.json"))
        assert f"{tmp_path}{os.sep}absent.json: No such file" in self.verify(photos).fault
