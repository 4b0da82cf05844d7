"""`visavis audit`: prove that the log is whole, sign its head, export it."""

from pathlib import Path
from typing import IO

import click

from visavis.cli.common import json_option, print_json, read_text
from visavis.cli.installation import folder_option, opened
from visavis.errors import OutputUnwritable


@click.group()
def audit() -> None:
    """The audit log.

    Exit codes of all: 0 done, 3 fault or wrong use; a log that was changed is a fault.
    """


@audit.command()
@click.option(
    "--heads",
    type=click.Path(dir_okay=False, path_type=Path),
    multiple=True,
    help="File of signed heads that was kept elsewhere.  [default: audit-heads.jsonl in the folder]",
)
@folder_option
@json_option
def verify(heads: tuple[Path, ...], folder: Path | None, as_json: bool) -> int:
    """Check that no entry was changed, dropped or inserted, up to the last head given."""
    from dataclasses import asdict

    from visavis.session import Head, verify_log

    with opened(folder) as place:
        own = place.installation.heads
        files = heads or ((own,) if own.exists() else ())
        known = [Head.from_line(line) for path in files for line in read_text(path).splitlines()]
        with place.vault.store.reading() as tx:
            verdict = verify_log(tx.audit.entries(), heads=known, keys=place.keys.public_keys("audit"))
    if as_json:
        print_json(asdict(verdict))
        return 0
    click.echo(f"{verdict.entries} entries, one chain")
    click.echo(
        f"proven up to entry {verdict.proven}: a signed head vouches for it"
        if verdict.proven
        else "nothing is proven yet: no signed head was given; make one with `visavis audit head` and keep it elsewhere"
    )
    return 0


@audit.command()
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to which it is appended.  [default: audit-heads.jsonl in the folder]",
)
@folder_option
def head(out: Path | None, folder: Path | None) -> int:
    """Sign the log's head, and print it: a line to be kept where who runs the database cannot change it."""
    from visavis.session import Head

    with opened(folder) as place:
        with place.vault.store.reading() as tx:
            number, last = tx.audit.tip()
        line = Head.sign(number, last, signer=place.vault.audit_signer, at=place.vault.clock()).to_line()
        target = out or place.installation.heads
        try:
            with target.open("a", encoding="ascii") as file:
                file.write(line + "\n")
        except OSError as error:
            raise OutputUnwritable(f"{target}: {error.strerror or error}") from error
    click.echo(line)
    return 0


@audit.command()
@click.option(
    "--out",
    type=click.File("w", encoding="ascii", lazy=True),
    default="-",
    help="Where it goes.  [default: standard output]",
)
@click.option("--after", type=click.IntRange(0), default=0, help="Begin behind this entry.")
@folder_option
def export(out: IO[str], after: int, folder: Path | None) -> int:
    """The log as JSON lines, each entry with its hash."""
    import json

    with opened(folder) as place, place.vault.store.reading() as tx:
        for entry in tx.audit.entries(after=after):
            out.write(json.dumps(entry.to_dict(), sort_keys=True) + "\n")
    return 0
