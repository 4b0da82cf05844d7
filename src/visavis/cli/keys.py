"""`visavis keys`: versions of the keys, and new ones."""

from pathlib import Path
from typing import cast

import click

from visavis.cli.common import json_option, print_json
from visavis.cli.installation import folder_option, opened
from visavis.errors import KeyUnusable

KINDS = ("operator", "verifier", "issuer", "audit", "report")


@click.group()
def keys() -> None:
    """The operator's keys.

    Exit codes of all: 0 done, 3 fault or wrong use.
    """


@keys.command()
@click.option("--kind", type=click.Choice(KINDS), default="operator", show_default=True, help="Which key.")
@folder_option
def rotate(kind: str, folder: Path | None) -> int:
    """Make a new version of a key. Old versions stay: references are sealed anew under it at their next match."""
    from visavis.session import Event, confirm_keys
    from visavis.template import KeyKind

    with opened(folder) as place:
        with place.vault.store.writing() as tx:
            version = place.keys.rotate(cast("KeyKind", kind))
            tx.audit.append(Event.KEY_ROTATED, {"kind": kind, "version": version}, at=place.vault.clock())
        confirm_keys(place.vault)
    click.echo(f"{kind} key: version {version}")
    return 0


@keys.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("version", type=click.IntRange(1))
@click.option("--yes", is_flag=True, help="Do not ask.")
@folder_option
def retire(kind: str, version: int, yes: bool, folder: Path | None) -> int:
    """Destroy an old VERSION of a key: nothing that was made with it is trusted, or opens, any more.

    An operator's key is destroyed only once no reference is sealed under it; back-ups of the database from before then open no
    more. Of an issuer's, distribute the issuer's file again.
    """
    from visavis.session import Event
    from visavis.template import KeyKind

    if not yes:
        after = "" if kind == "operator" else " What was made with it will not be trusted, or open, any more."
        click.confirm(f"destroy version {version} of the {kind} key?{after}", abort=True, err=True)
    with opened(folder) as place, place.vault.store.writing() as tx:
        sealed = tx.references.by_key_version().get(version, 0) if kind == "operator" else 0
        if sealed:
            raise KeyUnusable(f"{sealed:,} references are still sealed under version {version} of the operator's key")
        signing = [each for each in tx.outbox.endpoints() if kind == "operator" and version in each.key_versions]
        if signing:
            raise KeyUnusable(
                f"the secrets of {len(signing)} webhook endpoints come from version {version} of the operator's key: give them "
                f"new ones, {signing[0].id} first, and wait a day"
            )
        tx.audit.append(Event.KEY_RETIRED, {"kind": kind, "version": version}, at=place.vault.clock())
        place.keys.retire(cast("KeyKind", kind), version)
    click.echo(f"{kind} key: version {version} is no more")
    return 0


@keys.command("list")
@folder_option
@json_option
def list_keys(folder: Path | None, as_json: bool) -> int:
    """Which versions there are, and how many references are sealed under each of the operator's."""
    from visavis.template import KEY_KINDS

    with opened(folder) as place:
        with place.vault.store.reading() as tx:
            sealed = tx.references.by_key_version()
        versions = {kind: place.keys.versions(kind) for kind in KEY_KINDS}
    if as_json:
        print_json({"versions": versions, "references": {str(version): count for version, count in sealed.items()}})
        return 0
    for kind, known in versions.items():
        click.echo(f"{kind:8} {', '.join(map(str, known))}")
    for version, count in sorted(sealed.items()):
        click.echo(f"{count} references are sealed under version {version} of the operator's key")
    return 0
