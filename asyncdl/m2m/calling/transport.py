"""One POST to the service: bytes out, bytes back.

Source: recorded replies; API notes, section 4. What tells of scenes or files one by one grows
with their number, which the config bounds; what tells of the account or a dataset does not.

The wall between aiohttp and the rest of ``m2m``: above it there are only
:class:`RawReply` and our own errors.
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
"""All datasets with all that is said of them take about one."""

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


def most_bytes_of(endpoint: str) -> int:
    """Return how long a reply can be; of what grows with what is asked for, ``service.max_reply``
    alone decides."""
    if endpoint in _SHORT:
        return SHORT_REPLY_BYTES
    return DATASET_REPLY_BYTES if endpoint in _OF_DATASETS else 2**63


@dataclass(frozen=True, slots=True)
class RawReply:
    """A reply as it came."""

    status: int
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    body: bytes | bytearray = field(repr=False)


class Transport:
    """The way to one M2M service.

    Args:
        url: Base address of the API; endpoints are appended to it.
        session: To be used in place of one of our own. It stays open, and its
            cookies and default headers go along with every call.
        connect_timeout_s: For name, connection and TLS together.
        read_timeout_s: Between any two pieces of the reply, the first included.
        max_reply_bytes: A longer reply is an error; counted after decompression.
        tls: Whom to trust, for a session of our own.
    Raises: ConfigError, if ``url`` is not an http(s) address, or would be spoken to without
        TLS and is not this very machine.
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
        """The outmost place that replies came from so far."""
        self._timeout = ClientTimeout(
            total=None, connect=connect_timeout_s, sock_read=read_timeout_s
        )

    @property
    def host(self) -> str:
        """Host, and port if it is not the usual one."""
        return self._address.host

    async def post(self, endpoint: str, body: bytes, *, api_key: str | None) -> RawReply:
        """Send one call and return the whole reply, whatever its status.

        A cancelled call closes its connection.

        Args:
            endpoint: Such as ``scene-search``.
            body: JSON.
            api_key: Sent as ``X-Auth-Token``; ``None`` sends no such header.
        Raises:
            NetworkError: no usable answer.
            ApiError: the reply is longer than any real one.
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
        """Let the next call have a new connection, when the session is ours to close."""
        if self._owns_session and self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def aclose(self) -> None:
        """Close the session, if it is ours. May be called twice."""
        if self._session is not None and self._owns_session:
            await self._session.close()

    async def _open_session(self) -> ClientSession:
        # Made on first use: aiohttp wants a running loop for it. Calls come one at a time.
        if self._session is None:
            self._session = await open_session(self._address.origin, self._tls)
        return self._session

    async def _read_bounded(self, endpoint: str, response: ClientResponse) -> SecretBuffer:
        most_bytes = min(self._max_reply_bytes, most_bytes_of(endpoint))
        # One buffer that grows: pieces that are joined in the end take the memory twice.
        body = SecretBuffer()
        while chunk := SecretBytes(await response.content.readany()):
            if len(body) + len(chunk) > most_bytes:
                raise ApiError(endpoint, message=_too_long(most_bytes, self._max_reply_bytes))
            body += chunk
        return body


def _too_long(most_bytes: int, max_reply_bytes: int) -> str:
    problem = f"the reply is longer than {most_bytes} bytes"
    if most_bytes < max_reply_bytes:
        return f"{problem}, and no real one of this endpoint is"
    return f"{problem}; service.max_reply allows more, fewer scenes_per_call ask for less"


def _headers(endpoint: str, api_key: str | None) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "User-Agent": USER_AGENT}
    if api_key is not None:
        headers["X-Auth-Token"] = api_key
    if endpoint == "logout":
        # In a session that is not ours, too, a second one gets a connection of its own.
        headers["Connection"] = "close"
    return headers
