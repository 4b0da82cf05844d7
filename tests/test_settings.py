import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from visavis.errors import InputInvalid
from visavis.settings import Installation, Settings, user_calibration
from visavis.weights import ENGINES, user_cache_folder

VARIABLES = tuple(
    f"VISAVIS_{name}" for name in ("MODEL", "PAD_MODEL", "MODELS", "CACHE", "ENGINE", "THREADS", "CALIBRATION")
)


class TestDefaults:
    @pytest.mark.parametrize("value", [None, ""], ids=["unset", "empty"])
    def test_nothing_needs_to_be_set(self, value: str | None) -> None:
        settings = Settings.read({} if value is None else dict.fromkeys(VARIABLES, value))
        assert settings == Settings(
            model=None,
            models=None,
            cache=user_cache_folder(),
            engine="openvino",
            threads=None,
            calibration=None,
            pad_model=None,
        )

    def test_the_environment_is_read_when_none_is_given(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in os.environ:
            if name.startswith("VISAVIS_"):
                monkeypatch.delenv(name)
        monkeypatch.setenv("VISAVIS_ENGINE", "onnxruntime")
        monkeypatch.setenv("VISAVIS_THREADS", "3")
        settings = Settings.read()
        assert (settings.engine, settings.threads) == ("onnxruntime", 3)

    def test_other_variables_are_none_of_its_business(self) -> None:
        assert Settings.read({"ENGINE": "cuda", "visavis_engine": "cuda"}) == Settings.read({})


class TestPaths:
    def test_each_goes_where_it_belongs(self) -> None:
        values = {
            "model": "m.toml",
            "pad_model": "pad.toml",
            "models": "models",
            "cache": "cache",
            "calibration": "table.json",
        }
        settings = Settings.read({f"VISAVIS_{name.upper()}": value for name, value in values.items()})
        assert {name: getattr(settings, name) for name in values} == {name: Path(v) for name, v in values.items()}

    def test_no_cache(self) -> None:
        assert Settings.read({"VISAVIS_CACHE": "none"}).cache is None
        assert Settings.read({"VISAVIS_CACHE": "./none"}).cache == Path("none")

    @pytest.mark.parametrize("name", ["model", "pad_model", "models", "cache", "calibration"])
    def test_a_home_is_found(self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        settings = Settings.read({f"VISAVIS_{name.upper()}": "~/visavis"})
        assert getattr(settings, name) == tmp_path / "visavis"

    def test_older_models_are_listed_like_folders_in_path(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        listed = os.pathsep.join(("one.toml", "", "~/two.toml"))
        assert Settings.read({"VISAVIS_OLDER_MODELS": listed}).older_models == (Path("one.toml"), tmp_path / "two.toml")
        assert Settings.read({}).older_models == ()

    @pytest.mark.parametrize(
        "name",
        [f"VISAVIS_{name}" for name in ("MODEL", "PAD_MODEL", "MODELS", "CACHE", "CALIBRATION", "OLDER_MODELS")],
    )
    def test_nobodys_home_is_refused(self, name: str) -> None:
        with pytest.raises(InputInvalid, match=name) as caught:
            Settings.read({name: "~nobody-has-this-name/visavis"})
        assert caught.value.code == "input_invalid"


class TestUserCalibration:
    def test_one_for_each_model_file_named_and_not_made(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
        first, second = user_calibration("ab" * 32), user_calibration("cd" * 32)
        assert first is not None
        assert second is not None
        assert (first.name, second.name) == ("calibration-abababababababab.json", "calibration-cdcdcdcdcdcdcdcd.json")
        assert "visavis" in first.parts
        assert first.parent == second.parent
        assert list(tmp_path.iterdir()) == []

    def test_a_user_without_a_home_has_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse_home(*_: object, **__: object) -> NoReturn:
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.setattr("platformdirs.user_config_path", refuse_home)
        assert user_calibration("ab" * 32) is None


class TestEngine:
    @pytest.mark.parametrize("engine", ENGINES)
    def test_every_engine_can_be_chosen(self, engine: str) -> None:
        assert Settings.read({"VISAVIS_ENGINE": engine}).engine == engine

    @pytest.mark.parametrize("engine", ["OpenVINO", " openvino", "tensorrt"])
    def test_another_name_is_answered_with_those_that_are(self, engine: str) -> None:
        with pytest.raises(
            InputInvalid, match=f"VISAVIS_ENGINE must be one of openvino, onnxruntime, cuda, not '{engine}'"
        ):
            Settings.read({"VISAVIS_ENGINE": engine})


class TestThreads:
    @pytest.mark.parametrize("threads", [1, 2, 256])
    def test_a_number_of_threads(self, threads: int) -> None:
        assert Settings.read({"VISAVIS_THREADS": str(threads)}).threads == threads

    @pytest.mark.parametrize(
        "threads", ["0", "257", "-1", "+1", "1.5", "1e2", " 2", "two", "²", "9" * 5000], ids=range(10)
    )
    def test_what_is_no_number_of_threads(self, threads: str) -> None:
        with pytest.raises(InputInvalid, match="VISAVIS_THREADS must be a whole number from 1 to 256"):
            Settings.read({"VISAVIS_THREADS": threads})


@hypothesis_settings(deadline=None)
@given(
    values=st.dictionaries(
        st.sampled_from(VARIABLES),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.sampled_from([*ENGINES, "7"]),
    )
)
def test_whatever_is_set_gives_settings_or_is_refused(values: dict[str, str]) -> None:
    with suppress(InputInvalid):
        settings = Settings.read(values)
        assert settings.engine in ENGINES
        assert settings.threads is None or 1 <= settings.threads <= 256


class TestInstallation:
    def test_everything_lies_in_its_folder_unless_told_otherwise(self, tmp_path: Path) -> None:
        place = Installation.at(tmp_path, {})
        assert (place.keys, place.shreds, place.database) == (
            tmp_path / "keys",
            tmp_path / "shreds.db",
            tmp_path / "visavis.db",
        )
        elsewhere = {name: f"/elsewhere/{name}" for name in ("VISAVIS_FOLDER", "VISAVIS_KEYS", "VISAVIS_SHREDS")}
        place = Installation.at(None, {**elsewhere, "VISAVIS_DATABASE": "postgresql://me@host/db"})
        assert place.folder == Path("/elsewhere/VISAVIS_FOLDER")
        assert (place.keys, place.shreds) == (Path("/elsewhere/VISAVIS_KEYS"), Path("/elsewhere/VISAVIS_SHREDS"))
        assert place.database == "postgresql://me@host/db"

    def test_a_password_is_not_shown(self, tmp_path: Path) -> None:
        assert "hunter2" not in repr(Installation.at(tmp_path, {"VISAVIS_DATABASE": "postgresql://me:hunter2@host/db"}))

    def test_a_user_without_a_home_names_a_folder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse_home(*_: object, **__: object) -> NoReturn:
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.setattr("platformdirs.user_data_path", refuse_home)
        with pytest.raises(InputInvalid, match="--folder or VISAVIS_FOLDER"):
            Installation.at(None, {})

    @pytest.mark.parametrize("name", ["two\nlines", "x" * 256, "\x7f"])
    def test_a_name_that_no_credential_can_hold(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(InputInvalid, match="255 printable characters"):
            replace(Installation.at(tmp_path, {}), issuer=name)

    @given(
        issuer=st.text(st.characters(exclude_categories=["Cs"]).filter(str.isprintable), max_size=255),
        days=st.integers(0, 3650),
    )
    def test_what_is_written_is_read_again(
        self, tmp_path_factory: pytest.TempPathFactory, issuer: str, days: int
    ) -> None:
        folder = tmp_path_factory.mktemp("installation")
        place = replace(Installation.at(folder, {}), issuer=issuer, status_list=issuer[::-1], shred_backup_days=days)
        place.settings_file.write_text(place.to_toml(), encoding="utf-8")
        assert Installation.read(folder, {}) == place
