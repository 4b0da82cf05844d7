"""Connections to addresses that applications name: to the public internet alone, unless the operator allows more.

The name is resolved here and the connection made to what was checked, so that a name that resolves to another address a moment
later leads nowhere else.
"""

import asyncio
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

import httpcore

_NAT64 = IPv6Network("64:ff9b::/96")
_STANDING_FOR_OTHERS = tuple(map(IPv6Network, ("::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "fec0::/10")))
"""Ranges whose addresses stand for others of IPv4 in ways that only a network's own routers know, or are a site's own."""
_LOOKUPS_AT_ONCE = 64


class AddressRefused(Exception):
    """The name leads to an address that is not public."""


def is_public(text: str) -> bool:
    """Whether an address belongs to the public internet, also where it stands for one of IPv4."""
    address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
        if any(address in network for network in _STANDING_FOR_OTHERS):
            return False
    return address.is_global and not address.is_multicast


class Network(httpcore.AsyncNetworkBackend):
    """A network backend that connects to public addresses alone, unless private ones are allowed.

    Names are looked up by threads of its own: a name server that does not answer keeps nothing else waiting.
    """

    def __init__(self, *, allow_private: bool = False) -> None:
        self._through, self._allow_private = httpcore.AnyIOBackend(), allow_private
        self._lookups = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, thread_name_prefix="lookup")

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect. Raises AddressRefused where any address of the host is not public."""
        look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._lookups, look_up)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the name cannot be resolved") from error
        addresses = [str(address[0]) for *_, address in found]
        if not addresses or not (self._allow_private or all(map(is_public, addresses))):
            raise AddressRefused
        return await self._through.connect_tcp(addresses[0], port, timeout, local_address, socket_options)

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise AddressRefused

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
