"""One question to the service: the wall between aiohttp and the rest of the room."""

from __future__ import annotations

from aiohttp import ClientResponse, ClientSession, ClientTimeout
from yarl import URL

from asyncdl.errors import RETRYABLE_STATUS, ConfigError, NetworkError
from asyncdl.net.aiohttp_faults import session_errors
from asyncdl.net.faults import SESSION_CLOSED
from asyncdl.net.retry import parse_retry_after
from asyncdl.redact import Url
from asyncdl.stac.items import NextPage
from asyncdl.version import __version__

_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/geo+json, application/json",
    "User-Agent": f"asyncdl/{__version__}",
}


def base_address(url: Url) -> URL:
    """Return the address of a service. Raises: ConfigError, if it is not an http(s) address."""
    if (base := _address(url)) is None:
        raise ConfigError(
            "not the address of a service",
            key="service.stac_url",
            value=url,
            allowed='http:// or https:// and a host, or "" for none',
        )
    return base.with_query(None).with_fragment(None)


def _address(url: Url) -> URL | None:
    """Return an http(s) address; ``None``, if it is none."""
    try:
        base = URL(str(url))
        (base.host or "").encode("idna")  # as it is done to look it up
        is_one = base.scheme in ("http", "https") and base.host and base.port
    except ValueError:
        return None
    return base if is_one else None


class StacTransport:
    """The way to one STAC service.

    Args:
        base: Its address, see :func:`base_address`.
        session: Whose connections are used.
        timeout_s: For one request and its whole response; two thirds of it for the connection.
        max_reply_bytes: A longer reply is no reply.
    """

    def __init__(
        self, base: URL, session: ClientSession, timeout_s: float, max_reply_bytes: int
    ) -> None:
        self._base = base
        self._session = session
        self._timeout = ClientTimeout(total=timeout_s, connect=timeout_s * 2 / 3)
        self._max_reply_bytes = max_reply_bytes

    @property
    def host(self) -> str:
        """Host, and port if it is not the usual one."""
        return self._base.authority.rpartition("@")[2]

    @property
    def origin(self) -> str:
        """Such as ``https://host``."""
        return f"{self._base.scheme}://{self.host}"

    @property
    def search_url(self) -> str:
        """Where to search for items."""
        return f"{str(self._base).rstrip('/')}/search"

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
