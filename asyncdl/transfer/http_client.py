"""What the engine needs of an HTTP client. There are two, and the tests run with both.

The engine's own is :mod:`asyncdl.transfer.wire`. :mod:`asyncdl.transfer.aiohttp_client` is for
proxies, and for callers who bring an aiohttp session with a resolver of their own. Both return the
same bytes and raise the same errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from asyncdl.net.addresses import Zone
from asyncdl.transfer.wire_url import RequestTarget


class Response(Protocol):
    """A response whose body is still to come."""

    @property
    def status(self) -> int:
        """Such as 206."""

    @property
    def zone(self) -> Zone:
        """Where the host is that sent it; by the text of its name where only a proxy knows."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The first of each name; names are in lower case."""

    async def read(self, most_bytes: int, timeout_s: float) -> bytes | memoryview:
        """Return the next bytes of the body; none at its end. They are good until the next call.

        Args:
            most_bytes: About so many at most.
            timeout_s: The first of them is waited for so long.
        Raises: TimeoutError, if none comes for so long; NetworkError, if the
            connection breaks before the end. What came until then comes first.
        """

    def take_received(self) -> bytes | memoryview:
        """Return what a cancelled :meth:`read` had received already."""

    def close(self) -> None:
        """Be done with it. A body that has not been read to its end costs the connection."""


class Client(Protocol):
    """Makes requests over connections that it keeps."""

    async def get(
        self, target: RequestTarget, headers: Mapping[str, str], max_zone: Zone
    ) -> Response:
        """Send a GET and return the response, whatever its status; redirects are not followed.

        Args:
            target: The URL.
            headers: Of the request.
            max_zone: No address further inward is connected to.
        Raises: NetworkError, without a response; AddressRefused.
        """

    async def aclose(self) -> None:
        """Close all connections."""
