"""What a connection may do before there is a request: floods and slowness, tried on bare sockets."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.api import Running
from visavis.api.server import HEADERS_BYTES_MAX
from visavis.session import Scope, Vault, make_api_key

BEGIN = b"GET /livez HTTP/1.1\r\nhost: here\r\n"


@pytest.fixture
def vault(memory_vault: Vault) -> Vault:
    """The store is not asked."""
    return memory_vault


@contextmanager
def connected(server: Running) -> Iterator[socket.socket]:
    with socket.create_connection(server.address, timeout=15) as connection:
        yield connection


def answer(connection: socket.socket) -> bytes:
    """All that comes until the server closes."""
    parts = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def pour(connection: socket.socket, data: bytes, times: int) -> int:
    """Send until the server has had enough. How often it was sent."""
    for number in range(times):
        try:
            connection.sendall(data)
        except ConnectionError:
            return number
    return times


@pytest.mark.parametrize(
    ("begin", "flood"),
    [
        (BEGIN, b"x-%d: y\r\n"),
        (BEGIN + b"x: ", b"y"),
        (BEGIN, b" "),
        (b"", b"GET /"),
        (b"GET /", b"a"),
        (b"GET /livez?", b"%00"),
        (b"", b"\r\n"),
        (b"", b"\0"),
    ],
    ids=["many", "long", "folded", "no line", "path", "query", "empty lines", "zeros"],
)
def test_a_flood_of_headers_is_cut_off(server: Running, begin: bytes, flood: bytes) -> None:
    """A gigabyte is offered; no more is read than headers may have, and what the system holds meanwhile."""
    with connected(server) as connection:
        connection.sendall(begin)
        chunk = flood * (HEADERS_BYTES_MAX // len(flood))
        assert pour(connection, chunk, 65_536) < 65_536
        assert answer(connection)[:12] in (b"", b"HTTP/1.1 400")
    with server.client() as client:
        assert client.get("/livez").status_code == 200


def test_headers_up_to_the_limit_are_taken(server: Running) -> None:
    fits = BEGIN + b"x: " + b"y" * (HEADERS_BYTES_MAX - len(BEGIN) - 100) + b"\r\nconnection: close\r\n\r\n"
    with connected(server) as connection:
        connection.sendall(fits)
        assert answer(connection).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("first", [b"", BEGIN + b"\r\n"], ids=["the first request", "a later one"])
def test_slow_headers_are_waited_for_no_longer(serve: Callable[..., Running], first: bytes) -> None:
    server = serve(headers_s=1.0)
    with connected(server) as connection:
        connection.sendall(first)
        came = b""
        while first and not came.endswith(b'{"status":"ok"}'):
            came += connection.recv(65_536)
        started = time.monotonic()
        sent = 0
        while time.monotonic() - started < 10:
            try:
                connection.sendall(b"GET /livez HTTP/1.1\r\n" if not sent else b"x: y\r\n")
            except ConnectionError:
                break
            sent += 1
            time.sleep(0.1)
        assert 5 < sent < 60
        assert answer(connection) == b""


def test_who_says_nothing_is_hung_up_on(serve: Callable[..., Running]) -> None:
    with connected(serve(headers_s=0.5)) as connection:
        assert answer(connection) == b""


def test_a_slow_body_is_no_slow_header(serve: Callable[..., Running], api_key: str) -> None:
    """The time for headers ends with them."""
    server = serve(headers_s=0.5)
    body = b'{"purpose": "door", "against": "upload"}'
    head = f"POST /v1/verification_sessions HTTP/1.1\r\nhost: here\r\nauthorization: Bearer {api_key}\r\nconnection: close\r\n"
    with connected(server) as connection:
        connection.sendall(f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode())
        for byte in body:
            connection.sendall(bytes([byte]))
            time.sleep(0.03)
        assert answer(connection).startswith(b"HTTP/1.1 201")


def test_a_body_that_nobody_reads_any_more_is_waited_for_no_longer(serve: Callable[..., Running]) -> None:
    """The answer is there before the body: each further byte of it must not make the wait begin anew."""
    server = serve(headers_s=1.0)
    with connected(server) as connection:
        connection.sendall(b"POST /livez HTTP/1.1\r\nhost: here\r\ncontent-length: 1000000\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 405")
        sent, started = 0, time.monotonic()
        while time.monotonic() - started < 10:
            try:
                connection.sendall(b"x")
            except ConnectionError:
                break
            sent += 1
            time.sleep(0.1)
        assert 5 < sent < 60


def test_who_reads_no_answers_is_hung_up_on(serve: Callable[..., Running]) -> None:
    server = serve(headers_s=1.0)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        connection.connect(server.address)
        # So many that the buffers of both systems cannot hold them.
        assert pour(connection, b"GET /web/capture.js HTTP/1.1\r\nhost: here\r\n\r\n", 1_000_000) < 1_000_000


@pytest.fixture
def long_answer(vault: Vault) -> bytes:
    """A request for one of some 40 kB, which is less than what a server holds back of its own accord."""
    key = make_api_key(vault, application="shop", scopes=Scope)[1]
    for number in range(150):
        make_api_key(vault, application=f"shop-{number}", scopes=Scope)
    return f"GET /v1/audit?limit=1000 HTTP/1.1\r\nhost: here\r\nauthorization: Bearer {key}\r\n".encode()


@contextmanager
def reading_little(server: Running) -> Iterator[socket.socket]:
    """A client whose system takes little off the network."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.settimeout(20)
        connection.connect(server.address)
        yield connection


@pytest.mark.parametrize(
    "end", [b"\r\n", b"connection: close\r\n\r\n", b"\r\n\0\0\r\n\r\n"], ids=["kept", "closed", "invalid"]
)
def test_who_leaves_an_answer_unread_is_dropped(serve: Callable[..., Running], long_answer: bytes, end: bytes) -> None:
    """Also where the server is closing already, and waits for what is left to be read."""
    server = serve(headers_s=1.0, send_bytes=2048)
    with reading_little(server) as connection:
        connection.sendall(long_answer + end)
        time.sleep(1.5)
        deadline = time.monotonic() + 6
        while server.connections() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert server.connections() == 0


def test_who_closes_his_side_and_reads_nothing_is_dropped(serve: Callable[..., Running], long_answer: bytes) -> None:
    server = serve(headers_s=1.0, send_bytes=2048)
    with reading_little(server) as connection:
        connection.sendall(long_answer + b"\r\n")
        time.sleep(0.3)
        connection.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + 6
        while server.connections() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert server.connections() == 0


def test_who_reads_steadily_gets_all_of_a_long_answer(serve: Callable[..., Running], long_answer: bytes) -> None:
    server = serve(headers_s=0.5, send_bytes=2048)
    with reading_little(server) as connection:
        connection.sendall(long_answer + b"connection: close\r\n\r\n")
        came = b""
        while part := connection.recv(1024):
            came += part
            time.sleep(0.04)
        assert len(json.loads(came.partition(b"\r\n\r\n")[2])["data"]) == 151


def test_others_are_answered_while_hundreds_wait(serve: Callable[..., Running]) -> None:
    server = serve(headers_s=2.0)
    waiting = [socket.create_connection(server.address, timeout=15) for _ in range(300)]
    try:
        for each in waiting:
            each.sendall(BEGIN)
        with server.client() as client:
            assert client.get("/livez").status_code == 200
        ended: list[bytes] = []
        threads = [threading.Thread(target=lambda each=each: ended.append(answer(each))) for each in waiting]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=15)
        assert ended == [b""] * 300
    finally:
        for each in waiting:
            each.close()
