"""Requests, redirects and responses, with any HTTP client."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urljoin, urlsplit

from msgspec import Struct
from msgspec.structs import force_setattr

from asyncdl.errors import NetworkError, Stalled, TransferError, WrongContent
from asyncdl.login_hosts import BASIC_LOGIN_HOSTS, FORM_LOGIN_HOSTS
from asyncdl.net.address_policy import AddressRefused, BlockedAddress, check_host_text
from asyncdl.net.addresses import ANYWHERE, Zone
from asyncdl.net.hosts import host_of
from asyncdl.redact import Url, redact, redact_url
from asyncdl.transfer import clock
from asyncdl.transfer.content_coding import Gunzip, NotGzip
from asyncdl.transfer.cookies import ChainCookies
from asyncdl.transfer.error_pages import LOGIN_PAGE
from asyncdl.transfer.http_client import Client, Response
from asyncdl.transfer.limits import Limits
from asyncdl.transfer.logins import NO_LOGIN, Login, LoginBook, Logins, failed, login_for
from asyncdl.transfer.request_headers import (
    Headers,
    header_problem,
    request_headers,
    sent_elsewhere,
)
from asyncdl.transfer.responses import CODED, Head, decoded, read_head
from asyncdl.transfer.wire_url import BAD_URL, is_same_origin, read_target, without_user


class StallDetector(Struct):
    """Compares the bytes that come with the time spent waiting for them.

    Time in which nothing was read, because our own disk or rate limit was the slower side, is not
    counted here, and so never against a host.
    """

    window_s: float
    """The speed is measured over this much waiting."""
    slowest_bytes_s: float
    """A slower response counts as stalled."""
    waited_s: float = 0.0
    """In the present window."""
    count: int = 0
    """Bytes in the present window."""
    is_stalled: bool = False
    """Whether the last full window was too slow."""

    def note(self, waited_s: float, count: int) -> None:
        """Note ``count`` bytes that came after ``waited_s``."""
        if self.waited_s >= self.window_s:
            self.waited_s, self.count = 0.0, 0
        self.waited_s += waited_s
        self.count += count
        if self.waited_s >= self.window_s:
            self.is_stalled = self.count < self.slowest_bytes_s * self.waited_s


_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOGIN_HOSTS = BASIC_LOGIN_HOSTS | FORM_LOGIN_HOSTS
_LOGIN_NAMES = frozenset(
    {"login", "log-in", "log_in", "logon", "signin", "sign-in", "sign_in", "userlogin"}
)
"""Path segments, without their endings, and first labels of host names."""
_PAGE_ENDINGS = frozenset(
    {"", "html", "htm", "xhtml", "php", "asp", "aspx", "jsp", "jsf", "do", "cgi", "action"}
)
"""A path with another ending is that of a file, whatever its folders are called."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


BAD_HEADER = "bad-header"
"""Reason of the ``TransferError`` for a header of the caller's that cannot be sent."""


def check_headers(url: str, headers: Headers) -> None:
    """Check that the caller's headers can be sent; no message repeats their values.

    Raises: TransferError with reason :data:`BAD_HEADER`.
    """
    for name, value in headers.items():
        if problem := header_problem(name, value):
            raise TransferError(url, problem, reason=BAD_HEADER)


def headers_for(url: str, headers: Headers, requested: str) -> Headers:
    """Return those of the headers given for ``requested`` that are sent to ``url``."""
    return headers if is_same_origin(url, requested) else sent_elsewhere(headers)


class SourcedUrl(Struct, frozen=True):
    """A URL, without user and password, and how far inward it may lead."""

    url: str
    max_zone: Zone = ANYWHERE

    def __post_init__(self) -> None:
        force_setattr(self, "url", without_user(self.url))


