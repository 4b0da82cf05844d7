"""The database behind the session's Protocols: SQLite in one folder, or PostgreSQL."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, select
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DataError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)

from visavis.errors import ExtraMissing, InputInvalid, StoreUnusable
from visavis.session import Transaction
from visavis.store import tables
from visavis.store.migrate import REVISIONS, migrate, version_of
from visavis.store.place import SameFile
from visavis.store.shreds import refuse_open
from visavis.store.transaction import transaction

_BUSY_S, _IDLE_S = 30, 300
"""For how long a writer waits for the others; and how long one may hold them up without doing anything, on PostgreSQL."""
_READING = "visavis_reading"
_WRITING = 8170712367112
"""Name of the lock that makes writers on PostgreSQL wait for each other."""


class Database:
    """A `Store`. Open it with `Database.open`, make it with `Database.create`. Safe to use from many threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        path = engine.url.database if engine.url.get_backend_name() == "sqlite" else None
        self._file = None if path is None else SameFile(Path(path))

    @classmethod
    def create(cls, where: Path | str) -> "Database":
        """Make the database's tables, or bring older ones up to date."""
        return cls._checked(_engine(where, create=True), make=True)

    @classmethod
    def open(cls, where: Path | str) -> "Database":
        """Open a database: a file of SQLite, or a URL of PostgreSQL.

        Raises StoreUnusable when there is none, it cannot be reached, or its tables are of another version.
        """
        return cls._checked(_engine(where, create=False), make=False)

    @classmethod
    def _checked(cls, engine: Engine, *, make: bool) -> "Database":
        database = cls(engine)
        try:
            with _translated():
                with engine.connect() as connection:
                    _check_version(version_of(connection), may_be_older=make)
                if make:
                    migrate(engine)
        except StoreUnusable:
            database.close()
            raise
        return database

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """See `Store`."""
        with self._using(), self.engine.begin() as connection:
            if (
                connection.dialect.name == "postgresql"
            ):  # as SQLite does: an erasure and an enrolment must not pass each other
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITING})")
            yield transaction(connection)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """See `Store`."""
        with self._using(), self.engine.connect() as connection:
            connection = connection.execution_options(**{_READING: True})
            yield transaction(connection)

    @contextmanager
    def _using(self) -> Iterator[None]:
        if self._file is not None:
            self._file.check()
        with _translated():
            yield

    def scrub(self) -> None:
        """See `Store`: SQLite empties its write-ahead log, unless another process is reading; PostgreSQL has its own ways."""
        if self.engine.dialect.name == "sqlite":
            # It is no transaction; what it cannot do while others read, the next one does.
            with _translated(), closing(self.engine.raw_connection()) as connection, suppress(sqlite3.Error):
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @cached_property
    def id(self) -> bytes:
        """16 bytes that the store of shreds of the same installation knows too."""
        with _translated(), self.engine.connect() as connection:
            found: bytes = connection.execute(select(tables.installation.c.id)).scalar_one()
        return found

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _check_version(found: str | None, *, may_be_older: bool) -> None:
    if found not in (None, *REVISIONS):
        raise StoreUnusable("the database is of a later version of visavis; install that version")
    if may_be_older or found == REVISIONS[0]:
        return
    if found is None:
        raise StoreUnusable("the database has no tables of visavis; make them with `visavis init`")
    raise StoreUnusable("the database is of an earlier version of visavis; bring it up to date with `visavis migrate`")


@contextmanager
def _translated() -> Iterator[None]:
    """The driver's errors as ours. Its words are repeated where they tell of the database's state, and not where they tell of a
    statement, whose values they may quote."""
    try:
        yield
    except SQLAlchemyError as error:
        if isinstance(error, (OperationalError, InterfaceError)) or type(error) is DatabaseError:
            reason = str(error.orig).strip().partition("\n")[0]
            raise StoreUnusable(f"the database refused: {reason}") from None
        if isinstance(error, DataError):  # a NUL in a text, on PostgreSQL
            raise InputInvalid("the database cannot hold a value that was given") from None
        kind = type(error.orig if isinstance(error, DBAPIError) else error).__name__
        raise StoreUnusable(f"the database cannot be used: {kind}") from None


def _engine(where: Path | str, *, create: bool) -> Engine:
    url = _url(where)
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "")
        if not create and not path.is_file():
            raise StoreUnusable(f"there is no database {path}; is its volume mounted? Restore it from its back-up")
        if create:
            path.touch(mode=0o600)
        refuse_open(path)
        engine = create_engine(url, connect_args={"timeout": _BUSY_S}, hide_parameters=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        return create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
            connect_args={"options": f"-c lock_timeout={_BUSY_S}s -c idle_in_transaction_session_timeout={_IDLE_S}s"},
        )
    except ModuleNotFoundError:
        raise ExtraMissing("PostgreSQL needs `pip install visavis[postgresql]`") from None


def _url(where: Path | str) -> URL:
    """Only SQLite by path and PostgreSQL by URL; the message never repeats a URL, which may hold a password."""
    if isinstance(where, Path):
        return URL.create("sqlite", database=str(where))
    try:
        url = make_url(where)
        # A password with an unescaped @ would make part of it the host's name, which errors repeat.
        if url.drivername in ("postgresql", "postgresql+psycopg") and "@" not in (url.host or ""):
            return url.set(drivername="postgresql+psycopg")
    except (ArgumentError, NoSuchModuleError, ValueError):
        pass
    raise InputInvalid(
        "expected a database as postgresql://user@host/name, a password in it escaped as in any URL, or none for SQLite in the "
        "folder"
    )


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin where we say so: see below
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",
        "trusted_schema = OFF",
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get(_READING)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
