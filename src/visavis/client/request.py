"""A call as a value: what is sent, to the byte, and how its answer is read. Nothing here sends anything."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar
from uuid import uuid4

import httpx

from visavis.client.answers import Page
from visavis.client.errors import ServiceError
from visavis.client.reading import Unreadable, read
from visavis.errors import InputInvalid

Photo: TypeAlias = bytes | PathLike[str]
"""A photo: the bytes of an image file, or where the file is."""
T = TypeVar("T")
U = TypeVar("U")
_ID = re.compile("[A-Za-z0-9_-]{1,128}")
_TOKEN = re.compile("[!-~]{1,200}")
_KEY = re.compile("[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, the same bytes however often. secret: of a session, in place of the API key. public: with neither."""

    method: str
    path: str
    query: Mapping[str, str | int] = field(default_factory=dict)
    content: bytes = field(default=b"", repr=False)
    content_type: str | None = None
    idempotency_key: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    public: bool = False

    def headers(self, api_key: str | None) -> dict[str, str]:
        """What is sent before the content. Raises InputInvalid where an API key is needed and there is none."""
        headers = {}
        token = self.secret or api_key
        if not self.public:
            if token is None:
                raise InputInvalid("no API key was given: pass api_key=..., or set VISAVIS_API_KEY")
            headers["Authorization"] = f"Bearer {token}"
        if self.content_type is not None:
            headers["Content-Type"] = self.content_type
        if self.idempotency_key is not None:
            headers["Idempotency-Key"] = self.idempotency_key
        return headers


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. headers: their names in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def good(self) -> bool:
        """Whether it is what was asked for. Redirects are not followed: the service makes none."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The content. Raises ServiceError where it is no JSON."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            raise self.unreadable("it is no JSON") from None

    def unreadable(self, why: str) -> ServiceError:
        """That it is not what was expected, as an error."""
        message = f"the service's answer cannot be read: {why}; is the address the service's?"
        return ServiceError(
            message, status=self.status, code="answer_unreadable", request_id=self.headers.get("x-request-id")
        )


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and how its answer is read."""

    request: Request
    read: Callable[[Answer], T]


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """Things that come a page at a time. page: the call for the one behind this cursor. cursor: of a thing."""

    page: Callable[[str | int | None], Call[Page[T]]]
    cursor: Callable[[T], str | int]

    def after(self, page: Page[T]) -> str | int | None:
        """The cursor of the next page, None where this one is the last."""
        return self.cursor(page.data[-1]) if page.has_more and page.data else None


def get(
    *path: str,
    read: Callable[[Answer], T],
    query: Mapping[str, str | int | None] | None = None,
    secret: str | None = None,
) -> Call[T]:
    """A call that changes nothing. query: what is None in it is left out."""
    given = {name: value for name, value in (query or {}).items() if value is not None}
    return Call(Request("GET", _path(path), given, secret=secret), read)


def post(
    *path: str, read: Callable[[Answer], T], body: Mapping[str, Any] | None = None, idempotency_key: str | None
) -> Call[T]:
    """A call that is carried out once, however often it is sent with the same key. body: what is None in it is left out."""
    request = Request(
        "POST", _path(path), content=_json(body), content_type=_JSON, idempotency_key=_key(idempotency_key)
    )
    return Call(request, read)


def patch(*path: str, read: Callable[[Answer], T], body: Mapping[str, Any]) -> Call[T]:
    """A call that changes what is given."""
    return Call(Request("PATCH", _path(path), content=_json(body), content_type=_JSON), read)


def delete(*path: str, read: Callable[[Answer], T]) -> Call[T]:
    """A call that removes something."""
    return Call(Request("DELETE", _path(path)), read)


def post_form(
    *path: str,
    read: Callable[[Answer], T],
    photos: Iterable[tuple[str, Photo | None]],
    texts: Mapping[str, str | None],
    idempotency_key: str | None = None,
    secret: str | None = None,
    changes: bool = True,
) -> Call[T]:
    """A call with photos. What is None is left out. changes: whether it changes anything, and so has a key. Raises
    InputInvalid, also where a file cannot be read."""
    files = [(name, ("photo", _bytes(photo))) for name, photo in photos if photo is not None]
    data = {name: text for name, text in texts.items() if text is not None}
    form = httpx.Request("POST", "https://service.invalid", data=data, files=files)
    request = Request(
        "POST",
        _path(path),
        content=form.read(),
        content_type=form.headers.get("Content-Type"),  # none where nothing is given
        idempotency_key=_key(idempotency_key) if changes else None,
        secret=secret,
    )
    return Call(request, read)


def of(kind: type[T]) -> Callable[[Answer], T]:
    """Reads a value of this kind."""

    def value(answer: Answer) -> T:
        content = answer.json()
        try:
            return read(kind, content)
        except Unreadable as error:
            raise answer.unreadable(str(error)) from None

    return value


def page_of(kind: type[T]) -> Callable[[Answer], Page[T]]:
    """Reads a page of such values."""

    def page(answer: Answer) -> Page[T]:
        content = answer.json()
        try:
            rough = read(_Page, content)
            return Page(tuple(read(kind, each) for each in rough.data), rough.has_more)
        except Unreadable as error:
            raise answer.unreadable(str(error)) from None

    return page


def all_of(kind: type[T]) -> Callable[[Answer], tuple[T, ...]]:
    """Reads all such values, of which the service gives one page."""
    page = page_of(kind)
    return lambda answer: page(answer).data


def mapping(answer: Answer) -> Mapping[str, Any]:
    """Reads an object as it is."""
    content = answer.json()
    if not isinstance(content, dict):
        raise answer.unreadable("expected an object")
    return content


def nothing(_: Answer) -> None:
    """Reads nothing."""


def content(answer: Answer) -> bytes:
    """Reads the bytes as they are."""
    return answer.content


def token(text: str, what: str) -> str:
    """A key or secret that can be sent. Raises InputInvalid, in which nothing of it is told."""
    stripped = text.strip()
    if not _TOKEN.fullmatch(stripped):
        raise InputInvalid(f"expected {what} of 1 to 200 visible ASCII characters")
    return stripped


def many(given: Photo | Sequence[Photo]) -> list[Photo]:
    """One photo, or several."""
    return [given] if isinstance(given, (bytes, PathLike, str)) else [*given]


@dataclass(frozen=True, slots=True)
class _Page:
    data: tuple[Mapping[str, Any], ...]
    has_more: bool


_JSON = "application/json"


def _path(parts: tuple[str, ...]) -> str:
    """Below /v1. What is no id could lead to another path."""
    for part in parts:
        if not _ID.fullmatch(part):
            raise InputInvalid("expected an id as the service gives them: letters, digits, - and _")
    return "/v1/" + "/".join(parts)


def _json(body: Mapping[str, Any] | None) -> bytes:
    return json.dumps({name: value for name, value in (body or {}).items() if value is not None}).encode()


def _key(given: str | None) -> str:
    if given is not None and not _KEY.fullmatch(given):
        raise InputInvalid("an idempotency key has 1 to 255 visible ASCII characters")
    return str(uuid4()) if given is None else given


def _bytes(photo: Photo) -> bytes:
    if isinstance(photo, bytes):
        return photo
    if not isinstance(photo, PathLike):
        raise InputInvalid(f"expected bytes, or a Path to a file, got {type(photo).__name__}")
    try:
        return Path(photo).read_bytes()
    except OSError as error:
        raise InputInvalid(f"{photo}: {error.strerror}") from error
