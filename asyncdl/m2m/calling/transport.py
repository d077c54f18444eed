"""One POST to the service: bytes out, bytes back.

The only module of ``m2m`` that uses aiohttp: above it there are only :class:`RawReply` and our own
errors. Responses about scenes or files grow with their number, which the config limits; those
about the account or a dataset do not.

Source: recorded replies; API notes, section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import ClientResponse, ClientSession, ClientTimeout

from asyncdl.errors import ApiError
from asyncdl.m2m.calling.call_retries import MAX_REPLY_BYTES
from asyncdl.net.addresses import ANYWHERE, Zone
from asyncdl.net.aiohttp_faults import session_errors
from asyncdl.net.faults import SESSION_CLOSED
from asyncdl.net.hosts import USER_AGENT
from asyncdl.net.service_address import service_address
from asyncdl.net.sessions import open_session, zone_met
from asyncdl.net.tls import Tls
from asyncdl.redact import SecretBuffer, SecretBytes, Url

SHORT_REPLY_BYTES = 1024**2
"""A key, a count or a list of rights takes some hundred bytes."""
DATASET_REPLY_BYTES = 32 * 1024**2
"""All datasets with all their details take about one MiB."""

_SHORT = frozenset(
    {
        "download-complete-proxied", "download-eula", "download-order-remove", "download-remove",
        "download-summary", "login-token", "logout", "notifications", "permissions",
        "rate-limit-summary", "scene-list-add", "scene-list-remove", "scene-list-summary",
        "scene-list-types", "scene-search-delete",
    }
)  # fmt: skip
_OF_DATASETS = frozenset(
    {
        "dataset", "dataset-download-options", "dataset-file-groups", "dataset-filters",
        "dataset-search",
    }
)  # fmt: skip


def max_bytes_of(endpoint: str) -> int:
    """Return the maximum size of a response; where it grows with the request, only
    ``service.max_reply`` limits it."""
    if endpoint in _SHORT:
        return SHORT_REPLY_BYTES
    return DATASET_REPLY_BYTES if endpoint in _OF_DATASETS else 2**63


@dataclass(frozen=True, slots=True)
class RawReply:
    """A response as it came."""

    status: int
    headers: Mapping[str, str]
    """Case-insensitive."""
    body: bytes | bytearray = field(repr=False)


class Transport:
    """Sends calls to one M2M service.

    Args:
        url: Base address of the API; endpoints are appended to it.
        session: Used in place of one of our own. It stays open, and its cookies and default
            headers are sent with every call.
        connect_timeout_s: For name, connection and TLS together.
        read_timeout_s: Without a byte of the response.
        max_reply_bytes: A longer response is an error; counted after decompression.
        tls: Certificates to trust and to show, for a session of our own.
    Raises: ConfigError, if ``url`` is not an http(s) address, or is without TLS and not
        this machine.
    """

    def __init__(
        self,
        url: str,
        *,
        session: ClientSession | None = None,
        connect_timeout_s: float = 30.0,
        read_timeout_s: float = 300.0,
        max_reply_bytes: int = MAX_REPLY_BYTES,
        tls: Tls | None = None,
    ) -> None:
        self._address = service_address(Url(url), key="service.url", has_secrets=True)
        self._session = session
        self._owns_session = session is None
        self._max_reply_bytes = max_reply_bytes
        self._tls = tls
        self.zone: Zone = ANYWHERE
        """The outermost zone that responses came from so far."""
        self._timeout = ClientTimeout(
            total=None, connect=connect_timeout_s, sock_read=read_timeout_s
        )

    @property
    def host(self) -> str:
        """Host, and port if it is not the usual one."""
        return self._address.host

    async def post(self, endpoint: str, body: bytes, *, api_key: str | None) -> RawReply:
        """Send one call and return the whole response, whatever its status.

        A cancelled call closes its connection.

        Args:
            endpoint: Such as ``scene-search``.
            body: JSON.
            api_key: Sent as ``X-Auth-Token``; ``None`` sends no such header.
        Raises:
            NetworkError: no usable response.
            ApiError: the response is longer than any real one.
            ConfigError: a file that ``tls`` names is not what it should be.
        """
        what = f"call {endpoint} at {self.host}"
        session = await self._open_session()
        if session.closed:
            raise SESSION_CLOSED.error(what)
        with session_errors(what):
            async with session.post(
                self._address.url_of(endpoint),
                data=body,
                headers=_headers(endpoint, api_key),
                timeout=self._timeout,
                # A redirect would take the key to another host.
                allow_redirects=False,
            ) as response:
                self.zone = min(self.zone, zone_met(session, self._address.hostname))
                reply = await self._read_bounded(endpoint, response)
                return RawReply(response.status, response.headers, reply)

    async def reconnect(self) -> None:
        """Let the next call use a new connection, if the session is our own."""
        if self._owns_session and self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def aclose(self) -> None:
        """Close the session, if it is ours. May be called twice."""
        if self._session is not None and self._owns_session:
            await self._session.close()

    async def _open_session(self) -> ClientSession:
        # Made on first use, since aiohttp needs a running loop. Calls come one at a time.
        if self._session is None:
            self._session = await open_session(self._address.origin, self._tls)
        return self._session

    async def _read_bounded(self, endpoint: str, response: ClientResponse) -> SecretBuffer:
        max_bytes = min(self._max_reply_bytes, max_bytes_of(endpoint))
        # One buffer that grows: joining pieces in the end would take the memory twice.
        body = SecretBuffer()
        while chunk := SecretBytes(await response.content.readany()):
            if len(body) + len(chunk) > max_bytes:
                raise ApiError(endpoint, message=_too_long(max_bytes, self._max_reply_bytes))
            body += chunk
        return body


def _too_long(max_bytes: int, max_reply_bytes: int) -> str:
    problem = f"the response is longer than {max_bytes} bytes"
    if max_bytes < max_reply_bytes:
        return f"{problem}, and no real one of this endpoint is"
    return f"{problem}; raise service.max_reply, or request less with fewer scenes_per_call"


def _headers(endpoint: str, api_key: str | None) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "User-Agent": USER_AGENT}
    if api_key is not None:
        headers["X-Auth-Token"] = api_key
    if endpoint == "logout":
        # Also in a session that is not ours, a second logout gets a connection of its own.
        headers["Connection"] = "close"
    return headers
