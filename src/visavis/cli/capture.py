"""`visavis capture [REFERENCE]`: a live capture, and the person in it against a photo, a claim or a credential. In this order:

(1) What the person is compared with is read, and the models are loaded: nobody is filmed for an answer that cannot come.
(2) What will be done with the pictures is said, and the camera is opened.
(3) The person is guided until it is told whether a head turned before the camera.
(4) The chosen pictures are compared. Where the capture did not pass, nothing is opened and nothing compared.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
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
    policy_option,
    print_json,
    printable,
    read_photo,
)
from visavis.cli.live import Filming, filming_options, liveness_in_words
from visavis.cli.verify import CODES, tell, tell_besides
from visavis.errors import ImageError, VisavisError

if TYPE_CHECKING:
    from visavis.decision import Decision
    from visavis.pad import PadResult
    from visavis.verifier import Verifier

    Compare = Callable[[Sequence[bytes]], tuple[Decision, dict[str, Any]]]

_LIVENESS_CODES = {"passed": 0, "failed": 1, "inconclusive": 2}
_LIVENESS_COLOURS = {"passed": "green", "failed": "red", "inconclusive": "yellow"}


@click.command()
@click.argument("reference", required=False)
@filming_options
@against_options
@policy_option
@json_option
@engine_options
def capture(
    reference: str | None,
    filming: Filming | None,
    against: Against | None,
    policy: str,
    as_json: bool,
    engine: str | None,
    threads: int | None,
    model: Path | None,
) -> int:
    """Is a person before the camera, and the one in the photo REFERENCE?

    They are asked to turn their head, as --camera sees it, by default camera 0. With --claim or --credential there is no
    REFERENCE; with neither of the three nothing is compared, and whether the capture passed is told alone. No picture is kept.
    Exit code: 0 match, or passed; 1 no match, or the capture failed; 2 inconclusive; 3 fault or wrong use.
    """
    filming = filming or Filming()
    if against is not None and reference is not None:
        raise click.UsageError("with a claim or a credential there is no photo of the reference")
    if against is not None and policy.startswith("document-"):
        raise click.UsageError("a document's policy is for a REFERENCE that is a photo of a document")
    if reference is None and against is None:
        given = click.get_current_context().get_parameter_source("policy")
        if given is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError("--policy says something only where the person is compared; nothing would be")
    try:
        filming.check()
        with _comparing(reference, against, policy, (engine, threads, model)) as (verifier, compare, hopeless):  # (1)
            if hopeless is not None:
                return _answer(hopeless, {}, filming, as_json)
            prepared = filming.prepared(verifier)
            notice = _notice(filming, reference, against)
            click.echo(json.dumps({"notice": notice}) if as_json else printable(notice), err=True)  # (2)
            live = filming.capture(prepared, as_json=as_json)  # (3)
            if compare is None:
                return _tell_liveness(live.pad, filming, as_json)
            if live.pad.status.value != "passed":
                return _answer(verifier.not_compared(policy, live.pad), {}, filming, as_json)
            decision, besides = compare(live.frames)  # (4)
            return _answer(replace(decision, liveness=live.pad), besides, filming, as_json)
    except VisavisError as error:
        if as_json:
            more = {"retry_after_s": getattr(error, "retry_after_s", None)}
            print_json({"outcome": None, "source": filming.source, "error": fault(error) | more})
        raise


@contextmanager
def _comparing(
    reference: str | None, against: Against | None, policy: str, engine: tuple[Any, Any, Any]
) -> Iterator[tuple["Verifier", "Compare | None", "Decision | None"]]:
    """What looks at frames; what compares them, None where nothing is compared; and the decision on a REFERENCE that cannot be.

    Raises what is known to be wrong by now.
    """
    if against is not None:
        codes = against.read()
        with make_models(*engine) as models:
            models.current.policy_for(policy)
            yield models.current, lambda frames: against.verify(models, codes, frames, policy), None
        return
    photo = None if reference is None else read_photo(reference)
    with make_verifier(*engine) as verifier:
        if photo is None:
            yield verifier, None, None
            return
        hopeless = _hopeless(verifier, photo, policy)
        yield verifier, lambda frames: (verifier.verify(reference=photo, probe=frames, policy=policy), {}), hopeless


def _hopeless(verifier: "Verifier", photo: bytes, policy: str) -> "Decision | None":
    """The decision on a REFERENCE with which nobody can be compared."""
    from visavis.decision import PhotoReport, acquisition_reasons
    from visavis.verifier import Acquisition

    try:
        found = verifier.acquire(photo)
    except ImageError as error:
        error.parameter = "reference"
        raise
    if not acquisition_reasons(found.report, verifier.policy_for(policy)):
        return None
    return verifier.compare(reference=found, probe=Acquisition(PhotoReport((), (0, 0)), None, 0.0), policy=policy)


def _notice(filming: Filming, reference: str | None, against: Against | None) -> str:
    """What the person is told before the camera opens."""
    told = "It is looked at, picture by picture, whether a head turns "
    told += "before the camera" if filming.video is None else "in the film"
    if reference is None and against is None:
        return f"{told}. Nothing is compared, and no picture is kept."
    if against is not None:
        other = "the credential" if against.claim is None else "the enrolled reference"
    else:
        other = "the photo on standard input" if reference == "-" else str(reference)
    return f"{told}; then the best pictures are compared with {other}. No picture is kept."


def _answer(decision: "Decision", besides: dict[str, Any], filming: Filming, as_json: bool) -> int:
    """Tell a decision, and give the exit code."""
    if as_json:
        print_json(decision.to_dict() | besides | {"source": filming.source})
    else:
        tell(decision)
        tell_besides(besides)
        filming.tell_reservation()
    failed = decision.liveness is not None and decision.liveness.status.value == "failed"
    return 1 if failed else CODES[decision.outcome]


def _tell_liveness(liveness: "PadResult", filming: Filming, as_json: bool) -> int:
    status = liveness.status.value
    if as_json:
        print_json({"liveness": liveness.to_dict(), "source": filming.source})
    else:
        click.echo(click.style(status, fg=_LIVENESS_COLOURS[status], bold=True))
        click.echo(f"  {liveness_in_words(liveness)}")
        filming.tell_reservation()
    return _LIVENESS_CODES[status]
