"""A folder of things that are slow to make and can always be made again: folded and compiled models.

Entries are written atomically and carry their own SHA-256, so that two processes may make one at the same time and a
damaged one is made again. The digest guards against accidents; against people, the folder is the user's alone (mode
0700) and one that others may write to is not used.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

from visavis.weights.locate import write_atomically

_MAGIC = b"VVCACHE1"
_HEADER = len(_MAGIC) + hashlib.sha256().digest_size


class Cache:
    """Bytes by key in `folder`; with None, nothing is kept and everything is made anew."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder if folder is not None and _is_private(folder) else None

    def get_or_make(self, key: str, make: Callable[[], bytes]) -> bytes:
        """The entry for `key`, made and kept if it is missing or damaged."""
        data = self.get(key)
        if data is None:
            data = make()
            self.put(key, data)
        return data

    def get(self, key: str) -> bytes | None:
        """The entry, or None when there is none or it does not match its digest."""
        if self.folder is None:
            return None
        try:
            entry = memoryview((self.folder / key).read_bytes())
        except OSError:
            return None
        if entry[: len(_MAGIC)] != _MAGIC:
            return None
        data = entry[_HEADER:]
        if hashlib.sha256(data).digest() != entry[len(_MAGIC) : _HEADER]:
            return None
        return bytes(data)

    def put(self, key: str, data: bytes) -> None:
        """Keep the entry; a full or read-only disk costs time, not the result."""
        if self.folder is not None:
            with contextlib.suppress(OSError):
                write_atomically(self.folder / key, _MAGIC + hashlib.sha256(data).digest() + data)


def user_cache_folder() -> Path | None:
    """The user's own cache folder for visavis, where the platform keeps such things; None for a user without a home."""
    import platformdirs

    try:
        return platformdirs.user_cache_path("visavis", appauthor=False)
    except RuntimeError:
        return None


def _is_private(folder: Path) -> bool:
    """Whether only this user can write in the folder, which is made if it is missing."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError:
        return False
    if not hasattr(os, "getuid"):
        return True
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
