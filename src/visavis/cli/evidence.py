"""`visavis evidence`: photos that were kept, sealed for a key that is not here."""

import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visavis.cli.common import FILE, json_option, print_json, printable, read_text
from visavis.cli.installation import NewFile, folder_option, opened, yes_option
from visavis.errors import EvidenceUnreadable, InputInvalid, KeyUnusable, OutputUnwritable

if TYPE_CHECKING:
    from visavis.template import Envelope

_PUBLIC_MODE = stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IROTH


@click.group()
def evidence() -> None:
    """Photos that are kept as evidence: nobody can look at them without the private key.

    Exit codes of all: 0 done, 3 fault or wrong use.
    """


@evidence.command()
@click.argument("file", type=FILE)
def keygen(file: Path) -> int:
    """Make a pair of keys: the private one in FILE, which has no place where the service runs, and FILE.pub for the service."""
    from visavis.template import Secret, public_of

    public_file = file.with_name(f"{file.name}.pub")
    with (
        Secret.random() as private,
        NewFile(file, room=len(private)).reserved() as put,
        NewFile(public_file).reserved() as publish,
    ):
        put(bytes(private.view))
        publish(public_of(private).hex().encode() + b"\n")
    try:
        public_file.chmod(_PUBLIC_MODE)
    except OSError as error:
        raise OutputUnwritable(f"{public_file}: {error.strerror or error}") from error
    click.echo(printable(f"{file}: keep it, and a copy, away from the service; what was kept opens with nothing else"))
    click.echo(printable(f"{public_file}: give it to `visavis serve --evidence-key`"))
    return 0


@evidence.command("list")
@click.option("--session", "session_id", help="Of this session alone.")
@folder_option
@json_option
def list_evidence(session_id: str | None, folder: Path | None, as_json: bool) -> int:
    """What is kept, oldest first."""
    with opened(folder) as place, place.vault.store.reading() as tx:
        found = tx.evidence.of(session_id=session_id)
    if as_json:
        print_json([each.to_dict() for each in found])
        return 0
    for each in found:
        click.echo(
            f"{each.name}  {each.session_id}  {each.purpose}  {each.subject_id or 'no subject'}  "
            f"{each.created_at:%Y-%m-%d %H:%M} until {each.expires_at:%Y-%m-%d}"
        )
    return 0


@evidence.command()
@click.argument("evidence_id")
@click.option("--out", type=FILE, required=True, help="New file for it.")
@folder_option
def export(evidence_id: str, out: Path, folder: Path | None) -> int:
    """Write the evidence with this id to a file, still sealed for the private key. The export is logged."""
    from visavis.session import export_evidence

    with opened(folder) as place, NewFile(out).reserved() as put:
        put(bytes(export_evidence(place.vault, evidence_id)))
    click.echo(printable(f"{out}: open it where the private key is, with `visavis evidence open`"))
    return 0


@evidence.command("open")
@click.argument("file", type=FILE)
@click.option("--key", "key_file", type=FILE, required=True, help="File of the private key.")
@click.option("--out", type=FILE, required=True, help="New file for the ZIP archive with the photos.")
@click.option("--log", type=FILE, help="Exported audit log, which must say that this is what was kept.")
def open_evidence(file: Path, key_file: Path, out: Path, log: Path | None) -> int:
    """Open exported evidence with the private key. No installation is needed."""
    from visavis.template import Envelope, read_key

    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputInvalid(f"{file}: {error.strerror or error}") from error
    with read_key(key_file) as private, NewFile(out).reserved() as put:
        envelope = Envelope.parse(data)
        contents = envelope.open(private)
        if log is not None and not _logged(log, envelope):
            raise EvidenceUnreadable(f"{log} does not say that this is what was kept")
        put(contents)
    click.echo(printable(f"{out}: the photos, and in about.json what they are evidence of"))
    click.echo("not compared with the audit log" if log is None else printable(f"as it was kept, {log} says"))
    return 0


def _logged(log: Path, envelope: "Envelope") -> bool:
    """Whether an exported log has the envelope's hash."""
    from visavis.session import Event

    for line in read_text(log).splitlines():
        try:
            entry = json.loads(line)
            if entry["event"] == Event.EVIDENCE_KEPT and entry["details"]["sha256"] == envelope.sha256():
                return True
        except (ValueError, LookupError, TypeError):
            raise InputInvalid(f"{log} is no audit log, as `visavis audit export` writes it") from None
    return False


@evidence.command()
@click.argument("evidence_id")
@yes_option
@folder_option
def erase(evidence_id: str, yes: bool, folder: Path | None) -> int:
    """Destroy the evidence with this id, before its time. This cannot be undone."""
    from visavis.session import erase_evidence

    with opened(folder) as place:
        if not yes:
            click.confirm(printable(f"destroy {evidence_id}?"), abort=True, err=True)
        erase_evidence(place.vault, evidence_id)
    click.echo(printable(f"destroyed {evidence_id}; files that it was exported to are yours to destroy"))
    return 0


def read_public(file: Path) -> bytes:
    """A public key as `keygen` writes it. Raises KeyUnusable."""
    from visavis.template import KEY_BYTES, check_public

    try:
        text = file.read_bytes()[: 4 * KEY_BYTES].decode("ascii", errors="replace").strip()
        return check_public(bytes.fromhex(text))
    except OSError as error:
        raise KeyUnusable(f"{file}: {error.strerror or error}") from error
    except (ValueError, KeyUnusable):
        raise KeyUnusable(
            f"{file} is no public key for evidence: expected the file that ends in .pub, as `visavis evidence keygen` makes it"
        ) from None
