"""One question to the service: the wall between aiohttp and the rest of the room."""

from __future__ import annotations

from aiohttp import ClientResponse, ClientSession, ClientTimeout
from yarl import URL

from asyncdl.errors import RETRYABLE_STATUS, NetworkError
from asyncdl.net.aiohttp_faults import session_errors
from asyncdl.net.faults import SESSION_CLOSED
from asyncdl.net.hosts import USER_AGENT
from asyncdl.net.retry import parse_retry_after
from asyncdl.net.service_address import ServiceAddress
from asyncdl.stac.items import NextPage

_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/geo+json, application/json",
    "User-Agent": USER_AGENT,
}


class StacTransport:
    """The way to one STAC service.

    Args:
        address: Of the service.
        session: Whose connections are used.
        timeout_s: For one request and its whole response; two thirds of it for the connection.
        max_reply_bytes: A longer reply is no reply.
    """

    def __init__(
        self,
        address: ServiceAddress,
        session: ClientSession,
        timeout_s: float,
        max_reply_bytes: int,
    ) -> None:
        self.address = address
        self._session = session
        self._timeout = ClientTimeout(total=timeout_s, connect=timeout_s * 2 / 3)
        self._max_reply_bytes = max_reply_bytes

    @property
    def host(self) -> str:
        """Host, and port if it is not the usual one."""
        return self.address.host

    async def ask(self, link: NextPage) -> bytes:
        """Return the whole reply to one question.

        Raises: NetworkError, without one, or if its status is not 200.
        """
        what = f"request to {self.host}"
        if self._session.closed:
            raise SESSION_CLOSED.error(what)
        with session_errors(what):
            async with self._session.request(
                "GET" if link.body is None else "POST",
                # As it came: the mark of a page may be anything.
                URL(link.url, encoded=True),
                data=link.body,
                headers=_HEADERS,
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                _check_status(what, response)
                return await self._read_bounded(what, response)

    async def _read_bounded(self, what: str, response: ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._max_reply_bytes:
                raise NetworkError(what, "the response is too long", retryable=False)
        return bytes(body)


def _check_status(what: str, response: ClientResponse) -> None:
    if response.status == 200:
        return
    is_passing = response.status in RETRYABLE_STATUS
    error = NetworkError(what, f"the host responded with {response.status}", retryable=is_passing)
    error.retry_after_s = parse_retry_after(
        response.headers.get("Retry-After"), sent=response.headers.get("Date")
    )
    raise error
