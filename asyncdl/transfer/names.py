"""File names from outside, made safe: one path component that any system accepts."""

from __future__ import annotations

import re
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from asyncdl.redact import MASK, unsigned
from asyncdl.system.locks import LOCK
from asyncdl.text import is_acting

PART, STATE, STATE_TEMPORARY, PART_LOCK = ".part", ".part.state", ".part.state.tmp", f".part{LOCK}"
"""Added to a file's name while the engine fetches it; ``STATE_TEMPORARY`` is the longest."""
MEMBER, COPY = ".part.member", ".part.copy"
"""The same while a job unpacks or copies it."""
SOURCE = ".source"
"""The same, before ``PART``, while the bytes are fetched that a file is made of."""
UNPACKING = ".unpacking.tar"
"""Ending of a bundle whose tar will not be kept."""
PART_ENDINGS = (PART, STATE, STATE_TEMPORARY, PART_LOCK, MEMBER, COPY)
WORKING_ENDINGS = (*PART_ENDINGS, UNPACKING)
"""All our endings for unfinished files; no name from outside may end like this."""

MAX_NAME_BYTES = 255 - len(STATE_TEMPORARY)
"""File systems accept 255 bytes; our own endings must still fit after the name."""

FALLBACK_NAME = "download"

_LONGEST_SUFFIX_BYTES = 20
_PARAMETER = re.compile(
    r";\s*(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*"
    r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^;]*))'
)
_EXTENDED = re.compile(r"(?P<charset>[A-Za-z0-9_-]+)'[^']*'(?P<text>.*)")
_PLAIN = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,98}[A-Za-z0-9_])?")
"""Matches nearly all names; the remaining rules cost fifty times as much."""
_DRIVE = re.compile(r"^[A-Za-z]:")
_RESERVED = re.compile(r'[<>:"|?*]')
_EDGES = (
    ". \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""The dot and all white space: no name begins or ends with them."""
_MAX_CHARS = 1024
"""The middle of a longer name is dropped before anything else is done with it. Normalizing its
accents takes quadratic time."""
_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"]
    + [f"{port}{digit}" for port in ("COM", "LPT") for digit in "123456789¹²³"]
)


def choose_name(disposition: str | None, url: str) -> str:
    """Return the host's name for a file, else the URL's; always a safe name.

    Args:
        disposition: The ``Content-Disposition`` of the response, if any.
        url: What was requested.
    """
    return safe_name(disposition_name(disposition)) or name_in_url(url) or FALLBACK_NAME


def disposition_name(header: str | None) -> str:
    """Return the raw file name in a ``Content-Disposition``; empty if there is none.

    The extended form takes precedence over the plain one. The result comes from outside and is
    not safe.

    Source: RFC 6266; RFC 5987.
    """
    if not header:
        return ""
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(f";{header}"):
        found.setdefault(match["name"].lower(), _parameter_value(match))
    return _decode_extended(found.get("filename*", "")) or found.get("filename", "")


def name_in_url(url: str) -> str:
    """Return the last part of a URL's path as a safe name; empty if it has none.

    A part that holds a token is not used, since names are visible to everyone.
    """
    try:
        path = urlsplit(url).path
    except ValueError:  # no host could have such a name
        return ""
    part = unsigned(path).rstrip("/").rpartition("/")[2]
    return "" if MASK in part else safe_name(unquote(part))


def safe_name(text: str, working: tuple[str, ...] = WORKING_ENDINGS) -> str:
    """Return ``text`` as one safe path component; empty if nothing usable is left.

    The result has no folder, drive, control, bidi control or lone surrogate, does not begin or
    end with a dot or a space, is not a device name of Windows, and is at most
    :data:`MAX_NAME_BYTES` long in UTF-8. Safe names are returned unchanged, whatever their
    script: joiners stay, and nothing is normalized.

    Args:
        text: A name from anywhere.
        working: A name with one of these endings gets an underscore at its end, or it would be
            taken for the unfinished part of another file.
    """
    if not text:
        return text
    name = text if _PLAIN.fullmatch(text) and not _is_device(text) else _clean(text)
    # Some volumes do not distinguish names by case.
    return _shorten(f"{name}_") if name.casefold().endswith(working) else name


def _clean(text: str) -> str:
    last = text[max(text.rfind("/"), text.rfind("\\")) + 1 :]
    if len(last) > _MAX_CHARS:
        last = last[: _MAX_CHARS // 2] + last[-_MAX_CHARS // 2 :]
    base = _DRIVE.sub("", "".join(c for c in last if not is_acting(c)))
    name = _shorten(_RESERVED.sub("_", base).strip(_EDGES))
    return _shorten(f"_{name}") if _is_device(name) else name


def _is_device(name: str) -> bool:
    return name.partition(".")[0].rstrip().upper() in _DEVICES


def _parameter_value(match: re.Match[str]) -> str:
    # Only an escaped quote or backslash is unescaped: hosts send Windows paths with plain
    # backslashes, which must stay separators.
    if match["quoted"] is not None:
        return _repair(re.sub(r'\\(["\\])', r"\1", match["quoted"]))
    return _repair(match["plain"].strip().strip('"'))


def _repair(text: str) -> str:
    """Read bytes that are not UTF-8 as Latin-1, as old hosts mean them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("latin-1")
    return text


def _decode_extended(value: str) -> str:
    match = _EXTENDED.fullmatch(value)
    if match is None:
        return ""
    try:
        return unquote_to_bytes(match["text"]).decode(match["charset"])
    except (LookupError, UnicodeError):
        return ""


def _shorten(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, dot, suffix = name.rpartition(".")
    ending = f"{dot}{suffix}"
    if not stem or len(ending.encode()) > _LONGEST_SUFFIX_BYTES:
        stem, ending = name, ""
    room = MAX_NAME_BYTES - len(ending.encode())
    return stem.encode()[:room].decode("utf-8", "ignore").strip(_EDGES) + ending
