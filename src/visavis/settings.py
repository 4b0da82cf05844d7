"""Settings from the environment, read here and nowhere else.

VISAVIS_MODEL    manifest of another embedding model
VISAVIS_OLDER_MODELS  manifests of models that references were made with before, as PATH lists folders
VISAVIS_PAD_MODEL  manifest of a model that looks at single frames of live captures
VISAVIS_MODELS   folder in which model files are looked for first
VISAVIS_CACHE    folder for downloaded, folded and compiled models; `none` keeps none
VISAVIS_ENGINE   openvino (default), onnxruntime or cuda
VISAVIS_CALIBRATION  table of `visavis calibrate` to decide by; by default the one installed for this user, else the model's own
VISAVIS_THREADS  photos worked on at a time; by default the CPUs that the process may use
VISAVIS_FOLDER   folder of the installation that `visavis init` makes; by default the user's own data folder
VISAVIS_DATABASE  postgresql://user@host/name; by default a file of SQLite in that folder
VISAVIS_KEYS     folder of the keys; by default in that folder
VISAVIS_SHREDS   file of the store of shreds; by default in that folder
"""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from visavis.errors import InputInvalid
from visavis.weights import ENGINES, EngineName, user_cache_folder

_THREADS_MAX = 256
_BACKUP_DAYS_MAX = 3650
_NAME_MAX = 255
_SETTINGS_FILE = "visavis.toml"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator configured. Paths are the operator's own; none is ever taken from a photo or a request."""

    model: Path | None
    models: Path | None
    cache: Path | None
    engine: EngineName
    threads: int | None
    calibration: Path | None = None
    older_models: tuple[Path, ...] = ()
    pad_model: Path | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read the variables above. Raises InputInvalid for one that has no possible meaning."""
        engine = environment.get("VISAVIS_ENGINE") or "openvino"
        if engine not in ENGINES:
            raise InputInvalid(f"VISAVIS_ENGINE must be one of {', '.join(ENGINES)}, not {engine!r}")
        threads = environment.get("VISAVIS_THREADS")
        if threads and not (threads.isdecimal() and len(threads) <= 9 and 1 <= int(threads) <= _THREADS_MAX):
            raise InputInvalid(f"VISAVIS_THREADS must be a whole number from 1 to {_THREADS_MAX}, not {threads!r}")
        cache = environment.get("VISAVIS_CACHE")
        return cls(
            model=_path("VISAVIS_MODEL", environment),
            models=_path("VISAVIS_MODELS", environment),
            cache=None if cache == "none" else _path("VISAVIS_CACHE", environment) or user_cache_folder(),
            engine=engine,
            threads=int(threads) if threads else None,
            calibration=_path("VISAVIS_CALIBRATION", environment),
            older_models=_paths("VISAVIS_OLDER_MODELS", environment),
            pad_model=_path("VISAVIS_PAD_MODEL", environment),
        )


def user_calibration(model_sha256: str) -> Path | None:
    """Where this user's own calibration table for a model file lies; None for a user without a home."""
    import platformdirs

    try:
        folder = platformdirs.user_config_path("visavis", appauthor=False)
    except RuntimeError:
        return None
    return folder / f"calibration-{model_sha256[:16]}.json"


def _path(name: str, environment: Mapping[str, str]) -> Path | None:
    return next(iter(_paths(name, environment, separator=None)), None)


def _paths(name: str, environment: Mapping[str, str], separator: str | None = os.pathsep) -> tuple[Path, ...]:
    value = environment.get(name, "")
    try:
        parts = value.split(separator) if separator else [value]
        return tuple(Path(each).expanduser() for each in parts if each)
    except RuntimeError as error:  # `~someone` who has no home
        raise InputInvalid(f"{name} is no path that can be resolved: {error}") from error


