"""Bringing a database's tables up to date, with Alembic."""

import threading
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

REVISIONS = ("0002", "0001")
"""All there are, the newest first. They stand here too so that opening a database need not load Alembic."""

_ONE_AT_A_TIME = threading.Lock()
"""Alembic keeps its context in a global."""


def version_of(connection: Connection) -> str | None:
    """The version of the database's tables; None where there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def migrate(engine: Engine) -> None:
    """Bring the tables to the newest version, all of it or nothing."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with _ONE_AT_A_TIME, engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
