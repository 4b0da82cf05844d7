"""The application: routes, gate and page in one place."""

from importlib import resources

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse
from starlette.formparsers import MultiPartParser

from visavis._version import __version__
from visavis.api import capture, comparisons, sessions, subjects
from visavis.api.gate import Gate
from visavis.api.problem import handle_problems
from visavis.api.service import Service
from visavis.api.tending import tended
from visavis.template import jwk

_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


def make_app(service: Service) -> FastAPI:
    """The service as an ASGI application."""
    MultiPartParser.spool_max_size = service.body_max + 1  # no photo is written to a temporary file
    app = FastAPI(
        title="visavis",
        version=__version__,
        summary="One-to-one face verification: is this the person they claim to be?",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lambda _: tended(service),
    )
    for module in (sessions, comparisons, subjects, capture):
        app.include_router(module.router(service))
    _well_known(app, service)
    _page(app)
    handle_problems(app)
    app.add_middleware(Gate, service=service)
    return app


def _well_known(app: FastAPI, service: Service) -> None:
    @app.get("/livez", tags=["health"], response_model=None)
    def live() -> dict[str, str]:
        """Whether the process answers."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"], response_model=None)
    def ready() -> dict[str, str]:
        """Whether it can serve: the database, the store of shreds and the keys answer."""
        vault = service.desk.vault
        with vault.store.reading() as tx:
            tx.audit.tip()
        vault.shreds.missing([bytes(16)])
        _ = vault.keys.current
        return {"status": "ok"}

    @app.get("/.well-known/jwks.json", tags=["keys"], response_model=None)
    def key_set(response: Response) -> dict[str, list[dict[str, str]]]:
        """The public keys of the reports, newest last (RFC 7517)."""
        response.headers["Cache-Control"] = "public, max-age=300"
        return {"keys": [jwk(key) for key in service.public_keys()]}


def _page(app: FastAPI) -> None:
    folder = resources.files("visavis") / "web"

    @app.get("/verify/{session_id}", include_in_schema=False)
    def page(session_id: str) -> HTMLResponse:  # noqa: ARG001 - the page's script reads it from the address
        return HTMLResponse((folder / "capture.html").read_bytes(), headers={"Content-Security-Policy": _PAGE_POLICY})

    for name, kind in (("capture.js", "text/javascript"), ("capture.css", "text/css")):

        def asset(name: str = name, kind: str = kind) -> Response:
            return Response((folder / name).read_bytes(), media_type=kind, headers={"Cache-Control": "max-age=300"})

        app.add_api_route(f"/web/{name}", asset, include_in_schema=False)
