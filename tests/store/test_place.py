"""Files that are moved away or replaced while they are in use."""

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.store import HERE, NOW
from visavis.errors import StoreUnusable
from visavis.session import Event
from visavis.store import Database, FileShreds
from visavis.template import Secret

MOVED = "was moved away or replaced while it is in use"


def move(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


def replace(path: Path) -> None:
    """As a back-up is restored."""
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    copy.replace(path)


@pytest.mark.parametrize("how", [move, replace, Path.unlink])
def test_no_shred_goes_to_a_file_that_nobody_finds_again(tmp_path: Path, how: Callable[[Path], None]) -> None:
    path, record = tmp_path / "shreds.db", bytes(range(16))
    with closing(FileShreds.create(path, HERE)) as shreds, Secret.random() as shred:
        shreds.put(record, shred)
        how(path)
        for use in (
            lambda: shreds.put(bytes(15) + b"1", shred),
            lambda: shreds.get(record),
            lambda: shreds.destroy(record),
            lambda: shreds.missing([record]),
            lambda: shreds.ids(),
        ):
            with pytest.raises(StoreUnusable, match=MOVED):
                use()


@pytest.mark.parametrize("how", [move, replace, Path.unlink])
def test_nor_does_a_transaction(tmp_path: Path, how: Callable[[Path], None]) -> None:
    path = tmp_path / "visavis.db"
    with closing(Database.create(path)) as database:
        how(path)
        with pytest.raises(StoreUnusable, match=MOVED), database.writing() as tx:
            tx.audit.append(Event.SWEPT, {}, at=NOW)
        with pytest.raises(StoreUnusable, match=MOVED), database.reading() as tx:
            tx.audit.tip()


def test_what_is_put_back_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "visavis.db"
    with closing(Database.create(path)) as database:
        move(path)
        with pytest.raises(StoreUnusable), database.reading():
            pass
        (tmp_path / "elsewhere").rename(path)
        with database.reading() as tx:
            assert tx.audit.tip()[0] == 0
