"""A client of live captures, and the application that asks for them."""

import hmac
import json
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from tests.acting import Frame
from tests.api import Running

FPS_MAX = 25.0
CONSENT = {"version": "1", "locale": "en"}


class Client:
    """One connection."""

    def __init__(self, socket: ClientConnection, secret: str) -> None:
        self.socket, self._secret = socket, secret
        self._count, self._key, self._last = 0, b"", b""

    def begin(self, **start: Any) -> dict[str, Any]:
        """Send the first message, and hear the answer."""
        self.say({"type": "start", "secret": self._secret, "consent": CONSENT, **start})
        told = self.hear()
        if told["type"] == "ready":
            self._last = bytes.fromhex(told["nonce"])
            self._key = hmac.digest(self._secret.encode(), self._last, "sha256")
        return told

    def say(self, message: object) -> None:
        self.socket.send(json.dumps(message))

    def hear(self, timeout_s: float = 20) -> dict[str, Any]:
        """The next message."""
        told: dict[str, Any] = json.loads(self.socket.recv(timeout_s))
        return told

    def packed(self, picture: bytes, kind: int = 0) -> bytes:
        """The next binary message."""
        self._count += 1
        head = struct.pack(">BI", kind, self._count)
        self._last = hmac.digest(self._key, self._last + head + picture, "sha256")
        return head + self._last + picture

    def send(self, picture: bytes, kind: int = 0) -> None:
        self.socket.send(self.packed(picture, kind))

    def capture(self, frame: Frame, *, seconds: float = 60) -> tuple[dict[str, Any], list[str]]:
        """Send frames until the end, each when the one before was looked at. Gives the last message, and what was said."""
        heard: list[str] = []
        code, start = "", time.monotonic()
        while (now := time.monotonic() - start) < seconds:
            time.sleep(max(0.0, start + now + 1 / FPS_MAX - time.monotonic()))
            self.send(frame(code, now))
            told = self.hear()
            if told["type"] == "guidance" and told["code"] != code:
                code = told["code"]
                heard.append(code)
            if code == "done":
                told = self.hear()
            if told["type"] != "guidance":
                return told, heard
            assert 0 <= told["progress"] <= 1
        raise AssertionError(f"no end after {seconds} s: {heard}")


@contextmanager
def connected(server: Running, session: dict[str, Any], **how: Any) -> Iterator[Client]:
    """A connection for a session that was just opened."""
    address = f"ws://{server.address[0]}:{server.address[1]}/v1/capture/{session['id']}/live"
    with connect(address, subprotocols=["visavis.live.1"], compression=None, proxy=None, **how) as socket:  # type: ignore[list-item]
        yield Client(socket, session["client_secret"])


def opened(shop: httpx.Client, **body: Any) -> dict[str, Any]:
    response = shop.post("/v1/verification_sessions", json={"purpose": "door", "against": "upload", **body})
    assert response.status_code == 201, response.text
    told: dict[str, Any] = response.json()
    return told


def seen(shop: httpx.Client, session: dict[str, Any]) -> dict[str, Any]:
    """The session as it is now; waits until nobody captures any more."""
    told: dict[str, Any] = {"status": "processing"}
    for _ in range(100):
        if told["status"] != "processing":
            break
        time.sleep(0.05)
        told = shop.get(f"/v1/verification_sessions/{session['id']}").json()
    return told
