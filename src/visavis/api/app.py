"""The application: routes, gate and page in one place."""

from fastapi import Depends, FastAPI, Response
from starlette.formparsers import MultiPartParser
from starlette.middleware.cors import CORSMiddleware

from visavis._version import __version__
from visavis.api import audit, capture, comparisons, credentials, enrolments, live, sessions, subjects, webhooks
from visavis.api import models as m
from visavis.api.access import needs
from visavis.api.document import describe, operation_id
from visavis.api.gate import Gate
from visavis.api.idempotency import Idempotent
from visavis.api.metrics import CONTENT_TYPE
from visavis.api.page import serve_page
from visavis.api.problem import handle_problems
from visavis.api.service import Service
from visavis.api.tending import tended
from visavis.api.tracing import Traced
from visavis.session import Scope
from visavis.template import jwk


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
        generate_unique_id_function=operation_id,
    )
    for module in (sessions, enrolments, comparisons, subjects, credentials, webhooks, audit, capture, live):
        app.include_router(module.router(service))
    _well_known(app, service)
    _metrics(app, service)
    serve_page(app)
    handle_problems(app)
    describe(app)
    app.add_middleware(Idempotent, service=service)
    app.add_middleware(Gate, service=service)
    if service.page_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=sorted(service.page_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization"],
            expose_headers=["Retry-After"],
            max_age=600,
        )
    if service.tracer is not None:
        app.add_middleware(Traced, tracer=service.tracer)
    return app


def _well_known(app: FastAPI, service: Service) -> None:
    @app.get("/livez", tags=["health"])
    async def get_liveness() -> m.Health:
        """Whether the process answers."""
        return m.Health()

    @app.get("/readyz", tags=["health"])
    def get_readiness() -> m.Health:
        """Whether it can serve: the database, the store of shreds and the keys answer, and whom it believes can be read."""
        vault = service.desk.vault
        with vault.store.reading() as tx:
            tx.audit.tip()
        vault.shreds.missing([bytes(16)])
        _ = vault.keys.current
        if service.desk.documents is not None:
            service.desk.documents.trust()
        return m.Health()

    @app.get("/.well-known/jwks.json", tags=["keys"])
    def get_key_set(response: Response) -> m.KeySet:
        """The public keys of the reports, newest last (RFC 7517)."""
        response.headers["Cache-Control"] = "public, max-age=300"
        return m.KeySet(keys=[m.PublicKey.model_validate(jwk(key)) for key in service.public_keys()])


def _metrics(app: FastAPI, service: Service) -> None:
    store, metrics = service.desk.vault.store, service.metrics

    def pending() -> int:
        with store.reading() as tx:
            return tx.outbox.pending()

    metrics.watch(
        "visavis_photos_in_work", "Requests whose photos are looked at or wait for it.", lambda: service.room.taken
    )
    metrics.watch("visavis_captures_in_work", "Live captures.", lambda: service.studio.taken)
    metrics.watch("visavis_webhooks_pending", "Deliveries that are still to be made.", pending)

    @app.get(
        "/metrics",
        tags=["health"],
        dependencies=[Depends(needs(Scope.METRICS))],
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def get_metrics() -> Response:
        """Metrics in the text format of Prometheus."""
        return Response(metrics.read(), media_type=CONTENT_TYPE)
