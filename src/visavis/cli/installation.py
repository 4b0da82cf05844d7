"""What the commands share that work on an installation: its folder, its vault, codes in files, and consents."""

import os
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

import click

from visavis.cli.common import make_verifier, printable, read_photo, read_text, reason_in_words
from visavis.cli.live import Filming, liveness_in_words
from visavis.errors import CodeUnreadable, EnrolmentIncomplete, InputInvalid, OutputUnwritable, SubjectUnknown

if TYPE_CHECKING:
    from visavis.pad import PadResult
    from visavis.session import CaptureReport, ConsentText, Enrolment, Subject, Vault
    from visavis.settings import Installation
    from visavis.template import FileKeys

Command = TypeVar("Command", bound=Callable[..., Any])

folder_option = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The installation's folder, as `visavis init` made it.  [env VISAVIS_FOLDER]",
)
qr_option = click.option(
    "--qr",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.png|.svg",
    help="Write the code to this new file, for its owner alone, instead of the terminal.",
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
purpose_option = click.option(
    "--purpose", default="verification", show_default=True, help="What the subject consented to."
)
_TEXT_MAX = 16_384
_UNLIKE = "it is too unlike the photos before it: take photos of the one person, as they look today"


@dataclass(frozen=True, slots=True)
class Consenting:
    """What is recorded before the first photo is looked at."""

    consent_file: Path
    consent_version: str
    locale: str
    purpose: str
    retention_days: int
    allow_renewal: bool
    recorded_by: str | None

    def text(self) -> "ConsentText":
        """What was agreed to. Raises ConsentInvalid, or InputInvalid when the file cannot be read."""
        from visavis.session import ConsentText

        return ConsentText.of(
            read_text(self.consent_file),
            version=self.consent_version,
            locale=self.locale,
            purpose=self.purpose,
            retention_days=self.retention_days,
            renewal=self.allow_renewal,
        )

    def recorder(self) -> str:
        """Who recorded it."""
        import getpass

        if self.recorded_by is None:
            with suppress(OSError, KeyError, ImportError):
                return getpass.getuser()
        return self.recorded_by or ""


def consent_options(command: Command) -> Command:
    """The options of a consent, handed to the command as one `Consenting`."""

    @wraps(command)
    def packed(*arguments: Any, **options: Any) -> Any:
        consent = {name: options.pop(name) for name in Consenting.__slots__}
        return command(*arguments, consenting=Consenting(**consent), **options)

    for option in (
        click.option("--recorded-by", help="Who recorded the consent.  [default: the user of the operating system]"),
        click.option(
            "--allow-renewal",
            is_flag=True,
            help="The subject agreed that the reference is made anew from a matching probe when the model changes.",
        ),
        click.option(
            "--retention-days",
            type=click.IntRange(1, 36_525),
            default=365,
            show_default=True,
            help="After so many days it is erased.",
        ),
        purpose_option,
        click.option("--locale", default="en", show_default=True, help="Language of the consent's text."),
        click.option("--consent-version", default="1", show_default=True, help="Version of the consent's text."),
        click.option(
            "--consent",
            "consent_file",
            type=click.Path(dir_okay=False, path_type=Path),
            required=True,
            metavar="FILE",
            help="File with the text that the subject agreed to; its hash is recorded.",
        ),
    ):
        packed = option(packed)
    return cast("Command", packed)


@dataclass(frozen=True, slots=True)
class Opened:
    """An installation in use."""

    installation: "Installation"
    vault: "Vault"
    keys: "FileKeys"


@contextmanager
def opened(folder: Path | None, database: str | None = None) -> Iterator[Opened]:
    """Open an installation; its files are closed when the block ends. database: another than the settings name."""
    from visavis.session import Vault, confirm_keys
    from visavis.settings import Installation
    from visavis.store import Database, FileShreds
    from visavis.template import FileKeys

    installation = Installation.read(folder)
    keys = FileKeys(installation.keys)
    signer = keys.signer("audit")
    with (
        closing(Database.open(database or installation.database)) as store,
        closing(FileShreds.open(installation.shreds, store.id)) as shreds,
    ):
        vault = Vault(store, shreds, keys, signer, installation.shred_backup_days)
        confirm_keys(vault)
        yield Opened(installation, vault, keys)


@dataclass(frozen=True, slots=True)
class Photos:
    """What a person is enrolled from: files, or a live capture."""

    files: tuple[str, ...]
    filming: Filming | None = None

    def __post_init__(self) -> None:
        if bool(self.files) == (self.filming is not None):
            raise click.UsageError("give PHOTOS, or capture them live with --camera or --video")


@dataclass(frozen=True, slots=True)
class Captured:
    """The photos of an enrolment, and what was said of each. filming, liveness: of the live capture that they are from."""

    names: Sequence[str]
    reports: Sequence["CaptureReport"]
    filming: Filming | None = None
    liveness: "PadResult | None" = None

    def photos(self) -> list[dict[str, Any]]:
        """Each photo and why it was refused, for machines."""
        return [
            {"photo": name, "reasons": [reason.value for reason in report.reasons]}
            for name, report in zip(self.names, self.reports, strict=True)
        ]

    def live(self) -> dict[str, Any]:
        """What came of a live capture, for machines; nothing where there was none."""
        if self.filming is None or self.liveness is None:
            return {}
        return {"source": self.filming.source, "liveness": self.liveness.to_dict()}

    def tell(self) -> None:
        """Say to people what came of a live capture."""
        if self.filming is not None and self.liveness is not None:
            click.echo(f"  {liveness_in_words(self.liveness)}")
            self.filming.tell_reservation()


@contextmanager
def enrolling(
    vault: "Vault",
    subject: str,
    photos: Photos,
    consenting: Consenting,
    *,
    replace: bool,
    as_json: bool,
    engine: Any,
) -> Iterator[tuple["Enrolment", Captured]]:
    """An enrolment in which the photos were captured, with what was said of each; who reads along is told of the refused.

    A camera opens when the consent is recorded, and not before. Raises EnrolmentIncomplete where the live capture did not pass.
    """
    from visavis.session import CAPTURES_MAX, Enrolment

    if len(photos.files) > CAPTURES_MAX:
        raise click.UsageError(f"a reference is made of at most {CAPTURES_MAX} photos")
    text, recorder, data = consenting.text(), consenting.recorder(), [read_photo(photo) for photo in photos.files]
    if photos.filming is not None:
        photos.filming.check()
    with ExitStack() as ending:
        verifier = ending.enter_context(make_verifier(*engine))
        prepared = None if photos.filming is None else photos.filming.prepared(verifier)
        enrolment = ending.enter_context(
            Enrolment.begin(vault, verifier, subject=subject, consent=text, recorded_by=recorder, replace=replace)
        )
        names, liveness = photos.files, None
        if photos.filming is not None and prepared is not None:
            live = photos.filming.capture(prepared, as_json=as_json)
            if live.pad.status.value != "passed":
                raise EnrolmentIncomplete(f"nothing was captured: {liveness_in_words(live.pad)}")
            data, liveness = list(live.frames), live.pad
            names = tuple(f"picture {number} of the capture" for number in range(1, len(data) + 1))
        reports = [enrolment.capture(photo) for photo in data]
        for name, report in zip(names, reports, strict=True):
            for reason in report.reasons:
                words = _UNLIKE if reason == "frames_disagree" else reason_in_words(reason)
                click.echo(printable(f"{name}: refused: {words}"), err=True)
        if any("frames_disagree" in report.reasons for report in reports):
            raise EnrolmentIncomplete(
                "the photos do not all show one person as they look today; which of them is meant is not guessed"
            )
        yield enrolment, Captured(names, reports, photos.filming, liveness)


def subject_named(vault: "Vault", name: str) -> "Subject":
    """The subject with this name. Raises SubjectUnknown."""
    with vault.store.reading() as tx:
        found = tx.subjects.named(name)
    if found is None:
        raise SubjectUnknown(f"there is no subject {name!r}; `visavis subject list` lists them")
    return found


def read_code(path: str, prefix: str, what: str) -> str:
    """The text of a code from a file that holds it as text, or shows its QR code; `-` is standard input.

    Raises InputInvalid for a code on the command line itself, where other users can read it; CodeUnreadable.
    """
    if path.lstrip().upper().startswith(prefix):
        raise InputInvalid(
            f"a {what} on the command line can be read by others; put it into a file of your own, or use - for standard input"
        )
    from visavis.image import Photo
    from visavis.template import read_qr

    data = read_photo(path)
    text = data[:_TEXT_MAX].removeprefix(BOM_UTF8).strip()
    if text.startswith(b"<"):
        raise CodeUnreadable(f"{path} is for printing; take a photo of the code, or have it written as .png")
    if text.startswith(prefix.encode()):
        if len(data) > _TEXT_MAX:
            raise InputInvalid(f"{path} is too long for a {what}")
        return text.decode("ascii", errors="replace")
    if text.isascii() and text.decode().isprintable():
        raise InputInvalid(f"{path} holds no {what}: expected a text that begins with {prefix}, or a photo of its code")
    return read_qr(Photo(data), prefix)


class NewFile:
    """A new file for its owner alone, made before there is anything to write, so that what is handed out once is never lost to a
    full disk."""

    def __init__(self, path: Path, room: int = _TEXT_MAX) -> None:
        self.path, self.written, self._room = path, False, room

    @contextmanager
    def reserved(self) -> Iterator[Callable[[bytes], None]]:
        """Gives what writes the contents. Where it is not called, or the block fails, the file is gone again.

        Raises OutputUnwritable.
        """
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise OutputUnwritable(f"{self.path} exists, and nothing is replaced; name a new file") from None
        except OSError as error:
            raise OutputUnwritable(f"{self.path}: {error.strerror or error}") from error
        try:
            with os.fdopen(descriptor, "wb") as file:
                self._fill(file, bytes(self._room))

                def put(data: bytes) -> None:
                    self._fill(file, data)
                    self.written = True

                yield put
        finally:
            if not self.written:
                self.path.unlink(missing_ok=True)

    def _fill(self, file: IO[bytes], data: bytes) -> None:
        try:
            file.seek(0)
            file.write(data)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            raise OutputUnwritable(f"{self.path}: {error.strerror or error}") from error


class CodeFile:
    """A new file for a code, or the terminal."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        if path is not None and path.suffix.lower() not in (".png", ".svg"):
            raise click.UsageError(f"the file of a code must end in .png or .svg, not {path.name!r}")

    @contextmanager
    def reserved(self) -> Iterator[Callable[[str], None]]:
        """Gives what writes the text's code: see `NewFile`. A code that can be written nowhere is printed as text."""
        if self.path is None:
            yield lambda _: None
            return
        from visavis.template import qr_png, qr_svg

        draw = qr_png if self.path.suffix.lower() == ".png" else qr_svg
        with NewFile(self.path).reserved() as put:

            def write(text: str) -> None:
                try:
                    put(draw(text))
                except OutputUnwritable:
                    click.echo(text)
                    raise

            yield write

    def show(self, text: str, what: str) -> None:
        """Tell where the code is: as a file, or here, as a picture for people and as text."""
        if self.path is not None:
            click.echo(printable(f"  {what}: {self.path}"))
            return
        if os.isatty(1):
            from visavis.template import qr_terminal

            click.echo(qr_terminal(text), nl=False)
        click.echo(text)
