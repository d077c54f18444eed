"""The one place that knows aiohttp: session, requests, redirects, foreign errors.

URLs go out byte for byte as they came: a signature covers its padding, its
case, and the order of its parameters.
"""

from __future__ import annotations

import re
import string
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn
from urllib.parse import quote, urljoin, urlsplit

import aiohttp
import anyio
from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from yarl import URL

from asyncdl.errors import NetworkError, Stalled, TransferError, WrongContent
from asyncdl.redact import Url, redact
from asyncdl.transfer.answers import Head, read_head
from asyncdl.transfer.body import Body
from asyncdl.transfer.governor import host_of
from asyncdl.transfer.guard import (
    InwardAddress,
    PlacedResponse,
    Refused,
    make_socket,
    no_further_than,
    zone_of_sender,
)
from asyncdl.transfer.limits import Limits
from asyncdl.transfer.patience import Patience
from asyncdl.transfer.tries import LOGIN_PAGE
from asyncdl.transfer.zones import ANYWHERE, Zone
from asyncdl.version import __version__

BAD_URL = "bad-url"
"""Reason of the ``TransferError`` for what is no ``http`` or ``https`` URL."""

_OWN_HEADERS = {
    "User-Agent": f"asyncdl/{__version__}",
    "Accept": "*/*",
    # Other codings make lengths and ranges those of the coded form.
    "Accept-Encoding": "identity",
}

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEPALIVE_S = 30.0
_URLS_IN_USE = 256
"""A URL is checked when it is taken and needed when it is asked for, a moment later."""
_LOGIN_HOSTS = frozenset({"ers.cr.usgs.gov", "urs.earthdata.nasa.gov"})
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True, slots=True)
class Link:
    """A URL, and how far inward it may lead."""

    url: str
    inmost: Zone = ANYWHERE

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", Url(self.url))


class Answer:
    """An answer whose body can be read. Made by :func:`open_answer`."""

    def __init__(self, link: Link, response: ClientResponse, limits: Limits) -> None:
        self.link = link
        """Where it came from in the end."""
        self.url = link.url
        self.head: Head = read_head(response.status, response.headers)
        self._body = Body(response, limits)
        self._patience = Patience(limits.stall_timeout_s, limits.slowest_bytes_s)

    async def read(self, most_bytes: int = sys.maxsize) -> bytes | memoryview:
        """Return the next bytes of the body; none at its end. They are good until the next call.

        Args:
            most_bytes: About so many at most.
        Raises: Stalled, if none come for too long, or too few; NetworkError, if
            the connection breaks or the body ends before its announced end.
        """
        if data := self._body.read_nowait():
            self._patience.note(0.0, len(data))
            return data
        patience = self._patience
        if patience.is_lost:
            raise Stalled(self.url, seconds=patience.window_s, count=patience.count)
        asked_at_s = anyio.current_time()
        try:
            with anyio.fail_after(patience.window_s):
                with _our_errors(f"read from {host_of(self.url)}"):
                    piece = await self._body.read(most_bytes)
        except TimeoutError:
            raise Stalled(self.url, seconds=patience.window_s) from None
        patience.note(anyio.current_time() - asked_at_s, len(piece))
        return piece

    def rest(self) -> bytes | memoryview:
        """Return what a cancelled :meth:`read` had received already."""
        return self._body.rest()


def new_session(limits: Limits) -> ClientSession:
    """Return a session for file hosts: no cookies, no coding, no total timeout.

    How many connections there are is the governor's business, not the pool's.
    """
    return ClientSession(
        connector=TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_S, socket_factory=make_socket),
        response_class=PlacedResponse,
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        timeout=_timeout(limits),
        read_bufsize=limits.read_buffer_bytes,
        requote_redirect_url=False,
        trust_env=False,
    )


@asynccontextmanager
async def open_answer(
    session: ClientSession,
    link: Link,
    ask: Mapping[str, str],
    extra: Mapping[str, str],
    limits: Limits,
) -> AsyncIterator[Answer]:
    """Send a GET, follow its redirects, and give the answer with any other status.

    A body that is not read to its end costs the connection.

    Args:
        session: Whose connections are used.
        link: Where to begin.
        ask: Headers for every hop, such as ``Range``.
        extra: The caller's headers, for hops within the origin of ``link`` only.
        limits: Timeouts and ``max_redirects``.
    Raises: NetworkError, without an answer; WrongContent with reason
        :data:`LOGIN_PAGE`, when sent to one; InwardAddress; TransferError with reason
        ``redirects``, ``insecure-redirect`` or :data:`BAD_URL`.
    """
    chain = [link]
    while True:
        own = extra if is_same_origin(link.url, chain[0].url) else {}
        response = await _send(session, link, {**own, **_OWN_HEADERS, **ask}, limits)
        try:
            location = Url(response.headers.get("Location", ""))
            if response.status not in _REDIRECTS or not location:
                yield Answer(link, response, limits)
                return
        finally:
            if response.content.is_eof():
                response.release()
            else:
                response.close()
        link = Link(next_url(link.url, location), min(link.inmost, zone_of_sender(response)))
        chain.append(link)
        if len(chain) > limits.max_redirects + 1:
            hosts = " → ".join(host_of(hop.url) for hop in chain)
            raise TransferError(chain[0].url, f"too many redirects: {hosts}", reason="redirects")


