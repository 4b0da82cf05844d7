"""`visavis verify REFERENCE PROBE`."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from visavis.cli.common import (
    engine_options,
    json_option,
    make_verifier,
    one_in,
    policy_option,
    print_json,
    printable,
    read_photo,
)
from visavis.errors import VisavisError

if TYPE_CHECKING:
    from visavis.decision import Decision, PhotoReport

_CODES = {"match": 0, "no_match": 1, "inconclusive": 2}
_COLOURS = {"match": "green", "no_match": "red", "inconclusive": "yellow"}
_REASONS = {
    "no_face": "no face was found: take a photo of one person, facing the camera, with the face well lit",
    "several_faces": "several faces are comparably large: take a photo of the one person alone, or crop it to them",
    "face_too_small": "the face is too small: go nearer, or send the photo in its full size",
    "frames_disagree": "two of the frames are too unlike each other: send frames of one person, from one capture",
}


@click.command()
@click.argument("reference")
@click.argument("probe")
@click.option(
    "--frame",
    "frames",
    multiple=True,
    metavar="FILE",
    help="A further frame of the capture that PROBE is from; up to nine may be given. They are fused into one probe.",
)
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
    reference: str,
    probe: str,
    frames: tuple[str, ...],
    policy: str,
    as_json: bool,
    explain: Path | None,
    engine: str | None,
    threads: int | None,
    model: Path | None,
) -> int:
    """Is the person in the photo PROBE the one in the photo REFERENCE?

    Both are files; `-` is standard input. Exit code: 0 match, 1 no match, 2 inconclusive, 3 fault or wrong use.
    """
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
            fault = {"code": error.code, "message": str(error), "parameter": parameter or reading, "frame": frame}
            print_json({"outcome": None, "error": fault})
        elif parameter is not None:
            photo = reference if parameter == "reference" else paths[1 + frame]
            click.echo(f"{parameter} {printable(photo)}:", err=True)
        raise
    if as_json:
        print_json(decision.to_dict())
    else:
        _tell(decision)
    return _CODES[decision.outcome]


def _refuse_target(explain: Path, photos: Iterable[str]) -> None:
    """The picture must not replace a photo."""
    if explain.suffix.lower() != ".png":
        raise click.UsageError(f"--explain must end in .png, not {explain.name!r}")
    if os.path.realpath(explain) in map(os.path.realpath, photos):
        raise click.UsageError(f"--explain would replace the photo {explain}; choose another name")


def _tell(decision: "Decision") -> None:
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
    click.echo("  liveness was not checked: a photo of a photo would score the same")


def reasons_in_words(photo: "PhotoReport") -> list[str]:
    """Why a photo was not compared, and what to do."""
    return [_REASONS[reason.value] for reason in photo.reasons]
