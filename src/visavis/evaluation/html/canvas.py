"""From matplotlib to inline SVG: text stays text, and every colour is one of the page's own, so that a plot turns dark with it.

The same values give the same bytes. Identifiers begin with the plot's name, so that many plots can share one page.
"""

import io
import re
import warnings
from collections.abc import Callable, Sequence
from math import ceil, floor, log10
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visavis.errors import ExtraMissing
from visavis.evaluation.html.markup import Html, tag, ten_to

Number = Callable[[float], str]

COLOURS = {
    "ink": "#0a0b01", "muted": "#0a0b02", "grid": "#0a0b03", "card": "#0a0b04", "blue": "#0a0b05", "orange": "#0a0b06",
    "green": "#0a0b07", "purple": "#0a0b08",
}  # fmt: skip
"""What matplotlib is told to paint with; each becomes the page's CSS variable of that name."""
INK, MUTED, GRID, CARD, BLUE, ORANGE = (COLOURS[name] for name in ("ink", "muted", "grid", "card", "blue", "orange"))

WIDTH = 352.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 14.0, 24.0, 36.0
"""In units of the SVG, which a phone shows as about one pixel each."""
SMALL = 8.5
BAND = 0.18
"""How opaque an interval is."""
DOTTED = (0, (1, 1.6))

_SETTINGS = {
    "svg.fonttype": "none", "text.parse_math": False, "font.size": 9.5, "text.color": INK, "axes.labelcolor": MUTED,
    "axes.edgecolor": MUTED, "xtick.color": MUTED, "ytick.color": MUTED, "axes.facecolor": "none",
    "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False, "ytick.major.size": 0,
    "ytick.minor.size": 0, "xtick.major.size": 3, "xtick.minor.size": 0, "axes.linewidth": 0.8, "hatch.linewidth": 0.6,
    "hatch.color": GRID, "lines.linewidth": 1.8, "lines.solid_capstyle": "butt", "axes.axisbelow": True,
    "legend.frameon": False, "legend.fontsize": 9, "legend.handlelength": 1.4,
}  # fmt: skip
_NORMAL = NormalDist()


def require_plots() -> None:
    """Raise ExtraMissing where plots cannot be drawn; for before work that takes an hour."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise ExtraMissing(
            "the report's plots need matplotlib; install it with `pip install 'visavis[plots]'`"
        ) from None


def svg(name: str, described: str, draw: Callable[[Any], None], height: float) -> Html:
    """What `draw` paints on a figure of the page's width and this height, in units of the SVG.

    described: its content for those who do not see it. Raises ExtraMissing without matplotlib.
    """
    require_plots()
    import matplotlib as mpl
    from matplotlib.figure import Figure

    out = io.StringIO()
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)  # the browser draws the text
        mpl.rcdefaults()
        settings: Any = _SETTINGS | {"svg.hashsalt": name}  # its keys are literals that differ between versions
        mpl.rcParams.update(settings)
        figure = Figure(figsize=(WIDTH / 72, height / 72), facecolor="none")
        draw(figure)
        figure.savefig(out, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return _inline(out.getvalue(), name, described, height)


def _inline(text: str, name: str, described: str, height: float) -> Html:
    """Without what only a file of its own needs: prolog, sizes, fonts, a style for everything, identifiers nobody refers to."""
    body = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(|xlink:href=")#([\w.-]+)', body))

    def one(found: re.Match[str]) -> str:
        told = re.sub(r' id="([^"]*)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", found[0])
        told = re.sub(r'(url\(|xlink:href=")#', rf"\g<1>#{name}-", told)
        told = re.sub(r"font-family: [^;\"]*(; )?", "", told)
        told = re.sub(r' transform="rotate\(-?0 [^"]*\)"', "", told)
        told = re.sub(r"\d+\.\d{3,}", lambda m: f"{float(m[0]):.2f}", told)
        for key, colour in COLOURS.items():
            told = told.replace(colour, f"var(--{key})")
        return re.sub(r"\s+", " ", told)

    body = re.sub(r"<[^>]*>", one, body)  # tags alone: within text, < and > are escaped
    body = re.sub(r">\s+<", "><", body).replace("<defs></defs>", "").strip()
    return tag(
        "svg",
        tag("title", described, id=f"{name}-title"),
        Html(body),
        viewBox=f"0 0 {WIDTH:g} {height:g}",
        role="img",
        aria_labelledby=f"{name}-title",
        class_="plot",
    )


def axes(
    figure: Any, across: str, up: str, top: float = TOP, height: float | None = None, *, left: float = LEFT
) -> Any:
    """Axes at that distance from the figure's top, as high as there is room; `up` stands above them, which saves width."""
    whole = figure.get_figheight() * 72
    tall = whole - top - BOTTOM if height is None else height
    box = (left / WIDTH, 1 - (top + tall) / whole, (WIDTH - left - RIGHT) / WIDTH, tall / whole)
    made = figure.add_axes(box)
    made.grid(color=GRID, lw=0.7)
    made.set_xlabel(across, labelpad=3)
    made.annotate(up, (0, 1), (6 - left, 8), xycoords="axes fraction", textcoords="offset points", color=MUTED)
    return made