def next_url(url: str, location: str) -> str:
    """Return where a redirect from ``url`` leads.

    Raises: as :func:`led_to`.
    """
    try:
        # Absolute targets are taken as they stand; joining would normalise them.
        target = Url(location if _SCHEME.match(location) else urljoin(url, location))
    except ValueError:
        raise TransferError(url, "a redirect to no URL", reason=BAD_URL) from None
    return led_to(url, Url(target.partition("#")[0]))


def led_to(url: str, target: str) -> str:
    """Return ``target`` as it may be fetched when it was ``url`` that named it.

    Raises: WrongContent, if it is a login page; TransferError, with reason
        :data:`BAD_URL` if it leads away from HTTP, and ``insecure-redirect`` if
        from ``https`` to ``http``.
    """
    exact_url(target)
    if is_login_url(target):
        raise WrongContent(url, "sent to a login page", reason=LOGIN_PAGE, retryable=False)
    if (urlsplit(url).scheme, urlsplit(target).scheme) == ("https", "http"):
        raise TransferError(url, "a redirect to plain http", reason="insecure-redirect")
    # A password in it is their idea, not the caller's.
    authority = urlsplit(target).netloc
    return target.replace(authority, authority.rpartition("@")[2], 1)


def is_login_url(url: str) -> bool:
    """Tell whether a URL leads to a login page rather than to data."""
    parts = urlsplit(url)
    return parts.hostname in _LOGIN_HOSTS or "login" in parts.path.lower()


@lru_cache(_URLS_IN_USE)
def exact_url(text: str) -> URL:
    """Return a URL that is sent as it stands; only what no URL may hold is quoted.

    Raises: TransferError with reason :data:`BAD_URL`.
    """
    url = _as_http_url(text)
    if url is None:
        raise TransferError(text, "no http or https URL", reason=BAD_URL)
    return url


def _as_http_url(text: str) -> URL | None:
    try:
        host = urlsplit(text).hostname or ""
        named = text if host.isascii() else text.replace(host, host.encode("idna").decode(), 1)
        url = URL(quote(named, safe=string.punctuation, errors="surrogateescape"), encoded=True)
        return url if url.scheme in ("http", "https") and url.host and url.port else None
    except ValueError:
        return None


async def _send(
    session: ClientSession, link: Link, headers: Mapping[str, str], limits: Limits
) -> ClientResponse:
    try:
        with no_further_than(link.inmost):
            response = await _get(session, link.url, headers, limits)
    except Refused:
        raise _inward(link) from None
    if zone_of_sender(response) > link.inmost:
        # The connection was there before, from a time when more was allowed.
        response.close()
        raise _inward(link)
    return response


def _inward(link: Link) -> InwardAddress:
    zone = link.inmost.name.lower()
    return InwardAddress(link.url, f"a {zone} host leads to an address further inward")


async def _get(
    session: ClientSession, url: str, headers: Mapping[str, str], limits: Limits
) -> ClientResponse:
    what = f"ask {host_of(url)}"
    with _our_errors(what):
        try:
            with anyio.fail_after(limits.connect_timeout_s + limits.header_timeout_s):
                return await session.get(
                    exact_url(url),
                    headers=headers,
                    allow_redirects=False,
                    timeout=_timeout(limits),
                    read_bufsize=limits.read_buffer_bytes,
                )
        except aiohttp.ConnectionTimeoutError:
            raise
        except TimeoutError:
            raise NetworkError(what, "no answer in time") from None


def _timeout(limits: Limits) -> ClientTimeout:
    # The total would end every long download; stalls are watched by Answer.
    return ClientTimeout(total=None, sock_connect=limits.connect_timeout_s)


def is_same_origin(url: str, other: str) -> bool:
    """Tell whether what belongs to one URL may be sent to the other as well."""
    return _origin(url) == _origin(other)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port


@contextmanager
def _our_errors(what: str) -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
        raise_ours(what, error)


def raise_ours(what: str, error: Exception) -> NoReturn:
    """Raise the error of ours that says what a foreign one means.

    Raises: NetworkError; Refused, if it was our own guard.
    """
    match error:
        case aiohttp.ClientConnectorError(os_error=Refused() as refused):
            raise refused from None
        case aiohttp.ClientConnectorCertificateError():
            raise NetworkError(what, "its certificate is not valid", retryable=False) from error
        case aiohttp.ClientConnectorDNSError():
            raise NetworkError(what, "its name is not known") from error
        case aiohttp.ConnectionTimeoutError():
            raise NetworkError(what, "no connection in time") from error
        case (
            ConnectionRefusedError()
            | aiohttp.ClientConnectorError(os_error=ConnectionRefusedError())
        ):
            raise NetworkError(what, "refused") from error
        case aiohttp.ServerDisconnectedError():
            raise NetworkError(what, "it closed the connection without an answer") from error
        case aiohttp.ClientPayloadError():
            raise NetworkError(what, "the body was cut short") from error
        # Their text holds the URL with its signature, so they are left behind.
        case aiohttp.InvalidURL():
            del error
            raise NetworkError(what, "that is no address of a host", retryable=False) from None
        case aiohttp.ClientResponseError():
            del error
            raise NetworkError(what, "the answer is not HTTP") from None
        case OSError():
            cause = error.strerror or "the connection broke"
            raise NetworkError(what, cause, errno=error.errno) from error
        case _:
            raise NetworkError(what, redact(type(error).__name__)) from error
