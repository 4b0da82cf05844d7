"""A live capture in the shell: options that say where its frames come from, and what is said to the person before the camera."""

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import click

from visavis.cli.common import FILE, make_passive

if TYPE_CHECKING:
    from visavis.pad import PadResult
    from visavis.session import Guided, LiveCapture, LiveResult
    from visavis.verifier import Verifier

Command = TypeVar("Command", bound=Callable[..., Any])

STEPS = {"left": "turn_left", "right": "turn_right", "nod": "nod"}
"""What is done in a film, as it is written, and its code."""
GUIDANCE = {
    "no_face": "No face can be seen: show your face, close and well lit",
    "several_faces": "Several people can be seen: only you should be in the picture",
    "move_closer": "Move closer",
    "move_back": "Move back a little",
    "centre_face": "Move to the middle of the picture",
    "too_dark": "It is too dark: find more light",
    "too_bright": "It is too bright: turn away from the light",
    "hold_still": "Hold still",
    "face_camera": "Look straight at the camera",
    "slower": "More slowly, please",
    "turn_left": "Turn your head slowly to your left, and back",
    "turn_right": "Turn your head slowly to your right, and back",
    "nod": "Nod slowly",
    "done": "Done, thank you",
}
LIVENESS = {
    "flat": "the nose does not stand out of the face, as on a print or a screen",
    "bent": "the face stands out as a print does that is bent or folded",
    "sides_disagree": "turned one way the face has another shape than turned the other way",
    "wrong_turn": "the head was turned another way than was asked for",
    "not_turned": "the head was not turned far enough; try again, and turn it farther",
    "not_followed": "the face could not be followed; try again with more light, nearer, and more slowly",
    "not_positioned": "no still pictures of one face that looks at the camera came in time; try again",
    "interrupted": "the face was out of sight or not alone, or no more pictures came, before the capture was over",
    "person_changed": "the pictures are not all of one person",
    "artefact": "a model that looks at single pictures takes one for a print, a screen or a mask",
}


@dataclass(frozen=True, slots=True)
class Filming:
    """Where frames come from: the camera of this number, or a film and what is done in it."""

    camera: int = 0
    video: Path | None = None
    steps: tuple[str, ...] = ()

    @property
    def source(self) -> Literal["camera", "video"]:
        """What it is, for machines."""
        return "camera" if self.video is None else "video"

    def tell_reservation(self) -> None:
        """Say to people what a result is not."""
        if self.video is not None:
            click.echo("  from a film: it proves nobody's presence")

    def check(self) -> None:
        """Raises InputInvalid where there is no such file. A camera is not touched."""
        if self.video is not None:
            from visavis.cli.frames import check_film

            check_film(self.video)

    def frames(self) -> Generator[tuple[bytes, float]]:
        """JPEG files, each with its time in seconds. Raises CameraUnusable or InputInvalid, from the first one on."""
        from visavis.cli.frames import camera, film

        return camera(self.camera) if self.video is None else film(self.video)

    def prepared(self, verifier: "Verifier") -> "LiveCapture":
        """A capture that has not begun: with the steps of the film, or drawn ones, and the model that is configured to look at
        single frames besides. Raises a ModelError or ManifestInvalid for that."""
        from visavis.pad import Step, draw_steps
        from visavis.session import LiveCapture, Models

        done = [Step(each) for each in self.steps]
        steps = draw_steps if self.video is None else lambda: done
        return LiveCapture(verifier, steps=steps, passive=make_passive(Models(verifier), None))

    def capture(self, prepared: "LiveCapture", *, as_json: bool) -> "LiveResult":
        """Carry a capture out. as_json: say guidance to a program. Raises what `frames` does."""
        with closing(self.frames()) as frames, closing(prepared), _guiding(as_json) as say:
            for frame, at_s in frames:
                say(prepared.see(frame, at_s))
                if prepared.result is not None:
                    break
            prepared.end()
        assert prepared.result is not None  # noqa: S101 - it has ended
        return prepared.result


def filming_options(command: Command) -> Command:
    """--camera, --video and --steps, handed to the command as one `Filming`; None where none is given."""

    @wraps(command)
    def packed(*arguments: Any, **options: Any) -> Any:
        camera, video, steps = (options.pop(name) for name in ("camera", "video", "steps"))
        return command(*arguments, filming=_filming(camera, video, steps), **options)

    for option in (
        click.option(
            "--steps",
            metavar="left,right,nod",
            help="What is done in the film, in its order; left and right are the person's own. With --video alone.",
        ),
        click.option("--video", type=FILE, metavar="FILE", help="A film instead of a camera, for tests."),
        click.option(
            "--camera", type=click.IntRange(0, 999), metavar="N", help="Number of the camera; 0 is the first."
        ),
    ):
        packed = option(packed)
    return cast("Command", packed)


def _filming(camera: int | None, video: Path | None, steps: str | None) -> Filming | None:
    if video is None:
        if steps is not None:
            raise click.UsageError(
                "--steps tells what is done in a film, with --video; for a camera steps are drawn anew"
            )
        return None if camera is None else Filming(camera)
    if camera is not None:
        raise click.UsageError("give --camera or --video, not both")
    if steps is None:
        raise click.UsageError("--video needs --steps: the film is made already, so say what is done in it")
    named = [name.strip() for name in steps.split(",")]
    unknown = next((name for name in named if name not in STEPS), None)
    if unknown is not None:
        raise click.UsageError(
            f"--steps: expected {', '.join(STEPS)}, in any order and parted by commas, not {unknown!r}"
        )
    if not {"left", "right"} <= set(named):
        raise click.UsageError("--steps: the head must be turned to either side at least once: left and right")
    return Filming(video=video, steps=tuple(STEPS[name] for name in named))


def liveness_in_words(liveness: "PadResult") -> str:
    """What came of a live capture."""
    status = liveness.status.value
    if status == "passed":
        return "liveness passed: a head was turned as was asked for"
    words = {"failed": "liveness failed", "inconclusive": "liveness could not be told"}[status]
    return f"{words}: {'; '.join(LIVENESS[reason] for reason in liveness.reasons)}"


@contextmanager
def _guiding(as_json: bool) -> Iterator[Callable[["Guided"], None]]:
    """Gives what says guidance, on standard error: in one line where somebody looks on, else whenever it changes."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    said: list[object] = [None]
    console = Console(stderr=True)
    if as_json or not console.is_terminal:

        def line(guided: "Guided") -> None:
            code, progress = guided.code.value, round(guided.progress, 3)
            told: object = {"code": code, "progress": progress} if as_json else GUIDANCE[code]
            if told != said[0]:
                said[0] = told
                click.echo(json.dumps(told) if as_json else told, err=True)

        yield line
        return
    with Progress(BarColumn(12), TextColumn("{task.description}"), console=console) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda guided: bar.update(task, completed=guided.progress, description=GUIDANCE[guided.code.value])
