"""Bytes that wipe and stay silent."""

import hmac
import secrets
from types import TracebackType
from typing import NoReturn, Self


class Secret:
    """Secret bytes: overwritten when they are no longer needed, compared in constant time, shown to nobody.

    Use it in a `with` statement, or call `wipe`. What Python and the libraries copied on the way is beyond its reach; what it
    holds itself is zero afterwards.
    """

    __slots__ = ("_bytes",)

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._bytes = bytearray(data)

    @classmethod
    def random(cls, length: int = 32) -> Self:
        """Fresh bytes from the system's generator."""
        return cls(secrets.token_bytes(length))

    @property
    def view(self) -> memoryview:
        """The bytes, without a copy. Raises ValueError once they are wiped."""
        if not self._bytes:
            raise ValueError("this secret has been wiped")
        return memoryview(self._bytes)

    def wipe(self) -> None:
        """Overwrite the bytes with zeros and forget them."""
        self._bytes[:] = bytes(len(self._bytes))
        self._bytes = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wipe()

    def __len__(self) -> int:
        return len(self._bytes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._bytes, other._bytes)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "<Secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled or copied")
