"""The database itself: who may open it, what its tables are, which way its statements go, and what its errors do not say."""

import logging
import re
import secrets
import stat
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, inspect, make_url, text
from sqlalchemy.exc import DBAPIError

from tests.store import DAY, HOUR, NOW, consent, issued, reference, sealed, subject
from visavis import store as room
from visavis.errors import InputInvalid, StoreUnusable
from visavis.session import Event, ReferenceState, Transaction, verify_log
from visavis.store import Database, migrate, tables

SERVICE = (
    *("api_keys", "sessions", "verification_reports", "events", "webhook_endpoints", "deliveries", "answers"),
    *("key_checks", "evidence", "capture_failures"),
)
"""Tables that the first version had not."""
KINDS = ("sqlite", "postgresql")
ROWS = 20_000
_STATEMENTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_LEAVING = "SCAN sealed_references USING INDEX ix_sealed_references_leaving"
"""That index holds the references that are being made or destroyed, and no others."""


@pytest.fixture(params=KINDS)
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a database that is not there yet would be."""
    if request.param == "sqlite":
        return tmp_path / "visavis.db"
    url: str = request.getfixturevalue("postgresql_database")
    return url


@pytest.fixture
def database(where: Path | str) -> Iterator[Database]:
    database = Database.create(where)
    yield database
    database.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    database = Database.create(tmp_path / "visavis.db")
    yield database
    database.close()


@pytest.fixture
def postgres(postgresql_database: str) -> Iterator[Database]:
    database = Database.create(postgresql_database)
    yield database
    database.close()


def write(database: Database, statement: str, **values: object) -> None:
    with database.engine.begin() as connection:
        connection.execute(text(statement), values)


class Statements:
    """The statements that a database is sent, as they were sent."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self.sent: list[tuple[str, Any]] = []

    def __enter__(self) -> Self:
        event.listen(self._engine, "before_cursor_execute", self._note)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._note)

    def _note(self, _connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        self.sent.append((statement, parameters))

    @property
    def statements(self) -> list[str]:
        """Those that are not there for the transaction alone."""
        return [statement for statement, _ in self.sent if statement.startswith(_STATEMENTS)]

    def plans(self) -> list[str]:
        """How the database goes about each of them."""
        how = "EXPLAIN QUERY PLAN" if self._engine.dialect.name == "sqlite" else "EXPLAIN"
        with self._engine.connect() as connection:
            return [
                "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{how} {statement}", parameters))
                for statement, parameters in self.sent
                if statement.startswith(_STATEMENTS)
            ]


