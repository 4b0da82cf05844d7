"""A labelled data set: which images there are, which are of one subject, and which pairs its makers chose.

It is read from a folder of folders, a CSV file of images, a CSV file of pairs or LFW's pairs.txt. Subjects become numbers
as they are read, and their names are forgotten (SCOPE 7); an error gives lines and columns, never what a cell holds.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from visavis.errors import InputInvalid

_T = TypeVar("_T", bound=Hashable)
_IMAGES, _PAIRS = ("image", "subject"), ("reference", "probe", "mated")
_ANSWERS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_WHOLE = re.compile("[0-9]{1,9}")  # fits int32


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Pairs:
    """The comparisons that a data set lists itself, P of them; arrays are read-only.

    first, second: (P,) int32, image numbers. mated: (P,) bool. fold: (P,) int32, from 0; all 0 where there are no folds.
    """

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    mated: NDArray[np.bool_]
    fold: NDArray[np.int32]

    def __post_init__(self) -> None:
        _freeze(len(self.first), self.first, self.second, self.mated, self.fold)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Grouping:
    """One way to group subjects, as stated by whoever made the data set.

    labels: as written, "" for not stated. of_image: (N,) int32, read-only, the label's index, one for all of a subject.
    """

    name: str
    labels: tuple[str, ...]
    of_image: NDArray[np.int32]

    def __post_init__(self) -> None:
        _freeze(len(self.of_image), self.of_image)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Dataset:
    """N labelled images of S subjects; arrays are read-only.

    images: paths as the source writes them, each once. subject: (N,) int32, 0..S-1 in order of first appearance.
    capture: (N,) int32; images of one subject with the same number are of one capture (a burst, a visit) and make no mated
    pair. None where the source says nothing of captures.
    """

    images: tuple[str, ...]
    subject: NDArray[np.int32]
    capture: NDArray[np.int32] | None = None
    groupings: tuple[Grouping, ...] = ()
    pairs: Pairs | None = None

    def __post_init__(self) -> None:
        captures = () if self.capture is None else (self.capture,)
        _freeze(len(self.images), self.subject, *captures, *(grouping.of_image for grouping in self.groupings))

    @property
    def subjects(self) -> int:
        """How many subjects there are."""
        return int(self.subject.max(initial=-1)) + 1


def parse(text: str) -> Dataset:
    """Read a list of images, a list of pairs or LFW's pairs.txt, as the first line tells. Raises InputInvalid."""
    _, first = next(_rows(text))
    names = {name.lower() for name in first}
    if names.issuperset(_IMAGES):
        return from_csv(text)
    if names.issuperset(_PAIRS):
        return from_pairs_csv(text)
    if len(first) == 1 and re.fullmatch(r"[0-9]+(\s+[0-9]+)?", first[0]):
        return from_lfw_pairs(text)
    raise InputInvalid(
        "the first line tells no known format; expected a header with the columns `image` and `subject`, one with "
        "`reference`, `probe` and `mated`, or the counts that begin LFW's pairs.txt"
    )


def from_folder(paths: Iterable[str]) -> Dataset:
    """Take the first folder of each path as its subject. Raises InputInvalid.

    paths: relative, with '/' between the parts, as in 'subject/visit/image.jpg'; sorted here.
    """
    keys = sorted(paths)
    for wrong, what in (
        (sum("/" not in key for key in keys), "lie in no folder of a subject"),
        (sum(not _stays_inside(key) for key in keys), "are absolute, or hold a NUL or an empty, '.' or '..' part"),
        (len(keys) - len(set(keys)), "are listed again"),
    ):
        if wrong:
            raise InputInvalid(f"{wrong} of {len(keys)} paths {what}; expected 'subject/image', relative, each once")
    return _checked(Dataset(tuple(keys), _numbered(key.split("/")[0] for key in keys)[0]))


