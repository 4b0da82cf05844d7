"""`visavis enrol` and `visavis claim renew`: what hands out a claim."""

from pathlib import Path

import click

from visavis.cli.common import (
    engine_options,
    json_option,
    policy_option,
    print_json,
    printable,
    read_photo,
)
from visavis.cli.installation import (
    CodeFile,
    Consenting,
    Photos,
    consent_options,
    enrolling,
    folder_option,
    opened,
    purpose_option,
    qr_option,
    read_code,
)
from visavis.cli.live import Filming, filming_options
from visavis.cli.verify import CODES, tell


@click.command()
@click.argument("subject")
@click.argument("photos", nargs=-1)
@filming_options
@consent_options
@click.option("--replace", is_flag=True, help="Replace the reference that the subject has for this purpose.")
@qr_option
@folder_option
@json_option
@engine_options
def enrol(
    subject: str,
    photos: tuple[str, ...],
    filming: Filming | None,
    consenting: Consenting,
    replace: bool,
    qr: Path | None,
    folder: Path | None,
    as_json: bool,
    engine: str | None,
    threads: int | None,
    model: Path | None,
) -> int:
    """Enrol SUBJECT, your name for a person, from one to five PHOTOS of them, or live, with --camera.

    The consent is recorded first, and only then a camera opens. Bad photos are refused with their reasons; the others must agree
    with each other; of a live capture that does not pass nothing is taken. The claim is handed out once: give it to the subject
    and keep no copy, for nothing opens the reference without it. Exit code: 0 done, 3 fault or wrong use.
    """
    code, wanted = CodeFile(qr), Photos(photos, filming)
    with (
        opened(folder) as place,
        code.reserved() as write,
        enrolling(
            place.vault,
            subject,
            wanted,
            consenting,
            replace=replace,
            as_json=as_json,
            engine=(engine, threads, model),
        ) as (enrolment, captured),
    ):
        captures = enrolment.captures
        with enrolment.finish() as claim:
            text, record = claim.text(), claim.record_id.hex()
        write(text)
        person = enrolment.subject
    if as_json:
        print_json(
            {
                "subject": person.id,
                "record": record,
                "captures": captures,
                "photos": captured.photos(),
                **captured.live(),
                "claim": text if qr is None else None,
                "qr": None if qr is None else str(qr),
            }
        )
        return 0
    click.echo(printable(f"enrolled {subject} from {captures} of {len(captured.names)} photos, as {person.id}"))
    captured.tell()
    code.show(text, "claim")
    click.echo(
        "Give the claim to the subject and keep no copy: it opens the reference, and nothing else does.", err=True
    )
    return 0


@click.group()
def claim() -> None:
    """What subjects hold to have their references opened.

    Exit codes: those of `verify`, 3 fault or wrong use.
    """


@claim.command()
@click.argument("probe")
@click.option(
    "--claim", "claim_file", required=True, metavar="FILE", help="The claim: its text, or a photo of its code."
)
@purpose_option
@policy_option
@qr_option
@folder_option
@json_option
@engine_options
def renew(
    probe: str,
    claim_file: str,
    purpose: str,
    policy: str,
    qr: Path | None,
    folder: Path | None,
    as_json: bool,
    engine: str | None,
    threads: int | None,
    model: Path | None,
) -> int:
    """Give a subject a new claim, if the person in PROBE is the one; the old one opens nothing from then on.

    Exit code: 0 match, a new claim was handed out; 1 no match; 2 inconclusive; 3 fault or wrong use.
    """
    from visavis.cli.common import make_models
    from visavis.session import Expected, Probe, renew_claim
    from visavis.template import CLAIM_PREFIX

    code = CodeFile(qr)
    text = read_code(claim_file, CLAIM_PREFIX, "claim")
    photo = read_photo(probe)
    with opened(folder) as place, make_models(engine, threads, model) as models, code.reserved() as write:
        decision, renewed = renew_claim(
            place.vault,
            models,
            claim=text,
            probe=Probe([photo]),
            policy=policy,
            expected=Expected(purpose),
        )
        new = None
        if renewed is not None:
            with renewed:
                new = renewed.text()
            write(new)
    if as_json:
        print_json({**decision.to_dict(), "claim": new if qr is None else None, "qr": None if qr is None else str(qr)})
        return CODES[decision.outcome]
    tell(decision)
    if new is not None:
        code.show(new, "claim")
        click.echo("Give the claim to the subject and keep no copy; the old one opens nothing any more.", err=True)
    return CODES[decision.outcome]
