"""`visavis demo`: ten synthetic people, each one's portrait against everyone's casual photo."""

import base64
import html
import io
from importlib import metadata
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import click

from visavis.cli.common import engine_options, json_option, make_verifier, one_in, policy_option, print_json, write_file
from visavis.errors import ExtraMissing, VisavisError

if TYPE_CHECKING:
    from visavis.decision import Decision
    from visavis.face import Face

_REFERENCE, _PROBE = "studio_portrait", "amateur_selfie"
_THUMB_PX = 150


@click.command()
@click.option(
    "--out",
    default="visavis-demo",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the page with pictures.",
)
@policy_option
@json_option
@engine_options
def demo(out: Path, policy: str, as_json: bool, engine: str | None, threads: int | None, model: Path | None) -> int:
    """Verify ten synthetic people: studio portraits against casual photos, every pair.

    Prints a table and writes an HTML page with pictures. Needs `pip install 'visavis[demo]'`. Exit code 3 when a mated
    pair does not match.
    """
    folder = _people()
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())

    def read(key: tuple[str, str]) -> bytes:
        return (folder / key[0] / "assets" / f"{key[1]}.jpg").read_bytes()

    pairs = [((first, _REFERENCE), (second, _PROBE)) for first in names for second in names]
    with make_verifier(engine, threads, model) as verifier:
        decisions = {}
        for (first, second), result in zip(pairs, verifier.verify_pairs(pairs, read, policy=policy), strict=True):
            if isinstance(result, VisavisError):
                raise result
            decisions[first[0], second[0]] = result
    mated = [decisions[name, name] for name in names]
    passed = sum(decision.outcome == "match" for decision in mated)
    alike = [pair for pair, decision in decisions.items() if pair[0] != pair[1] and decision.outcome == "match"]
    thumbs = {}
    for name, decision in zip(names, mated, strict=True):
        thumbs[name, _REFERENCE] = _thumb(read((name, _REFERENCE)), decision.reference.face)
        thumbs[name, _PROBE] = _thumb(read((name, _PROBE)), decision.probe.face)
    in_words = _alike_in_words(alike, len(decisions) - len(mated), policy)
    page = out / "index.html"
    write_file(page, _page(names, decisions, thumbs, policy, in_words).encode())
    if as_json:
        print_json({
            "policy": policy,
            "page": str(page),
            "mated": {"pairs": len(mated), "matches": passed},
            "non_mated": {"pairs": len(decisions) - len(mated), "matches": len(alike), "which": alike},
            "scores": {f"{a}-{b}": _score(decision) for (a, b), decision in decisions.items()},
        })  # fmt: skip
    else:
        _tell(names, decisions, policy)
        click.echo(f"{passed} of {len(mated)} mated pairs match.")
        click.echo(in_words)
        click.echo(f"Pictures: {page}")
    return 0 if passed == len(mated) else 3


def _people() -> Path:
    try:
        return Path(str(metadata.distribution("openpeople").locate_file("openpeople/data/curated")))
    except metadata.PackageNotFoundError:
        raise ExtraMissing("the demo needs its synthetic people; `pip install 'visavis[demo]'`") from None


def _score(decision: "Decision") -> float | None:
    return None if decision.comparison is None else round(decision.comparison.score, 4)


def _alike_in_words(alike: list[tuple[str, str]], total: int, policy: str) -> str:
    if not alike:
        return f"None of the {total} non-mated pairs matches."
    which = ", ".join(f"{first} with {second}'s photo" for first, second in alike)
    return (
        f"{len(alike)} of the {total} non-mated pairs match at {policy} ({which}). These generated people look alike. An FMR of "
        f"{policy} is an average over many pairs of strangers: for most pairs the chance is far lower, and for look-alikes, "
        "relatives and twins it is far higher. Ten people from one generator are no measure of it; the calibration is."
    )


