"""What the engine needs of an HTTP client. Two ways offer it, and the tests run over both.

The way of :mod:`asyncdl.transfer.wire` is the one that is taken. The way of
:mod:`asyncdl.transfer.aiohttp_client` is for proxies, and for callers who bring an aiohttp
session with a resolver of their own. Both bring the same bytes and fail alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from asyncdl.net.addresses import Zone
from asyncdl.transfer.wire_url import RequestTarget


class Exchange(Protocol):
    """An answer, whose body is still to come."""

    @property
    def status(self) -> int:
        """Such as 206."""

    @property
    def zone(self) -> Zone:
        """Where the host is that sent it; by its text alone, where only a proxy knows."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The first of each name; names are in lower case."""

    async def read(self, most_bytes: int, patience_s: float) -> bytes | memoryview:
        """Return the next bytes of the body; none at its end. They are good until the next call.

        Args:
            most_bytes: About so many at most.
            patience_s: The first of them is waited for so long.
        Raises: TimeoutError, if none comes for so long; NetworkError, if the
            connection breaks before the end. What came until then comes first.
        """

    def rest(self) -> bytes | memoryview:
        """Return what a cancelled :meth:`read` had received already."""

    def close(self) -> None:
        """Be done with it. A body that has not been read to its end costs the connection."""


class Client(Protocol):
    """Makes requests over connections that it keeps."""

    async def get(
        self, target: RequestTarget, headers: Mapping[str, str], inmost: Zone
    ) -> Exchange:
        """Send a GET and return the answer, whatever its status; redirects are not followed.

        Args:
            target: What is asked for.
            headers: What goes with it.
            inmost: No host further inward is asked.
        Raises: NetworkError, without an answer; Refused.
        """

    async def aclose(self) -> None:
        """Close all connections."""
