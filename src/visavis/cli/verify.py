"""`visavis verify REFERENCE PROBE`, and PROBE alone against a claim or a credential."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visavis.cli.against import Against, against_options
from visavis.cli.common import (
    engine_options,
    fault,
    json_option,
    make_models,
    make_verifier,
    one_in,
    policy_option,
    print_json,
    printable,
    read_photo,
    reason_in_words,
)
from visavis.cli.live import liveness_in_words
from visavis.errors import VisavisError

if TYPE_CHECKING:
    from visavis.decision import Decision, PhotoReport

CODES = {"match": 0, "no_match": 1, "inconclusive": 2}
_COLOURS = {"match": "green", "no_match": "red", "inconclusive": "yellow"}


@click.command()
@click.argument("reference", required=False)
@click.argument("probe", required=False, metavar="PROBE")
@click.option(
    "--frame",
    "frames",
    multiple=True,
    metavar="FILE",
    help="A further frame of the capture that PROBE is from; up to nine may be given. They are fused into one probe.",
)
@against_options
@policy_option
@json_option
@click.option(
    "--explain",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PICTURE.png",
    help="Draw both photos, both faces and the score on the error curves into this file.",
)
@engine_options
def verify(
    reference: str | None,
    probe: str | None,
    frames: tuple[str, ...],
    against: Against | None,
    policy: str,
    as_json: bool,
    explain: Path | None,
    engine: str | None,
    threads: int | None,
    model: Path | None,
) -> int:
    """Is the person in the photo PROBE the one in the photo REFERENCE?

    Both are files; `-` is standard input. With --claim or --credential there is no REFERENCE: the person must be the one who was
    enrolled, or to whom the credential was issued. Exit code: 0 match, 1 no match, 2 inconclusive, 3 fault or wrong use.
    """
    if reference is None:
        raise click.MissingParameter(param_hint="'REFERENCE'" if against is None else "'PROBE'", param_type="argument")
    if against is not None:
        if probe is not None or explain is not None:
            raise click.UsageError(
                "with a claim or a credential there is no photo of the reference, and nothing to explain"
            )
        return _verify_against(against, (reference, *frames), policy, as_json, (engine, threads, model))
    if probe is None:
        raise click.MissingParameter(param_hint="'PROBE'", param_type="argument")
    paths = (reference, probe, *frames)
    if paths.count("-") > 1:
        raise click.UsageError("only one of the photos can come from standard input")
    if explain is not None:
        _refuse_target(explain, paths)
    reading: str | None = "reference"
    try:
        first = read_photo(reference)
        reading = "probe"
        probes = [read_photo(path) for path in paths[1:]]
        reading = None
        with make_verifier(engine, threads, model) as verifier:
            decision = verifier.verify(reference=first, probe=probes, policy=policy)
            if explain is not None:
                from visavis.cli.explain import draw

                draw(explain, verifier, decision, {"reference": first, "probe": probes[decision.probe.frame]})
    except VisavisError as error:
        parameter, frame = getattr(error, "parameter", None), getattr(error, "frame", 0)
        if as_json:
            print_json({"outcome": None, "error": fault(error) | {"parameter": parameter or reading, "frame": frame}})
        elif parameter is not None:
            photo = reference if parameter == "reference" else paths[1 + frame]
            click.echo(f"{parameter} {printable(photo)}:", err=True)
        raise
    if as_json:
        print_json(decision.to_dict())
    else:
        tell(decision)
    return CODES[decision.outcome]


def _verify_against(
    against: Against, paths: tuple[str, ...], policy: str, as_json: bool, engine: tuple[Any, Any, Any]
) -> int:
    """The same against a claim or a credential. A fault is told with the photo it lies in, if it lies in one."""
    try:
        frames, codes = [read_photo(path) for path in paths], against.read()
        with make_models(*engine) as models:
            decision, besides = against.verify(models, codes, frames, policy)
    except VisavisError as error:
        if as_json:
            more = {"retry_after_s": getattr(error, "retry_after_s", None)}
            print_json({"outcome": None, "error": fault(error) | more})
        raise
    if as_json:
        print_json(decision.to_dict() | besides)
    else:
        tell(decision)
        tell_besides(besides)
    return CODES[decision.outcome]


def _refuse_target(explain: Path, photos: Iterable[str]) -> None:
    """The picture must not replace a photo."""
    if explain.suffix.lower() != ".png":
        raise click.UsageError(f"--explain must end in .png, not {explain.name!r}")
    if os.path.realpath(explain) in map(os.path.realpath, photos):
        raise click.UsageError(f"--explain would replace the photo {explain}; choose another name")


def tell(decision: "Decision") -> None:
    """Say a decision to people."""
    outcome = decision.outcome.value
    click.echo(click.style(outcome.replace("_", " "), fg=_COLOURS[outcome], bold=True))
    for name, photo in (("reference", decision.reference), ("probe", decision.probe)):
        for line in reasons_in_words(photo):
            click.echo(f"  {name}: {line}")
    comparison = decision.comparison
    if comparison is not None:
        if decision.probe.frames > 1:
            click.echo(f"  {decision.probe.frames} frames of the probe's capture, fused")
        click.echo(f"  score {comparison.score:.3f}; policy {decision.policy.name} asks for {decision.threshold:.3f}")
        extrapolated = ", extrapolated" if comparison.fmr.extrapolated else ""
        fewer = "fewer than " if comparison.fmr.value <= decision.calibration.fmr[-1] else ""
        click.echo(
            f"  of pairs of different people, {fewer}{one_in(comparison.fmr.value)} scores this high "
            f"(95 % interval {one_in(comparison.fmr.lower)} to {one_in(comparison.fmr.upper)}{extrapolated})"
        )
        click.echo(printable(f"  measured on {decision.calibration.dataset}, {decision.calibration.date}"))
    if decision.extrapolated:
        click.echo(f"  policy {decision.policy.name} rests on extrapolation: the data show no rate that low")
    if decision.liveness is None:
        click.echo("  liveness was not checked: a photo of a photo would score the same")
    else:
        passed = decision.liveness.status.value == "passed"
        click.echo(f"  {liveness_in_words(decision.liveness)}{'' if passed else '; nothing was compared'}")


def tell_besides(besides: Mapping[str, Any]) -> None:
    """Say to people what is known besides, of a claim or a credential."""
    if besides.get("subject"):
        click.echo(f"  the claim is that of {besides['subject']}")
    if besides.get("credential"):
        click.echo(printable(f"  credential {besides['credential']} of {besides['issuer']}"))


def reasons_in_words(photo: "PhotoReport") -> list[str]:
    """Why a photo was not compared, and what to do."""
    return [reason_in_words(reason) for reason in photo.reasons]
