"""The HTTP client for callers who bring an aiohttp session; the engine's only module with aiohttp.

Slower than :mod:`asyncdl.transfer.wire`, and what that is compared with in tests.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import aiohttp
import anyio
from aiohttp import ClientResponse, ClientSession, ClientTimeout
from multidict import CIMultiDictProxy
from yarl import URL

from asyncdl.errors import NetworkError
from asyncdl.net.addresses import Zone
from asyncdl.net.aiohttp_faults import session_errors
from asyncdl.net.faults import BODY, proxy_refusal
from asyncdl.net.hosts import outermost_zone
from asyncdl.transfer.cookies import SEPARATOR
from asyncdl.transfer.limits import Limits
from asyncdl.transfer.request_headers import OWN_NAMES
from asyncdl.transfer.verification.digest_headers import LISTED
from asyncdl.transfer.wire_url import RequestTarget

WANTS_LOGIN = 407
"""Status of a proxy that wants a login (RFC 9110, section 15.5.8)."""
_LOSSY = (
    "its body has no length, and the TLS of this event loop may lose the end of one: give the "
    "session the connector of asyncdl.net.connectors"
)


class SessionResponse:
    """A response of aiohttp. See :class:`~asyncdl.transfer.http_client.Response`."""

    def __init__(self, response: ClientResponse, target: RequestTarget, limits: Limits) -> None:
        self.status = response.status
        # The peer may be a proxy, also one of the session's owner: it says nothing of the host.
        self.zone = outermost_zone(target.origin[1])
        self.headers: Mapping[str, str] = _joined(response.headers)
        """Their names match in any case."""
        self._response = response
        self._target = target
        self._limits = limits
        self._is_measured = _is_measured(response)
        self._is_lossy = not self._is_measured and _may_lose_the_end(response)
        self._received_bytes = 0
        self._protocol = response.connection.protocol if response.connection else None
        self._loss: BaseException | None = None

    async def read(self, most_bytes: int, timeout_s: float) -> bytes:
        """Return the next bytes of the body; none at its end."""
        what = f"read from {self._target.host}"
        with anyio.fail_after(timeout_s), session_errors(what, phase=BODY):
            data = await self._read(most_bytes)
            if not self._is_measured:
                self._check_end(what, is_end=not data)
        self._received_bytes += len(data)
        return data

    def _check_end(self, what: str, *, is_end: bool) -> None:
        """Check an end that only the end of the connection shows. Raises: NetworkError; OSError."""
        # aiohttp takes any end of a connection for that of the body, and then forgets it.
        if self._loss is None and self._protocol is not None:
            self._loss = self._protocol.exception()
        if is_end and isinstance(self._loss, OSError):
            raise self._loss
        # Less than this never has aiohttp rest, and nothing is lost while it reads.
        is_checked = not self._is_lossy or self._received_bytes <= self._limits.read_buffer_bytes
        if is_end and not is_checked:
            raise NetworkError(what, _LOSSY, retryable=False, phase=BODY)

    async def _read(self, most_bytes: int) -> bytes:
        content = self._response.content
        try:
            if most_bytes < self._limits.read_buffer_bytes:
                return await content.read(most_bytes)
            return await content.readany()
        except (aiohttp.ClientError, OSError):
            # aiohttp reports the break ahead of the bytes that came before it. They are good,
            # and on a bad link they are all there is.
            if rest := content._read_nowait(-1):
                return rest
            raise

    def take_received(self) -> bytes:
        """Return nothing: aiohttp keeps what was not read."""
        return b""

    def close(self) -> None:
        """Give the connection back, or close it if the body has not been read."""
        if self._response.content.is_eof():
            self._response.release()
        else:
            self._response.close()


def _is_measured(response: ClientResponse) -> bool:
    """Return whether the end of the body is known from its framing."""
    return any(name in response.headers for name in ("Content-Length", "Transfer-Encoding"))


def _may_lose_the_end(response: ClientResponse) -> bool:
    """Return whether the end of a body could be missing without a trace.

    Where a reader rests while the host closes, uvloop's TLS drops what has come; so does
    whatever is made like it. Only a length or chunks show that.
    """
    transport = response.connection.transport if response.connection else None
    if transport is None or transport.get_extra_info("sslcontext") is None:
        return False
    return type(transport).__module__.partition(".")[0] not in ("asyncio", "asyncdl")


def _joined(headers: CIMultiDictProxy[str]) -> Mapping[str, str]:
    """Return the headers with one field for each list."""
    lists = *LISTED, "www-authenticate"
    separators = dict.fromkeys(lists, ", ") | {"set-cookie": SEPARATOR}
    repeated = [name for name in separators if len(headers.getall(name, ())) > 1]
    if not repeated:
        return headers
    joined = headers.copy()
    for name in repeated:
        joined[name] = separators[name].join(headers.getall(name))
    return joined


class SessionClient:
    """Makes requests by a session, which it does not close.

    Args:
        session: It should have no cookies and no ``auto_decompress``.
        limits: Timeouts and the size of buffers.
        proxy: Host and port of the proxy that the session goes by, for errors; empty if
            there is none, or only its owner knows.
    """

    def __init__(self, session: ClientSession, limits: Limits, *, proxy: str = "") -> None:
        self._session = session
        self._proxy = proxy
        self._limits = limits
        # A total would end every long download; ResponseStream watches for stalls.
        self._timeout = ClientTimeout(total=None, sock_connect=limits.connect_timeout_s)

    async def get(
        self, target: RequestTarget, headers: Mapping[str, str], max_zone: Zone
    ) -> SessionResponse:
        """Send a GET and return its response; the session decides where it connects to."""
        what, limits = f"request to {target.host}", self._limits
        if self._proxy:
            what += f" through the proxy {self._proxy}"
        with session_errors(what):
            with anyio.fail_after(limits.connect_timeout_s + limits.header_timeout_s):
                response = await self._session.get(
                    URL(target.text, encoded=True),
                    headers=headers,
                    skip_auto_headers=OWN_NAMES,
                    allow_redirects=False,
                    timeout=self._timeout,
                    read_bufsize=limits.read_buffer_bytes,
                )
        if self._proxy and response.status == WANTS_LOGIN:
            # Without TLS the proxy's own responses look like the host's.
            response.close()
            raise proxy_refusal(WANTS_LOGIN).error(what)
        return SessionResponse(response, target, limits)

    def idle_connections(self, target: RequestTarget) -> int:
        """Return a high number: what the session's connector keeps is not known."""
        return sys.maxsize

    async def aclose(self) -> None:
        """Do nothing: the session is its owner's."""