class TestOpen:
    def test_what_was_created_is_opened(self, where: Path | str) -> None:
        with closing(Database.create(where)) as made, made.writing() as tx:
            tx.subjects.add(subject("anna"))
        with closing(Database.open(where)) as opened, opened.reading() as tx:
            assert tx.subjects.named("anna") is not None

    def test_creating_again_keeps_what_is_there(self, where: Path | str) -> None:
        with closing(Database.create(where)) as made, made.writing() as tx:
            tx.subjects.add(subject("anna"))
            entry = tx.audit.append(Event.SWEPT, {}, at=NOW)
        with closing(Database.create(where)) as again, again.reading() as tx:
            assert tx.subjects.named("anna") is not None
            assert tx.audit.tip() == (1, entry.hash)

    def test_a_file_that_is_not_there_is_not_made(self, tmp_path: Path) -> None:
        with pytest.raises(StoreUnusable, match=r"there is no database .*visavis\.db; is its volume mounted\?"):
            Database.open(tmp_path / "visavis.db")
        assert list(tmp_path.iterdir()) == []

    def test_a_database_without_tables(self, postgresql_database: str) -> None:
        with pytest.raises(StoreUnusable, match="no tables of visavis; make them with `visavis init`") as refusal:
            Database.open(postgresql_database)
        assert refusal.value.code == "store_unusable"

    def test_an_empty_file(self, tmp_path: Path) -> None:
        (tmp_path / "visavis.db").touch(mode=0o600)
        with pytest.raises(StoreUnusable, match="no tables of visavis"):
            Database.open(tmp_path / "visavis.db")

    @pytest.mark.parametrize("content", [b"\x00" * 4096, b"not a database, " * 512])
    def test_a_file_of_another_kind(self, content: bytes, tmp_path: Path) -> None:
        (tmp_path / "visavis.db").write_bytes(content)
        (tmp_path / "visavis.db").chmod(0o600)
        for opening in (Database.open, Database.create):
            with pytest.raises(StoreUnusable, match=r"the database (refused|cannot be used): "):
                opening(tmp_path / "visavis.db")
        assert (tmp_path / "visavis.db").read_bytes() == content

    def test_a_later_version(self, where: Path | str) -> None:
        with closing(Database.create(where)) as made:
            write(made, "UPDATE alembic_version SET version_num = '9999'")
        for opening in (Database.open, Database.create):
            with pytest.raises(StoreUnusable, match="of a later version of visavis; install that version"):
                opening(where)

    def test_an_earlier_version(self, where: Path | str, monkeypatch: pytest.MonkeyPatch) -> None:
        Database.create(where).close()
        monkeypatch.setattr("visavis.store.database.REVISIONS", ("9999", *migrate.REVISIONS))
        with pytest.raises(StoreUnusable, match=r"of an earlier version of visavis; .* `visavis migrate`"):
            Database.open(where)

    def test_tables_without_a_version(self, where: Path | str) -> None:
        with closing(Database.create(where)) as made:
            write(made, "DELETE FROM alembic_version")
        with pytest.raises(StoreUnusable, match="no tables of visavis"):
            Database.open(where)

    def test_a_refused_database_is_closed(self, postgresql_database: str) -> None:
        """No connection stays behind, which would count against the server's limit."""
        with pytest.raises(StoreUnusable) as refusal:
            Database.open(postgresql_database)
        assert refusal.tb is not None
        with closing(Database.create(postgresql_database)) as made, made.engine.connect() as connection:
            others = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> :me")
            mine = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            assert connection.execute(others, {"me": mine}).scalar_one() == 0

    @pytest.mark.parametrize("opening", [Database.open, Database.create])
    @pytest.mark.parametrize(
        "wrong",
        [
            "postgresql://visavis:hunter2@127.0.0.1:1/visavis",
            "postgresql://visavis:hunter2@127.0.0.1:1/visavis?connect_timeout=1",
            "postgresql://visavis:hunter2@127.0.0.1:1/visavis?nonsense=hunter2",
            "postgresql://visavis:hunter2@127.0.0.1:99999/visavis",
            "postgresql+psycopg://visavis:hunter2@127.0.0.1:1/visavis",
        ],
    )
    def test_a_server_that_does_not_answer(self, wrong: str, opening: Callable[[str], Database]) -> None:
        with pytest.raises(StoreUnusable) as refusal:
            opening(wrong)
        assert "hunter2" not in "".join(traceback.format_exception(refusal.value))

    def test_a_password_that_was_not_escaped(self) -> None:
        """What stands behind its own @ must not be told as the name of a host."""
        with pytest.raises((InputInvalid, StoreUnusable)) as refusal:
            Database.open("postgresql://visavis:correct@hunter2@127.0.0.1:1/visavis")
        assert "hunter2" not in str(refusal.value)

    def test_a_wrong_password(self, postgresql_database: str) -> None:
        wrong = make_url(postgresql_database).set(password="hunter2").render_as_string(hide_password=False)  # noqa: S106
        with pytest.raises(StoreUnusable, match="the database refused: ") as refusal:
            Database.open(wrong)
        assert "hunter2" not in str(refusal.value)

    @pytest.mark.parametrize(
        "wrong",
        [
            "",
            "visavis",
            "hunter2",
            "sqlite:///hunter2.db",
            "sqlite://",
            "mysql://visavis:hunter2@127.0.0.1/visavis",
            "postgresql+asyncpg://visavis:hunter2@127.0.0.1/visavis",
            "postgres://visavis:hunter2@127.0.0.1/visavis",
            "postgresql://visavis:hunter2@127.0.0.1:port/visavis",
            "nonsense://visavis:hunter2@127.0.0.1/visavis",
            "://:hunter2@",
        ],
    )
    def test_what_is_no_url_of_a_database(self, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for opening in (Database.open, Database.create):
            with pytest.raises(InputInvalid, match="postgresql://user@host/name") as refusal:
                opening(wrong)
            assert "hunter2" not in str(refusal.value)
            assert refusal.value.__cause__ is refusal.value.__context__ is None
        assert list(tmp_path.iterdir()) == []


class TestSqlite:
    def test_its_files_are_its_owners_alone(self, sqlite: Database, tmp_path: Path) -> None:
        with sqlite.writing() as tx:
            tx.subjects.add(subject("anna"))
            files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        assert files == {"visavis.db": 0o600, "visavis.db-wal": 0o600, "visavis.db-shm": 0o600}

    def test_every_connection_is_durable_strict_and_leaves_nothing_behind(self, sqlite: Database) -> None:
        expected = {
            "journal_mode": "wal",
            "synchronous": 2,
            "foreign_keys": 1,
            "secure_delete": 1,
            "trusted_schema": 0,
            "temp_store": 2,
        }
        with closing(sqlite.engine.raw_connection()) as one, closing(sqlite.engine.raw_connection()) as other:
            for connection in (one, other):
                cursor = connection.cursor()
                assert {name: cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in expected} == expected

    def test_who_writes_holds_the_database_from_the_start(self, sqlite: Database, tmp_path: Path) -> None:
        """A transaction that reads before it writes must not find at its end that another was faster."""
        import sqlite3

        with (
            sqlite.writing(),
            closing(sqlite3.connect(tmp_path / "visavis.db", timeout=0, isolation_level=None)) as other,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            other.execute("BEGIN IMMEDIATE")

    def test_readers_do_not_wait_for_a_writer(self, sqlite: Database) -> None:
        with sqlite.writing() as writing, sqlite.reading() as reading:
            writing.subjects.add(subject("anna"))
            assert reading.subjects.page() == []

    def test_a_path_may_hold_any_character(self, tmp_path: Path) -> None:
        path = tmp_path / "ä b%20?#&=:@" / "visavis.db"
        path.parent.mkdir()
        Database.create(path).close()
        assert path.is_file()
        Database.open(path).close()


class TestTables:
    def test_the_newest_script_is_the_version_that_is_opened(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(room.__file__).parent / "migrations"))
        scripts = ScriptDirectory.from_config(config)
        assert scripts.get_heads() == [migrate.REVISIONS[0]]
        assert tuple(each.revision for each in scripts.walk_revisions()) == migrate.REVISIONS

    def test_the_scripts_make_the_tables_that_the_statements_are_written_for(self, database: Database) -> None:
        with database.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, tables.metadata) == []

    def test_they_make_every_index_and_constraint(self, database: Database) -> None:
        found = inspect(database.engine)
        for name, table in tables.metadata.tables.items():
            assert {each["name"] for each in found.get_indexes(name)} - {"uq_subjects_name"} == {
                index.name for index in table.indexes
            }
            assert found.get_pk_constraint(name)["constrained_columns"] == [each.name for each in table.primary_key]

    def test_the_first_tables_are_brought_up_to_date_with_what_is_in_them(self, where: Path | str) -> None:
        with closing(Database.create(where)) as made:
            with made.writing() as tx:
                tx.subjects.add(subject("anna"))
            with made.engine.begin() as connection:
                for name in SERVICE:
                    connection.exec_driver_sql(f"DROP TABLE {name}")
                connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
        with pytest.raises(StoreUnusable, match="an earlier version of visavis; bring it up to date"):
            Database.open(where)
        with closing(Database.create(where)) as migrated:
            with migrated.reading() as tx:
                assert tx.subjects.named("anna") is not None
                assert tx.sessions.page("shop", "verification_session") == []
            with migrated.engine.connect() as connection:
                context = MigrationContext.configure(connection, opts={"compare_type": True})
                assert compare_metadata(context, tables.metadata) == []

    def test_migrating_twice_changes_nothing(self, database: Database) -> None:
        with database.writing() as tx:
            tx.audit.append(Event.SWEPT, {}, at=NOW)
        migrate.migrate(database.engine)
        with database.reading() as tx:
            assert tx.audit.tip()[0] == 1
            assert tx.references.find(bytes(16), now=NOW) is None

    def test_the_row_that_is_read_where_there_is_none_is_each_databases_own(self, database: Database) -> None:
        with database.engine.connect() as connection:
            rows = connection.execute(tables.references.select()).all()
        (decoy,) = rows
        assert decoy.record_id == bytes(16)
        assert len(decoy.sealed) == len(sealed())
        assert len(set(decoy.sealed)) > 100


