"""HTML pages that come in place of a file: error pages, login pages, and news of an outage."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio

from asyncdl.errors import AsyncdlError, HttpStatusError, NetworkError, TransferError, WrongContent
from asyncdl.redact import redact
from asyncdl.transfer.responses import Head
from asyncdl.transfer.verification.structure import ERROR_PAGE

LOGIN_PAGE = "login-page"
"""Reason of a ``WrongContent`` for a host that redirects to a login page."""

Read: TypeAlias = Callable[[int], Awaitable[bytes | memoryview]]
"""Returns about that many of the next bytes of a body at most; none at its end."""

PAGE_BYTES = 16 * 1024
"""A title that comes later is not found."""
MAX_TITLE_CHARS = 120
_PAGE_TIMEOUT_S = 5.0
"""How long to wait for a page: it explains a failure, and changes nothing about it."""

_TITLES = tuple(
    re.compile(rf"<{tag}(?:\s[^<>]*)?>([^<]+)", re.IGNORECASE) for tag in ("title", "h1")
)
_TAG = re.compile(r"<[^<>]*>")
_CHARSET = re.compile(r"charset=[\"']?([\w.:-]+)", re.IGNORECASE | re.ASCII)
_PASSWORD = re.compile(rb"<input\b[^<>]*\btype\s*=\s*[\"']?password\b", re.IGNORECASE)
"""Login pages have it, and no other page that comes in place of a file."""
_OUTAGE = re.compile(
    r"maintenance|outage|unavailable|offline|(?:is|are|be|currently) down|down for|back soon"
    r"|be right back|overloaded|over capacity|try again (?:later|in a)",
    re.IGNORECASE,
)
"""What a page says that everyone gets while a host is down."""


def is_page(error: AsyncdlError) -> bool:
    """Return whether a page came in place of the data: about this file, or about an outage."""
    return isinstance(error, WrongContent) and error.reason == ERROR_PAGE


def names_outage(error: AsyncdlError) -> bool:
    """Return whether the page behind an error says that the host is down."""
    return isinstance(error, WrongContent) and error.names_outage


def title_of(page: bytes, content_type: str | None = None) -> str:
    """Return the title of an HTML page as one short line; empty if it has none.

    Args:
        page: The beginning of the page.
        content_type: May name the encoding.
    """
    text = _decoded(page, content_type)
    for pattern in _TITLES:
        if (match := pattern.search(text)) and (title := _one_line(match[1])):
            return title
    return ""


def says_outage(page: bytes, content_type: str | None = None) -> bool:
    """Return whether a page speaks of an outage."""
    return _OUTAGE.search(_TAG.sub(" ", _decoded(page, content_type))) is not None


def _decoded(page: bytes, content_type: str | None) -> str:
    named = _CHARSET.search(content_type or "")
    try:
        return page[:PAGE_BYTES].decode(named[1] if named else "utf-8", "replace")
    except (LookupError, ValueError):
        return page[:PAGE_BYTES].decode("utf-8", "replace")


def _one_line(text: str) -> str:
    from html import unescape  # Has a large table, and pages are rare.

    printable = "".join(c if c.isprintable() else " " for c in unescape(text))
    line = redact(" ".join(printable.split()))
    return line if len(line) <= MAX_TITLE_CHARS else f"{line[: MAX_TITLE_CHARS - 1]}…"


def quote_page(error: TransferError, page: bytes, content_type: str | None = None) -> None:
    """Add the title of a page that came in place of the file to its error."""
    if title := title_of(page, content_type):
        error.detail = f'{error.detail}: "{title}"'
        error.args = (error.detail,)
    if isinstance(error, WrongContent):
        error.names_outage = says_outage(page, content_type)
        if _PASSWORD.search(page):
            error.become(LOGIN_PAGE)


async def read_page(error: TransferError, head: Head, read: Read) -> None:
    """Read the page that comes in place of a file, and quote it in the error.

    Raises: nothing; a page that does not arrive is not quoted.
    """
    is_html = "html" in (head.content_type or "").lower() and not head.coding
    if not is_html or not (is_page(error) or isinstance(error, HttpStatusError)):
        return
    page = b""
    with anyio.move_on_after(_PAGE_TIMEOUT_S):
        try:
            while len(page) < PAGE_BYTES and (piece := await read(PAGE_BYTES)):
                page += bytes(piece)
        except (NetworkError, TransferError):
            pass  # what has arrived is enough
    quote_page(error, page, head.content_type)
