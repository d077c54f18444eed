"""Which password is sent to which host: that of the URL, or one from a netrc.

A password in a URL goes to the origin of that URL alone. A netrc names hosts: in a chain of
redirects each host gets the entry with its name, over TLS or on this machine. The entry
``default``, which matches every host, goes only to the host that the caller named. Nothing that a
host sends decides which login it gets.

A host that refuses a password is not sent it again: accounts are locked after several failures.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import unquote, unquote_to_bytes

import anyio
from msgspec import Struct

from asyncdl.errors import TransferError
from asyncdl.net.hosts import goes_in_clear
from asyncdl.redact import Secret
from asyncdl.transfer.netrc import Netrc, NetrcEntry
from asyncdl.transfer.wire_url import Origin, RequestTarget, read_target, without_user

LOGIN_FAILED = "login-failed"
"""Reason of the ``TransferError`` for a password that was refused or not sent."""
NO_LOGIN = 401
"""Status of a host that requires a login, or refuses one (RFC 9110, section 15.5.2)."""
_SERVER_ERROR = 500
"""From this status on a response says nothing about a login."""
_IN_URL = "the name and password in the URL"


class Login(Struct, frozen=True):
    """A name and password for one origin."""

    origin: Origin
    value: Secret
    """Of the ``Authorization`` header."""
    source: str
    """Where they come from, for messages."""


class LoginBook:
    """The passwords of one downloader, and which of them hosts have accepted or refused.

    Args:
        netrc: More passwords; ``None`` for none.
    """

    def __init__(self, netrc: Netrc | None = None) -> None:
        self.netrc = netrc
        self._accepted: set[Login] = set()
        self._refused: dict[Login, str] = {}
        self._locks: dict[Login, anyio.Lock] = {}

    def of(self, url: str) -> Logins:
        """Return the logins for a chain of redirects that begins with a URL of the caller's."""
        return Logins(self, read_target(url))

    @asynccontextmanager
    async def trying(self, login: Login, url: str) -> AsyncIterator[None]:
        """Let one request send a password until the host has accepted it once.

        Raises: TransferError with reason :data:`LOGIN_FAILED`, if it was refused before.
        """
        self._check(login, url)
        if login in self._accepted:
            yield
            return
        async with self._locks.setdefault(login, anyio.Lock()):
            self._check(login, url)
            yield

    def note(self, login: Login, url: str, status: int, challenge: str | None) -> None:
        """Note the response of a host to a login.

        Raises: TransferError with reason :data:`LOGIN_FAILED`, if it was refused.
        """
        if status != NO_LOGIN:
            if status < _SERVER_ERROR:
                self._accepted.add(login)
            return
        detail = _refusal(login, challenge)
        if login not in self._accepted:
            self._refused[login] = detail
        # A password that was accepted before is right, but not for this file.
        raise failed(url, detail)

    def _check(self, login: Login, url: str) -> None:
        if detail := self._refused.get(login):
            raise failed(url, detail)


class Logins(Struct, frozen=True):
    """The passwords for one chain of redirects."""

    book: LoginBook
    requested: RequestTarget
    """The URL of the caller."""

    @property
    def has_any(self) -> bool:
        """Whether there is a password for any host."""
        return self.book.netrc is not None or bool(self.requested.userinfo)

    def find(self, url: str) -> Login | None:
        """Return the name and password that go to the host of a URL."""
        if not self.has_any:
            return None
        target = read_target(url)
        user, has_password = self._in_url(target)
        if has_password:
            return Login(target.origin, _basic_quoted(self.requested.userinfo), _IN_URL)
        entry = self._entry(target, user)
        if entry is None or entry.password is None:
            return Login(target.origin, _basic_quoted(user), _IN_URL) if user else None
        if not _is_safe(target):
            return None
        value = _basic(f"{entry.login}:{entry.password}".encode())
        return Login(target.origin, value, self._place(entry))

    def withheld(self, url: str) -> str:
        """Return why a host that wants a login was not sent one; empty if there is none."""
        target = read_target(url)
        user, has_password = self._in_url(target)
        entry = None if has_password or _is_safe(target) else self._entry(target, user)
        if entry is None:
            return ""
        return f"{self._place(entry)} is not sent over plain http: use https"

    def _in_url(self, target: RequestTarget) -> tuple[str, bool]:
        """Return the name in the caller's URL for a target, and whether a password follows it."""
        is_requested = target.origin == self.requested.origin
        user, colon, _ = self.requested.userinfo.partition(":") if is_requested else ("", "", "")
        return user, bool(colon)

    def _entry(self, target: RequestTarget, user: str) -> NetrcEntry | None:
        netrc, host = self.book.netrc, target.origin[1]
        if netrc is None:
            return None
        is_named = host == self.requested.origin[1]
        return netrc.find(host, unquote(user), with_default=is_named)

    def _place(self, entry: NetrcEntry) -> str:
        shown = self.book.netrc.shown if self.book.netrc is not None else ""
        return f"the password of {shown}, line {entry.line},"


def failed(url: str, detail: str) -> TransferError:
    """Return the error for a login that failed."""
    return TransferError(url, detail, reason=LOGIN_FAILED)


def login_for(logins: Logins, url: str, headers: Mapping[str, str | None]) -> Login | None:
    """Return the login to send; ``None`` if the caller's headers already have one."""
    if not logins.has_any or any(name.lower() == "authorization" for name in headers):
        return None
    return logins.find(without_user(url))


def _refusal(login: Login, challenge: str | None) -> str:
    host = login.origin[1]
    words = [part.split() for part in (challenge or "").split(",")]
    schemes = [first[0] for first in words if first]
    scheme = schemes[0] if schemes else ""
    if scheme.isalnum() and "basic" not in map(str.lower, schemes):
        wanted = f"it requires a login by {scheme}, not Basic"
        return f"{host} responded with 401 to {login.source}: {wanted}"
    return f"{host} responded with 401: it refuses {login.source.rstrip(',')}"


def _is_safe(target: RequestTarget) -> bool:
    """Return whether what is sent cannot be read on the way."""
    scheme, host, _ = target.origin
    return not goes_in_clear(scheme, host)


def _basic_quoted(userinfo: str) -> Secret:
    user, _, password = userinfo.partition(":")
    return _basic(unquote_to_bytes(user) + b":" + unquote_to_bytes(password))


def _basic(pair: bytes) -> Secret:
    """Source: RFC 7617, section 2; names and passwords in UTF-8."""
    from base64 import b64encode  # Few requests have a password.

    return Secret(f"Basic {b64encode(pair).decode()}")
