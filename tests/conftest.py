"""What the tests share: the synthetic people, one verifier, and the formats that photos come in."""

import io
import os
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage

from tests.overheard import Overheard, listen
from tests.store import postgresql
from visavis.verifier import Verifier
from visavis.weights import Cache, ModelStore, Places, available_threads, make_engine

hypothesis.settings.register_profile("unhurried", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("unhurried")

LONG = bool(os.environ.get("VISAVIS_SOAK"))
"""Whether the long counts run: scripts/soak."""

OVERHEARD = Overheard()
listen(OVERHEARD)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What was said is looked through when all has been said."""
    items.sort(key=lambda item: item.path.name == "test_overheard.py")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How much of both there was."""
    said, secret = OVERHEARD.counts()
    terminalreporter.write_line(f"{said:,} things were said, and searched for {secret:,} words that are secret")


PEOPLE = tuple(f"P{number:03d}" for number in range(1, 11))


@cache
def person(name: str, kind: str) -> bytes:
    """The JPEG of a synthetic person: `studio_portrait`, `amateur_selfie`, `amateur_posture`, `emotions_sheet`, …"""
    folder = metadata.distribution("openpeople").locate_file("openpeople/data/curated")
    return Path(str(folder), name, "assets", f"{kind}.jpg").read_bytes()


@cache
def pixels(name: str, kind: str, long_side: int = 1000) -> NDArray[np.uint8]:
    """The same photo as RGB pixels, scaled so that its longer side is `long_side`; read-only."""
    picture = PillowImage.open(io.BytesIO(person(name, kind))).convert("RGB")
    picture.thumbnail((long_side, long_side), PillowImage.Resampling.LANCZOS)
    array = np.asarray(picture)
    array.flags.writeable = False
    return array


def encoded(picture: PillowImage.Image | NDArray[np.uint8], image_format: str, **options: object) -> bytes:
    """An image file in memory; `image_format` as Pillow names it, and HEIF."""
    if image_format == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    if isinstance(picture, np.ndarray):
        picture = PillowImage.fromarray(picture)
    out = io.BytesIO()
    picture.save(out, image_format, **options)
    return out.getvalue()


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private cache that the whole run shares, so that models are folded and compiled once."""
    folder = tmp_path_factory.mktemp("cache")
    folder.chmod(0o700)
    return folder


@pytest.fixture(scope="session")
def verifier(cache_folder: Path) -> Verifier:
    """The product as a user gets it."""
    return Verifier(cache_folder=cache_folder)


@pytest.fixture(scope="session")
def store(cache_folder: Path) -> ModelStore:
    """Models on the default engine."""
    cache = Cache(cache_folder)
    engine = make_engine("openvino", threads=available_threads(), cache=cache)
    return ModelStore(places=Places(cache=cache_folder), cache=cache, engine=engine)


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A PostgreSQL server: the one that VISAVIS_TEST_POSTGRESQL names, or one of the tests' own."""
    url, programs = os.environ.get("VISAVIS_TEST_POSTGRESQL"), postgresql.binaries()
    if url:
        yield url
    elif programs is not None:
        with postgresql.server(programs) as url:
            yield url
    elif os.environ.get("CI"):
        pytest.fail("PostgreSQL is not installed, and a check that cannot fail is no check")
    else:
        pytest.skip("PostgreSQL is not installed, and VISAVIS_TEST_POSTGRESQL names none")


@pytest.fixture(scope="session")
def _postgresql_database(postgresql_url: str) -> Iterator[str]:
    with postgresql.database(postgresql_url) as url:
        yield url


@pytest.fixture
def postgresql_database(_postgresql_database: str) -> Iterator[str]:
    """The URL of an empty database, the test's own while it runs."""
    yield _postgresql_database
    postgresql.empty(_postgresql_database)
