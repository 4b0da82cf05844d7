"""`visavis subject`: who is enrolled, what is held about them, and its erasure. Nothing here opens a reference."""

from pathlib import Path

import click

from visavis.cli.common import json_option, print_json, printable, write_file
from visavis.cli.installation import folder_option, opened, purpose_option, subject_named


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
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Where it goes.  [default: standard output]"
)
@folder_option
def export(name: str, out: Path | None, folder: Path | None) -> int:
    """Everything held about the subject NAME, as JSON, for them."""
    import json

    from visavis.session import export_subject

    with opened(folder) as place:
        held = export_subject(place.vault, subject_named(place.vault, name).id)
    if out is None:
        print_json(held)
    else:
        write_file(out, (json.dumps(held, indent=2) + "\n").encode())
    return 0


@subject.command()
@click.argument("name")
@purpose_option
@folder_option
def withdraw(name: str, purpose: str, folder: Path | None) -> int:
    """Withdraw the consents of the subject NAME for a purpose; what they allowed to be kept is destroyed."""
    from visavis.session import withdraw_consent

    with opened(folder) as place:
        withdrawn = withdraw_consent(place.vault, subject_named(place.vault, name).id, purpose)
    click.echo(f"{withdrawn} consents withdrawn, their references destroyed, their credentials revoked")
    return 0


@subject.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--receipt",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the signed receipt here.  [default: standard output]",
)
@folder_option
def erase(name: str, yes: bool, receipt: Path | None, folder: Path | None) -> int:
    """Erase everything about the subject NAME, and give a signed receipt. This cannot be undone."""
    import json

    from visavis.session import erase_subject

    with opened(folder) as place:
        found = subject_named(place.vault, name)
        if not yes:
            click.confirm(printable(f"erase everything about {name}?"), abort=True, err=True)
        made = erase_subject(place.vault, found.id).to_dict()
    if receipt is None:
        print_json(made)
    else:
        write_file(receipt, (json.dumps(made, indent=2) + "\n").encode())
    return 0


@subject.command()
@click.option(
    "--allow-many",
    is_flag=True,
    help="Remove references without a shred even where they are more than one in a hundred.",
)
@folder_option
@json_option
def sweep(allow_many: bool, folder: Path | None, as_json: bool) -> int:
    """Erase what has expired, and finish what broke off. Run it every day."""
    from dataclasses import asdict

    from visavis.session import sweep as sweep_all

    with opened(folder) as place:
        swept = asdict(sweep_all(place.vault, allow_many=allow_many))
    if as_json:
        print_json(swept)
    else:
        click.echo(", ".join(f"{count} {name}" for name, count in swept.items()) + " swept")
    return 0
