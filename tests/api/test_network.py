import asyncio
import socket
from typing import Any

import httpcore
import pytest

from visavis.api.network import AddressRefused, Network, is_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.0.9", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1",  # noqa: S104
        "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "::127.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b:1::1", "fec0::1",
    ],
)  # fmt: skip
def test_what_is_not_the_public_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"]
)
def test_what_is(address: str) -> None:
    assert is_public(address)


class TestNetwork:
    def test_one_address_of_the_operators_network_among_public_ones_is_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._resolves(monkeypatch, "1.1.1.1", "10.0.0.1")
        with pytest.raises(AddressRefused):
            asyncio.run(self._connect())

    def test_the_connection_is_made_to_what_was_checked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._resolves(monkeypatch, "1.1.1.1")
        made: list[tuple[str, int]] = []

        async def connect(_: object, host: str, port: int, *__: Any) -> httpcore.AsyncNetworkStream:
            made.append((host, port))
            raise httpcore.ConnectError

        monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
        with pytest.raises(httpcore.ConnectError):
            asyncio.run(self._connect())
        assert made == [("1.1.1.1", 443)]

    def test_a_name_that_there_is_not(self) -> None:
        with pytest.raises(httpcore.ConnectError):
            asyncio.run(Network().connect_tcp("a" * 64, 443))

    def test_no_socket_of_the_file_system(self) -> None:
        with pytest.raises(AddressRefused):
            asyncio.run(Network().connect_unix_socket("/tmp/x"))  # noqa: S108

    async def _connect(self) -> None:
        await Network().connect_tcp("shop.example", 443)

    def _resolves(self, monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
        def resolve(*_: object, **__: object) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
