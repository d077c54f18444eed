"""URLs as they go over the wire. Pure.

A URL is sent byte for byte as it came: a signature covers its padding, its case,
and the order of its parameters.
"""

from __future__ import annotations

import string
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import quote, urlsplit

from msgspec import Struct

from asyncdl.errors import TransferError
from asyncdl.redact import Secret, Url

BAD_URL = "bad-url"
"""Reason of the ``TransferError`` for what is no ``http`` or ``https`` URL."""

Origin: TypeAlias = tuple[str, str, int]
"""Scheme, host and port: one connection serves all URLs that share them."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_URLS_IN_USE = 256
"""A URL is checked when it is taken and needed when it is asked for, a moment later."""


class Target(Struct, frozen=True):
    """A URL that can be asked for."""

    text: str
    """As it stands; only what no URL may hold is quoted."""
    origin: Origin
    host: str
    """What the ``Host`` header says: without a port where it is the usual one."""
    path: str
    """With the query, without the fragment."""
    userinfo: str = ""
    """``user:password``, still quoted; empty if there is none."""

    @property
    def is_secure(self) -> bool:
        """Whether it is asked for over TLS."""
        return self.origin[0] == "https"


@lru_cache(_URLS_IN_USE)
def read_target(text: str) -> Target:
    """Read a URL.

    Raises: TransferError with reason :data:`BAD_URL`.
    """
    try:
        target = _read(text)
    except ValueError:
        target = None
    if target is None:
        raise TransferError(text, "no http or https URL", reason=BAD_URL)
    return target


def _read(text: str) -> Target | None:
    name = urlsplit(text).hostname or ""
    named = text if name.isascii() else text.replace(name, name.encode("idna").decode(), 1)
    quoted = quote(named, safe=string.punctuation, errors="surrogateescape")
    parts = urlsplit(quoted)
    port = _DEFAULT_PORTS.get(parts.scheme) if parts.port is None else parts.port
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or not port:
        return None
    # Its parts are not empty and not too long, or looking it up fails in a way of its own.
    parts.hostname.encode("idna")
    path = quoted[len(parts.scheme) + len("://") + len(parts.netloc) :].partition("#")[0]
    userinfo, _, host = parts.netloc.rpartition("@")
    return Target(
        Url(quoted),
        (parts.scheme, parts.hostname, port),
        host.removesuffix(f":{_DEFAULT_PORTS[parts.scheme]}"),
        Url(path if path.startswith("/") else f"/{path}"),
        Secret(userinfo),
    )


def is_same_origin(url: str, other: str) -> bool:
    """Tell whether what belongs to one URL may be sent to the other as well.

    Raises: TransferError with reason :data:`BAD_URL`.
    """
    return url == other or read_target(url).origin == read_target(other).origin
