"""A PostgreSQL of the tests' own: made in a temporary folder, reached on the loopback alone, gone when they end."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import make_url

_USER = "visavis"
_START_S = 60
_STARTS = 3
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


def binaries() -> Path | None:
    """The folder of the server's programs, the newest where there are several; None where none is installed."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    installed = [folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if (folder / "initdb").is_file()]
    return max(installed, key=lambda folder: float(folder.parent.name), default=None)


@contextmanager
def server(programs: Path) -> Iterator[str]:
    """A new server; its URL, with a password that nobody else has."""
    password = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="visavis-postgresql-") as name:
        folder = Path(name)
        (folder / "password").write_text(password, encoding="ascii")
        run = _as_its_user(folder)
        data = folder / "data"
        made = {
            "pgdata": data,
            "username": _USER,
            "pwfile": folder / "password",
            "auth": "scram-sha-256",
            "locale": "C",
        }
        options = [f"--{name}={value}" for name, value in made.items()]
        make: list[str | Path] = [programs / "initdb", *options, "--encoding=UTF8", "--no-sync"]
        subprocess.run(make, check=True, capture_output=True, **run)
        for _ in range(_STARTS):  # another program may take the port meanwhile
            url = f"postgresql://{_USER}:{password}@127.0.0.1:{_free_port()}/postgres"
            with _started(programs, folder, url, run) as answers:
                if answers:
                    yield url
                    return
        raise RuntimeError(f"PostgreSQL does not start: {(folder / 'log').read_text(encoding='utf-8')}")


@contextmanager
def database(url: str) -> Iterator[str]:
    """A new, empty database on a server; its URL."""
    name = f"visavis_{secrets.token_hex(8)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            yield make_url(url).set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def empty(url: str) -> None:
    """Leave nothing in a database, nor anyone connected to it: as good as a new one, for which hundreds of files are made."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()"""
        )
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


def _as_its_user(folder: Path) -> dict[str, Any]:
    """How its programs are run: never as root, which they refuse, and with no setting of whoever runs the tests."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    run: dict[str, Any] = {"cwd": folder, "env": {**environment, "LC_ALL": "C"}}
    if os.getuid() == 0:
        import pwd

        names = {entry.pw_name for entry in pwd.getpwall()}
        entry = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
        for path in (folder, *folder.iterdir()):
            os.chown(path, entry.pw_uid, entry.pw_gid)
        run.update(user=entry.pw_uid, group=entry.pw_gid, extra_groups=[])
    return run


@contextmanager
def _started(programs: Path, folder: Path, url: str, run: dict[str, Any]) -> Iterator[bool]:
    """Start the server; whether it answers. It is stopped when the block ends."""
    settings = {**_SETTINGS, "unix_socket_directories": str(folder)}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    data, port = folder / "data", str(make_url(url).port)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-p", port, *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **run,
        )
    try:
        yield _answers(process, url)
    finally:
        if process.poll() is None:
            stop: list[str | Path] = [programs / "pg_ctl", "stop", "--pgdata", data, "--mode", "fast"]
            subprocess.run(stop, check=True, capture_output=True, **run)
        process.wait(_START_S)


def _answers(process: subprocess.Popen[bytes], url: str) -> bool:
    deadline = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(psycopg.OperationalError), psycopg.connect(url, connect_timeout=5):
            return True
        time.sleep(0.02)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