def seeded(tx: Transaction) -> None:
    tx.subjects.add(subject("anna", id="sub_1"))
    tx.consents.add(consent("sub_1"))
    tx.credentials.add(issued())


def use(tx: Transaction) -> None:
    """Every statement that a verification or the sweep of a large installation depends on."""
    record, key = secrets.token_bytes(16), secrets.token_bytes(32)
    tx.references.find(record, now=NOW)
    tx.references.of("sub_1")
    tx.references.sealed(record)
    tx.references.due(now=NOW, pending_before=NOW - HOUR)
    tx.references.ids(after=record, limit=10)
    tx.references.set_state(record, ReferenceState.RETIRED)
    tx.references.reseal(record, old=b"old", new=b"new", at=NOW)
    tx.references.remove(record)
    tx.attempts.begin(key, record, at=NOW)
    tx.attempts.undo(key)
    tx.attempts.clear(key)
    tx.attempts.count_opening(1)
    tx.attempts.count_refusal(1)
    tx.attempts.of(record)
    tx.attempts.forget(record)
    tx.attempts.prune(before=NOW - 30 * DAY, failures_max=50)
    tx.credentials.of("sub_1")
    tx.credentials.get(record)
    tx.consents.of("sub_1")
    tx.subjects.get("sub_1")
    tx.subjects.named("anna")
    tx.subjects.page(after="anna", limit=10)
    tx.audit.append(Event.VERIFIED, {"subject": "sub_1"}, at=NOW)
    tx.audit.tip()
    list(tx.audit.entries(after=ROWS - 10))
    list(tx.audit.entries(subject_id="sub_1"))