class ResponseStream:
    """A response whose body can be read until the block ends. Made by :func:`open_response`.

    A body that is not read to its end costs the connection.
    """

    def __init__(
        self, source: SourcedUrl, response: Response, limits: Limits, cookies: ChainCookies
    ) -> None:
        self.source = source
        """The last URL of the chain of redirects."""
        self.cookies = cookies
        """Set on the way."""
        self.url = source.url
        self.head: Head = read_head(response.status, response.headers)
        self._response = response
        self._stall_detector = StallDetector(limits.stall_timeout_s, limits.slowest_bytes_s)
        self._gunzip: Gunzip | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the response, as the end of the block does."""
        self._response.close()

    def decode(self) -> None:
        """Decode the body as it is read; ``head`` becomes that of the decoded body."""
        self._gunzip = Gunzip()
        self.head = decoded(self.head)

    async def read(self, most_bytes: int = sys.maxsize) -> bytes | memoryview:
        """Return the next bytes of the body; none at its end. They are good until the next call.

        Args:
            most_bytes: About so many at most.
        Raises: Stalled, if none come for too long, or too few; NetworkError, if
            the connection breaks or the body ends before its announced end; WrongContent
            with reason :data:`CODED`, for a body that cannot be decoded.
        """
        if self._gunzip is None:
            return await self._read(most_bytes)
        try:
            while not (piece := self._gunzip.take()):
                data = await self._read(most_bytes)
                if not data:
                    self._gunzip.check_end()
                    break
                self._gunzip.feed(data)
        except NotGzip as problem:
            raise WrongContent(self.url, str(problem), reason=CODED, retryable=False) from None
        return piece

    async def _read(self, most_bytes: int) -> bytes | memoryview:
        detector = self._stall_detector
        if detector.is_stalled:
            raise Stalled(self.url, seconds=detector.window_s, count=detector.count)
        began_s = clock.now_s()
        try:
            piece = await self._response.read(most_bytes, detector.window_s)
        except TimeoutError:
            raise Stalled(self.url, seconds=detector.window_s) from None
        detector.note(clock.now_s() - began_s, len(piece))
        return piece

    def take_received(self) -> bytes | memoryview:
        """Return what a cancelled :meth:`read` had received already."""
        return b"" if self._gunzip is not None else self._response.take_received()


class Sender(Struct, frozen=True):
    """What is sent with a request, as far as its host may see it."""

    headers: Headers
    """For the origin of the first URL; other origins get only those without secrets."""
    logins: Logins
    cookies: ChainCookies | None = None
    """Set by an earlier chain to the same file; ``None`` if there was none."""


async def open_response(
    client: Client,
    source: SourcedUrl,
    range_headers: Mapping[str, str],
    sender: Sender,
    limits: Limits,
) -> ResponseStream:
    """Send a GET, follow its redirects, and return the response with any other status.

    Args:
        client: Whose connections are used.
        source: The first URL.
        range_headers: Headers for every hop, such as ``Range``.
        sender: Headers, logins and cookies.
        limits: ``max_redirects`` and timeouts.
    Raises: NetworkError, without a response; WrongContent with reason :data:`LOGIN_PAGE`, if
        redirected to one; BlockedAddress; TransferError with reason
        ``redirects``, ``insecure-redirect``, :data:`BAD_URL` or ``login-failed``.
    """
    chain, cookies = [source], sender.cookies or ChainCookies()
    while True:
        given = headers_for(source.url, sender.headers, chain[0].url)
        headers = cookies.join(request_headers(given, range_headers), source.url)
        login = login_for(sender.logins, source.url, given)
        response = await _send_logged_in(client, source, headers, login, sender.logins.book)
        if response.status == NO_LOGIN and (reason := sender.logins.withheld(source.url)):
            response.close()
            raise failed(source.url, f"{host_of(source.url)} responded with {NO_LOGIN}; {reason}")
        location = Url(response.headers.get("location", ""))
        cookies.store(source.url, response.headers.get("set-cookie"))
        if response.status not in _REDIRECTS or not location:
            return ResponseStream(source, response, limits, cookies)
        response.close()
        target = next_url(source.url, location, sender.logins)
        source = SourcedUrl(target, min(source.max_zone, response.zone))
        chain.append(source)
        if len(chain) > limits.max_redirects + 1:
            hosts = " → ".join(host_of(hop.url) for hop in chain)
            raise TransferError(chain[0].url, f"too many redirects: {hosts}", reason="redirects")


async def _send_logged_in(
    client: Client,
    source: SourcedUrl,
    headers: Mapping[str, str],
    login: Login | None,
    book: LoginBook,
) -> Response:
    """Send a request with the password for its host, if there is one.

    Raises: as :func:`open_response`.
    """
    if login is None:
        return await _send(client, source, headers)
    async with book.trying(login, source.url):
        response = await _send(client, source, {**headers, "Authorization": login.value})
        try:
            challenge = response.headers.get("www-authenticate")
            book.note(login, source.url, response.status, challenge)
        except TransferError:
            response.close()
            raise
    return response


async def _send(client: Client, source: SourcedUrl, headers: Mapping[str, str]) -> Response:
    target = read_target(source.url)
    try:
        check_host_text(target.origin[1], source.max_zone)
        return await client.get(target, headers, source.max_zone)
    except AddressRefused:
        zone = source.max_zone.name.lower()
        detail = f"a {zone} host leads to an address further inward"
        raise BlockedAddress(source.url, detail) from None
    except NetworkError as error:
        error.url = redact(source.url)
        raise


def next_url(url: str, location: str, logins: Logins | None = None) -> Url:
    """Return where a redirect from ``url`` leads.

    Raises: as :func:`permitted_target`.
    """
    try:
        # Absolute targets are taken as they stand; joining would normalise them.
        target = Url(location if _SCHEME.match(location) else urljoin(url, location))
        read_target(target)
    except (ValueError, TransferError):
        # There is no host in it that the error could name.
        detail = f"redirected to what is not an http or https URL: {redact_url(location)}"
        raise TransferError(url, detail, reason=BAD_URL) from None
    return permitted_target(url, Url(target.partition("#")[0]), logins)


def permitted_target(url: str, target: str, logins: Logins | None = None) -> Url:
    """Return ``target`` as it may be requested when ``url`` has named it.

    Args:
        url: Named it, by a redirect or in a response.
        target: Where it leads.
        logins: Passwords of the caller; with them a redirect through a login host is followed.
    Raises: WrongContent, if it is a login page; TransferError, with reason
        :data:`BAD_URL` if it leads away from HTTP, and ``insecure-redirect`` if
        from ``https`` to ``http``.
    """
    read_target(target)
    if is_login_url(target) and not _leads_through(target, logins):
        detail = f"redirected to a login page of {host_of(target)}{_takes_basic(target)}"
        raise WrongContent(url, detail, reason=LOGIN_PAGE, retryable=False)
    if (urlsplit(url).scheme, urlsplit(target).scheme) == ("https", "http"):
        raise TransferError(url, "redirected to plain http", reason="insecure-redirect")
    # A host cannot choose the login that is sent to another.
    return without_user(target)


def _leads_through(target: str, logins: Logins | None) -> bool:
    """Return whether a login page is requested; its body shows what it is.

    Redirects between a file host and its login host lead over paths with such names, too.
    """
    if logins is None or not logins.has_any:
        return False
    is_login_host = (urlsplit(target).hostname or "") in _LOGIN_HOSTS
    return not is_login_host or logins.find(target) is not None


def _takes_basic(target: str) -> str:
    host = urlsplit(target).hostname or ""
    if host not in BASIC_LOGIN_HOSTS:
        return ""
    return f", which takes a `netrc` with: machine {host} login NAME password WORD"


def is_login_url(url: str) -> bool:
    """Return whether a URL leads to a login page rather than to data.

    Only where it is certain: a host that serves nothing else, or a whole path segment with such
    a name. Other login pages are recognised by their body.
    """
    parts = urlsplit(url)
    host, segments = parts.hostname or "", unquote(parts.path).lower().split("/")
    if host in _LOGIN_HOSTS:
        return True
    _, _, ending = segments[-1].rpartition(".") if "." in segments[-1] else ("", "", "")
    if ending not in _PAGE_ENDINGS:
        return False
    is_named_so = any(segment.partition(".")[0] in _LOGIN_NAMES for segment in segments)
    return is_named_so or host.partition(".")[0] in _LOGIN_NAMES