def _tell(names: list[str], decisions: dict[tuple[str, str], "Decision"], policy: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"Comparison scores, policy {policy}: portraits (rows) against casual photos (columns)")
    table.add_column("")
    for name in names:
        table.add_column(name, justify="right")
    styles = {"match": "bold green", "no_match": "dim", "inconclusive": "yellow"}
    for first in names:
        cells = []
        for second in names:
            decision = decisions[first, second]
            style = "bold red" if decision.outcome == "match" and first != second else styles[decision.outcome]
            score = _score(decision)
            cells.append(f"[{style}]{'–' if score is None else f'{score:.2f}'}[/{style}]")
        table.add_row(first, *cells)
    Console().print(table)


def _thumb(data: bytes, face: "Face | None") -> str:
    """A small JPEG of the photo, with the face's box where one dominates, as a data address."""
    from PIL import Image, ImageDraw

    from visavis.image import Photo

    photo = Photo(data)
    picture = Image.fromarray(photo.decode(2 * _THUMB_PX).pixels)
    if face is not None:
        scale = picture.width / photo.size_px[0]
        x, y, width, height = (value * scale for value in face.box_px)
        ImageDraw.Draw(picture).rectangle(
            (x, y, x + width, y + height), outline="#2da44e", width=max(2, picture.width // 90)
        )
    picture.thumbnail((_THUMB_PX, _THUMB_PX))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"


def _page(
    names: list[str],
    decisions: dict[tuple[str, str], "Decision"],
    thumbs: dict[tuple[str, str], str],
    policy: str,
    alike: str,
) -> str:
    def picture(name: str, kind: str) -> str:
        return f'<img src="{thumbs[name, kind]}" alt="{name}, {kind.replace("_", " ")}">'

    def cell(first: str, second: str) -> str:
        decision = decisions[first, second]
        kind = "mated" if first == second else "non-mated"
        score = _score(decision)
        text = "–" if score is None else f"{score:.2f}"
        return f'<td class="{decision.outcome} {kind}" title="{first} and {second}: {decision.outcome}">{text}</td>'

    head = "".join(f"<th>{picture(name, _PROBE)}<br>{name}</th>" for name in names)
    rows = "".join(
        f"<tr><th>{picture(first, _REFERENCE)}<br>{first}</th>{''.join(cell(first, second) for second in names)}</tr>"
        for first in names
    )
    some = decisions[names[0], names[0]]
    return _PAGE.substitute(
        head=head,
        rows=rows,
        policy=html.escape(policy),
        rate=one_in(some.policy.fmr_target),
        threshold=f"{some.threshold:.3f}",
        dataset=html.escape(some.calibration.dataset),
        date=html.escape(some.calibration.date),
        alike=html.escape(alike),
    )


_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>visavis demo</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem; color: #1f2328; }
  .scroll { overflow-x: auto; }
  table { border-collapse: collapse; }
  th { font-weight: 500; font-size: 13px; padding: 4px; text-align: center; }
  th img { height: 84px; max-width: 96px; object-fit: cover; border-radius: 4px; }
  td { text-align: center; min-width: 4rem; font-variant-numeric: tabular-nums; border: 1px solid #d1d9e0; }
  .match.mated { background: #1a7f37; color: white; font-weight: 600; }
  .match.non-mated { background: #cf222e; color: white; font-weight: 600; }
  .no_match.mated { background: #fff1e5; outline: 2px solid #bc4c00; }
  .no_match.non-mated { color: #59636e; }
  .inconclusive { background: #fff8c5; }
  p { max-width: 50rem; }
</style>
<h1>visavis: is this the person they claim to be?</h1>
<p>Ten synthetic people. Each row is a studio portrait, each column a casual photo; a cell is one verification, and its number
the comparison score. Under policy $policy a pair matches from $threshold on, the score that $rate
pairs of strangers reaches; measured on $dataset, $date.</p>
<p><b>Green</b>: the same person, match. <b>Red</b>: two people, match. $alike</p>
<div class="scroll"><table><tr><th></th>$head</tr>$rows</table></div>
<p>Liveness was not checked here: these are photos. A synthetic person is nobody; how often visavis is wrong on real
people is in the documentation, with intervals.</p>
</html>
""")
