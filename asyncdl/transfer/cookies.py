"""Cookies within one chain of redirects, and no longer. Pure.

Some hosts set a cookie, redirect, and send the file only with that cookie. A chain begins without
cookies, and those it sets are dropped at its end, so that a host cannot connect the requests for
two files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from msgspec import Struct

from asyncdl.redact import Secret

SEPARATOR = "\n"
"""Between several ``Set-Cookie`` fields of one response; a value has none."""
_DELETES = re.compile(r"0+|-[0-9]+")
MAX_COOKIES = 50
MAX_COOKIE_BYTES = 4096
"""Of one cookie; longer ones are ignored, as in browsers."""


class _Cookie(Struct, frozen=True):
    name: str
    value: Secret
    host: str
    """The host, or domain, that it is sent to."""
    with_subdomains: bool
    path: str
    is_secure: bool
    is_deletion: bool
    """Whether it only deletes an earlier one."""

    def goes_to(self, host: str, path: str, *, is_secure: bool) -> bool:
        is_host = host == self.host or (self.with_subdomains and host.endswith(f".{self.host}"))
        folder = self.path.rstrip("/")
        is_below = path == folder or path.startswith(f"{folder}/")
        return is_host and is_below and (is_secure or not self.is_secure)


class ChainCookies:
    """The cookies that the hosts of one chain of redirects have set."""

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, str], _Cookie] = {}

    def store(self, url: str, fields: str | None) -> None:
        """Store the ``Set-Cookie`` fields of a response.

        Args:
            url: Where it came from. A cookie goes to no other domain.
            fields: Their values, one a line.
        Source: RFC 6265, sections 5.2 and 5.3; there is no list of public
            suffixes here, so a domain of one label, or an address, counts for the host alone.
        """
        for cookie in _read(url, fields) if fields else ():
            key = (cookie.host, cookie.path, cookie.name)
            self._cookies.pop(key, None)
            if not cookie.is_deletion and len(self._cookies) < MAX_COOKIES:
                self._cookies[key] = cookie

    def join(self, headers: Mapping[str, str], url: str) -> dict[str, str]:
        """Return the headers of a request with the cookies for its URL, behind the caller's."""
        if not self._cookies:
            return dict(headers)
        parts = urlsplit(url)
        host, path = parts.hostname or "", parts.path or "/"
        is_secure = parts.scheme == "https"
        chosen = [
            f"{cookie.name}={cookie.value}"
            for cookie in self._cookies.values()
            if cookie.goes_to(host, path, is_secure=is_secure)
        ]
        if not chosen:
            return dict(headers)
        given = [value for name, value in headers.items() if name.lower() == "cookie"]
        others = {name: value for name, value in headers.items() if name.lower() != "cookie"}
        return others | {"Cookie": Secret("; ".join([*given, *chosen]))}


def _read(url: str, fields: str) -> Iterator[_Cookie]:
    parts = urlsplit(url)
    host, folder = parts.hostname or "", parts.path.rpartition("/")[0] or "/"
    for field in fields.split(SEPARATOR):
        pair, *rest = field.split(";")
        name, equals, value = (text.strip() for text in pair.partition("="))
        named = (item.partition("=") for item in rest)
        attributes = {key.strip().lower(): text.strip() for key, _, text in named}
        if not (equals and name) or len(field) > MAX_COOKIE_BYTES or not field.isprintable():
            continue
        domain = attributes.get("domain", "").lstrip(".").lower()
        if domain not in ("", host) and not _is_above(domain, host):
            continue
        path = attributes.get("path", "")
        yield _Cookie(
            name,
            Secret(value),
            domain or host,
            with_subdomains=_is_above(domain, f"x.{host}") and "." in domain,
            path=path if path.startswith("/") else folder,
            is_secure="secure" in attributes,
            is_deletion=_DELETES.fullmatch(attributes.get("max-age", "")) is not None,
        )


def _is_above(domain: str, host: str) -> bool:
    is_address = host.rpartition(".")[2].isdigit() or ":" in host
    return "." in domain and host.endswith(f".{domain}") and not is_address
