"""`visavis credential`: face credentials, which their subjects carry and no database holds."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visavis.cli.common import (
    engine_options,
    json_option,
    print_json,
    printable,
    read_text,
    write_file,
)
from visavis.cli.installation import (
    CodeFile,
    Consenting,
    Opened,
    Photos,
    consent_options,
    enrolling,
    folder_option,
    opened,
    read_code,
)
from visavis.cli.live import Filming, filming_options
from visavis.errors import InputInvalid

if TYPE_CHECKING:
    from visavis.template import FaceCredential, Issuer


SIGN_ANEW = "verifiers know once they have a new status list: visavis credential status-list"


@click.group()
def credential() -> None:
    """Face credentials: references that their subjects carry.

    Exit codes of all: 0 done, 3 fault or wrong use.
    """


@credential.command()
@click.argument("subject")
@click.argument("photos", nargs=-1)
@filming_options
@consent_options
@click.option(
    "--valid-days",
    type=click.IntRange(1, 36_525),
    default=365,
    show_default=True,
    help="It expires after so many days.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE.png|.svg",
    help="New file for the credential's code.",
)
@click.option(
    "--holder-out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.png|.svg",
    help="New file for the code of the holder's secret.",
)
@click.option(
    "--no-holder-secret",
    is_flag=True,
    help="The credential is the only token: whoever has the verifier key can read the face out of every one they see.",
)
@folder_option
@json_option
@engine_options
def issue(
    subject: str,
    photos: tuple[str, ...],
    filming: Filming | None,
    consenting: Consenting,
    valid_days: int,
    out: Path,
    holder_out: Path | None,
    no_holder_secret: bool,
    folder: Path | None,
    as_json: bool,
    engine: str | None,
    threads: int | None,
    model: Path | None,
) -> int:
    """Issue a face credential to SUBJECT from one to five PHOTOS of them, or live, with --camera.

    Consent and photos are treated as at enrolment. Neither the credential nor its holder's secret is kept.
    """
    from visavis.session import Issuing, issue_credential

    if no_holder_secret == (holder_out is not None):
        raise click.UsageError("name a file with --holder-out, or decide for --no-holder-secret")
    code, holder_code, wanted = CodeFile(out), CodeFile(holder_out), Photos(photos, filming)
    with opened(folder) as place:
        issuer = own_issuer(place)
        keys = place.keys
        issuing = Issuing(issuer, keys.signer("issuer"), keys.key("verifier", keys.newest("verifier")))
        with (
            code.reserved() as write,
            holder_code.reserved() as write_holder,
            enrolling(
                place.vault,
                subject,
                wanted,
                consenting,
                replace=True,
                as_json=as_json,
                engine=(engine, threads, model),
            ) as (enrolment, captured),
        ):
            issued, holder = issue_credential(
                place.vault,
                enrolment,
                issuing,
                valid_for=timedelta(days=valid_days),
                holder_secret=not no_holder_secret,
            )
            write(issued.text())
            if holder is not None:
                with holder:
                    write_holder(holder.text())
    told = {**_plain(issued), "code": str(out), "holder_code": None if holder_out is None else str(holder_out)}
    if as_json:
        print_json(told | captured.live())
    else:
        click.echo(printable(f"issued {issued.cti.hex()} to {subject}, valid until {issued.expires_at:%Y-%m-%d}"))
        captured.tell()
        code.show("", "credential")
        if holder_out is not None:
            holder_code.show("", "holder's secret")
    return 0


@credential.command()
@click.argument("code")
@click.option(
    "--issuer", "issuers", multiple=True, type=click.Path(path_type=Path), help="Issuer's file; by default, your own."
)
@folder_option
@json_option
def show(code: str, issuers: tuple[Path, ...], folder: Path | None, as_json: bool) -> int:
    """What the credential in the file CODE says, once its signature is checked. The template in it stays closed."""
    from visavis.template import CREDENTIAL_PREFIX, FaceCredential

    read = FaceCredential.from_text(read_code(code, CREDENTIAL_PREFIX, "credential"), issuers=_trusted(issuers, folder))
    told = _plain(read)
    if as_json:
        print_json(told)
        return 0
    for name, value in told.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        click.echo(printable(f"{name.replace('_', ' '):13} {shown}"))
    if read.expires_at <= datetime.now(UTC):
        click.echo("It has expired.")
    return 0


@credential.command()
@click.argument("cti")
@folder_option
def revoke(cti: str, folder: Path | None) -> int:
    """Revoke the credential with the id CTI, as `credential show` prints it; then sign and publish a new status list."""
    from visavis.session import revoke_credential

    try:
        wanted = bytes.fromhex(cti)
    except ValueError:
        raise InputInvalid(f"expected the id of a credential, 32 hex digits, not {cti!r}") from None
    with opened(folder) as place:
        revoke_credential(place.vault, wanted)
    click.echo(f"revoked {wanted.hex()}; {SIGN_ANEW}")
    return 0


@credential.command("status-list")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where it goes.  [default: status-list.cwt in the folder]",
)
@folder_option
def status_list(out: Path | None, folder: Path | None) -> int:
    """Sign the status list as of now. Verifiers refuse one that is older than 24 hours: do this every few hours."""
    from visavis.session import sign_status_list
    from visavis.template import StatusList

    with opened(folder) as place:
        data = sign_status_list(place.vault, own_issuer(place), place.keys.signer("issuer"))
        target = out or place.installation.status_list_file
        if target.exists():
            StatusList.read(target.read_bytes(), issuer=own_issuer(place))  # nothing else is written over
        write_file(target, data)
    click.echo(printable(f"status list: {target}"))
    return 0


@credential.command()
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Where it goes.  [default: standard output]"
)
@folder_option
def issuer(out: Path | None, folder: Path | None) -> int:
    """Your name and public keys as an issuer, for those who verify your credentials."""
    from visavis.template import Issuer

    with opened(folder) as place:
        text = own_issuer(place).to_json()
    if out is None:
        click.echo(text, nl=False)
        return 0
    if out.exists():
        Issuer.from_json(read_text(out))  # nothing else is written over
    write_file(out, text.encode())
    return 0


def own_issuer(place: Opened) -> "Issuer":
    """The installation as an issuer. Raises InputInvalid when it has no name."""
    from visavis.template import Issuer

    here = place.installation
    if not here.issuer:
        raise InputInvalid(f'name the issuer in {here.settings_file}: issuer = "https://…"')
    return Issuer(here.issuer, here.status_list, place.keys.public_keys("issuer"))


def _trusted(files: tuple[Path, ...], folder: Path | None) -> list["Issuer"]:
    """The issuers of these files, or the installation itself where none are named."""
    from visavis.template import Issuer

    if files:
        return [Issuer.from_json(read_text(path)) for path in files]
    with opened(folder) as place:
        return [own_issuer(place)]


def _plain(read: "FaceCredential") -> dict[str, Any]:
    return {
        "cti": read.cti.hex(),
        "issuer": read.issuer,
        "purposes": list(read.purposes),
        "issued_at": read.issued_at.isoformat(),
        "expires_at": read.expires_at.isoformat(),
        "status_index": read.index,
        "holder": read.holder.name.lower(),
        "verifier_key": read.verifier_key_id.hex(),
    }
