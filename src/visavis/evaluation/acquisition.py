"""Every photo of a data set acquired once: embeddings and quality kept by the photo's hash, so that a run can go on later.

What is kept is biometric data. It lies in a folder that the operator names, readable by this user alone, one file for each
model and pipeline; deleting the folder deletes it all.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from visavis.errors import ImageError, InputInvalid, OutputUnwritable
from visavis.face import MEASURES, Face
from visavis.verifier import Verifier

ACQUIRED = "acquired"
_PIPELINE = ("image", "face", "embedding", "weights", "verifier.py")
"""What decides what a photo gives."""
_CODE_BYTES = 32


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Acquired:
    """What the photos of a data set gave, in its order.

    image_sha256: (N, 32) uint8. vectors: (N, d) float32, unit L2 norm; zeros where no face was embedded. embedded: (N,) bool.
    reasons: why a verification would not compare the photo, or what is wrong with the file; "" where nothing is.
    inter_eye_distance_px: (N,). faces: (N, 14) the box and the five landmarks, in px. quality: (N, M) scores 0..100 in the
    order of `MEASURES`, NaN where not assessed.
    """

    image_sha256: NDArray[np.uint8]
    vectors: NDArray[np.float32]
    embedded: NDArray[np.bool_]
    reasons: tuple[str, ...]
    inter_eye_distance_px: NDArray[np.float32]
    faces: NDArray[np.float32]
    quality: NDArray[np.float32]

    def face(self, number: int) -> Face:
        """The face that was embedded of image `number`."""
        values = self.faces[number]
        x, y, width, height = map(float, values[:4])
        return Face((x, y, width, height), values[4:].reshape(5, 2).copy(), 1.0)

    def accepted(self, inter_eye_distance_min_px: float) -> NDArray[np.bool_]:
        """(N,) which photos a verification would compare: one dominant face, the central one, and large enough."""
        sound = np.array([not reason for reason in self.reasons], dtype=np.bool_)
        return self.embedded & sound & (self.inter_eye_distance_px >= inter_eye_distance_min_px)


def acquire_all(
    keys: Sequence[str],
    read: Callable[[str], bytes],
    verifier: Verifier,
    *,
    folder: Path | None = None,
    change: tuple[str, Callable[[int, bytes], bytes]] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Acquired:
    """Acquire the photos named by `keys`, taking the face nearest the centre of each.

    change: a name and what changes a photo, from its number and bytes; the changed photos are what is acquired then.
    folder: where results are kept and looked for; None keeps none. progress: called with the count of photos done anew.
    A photo that cannot be read or decoded is a failure to acquire. Raises OutputUnwritable when the folder cannot be used.
    """
    kind = _record(verifier.card.dimension)
    with _Kept(folder, kind, verifier) as kept:

        def work(number: int) -> np.void:
            try:
                data = read(keys[number])
                digest = hashlib.sha256(data).digest()
                if change is not None:
                    digest = hashlib.sha256(digest + change[0].encode()).digest()
                found = kept.get(digest)
                if found is None:
                    data = data if change is None else change[1](number, data)
                    found = _acquired(kind, digest, data, verifier)
                    kept.add(found)
            except (ImageError, InputInvalid) as error:
                return _failed(kind, b"", error.code)
            return found

        records = np.zeros(len(keys), dtype=kind)
        for number, found in enumerate(_ahead(work, range(len(keys)), 2 * verifier.threads)):
            records[number] = found
            progress(1)
    codes = (bytes(code).rstrip(b"\0").decode("ascii") for code in records["reason"])
    return Acquired(
        records["image"],
        records["vector"],
        records["embedded"].astype(np.bool_),
        tuple(codes),
        records["inter_eye_distance_px"],
        records["face"],
        records["quality"],
    )


def _ahead(work: Callable[[int], np.void], numbers: Iterable[int], workers: int) -> Iterator[np.void]:
    """Results in order, a few photos ahead of the one that is waited for."""
    pending: list[Future[np.void]] = []
    with ThreadPoolExecutor(workers) as pool:
        try:
            for number in numbers:
                pending.append(pool.submit(work, number))
                if len(pending) >= 4 * workers:
                    yield pending.pop(0).result()
            while pending:
                yield pending.pop(0).result()
        finally:
            for future in pending:
                future.cancel()


def _acquired(kind: np.dtype, digest: bytes, data: bytes, verifier: Verifier) -> np.void:
    try:
        acquisition = verifier.acquire(data, central_face=True)
    except ImageError as error:
        return _failed(kind, digest, error.code)
    report = acquisition.report
    record = _failed(kind, digest, report.reasons[0] if report.reasons else "")
    if acquisition.embedding is not None and report.face is not None and report.quality is not None:
        record["embedded"] = 1
        record["vector"] = acquisition.embedding.vector
        record["inter_eye_distance_px"] = report.face.inter_eye_distance_px
        record["face"] = [*report.face.box_px, *report.face.landmarks_px.ravel()]
        record["quality"] = [np.nan if m.score is None else m.score for m in report.quality.measures]
    return record


def _record(dimension: int) -> np.dtype:
    return np.dtype(
        [
            ("image", "u1", 32),
            ("reason", f"V{_CODE_BYTES}"),
            ("embedded", "<u4"),
            ("inter_eye_distance_px", "<f4"),
            ("face", "<f4", 14),
            ("quality", "<f4", len(MEASURES)),
            ("vector", "<f4", dimension),
            ("check", "<u4"),
        ]
    )


def _failed(kind: np.dtype, digest: bytes, code: str) -> np.void:
    record: np.void = np.zeros(1, dtype=kind)[0]
    record["image"] = np.frombuffer(digest.ljust(32, b"\0"), dtype=np.uint8)
    record["reason"] = np.void(code.encode("ascii")[:_CODE_BYTES].ljust(_CODE_BYTES, b"\0"))
    record["quality"] = np.nan
    return record


class _Kept:
    """An append-only file of records, each with a checksum; a last one that was cut off, and damaged ones, are made anew."""

    def __init__(self, folder: Path | None, kind: np.dtype, verifier: Verifier) -> None:
        self._kind, self._lock = kind, Lock()
        self._records: dict[bytes, np.void] = {}
        self._file: BinaryIO | None = None
        if folder is None:
            return
        what = [
            sources_sha256(*_PIPELINE),
            verifier.card.sha256,
            *verifier.engine,
            verifier.precision,
            list(MEASURES),
            kind.itemsize,
        ]
        header = json.dumps(what).encode().ljust(1023) + b"\n"
        path = folder / f"{verifier.card.id}-{hashlib.sha256(header).hexdigest()[:16]}.{ACQUIRED}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")  # noqa: PTH123, SIM115 - its mode from the start
            self._load(self._file, header)
        except OSError as error:
            self._close()
            raise OutputUnwritable(f"{path}: {error.strerror or error}") from error

    def _load(self, file: BinaryIO, header: bytes) -> None:
        if file.read(len(header)) != header:
            file.truncate(0)
            file.seek(0)
            file.write(header)
            file.flush()
            return
        data = file.read()
        records = np.frombuffer(data, dtype=self._kind, count=len(data) // self._kind.itemsize)
        for record in records:
            if record["check"] == _checksum(record):
                self._records[record["image"].tobytes()] = record
        end = len(header) + len(records) * self._kind.itemsize
        file.seek(end)
        file.truncate(end)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # it would write once more what could not be written, and that has been told
                self._file.close()

    def get(self, digest: bytes) -> np.void | None:
        return self._records.get(digest)

    def add(self, record: np.void) -> None:
        record["check"] = _checksum(record)
        with self._lock:
            self._records[record["image"].tobytes()] = record
            if self._file is not None:
                try:
                    self._file.write(record.tobytes())
                    self._file.flush()
                except OSError as error:
                    raise OutputUnwritable(f"an acquired photo cannot be kept: {error.strerror or error}") from error


def sources_sha256(*parts: str) -> str:
    """Over the package's own sources, in the order of their paths; parts: its rooms or files, `*` for all of them."""
    root = Path(__file__).parents[1]
    files = {
        path for part in parts for top in root.glob(part) for path in (top.rglob("*.py") if top.is_dir() else [top])
    }
    digest = hashlib.sha256()
    for path in sorted(files):
        if path.suffix == ".py":
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _checksum(record: np.void) -> int:
    return crc32(record.tobytes()[:-4])
