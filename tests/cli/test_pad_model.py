"""A model that looks at single frames of live captures: named to the service, and listed."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.cli import call, own_model
from tests.pad import pad_network, write_pad_model
from visavis.face import Face
from visavis.pad import PassiveNetwork

NETWORK = pad_network([[1, 0, 0], [0, 0, 1]])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    call("init", "--folder", tmp_path / "installation")
    return tmp_path / "installation"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is served, instead of serving it."""
    services: list[Any] = []

    def server_of(service: Any, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(run=lambda: services.append(service))

    monkeypatch.setattr("visavis.api.server_of", server_of)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    return services


class TestServe:
    @pytest.mark.parametrize("by", ["option", "environment"])
    def test_it_looks_at_captures(
        self, by: str, folder: Path, served: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        manifest = write_pad_model(tmp_path, NETWORK)
        options: tuple[str | Path, ...] = ("--pad-model", manifest)
        if by == "environment":
            monkeypatch.setenv("VISAVIS_PAD_MODEL", str(manifest))
            options = ()
        assert call("serve", "--folder", folder, *options).code == 0
        passive = served[0].desk.passive
        assert isinstance(passive, PassiveNetwork)
        assert passive.id == "mine"
        frame = np.zeros((90, 90, 3), dtype=np.uint8)
        face = Face((30.0, 30.0, 30.0, 30.0), np.zeros((5, 2), dtype=np.float32), 1.0)
        assert not passive.accepts(frame, face)
        assert passive.accepts(frame + np.uint8(1), face)

    def test_the_option_comes_before_the_environment(
        self, folder: Path, served: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VISAVIS_PAD_MODEL", str(tmp_path / "absent.toml"))
        assert call("serve", "--folder", folder, "--pad-model", write_pad_model(tmp_path, NETWORK)).code == 0
        assert len(served) == 1

    def test_without_one_there_is_none(self, folder: Path, served: list[Any]) -> None:
        assert call("serve", "--folder", folder).code == 0
        assert served[0].desk.passive is None

    def test_what_is_wrong_with_it_is_told_before_anything_is_served(
        self, folder: Path, served: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fault(manifest: Path) -> str:
            return call("serve", "--folder", folder, "--pad-model", manifest).fault

        manifest = write_pad_model(tmp_path, NETWORK)
        (tmp_path / "mine.onnx").write_bytes(b"another")
        assert fault(manifest).endswith("[model_hash_mismatch]")
        (tmp_path / "mine.onnx").unlink()
        assert fault(manifest).endswith("[model_not_found]")
        assert fault(write_pad_model(tmp_path, NETWORK, output__classes=3)).endswith("[model_unreadable]")
        assert fault(write_pad_model(tmp_path, b"no network")).endswith("[model_unreadable]")
        assert fault(write_pad_model(tmp_path, NETWORK, threshold__apcer="")).endswith("[manifest_invalid]")
        assert fault(tmp_path / "absent.toml").endswith("[manifest_invalid]")
        assert "must be 'presentation_attack_detection', not 'face_embedding'" in fault(own_model(tmp_path))
        assert served == []

    def test_it_is_no_embedding_model(self, folder: Path, served: list[Any], tmp_path: Path) -> None:
        fault = call("serve", "--folder", folder, "--model", write_pad_model(tmp_path, NETWORK)).fault
        assert "must be 'face_embedding', not 'presentation_attack_detection'" in fault
        assert served == []


class TestModels:
    def test_it_is_listed_with_what_its_threshold_was_set_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "1000")
        manifest = write_pad_model(
            tmp_path, NETWORK, crop={"of": "eyes", "times": 4.0, "upright": True, "keep_inside": False}
        )
        monkeypatch.setenv("VISAVIS_PAD_MODEL", str(manifest))
        answer = call("models")
        assert (answer.code, answer.err) == (0, "")
        text = re.sub(r"\s+", " ", answer.out)
        for words in (
            "purpose presentation attack detection",
            f"found manifest: {tmp_path / 'mine.onnx'}",
            "input 32 × 32 px, RGB",
            "crop 4 times the distance of the eyes and upright",
            "threshold 0.5, set on frames of the tests, 2026-11-25",
            "APCER 0.9 % (95 %: 0.4 to 1.8) of prints",
            "BPCER 2.1 % (95 %: 1.5 to 2.9)",
        ):
            assert words in text
        rows = {row["id"]: row for row in call("models", "--json").json}
        assert (rows["mine"]["status"], rows["mine"]["calibrated"]) == ("ok", False)
        assert rows["mine"]["pad"]["crop"]["of"] == "eyes"
        assert rows["mine"]["pad"]["threshold"] == 0.5
        assert {row["pad"] for name, row in rows.items() if name != "mine"} == {None}

    def test_a_wrong_file_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VISAVIS_PAD_MODEL", str(write_pad_model(tmp_path, NETWORK)))
        (tmp_path / "mine.onnx").write_bytes(b"another")
        answer = call("models", "--json")
        assert answer.code == 3
        assert answer.json[-1]["status"] == "model_hash_mismatch"
