"""HTML by small functions: what is no markup already is escaped, every tag is closed, and rates are told the same everywhere."""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from math import floor, log10
from typing import Any

Rate = Mapping[str, Any]
Report = Mapping[str, Any]

_VOID = frozenset({"meta", "link", "br"})
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_NO_BREAK = "\u00a0"
_FEW = "†"
_FEW_SAID = (
    f"{_FEW} Under 30 errors were seen: the rule of 30 is not met, and a few photos more or less would change the figure much. "
    "Read the interval, not the figure."
)


class Html(str):
    """Text that is markup already. Every other string is escaped on its way into a page."""

    __slots__ = ()


def clean(text: object) -> str:
    """Text as it may be shown: what does not print, changes the direction of reading or is half a character is replaced."""
    return "".join(c if c.isprintable() or c == _NO_BREAK else "\N{REPLACEMENT CHARACTER}" for c in str(text))


def tag(name: str, /, *children: str, **attributes: str) -> Html:
    """An element. Trailing underscores of attributes fall away, other underscores are hyphens: `class_`, `aria_label`."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(clean(value))}"' for key, value in attributes.items()
    )
    if name in _VOID:
        return Html(f"<{name}{told}>")
    return Html(f"<{name}{told}>{joined(children)}</{name}>")


def joined(parts: Iterable[str], between: str = "") -> Html:
    """Parts one after another, each escaped unless it is markup."""
    return Html(
        between.join(part if isinstance(part, Html) else html.escape(clean(part), quote=False) for part in parts)
    )


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], *notes: str, words: Sequence[int] = ()
) -> Html:
    """A table in a box of its own that scrolls sideways; each row's first cell is its header. words: columns that are no
    numbers. notes: what its marks mean, below; that of rates with fewer than 30 errors comes by itself."""
    kind = {True: "words", False: "number"}
    body = [
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            *(tag("td", cell, class_=kind[number in words]) for number, cell in enumerate(row[1:], 1)),
        )
        for row in rows
    ]
    columns = (tag("th", name, scope="col", class_=kind[n == 0 or n in words]) for n, name in enumerate(head))
    told = tag("table", tag("caption", caption), tag("thead", tag("tr", *columns)), tag("tbody", *body))
    box = tag("div", told, class_="scroll", role="region", tabindex="0", aria_label=caption)
    below = [*notes, _FEW_SAID if _FEW in told else ""]
    return joined([box, *(tag("p", note, class_="note") for note in below if note)])


def figure(svg: Html, heading: str, *caption: str) -> Html:
    """A plot on its card, with what it shows and how to read it."""
    return tag("figure", tag("figcaption", tag("strong", heading), " ", *caption), svg)


def figures(*shown: Html) -> Html:
    """Figures beside each other where there is room; one alone has its caption beside it."""
    return tag("div", *shown, class_="figures")


def prose(*parts: str) -> Html:
    """A paragraph."""
    return tag("p", *parts)


def percent(value: float) -> str:
    """0.0074 is '0.74 %'. What is not zero shows a digit that is not."""
    if value <= 0:
        return "none"
    points = 100 * value
    apart = min(points, 100 - points)
    if apart <= 0:
        return f"100{_NO_BREAK}%"
    digits = max(1 if apart >= 10 else 2, 1 - floor(log10(apart)))
    return f"{points:.{min(digits, 9)}f}{_NO_BREAK}%"


def power(value: float) -> str:
    """0.000096 is '9.6 × 10⁻⁵'; rates of a tenth or more are percentages."""
    if value <= 0 or value >= 0.1:
        return percent(value)
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}{_times(int(exponent))}"


def _times(exponent: int) -> str:
    return f"{_NO_BREAK}×{_NO_BREAK}{ten_to(exponent)}"


def ten_to(exponent: int) -> str:
    """-5 is '10⁻⁵'."""
    return f"10{str(exponent).translate(_SUPERSCRIPT)}"


def one_in(value: float) -> str:
    """0.0001 is '1 in 10,000', to three digits."""
    if value <= 0:
        return "none"
    count = float(f"{1 / value:.3g}")
    return f"1{_NO_BREAK}in{_NO_BREAK}{count:,.0f}" if count >= 10 else f"1{_NO_BREAK}in{_NO_BREAK}{count:g}"


def span(lower: float, upper: float, number: Any = percent) -> str:
    """An interval. From zero it is said to go 'up to' its end; the unit or power of ten of both ends is said once."""
    if lower <= 0:
        return f"up to {number(upper)}"
    if number is power and upper < 0.1 and upper < 100 * lower:
        exponent = int(f"{lower:.1e}".split("e")[1])
        least, most = lower / 10.0**exponent, upper / 10.0**exponent
        return f"{least:.1f}–{most:.{1 if most < 10 else 0}f}{_times(exponent)}"
    first, last = number(lower), number(upper)
    unit = f"{_NO_BREAK}%"
    return f"{first.removesuffix(unit) if last.endswith(unit) else first}–{last}"


def rate(told: Rate | None, number: Any = percent) -> str:
    """A rate with its interval: '0.74 % (95 %: 0.41–1.63 %)', or '< 0.59 % (rule of 3)' where no error was seen."""
    if told is None or not told.get("trials", 1) or told["upper"] is None:
        return "not measured"
    if not told["value"]:
        return f"<{_NO_BREAK}{number(told['upper'])} (rule of{_NO_BREAK}3)"
    return f"{number(told['value'])} (95{_NO_BREAK}%: {span(told['lower'], told['upper'], number)})"


def rate_cell(told: Rate | None, number: Any = percent) -> Html:
    """A rate with its interval, in a table: one under the other, marked where fewer than 30 errors were seen."""
    said = rate(told, number)
    value, _, rest = said.partition(" (")
    mark = _FEW if told and told["value"] and not told["supported"] else ""
    rest = rest.removesuffix(")").removeprefix(f"95{_NO_BREAK}%: ") if told and told["value"] else f"({rest}"
    below = [tag("small", rest)] if len(rest) > 1 else []
    return joined([tag("span", value + mark, class_="value"), *below])


def counted(told: Rate | None) -> str:
    """'811 of 8,423,202'."""
    return "–" if told is None or "trials" not in told else f"{told['errors']:,} of {told['trials']:,}"


def unbroken(text: str) -> Html:
    """A sentence in which no line ends within an interval."""
    parts = re.split(r"([\d.]+–[\d.]+(?:\u00a0%)?)", text)
    return joined(tag("span", part, class_="unbroken") if number % 2 else part for number, part in enumerate(parts))


def listed(words: Sequence[str]) -> str:
    """'one', 'one and two', 'one, two and three'."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def score(value: float, digits: int = 4) -> str:
    """A comparison score or threshold: '0.4238'."""
    return f"{value:.{digits}f}".replace("-", "−")


def readable(name: str) -> str:
    """A code or measure in words: 'head_pose_yaw_deg' is 'head pose yaw'."""
    return name.removesuffix("_px").removesuffix("_deg").replace("_", " ").replace("inter eye", "inter-eye")


def cut(text: str, most: int) -> str:
    """Text for a plot, where room is scarce; the table beside it has the whole."""
    shown = clean(text)
    return shown if len(shown) <= most else shown[: most - 1].rstrip() + "…"
