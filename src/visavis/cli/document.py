"""`visavis document FILE…`: what an identity document says and is worth, and whether a person is its holder."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visavis.cli.common import (
    engine_options,
    fault,
    in_file,
    json_option,
    make_verifier,
    print_json,
    printable,
    read_photo,
)
from visavis.cli.installation import folder_option
from visavis.cli.trust import NOBODY, read_trust, trust_option
from visavis.cli.verify import CODES, tell
from visavis.errors import ChipMalformed, EmptyImage, ImageError, InputInvalid, MrzMalformed, VisavisError

if TYPE_CHECKING:
    from visavis.decision import Decision, DocumentReport, DocumentTerms
    from visavis.document import Chip, Document, Trust
    from visavis.verifier import Verifier

File = tuple[str, bytes]
"""As it was named, and what is in it."""

AUTHENTICITY = {
    "page_only": "a page: nothing shows that it is genuine",
    "authentic_presence_not_proven": "authentic: signed by the state; whether the chip itself was there is not proven",
    "authentic": "authentic: signed by the state, and the chip itself answered",
    "failed": "not authentic",
}
_NOT_TAKEN = {
    "visa": "it is a visa, and no identity document",
    "chip_required": "its chip is asked for",
    "document_expired": "it has expired",
}
_LINKS = {
    ("failed", "chip_required"): "not enough; the chip is asked for",
    ("failed", "document_expired"): "expired",
    ("passed", "document_expired"): "expired; taken all the same",
}
"""What is said of a link in place of its status and reasons."""
_ADVICE = {
    "no_document": "no document is seen: photograph the side with the portrait, on a ground of another colour",
    "several_documents": "several documents are seen: photograph the one alone",
    "cut_edges": "an edge is cut off: have the whole side in the picture, with some space around it",
    "too_small": "the document is too small: go nearer, or give the photo in its full size",
    "too_dark": "it is too dark: find more light",
    "blurred": "it is blurred: hold still, and wait until the picture is sharp",
    "glare": "light is reflected: tilt the document a little, and use no flash",
    "no_zone": "there are no lines with many <: have the whole side in the picture; of a card, give both sides",
    "zone_unreadable": "the lines with many < cannot be read: take the photo from close by, sharp and straight from above",
    "no_portrait": "no portrait is seen: photograph the side that it is on, and cover nothing of it",
    "fields_unconfirmed": "number and dates could not be read for certain: take a sharper photo, from closer by",
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
    type=click.Choice(("page_only", "authentic_presence_not_proven")),
    default="page_only",
    show_default=True,
    help="What the document must be at least. That the chip itself is there, the service alone can prove.",
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
    from visavis.decision import DocumentTerms, judge_document
    from visavis.document import Authenticity

    now = datetime.now().astimezone()
    today = now.date()
    try:
        terms = DocumentTerms(Authenticity(require), expired, fields)
        frames = [_read(path) for path in probes]
        photos, chip_files = _sorted([_read(path) for name in files for path in _unfolded(name)])
        believed = read_trust(trust, folder) if chip_files or trust or folder else None
        with make_verifier(engine, threads, model) as verifier:
            shown = _read_document(verifier, photos, chip_files, believed, now)
            terms = replace(terms, fields=fields or _every_field(shown, today))
            decision = _compared(verifier, shown, frames, terms, policy, today) if frames else None
    except VisavisError as error:
        if as_json:
            print_json({"outcome" if probes else "holds": None, "error": fault(error)})
        raise
    judged = None if decision is None else decision.document
    report = judged or judge_document(shown, terms, today=today)
    answer = _alone(shown, report, terms, today) if decision is None else decision.to_dict()
    answer["pages"] = [
        {"file": Path(path).name, "reasons": list(reasons)}
        for (path, _), reasons in zip(photos, shown.faults, strict=True)
    ]
    if as_json:
        print_json(answer)
    else:
        read = shown.zone is not None
        why = _why_not(report, read=read)
        _tell(answer, report, why, read=read, asked=bool(fields))
        if believed is not None and not believed.authorities and "signer_unknown" in report.reasons:
            click.echo(NOBODY, err=True)
        if decision is not None:
            _tell_decision(decision, why)
    return _code(report, decision)


def _read(path: str) -> File:
    with in_file(path):
        return path, read_photo(path)


def _unfolded(name: str) -> list[str]:
    """A file, or those in a folder. Raises InputInvalid for a folder with none, or too many."""
    path = Path(name)
    if not path.is_dir():
        return [name]
    found = sorted(str(each) for each in path.iterdir() if each.is_file() and not each.name.startswith("."))
    if not 0 < len(found) <= _FILES_MAX:
        held = f"{len(found)} files are" if found else "no file is"
        raise InputInvalid(f"{name}: {held} in this folder; expected those of one document, {_FILES_MAX} at most")
    return found


def _sorted(files: list[File]) -> tuple[list[File], list[File]]:
    """Photos, and files of a chip. Raises EmptyImage, ChipMalformed for a file given twice, InputInvalid for too many photos."""
    from visavis.document import is_chip_file
    from visavis.session import PAGES_MAX

    photos: list[File] = []
    chip: dict[int, File] = {}
    for path, data in files:
        with in_file(path):
            if not data:
                raise EmptyImage("the file is empty; expected a photo, or a file of a chip")
            if not is_chip_file(data):
                photos.append((path, data))
            elif data[0] in chip:
                raise ChipMalformed(f"this is the same file of a chip as {Path(chip[data[0]][0]).name}; give it once")
            else:
                chip[data[0]] = path, data
    if len(photos) > PAGES_MAX:
        raise InputInvalid(f"a document has {PAGES_MAX} sides; expected {PAGES_MAX} photos at most, got {len(photos)}")
    return photos, list(chip.values())


def _read_document(
    verifier: "Verifier", photos: list[File], chip_files: list[File], believed: "Trust | None", now: datetime
) -> "Document":
    """The document of which these are photos and files."""
    from visavis.document import Document, PageReader
    from visavis.image import Photo

    chip = None if believed is None or not chip_files else _read_chip(chip_files, believed, now)
    reader, pages = PageReader(verifier.store), []
    for path, data in photos:
        with in_file(path):
            pages.append(reader.read(Photo(data), today=now.date()))
    return Document.of(pages, chip)


def _read_chip(files: list[File], believed: "Trust", now: datetime) -> "Chip":
    """The chip. A fault that lies in one of the files is told with its name."""
    from visavis.document import read_chip

    try:
        return read_chip([data for _, data in files], trust=believed, now=now)
    except (ChipMalformed, MrzMalformed, ImageError):
        for path, data in files:
            with in_file(path):
                _try(data)
        raise


def _try(data: bytes) -> None:
    """Read a file of a chip by itself. Raises what reading the chip does where the fault lies in this file."""
    from visavis.document.chip.faces import read_face
    from visavis.document.chip.identity import read_identity
    from visavis.document.chip.portrait import decode_face
    from visavis.document.chip.sod import read_sod
    from visavis.document.chip.tlv import FILE_BYTES_MAX
    from visavis.document.mrz import split_zone

    if len(data) > FILE_BYTES_MAX:
        raise ChipMalformed(f"the file has {len(data):,} bytes; at most {FILE_BYTES_MAX:,} are read")
    match data[0]:
        case 0x77:
            read_sod(data)
        case 0x61:
            split_zone(read_identity(data))
        case 0x75:
            decode_face(read_face(data))


def _every_field(shown: "Document", today: date) -> tuple[str, ...]:
    """Those of the zone, and of the others those that the chip has."""
    from visavis.document import fields_of
    from visavis.document.fields import DETAILS, PRINTED

    details = fields_of(shown, DETAILS, today=today)
    return (*PRINTED, *(name for name, said in details.items() if said.value is not None))


def _compared(
    verifier: "Verifier", shown: "Document", frames: list[File], terms: "DocumentTerms", policy: str, today: date
) -> "Decision":
    try:
        return verifier.verify_document(shown, [data for _, data in frames], terms=terms, today=today, policy=policy)
    except ImageError as error:
        with in_file(frames[error.frame][0]):
            raise


def _alone(shown: "Document", report: "DocumentReport", terms: "DocumentTerms", today: date) -> dict[str, Any]:
    """A document that nobody is compared with, as plain values for JSON. Who names no person is told what it says."""
    from visavis.decision import Finding, LinkStatus
    from visavis.document import fields_of

    report = replace(report, said=fields_of(shown, terms.fields, today=today))
    unchecked = Finding(LinkStatus.NOT_CHECKED)
    return {"holds": report.holds, "document": report.to_dict(liveness=unchecked, face=unchecked)}


def _code(report: "DocumentReport", decision: "Decision | None") -> int:
    """The exit code."""
    if "failed" in (each.status.value for each in (report.reading, report.authenticity, report.expiry)):
        return 1
    if not report.holds:
        return 2
    return 0 if decision is None else CODES[decision.outcome]


def _tell(answer: dict[str, Any], report: "DocumentReport", why: str, *, read: bool, asked: bool) -> None:
    """Say a document to people. why: as `_why_not` says. read: whether a zone was. asked: whether its fields were named."""
    document, verdict = answer["document"], report.verdict.value
    if why:
        click.echo(click.style(why, fg="red" if _code(report, None) == 1 else "yellow", bold=True))
    if read and verdict != "failed":
        click.echo(click.style(AUTHENTICITY[verdict], bold=not why))
    for name, link in document["links"].items():
        status, reasons = link["status"], link["reasons"]
        words = _LINKS.get((status, *reasons)) or "; ".join((status, *reasons)).replace("_", " ")
        click.echo(f"  {name:13} {click.style(words, fg=_COLOURS[status])}")
    click.echo(f"  {'weakest link':13} {document['weakest_link']}")
    for line in _advice(answer["pages"], report):
        click.echo(printable(f"  {line}"))
    for name, said in document["fields"].items() if read else ():
        if asked or said["value"] or said["standing"] == "failed":
            click.echo(printable(f"  {name:17} {_in_words(said['value']):31} {said['standing']}"))


def _why_not(report: "DocumentReport", *, read: bool) -> str:
    """Why a document is not what was asked for; empty where it is."""
    if report.verdict.value == "failed":
        return AUTHENTICITY["failed"]
    if refused := [_NOT_TAKEN[reason] for reason in report.reasons if reason in _NOT_TAKEN]:
        return f"not taken: {'; '.join(refused)}"
    if report.holds:
        return ""
    return "not read for certain" if read else "not read"


def _advice(pages: list[dict[str, Any]], report: "DocumentReport") -> list[str]:
    """What is wrong with which photo, and with all of them, and what to do."""
    told = {reason for page in pages for reason in page["reasons"]}
    among = [reason for reason in report.reading.reasons if reason in _ADVICE and reason not in told]
    return [
        *(f"{page['file']}: {_ADVICE[reason]}" for page in pages for reason in page["reasons"]),
        *(_ADVICE[reason] for reason in among if pages),
    ]


def _in_words(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(value)
    return str(value)


def _tell_decision(decision: "Decision", why: str) -> None:
    """Say to people whether the person is the holder, or why nobody was compared."""
    if why:
        outcome = click.style("inconclusive", fg="yellow", bold=True)
        click.echo(f"{outcome}: nobody was compared, since the document was {why}")
    else:
        tell(decision)
