import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from PIL import features

from tests.cli import call, own_model, process
from tests.document.chip.pki import Authority
from tests.weights import SFACE
from visavis._version import __version__
from visavis.weights import shipped_card

EVERYTHING = {
    "visavis", "threads", "photo formats", "matplotlib", "pyarrow", "openpeople", "cache", "models", "engine",
    "speed: detection", "speed: embedding", "calibration",
}  # fmt: skip


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal in which nothing is folded."""
    monkeypatch.setenv("COLUMNS", "1000")


def examine(*arguments: str, code: int = 0) -> dict[str, dict[str, Any]]:
    """The findings of `doctor --json` by subject."""
    answer = call("doctor", "--json", *arguments)
    assert (answer.code, answer.err) == (code, "")
    for finding in answer.json:
        assert set(finding) == {"subject", "status", "detail", "advice"}
        assert finding["status"] in ("ok", "note", "fault")
        assert finding["detail"]
        assert bool(finding["advice"]) == (finding["status"] != "ok")
    return {finding["subject"]: finding for finding in answer.json}


class TestSound:
    def test_every_finding_has_a_status(self) -> None:
        found = examine()
        assert set(found) >= EVERYTHING
        assert {found[subject]["status"] for subject in EVERYTHING} == {"ok"}
        assert __version__ in found["visavis"]["detail"]
        assert "ms" in found["speed: detection"]["detail"]

    def test_as_text(self) -> None:
        answer = process("doctor")
        assert (answer.code, answer.err) == (0, "")
        lines = answer.out.splitlines()
        assert {line.split()[0] for line in lines} == {"ok"}
        for subject in EVERYTHING:
            assert sum(f" {subject} " in line for line in lines) >= 1

    def test_another_engine_and_model(self, tmp_path: Path) -> None:
        found = examine("--engine", "onnxruntime", "--threads", "1", "--model", str(own_model(tmp_path)))
        assert found["engine"]["detail"].startswith("onnxruntime")

    def test_whom_chips_are_believed_by(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VISAVIS_FOLDER", str(tmp_path))
        assert "trust" not in examine()
        trust = tmp_path / "trust"
        trust.mkdir()
        (trust / "ut.cer").write_bytes(Authority.make("UT").data)
        assert examine()["trust"]["detail"].endswith(": 1")
        (trust / "notes.txt").write_text("no certificate")
        assert "notes.txt" in examine(code=3)["trust"]["detail"]


class TestNotes:
    def test_missing_extras(self, monkeypatch: pytest.MonkeyPatch) -> None:
        version = metadata.version

        def absent(name: str) -> str:
            if name in ("matplotlib", "pyarrow", "openpeople"):
                raise metadata.PackageNotFoundError(name)
            return version(name)

        monkeypatch.setattr(metadata, "version", absent)
        found = examine()
        for package, extra in (("matplotlib", "plots"), ("pyarrow", "parquet"), ("openpeople", "demo")):
            assert found[package]["status"] == "note"
            assert found[package]["advice"] == f"pip install 'visavis[{extra}]'"
        text = call("doctor").out
        for extra in ("plots", "parquet", "demo"):
            assert f"pip install 'visavis[{extra}]'" in text

    def test_no_cache(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VISAVIS_CACHE", "none")
        found = examine()
        assert found["cache"]["status"] == "note"
        assert "switched off" in found["cache"]["detail"]

    @pytest.mark.skipif(sys.platform == "win32", reason="permissions are of another kind")
    def test_a_cache_that_others_may_write_to(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        shared = tmp_path / "shared"
        shared.mkdir()
        shared.chmod(0o777)
        monkeypatch.setenv("VISAVIS_CACHE", str(shared))
        found = examine()
        assert found["cache"]["status"] == "note"
        assert f"chmod 700 {shared}" in found["cache"]["advice"]
        assert list(shared.iterdir()) == []

    def test_formats_that_this_pillow_lacks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        check = features.check
        monkeypatch.setattr(features, "check", lambda name: name != "avif" and check(name))
        assert examine()["AVIF"]["status"] == "note"

    def test_fewer_threads_than_the_host_has(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.cpu_count", lambda: 999)
        assert "of the host's 999" in examine()["threads"]["detail"]


class TestFaults:
    def test_a_damaged_model(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = shipped_card(SFACE).file
        (tmp_path / file).write_bytes(b"another")
        monkeypatch.setenv("VISAVIS_MODELS", str(tmp_path))
        found = examine(code=3)
        assert found["models"]["status"] == "fault"
        assert f"{tmp_path / file} is not the published {file}" in found["models"]["detail"]
        assert "engine" not in found
        answer = process("doctor")
        assert answer.code == 3
        assert any(line.split()[:2] == ["fault", "models"] for line in answer.out.splitlines())

    def test_a_narrow_terminal_loses_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        card = shipped_card(SFACE)
        (tmp_path / card.file).write_bytes(b"another")
        monkeypatch.setenv("VISAVIS_MODELS", str(tmp_path))
        monkeypatch.setenv("COLUMNS", "60")
        answer = call("doctor")
        assert answer.code == 3
        assert card.sha256 in "".join(answer.out.split())

    def test_settings_without_a_meaning(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VISAVIS_THREADS", "many")
        found = examine(code=3)
        assert "VISAVIS_THREADS" in found["settings"]["detail"]

    def test_a_model_without_calibration(self, tmp_path: Path) -> None:
        found = examine("--model", str(own_model(tmp_path, calibrated=False)), code=3)
        assert found["models"]["status"] == "ok"
        assert found["calibration"]["status"] == "fault"

    def test_no_decoder_for_heic(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pi_heif", None)
        assert examine(code=3)["HEIC"]["status"] == "fault"