class TestPlans:
    def test_sqlite_searches_by_an_index_and_scans_nothing(self, sqlite: Database) -> None:
        with sqlite.writing() as tx:
            seeded(tx)
        with Statements(sqlite) as statements, sqlite.reading() as tx:
            use(tx)
        plans = statements.plans()
        assert len(plans) >= 26
        for statement, plan in zip(statements.statements, plans, strict=True):
            scans = re.findall(r"SCAN (?!CONSTANT ROW).*", plan)
            assert set(scans) <= {_LEAVING}, f"{statement}\n{plan}"

    def test_sqlite_finds_a_record_by_its_primary_key(self, sqlite: Database) -> None:
        with Statements(sqlite) as statements, sqlite.reading() as tx:
            tx.references.find(secrets.token_bytes(16), now=NOW)
        (plan,) = statements.plans()
        assert plan.count("SEARCH sealed_references USING PRIMARY KEY (record_id=?)") == 2

    def test_finding_is_one_statement_and_one_row_whether_there_is_a_record_or_not(self, database: Database) -> None:
        """The same statement reads one row of the same size: neither the database's log nor its clock tells them apart."""
        mine = reference()
        with database.writing() as tx:
            tx.references.add(mine, sealed())
        sent = []
        for record_id in (mine.record_id, secrets.token_bytes(16), bytes(16)):
            with Statements(database) as statements, database.reading() as tx:
                tx.references.find(record_id, now=NOW)
            statement, parameters = statements.sent[-1]
            assert statements.statements == [statement]
            sent.append(statement)
            with database.engine.connect() as connection:
                (row,) = connection.exec_driver_sql(statement, parameters)
            assert len(row.sealed) == len(sealed())
        assert len(set(sent)) == 1

    def test_postgresql_searches_by_an_index_among_many(self, postgres: Database) -> None:
        past = (NOW - 31 * DAY).timestamp()
        for statement in (
            """INSERT INTO sealed_references SELECT decode(md5(i::text), 'hex'), 'sub_' || i, 'con_' || i, 'door', false, 3,
            CASE WHEN i % 2000 = 0 THEN 'retired' ELSE 'active' END, :past, :past, :past + i * 1e12,
            decode(repeat(md5(i::text), 15), 'hex') FROM generate_series(1, :rows) i""",
            "INSERT INTO subjects SELECT 'sub_' || i, 'account ' || i, :past, false FROM generate_series(1, :rows) i",
            """INSERT INTO consents SELECT 'con_' || i, 'sub_' || i, 'door', repeat('a', 64), '1', 'en', 365, false, :past,
            :past, 'desk', NULL FROM generate_series(1, :rows) i""",
            """INSERT INTO attempts SELECT sha256(i::text::bytea), decode(md5(i::text), 'hex'), 1, :past + i * 1e12, NULL
            FROM generate_series(1, :rows) i""",
            "INSERT INTO minutes SELECT :minute + i, 1, 1 FROM generate_series(1, :rows) i",
            """INSERT INTO credentials SELECT decode(md5(i::text), 'hex'), 'sub_' || i, 'con_' || i, i, 'door', :past, :past,
            NULL FROM generate_series(1, :rows) i""",
            """INSERT INTO audit SELECT i, 'sub_' || i, '{}', sha256(i::text::bytea) FROM generate_series(1, :rows) i""",
            "UPDATE audit_tip SET number = :rows",
        ):
            values = {"rows": ROWS, "past": int(past * 1e6), "minute": int(past / 60)}
            write(postgres, statement, **{name: value for name, value in values.items() if f":{name}" in statement})
        write(postgres, "ANALYZE")
        with Statements(postgres) as statements, postgres.reading() as tx:
            use(tx)
        plans = statements.plans()
        assert len(plans) >= 26
        for statement, plan in zip(statements.statements, plans, strict=True):
            assert "Seq Scan" not in plan.replace("Seq Scan on audit_tip", ""), f"{statement}\n{plan}"
        assert "Index Scan using pk_sealed_references on sealed_references" in plans[0]
        assert "ix_sealed_references_leaving" in "".join(plans)

    def test_listing_subjects_never_touches_a_template(self, database: Database) -> None:
        anna = subject("anna")
        with database.writing() as tx:
            tx.subjects.add(anna)
            tx.references.add(reference(anna.id), sealed())
        with Statements(database) as statements, database.reading() as tx:
            assert tx.subjects.page() == tx.subjects.page(after="", limit=1) == [anna]
            assert tx.subjects.named("anna") == tx.subjects.get(anna.id) == anna
        assert len(statements.statements) == 4
        assert "sealed" not in "".join(statements.statements)

    def test_what_is_known_of_references_is_told_without_what_is_sealed(self, database: Database) -> None:
        with Statements(database) as statements, database.reading() as tx:
            tx.references.of("sub_1")
            tx.references.due(now=NOW, pending_before=NOW)
            tx.references.ids()
            tx.references.count()
            tx.subjects.leaving(now=NOW, unused_since=NOW - DAY)
        assert len(statements.statements) == 6
        assert not re.search(r"sealed_references\.sealed\b", "".join(statements.statements))


