"""When a request is sent again, and when it is given up.

A request is repeated where it cannot have been carried out, or where it does no harm to carry it out again: a POST has an
idempotency key or changes nothing, a GET changes nothing, a PATCH sets the same values. A DELETE whose answer is lost is not
repeated: the second answer would tell that there is nothing, and not what became of it.

Between two attempts is a time at random, up to one that doubles (exponential back-off with full jitter), and no less than the
service asks for.
"""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import uniform
from typing import Any

from visavis.client.errors import ServiceError, ServiceUnreachable
from visavis.client.request import Answer, Request
from visavis.errors import InputInvalid

BACK_OFF_S, BACK_OFF_MAX_S = 0.5, 8.0
RETRY_AFTER_MAX_S = 30.0
"""A service that wants a longer pause is not waited for: the error says how long."""
_NOT_DONE = (429, 503)
_LOST = (502, 504)
_IN_WORK = "idempotency_unfinished"


@dataclass(frozen=True, slots=True)
class Patience:
    """retries: how often a request is sent again at most. timeout_s: for how long the service may be silent. deadline_s: for how
    long a call may take, its repetitions and pauses included. Raises InputInvalid."""

    retries: int = 3
    timeout_s: float = 30.0
    deadline_s: float = 60.0

    def __post_init__(self) -> None:
        if self.retries < 0 or not self.timeout_s > 0 or not self.deadline_s > 0:
            raise InputInvalid("expected retries of 0 or more, and a timeout_s and deadline_s of more than 0 s")


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer came. why: for people. sent: whether the request may have been carried out all the same."""

    why: str
    sent: bool


class Tries:
    """The attempts at one request."""

    def __init__(self, request: Request, patience: Patience) -> None:
        self._request, self._left = request, patience.retries
        self._back_off_s = BACK_OFF_S
        self._ends = time.monotonic() + patience.deadline_s

    @property
    def left_s(self) -> float:
        """How much time is left for the whole call."""
        return max(0.001, self._ends - time.monotonic())

    def pause_s(self, came: Answer | Lost) -> float:
        """How long to wait before the next attempt. Raises ServiceError or ServiceUnreachable where there is none."""
        error = self._unreachable(came) if isinstance(came, Lost) else fault(came)
        asked_s = error.retry_after_s if isinstance(error, ServiceError) else None
        waits = isinstance(error, ServiceError) and error.code == _IN_WORK and asked_s is not None
        if not waits:  # for an answer that is being made, the deadline alone is the limit
            if self._left == 0 or not self._repeatable(came, error):
                raise error
            self._left, self._back_off_s = self._left - 1, min(2 * self._back_off_s, BACK_OFF_MAX_S)
        pause_s = (asked_s or 0.0) + uniform(0, self._back_off_s / 2)  # noqa: S311 - it only spreads the load
        if (asked_s or 0.0) > RETRY_AFTER_MAX_S or time.monotonic() + pause_s >= self._ends:
            raise error
        return pause_s

    def _repeatable(self, came: Answer | Lost, error: ServiceError | ServiceUnreachable) -> bool:
        harmless = self._request.method != "DELETE"
        if isinstance(came, Lost):
            return harmless or not came.sent
        if came.status == 429 and error.code == "rate_limited":
            return (
                isinstance(error, ServiceError) and error.retry_after_s is not None
            )  # where none ever is, none is made
        return came.status in _NOT_DONE or (harmless and came.status in _LOST)

    def _unreachable(self, lost: Lost) -> ServiceUnreachable:
        told = "; the request may have been carried out" if lost.sent and self._request.method != "GET" else ""
        return ServiceUnreachable(f"the service did not answer: {lost.why}{told}")


def fault(answer: Answer) -> ServiceError:
    """A problem document (RFC 9457), or whatever a proxy says in its place, as an error."""
    told: Mapping[str, Any] = {}
    if "json" in answer.headers.get("content-type", ""):
        try:
            content = json.loads(answer.content)
        except (ValueError, RecursionError):
            content = None
        told = content if isinstance(content, dict) else {}
    code, detail, parameter = (told.get(name) for name in ("code", "detail", "parameter"))
    code = code if isinstance(code, str) and code else f"http_{answer.status}"
    return ServiceError(
        f"{detail if isinstance(detail, str) and detail else 'the service refused'} [{code}]",
        status=answer.status,
        code=code,
        parameter=parameter if isinstance(parameter, str) else None,
        request_id=answer.headers.get("x-request-id"),
        retry_after_s=_retry_after_s(answer.headers.get("retry-after", "")),
    )


def _retry_after_s(text: str) -> float | None:
    """RFC 9110, 10.2.3: seconds, or a date."""
    text = text.strip()
    if re.fullmatch("[0-9]{1,9}", text):
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
