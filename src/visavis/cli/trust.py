"""`visavis trust`: the states whose signatures in chips are believed. None is, until the operator says so."""

import hashlib
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visavis.cli.common import FILE, json_option, print_json, printable, write_file
from visavis.cli.installation import folder_option, yes_option
from visavis.errors import InputInvalid, OutputUnwritable, StoreUnusable, TrustInvalid

if TYPE_CHECKING:
    from visavis.document import Trust
    from visavis.document.chip.certificates import Certificate
    from visavis.document.chip.trust import TrustFile

trust_option = click.option(
    "--trust",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Certificates and revocation lists of the states whose chips are believed.  [default: the installation's own]",
)
_CERTIFICATE, _LIST = ".cer", ".crl"


@click.group("trust")
def trust_group() -> None:
    """The states whose signatures in the chips of documents are believed.

    None is at first. Get certificates of country signing authorities (CSCA) from the states, or a master list of a state that
    you trust to have collected them, and compare their hashes with what is published.

    Exit codes of all: 0 done, 3 fault or wrong use.
    """


@trust_group.command()
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE…")
@yes_option
@trust_option
@folder_option
@json_option
def add(files: tuple[Path, ...], yes: bool, trust: Path | None, folder: Path | None, as_json: bool) -> int:
    """Believe the authorities in these FILEs: certificates, master lists, and the authorities' revocation lists (DER or PEM)."""
    from visavis.document import Trust
    from visavis.document.chip.trust import FILES_MAX, read_places

    place = _place(trust, folder)
    kept, given = _contents(place), read_places(*files)
    together = Trust.of_files(kept | given)
    new = {name: data for name, data in _parts(given).items() if str(place / name) not in kept}
    useless = {each.id: each.why for each in together.unused}
    refused = {name: useless[_id(name)] for name in new if _id(name) in useless}
    names = [name for name in new if name not in refused]
    added = [each for each in together.authorities if _name(each) in names]
    if not names:
        why = next(iter(refused.values()), "all of it is there already")
        raise TrustInvalid(f"nothing was added: {why}")
    if len(kept) + len(names) > FILES_MAX:
        raise TrustInvalid(
            f"nothing was added: {place} would hold more than {FILES_MAX:,} files; first remove what is not needed"
        )
    if not yes:
        for each in added:
            click.echo(printable(f"{each.country or '??'}  {hashlib.sha256(each.data).hexdigest()}"), err=True)
        click.confirm(
            f"believe what {len(added)} authorities sign, with {len(names) - len(added)} revocation lists?",
            abort=True,
            err=True,
        )
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnwritable(f"{place}: {error.strerror}") from error
    for name in names:
        write_file(place / name, new[name])
    if as_json:
        print_json({"added": names, "refused": refused})
        return 0
    click.echo(f"added {len(added)} authorities and {len(names) - len(added)} revocation lists")
    for name, why in refused.items():
        click.echo(f"  not {name}: {why}", err=True)
    return 0


@trust_group.command("list")
@trust_option
@folder_option
@json_option
def list_trust(trust: Path | None, folder: Path | None, as_json: bool) -> int:
    """Which authorities are believed, and which revocation lists are at hand.

    A link certificate is signed by another key of its state, mostly the one before.
    """
    from visavis.document.chip.trust import key_name

    found = read_trust(trust, folder)
    told: list[dict[str, Any]] = [
        {
            "id": each.id,
            "kind": "authority",
            "country": each.country,
            "valid_from": each.not_before.isoformat(),
            "valid_until": each.not_after.isoformat(),
            "sha256": hashlib.sha256(each.data).hexdigest(),
            "key": key_name(each),
            "link": not each.is_issued_by(each),
        }
        for each in sorted(found.authorities, key=lambda each: (each.country or "", each.not_before))
    ]
    told += [
        {
            "id": each.id,
            "kind": "revocation_list",
            "issued_at": each.this_update.isoformat(),
            "next_at": None if each.next_update is None else each.next_update.isoformat(),
            "revoked": len(each.serials),
        }
        for each in found.revocation_lists
    ]
    told += [{"id": each.id, "kind": "unused", "why": each.why} for each in found.unused]
    if as_json:
        print_json(told)
        return 0
    for one in told:
        click.echo(printable(f"{one['id']}  {_in_words(one)}"))
    if not told:
        click.echo("nobody is believed; add a state's certificate with `visavis trust add FILE`", err=True)
    return 0


@trust_group.command()
@click.argument("trust_id", metavar="ID")
@trust_option
@folder_option
def remove(trust_id: str, trust: Path | None, folder: Path | None) -> int:
    """Believe the authority with this ID no more, by no certificate of its key, or forget a revocation list."""
    from visavis.document.chip.trust import key_name, read_named

    place = _place(trust, folder)
    held = {path: read_named(path, data) for path, data in _contents(place).items()}
    keys = {each.id: key_name(each) for file in held.values() for each in file.every_certificate}
    key = keys.get(trust_id)
    gone = {trust_id} | {each for each in keys if key is not None and keys[each] == key}
    found = {Path(path): ids for path, file in held.items() if (ids := _ids(file)) & gone}
    if not found:
        raise InputInvalid(
            f"there is no certificate or revocation list {trust_id!r} in {place}; see `visavis trust list`"
        )
    shared = next((path for path, ids in found.items() if ids - gone), None)
    if shared is not None:
        raise InputInvalid(f"{shared} holds others besides; add it with `visavis trust add`, then delete the file")
    for path, ids in found.items():
        path.unlink()
        click.echo(printable(f"removed {path.name}{'' if trust_id in ids else ', of the same key'}"))
    return 0


def _ids(file: "TrustFile") -> set[str]:
    """Of all that a file holds."""
    lists = {each.id for each in file.revocation_lists}
    unused = {each.id for one in file.master_lists for each in one.unused}
    return {each.id for each in file.every_certificate} | lists | unused


def _in_words(one: dict[str, Any]) -> str:
    match one["kind"]:
        case "authority":
            valid = f"valid from {one['valid_from'][:10]} to {one['valid_until'][:10]}"
            link = "  link certificate" if one["link"] else ""
            return f"{one['country'] or '??'}  {valid}  key {one['key']}{link}"
        case "revocation_list":
            return (
                f"revokes {one['revoked']}; of {one['issued_at'][:10]}, the next due {(one['next_at'] or 'never')[:10]}"
            )
    return f"not used: {one['why']}"


def read_trust(trust: Path | None, folder: Path | None) -> "Trust":
    """Whom to believe by what is in the folder. Raises TrustInvalid, or InputInvalid where a folder that was named is none."""
    place = _place(trust, folder)
    if trust is not None and not place.exists():
        raise InputInvalid(f"{place}: there is no such folder")
    return _of(place)


class FreshTrust:
    """Whom to believe by what is in a folder now; it is read anew when something in it has changed."""

    def __init__(self, place: Path) -> None:
        self._place, self._lock = place, threading.Lock()
        self._read: tuple[object, Trust] | None = None

    def current(self) -> "Trust":
        """Raises StoreUnusable where the folder cannot be used: for the operator's log, and not for who shows a document."""
        try:
            with self._lock:
                state = _state(self._place)
                if self._read is None or self._read[0] != state:
                    self._read = state, _of(self._place)
                return self._read[1]
        except (TrustInvalid, OSError) as error:
            raise StoreUnusable(f"{self._place}: {error}") from error


def _state(place: Path) -> list[tuple[str, int, int, int, int]]:
    """Another one whenever a file in the folder is."""
    found = []
    for each in sorted(place.iterdir()) if place.exists() else ():
        with suppress(FileNotFoundError):  # it was there a moment ago, or is a link to nothing
            stat = each.stat()
            found.append((each.name, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size))
    return found


def _of(place: Path) -> "Trust":
    from visavis.document import Trust

    return Trust.of_files(_contents(place))


def _place(trust: Path | None, folder: Path | None) -> Path:
    from visavis.settings import Installation

    return trust or Installation.at(folder).trust


def _contents(place: Path) -> dict[str, bytes]:
    """The files in the folder by their paths; none where it is not there yet."""
    from visavis.document.chip.trust import read_places

    return read_places(place) if place.exists() else {}


def _parts(files: dict[str, bytes]) -> dict[str, bytes]:
    """What the files hold, one certificate or revocation list a part, by the names under which they are kept."""
    from visavis.document.chip.trust import read_named

    read = [read_named(name, data) for name, data in files.items()]
    certificates = {_name(each): each.data for file in read for each in file.every_certificate}
    return certificates | {f"{each.id}{_LIST}": each.data for file in read for each in file.revocation_lists}


def _name(certificate: "Certificate") -> str:
    return f"{(certificate.country or 'xx').lower()}-{certificate.id}{_CERTIFICATE}"


def _id(name: str) -> str:
    """Of what is kept under this name."""
    return Path(name).stem.rpartition("-")[2]
