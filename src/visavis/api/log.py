"""Structured logs: a line of JSON each, on standard error, with nothing of what was sent."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from visavis.errors import VisavisError

_FIELDS = ("request_id", "method", "route", "status", "ms", "application", "code", "detail")


class Json(logging.Formatter):
    """A record as a line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line. Of an exception its type alone is told: its words might quote what was sent."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: dict[str, Any] = {"at": at, "level": record.levelname.lower(), "message": record.getMessage()}
        line |= {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
        return json.dumps(line)


_OF_CONNECTIONS = '%s - "WebSocket', "connection ", "ASGI callable returned without completing handshake"


class _Unaddressed(logging.Filter):
    """Leaves out what the server says of each connection, and of one that is refused: it names sessions, and the gate's own line
    says all the rest."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is told."""
        return not str(record.msg).startswith(_OF_CONNECTIONS)


def tell_fault(log: logging.Logger, error: Exception) -> None:
    """Log what went wrong in what the service does by itself: of a fault nobody foresaw its type alone."""
    known = isinstance(error, VisavisError)
    code, detail = (error.code, str(error)) if isinstance(error, VisavisError) else ("unforeseen", type(error).__name__)
    log.error("fault" if known else "unforeseen", extra={"code": code, "detail": detail})


def configured() -> dict[str, Any]:
    """A configuration for `logging.config.dictConfig`, for the service and the server under it."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": f"{__name__}.Json"}},
        "filters": {"unaddressed": {"()": f"{__name__}._Unaddressed"}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "json",
                "filters": ["unaddressed"],
                "stream": "ext://sys.stderr",
            }
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "visavis": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
            "uvicorn": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        },
    }
