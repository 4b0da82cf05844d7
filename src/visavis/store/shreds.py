"""The store of shreds: a file of SQLite apart from the database, from which nothing deleted can be read again.

Deleted and overwritten bytes are zeroed on their pages (`secure_delete`), and the rollback journal, which holds pages as they
were, is cut to nothing at the end of each transaction. What a file system or a disk keeps of what it was told to overwrite is
beyond the reach of a program.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from visavis.errors import StoreUnusable
from visavis.store.place import SameFile
from visavis.template import SHRED_BYTES, Secret, open_to_others

_DECOY_ID = bytes(16)
_BUSY_S = 30
_APPLICATION_ID = 0x76765348
_PRAGMAS = ("secure_delete = ON", "journal_mode = TRUNCATE", "synchronous = FULL", "temp_store = MEMORY")
_SCHEMA = (
    """
CREATE TABLE shreds (
    record_id BLOB PRIMARY KEY CHECK (length(record_id) = 16),
    shred BLOB NOT NULL CHECK (length(shred) = 32)
) WITHOUT ROWID
""",
    "CREATE TABLE installation (id BLOB PRIMARY KEY CHECK (length(id) = 16)) WITHOUT ROWID",
)
_FIND = "SELECT shred FROM shreds WHERE record_id = coalesce((SELECT record_id FROM shreds WHERE record_id = ?), ?)"


class FileShreds:
    """A `Shreds`. Open it with `FileShreds.open`, make it with `FileShreds.create`. Safe for many threads and processes.

    installation: the id of the database that it belongs to (`Database.id`).
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path, self._connection, self._file = path, connection, SameFile(path)
        self._lock = threading.Lock()

    @classmethod
    def create(cls, path: Path, installation: bytes) -> "FileShreds":
        """Make the file, if there is none yet. Raises StoreUnusable when it is something else, which stays as it is."""
        with _translated(path), suppress(FileExistsError):
            path.touch(mode=0o600, exist_ok=False)
        return cls._checked(path, installation, make=True)

    @classmethod
    def open(cls, path: Path, installation: bytes) -> "FileShreds":
        """Open the file. Raises StoreUnusable when there is none, or it is something else, which stays as it is."""
        if not path.is_file():
            raise StoreUnusable(
                f"there is no store of shreds {path}; is its volume mounted? Restore it from its newest back-up"
            )
        return cls._checked(path, installation, make=False)

    @classmethod
    def _checked(cls, path: Path, installation: bytes, *, make: bool) -> "FileShreds":
        refuse_open(path)
        with _translated(path):
            connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        shreds = cls(path, connection)
        try:
            with _translated(path):
                usable = shreds._is_ours() or (make and shreds._is_empty())
                for pragma in _PRAGMAS if usable else ():
                    connection.execute(f"PRAGMA {pragma}")
            if make and usable:
                shreds._prepare(installation)
            if usable:
                shreds._refuse_another(installation)
        except StoreUnusable:
            shreds.close()
            raise
        if not usable:
            shreds.close()
            raise StoreUnusable(f"{path} is no store of shreds")
        return shreds

    def _is_ours(self) -> bool:
        return bool(self._connection.execute("PRAGMA application_id").fetchone() == (_APPLICATION_ID,))

    def _is_empty(self) -> bool:
        return bool(self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,))

    def _refuse_another(self, installation: bytes) -> None:
        with _translated(self._path):
            found = self._connection.execute("SELECT id FROM installation").fetchone()
        if found != (installation,):
            raise StoreUnusable(f"{self._path} is the store of shreds of another installation than the database is of")

    def _prepare(self, installation: bytes) -> None:
        with self._writing() as connection:
            if not self._is_ours():
                for statement in _SCHEMA:
                    connection.execute(statement)
                connection.execute("INSERT INTO installation VALUES (?)", (installation,))
                with Secret.random(SHRED_BYTES) as decoy:
                    connection.execute("INSERT INTO shreds VALUES (?, ?)", (_DECOY_ID, decoy.view))
                connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")

    def put(self, record_id: bytes, shred: Secret) -> None:
        """See `Shreds`."""
        with self._writing() as connection:
            connection.execute("INSERT INTO shreds VALUES (?, ?)", (record_id, shred.view))

    def get(self, record_id: bytes) -> Secret:
        """See `Shreds`."""
        with self._using():
            (shred,) = self._connection.execute(_FIND, (record_id, _DECOY_ID)).fetchone()
        return Secret(shred)

    def destroy(self, record_id: bytes) -> None:
        """See `Shreds`."""
        if record_id != _DECOY_ID:
            with self._writing() as connection:
                connection.execute("DELETE FROM shreds WHERE record_id = ?", (record_id,))

    def missing(self, record_ids: Sequence[bytes]) -> Sequence[bytes]:
        """See `Shreds`."""
        with self._using():
            find = "SELECT 1 FROM shreds WHERE record_id = ?"
            return [each for each in record_ids if self._connection.execute(find, (each,)).fetchone() is None]

    def ids(self, *, after: bytes = b"", limit: int = 1000) -> Sequence[bytes]:
        """See `Shreds`."""
        find = "SELECT record_id FROM shreds WHERE record_id > ? AND record_id <> ? ORDER BY record_id LIMIT ?"
        with self._using():
            return [row[0] for row in self._connection.execute(find, (after, _DECOY_ID, limit))]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _using(self) -> Iterator[None]:
        self._file.check()
        with self._lock, _translated(self._path):
            yield

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._using():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise


def refuse_open(path: Path) -> None:
    """Raises StoreUnusable for a file that other users can read or write."""
    with _translated(path):
        status = path.stat()
    if open_to_others(status):
        raise StoreUnusable(f"{path} is open to other users; allow its owner alone: chmod 600")


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreUnusable(f"{path}: the store of shreds refused: {error}") from None
