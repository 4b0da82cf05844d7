"""Methods that are written once for both clients.

A method of a resource makes a `Call` or a `Listing`; what a caller gets of it depends on whose resource it is: an answer from
`Visavis`, a coroutine from `AsyncVisavis`.
"""

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from visavis.client.request import Call, Listing


class Now:
    """Marks what answers at once."""


class Later:
    """Marks what answers when it is awaited."""


M = TypeVar("M")
P = ParamSpec("P")
T = TypeVar("T")


class Sender(Protocol):
    """A client: it makes of a call or a listing what its callers get."""

    def run(self, call: Call[Any]) -> Any:
        """The answer, or a coroutine that gives it."""

    def walk(self, listing: Listing[Any]) -> Any:
        """An iterator over all that is listed."""


class Resource(Generic[M]):
    """Base of all."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def send(self, made: Call[Any] | Listing[Any]) -> Any:
        """What a caller gets of what a method made."""
        return self._sender.run(made) if isinstance(made, Call) else self._sender.walk(made)


class _Bound:
    """Base of the descriptors: gives a method that makes its call, and sends it."""

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def bound(self, instance: "Resource[Any] | None", owner: type) -> Any:
        if instance is None:
            return self
        make = self._make.__get__(instance, owner)

        @functools.wraps(make)
        def method(*arguments: Any, **named: Any) -> Any:
            return instance.send(make(*arguments, **named))

        return method


class Method(_Bound, Generic[P, T]):
    """A method that gives one answer."""

    def __init__(self, make: Callable[Concatenate[Any, P], Call[T]]) -> None:
        super().__init__(make)

    @overload
    def __get__(self, instance: None, owner: Any) -> Self: ...
    @overload
    def __get__(self, instance: Resource[Now], owner: Any) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: Resource[Later], owner: Any) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Any, owner: Any) -> Any:
        return self.bound(instance, owner)


class Lister(_Bound, Generic[P, T]):
    """A method that gives an iterator, which asks for a page when it comes to it."""

    def __init__(self, make: Callable[Concatenate[Any, P], Listing[T]]) -> None:
        super().__init__(make)

    @overload
    def __get__(self, instance: None, owner: Any) -> Self: ...
    @overload
    def __get__(self, instance: Resource[Now], owner: Any) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, instance: Resource[Later], owner: Any) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, instance: Any, owner: Any) -> Any:
        return self.bound(instance, owner)