def from_csv(text: str) -> Dataset:
    """Read a list of images with the header `image,subject[,group...][,capture]`, in any order. Raises InputInvalid.

    Each further column is a grouping. `capture` labels the captures of a subject; an empty cell is a capture of its own.
    """
    lines, columns = _table(text, _IMAGES, "capture")
    images, names = columns.pop("image"), columns.pop("subject")
    listed: dict[str, int] = {}
    for line, image in zip(lines, images, strict=True):
        if listed.setdefault(image, line) != line:
            raise InputInvalid(f"line {line} lists the image of line {listed[image]} again; expected each image once")
    capture = None
    if "capture" in columns:
        visits = zip(names, columns.pop("capture"), lines, strict=True)
        capture, _ = _numbered((name, visit or line) for name, visit, line in visits)
    subject, _ = _numbered(names)
    first = np.unique(subject, return_index=True)[1][subject]  # for each image the first one of its subject
    groupings = []
    for name, cells in columns.items():
        of_image, labels = _numbered(cells)
        for image_number in np.flatnonzero(of_image != of_image[first]):
            of_one = f"lines {lines[first[image_number]]} and {lines[image_number]}, which are of one subject"
            raise InputInvalid(f"expected one group a subject, got two in {of_one}, in the column {name!r}")
        groupings.append(Grouping(name, labels, of_image))
    return _checked(Dataset(tuple(images), subject, capture, tuple(groupings)))


def from_pairs_csv(text: str) -> Dataset:
    """Read a list of pairs with the header `reference,probe,mated[,fold]`, in any order. Raises InputInvalid.

    mated: 1 or 0, true or false, yes or no. fold: whole numbers, renumbered from 0 in their order. Images that mated pairs
    link are of one subject; an image in no mated pair is of a subject of its own.
    """
    lines, columns = _table(text, _PAIRS, "fold")
    if unknown := [name for name in columns if name not in (*_PAIRS, "fold")]:
        raise InputInvalid(f"expected the columns {', '.join(_PAIRS)} and fold, got {unknown[0]!r} besides")
    mated = [_ANSWERS.get(cell.lower()) for cell in columns["mated"]]
    folds = [int(cell) if _WHOLE.fullmatch(cell) else None for cell in columns.get("fold", ["0"] * len(lines))]
    for values, what in ((mated, f"{', '.join(_ANSWERS)} in the column mated"), (folds, "a whole number as fold")):
        if None in values:
            raise InputInvalid(f"line {lines[values.index(None)]}: expected {what}, got something else")
    ends = zip(columns["reference"], columns["probe"], strict=True)
    numbers, images = _numbered(image for pair in ends for image in pair)
    pairs = _pairs(numbers, mated, np.unique(np.array(folds, dtype=np.int32), return_inverse=True)[1])
    links = zip(pairs.first[pairs.mated].tolist(), pairs.second[pairs.mated].tolist(), strict=True)
    subject, _ = _numbered(_linked(len(images), links))
    return _checked(Dataset(images, subject, pairs=pairs), lines)


