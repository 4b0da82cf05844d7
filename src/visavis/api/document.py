"""The OpenAPI document: what FastAPI makes of the routes, with who may ask and which problems may come."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from visavis.api.idempotency import CHANGES_NOTHING
from visavis.api.models import Problem

_PROBLEMS = {
    400: "The form cannot be read.",
    401: "No API key or secret that is good.",
    403: "The API key is for something else.",
    404: "There is nothing of yours with this id.",
    408: "The body did not come in time.",
    409: "It is in a state that does not allow this, or the same request is being carried out.",
    413: "The body, or a photo in it, is too large.",
    422: "What was sent cannot be used.",
    429: "There is too much to do, or you ask too often.",
    500: "A bug of the service.",
    503: "The service lacks something; its operator's log says what.",
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "1 to 255 visible ASCII characters of your own. What is repeated with the same key is carried out once, and "
    "answered alike for a day.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def operation_id(route: APIRoute) -> str:
    """The function's name: what clients that are generated call it."""
    return route.name


def describe(app: FastAPI) -> None:
    """Have the application give the whole document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(
                get_openapi(
                    title=app.title, version=app.version, summary=app.summary, routes=app.routes, license_info=_LICENCE
                )
            )
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


_LICENCE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    components = document["components"]
    components["schemas"].pop("HTTPValidationError", None)
    components["schemas"].pop("ValidationError", None)
    components["schemas"]["Problem"] = Problem.model_json_schema()
    components["securitySchemes"] = {
        "apiKey": {"type": "http", "scheme": "bearer", "description": "An API key: `visavis api-key create`."},
        "clientSecret": {"type": "http", "scheme": "bearer", "description": "The secret of one session."},
    }
    components["responses"] = {
        f"Problem{status}": {
            "description": words,
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, words in _PROBLEMS.items()
    }
    components["parameters"] = {"IdempotencyKey": _KEY}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(operation, path, method)
    return document


def _complete(operation: dict[str, Any], path: str, method: str) -> None:
    statuses = {422, 429, 500, 503}
    if path.startswith(("/v1/", "/metrics")):
        capture = path.startswith("/v1/capture/")
        operation["security"] = [{"clientSecret" if capture else "apiKey": []}]
        statuses |= {401} if capture else {401, 403}
        if "{" in path and not capture:
            statuses |= {404}
    if "requestBody" in operation:
        statuses |= {400, 408, 413}
    if method in ("post", "delete", "patch"):
        statuses |= {404, 409} if method == "post" else {409}
    if method == "post" and not CHANGES_NOTHING.fullmatch(path):
        operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/IdempotencyKey"})
    responses = operation["responses"]
    responses.pop("422", None)
    for status in sorted(statuses):
        responses[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
