"""URLs as they go over the wire. Pure.

A URL is sent byte for byte as it was given: a signature may cover its padding, its case and the
order of its parameters.
"""

from __future__ import annotations

import re
import string
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import quote, urlsplit

from msgspec import Struct

from asyncdl.errors import TransferError
from asyncdl.redact import Secret, Url

BAD_URL = "bad-url"
"""Reason of the ``TransferError`` for what is not an ``http`` or ``https`` URL."""

Origin: TypeAlias = tuple[str, str, int]
"""Scheme, host and port: one connection serves all URLs that share them."""

_NEEDS_NO_QUOTES = re.compile(r"[!-~]*")
"""Visible ASCII is all that a URL may hold."""
_USUAL_NAME = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,9}")
_USUAL_URL = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{_USUAL_NAME.pattern})(?::(?P<port>[1-9][0-9]{{0,3}}|[1-5][0-9]{{4}}))?"
    r"(?P<path>/[!\"$-~]*)"
)
"""Most URLs: nothing in them needs quotes, nobody is named, and no fragment follows."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_URLS_IN_USE = 256
"""A URL is checked when it is accepted, and read again for its request soon after."""


class RequestTarget(Struct, frozen=True):
    """A URL that can be requested."""

    text: str
    """As given; only characters that no URL may have are quoted."""
    origin: Origin
    host: str
    """What the ``Host`` header says: without a port where it is the usual one."""
    path: str
    """With the query, without the fragment."""
    userinfo: str = ""
    """``user:password``, still quoted; empty if there is none."""

    @property
    def is_secure(self) -> bool:
        """Whether it is requested over TLS."""
        return self.origin[0] == "https"


def read_target(text: str) -> RequestTarget:
    """Read a URL.

    Raises: TransferError with reason :data:`BAD_URL`.
    """
    # To the cache, a subclass of str is another key.
    return _read_once(str(text))


@lru_cache(_URLS_IN_USE)
def _read_once(text: str) -> RequestTarget:
    text = Url(text)  # whose repr shows no secret, as those who print tracebacks show it
    try:
        target = _read(text)
    except _NoHostName as error:
        raise TransferError(text, str(error), reason=BAD_URL) from None
    except ValueError:
        target = None
    if target is None:
        raise TransferError(text, "not an http or https URL", reason=BAD_URL)
    return target


class _NoHostName(Exception):
    """A host name with other letters than ASCII that is invalid; the text says why."""


def _read(text: str) -> RequestTarget | None:
    usual = _USUAL_URL.fullmatch(text)
    return _read_any(text) if usual is None else _read_usual(text, usual)


def _read_usual(text: str, usual: re.Match[str]) -> RequestTarget:
    scheme, host, port, path = usual.groups()
    usual_port = _DEFAULT_PORTS[scheme]
    number = usual_port if port is None else int(port)
    shown = host if number == usual_port else f"{host}:{port}"
    return RequestTarget(Url(text), (scheme, host, number), shown, Url(path), Secret())


def _read_any(text: str) -> RequestTarget | None:
    quoted = _with_wire_name(text)
    if not _NEEDS_NO_QUOTES.fullmatch(quoted):
        quoted = quote(quoted, safe=string.punctuation, errors="surrogateescape")
    parts = urlsplit(quoted)
    port = _DEFAULT_PORTS.get(parts.scheme) if parts.port is None else parts.port
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or not port:
        return None
    if not _USUAL_NAME.fullmatch(parts.hostname):
        # Empty and long labels make a look-up fail with an error of its own.
        parts.hostname.encode("idna")
    path = quoted[len(parts.scheme) + len("://") + len(parts.netloc) :].partition("#")[0]
    userinfo, _, host = parts.netloc.rpartition("@")
    return RequestTarget(
        Url(quoted),
        (parts.scheme, parts.hostname, port),
        host.removesuffix(f":{_DEFAULT_PORTS[parts.scheme]}"),
        Url(path if path.startswith("/") else f"/{path}"),
        Secret(userinfo),
    )


def _with_wire_name(text: str) -> str:
    """Return a URL with its host in ASCII, as it is resolved and sent."""
    if text.isascii():
        return text
    authority = urlsplit(text).netloc
    if authority.isascii():
        return text
    userinfo, at, host = authority.rpartition("@")
    name, colon, port = host.partition(":")
    return text.replace(authority, f"{userinfo}{at}{_wire_name(name)}{colon}{port}", 1)


def _wire_name(name: str) -> str:
    """Return a host name in ASCII. Raises: _NoHostName.

    Source: RFC 5891, with the mapping of UTS 46: upper case and wide letters are
    read as in browsers, and ``ß`` is a letter of its own.
    """
    if name.isascii():
        return name
    import idna  # Hardly any URL needs it.

    try:
        return idna.encode(name, uts46=True).decode()
    except idna.IDNAError as error:
        raise _NoHostName(f"{name!r} is not a host name by IDNA 2008: {error}") from None


def without_user(url: str) -> Url:
    """Return a URL without the user and password that may precede its host."""
    if "@" not in url:
        return Url(url)
    authority = urlsplit(url).netloc
    return Url(url.replace(authority, authority.rpartition("@")[2], 1))


def is_same_origin(url: str, other: str) -> bool:
    """Return whether what belongs to one URL may be sent to the other as well.

    Raises: TransferError with reason :data:`BAD_URL`.
    """
    return url == other or read_target(url).origin == read_target(other).origin
