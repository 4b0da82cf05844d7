"""What several commands share: engine options, reading photos, writing results."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from visavis.errors import ImageTooLarge, InputInvalid, ManifestInvalid, OutputUnwritable, VisavisError

if TYPE_CHECKING:
    from visavis.pad import PassiveNetwork
    from visavis.session import Models
    from visavis.settings import Settings
    from visavis.verifier import Verifier
    from visavis.weights import EngineName, ModelCard

Command = TypeVar("Command", bound=Callable[..., Any])

ENGINES = ("openvino", "onnxruntime", "cuda")
POLICIES = ("1e-3", "1e-4", "1e-5", "1e-6", "document-1e-3", "document-1e-4", "document-1e-5")


def engine_options(command: Command) -> Command:
    """--engine, --threads, --model."""
    for option in (
        click.option(
            "--model",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Manifest (TOML) of another embedding model. [env VISAVIS_MODEL]",
        ),
        click.option(
            "--threads", type=click.IntRange(1, 256), help="Photos worked on at a time. [env VISAVIS_THREADS]"
        ),
        click.option("--engine", type=click.Choice(ENGINES), help="What runs the models. [env VISAVIS_ENGINE]"),
    ):
        command = option(command)
    return command


def policy_option(command: Command) -> Command:
    """--policy."""
    return click.option(
        "--policy",
        type=click.Choice(POLICIES),
        default="1e-4",
        show_default=True,
        help="Share of strangers that may match; `document-` where REFERENCE is a photo of a document. 1e-6 is extrapolated.",
    )(command)


_REASONS = {
    "no_face": "no face was found: take a photo of one person, facing the camera, with the face well lit",
    "several_faces": "several faces are comparably large: take a photo of the one person alone, or crop it to them",
    "face_too_small": "the face is too small: go nearer, or send the photo in its full size",
    "frames_disagree": "two of the frames are too unlike each other: send frames of one person, from one capture",
}

FILE = click.Path(dir_okay=False, path_type=Path)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


def settings(engine: str | None, threads: int | None, model: Path | None) -> "Settings":
    """The environment's settings, overruled by the options that were given."""
    from visavis.settings import Settings

    base = Settings.read()
    return replace(
        base,
        engine=cast("EngineName", engine) if engine else base.engine,
        threads=threads or base.threads,
        model=model or base.model,
    )


def make_verifier(engine: str | None, threads: int | None, model: Path | None) -> "Verifier":
    """A verifier as configured."""
    return _verifier(settings(engine, threads, model))


@contextmanager
def make_models(engine: str | None, threads: int | None, model: Path | None, *, in_hand: int = 3) -> Iterator["Models"]:
    """The same with the models that references may have been made with earlier. in_hand: see `Verifier`."""
    from visavis.session import Models

    current = settings(engine, threads, model)
    older = (replace(current, model=each, calibration=None) for each in current.older_models)
    with ExitStack() as closing:
        first, *others = [closing.enter_context(_verifier(each, in_hand)) for each in (current, *older)]
        yield Models(first, others)


def make_passive(models: "Models", manifest: Path | None) -> "PassiveNetwork | None":
    """The model that looks at single frames of live captures, ready to: as named, or as configured; None where neither is."""
    from visavis.pad import PassiveNetwork
    from visavis.settings import Settings
    from visavis.weights import read_manifest

    manifest = manifest or Settings.read().pad_model
    if manifest is None:
        return None
    passive = PassiveNetwork(models.current.store, read_manifest(manifest, "presentation_attack_detection"))
    passive.load()  # what is wrong with it is told now
    return passive


def _verifier(chosen: "Settings", in_hand: int = 3) -> "Verifier":
    from visavis.verifier import Verifier
    from visavis.weights import Places

    return Verifier(
        engine=chosen.engine,
        threads=chosen.threads,
        model=model_card(chosen),
        places=Places(folder=chosen.models, cache=chosen.cache),
        cache_folder=chosen.cache,
        in_hand=in_hand,
    )


def model_card(chosen: "Settings") -> "ModelCard":
    """The embedding model's card, with the calibration table that is in force: as set, as installed, or the card's own."""
    from visavis.settings import user_calibration
    from visavis.verifier import EMBEDDER
    from visavis.weights import Calibration, read_manifest, shipped_card

    card = read_manifest(chosen.model) if chosen.model else shipped_card(EMBEDDER)
    table, instead = chosen.calibration, "unset VISAVIS_CALIBRATION"
    if table is None:
        installed = user_calibration(card.sha256)
        if installed is None or not installed.is_file():
            return card
        table, instead = installed, "remove that file"
    text = read_text(table)
    try:
        Calibration.parse(text, model_sha256=card.sha256)
    except ManifestInvalid as error:
        advice = f"make a table for this model with `visavis evaluate` and `visavis calibrate`, or {instead}"
        raise ManifestInvalid(f"{table}: {error}; {advice}") from error
    return replace(card, calibration=text)


def read_photo(path: str | Path) -> bytes:
    """The bytes of a file that the user named; `-` is standard input.

    Raises InputInvalid when it cannot be read, ImageTooLarge before a file of absurd size is read.
    """
    from visavis.image import DEFAULT_LIMITS

    limit = DEFAULT_LIMITS.max_bytes
    try:
        with click.open_file(str(path), "rb") as file:
            data: bytes = file.read(limit + 1)
    except (OSError, ValueError, RuntimeError) as error:  # also a NUL in the name, and standard input that is closed
        raise InputInvalid(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > limit:
        raise ImageTooLarge(f"{path}: more than {limit:,} bytes; expected a photo")
    return data


@contextmanager
def in_file(path: str) -> Iterator[None]:
    """A fault in the block is told with the file's name; see `fault`."""
    try:
        yield
    except VisavisError as error:
        name = Path(path).name
        if not str(error).startswith((f"{path}:", f"{path} ")):
            error.args = (f"{name}: {error}",)
        vars(error)["parameter"] = name
        raise


def fault(error: VisavisError) -> dict[str, Any]:
    """A fault as plain values for JSON. parameter: the file, or the argument, in which it lies; None where it lies in none."""
    return {"code": error.code, "message": str(error), "parameter": getattr(error, "parameter", None)}


def read_text(path: Path) -> str:
    """A text file that the user named. Raises InputInvalid when it cannot be read or is not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputInvalid(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputInvalid(f"{path} is no text in UTF-8: {error}") from error


def write_file(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write a result, in one piece or in parts, whole or not at all. Raises OutputUnwritable."""
    from visavis.weights import write_atomically

    try:
        write_atomically(path, data)
    except OSError as error:
        raise OutputUnwritable(f"{path}: {error.strerror or error}") from error


def printable(text: str) -> str:
    """Text from files, safe to show: what could steer a terminal is written as its escape sequence."""
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, indent=2))  # ASCII, so that no name and no encoding of the terminal can break it


def one_in(rate: float) -> str:
    """A rate in words: 0.000043 is '1 in 23,000'."""
    if rate >= 0.1:
        return f"{rate:.0%}"
    digits = f"{1 / rate:.1e}"
    return f"1 in {float(digits):,.0f}"


def reason_in_words(reason: str) -> str:
    """Why a photo was not compared, and what to do."""
    return _REASONS[reason]