def from_lfw_pairs(text: str, pattern: str = "{name}/{name}_{number:04d}.jpg") -> Dataset:
    """Read LFW's pairs.txt: counts, then for each fold n lines `name n1 n2` and n lines `name1 n1 name2 n2`; tabs between.

    The first line is `folds n`, or `n` alone for one fold. pattern: an image's path as a `str.format` of name and number.
    Raises InputInvalid.
    """
    (line, counts), *rows = _rows(text, "\t")
    if len(counts) not in (1, 2) or not all(re.fullmatch("[1-9][0-9]{0,8}", cell) for cell in counts):
        raise InputInvalid(f"line {line}: expected LFW's counts, `folds n` or `n`, from 1 and with a tab between")
    folds, n = [1, *map(int, counts)][-2:]
    if len(rows) != 2 * folds * n:
        raise InputInvalid(
            f"line {line} promises {folds} times {n} mated and {n} non-mated pairs, got {len(rows)} in all"
        )
    source: dict[str, tuple[str, int]] = {}  # what each path is made of
    keys, mated = [], [row // n % 2 == 0 for row in range(len(rows))]
    for (line, cells), same in zip(rows, mated, strict=True):
        names, digits = (cells[:1] * 2, cells[1:]) if same else (cells[::2], cells[1::2])
        if not len(names) == len(digits) == 2 or not all(names) or not all(map(_WHOLE.fullmatch, digits)):
            form = "name n1 n2" if same else "name1 n1 name2 n2"
            raise InputInvalid(
                f"line {line}: expected `{form}` with tabs between, got {len(cells)} cells or no numbers"
            )
        for name, number in zip(names, map(int, digits), strict=True):
            try:
                key = pattern.format(name=name, number=number)
            except (LookupError, ValueError, AttributeError, TypeError) as error:
                raise InputInvalid(f"the pattern {pattern!r} cannot be filled with a name and a number") from error
            if not _stays_inside(key):
                raise InputInvalid(f"line {line}: expected names of images in the folder, got one that leaves it")
            if source.setdefault(key, (name, number)) != (name, number):
                raise InputInvalid(f"line {line}: the pattern {pattern!r} gives two images one path")
            keys.append(key)
    numbers, images = _numbered(keys)
    subject, _ = _numbered(source[image][0] for image in images)
    pairs = _pairs(numbers, mated, np.arange(len(rows)) // (2 * n))
    return _checked(Dataset(images, subject, pairs=pairs), [line for line, _ in rows])


def _rows(text: str, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, at least one, each with the number of its first line; cells are stripped."""
    reader = csv.reader(
        io.StringIO(text.removeprefix("\ufeff"), newline=""),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE,
        skipinitialspace=True,
        strict=True,
    )
    line, empty = 1, True
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any("\0" in cell for cell in cells):
                raise InputInvalid(f"line {line}: expected text, got a NUL")
            if cells not in ([], [""]):
                empty = False
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputInvalid(f"line {line}: expected a row of cells: {error}") from error
    if empty:
        raise InputInvalid("expected a first line that tells the format and lines behind it, got an empty list")


def _table(text: str, required: tuple[str, ...], optional: str) -> tuple[list[int], dict[str, list[str]]]:
    """The rows' lines, and the columns by name: those asked for in lower case, others as written."""
    (line, header), *rows = _rows(text)
    lower = [name.lower() for name in header]
    if missing := [name for name in required if name not in lower]:
        raise InputInvalid(f"line {line}: expected the columns {', '.join(required)}, got none called {missing[0]}")
    if again := [name for name, count in Counter(lower).items() if count > 1 or not name]:
        raise InputInvalid(f"line {line}: expected a name of its own for each column, got {again[0]!r} twice or empty")
    for line, cells in rows:
        if len(cells) != len(header):
            raise InputInvalid(f"line {line}: expected {len(header)} cells, as in the header, got {len(cells)}")
        for name in required:
            if not cells[lower.index(name)]:
                raise InputInvalid(f"line {line}: expected a value in the column `{name}`, got an empty cell")
    names = [small if small in (*required, optional) else name for small, name in zip(lower, header, strict=True)]
    return [line for line, _ in rows], {name: [cells[i] for _, cells in rows] for i, name in enumerate(names)}


def _pairs(ends: NDArray[np.int32], mated: Sequence[bool | None], fold: NDArray[Any]) -> Pairs:
    """The pairs of the images (2 P,) that follow each other."""
    return Pairs(ends[::2].copy(), ends[1::2].copy(), np.array(mated, dtype=np.bool_), fold.astype(np.int32))


def _checked(dataset: Dataset, lines: Sequence[int] = ()) -> Dataset:
    """The data set itself. Raises InputInvalid when it says nothing or contradicts itself. lines: where its pairs stand."""
    if pairs := dataset.pairs:
        for row in np.flatnonzero(pairs.first == pairs.second).tolist():
            raise InputInvalid(f"line {lines[row]}: expected two images, got one twice")
        one_subject = dataset.subject[pairs.first] == dataset.subject[pairs.second]
        for row in np.flatnonzero(one_subject & ~pairs.mated).tolist():
            raise InputInvalid(f"line {lines[row]}: a non-mated pair of one subject, as its name or mated pairs say")
    if dataset.subjects < 2:
        raise InputInvalid(f"expected images of two subjects or more, got {len(dataset.images)} of {dataset.subjects}")
    return dataset


def _numbered(values: Iterable[_T]) -> tuple[NDArray[np.int32], tuple[_T, ...]]:
    """Number values in order of first appearance: each one's number, and the distinct values."""
    numbers: dict[_T, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int32), tuple(numbers)


def _linked(count: int, links: Iterable[tuple[int, int]]) -> list[int]:
    """For each of `count` items one that stands for all it is linked to (union-find, halving paths)."""
    parent = list(range(count))

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = item = parent[parent[item]]
        return item

    for first, second in links:
        parent[root(second)] = root(first)
    return [root(item) for item in range(count)]


def _stays_inside(path: str) -> bool:
    """Whether a path is plain and relative, and stays in the folder it starts from, on every system."""
    parts = re.split(r"[/\\]", path)
    return "\0" not in path and not re.match("[A-Za-z]:", path) and {"", ".", ".."}.isdisjoint(parts)


def _freeze(count: int, *columns: NDArray[Any]) -> None:
    for column in columns:
        if column.shape != (count,):
            raise ValueError(f"expected {count} values, got an array of shape {column.shape}")
        column.flags.writeable = False
