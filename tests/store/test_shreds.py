"""The file of shreds: what is destroyed is nowhere in it. `VISAVIS_SOAK=1` does twenty thousand operations."""

import random
import secrets
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import LONG
from tests.store import HERE
from visavis.errors import StoreUnusable
from visavis.store import Database, FileShreds
from visavis.template import SHRED_BYTES, Secret

OPERATIONS = 20_000 if LONG else 3_000
SHARES_DESTROYED = (0.05, 0.95, 0.2, 0.5, 0.8, 0.5, 0.4, 0.6, 0.1, 0.9)
"""The store fills and empties: pages are split, merged and freed."""
TRACE_BYTES = 16
"""So few bytes in a row of a shred that was destroyed would be too many."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "shreds"
    folder.mkdir()
    return folder / "shreds.db"


@pytest.fixture
def shreds(path: Path) -> Iterator[FileShreds]:
    with closing(FileShreds.create(path, HERE)) as shreds:
        yield shreds


def traces(folder: Path, destroyed: Iterable[bytes]) -> int:
    """How many of the shreds are still in a file of the folder, if only in part."""
    there = set()
    for file in folder.iterdir():
        data = file.read_bytes()
        there |= {data[at : at + TRACE_BYTES] for at in range(len(data) - TRACE_BYTES + 1)}
    return sum(
        any(shred[at : at + TRACE_BYTES] in there for at in range(SHRED_BYTES - TRACE_BYTES + 1)) for shred in destroyed
    )


class Life:
    """A store in use: it fills and empties, and remembers what it held."""

    def __init__(self, shreds: FileShreds, seed: int) -> None:
        self._shreds, self._random = shreds, random.Random(seed)  # noqa: S311 - to be repeated
        self.ids: list[bytes] = []
        self.kept: dict[bytes, bytes] = {}
        self.destroyed: list[bytes] = []

    def go_on(self, operations: int, share_destroyed: float) -> None:
        for _ in range(operations):
            if self.ids and self._random.random() < share_destroyed:
                place = self._random.randrange(len(self.ids))
                self.ids[place], self.ids[-1] = self.ids[-1], self.ids[place]
                record_id = self.ids.pop()
                self._shreds.destroy(record_id)
                self.destroyed.append(self.kept.pop(record_id))
            else:
                record_id, shred = self._random.randbytes(16), self._random.randbytes(SHRED_BYTES)
                self._shreds.put(record_id, Secret(shred))
                self.ids.append(record_id)
                self.kept[record_id] = shred

    def check(self, path: Path) -> None:
        assert traces(path.parent, self.destroyed) == 0
        assert traces(path.parent, self.kept.values()) == len(self.kept)
        journals = [file for file in path.parent.iterdir() if file != path]
        assert all(file.stat().st_size == 0 for file in journals)
        assert list(self._shreds.missing(self.ids)) == []


class TestDestroying:
    @pytest.mark.soak
    def test_what_is_destroyed_is_in_no_file(self, shreds: FileShreds, path: Path) -> None:
        life = Life(shreds, seed=1)
        for share_destroyed in SHARES_DESTROYED:
            life.go_on(OPERATIONS // len(SHARES_DESTROYED), share_destroyed)
            life.check(path)
        assert len(life.destroyed) > OPERATIONS / 3

    def test_the_last_one_too(self, shreds: FileShreds, path: Path) -> None:
        record_id, shred = secrets.token_bytes(16), secrets.token_bytes(SHRED_BYTES)
        shreds.put(record_id, Secret(shred))
        assert traces(path.parent, [shred]) == 1
        shreds.destroy(record_id)
        assert traces(path.parent, [shred]) == 0

    def test_nothing_of_a_refused_one_is_left(self, shreds: FileShreds, path: Path) -> None:
        record_id, first, second = secrets.token_bytes(16), *(secrets.token_bytes(SHRED_BYTES) for _ in range(2))
        shreds.put(record_id, Secret(first))
        with pytest.raises(StoreUnusable, match="the store of shreds refused") as refusal:
            shreds.put(record_id, Secret(second))
        assert second.hex() not in str(refusal.value)
        assert traces(path.parent, [second]) == 0
        with shreds.get(record_id) as kept:
            assert bytes(kept.view) == first

    @pytest.mark.parametrize(("id_bytes", "shred_bytes"), [(16, 31), (16, 33), (15, 32), (17, 32), (0, 32)])
    def test_an_id_has_16_bytes_and_a_shred_32(self, id_bytes: int, shred_bytes: int, shreds: FileShreds) -> None:
        with pytest.raises(StoreUnusable):
            shreds.put(bytes(range(1, id_bytes + 1)), Secret.random(shred_bytes))


class TestOpening:
    def test_it_survives_being_closed(self, path: Path) -> None:
        record_id, unknown, shred = secrets.token_bytes(16), secrets.token_bytes(16), secrets.token_bytes(32)
        with closing(FileShreds.create(path, HERE)) as shreds:
            shreds.put(record_id, Secret(shred))
            with shreds.get(unknown) as before:
                decoy = bytes(before.view)
        for opening in (FileShreds.open, FileShreds.create):
            with closing(opening(path, HERE)) as shreds, shreds.get(record_id) as found, shreds.get(unknown) as after:
                assert bytes(found.view) == shred
                assert bytes(after.view) == decoy
                assert list(shreds.missing([record_id, unknown])) == [unknown]

    def test_its_file_is_its_owners_alone(self, shreds: FileShreds, path: Path) -> None:
        shreds.put(secrets.token_bytes(16), Secret.random())
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        assert modes["shreds.db"] == 0o600
        assert set(modes.values()) == {0o600}

    def test_every_connection_overwrites_and_cuts_the_journal(self, path: Path) -> None:
        for opening in (FileShreds.create, FileShreds.open):
            with closing(opening(path, HERE)) as shreds:
                found = {
                    name: shreds._connection.execute(f"PRAGMA {name}").fetchone()[0]
                    for name in ("secure_delete", "journal_mode", "synchronous", "temp_store")
                }
            assert found == {"secure_delete": 1, "journal_mode": "truncate", "synchronous": 2, "temp_store": 2}

    def test_one_that_is_not_there_is_not_made(self, path: Path) -> None:
        with pytest.raises(StoreUnusable, match=r"no store of shreds .*shreds\.db; is its volume mounted\? Restore it"):
            FileShreds.open(path, HERE)
        assert list(path.parent.iterdir()) == []

    @pytest.mark.parametrize("opening", [FileShreds.open, FileShreds.create])
    def test_a_file_of_another_kind_is_refused_and_left_as_it_is(
        self, opening: Callable[[Path, bytes], FileShreds], path: Path
    ) -> None:
        content = b"not a database, " * 512
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(StoreUnusable) as refusal:
            opening(path, HERE)
        assert refusal.value.code == "store_unusable"
        assert path.read_bytes() == content

    @pytest.mark.parametrize("opening", [FileShreds.open, FileShreds.create])
    def test_the_database_in_its_place_is_refused_and_left_as_it_is(
        self, opening: Callable[[Path, bytes], FileShreds], path: Path
    ) -> None:
        """Two paths are easily mixed up."""
        Database.create(path).close()
        content = path.read_bytes()
        with pytest.raises(StoreUnusable, match="is no store of shreds"):
            opening(path, HERE)
        assert path.read_bytes() == content

    @pytest.mark.parametrize("opening", [FileShreds.open, FileShreds.create])
    def test_another_programs_file_is_refused_and_left_as_it_is(
        self, opening: Callable[[Path, bytes], FileShreds], path: Path
    ) -> None:
        with closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA application_id = 1234")
            other.execute("CREATE TABLE things (thing)")
            other.commit()
        path.chmod(0o600)
        content = path.read_bytes()
        with pytest.raises(StoreUnusable, match="is no store of shreds"):
            opening(path, HERE)
        assert path.read_bytes() == content

    def test_an_empty_file_is_no_store(self, path: Path) -> None:
        path.touch(mode=0o600)
        with pytest.raises(StoreUnusable, match="is no store of shreds"):
            FileShreds.open(path, HERE)

    def test_a_damaged_file_is_told_as_such(self, shreds: FileShreds, path: Path) -> None:
        for _ in range(500):
            shreds.put(secrets.token_bytes(16), Secret.random())
        shreds.close()
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * 8192)
        with (
            pytest.raises(StoreUnusable, match=r"refused: .*malformed"),
            closing(FileShreds.open(path, HERE)) as damaged,
        ):
            damaged.missing([secrets.token_bytes(16) for _ in range(100)])


_PROGRAM = """
import secrets, sys
from pathlib import Path
from visavis.store import FileShreds
from visavis.template import Secret

