"""Dictionaries whose changes can be taken back, for transactions in memory."""

from typing import Any, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")
_ABSENT = object()


class Table(dict[Key, Value]):
    """A dictionary that can take back what was done to it since the transaction began."""

    def __init__(self) -> None:
        super().__init__()
        self._undo: list[tuple[Key, Any]] = []

    def __setitem__(self, key: Key, value: Value) -> None:
        self._undo.append((key, self.get(key, _ABSENT)))
        super().__setitem__(key, value)

    def __delitem__(self, key: Key) -> None:
        self._undo.append((key, self.get(key, _ABSENT)))
        super().__delitem__(key)

    def drop(self, *keys: Key) -> None:
        """Delete those of the keys that are there."""
        for key in keys:
            if key in self:
                del self[key]

    def commit(self) -> None:
        """Keep what was done."""
        self._undo.clear()

    def roll_back(self) -> None:
        """Take it back."""
        while self._undo:
            key, value = self._undo.pop()
            if value is _ABSENT:
                super().pop(key, None)
            else:
                super().__setitem__(key, value)
