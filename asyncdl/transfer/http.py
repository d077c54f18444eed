"""Requests, their answers and redirects, whichever client makes them."""

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
    """Counts what comes against the time that was spent waiting for it.

    Time in which nobody read, because our own disk or rate limit was the
    slower side, never gets here and so is held against no host.
    """

    window_s: float
    """Over so much waiting the speed is judged."""
    slowest_bytes_s: float
    """Anything slower is given up."""
    waited_s: float = 0.0
    """Within the present window."""
    count: int = 0
    """Bytes within it."""
    is_lost: bool = False
    """Whether the last full window was too slow."""

    def note(self, waited_s: float, count: int) -> None:
        """Take note of ``count`` bytes that came after ``waited_s``."""
        if self.waited_s >= self.window_s:
            self.waited_s, self.count = 0.0, 0
        self.waited_s += waited_s
        self.count += count
        if self.waited_s >= self.window_s:
            self.is_lost = self.count < self.slowest_bytes_s * self.waited_s


_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOGIN_HOSTS = BASIC_LOGIN_HOSTS | FORM_LOGIN_HOSTS
_LOGIN_NAMES = frozenset(
    {"login", "log-in", "log_in", "logon", "signin", "sign-in", "sign_in", "userlogin"}
)
"""Segments of paths, without their endings, and first labels of hosts."""
_PAGE_ENDINGS = frozenset(
    {"", "html", "htm", "xhtml", "php", "asp", "aspx", "jsp", "jsf", "do", "cgi", "action"}
)
"""A path that ends otherwise is that of a file, whatever its folders are called."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


BAD_HEADER = "bad-header"
"""Reason of the ``TransferError`` for a header of the caller's that cannot be sent."""


def check_headers(url: str, headers: Headers) -> None:
    """Look whether the caller's headers can be sent; what they hold is told to nobody.

    Raises: TransferError with reason :data:`BAD_HEADER`.
    """
    for name, value in headers.items():
        if problem := header_problem(name, value):
            raise TransferError(url, problem, reason=BAD_HEADER)


def headers_for(url: str, headers: Headers, asked: str) -> Headers:
    """Return what of the headers that were given for ``asked`` goes to ``url``."""
    return headers if is_same_origin(url, asked) else sent_elsewhere(headers)


class SourcedUrl(Struct, frozen=True):
    """A URL, without a name and password in it, and how far inward it may lead."""

    url: str
    max_zone: Zone = ANYWHERE

    def __post_init__(self) -> None:
        force_setattr(self, "url", without_user(self.url))


class ResponseStream:
    """An answer whose body can be read, until the block ends. Made by :func:`open_response`.

    A body that is not read to its end costs the connection.
    """

    def __init__(
        self, source: SourcedUrl, response: Response, limits: Limits, cookies: ChainCookies
    ) -> None:
        self.source = source
        """Where it came from in the end."""
        self.cookies = cookies
        """What was set on the way."""
        self.url = source.url
        self.head: Head = read_head(response.status, response.headers)
        self._response = response
        self._patience = StallDetector(limits.stall_timeout_s, limits.slowest_bytes_s)
        self._gunzip: Gunzip | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._response.close()

    def decode(self) -> None:
        """Have the body decoded as it is read; the head is that of the decoded body then."""
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
        patience = self._patience
        if patience.is_lost:
            raise Stalled(self.url, seconds=patience.window_s, count=patience.count)
        asked_at_s = clock.now_s()
        try:
            piece = await self._response.read(most_bytes, patience.window_s)
        except TimeoutError:
            raise Stalled(self.url, seconds=patience.window_s) from None
        patience.note(clock.now_s() - asked_at_s, len(piece))
        return piece

    def take_received(self) -> bytes | memoryview:
        """Return what a cancelled :meth:`read` had received already."""
        return b"" if self._gunzip is not None else self._response.take_received()


class Sender(Struct, frozen=True):
    """Who asks: what goes along with a request, as far as the host may see it."""

    headers: Headers
    """For the origin of the first URL; other origins get those without secrets only."""
    logins: Logins
    cookies: ChainCookies | None = None
    """What an earlier chain to the same file has brought; ``None`` if there was none."""


async def open_response(
    client: Client,
    source: SourcedUrl,
    range_headers: Mapping[str, str],
    sender: Sender,
    limits: Limits,
) -> ResponseStream:
    """Send a GET, follow its redirects, and give the answer with any other status.

    Args:
        client: Whose connections are used.
        source: Where to begin.
        range_headers: Headers for every hop, such as ``Range``.
        sender: Who asks.
        limits: ``max_redirects``, and how patient the answer is.
    Raises: NetworkError, without an answer; WrongContent with reason
        :data:`LOGIN_PAGE`, when sent to one; InwardAddress; TransferError with reason
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
        cookies.take(source.url, response.headers.get("set-cookie"))
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
    """Send a request with the password that its host gets, if there is one.

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
        # What stands there has no host that could be to blame.
        detail = f"a redirect to no http or https URL: {redact_url(location)}"
        raise TransferError(url, detail, reason=BAD_URL) from None
    return permitted_target(url, Url(target.partition("#")[0]), logins)


def permitted_target(url: str, target: str, logins: Logins | None = None) -> Url:
    """Return ``target`` as it may be fetched when it was ``url`` that named it.

    Args:
        url: Who named it.
        target: Where it leads.
        logins: Passwords that the caller has given; a login is gone through by them.
    Raises: WrongContent, if it is a login page; TransferError, with reason
        :data:`BAD_URL` if it leads away from HTTP, and ``insecure-redirect`` if
        from ``https`` to ``http``.
    """
    read_target(target)
    if is_login_url(target) and not _leads_through(target, logins):
        detail = f"sent to a login page of {host_of(target)}{_takes_basic(target)}"
        raise WrongContent(url, detail, reason=LOGIN_PAGE, retryable=False)
    if (urlsplit(url).scheme, urlsplit(target).scheme) == ("https", "http"):
        raise TransferError(url, "a redirect to plain http", reason="insecure-redirect")
    # Nothing that a host says decides as whom we are known to another.
    return without_user(target)


def _leads_through(target: str, logins: Logins | None) -> bool:
    """Tell whether a login is gone through, and what is there is seen by its body.

    Between the host of a file and that of the passwords, paths are called so, too.
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
    """Tell whether a URL leads to a login page rather than to data.

    Only what is sure: a host that does nothing else, or a whole segment of the path that
    says so. What else is a login page is seen by its body.
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