shreds = FileShreds.open(Path(sys.argv[1]), b"installation one")
print("ready", flush=True)
sys.stdin.readline()
for number in range(100):
    record_id, shred = secrets.token_bytes(16), secrets.token_bytes(32)
    shreds.put(record_id, Secret(shred))
    with shreds.get(record_id) as found:
        assert bytes(found.view) == shred
    if number % 2:
        shreds.destroy(record_id)
    print(record_id.hex(), shred.hex(), number % 2, flush=True)
shreds.close()
"""


def test_two_processes_may_use_it_at_once(shreds: FileShreds, path: Path) -> None:
    kept: dict[bytes, bytes] = {}
    destroyed: list[bytes] = []
    life = Life(shreds, seed=3)
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        program.stdin.write("go\n")
        program.stdin.flush()
        life.go_on(150, 0.5)
        for line in program.stdout:
            identifier, written, gone = line.split()
            if gone == "1":
                destroyed.append(bytes.fromhex(written))
            else:
                kept[bytes.fromhex(identifier)] = bytes.fromhex(written)
    assert program.returncode == 0
    life.check(path)
    assert len(destroyed) == len(kept) == 50
    assert traces(path.parent, destroyed) == 0
    for record_id, shred in kept.items():
        with shreds.get(record_id) as found:
            assert bytes(found.view) == shred
