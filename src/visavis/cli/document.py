"""`visavis document FILE…`: what an identity document says and is worth, and whether a person is its holder."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visavis.cli.common import engine_options, json_option, make_verifier, print_json, printable, read_photo
from visavis.cli.installation import folder_option
from visavis.cli.trust import read_trust, trust_option
from visavis.cli.verify import CODES, tell
from visavis.errors import InputInvalid, VisavisError

if TYPE_CHECKING:
    from visavis.decision import Decision, DocumentTerms
    from visavis.document import Document
    from visavis.verifier import Verifier

AUTHENTICITY = {
    "page_only": "a page: nothing shows that it is genuine",
    "authentic_presence_not_proven": "authentic: signed by the state; whether the chip itself was there is not proven",
    "authentic": "authentic: signed by the state, and the chip itself answered",
    "failed": "not authentic",
}
_POLICIES = ("document-1e-3", "document-1e-4", "document-1e-5")
_COLOURS = {"passed": "green", "failed": "red", "inconclusive": "yellow", "not_checked": None}
_FILES_MAX = 20


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option(
    "--probe",
    "probes",
    multiple=True,
    metavar="PHOTO",
    help="Photo of the person who shows it; up to ten frames of one capture may be given.",
)
@click.option(
    "--require",
    type=click.Choice(("page_only", "authentic_presence_not_proven", "authentic")),
    default="page_only",
    show_default=True,
    help="What the document must be at least.",
)
@click.option("--expired", is_flag=True, help="Take a document whose time is over, too.")
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME",
    help="Say this field, and no other that is not named; over_18, say.",
)
@click.option(
    "--policy",
    type=click.Choice(_POLICIES),
    default="document-1e-4",
    show_default=True,
    help="Share of strangers that may match.",
)
@trust_option
@folder_option
@json_option
@engine_options
def document(
    files: tuple[str, ...],
    probes: tuple[str, ...],
    require: str,
    expired: bool,
    fields: tuple[str, ...],
    policy: str,
    trust: Path | None,
    folder: Path | None,
    as_json: bool,
    engine: str | None,
    threads: int | None,
    model: Path | None,
) -> int:
    """What does this passport or identity card say, and what is it worth?

    FILE is a photo of its page (of a card, one a side), a file that was read from its chip (EF.SOD, DG1, DG2, …), or a folder of
    these. With --probe the person must be its holder. What has expired, and who is how old, is told by this machine's date. Exit
    code: 0 it is what was asked for; 1 it is not; 2 inconclusive; 3 fault or wrong use.
    """
    from visavis.decision import DocumentTerms
    from visavis.document import Authenticity
    from visavis.document.fields import PRINTED

    try:
        terms = DocumentTerms(Authenticity(require), expired, fields or PRINTED)
        frames = [read_photo(path) for path in probes]
        contents = [read_photo(path) for name in files for path in _unfolded(name)]
        now = datetime.now().astimezone()
        with make_verifier(engine, threads, model) as verifier:
            shown = _read(verifier, contents, trust, folder, now)
            decision = _decided(verifier, shown, frames, terms, policy, now.date())
    except VisavisError as error:
        if as_json:
            print_json({"outcome": None, "error": {"code": error.code, "message": str(error)}})
        raise
    if as_json:
        print_json(decision.to_dict())
    else:
        _tell(decision.to_dict()["document"])
        if frames:
            tell(decision)
    return _code(decision, compared=bool(frames))


def _unfolded(name: str) -> list[str]:
    """A file, or those in a folder. Raises InputInvalid for a folder with none, or too many."""
    path = Path(name)
    if not path.is_dir():
        return [name]
    found = sorted(str(each) for each in path.iterdir() if each.is_file() and not each.name.startswith("."))
    if not 0 < len(found) <= _FILES_MAX:
        raise InputInvalid(f"{name}: expected a folder with the files of one document, {_FILES_MAX} at most")
    return found


def _read(
    verifier: "Verifier", contents: list[bytes], trust: Path | None, folder: Path | None, now: datetime
) -> "Document":
    """The document of which these are photos and files."""
    from visavis.document import Document, PageReader, is_chip_file, read_chip
    from visavis.image import Photo

    files = [data for data in contents if is_chip_file(data)]
    photos = [Photo(data) for data in contents if not is_chip_file(data)]
    chip = read_chip(files, trust=read_trust(trust, folder), now=now) if files else None
    reader = PageReader(verifier.store)
    return Document.of([reader.read(photo, today=now.date()) for photo in photos], chip)


def _decided(
    verifier: "Verifier", shown: "Document", frames: list[bytes], terms: "DocumentTerms", policy: str, today: date
) -> "Decision":
    """Who names no person is told what the document says, holder or not."""
    from visavis.decision import judge_document
    from visavis.document import fields_of

    if frames:
        return verifier.verify_document(shown, frames, terms=terms, today=today, policy=policy)
    report = judge_document(shown, terms, today=today)
    report = replace(report, said=fields_of(shown, terms.fields, today=today))
    return replace(verifier.not_compared(policy), document=report)


def _code(decision: "Decision", *, compared: bool) -> int:
    """The exit code."""
    report = decision.document
    assert report is not None  # noqa: S101 - each decision here is on a document
    if "failed" in (each.status.value for each in (report.reading, report.authenticity, report.expiry)):
        return 1
    if not report.holds:
        return 2
    return CODES[decision.outcome] if compared else 0


def _tell(plain: dict[str, Any]) -> None:
    """Say a document to people."""
    failed = plain["authenticity"] == "failed"
    click.echo(click.style(AUTHENTICITY[plain["authenticity"]], fg="red" if failed else None, bold=True))
    for name, link in plain["links"].items():
        status = click.style(link["status"].replace("_", " "), fg=_COLOURS[link["status"]])
        reasons = "".join(f"; {reason.replace('_', ' ')}" for reason in link["reasons"])
        click.echo(f"  {name:13} {status}{reasons}")
    click.echo(f"  {'weakest link':13} {plain['weakest_link']}")
    for name, said in plain["fields"].items():
        value = said["value"]
        text = ", ".join(value) if isinstance(value, list) else "-" if value is None else str(value)
        click.echo(printable(f"  {name:17} {text:31} {said['standing']}"))