class TestSilence:
    def failing(self, database: Database, data: bytes) -> Sequence[BaseException]:
        """Statements that the database refuses, with what they held."""
        mine, other = reference(), issued()
        acts: list[Callable[[Transaction], object]] = [
            lambda tx: tx.references.add(mine, data),
            lambda tx: tx.references.add(reference(purpose=None), data),
            lambda tx: tx.attempts.begin(data[:32], None, at=NOW),  # type: ignore[arg-type]
            lambda tx: tx.credentials.add(other),
        ]
        if database.engine.dialect.name == "postgresql":
            acts.append(lambda tx: tx.references.add(reference(captures=data), data))
            acts.append(lambda tx: tx.credentials.add(issued(data.hex())))
        with database.writing() as tx:
            tx.references.add(mine, data)
            tx.credentials.add(other)
        found: list[BaseException] = []
        for act in acts:
            with pytest.raises((StoreUnusable, InputInvalid)) as refusal, database.writing() as tx:
                act(tx)
            found.append(refusal.value)
        return found

    def test_an_error_says_that_the_database_refused_and_nothing_of_what_was_to_be_kept(
        self, database: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        data = sealed()
        for error in self.failing(database, data):
            told = "".join((*traceback.format_exception(error), repr(error), caplog.text))
            assert re.match("the database (refused: |cannot be used: |cannot hold a value)", str(error))
            for form in (data[:8].hex(), data.hex()[100:116], repr(data)[10:30], str(data[60:70])):
                assert form not in told

    def test_a_fault_of_the_caller_stays_what_it_is(self, database: Database) -> None:
        class OtherFault(Exception):
            pass

        for block in (database.writing, database.reading):
            with pytest.raises(OtherFault), block():
                raise OtherFault

    def test_a_closed_server_is_told_as_such(self, postgres: Database, postgresql_url: str) -> None:
        """A connection that the server ended is replaced before it is used, and its loss within a transaction is told."""
        name = make_url(postgresql_url).set(database=postgres.engine.url.database)
        end = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name AND pid <> :me")
        with closing(Database.open(name.render_as_string(hide_password=False))) as other:

            def end_others() -> None:
                with other.engine.connect() as connection:
                    me = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
                    connection.execute(end, {"name": name.database, "me": me})

            end_others()
            with postgres.reading() as tx:
                assert tx.audit.tip()[0] == 0

            def write_while_it_ends() -> None:
                with postgres.writing() as tx:
                    end_others()
                    tx.audit.append(Event.SWEPT, {}, at=NOW)

            with pytest.raises(StoreUnusable, match="the database refused: "):
                write_while_it_ends()
        with postgres.reading() as tx:
            assert tx.audit.tip()[0] == 0


_WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from visavis.session import Event
from visavis.store import Database

kind, where, count = sys.argv[1:]
database = Database.open(Path(where) if kind == "sqlite" else where)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(count)):
    with database.writing() as tx:
        tx.attempts.begin(bytes(32), bytes(16), at=datetime.now(UTC))
        tx.audit.append(Event.VERIFIED, {"subject": "sub_2"}, at=datetime.now(UTC))
