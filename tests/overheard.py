"""All that the product says while the tests run, and all that it must never say: is one in the other?

Said is: what is logged, the messages of faults, the addresses that are asked, answers that refuse, metrics, spans, and the audit
log. Secret are: API keys, client secrets, claims, credentials and their holders' secrets, secrets of webhooks, idempotency keys,
whatever else is random in a `Secret`, and embeddings and photos. `tests/test_overheard.py` looks when all others are done.
"""

import json
import logging
import re
import threading
from base64 import b64encode, urlsafe_b64encode
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from typing import Any

import httpx

from visavis.api.metrics import Metrics
from visavis.embedding import Embedding
from visavis.errors import VisavisError
from visavis.image import Photo
from visavis.session import access, audit, hosted, idempotency, outbox
from visavis.template import Claim, FaceCredential, HolderSecret, Secret

_TOKEN = re.compile(r"[A-Za-z0-9+/_=:.\\-]{8,}")
_KEY_CHARACTERS = 8
_BEGIN_BYTES = 24
_DIGITS_MIN, _ESCAPED_MIN = 16, 24
"""Shorter numbers, and shorter runs of escaped bytes, are said by chance."""
_LETTERS_MIN = 4
"""A word of fewer different characters, of zeros say, is said by many who know nothing."""
_PHOTO_MIN = 2_000
"""A file of fewer bytes is tables, alike in many, for the most part."""
_TIMES = ("created", "msecs", "relativeCreated", "thread", "process")
_LOGGERS = ("visavis", "uvicorn", "alembic")


class Overheard:
    """What was said, and what is secret."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: dict[str, str] = {}
        self._secrets: defaultdict[str, dict[str, str]] = defaultdict(dict)

    def say(self, where: str, text: str) -> None:
        """Something was said."""
        with self._lock:
            self._said.setdefault(text, where)

    def keep(self, what: str, text: str) -> None:
        """A text is secret, and so is every long word of it."""
        with self._lock:
            for word in _TOKEN.findall(text):
                if len(set(word)) >= _LETTERS_MIN:
                    self._secrets[word[:_KEY_CHARACTERS]][word] = what

    def keep_bytes(self, what: str, data: bytes) -> None:
        """Bytes are secret, however they are written."""
        begin = bytes(data[:_BEGIN_BYTES])
        escaped = " ".join(word for word in _TOKEN.findall(repr(begin)[2:-1]) if len(word) >= _ESCAPED_MIN)
        for text in (begin.hex(), b64encode(begin).decode(), urlsafe_b64encode(begin).decode(), escaped):
            self.keep(what, text.rstrip("="))

    def counts(self) -> tuple[int, int]:
        """How much was said, and how much is secret."""
        return len(self._said), sum(map(len, self._secrets.values()))

    def found(self) -> set[str]:
        """What was said of what is secret, and where."""
        return {
            f"{what} in {where}: …{text[max(0, place - 60) : place + 60]}…"
            for text, where in self._said.items()
            for place, what in self._in(text)
        }

    def _in(self, text: str) -> list[tuple[int, str]]:
        found = []
        for match in _TOKEN.finditer(text):
            for place in range(match.start(), match.end() - _KEY_CHARACTERS + 1):
                words = self._secrets.get(text[place : place + _KEY_CHARACTERS], {})
                found += [(place, what) for word, what in words.items() if text.startswith(word, place)]
        return found


class _Listener(logging.Handler):
    def __init__(self, overheard: Overheard) -> None:
        super().__init__()
        self._overheard = overheard

    def emit(self, record: logging.LogRecord) -> None:
        """All of the record, whatever of it a formatter would write, but for its times."""
        told = {name: value for name, value in vars(record).items() if name not in _TIMES}
        self._overheard.say("a log", f"{record.getMessage()} {json.dumps(told, default=str)}")


def listen(overheard: Overheard) -> None:
    """Listen from now on, to the end of the process."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.addHandler(_Listener(overheard))
        logger.setLevel(logging.INFO)
    _before(VisavisError, "__init__", lambda _, *said: overheard.say("a fault", " ".join(map(str, said))))
    _after(Metrics, "read", lambda made: overheard.say("the metrics", made.decode()))
    _after(audit.Entry, "after", lambda made: overheard.say("the audit log", made.line))
    _after(httpx.Client, "send", lambda answer: _answered(overheard, answer))

    _before(access, "_hash", lambda text: overheard.keep("an API key", _secret_in(text)))
    _before(hosted, "_hash", lambda text: overheard.keep("a client secret", _secret_in(text)))
    _after(outbox, "_shown", lambda made: overheard.keep("a webhook's secret", made))
    _after(Claim, "text", lambda made: overheard.keep("a claim", made[4:]))
    _after(FaceCredential, "text", lambda made: overheard.keep("a credential", made[4:]))
    _after(HolderSecret, "text", lambda made: overheard.keep("a holder's secret", made[4:]))
    _after(Secret, "random", lambda made: overheard.keep_bytes("a secret", bytes(made.view)))
    _before(idempotency.Asked, "cipher", lambda asked: overheard.keep("an idempotency key", asked.key))
    _before(Photo, "__init__", lambda _, source, *__: _shown(overheard, source))
    _before(Embedding, "__post_init__", lambda made: _embedded(overheard, made))


def _secret_in(text: str) -> str:
    """The part of a key that is random; nothing of what only pretends to be one."""
    found = re.fullmatch("(?:vsk_[0-9a-f]{16}|vscs)_([A-Za-z0-9_-]{43})", text)
    return "" if found is None else found[1]


def _answered(overheard: Overheard, answer: httpx.Response) -> None:
    overheard.say("an address", str(answer.request.url))
    if answer.status_code >= 400 and answer.is_stream_consumed:
        overheard.say("an answer that refuses", answer.text)


def _shown(overheard: Overheard, source: object) -> None:
    if isinstance(source, bytes) and len(source) > _PHOTO_MIN:
        overheard.keep_bytes("a photo", source[len(source) // 2 :])


def _embedded(overheard: Overheard, embedding: Embedding) -> None:
    vector = embedding.vector
    if vector.size > 1:
        overheard.keep_bytes("an embedding", vector.tobytes())
        for number in map(repr, vector[:4].tolist()):  # short ones are met by chance, among the times that metrics tell
            if len(number) >= _DIGITS_MIN:
                overheard.keep("an embedding", number)


def _before(place: Any, name: str, tell: Callable[..., object]) -> None:
    original = getattr(place, name)

    @wraps(original)
    def told(*arguments: Any, **named: Any) -> Any:
        tell(*arguments)
        return original(*arguments, **named)

    setattr(place, name, told)


def _after(place: Any, name: str, tell: Callable[[Any], object]) -> None:
    original = getattr(place, name)

    @wraps(original)
    def told(*arguments: Any, **named: Any) -> Any:
        made = original(*arguments, **named)
        tell(made)
        return made

    setattr(place, name, staticmethod(told) if isinstance(vars(place).get(name), classmethod) else told)