@dataclass(frozen=True, slots=True)
class Installation:
    """Where one operator's references are kept, and under which name credentials are issued.

    folder: made by `visavis init`; holds visavis.toml and, unless they are configured elsewhere, the rest. database: a file of
    SQLite, or a URL of PostgreSQL, which may hold a password and is never shown. issuer, status_list: '' where no credentials are
    issued. shred_backup_days: for how long back-ups of the store of shreds are kept.
    """

    folder: Path
    database: Path | str = field(repr=False)
    keys: Path
    shreds: Path
    issuer: str = ""
    status_list: str = ""
    shred_backup_days: int = 0

    def __post_init__(self) -> None:
        for name, text in (("issuer", self.issuer), ("status list's address", self.status_list)):
            if len(text) > _NAME_MAX or not text.isprintable():
                raise InputInvalid(f"the {name} has {_NAME_MAX} printable characters at most")

    @property
    def settings_file(self) -> Path:
        """visavis.toml."""
        return self.folder / _SETTINGS_FILE

    @property
    def heads(self) -> Path:
        """Signed heads of the audit log; copies belong elsewhere."""
        return self.folder / "audit-heads.jsonl"

    @property
    def trust(self) -> Path:
        """The states whose signatures in chips are believed: a folder of certificates and revocation lists."""
        return self.folder / "trust"

    @property
    def status_list_file(self) -> Path:
        """The status list that was signed last."""
        return self.folder / "status-list.cwt"

    @classmethod
    def at(cls, folder: Path | None, environment: Mapping[str, str] = os.environ) -> "Installation":
        """Where an installation is, or is to be made: the folder given, else VISAVIS_FOLDER, else the user's own data folder.

        Raises InputInvalid for a setting without meaning.
        """
        home = folder or _path("VISAVIS_FOLDER", environment) or _user_folder()
        return cls(
            folder=home,
            database=environment.get("VISAVIS_DATABASE") or home / "visavis.db",
            keys=_path("VISAVIS_KEYS", environment) or home / "keys",
            shreds=_path("VISAVIS_SHREDS", environment) or home / "shreds.db",
        )

    @classmethod
    def read(cls, folder: Path | None, environment: Mapping[str, str] = os.environ) -> "Installation":
        """The same with what visavis.toml says. Raises InputInvalid when there is none, or it says what it should not."""
        base = cls.at(folder, environment)
        try:
            text = base.settings_file.read_text(encoding="utf-8")
            values = tomllib.loads(text)
        except OSError as error:
            raise InputInvalid(
                f"{base.settings_file}: {error.strerror or error}; make an installation with `visavis init`"
            ) from error
        except ValueError as error:
            raise InputInvalid(f"{base.settings_file} is no TOML: {error}") from error
        match values:
            case {"issuer": str(issuer), "status_list": str(address), "shred_backup_days": int(days), **others} if (
                not others and 0 <= days <= _BACKUP_DAYS_MAX
            ):
                return replace(base, issuer=issuer, status_list=address, shred_backup_days=days)
        raise InputInvalid(
            f"{base.settings_file}: expected the texts `issuer` and `status_list`, and `shred_backup_days` from 0 to "
            f"{_BACKUP_DAYS_MAX}, and nothing else"
        )

    def to_toml(self) -> str:
        """The contents of visavis.toml."""
        return (
            "# Under which name face credentials are issued, and where their status list is published.\n"
            f"issuer = {json.dumps(self.issuer, ensure_ascii=False)}\n"
            f"status_list = {json.dumps(self.status_list, ensure_ascii=False)}\n"
            "# For so many days back-ups of the store of shreds are kept; receipts of erasure say so.\n"
            f"shred_backup_days = {self.shred_backup_days}\n"
        )


def _user_folder() -> Path:
    import platformdirs

    try:
        return platformdirs.user_data_path("visavis", appauthor=False)
    except RuntimeError as error:
        raise InputInvalid("there is no home folder; name a folder with --folder or VISAVIS_FOLDER") from error
