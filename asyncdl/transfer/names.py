"""File names from outside, made safe: one path component that any system takes."""

from __future__ import annotations

import re
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from asyncdl.redact import MASK, unsigned
from asyncdl.system.locks import LOCK
from asyncdl.text import is_acting

PART, STATE, STATE_TEMPORARY, PART_LOCK = ".part", ".part.state", ".part.state.tmp", f".part{LOCK}"
"""Behind a file's name while the engine fetches it; no ending of ours is longer than the last."""
MEMBER, COPY = ".part.member", ".part.copy"
"""The same while a job unpacks or copies it."""
UNPACKING = ".unpacking.tar"
"""How a bundle ends whose tar will not be kept."""
PART_ENDINGS = (PART, STATE, STATE_TEMPORARY, PART_LOCK, MEMBER, COPY)
WORKING_ENDINGS = (*PART_ENDINGS, UNPACKING)
"""All names of ours for what is not finished; no name from outside ends like this."""

MAX_NAME_BYTES = 255 - len(STATE_TEMPORARY)
"""File systems take 255 bytes; our own suffixes must still fit behind the name."""

FALLBACK_NAME = "download"

_LONGEST_SUFFIX_BYTES = 20
_PARAMETER = re.compile(
    r";\s*(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*"
    r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^;]*))'
)
_EXTENDED = re.compile(r"(?P<charset>[A-Za-z0-9_-]+)'[^']*'(?P<text>.*)")
_PLAIN = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,98}[A-Za-z0-9_])?")
"""Nearly all names there are; the rest of the rules costs fifty times as much."""
_DRIVE = re.compile(r"^[A-Za-z]:")
_RESERVED = re.compile(r'[<>:"|?*]')
_EDGES = (
    ". \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""The dot and all that counts as space: no name begins or ends with them."""
_MOST_CHARS = 1024
"""Of a name from outside; of a longer one the middle goes before anything else is done
with it. Putting its accents in order takes the square of their number."""
_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"]
    + [f"{port}{digit}" for port in ("COM", "LPT") for digit in "123456789¹²³"]
)


def choose_name(disposition: str | None, url: str) -> str:
    """Name a file as its host does, else as its URL does; always a safe name.

    Args:
        disposition: The ``Content-Disposition`` of the answer, if any.
        url: What was asked for.
    """
    return safe_name(disposition_name(disposition)) or name_in_url(url) or FALLBACK_NAME


def disposition_name(header: str | None) -> str:
    """Return the raw file name in a ``Content-Disposition``; empty if there is none.

    The extended form wins over the plain one. The result comes from outside
    and is not safe.

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

    A part that holds a token is no name: names are seen by everyone.
    """
    try:
        path = urlsplit(url).path
    except ValueError:  # no host could have such a name
        return ""
    part = unsigned(path).rstrip("/").rpartition("/")[2]
    return "" if MASK in part else safe_name(unquote(part))


def safe_name(text: str, working: tuple[str, ...] = WORKING_ENDINGS) -> str:
    """Make one safe path component of ``text``; empty if nothing usable is left.

    The result has no folder, drive, control, bidi control or lone surrogate, does
    not begin or end with a dot or a space, is no device name of Windows, and is
    at most :data:`MAX_NAME_BYTES` long in UTF-8. Safe names come back unchanged,
    whatever their script: joiners stay, and nothing is normalized.

    Args:
        text: A name from anywhere.
        working: The result has none of these endings: it gets an underscore behind it,
            or it would be taken for the unfinished part of another file.
    """
    if not text:
        return text
    name = text if _PLAIN.fullmatch(text) and not _is_device(text) else _clean(text)
    # Some volumes do not tell apart what folds to the same.
    return _shorten(f"{name}_") if name.casefold().endswith(working) else name


def _clean(text: str) -> str:
    last = text[max(text.rfind("/"), text.rfind("\\")) + 1 :]
    if len(last) > _MOST_CHARS:
        last = last[: _MOST_CHARS // 2] + last[-_MOST_CHARS // 2 :]
    base = _DRIVE.sub("", "".join(c for c in last if not is_acting(c)))
    name = _shorten(_RESERVED.sub("_", base).strip(_EDGES))
    return _shorten(f"_{name}") if _is_device(name) else name


def _is_device(name: str) -> bool:
    return name.partition(".")[0].rstrip().upper() in _DEVICES


def _parameter_value(match: re.Match[str]) -> str:
    # Only an escaped quote or backslash is unescaped: hosts send Windows paths
    # with bare backslashes, which have to stay separators.
    if match["quoted"] is not None:
        return _repair(re.sub(r'\\(["\\])', r"\1", match["quoted"]))
    return _repair(match["plain"].strip().strip('"'))


def _repair(text: str) -> str:
    """Read the bytes that were no UTF-8 as Latin-1, as old hosts mean them."""
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
