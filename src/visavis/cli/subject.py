"""`visavis subject`: who is enrolled, what is held about them, and its erasure. Nothing here opens a reference."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from visavis.cli.common import json_option, print_json, printable
from visavis.cli.credential import SIGN_ANEW
from visavis.cli.installation import NewFile, folder_option, opened, purpose_option, subject_named, yes_option


@click.group()
def subject() -> None:
    """Subjects: list, export, withdraw, erase, sweep.

    Exit codes of all: 0 done, 3 fault or wrong use.
    """


@subject.command("list")
@click.option("--after", default="", help="Begin behind this name.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="So many at most.")
@folder_option
@json_option
def list_subjects(after: str, limit: int, folder: Path | None, as_json: bool) -> int:
    """List subjects in the order of their names. References are not touched."""
    with opened(folder) as place, place.vault.store.reading() as tx:
        found = tx.subjects.page(after=after, limit=limit)
    if as_json:
        print_json([{"id": each.id, "name": each.name, "created_at": each.created_at.isoformat()} for each in found])
        return 0
    for each in found:
        click.echo(printable(f"{each.id}  {each.created_at:%Y-%m-%d}  {each.name}"))
    if not found:
        click.echo("nobody is enrolled" if not after else "no more names", err=True)
    return 0


@subject.command()
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="New file for it, for its owner alone.  [default: standard output]",
)
@folder_option
def export(name: str, out: Path | None, folder: Path | None) -> int:
    """Everything held about the subject NAME, as JSON, for them."""
    from visavis.session import export_subject

    with opened(folder) as place, _printed_to(out) as write:
        write(export_subject(place.vault, subject_named(place.vault, name).id))
    return 0


@subject.command()
@click.argument("name")
@purpose_option
@yes_option
@folder_option
@json_option
def withdraw(name: str, purpose: str, yes: bool, folder: Path | None, as_json: bool) -> int:
    """Withdraw the consents of the subject NAME for a purpose; what they allowed to be kept is destroyed."""
    from dataclasses import asdict

    from visavis.session import withdraw_consent

    with opened(folder) as place:
        found = subject_named(place.vault, name)
        if not yes:
            question = f"withdraw {name}'s consents for {purpose}, and destroy what they allowed?"
            click.confirm(printable(question), abort=True, err=True)
        withdrawn = asdict(withdraw_consent(place.vault, found.id, purpose))
    if as_json:
        print_json(withdrawn)
        return 0
    click.echo(
        "withdrew {consents} consents, destroyed {references} references and {evidence} pieces of evidence, revoked "
        "{credentials} credentials".format(**withdrawn)
    )
    if withdrawn["credentials"]:
        click.echo(SIGN_ANEW)
    return 0


@subject.command()
@click.argument("name")
@yes_option
@click.option(
    "--receipt",
    type=click.Path(dir_okay=False, path_type=Path),
    help="New file for the signed receipt.  [default: standard output]",
)
@folder_option
def erase(name: str, yes: bool, receipt: Path | None, folder: Path | None) -> int:
    """Erase everything about the subject NAME, and give a signed receipt. This cannot be undone."""
    from visavis.session import erase_subject

    with opened(folder) as place:
        found = subject_named(place.vault, name)
        if not yes:
            click.confirm(printable(f"erase everything about {name}?"), abort=True, err=True)
        with _printed_to(receipt) as write:
            made = erase_subject(place.vault, found.id).to_dict()
            write(made)
    if receipt is not None:
        click.echo(printable(f"erased {name}; receipt: {receipt}"))
    if made["credentials"]:
        click.echo(SIGN_ANEW, err=True)
    return 0


@subject.command()
@click.option(
    "--allow-many",
    is_flag=True,
    help="Remove references and evidence without a shred, and shreds that belong to nothing, even where they are many.",
)
@folder_option
@json_option
def sweep(allow_many: bool, folder: Path | None, as_json: bool) -> int:
    """Erase what has expired, finish what broke off, and undo what a restored back-up undid. Run it every day, and at once after
    restoring. With --json, the receipts of erased subjects are printed too."""
    from visavis.session import sweep as sweep_all

    with opened(folder) as place:
        swept = sweep_all(place.vault, allow_many=allow_many)
    if as_json:
        print_json(swept.to_dict())
        return 0
    click.echo(
        f"destroyed {swept.references} references that expired or were never finished, {swept.orphans} without a shred, and "
        f"{swept.shreds} shreds that belong to nothing; destroyed {swept.evidence} pieces of evidence; erased "
        f"{len(swept.subjects)} subjects"
    )
    return 0


@contextmanager
def _printed_to(path: Path | None) -> Iterator[Callable[[Any], None]]:
    """Gives what prints a value as JSON: to a new file, made before, or to standard output."""
    if path is None:
        yield print_json
        return
    import json

    with NewFile(path).reserved() as put:
        yield lambda value: put((json.dumps(value, indent=2) + "\n").encode())
