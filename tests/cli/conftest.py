"""Small photos in a folder, and a shell whose cache is the run's."""

import os
from pathlib import Path

import pytest

from tests.conftest import encoded, pixels

PHOTO_PX = 420
NAMES = ("P001", "P002", "P003")


@pytest.fixture(autouse=True)
def shell(cache_folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the caller's configuration reaches a test: its user is a new one."""
    for name in [name for name in os.environ if name.startswith(("VISAVIS_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("VISAVIS_CACHE", str(cache_folder))
    home = tmp_path_factory.mktemp("home")
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    for name, folder in (("XDG_CONFIG_HOME", ".config"), ("APPDATA", "AppData"), ("LOCALAPPDATA", "AppData")):
        monkeypatch.setenv(name, str(home / folder))
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`P001-portrait.jpg`, `P001-casual.jpg` and so on; a wall without a face; a text. Not to be written to."""
    folder = tmp_path_factory.mktemp("photos")
    for name in NAMES:
        for word, kind in (("portrait", "studio_portrait"), ("casual", "amateur_selfie")):
            data = encoded(pixels(name, kind, PHOTO_PX), "JPEG", quality=90)
            (folder / f"{name}-{word}.jpg").write_bytes(data)
    (folder / "several.jpg").write_bytes(encoded(pixels("P001", "emotions_sheet", 800), "JPEG"))
    (folder / "distant.jpg").write_bytes(encoded(pixels("P001", "amateur_selfie", 200), "JPEG"))
    (folder / "wall.png").write_bytes(encoded(pixels("P001", "studio_portrait", 100)[:20, :20], "PNG"))
    (folder / "notes.txt").write_text("no photo\n")
    return folder
