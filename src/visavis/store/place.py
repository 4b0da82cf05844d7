"""Files that must stay what and where they are while they are in use."""

from pathlib import Path

from visavis.errors import StoreUnusable


class SameFile:
    """A file that is held open. Who holds it does not see that it was moved away or replaced, and what they write then is in no
    file that anybody finds again."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, _file(path)

    def check(self) -> None:
        """Raises StoreUnusable where another file, or none, is in its place."""
        if _file(self._path) != self._file:
            raise StoreUnusable(
                f"{self._path} was moved away or replaced while it is in use: put it back, or end all that use it and begin anew"
            )


def _file(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
