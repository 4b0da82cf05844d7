"""`visavis init`: folder, keys, database and store of shreds; and `visavis migrate`."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visavis.cli.common import json_option, print_json, printable, write_file
from visavis.cli.installation import folder_option, opened
from visavis.errors import InputInvalid, OutputUnwritable, StoreUnusable

if TYPE_CHECKING:
    from visavis.settings import Installation


@click.command()
@folder_option
@click.option("--issuer", help="Name under which face credentials are issued, an address of yours say.")
@click.option("--status-list", help="Address at which their status list will be published.")
@click.option(
    "--shred-backup-days",
    type=click.IntRange(0, 3650),
    help="For how long you keep back-ups of the store of shreds.  [default: 0]",
)
@click.option(
    "--make-missing",
    is_flag=True,
    help="Make keys and stores anew that this installation has lost for good: no reference that needs them opens any more.",
)
@json_option
def init(
    folder: Path | None,
    issuer: str | None,
    status_list: str | None,
    shred_backup_days: int | None,
    make_missing: bool,
    as_json: bool,
) -> int:
    """Make an installation: a folder with keys, database and store of shreds.

    Called again, it fills in what was left empty and changes nothing else. VISAVIS_DATABASE, VISAVIS_KEYS and VISAVIS_SHREDS put
    parts of it elsewhere. Exit code: 0 done, 3 fault or wrong use.
    """
    from visavis.session import Scope, Vault, make_api_key
    from visavis.settings import Installation
    from visavis.store import Database, FileShreds
    from visavis.template import KEY_KINDS, FileKeys

    place = Installation.at(folder)
    options = {"issuer": issuer, "status_list": status_list, "shred_backup_days": shred_backup_days}
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    try:
        place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnwritable(f"{place.folder}: {error.strerror or error}") from error
    if place.settings_file.exists():
        place = _completed(Installation.read(folder), given)
        if not make_missing:
            with opened(folder) as there:
                for kind in KEY_KINDS:
                    there.keys.newest(kind)
    else:
        if (place.keys / "operator-0001.key").exists() and not make_missing:
            raise InputInvalid(
                f"there are keys in {place.keys}, and no {place.settings_file}: is its volume mounted? Restore it from its "
                "back-up; if it is lost, or an earlier call broke off, make it anew with --make-missing and the same options"
            )
        place = replace(place, **given)
    keys = FileKeys.create(place.keys)
    if place.shreds.exists() and isinstance(place.database, Path) and not place.database.exists():
        raise StoreUnusable(
            f"there are shreds in {place.shreds}, and no database they belong to: restore {place.database}; if it is lost, they "
            "open nothing any more, so move them away first"
        )
    with (
        closing(Database.create(place.database)) as made_database,
        closing(FileShreds.create(place.shreds, made_database.id)) as shreds,
    ):
        api_key = None
        if not place.settings_file.exists():
            vault = Vault(made_database, shreds, keys, keys.signer("audit"))
            _, api_key = make_api_key(vault, application="default", scopes=Scope)
            write_file(place.settings_file, place.to_toml().encode())  # last of all: with it the installation is whole
    database = str(place.database) if isinstance(place.database, Path) else "as VISAVIS_DATABASE says"
    made = {
        "settings": str(place.settings_file),
        "keys": str(place.keys),
        "shreds": str(place.shreds),
        "database": database,
    }
    if api_key is not None:
        made["api_key"] = api_key
    if as_json:
        print_json(made)
        return 0
    for name, where in made.items():
        click.echo(printable(f"{name.replace('_', ' '):9} {where}"))
    if api_key is not None:
        click.echo("The API key is for `visavis serve`, and is not shown again.", err=True)
    click.echo(
        "Back up keys, shreds and database apart from each other: a reference opens with all three and its subject's claim, and "
        "is lost with any one of them. Back-ups of the shreds undo erasures for as long as you keep them."
    )
    return 0


def _completed(place: "Installation", given: dict[str, Any]) -> "Installation":
    """The installation, with what was left empty filled in. Raises InputInvalid where it says otherwise than these options."""
    for name, value in given.items():
        if getattr(place, name) not in ("", value):
            raise InputInvalid(f"{place.settings_file} says otherwise than --{name.replace('_', '-')}; change it there")
    completed = replace(place, **given)
    if completed != place:
        write_file(place.settings_file, completed.to_toml().encode())
    return completed


@click.command()
@folder_option
def migrate(folder: Path | None) -> int:
    """Bring an earlier version's installation up to date. Exit code: 0 done, 3 fault or wrong use."""
    from visavis.settings import Installation
    from visavis.store import Database
    from visavis.template import FileKeys

    place = Installation.read(folder)
    keys = FileKeys(place.keys)
    if keys.current and not keys.versions("report"):  # the kind that there was not from the first
        keys.rotate("report")
    Database.create(place.database).close()
    click.echo("the database is up to date")
    return 0
