"""Faults as problem documents (RFC 9457), with the code of the error and, where one is at fault, the parameter."""

import logging
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from visavis.errors import IdempotencyUnfinished, ImageError, Overloaded, RateLimited, VisavisError

MEDIA_TYPE = "application/problem+json"
STATUS = {
    "api_key_refused": 401,
    "client_secret_refused": 401,
    "scope_missing": 403,
    "origin_refused": 403,
    "session_unknown": 404,
    "subject_unknown": 404,
    "credential_unknown": 404,
    "endpoint_unknown": 404,
    "event_unknown": 404,
    "request_too_slow": 408,
    "session_closed": 409,
    "liveness_required": 409,
    "subject_enrolled": 409,
    "idempotency_unfinished": 409,
    "status_list_full": 503,
    "image_too_large": 413,
    "request_too_large": 413,
    "rate_limited": 429,
    "overloaded": 429,
    "key_unusable": 503,
    "store_unusable": 503,
    "model_mismatch": 503,
    "model_unreadable": 503,
    "model_not_found": 503,
    "model_hash_mismatch": 503,
}
"""Of codes that are no 422: what came could be read, and cannot be used."""
_log = logging.getLogger("visavis.api")


def problem(
    status: int, code: str, detail: str, *, parameter: str | None = None, retry_after_s: float | None = None
) -> JSONResponse:
    """A problem document."""
    content: dict[str, Any] = {
        "type": f"urn:visavis:error:{code}",
        "title": code.replace("_", " "),
        "status": status,
        "detail": detail,
        "code": code,
    }
    if parameter is not None:
        content["parameter"] = parameter
    headers = {} if retry_after_s is None else {"Retry-After": str(max(1, round(retry_after_s)))}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(content, status, headers, MEDIA_TYPE)


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a fault to who asked."""

    status: int
    code: str
    detail: str
    parameter: str | None = None
    retry_after_s: float | None = None


def is_ours(error: VisavisError) -> bool:
    """Whether it is the service that lacks something."""
    return STATUS.get(error.code, 422) >= 500


def told(error: VisavisError, scope: Scope) -> Told:
    """What is said of a fault of ours, whose code the log of the request repeats. What the service itself lacks is told to its
    operator alone."""
    scope["state"]["code"] = error.code
    status = STATUS.get(error.code, 422)
    if status == 503:
        _log.error("fault", extra={"code": error.code, "detail": str(error)})
        return Told(503, error.code, "the service cannot answer now; its operator's log says why", retry_after_s=30)
    parameter = error.parameter if isinstance(error, ImageError) else None
    retry_after_s = error.retry_after_s if isinstance(error, (RateLimited, Overloaded, IdempotencyUnfinished)) else None
    return Told(status, error.code, str(error), parameter, retry_after_s)


def unforeseen(error: Exception, scope: Scope) -> Told:
    """What is said of a fault that nobody foresaw: to the operator its type, to who asked that there was one."""
    scope["state"]["code"] = "unforeseen"
    _log.error("unforeseen", extra={"code": "unforeseen", "detail": type(error).__name__})
    return Told(500, "unforeseen", "this is a bug; please report it with the request's id")


def of(error: VisavisError, scope: Scope) -> JSONResponse:
    """A fault of ours as a problem."""
    return _problem_of(told(error, scope))


def _problem_of(said: Told) -> JSONResponse:
    return problem(said.status, said.code, said.detail, parameter=said.parameter, retry_after_s=said.retry_after_s)


def handle_problems(app: FastAPI) -> None:
    """Have the application answer every fault with a problem document."""

    async def ours(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, VisavisError)  # noqa: S101 - registered for these
        return of(error, request.scope)

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for these
        request.scope["state"]["code"] = "input_invalid"
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            return problem(422, "input_invalid", "the body is no JSON")
        parameter = ".".join(str(part) for part in first["loc"][1:])
        said = "expected a file" if "UploadFile" in first["msg"] else first["msg"]
        return problem(422, "input_invalid", f"{parameter or 'the body'}: {said}", parameter=parameter or None)

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for these
        if isinstance(error.__cause__, VisavisError):  # raised while the body was read
            return of(error.__cause__, request.scope)
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "input_invalid")
        request.scope["state"]["code"] = code
        answer = problem(error.status_code, code, str(error.detail))
        if error.status_code == 405:
            answer.headers["Allow"] = ", ".join(sorted(_methods(app, request)))
        return answer

    async def bug(request: Request, error: Exception) -> JSONResponse:
        return _problem_of(unforeseen(error, request.scope))

    app.add_exception_handler(VisavisError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, bug)


def _methods(app: FastAPI, request: Request) -> set[str]:
    """What the path of a request can be asked with."""
    routes = [route for route in app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return {method for route in routes for method in getattr(route, "methods", ())}