def ticks(side: Any, values: Sequence[float], number: Number) -> None:
    """Ticks at these values, each told as `number` does, and no others."""
    side.set_ticks(list(values), [number(value) for value in values])
    side.set_ticks([], minor=True)


def even(low: float, high: float) -> list[float]:
    """Up to six round values between the two."""
    step = 10.0 ** floor(log10(max(high - low, 1e-12)))
    step = next(size for size in (step / 5, step / 2, step, 2 * step, 5 * step) if (high - low) / size <= 5.5)
    return [round(step * n, 12) for n in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def decades(side: Any, low: float, high: float, number: Number) -> None:
    """Ticks of a logarithmic axis: powers of ten, every other one where there are many, more where there are few."""
    exponents = range(ceil(log10(low) - 1e-9), floor(log10(high) + 1e-9) + 1)
    values = [10.0**n for n in (exponents[:: 2 if len(exponents) > 8 else 1])]
    if len(exponents) < 3:
        near = (m * 10.0**n for n in range(exponents.start - 1, exponents.stop) for m in (1, 2, 5))
        values = [round(value, 12) for value in near if low <= value <= high]
    ticks(side, values, number)


def points(value: float) -> str:
    """0.01 is '1 %', and 0 is '0', where an axis starts."""
    return f"{100 * value:.10g}\u00a0%" if value else "0"


def powers(value: float) -> str:
    """0.001 is '10⁻³', 0.002 is '2×10⁻³'."""
    exponent = floor(log10(value) + 1e-9)
    leading = round(value / 10**exponent)
    return ten_to(exponent) if leading == 1 else f"{leading}×{ten_to(exponent)}"


def normal(side: Any, low: float, high: float, number: Number) -> None:
    """An axis of normal deviates between two rates, with round rates as its ticks: as many as have room."""
    side.axes.set(**{f"{side.axis_name}lim": (deviate(low), deviate(high))})
    room = (deviate(high) - deviate(low)) * (0.1 if side.axis_name == "x" else 0.055)
    chosen: list[float] = []
    for value in (*(10.0**n for n in range(-1, -8, -1)), 0.5, 0.9, 0.05, 0.2, 0.02, 0.005, 0.002, 0.3, 0.7, 0.99):
        if low <= value <= high and all(abs(deviate(value) - deviate(other)) >= room for other in chosen):
            chosen.append(value)
    ticks(side, [deviate(value) for value in sorted(chosen)], lambda place: number(_round(_NORMAL.cdf(place))))


def _round(value: float) -> float:
    return float(f"{value:.3g}")


def deviate(value: float) -> float:
    """The normal deviate of a rate, which is cut to where it is finite."""
    return _NORMAL.inv_cdf(min(max(value, 1e-12), 1 - 1e-12))


def deviates(values: ArrayLike) -> NDArray[np.float64]:
    """The same for many."""
    return np.array([deviate(float(value)) for value in np.asarray(values)])
