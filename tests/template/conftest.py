from pathlib import Path

import pytest

from tests.template.material import Office
from visavis.template import FileKeys


@pytest.fixture
def keys(tmp_path: Path) -> FileKeys:
    """Fresh keys, for a test that changes them."""
    return FileKeys.create(tmp_path / "keys")


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return Office(tmp_path_factory.mktemp("office") / "keys")


@pytest.fixture(scope="session")
def other_office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """Another issuer, with keys of its own."""
    return Office(tmp_path_factory.mktemp("other") / "keys", "Other Office", "https://example.net/status")
