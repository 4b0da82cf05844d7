"""The service over HTTP: a real server on a port of its own, and a real client."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import uvicorn

from visavis.api import Service, server_of


@dataclass(frozen=True)
class Running:
    """A server that answers. address: with its port."""

    service: Service
    address: tuple[str, int]
    server: uvicorn.Server

    def connections(self) -> int:
        """How many are open."""
        return len(self.server.server_state.connections)

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"

    def client(self, token: str | None = None) -> httpx.Client:
        """One that shows a key, or a secret."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=30)


@contextmanager
def running(service: Service, *, send_bytes: int | None = None, port: int = 0) -> Iterator[Running]:
    """Serve for the length of the block. send_bytes: so much of an answer the system takes off the server's hands."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        if send_bytes is not None:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_bytes)
        server = server_of(service, log_config=None, timeout_graceful_shutdown=5)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
        thread.start()
        try:
            address = listening.getsockname()
            with httpx.Client(trust_env=False, transport=httpx.HTTPTransport(retries=5)) as client:
                client.get(f"http://{address[0]}:{address[1]}/livez").raise_for_status()
            yield Running(service, address, server)
        finally:
            server.should_exit = True
            thread.join()
