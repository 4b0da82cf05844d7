"""`visavis trust`: the states whose signatures in chips are believed. None is, until the operator says so."""

import hashlib
import re
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visavis.cli.common import FILE, fault, in_file, json_option, print_json, printable, write_file
from visavis.cli.installation import folder_option, yes_option
from visavis.errors import InputInvalid, OutputUnwritable, StoreUnusable, TrustInvalid, VisavisError

if TYPE_CHECKING:
    from visavis.document import Trust
    from visavis.document.chip.certificates import Certificate
    from visavis.document.chip.revocation import RevocationList
    from visavis.document.chip.trust import TrustFile

    Held = Certificate | RevocationList

NOBODY = "nobody is believed; add a state's certificate with `visavis trust add FILE`"
trust_option = click.option(
    "--trust",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Certificates and revocation lists of the states whose chips are believed.  [default: the installation's own]",
)
_HASH = re.compile(r"[0-9a-f]{8,64}")


def _json_option(command: Callable[..., int]) -> Callable[..., int]:
    """--json, by which faults are printed as JSON, too."""

    @wraps(command)
    def telling(*, as_json: bool, **options: Any) -> int:
        try:
            return command(as_json=as_json, **options)
        except VisavisError as error:
            if as_json:
                print_json({"error": fault(error)})
            raise

    return json_option(telling)


@click.group("trust")
def trust_group() -> None:
    """The states whose signatures in the chips of documents are believed.

    None is at first. Get certificates of country signing authorities (CSCA) from the states, or a master list of a state that
    you trust to have collected them, and compare their hashes (SHA-256) with what is published.

    Exit codes of all: 0 done, 3 fault or wrong use.
    """


@trust_group.command()
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE…")
@yes_option
@trust_option
@folder_option
@_json_option
def add(files: tuple[Path, ...], yes: bool, trust: Path | None, folder: Path | None, as_json: bool) -> int:
    """Believe the authorities in these FILEs: certificates, master lists, and the authorities' revocation lists (DER or PEM).

    A revocation list takes the place of older ones. Where a FILE is none of these, nothing is added.
    """
    from visavis.document import Trust
    from visavis.document.chip.trust import FILES_MAX, read_named

    place, now = _place(trust, folder), datetime.now(UTC)
    kept = _contents(place)
    try:
        given, parts = _given(files)
        together = Trust.of_files(kept | given)
    except TrustInvalid as error:
        error.args = (f"nothing was added: {error}",)
        raise
    old, why = _superseded(together, now), {each.id: each.why for each in together.unused}
    new = {name: part for name, part in parts.items() if str(place / name) not in kept and part[0].id not in old}
    added = {name: each for name, (each, _) in new.items() if each.id not in why}
    refused = [{"file": path, "id": each.id, "why": why[each.id]} for each, path in new.values() if each.id in why]
    if refused and not added:
        raise TrustInvalid(f"nothing was added: {refused[0]['file']}: {refused[0]['why']}")
    removed = [
        Path(path) for path, data in kept.items() if added and old and set(_hashes(read_named(path, data))) <= old
    ]
    if len(kept) + len(added) - len(removed) > FILES_MAX:
        raise TrustInvalid(
            f"nothing was added: {place} would hold more than {FILES_MAX:,} files; first remove what is not needed"
        )
    told = [_told(each, now) for each in added.values()]
    _show(told, err=True)
    if any(one["kind"] == "authority" and one["validity"] != "valid" for one in told):
        click.echo("warning: no chip passes by an authority that is not valid now", err=True)
    if added and not yes:
        _ask(f"believe {_counted(told)}?")
    if added:
        _write(place, {name: each.data for name, each in added.items()})
    for path in removed:
        path.unlink(missing_ok=True)
    if as_json:
        print_json({"added": list(added), "removed": [path.name for path in removed], "refused": refused})
        return 0
    if added:
        less = _number(len(removed), "older revocation list", "older revocation lists")
        click.echo(f"added {_counted(told)}{f'; removed {less}' if removed else ''}")
    else:
        newer = ", or newer," if any(each.id in old for each, _ in parts.values()) else ""
        click.echo(f"nothing to add: all of it{newer} is there already")
    for one in refused:
        click.echo(printable(f"  not {one['id']} of {one['file']}: {one['why']}"), err=True)
    return 0


def _given(files: Sequence[Path]) -> tuple[dict[str, bytes], dict[str, tuple["Held", str]]]:
    """What is in files by their paths, and what they hold, with the path, by the names under which it is kept.

    Raises TrustInvalid, with the file's name.
    """
    from visavis.document.chip.trust import read_named, read_places

    contents: dict[str, bytes] = {}
    parts: dict[str, tuple[Held, str]] = {}
    for path in map(str, files):
        with in_file(path):
            contents |= read_places(Path(path))
            file = read_named(path, contents[path])
            if any(not each.authority for each in file.certificates):
                raise TrustInvalid(
                    f"{path} holds the certificate of no authority, but of one who signs documents, say; leave it out, and "
                    "add that of the country's authority (CSCA)"
                )
            parts |= {
                f"{(each.country or 'xx').lower()}-{each.id}.cer": (each, path) for each in file.every_certificate
            }
            parts |= {f"{each.id}.crl": (each, path) for each in file.revocation_lists}
    return contents, parts


def _superseded(trust: "Trust", now: datetime) -> set[str]:
    """The ids of revocation lists after which the same key of their authority has signed another one."""
    from visavis.document.chip.trust import key_name

    signed = [
        (each, (each.issuer, next(key_name(one) for one in trust.authorities if each.is_issued_by(one))))
        for each in trust.revocation_lists
    ]
    latest: dict[object, datetime] = {}
    for each, signer in signed:
        if each.this_update <= now:
            latest[signer] = max(each.this_update, latest.get(signer, each.this_update))
    return {each.id for each, signer in signed if each.this_update < latest.get(signer, each.this_update)}


def _write(place: Path, files: dict[str, bytes]) -> None:
    """Raises OutputUnwritable."""
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnwritable(f"{place}: {error.strerror}") from error
    for name, data in files.items():
        write_file(place / name, data)


@trust_group.command("list")
@trust_option
@folder_option
@_json_option
def list_trust(trust: Path | None, folder: Path | None, as_json: bool) -> int:
    """Which authorities are believed, and which revocation lists are at hand, by their hashes (SHA-256).

    A link certificate is signed by another key of its state, mostly the one before.
    """
    found, now = read_trust(trust, folder), datetime.now(UTC)
    authorities = sorted(found.authorities, key=lambda each: (each.country or "", each.not_before))
    told = [_told(each, now) for each in authorities]
    told += [_told(each, now) for each in found.revocation_lists]
    told += [{"id": each.id, "kind": "unused", "why": each.why} for each in found.unused]
    if as_json:
        print_json(told)
        return 0
    _show(told)
    if not told:
        click.echo(NOBODY, err=True)
    return 0


@trust_group.command()
@click.argument("trust_id", metavar="HASH")
@yes_option
@trust_option
@folder_option
@_json_option
def remove(trust_id: str, yes: bool, trust: Path | None, folder: Path | None, as_json: bool) -> int:
    """Believe the authority with this HASH no more, by no certificate of its key, or forget a revocation list.

    HASH: its first digits are enough, 8 or more.
    """
    from visavis.document.chip.trust import key_name, read_named

    place = _place(trust, folder)
    held = {path: read_named(path, data) for path, data in _contents(place).items()}
    chosen = _chosen(trust_id, {each: whole for file in held.values() for each, whole in _hashes(file).items()}, place)
    keys = {each.id: key_name(each) for file in held.values() for each in file.every_certificate}
    key = keys.get(chosen)
    gone = {chosen} | {each for each in keys if key is not None and keys[each] == key}
    found = {Path(path): ids for path, file in held.items() if (ids := set(_hashes(file))) & gone}
    shared = next((path for path, ids in found.items() if ids - gone), None)
    if shared is not None:
        raise InputInvalid(f"{shared} holds others besides; add it with `visavis trust add`, then delete the file")
    if not yes:
        told = [_told(each, datetime.now(UTC)) for path in found for each in _held(held[str(path)])]
        _show(told, err=True)
        _ask(f"remove {_counted(told)}?")
    for path in found:
        path.unlink()
    if as_json:
        print_json({"removed": [path.name for path in found]})
        return 0
    for path, ids in found.items():
        click.echo(printable(f"removed {path.name}{'' if chosen in ids else ', of the same key'}"))
    return 0


def _chosen(trust_id: str, hashes: dict[str, str], place: Path) -> str:
    """The one id that is meant. Raises InputInvalid where none is, or several may be."""
    start = trust_id.lower()
    found = [each for each, whole in hashes.items() if _HASH.fullmatch(start) and whole.startswith(start)]
    if len(found) > 1:
        raise InputInvalid(f"{trust_id} begins the hashes of {len(found)} in {place}; give more digits")
    if not found:
        raise InputInvalid(
            f"there is no certificate or revocation list {trust_id!r} in {place}; give 8 digits or more of a hash that "
            "`visavis trust list` shows"
        )
    return found[0]


def _hashes(file: "TrustFile") -> dict[str, str]:
    """Of all that a file holds, by the ids. Of what could not be read the id alone is known."""
    unused = {each.id: each.id for one in file.master_lists for each in one.unused}
    return unused | {each.id: hashlib.sha256(each.data).hexdigest() for each in _held(file)}


def _held(file: "TrustFile") -> list["Held"]:
    return [*file.every_certificate, *file.revocation_lists]


def _told(one: "Held", now: datetime) -> dict[str, Any]:
    """A certificate or a revocation list as plain values for JSON."""
    from visavis.document.chip.certificates import Certificate
    from visavis.document.chip.trust import key_name

    sha256 = hashlib.sha256(one.data).hexdigest()
    if not isinstance(one, Certificate):
        return {
            "id": one.id,
            "kind": "revocation_list",
            "issued_at": one.this_update.isoformat(),
            "next_at": None if one.next_update is None else one.next_update.isoformat(),
            "sha256": sha256,
            "revoked": len(one.serials),
        }
    return {
        "id": one.id,
        "kind": "authority",
        "country": one.country,
        "valid_from": one.not_before.isoformat(),
        "valid_until": one.not_after.isoformat(),
        "validity": "not_yet_valid" if now < one.not_before else "expired" if now > one.not_after else "valid",
        "sha256": sha256,
        "key": key_name(one),
        "link": not one.is_issued_by(one),
    }


def _show(told: Sequence[dict[str, Any]], *, err: bool = False) -> None:
    """Say to people what these are."""
    for one in told:
        click.echo(printable(f"{one.get('sha256', one['id'])}\n  {_in_words(one)}"), err=err)


def _in_words(one: dict[str, Any]) -> str:
    match one["kind"]:
        case "authority":
            validity = "" if one["validity"] == "valid" else f"  {one['validity'].upper().replace('_', ' ')}"
            valid = f"valid from {one['valid_from'][:10]} to {one['valid_until'][:10]}{validity}"
            link = "  link certificate" if one["link"] else ""
            return f"{one['country'] or '??'}  {valid}  key {one['key']}{link}"
        case "revocation_list":
            return (
                f"revokes {one['revoked']}; of {one['issued_at'][:10]}, the next due {(one['next_at'] or 'never')[:10]}"
            )
    return f"not used: {one['why']}"


def _counted(told: Sequence[dict[str, Any]]) -> str:
    """`1 authority and 2 revocation lists`."""
    lists = sum(one["kind"] == "revocation_list" for one in told)
    counts = (len(told) - lists, "authority", "authorities"), (lists, "revocation list", "revocation lists")
    return " and ".join(_number(*each) for each in counts if each[0])


def _number(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def _ask(question: str) -> None:
    """Go on if the answer is yes. Raises InputInvalid where nobody can be asked."""
    if not sys.stdin.isatty():
        raise InputInvalid(f"{question} Nobody can be asked, since standard input is no terminal; say --yes")
    click.confirm(question, abort=True, err=True)


def read_trust(trust: Path | None, folder: Path | None) -> "Trust":
    """Whom to believe by what is in the folder. Raises TrustInvalid, or InputInvalid where a folder that was named is none."""
    named = trust or folder
    if named is not None and not named.exists():
        raise InputInvalid(f"{named}: there is no such folder")
    return _of(_place(trust, folder))


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
