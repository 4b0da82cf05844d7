"""`visavis init`: folder, keys, database and store of shreds; and `visavis migrate`."""

from dataclasses import replace
from pathlib import Path

import click

from visavis.cli.common import json_option, print_json, printable, write_file
from visavis.cli.installation import folder_option
from visavis.errors import OutputUnwritable


@click.command()
@folder_option
@click.option("--issuer", default="", help="Name under which face credentials are issued, an address of yours say.")
@click.option("--status-list", default="", help="Address at which their status list will be published.")
@click.option(
    "--shred-backup-days",
    type=click.IntRange(0, 3650),
    default=0,
    show_default=True,
    help="For how long you keep back-ups of the store of shreds.",
)
@json_option
def init(folder: Path | None, issuer: str, status_list: str, shred_backup_days: int, as_json: bool) -> int:
    """Make an installation: a folder with keys, database and store of shreds.

    Called again, it keeps what is there and makes what is missing. VISAVIS_DATABASE, VISAVIS_KEYS and VISAVIS_SHREDS put parts
    of it elsewhere. Exit code: 0 done, 3 fault or wrong use.
    """
    from visavis.settings import Installation
    from visavis.store import Database, FileShreds
    from visavis.template import FileKeys

    place = Installation.at(folder)
    try:
        place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnwritable(f"{place.folder}: {error.strerror or error}") from error
    if place.settings_file.exists():
        place = Installation.read(folder)
    else:
        place = replace(place, issuer=issuer, status_list=status_list, shred_backup_days=shred_backup_days)
        write_file(place.settings_file, place.to_toml().encode())
    FileKeys.create(place.keys)
    FileShreds.create(place.shreds).close()
    Database.create(place.database).close()
    database = str(place.database) if isinstance(place.database, Path) else "as VISAVIS_DATABASE says"
    made = {
        "settings": str(place.settings_file),
        "keys": str(place.keys),
        "shreds": str(place.shreds),
        "database": database,
    }
    if as_json:
        print_json(made)
        return 0
    for name, where in made.items():
        click.echo(printable(f"{name:9} {where}"))
    click.echo(
        "Back up keys, shreds and database apart from each other: a reference opens with all three and its subject's claim, and "
        "is lost with any one of them. Back-ups of the shreds undo erasures for as long as you keep them."
    )
    return 0


@click.command()
@folder_option
def migrate(folder: Path | None) -> int:
    """Bring the database's tables up to date. Exit code: 0 done, 3 fault or wrong use."""
    from visavis.settings import Installation
    from visavis.store import Database

    Database.create(Installation.read(folder).database).close()
    click.echo("the database is up to date")
    return 0
