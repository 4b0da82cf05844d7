"""`visavis models`: what the models are, and where each file was found."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from visavis.cli.common import json_option, print_json, printable, settings
from visavis.errors import ModelError

if TYPE_CHECKING:
    from visavis.weights import PadContract


@click.command()
@json_option
@click.option("--fetch", is_flag=True, help="Download missing files from upstream into the user's cache.")
def models(as_json: bool, fetch: bool) -> int:
    """The models: purpose, licence, provenance, training data, and where each file was found.

    Exit code 3 when a file is missing or is not the published one.
    """
    from visavis.document.page.networks import FINDER, READER
    from visavis.weights import ModelCard, Places, Purpose, locate, read, read_manifest, shipped_cards
    from visavis.weights import fetch as fetch_upstream

    chosen = settings(None, None, None)
    places = Places(folder=chosen.models, cache=chosen.cache)
    brought: tuple[tuple[Path | None, Purpose], ...] = (
        (chosen.model, "face_embedding"),
        (chosen.pad_model, "presentation_attack_detection"),
    )
    cards = [*shipped_cards(), FINDER, READER, *(read_manifest(path, purpose) for path, purpose in brought if path)]

    def status(card: ModelCard) -> dict[str, Any]:
        try:
            try:
                found = locate(card, places)
            except ModelError:
                if not fetch:
                    raise
                found = fetch_upstream(card, places)
            read(card, places)
        except ModelError as error:
            return {"status": error.code, "detail": str(error)}
        return {"status": "ok", "origin": found.origin, "path": str(found.path)}

    rows = [(card, status(card)) for card in cards]
    if as_json:
        print_json([_plain(card) | state for card, state in rows])
    else:
        for card, state in rows:
            _tell(card, state)
    return 0 if all(state["status"] == "ok" for _, state in rows) else 3


def _plain(card: Any) -> dict[str, Any]:
    values = asdict(card)
    values["calibrated"] = values.pop("calibration") is not None
    values["folder"] = None if card.folder is None else str(card.folder)
    return values


def _tell(card: Any, state: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        show_header=False, box=None, padding=(0, 2, 0, 0), title=card.id, title_justify="left", title_style="bold"
    )
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    good = state["status"] == "ok"
    for name, value in (
        ("purpose", card.purpose.replace("_", " ")),
        (
            "found",
            _plain_text(f"{state['origin']}: {state['path']}")
            if good
            else f"[red]{_plain_text(state['detail'])}[/red]",
        ),
        ("file", _plain_text(card.file)),
        ("SHA-256", card.sha256 + (" (checked)" if good else "")),
        ("licence", _plain_text(card.licence)),
        ("provenance", _plain_text(card.provenance)),
        ("training data", _plain_text(card.training_data)),
        ("input", f"{card.input.size_px[1]} × {card.input.size_px[0]} px, {card.input.colour}"),
        *(() if card.pad is None else _pad_rows(card.pad)),
    ):
        table.add_row(name, value)
    console = Console()
    console.print(table)
    console.print()


def _pad_rows(pad: "PadContract") -> tuple[tuple[str, str], ...]:
    measure = "the face's box" if pad.crop.of == "box" else "the distance of the eyes"
    how = " and upright" if pad.crop.upright else ", kept inside the frame" if pad.crop.keep_inside else ""
    return (
        ("crop", f"{pad.crop.times:g} times {measure}{how}"),
        ("threshold", f"{pad.threshold:g}, set on {_plain_text(pad.dataset)}, {_plain_text(pad.date)}"),
        ("APCER", _plain_text(pad.apcer)),
        ("BPCER", _plain_text(pad.bpcer)),
    )


def _plain_text(text: str) -> str:
    """Text from a manifest or a path, as it stands."""
    from rich.markup import escape

    return escape(printable(text))
