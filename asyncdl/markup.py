"""HTML: elements and tables with everything else escaped, and links that lead to the web only.

Browsers accept more as a URL than Python does (tabs within it, backslashes, percent signs in
hosts), and a name before an ``@`` is not the host. What is ambiguous does not become a link.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from ipaddress import IPv6Address
from typing import TypeAlias

import idna

VOID = frozenset({"br", "col", "hr", "img", "input", "line", "path", "rect"})
"""Elements that are written without content here."""


class Markup(str):
    """Text that is HTML; all other text is escaped when it becomes part of it."""

    __slots__ = ()


Child: TypeAlias = "str | int | Iterable[Child] | None"
"""Content of an element; ``None`` is nothing."""


def element(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """Return an element.

    Args:
        name: Of the element; never untrusted.
        children: Texts are escaped, but for :class:`Markup`.
        attributes: ``class_`` is ``class``, and ``_`` within a name ``-``. ``None`` and
            ``False`` leave an attribute out; ``True`` writes its name alone.
    """
    head = name + "".join(_attribute(*item) for item in attributes.items())
    if name in VOID and not children:
        return Markup(f"<{head}/>")
    return Markup(f"<{head}>{joined(children)}</{name}>")


def _attribute(name: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'


def joined(children: Child) -> Markup:
    """Return children one after the other, escaped as in an element."""
    if children is None:
        return Markup()
    if isinstance(children, Markup):
        return children
    if isinstance(children, str | int):
        return Markup(escape(str(children)))
    return Markup("".join(map(joined, children)))


def table(
    heads: Sequence[str], rows: Iterable[Sequence[Child]], *, numbers: Container[int] = ()
) -> Markup:
    """Return a table that scrolls by itself where it is wider than the page.

    Args:
        heads: A title for each column.
        rows: A cell for each column.
        numbers: The columns that are set to the right.
    """
    is_number = ["number" if column in numbers else None for column in range(len(heads))]
    head = (
        element("th", text, scope="col", class_=kind)
        for text, kind in zip(heads, is_number, strict=True)
    )
    body = (
        element("tr", (element("td", cell, class_=kind)
                       for cell, kind in zip(row, is_number, strict=True)))
        for row in rows
    )  # fmt: skip
    inner = element("table", element("thead", element("tr", head)), element("tbody", body))
    return element("div", inner, class_="wide")


def pairs(rows: Iterable[tuple[str, Child]]) -> Markup:
    """Return a table of names and values."""
    body = (
        element("tr", element("th", name, scope="row"), element("td", value, class_="name"))
        for name, value in rows
    )
    return element("div", element("table", element("tbody", body)), class_="wide")


MAX_URL_CHARS = 4096
_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\x00-\x20\x7f\\/?#@:%\[\]]+)(?P<port>:[0-9]{1,5})?"
    r"(?P<rest>(?:[/?#][^\x00-\x20\x7f\\]*)?)",
    re.IGNORECASE,
)
_NAME = re.compile(r"[a-z0-9_.-]+")
USGS = "usgs.gov"


@dataclass(frozen=True, slots=True)
class WebLink:
    """An ``http`` or ``https`` URL with one host and without a user name."""

    url: str
    """With the host in ASCII, as it is looked up."""
    host: str
    """As it is shown: in ASCII, where no letter looks like one of another alphabet."""
    port: str
    """Such as ``:8080``; empty for the usual one."""

    @property
    def is_at_usgs(self) -> bool:
        """Whether the host is one of USGS, which its certificate proves."""
        is_its = self.host == USGS or self.host.endswith(f".{USGS}")
        return is_its and self.url.startswith("https://")

    @property
    def is_picture(self) -> bool:
        """Whether the policy of a page allows to fetch a picture from there."""
        return self.is_at_usgs and self.host != USGS and not self.port

    @property
    def place(self) -> str:
        """Where it leads, in a few characters."""
        return "USGS" if self.is_at_usgs else f"{self.host}{self.port}"


def web_link(url: str) -> WebLink | None:
    """Return an untrusted URL as a link; ``None`` if it must not become one."""
    found = _URL.fullmatch(url) if len(url) <= MAX_URL_CHARS else None
    host = _in_ascii(found["host"]) if found else None
    if found is None or host is None:
        return None
    scheme, port = found["scheme"].lower(), found["port"] or ""
    if port == {"http": ":80", "https": ":443"}[scheme]:
        port = ""
    return WebLink(f"{scheme}://{host}{port}{found['rest']}", host, port)


def _in_ascii(host: str) -> str | None:
    """Return a host as it is looked up; ``None`` if browsers would look up another name.

    Source: RFC 5891, with the mapping of UTS 46.
    """
    name = host.lower()
    if name.startswith("["):
        return name if _is_address(name[1:-1]) else None
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode()
        except UnicodeError:
            return None
    return name if _NAME.fullmatch(name) else None


def _is_address(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return "%" not in text  # a zone is of this machine
