"""From JSON to values: what a dataclass's fields are annotated with is what is read, and what it has no field for is passed over.

So later versions of the service may tell more than this client knows of.
"""

import types
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


class Unreadable(ValueError):
    """It is not what was expected; the message says where, and nothing of what came."""


def read(kind: type[T], value: object) -> T:
    """A value of this kind: a dataclass, or what one may hold. Raises Unreadable."""
    return cast("T", _read(kind, value, "the answer"))


def _read(kind: Any, value: object, where: str) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        own = getattr(kind, "from_json", None)
        return _fields(kind, value, where) if own is None else own(_object(value, where))
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _one_of(get_args(kind), value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise Unreadable(f"expected a list as {where}")
        return tuple(_read(get_args(kind)[0], each, where) for each in value)
    if origin is Mapping:
        inner = get_args(kind)[1]
        return {
            name: each if inner is Any else _read(inner, each, where) for name, each in _object(value, where).items()
        }
    if kind is datetime:
        return _time(value, where)
    if kind is bytes:
        return _bytes(value, where)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise Unreadable(f"expected {kind.__name__} as {where}")
    return value


def _one_of(kinds: tuple[Any, ...], value: object, where: str) -> Any:
    """The first of these kinds that it is."""
    *others, last = (kind for kind in kinds if kind is not types.NoneType)
    for kind in others:
        with suppress(Unreadable):
            return _read(kind, value, where)
    return _read(last, value, where)


def _fields(kind: type[Any], value: object, where: str) -> Any:
    given, hints = _object(value, where), get_type_hints(kind)
    found = {}
    for each in fields(kind):
        if each.name in given:
            found[each.name] = _read(hints[each.name], given[each.name], f"`{each.name}`")
        elif not _has_default(each):
            raise Unreadable(f"{where} has no `{each.name}`")
    return kind(**found)


def _has_default(field: "Field[Any]") -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _object(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Unreadable(f"expected an object as {where}")
    return value


def _bytes(value: object, where: str) -> bytes:
    with suppress(ValueError, TypeError):
        return bytes.fromhex(cast("str", value))
    raise Unreadable(f"expected bytes in hex as {where}")


def _time(value: object, where: str) -> datetime:
    if isinstance(value, str):
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            if read.tzinfo is not None:
                return read
    raise Unreadable(f"expected a time with its zone as {where}")