database.close()
"""

_MAKER = """
import sys
from pathlib import Path
from visavis.errors import StoreUnusable
from visavis.store import Database

kind, where = sys.argv[1:]
try:
    Database.create(Path(where) if kind == "sqlite" else where).close()
    print("made")
except StoreUnusable:
    print("refused")
"""


class TestSeveral:
    def test_processes_that_write_at_once_lose_nothing(self, where: Path | str, database: Database) -> None:
        kind = "sqlite" if isinstance(where, Path) else "postgresql"
        count = 40
        process = subprocess.Popen(
            [sys.executable, "-c", _WRITER, kind, str(where), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.stdin.write("go\n")
            process.stdin.flush()

            def work(_: int) -> None:
                for _ in range(count):
                    with database.writing() as tx:
                        tx.attempts.begin(bytes(32), bytes(16), at=NOW)
                        tx.audit.append(Event.VERIFIED, {"subject": "sub_1"}, at=NOW)

            with ThreadPoolExecutor(2) as pool:
                list(pool.map(work, range(2)))
        assert process.returncode == 0
        with database.reading() as tx:
            assert verify_log(tx.audit.entries(), heads=[], keys=[]).entries == 3 * count
            assert len(list(tx.audit.entries(subject_id="sub_2"))) == count
            assert tx.attempts.begin(bytes(32), bytes(16), at=NOW)[0] == 3 * count

    def test_programs_that_make_the_tables_at_once_make_them_once(self, where: Path | str) -> None:
        """Where one of two is refused since the other was faster, it finds the tables when it tries again."""
        kind = "sqlite" if isinstance(where, Path) else "postgresql"
        programs = [
            subprocess.Popen([sys.executable, "-c", _MAKER, kind, str(where)], stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        said = {program.communicate(timeout=60)[0] for program in programs}
        assert "made\n" in said
        assert said <= {"made\n", "refused\n"}
        with closing(Database.create(where)) as database, database.engine.connect() as connection:
            for table in ("sealed_references", "audit_tip", "alembic_version"):
                assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 1  # noqa: S608


def test_the_drivers_own_errors_hide_what_was_sent(database: Database) -> None:
    data = sealed()
    row = tables.attempts.insert().values(key=data[:32], record_id=data[32:48], failed=1, last_at=NOW)
    with database.engine.begin() as connection:
        connection.execute(row)
    with database.engine.connect() as connection, pytest.raises(DBAPIError, match="parameters hidden") as refusal:
        connection.execute(row)
    assert data[32:48].hex() not in str(refusal.value)
    assert repr(data[32:48]) not in str(refusal.value)


def test_two_threads_may_make_the_same_tables(postgresql_database: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        made = [pool.submit(Database.create, postgresql_database) for _ in range(2)]
    for each in made:
        each.result().close()
