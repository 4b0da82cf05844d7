"""`visavis audit`: prove that the log is whole, sign its head, export it, and restore what a back-up has forgotten."""

from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visavis.cli.common import FILE, json_option, print_json, read_text, write_file
from visavis.cli.installation import folder_option, opened
from visavis.errors import AuditBroken, InputInvalid, OutputUnwritable

if TYPE_CHECKING:
    from visavis.cli.installation import Opened
    from visavis.session import Entry, Head, Transaction


@click.group()
def audit() -> None:
    """The audit log.

    Exit codes of all: 0 done, 3 fault or wrong use; a log that was changed is a fault.
    """


@audit.command()
@click.option(
    "--heads",
    type=FILE,
    multiple=True,
    help="File of signed heads that was kept elsewhere.  [default: audit-heads.jsonl in the folder, which proves little]",
)
@click.option("--log", type=FILE, help="Exported log, instead of the database's.")
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="HEX",
    help="Public key of the log, as its heads name it; with --log and this, no folder is needed.  [default: the folder's own]",
)
@folder_option
@json_option
def verify(heads: tuple[Path, ...], log: Path | None, keys: tuple[str, ...], folder: Path | None, as_json: bool) -> int:
    """Check that no entry was changed, dropped or inserted, up to the last head given."""
    from visavis.session import verify_log

    public = [_public(key) for key in keys]
    own: tuple[Path, ...] = ()
    with ExitStack() as closing:
        entries = None if log is None else _entries(log)
        if entries is None or not public:
            place = closing.enter_context(opened(folder))
            entries = entries or closing.enter_context(place.vault.store.reading()).audit.entries()
            public += place.keys.public_keys("audit")
            own = (place.installation.heads,) if place.installation.heads.exists() else ()
        verdict = verify_log(entries, heads=_heads(heads or own), keys=public)
    proven, agreed = (verdict.proven, 0) if heads else (0, verdict.proven)
    if as_json:
        print_json({"entries": verdict.entries, "proven": proven, "own_heads": agreed})
        return 0
    click.echo(f"{verdict.entries} entries, one chain")
    if proven:
        click.echo(f"proven up to entry {proven}: a signed head vouches for it")
    elif agreed:
        click.echo(
            f"agrees with the folder's own heads up to entry {agreed}; who can write there can change both: keep heads "
            "elsewhere, and give them with --heads"
        )
    else:
        click.echo(
            "nothing is proven yet: no signed head was given; make one with `visavis audit head`, and keep it elsewhere"
        )
    return 0


@audit.command()
@click.argument("log", type=FILE)
@click.option("--heads", type=FILE, multiple=True, help="File of signed heads, one of which vouches for the whole LOG.")
@click.option(
    "--unproven",
    is_flag=True,
    help="Believe entries that no head vouches for: who can write LOG can have people erased.",
)
@click.option(
    "--forked", is_flag=True, help="Also if the database has gone on; its log then stays without these entries."
)
@folder_option
@json_option
def restore(
    log: Path, heads: tuple[Path, ...], unproven: bool, forked: bool, folder: Path | None, as_json: bool
) -> int:
    """After restoring a back-up of the database: do again what the exported LOG says happened since.

    Its entries are put back, credentials that were revoked are revoked, consents withdrawn and subjects erased. Do it before
    anything else is written; then run `visavis subject sweep`, and sign a new status list.
    """
    from visavis.session import restore as restore_all
    from visavis.session import verify_log

    with opened(folder) as place:
        verdict = verify_log(_entries(log), heads=_heads(heads), keys=place.keys.public_keys("audit"))
        if verdict.proven < verdict.entries and not unproven:
            raise AuditBroken(
                f"heads vouch for {verdict.proven} of the {verdict.entries} entries; give the head that was signed with "
                "the export (--heads), or say --unproven"
            )
        done = restore_all(place.vault, _entries(log), forked=forked)
    if as_json:
        receipts = [receipt.to_dict() for receipt in done.subjects]
        print_json(
            {
                "entries": done.entries,
                "credentials": done.credentials,
                "revoked": done.revoked,
                "consents": done.consents,
                "subjects": receipts,
            }
        )
        return 0
    click.echo(
        f"read {done.entries} missing entries; put back {done.credentials} credentials; revoked {done.revoked} "
        f"credentials, withdrew {done.consents} consents and erased {len(done.subjects)} subjects again"
    )
    return 0


