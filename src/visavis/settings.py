"""Settings from the environment, read here and nowhere else.

VISAVIS_MODEL    manifest of another embedding model
VISAVIS_MODELS   folder in which model files are looked for first
VISAVIS_CACHE    folder for downloaded, folded and compiled models; `none` keeps none
VISAVIS_ENGINE   openvino (default), onnxruntime or cuda
VISAVIS_CALIBRATION  table of `visavis calibrate` to decide by; by default the one installed for this user, else the model's own
VISAVIS_THREADS  photos worked on at a time; by default the CPUs that the process may use
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from visavis.errors import InputInvalid
from visavis.weights import ENGINES, EngineName, user_cache_folder

_THREADS_MAX = 256


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator configured. Paths are the operator's own; none is ever taken from a photo or a request."""

    model: Path | None
    models: Path | None
    cache: Path | None
    engine: EngineName
    threads: int | None
    calibration: Path | None = None

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
    value = environment.get(name)
    try:
        return Path(value).expanduser() if value else None
    except RuntimeError as error:  # `~someone` who has no home
        raise InputInvalid(f"{name} is no path that can be resolved: {error}") from error
