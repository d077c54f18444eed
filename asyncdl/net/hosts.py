"""Hosts of URLs: their names, where each may be by its text alone, and how asyncdl names itself.

Pure.

An address can be written in many ways, and programs disagree about them: ``127.1``,
``2130706433``, ``0x7f.1``, ``0177.0.0.1``, wide digits, percent signs. A proxy reads such a text in
its own way. So all readings count: a URL that a host named leads as far inward as the innermost
reading, and a service counts as being where the outermost one is.

Source: ``inet_aton`` of the C libraries; the URL Standard, section 3.5 (hosts that end in a
number); RFC 3986, section 3.2.2; RFC 6761, 6762 (appendix G) and 8375 for names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import unquote, urlsplit

from asyncdl.net.addresses import Zone, zone_of
from asyncdl.version import __version__

USER_AGENT = f"asyncdl/{__version__}"
"""Sent with every request, unless the caller sends another."""

TLS_FORM = "an https URL; http is for this very machine alone (localhost, 127.0.0.1, [::1])"
"""What a URL has to be when a secret is sent with the request."""


def is_loopback(host: str) -> bool:
    """Return whether a name or an address is the loopback's, whatever it resolves to.

    Args:
        host: Without port and brackets.
    Source: RFC 6761, section 6.3 (names); RFC 6890 (addresses).
    """
    name = host.lower().removesuffix(".")
    if is_loopback_name(name):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def is_loopback_name(host: str) -> bool:
    """Return whether a host is ``localhost`` or a name below it."""
    name = host.lower().removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")


def goes_in_clear(scheme: str, host: str) -> bool:
    """Return whether what is sent to a host could be read on the way."""
    return scheme != "https" and not is_loopback(host)


MAX_HOST_CHARS = 1024
"""A name has 253 at most; percent signs and wide letters make it longer."""
_MAX_DIGITS = 64

_NUMBER = re.compile(r"0[xX][0-9A-Fa-f]*|[0-9]+")
_BRACKET = re.compile(r"\[|\]|%5[BbDd]")
_DOTS = str.maketrans(dict.fromkeys("\u3002\uff0e\uff61", "."))
_UNSEEN = frozenset({"Cc", "Cf", "Mn"})
"""Categories of characters that IDNA ignores in names, or that no name has."""

_THIS_MACHINE = frozenset(
    {
        *("localhost", "localhost4", "localhost6", "localhost.localdomain"),
        *("ip6-localhost", "ip6-loopback"),
    }
)
"""As in the hosts files of most systems."""
_METADATA = frozenset({"metadata", "metadata.goog", "metadata.google.internal", "instance-data"})
_NOT_PUBLIC = (
    *("corp", "home", "internal", "intranet", "lan", "local", "localdomain", "private"),
    "home.arpa",
)
"""Domains of private networks, which the public DNS does not have."""
_UNREADABLE = frozenset({Zone.PUBLIC, Zone.LOOPBACK})
"""Of a text that looks like an address and is none: a program may read any address in it."""


def hostname_of(url: str) -> str:
    """Return the host of a URL, without brackets and port; empty if there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def host_of(url: str) -> str:
    """Return host and port of a URL as it has them, without user and password; empty if none."""
    # To the cache, a subclass of str is another key.
    return _host_of(str(url))


@lru_cache(256)
def _host_of(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        # An error names its URL without its secrets, and what is left may be none.
        return ""


def innermost_zone(host: str) -> Zone:
    """Return how far inward a host may be by its text; a name says little of that.

    Args:
        host: Of a URL, with brackets or without, in whatever form.
    """
    return max(_zones(host))


def outermost_zone(host: str) -> Zone:
    """Return how far inward a host is at least by its text: mostly public."""
    return min(_zones(host))


def is_address(host: str) -> bool:
    """Return whether a host is written as an address, in whatever form, and not as a name."""
    name = _plain(host)
    return name is not None and (":" in name or _ends_in_number(name))


def _zones(host: str) -> frozenset[Zone]:
    name = _plain(host)
    if name is None:
        return _UNREADABLE
    if ":" in name:
        try:
            return frozenset({zone_of(name)})
        except ValueError:
            return _UNREADABLE
    if _ends_in_number(name):
        return frozenset(zone_of(str(found)) for found in _readings(name)) or _UNREADABLE
    return frozenset({_zone_of_name(name)})


def _plain(host: str) -> str | None:
    """Return a host in plain letters, as IDNA and decoders would; ``None`` if it is too long."""
    if len(host) > MAX_HOST_CHARS:
        return None
    name, before = _bare(host), None
    while name != before and ":" not in name:
        name, before = _bare(unicodedata.normalize("NFKC", unquote(name))), name
    name = name.translate(_DOTS).casefold()
    name = "".join(c for c in name if unicodedata.category(c) not in _UNSEEN)
    # Old C libraries read no further than white space.
    return "".join(name.split()[:1]).strip(".")


def _bare(host: str) -> str:
    """Return a host without brackets, and an IPv6 address without the name of an interface."""
    bare = _BRACKET.sub("", host)
    return bare.partition("%")[0] if ":" in bare else bare


def _ends_in_number(name: str) -> bool:
    return _NUMBER.fullmatch(name.rpartition(".")[2]) is not None


def _readings(name: str) -> Iterator[IPv4Address]:
    """Yield the addresses that numbers mean: with a leading zero they are octal, or not."""
    parts = name.split(".")
    if len(parts) > 4 or not all(map(_NUMBER.fullmatch, parts)):
        return
    for base in (8, 10):
        try:
            *first, last = (_number(part, base) for part in parts)
            whole = bytes(first) + last.to_bytes(4 - len(first), "big")
        except (ValueError, OverflowError):
            continue
        yield IPv4Address(whole)


def _number(part: str, base: int) -> int:
    """Return a number; ``base`` counts where it has a leading zero. Raises: ValueError."""
    digits = part[2:] if part[:2] == "0x" else part
    digits = digits.lstrip("0") or "0"
    if len(digits) > _MAX_DIGITS:
        raise ValueError
    if part[:2] == "0x":
        return int(digits, 16)
    return int(digits, base if part[0] == "0" else 10)


def _zone_of_name(name: str) -> Zone:
    if name in _THIS_MACHINE or name.endswith(".localhost"):
        return Zone.LOOPBACK
    if name in _METADATA:
        return Zone.LINK
    is_public = "." in name and not name.endswith(tuple(f".{end}" for end in _NOT_PUBLIC))
    return Zone.PUBLIC if is_public or not name else Zone.PRIVATE
