"""A web shop whose customer approves a payment with their face.

What matters stands in three places: `pay` says what is asked for, `webhook` learns that there is an answer, and `settle`
believes it once its signature is checked. The rest is a shop: its one customer is signed in already, and it forgets all when it
stops.
"""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import escape

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from visavis.client import (
    AsyncKeySet,
    AsyncReports,
    AsyncVisavis,
    CheckedReport,
    Event,
    Expected,
    ReportRefused,
    SignatureInvalid,
    Transaction,
    VisavisError,
    Webhooks,
)

SERVICE = os.environ.get("VISAVIS_URL", "http://127.0.0.1:8000")
ISSUER = os.environ.get("VISAVIS_ISSUER", SERVICE)  # the service's --base-url, as it stands in its reports
APPLICATION = os.environ.get("VISAVIS_APPLICATION", "default")  # whose API key it is
SHOP = os.environ.get("SHOP_URL", "http://127.0.0.1:8080")
CUSTOMER = os.environ["CUSTOMER"]  # the subject's id; a shop keeps it with the customer's account
BASKET = Transaction(amount="12.50", currency="EUR", payee="Bakery")
PRICE = f"{BASKET.amount} {BASKET.currency}"
ENDED = {"verification_session.canceled": "not approved", "verification_session.expired": "not approved in time"}


@dataclass
class Order:
    """asked: what was asked for, and so what the answer must say. proof: the checked answer, once there is one."""

    id: str
    session: str
    asked: Expected
    status: str = "waiting for you"
    proof: CheckedReport | None = None


@dataclass(frozen=True)
class Shop:
    """client: of the service. webhooks, reports: check what comes from it. orders: by id."""

    client: AsyncVisavis
    webhooks: Webhooks
    reports: AsyncReports
    orders: dict[str, Order]


@asynccontextmanager
async def opened(app: FastAPI) -> AsyncIterator[None]:
    """A shop in earnest makes its endpoint once, and keeps the secret where it keeps its others."""
    async with AsyncVisavis(SERVICE) as client:
        events = ["verification_session.verified", *ENDED]
        endpoint = await client.webhook_endpoints.create(url=f"{SHOP}/webhooks", events=events)
        # The answer may be told late, when this shop was down; session and nonce say that it is to no other question.
        reports = AsyncReports(AsyncKeySet(client), issuer=ISSUER, audience=APPLICATION, age_max_s=3 * 86_400)
        app.state.shop = Shop(client, Webhooks(endpoint.secret), reports, {})
        try:
            yield
        finally:
            await client.webhook_endpoints.delete(endpoint.id)


app = FastAPI(lifespan=opened, openapi_url=None)


def shop_of(request: Request) -> Shop:
    """The shop that a request is made to."""
    shop: Shop = request.app.state.shop
    return shop


@app.get("/")
async def start(request: Request) -> HTMLResponse:
    """The basket, and what became of the orders."""
    rows = "".join(
        f'<li><a href="/orders/{order.id}">{order.id}</a>: {escape(order.status)}</li>'
        for order in shop_of(request).orders.values()
    )
    button = '<form method="post" action="/pay" target="_blank"><button>Pay with your face</button></form>'
    return page(f"<p>Bread, {PRICE}</p>{button}<ul>{rows}</ul>", refresh=True)


@app.post("/pay")
async def pay(request: Request) -> RedirectResponse:
    """Ask for a verification that approves this payment and no other, and send the customer there."""
    order_id, nonce = secrets.token_hex(8), secrets.token_urlsafe(16)
    session = await shop_of(request).client.verification_sessions.create(
        purpose="payment",
        against="subject",
        subject=CUSTOMER,
        transaction=BASKET,
        nonce=nonce,
        liveness="not_checked",  # left out by a shop in earnest: then its customer is captured live
    )
    asked = Expected(
        purpose="payment",
        session=session.id,
        subject=CUSTOMER,
        transaction=BASKET,
        nonce=nonce,
        liveness="not_checked",
    )
    shop_of(request).orders[order_id] = Order(order_id, session.id, asked)
    return RedirectResponse(session.url, 303)


@app.post("/webhooks", status_code=204)
async def webhook(request: Request) -> None:
    """Anybody can post here; what is signed comes from the service. It comes again until it is answered with success, so a fault
    in `settle` loses nothing, and settling twice changes nothing."""
    shop = shop_of(request)
    try:
        event = shop.webhooks.verify(await request.body(), request.headers)
    except SignatureInvalid as error:
        raise HTTPException(400, error.code) from error
    order = next((each for each in shop.orders.values() if each.session == event.data.get("id")), None)
    if order is not None and order.proof is None:
        await settle(shop, order, event)


async def settle(shop: Shop, order: Order, event: Event) -> None:
    """Take the money, if the service has signed that this customer approved this payment."""
    if event.type in ENDED:
        order.status = ENDED[event.type]
        return
    for report in await shop.client.verification_sessions.reports(order.session):
        try:
            order.proof = await shop.reports.check(report, expect=order.asked)
        except ReportRefused:  # an attempt before the one that matched
            continue
        order.status = "paid"


@app.get("/orders/{order_id}")
async def show(order_id: str, request: Request) -> HTMLResponse:
    """What became of an order, and the proof."""
    order = shop_of(request).orders.get(order_id)
    if order is None:
        raise HTTPException(404)
    proof = order.proof
    told = "" if proof is None else f"<p>Approved at {proof.issued_at:%H:%M:%S}, report {escape(proof.id)}</p>"
    return page(f"<p>{PRICE}: <strong>{escape(order.status)}</strong></p>{told}", refresh=proof is None)


@app.exception_handler(VisavisError)
async def fault(_: Request, error: VisavisError) -> HTMLResponse:
    """The customer is told no more than that; the code is for whoever looks after the shop."""
    return page(f"<p>This does not work right now ({escape(error.code)}).</p>", status=503)


def page(content: str, *, status: int = 200, refresh: bool = False) -> HTMLResponse:
    """A page that looks for news every few seconds, where there may be some."""
    again = '<meta http-equiv="refresh" content="3">' if refresh else ""
    return HTMLResponse(f'<!doctype html><html lang="en"><title>Bakery</title>{again}{content}', status)
