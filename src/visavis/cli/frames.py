"""Frames for a live capture, one after the other, from a camera or a film: JPEG files, each with its time.

No more of a film is in memory than the frame that is looked at. Of a camera the newest frame is taken; those that came while the
one before was looked at are dropped.
"""

import os
import stat
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from math import isfinite
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.errors import CameraUnusable, InputInvalid

LONG_SIDE_PX, QUALITY = 640, 85
FPS_MAX = 15.0
"""So many frames a second are looked at, as a page sends them; what comes between is passed over."""
SILENT_S = 5.0
"""A camera that gives no picture for so long is not waited for."""
FILM_PX_MAX = 7680 * 4320
"""Width times height of a film's frames."""
_FPS_UNKNOWN = 25.0
_EARLY_S = 0.2 / FPS_MAX
"""So much sooner than asked for a frame may come, so that films of 30 frames a second give every other one."""
_BGR = NDArray[np.uint8]


def check_film(path: Path) -> None:
    """Raises InputInvalid where there is no regular file that can be read, or none that can be named."""
    try:
        str(path).encode()  # of another name OpenCV makes a crash
        if stat.S_ISREG(path.stat().st_mode):
            path.open("rb").close()
            return
    except UnicodeEncodeError:
        raise InputInvalid(f"{path}: the film's name is no text in UTF-8; rename it") from None
    except (OSError, ValueError) as error:  # also a NUL in the name
        raise InputInvalid(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    raise InputInvalid(f"{path}: not a regular file; expected a film")


def film(path: Path) -> Generator[tuple[bytes, float]]:
    """The frames of a film up to its end, each with the film's own time in seconds, which only goes forward.

    Raises InputInvalid for a file that is none, or whose frames are larger than `FILM_PX_MAX`.
    """
    check_film(path)
    with _quiet():  # by its whole name, for others are taken for addresses; and by one reader, for others guess
        read = cv2.VideoCapture(os.path.realpath(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        try:
            if not read.isOpened():
                raise InputInvalid(f"{path} is no film that can be read; expected one as MP4, WebM, AVI or MOV")
            width, height = read.get(cv2.CAP_PROP_FRAME_WIDTH), read.get(cv2.CAP_PROP_FRAME_HEIGHT)
            if width * height > FILM_PX_MAX:
                raise InputInvalid(
                    f"{path}: frames of {width:.0f} x {height:.0f} pixels; make the film smaller, to 8K at most"
                )
            shown_s = -1.0
            for at_s in _times(read):
                if at_s - shown_s < 1 / FPS_MAX - _EARLY_S and shown_s >= 0:
                    continue
                good, frame = read.retrieve()
                if good:
                    shown_s = at_s
                    yield _jpeg(cast("_BGR", frame)), at_s
        finally:
            read.release()


def camera(number: int) -> Generator[tuple[bytes, float]]:
    """The frames of a camera, without end, each with the time at which it came, in seconds of the monotonic clock.

    Raises CameraUnusable where there is no such camera, where another program uses it, or where it falls silent.
    """
    with _quiet():
        device = _Camera(number)
        try:
            while True:
                frame, at_s = device.newest()
                yield _jpeg(frame), at_s
                time.sleep(max(0.0, at_s + 1 / FPS_MAX - time.monotonic()))
        finally:
            device.close()


class _Camera:
    """A camera that is read by a thread of its own, since to read one may block."""

    def __init__(self, number: int) -> None:
        self._number, self._read = number, cv2.VideoCapture(number)
        if not self._read.isOpened():
            raise CameraUnusable(
                f"camera {number} cannot be opened: there is none, another program uses it, or it is not allowed"
            )
        self._news = threading.Condition()
        self._newest: tuple[_BGR, float] | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"camera {number}", daemon=True)
        self._thread.start()

    def newest(self) -> tuple[_BGR, float]:
        """The newest frame, and when it came; the next one where it was taken already. Raises CameraUnusable."""
        with self._news:
            self._news.wait_for(lambda: self._newest is not None, SILENT_S)
            found, self._newest = self._newest, None
        if found is None:
            raise CameraUnusable(
                f"camera {self._number} has given no picture for {SILENT_S:.0f} s; is it in use, covered or unplugged?"
            )
        return found

    def close(self) -> None:
        """Switch it off, at once or, where it hangs, as soon as it lets go."""
        self._closed = True
        self._thread.join(1.0)

    def _run(self) -> None:
        try:
            while not self._closed:
                good, frame = False, None
                with suppress(cv2.error):
                    good, frame = self._read.read()
                if not good or frame is None:
                    time.sleep(0.02)
                    continue
                with self._news:
                    self._newest = cast("_BGR", frame), time.monotonic()
                    self._news.notify()
        finally:
            self._read.release()


def _times(read: cv2.VideoCapture) -> Iterator[float]:
    """Move on from frame to frame; when each is shown, in seconds. Where the film does not say, its frame rate does."""
    fps = read.get(cv2.CAP_PROP_FPS)
    each_s = 1 / (fps if isfinite(fps) and 1 <= fps <= 1000 else _FPS_UNKNOWN)
    at_s: float | None = None
    while read.grab():
        told_s = read.get(cv2.CAP_PROP_POS_MSEC) / 1e3
        if not isfinite(told_s) or told_s < 0 or (at_s is not None and told_s <= at_s):
            told_s = 0.0 if at_s is None else at_s + each_s
        at_s = told_s
        yield at_s


def _jpeg(frame: _BGR) -> bytes:
    """(H, W, 3) BGR as a file whose longer side is `LONG_SIDE_PX` at most."""
    height, width = frame.shape[:2]
    scale = LONG_SIDE_PX / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        frame = cast("_BGR", cv2.resize(frame, size, interpolation=cv2.INTER_AREA))
    return cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


@contextmanager
def _quiet() -> Iterator[None]:
    """What OpenCV and FFmpeg say of files and devices is no word of this program's."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)