def _public(key: str) -> bytes:
    with suppress(ValueError):
        if len(bytes.fromhex(key)) == 32:
            return bytes.fromhex(key)
    raise InputInvalid(f"expected a public key, 64 hex digits, not {key!r}")


def _heads(files: tuple[Path, ...]) -> list["Head"]:
    from visavis.session import Head

    found = [Head.from_line(line) for path in files for line in read_text(path).splitlines() if line]
    if files and not found:
        raise InputInvalid(f"{files[0]} holds no signed head; `visavis audit head` makes one")
    return found


def _entries(path: Path) -> Iterator["Entry"]:
    """The entries of an exported log. Raises InputInvalid, or AuditBroken for a line that is none."""
    import json

    from visavis.session import Entry

    number = 0
    try:
        with path.open(encoding="ascii") as file:
            for line in file:
                number += 1
                yield Entry.from_dict(json.loads(line))
    except OSError as error:
        raise InputInvalid(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError):
        raise AuditBroken(f"{path}: line {number} is no entry of an exported log") from None


@audit.command()
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to which it is appended.  [default: audit-heads.jsonl in the folder]",
)
@folder_option
def head(out: Path | None, folder: Path | None) -> int:
    """Sign the log's head, and print it: a line to be kept where who runs the database cannot change it."""
    with opened(folder) as place:
        with place.vault.store.reading() as tx:
            number, last = tx.audit.tip()
        line = _sign(place, number, last, out or place.installation.heads)
    click.echo(line)
    return 0


@audit.command()
@click.option(
    "--out",
    type=FILE,
    help="Where it goes: a new file, or an earlier export that the log goes on from.  [default: standard output]",
)
@click.option("--after", type=click.IntRange(0), default=0, help="Begin behind this entry.")
@click.option("--head", "heads", type=FILE, help="Sign a head of what was exported, and append it to this file.")
@folder_option
def export(out: Path | None, after: int, heads: Path | None, folder: Path | None) -> int:
    """The log as JSON lines, each entry with its hash."""
    with opened(folder) as place:
        with place.vault.store.reading() as tx:
            number, last = tx.audit.tip()
            if out is None:
                for line in _lines(tx, after, number):
                    click.echo(line, nl=False)
            else:
                _refuse_to_lose(tx, out)
                write_file(out, map(str.encode, _lines(tx, after, number)))
                out.chmod(0o600)
        if heads is not None:
            _sign(place, number, last, heads)
    return 0


def _lines(tx: "Transaction", after: int, upto: int) -> Iterator[str]:
    import json

    for entry in tx.audit.entries(after=after):
        if entry.number <= upto:
            yield json.dumps(entry.to_dict(), sort_keys=True) + "\n"


def _refuse_to_lose(tx: "Transaction", out: Path) -> None:
    """Raises OutputUnwritable for a file that is no earlier export of this log: it may be what a restored database needs."""
    if not out.exists():
        return
    last = next(iter(deque(_entries(out), maxlen=1)), None)
    ours = None if last is None else next(iter(tx.audit.entries(after=last.number - 1)), None)
    if last is None or ours is None or ours.hash != last.hash:
        raise OutputUnwritable(
            f"{out} exists, and this log does not go on from it: was a back-up restored? See `visavis audit restore`, or name "
            "a new file"
        )


def _sign(place: "Opened", number: int, last: bytes, target: Path) -> str:
    """Sign the log's state, and append the head to a file. Raises OutputUnwritable."""
    from visavis.session import Head

    line = Head.sign(number, last, signer=place.vault.audit_signer, at=place.vault.clock()).to_line()
    try:
        with target.open("a", encoding="ascii") as file:
            file.write(line + "\n")
    except OSError as error:
        raise OutputUnwritable(f"{target}: {error.strerror or error}") from error
    return line
