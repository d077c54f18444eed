"""Checksum tables as GNU and BSD tools write them. Pure.

Of signed tables, such as Fedora's ``CHECKSUM``, only the signed part is read; the signature is not
checked here.

Source: coreutils' ``sha256sum`` and ``md5sum`` (plain, ``--tag``, escaped names), BSD's
``sha256 -r`` and ``md5``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from asyncdl.errors import ConfigError
from asyncdl.transfer import Digest

ALLOWED = "lines as sha256sum and md5sum write them: `HEX  NAME`, or `SHA256 (NAME) = HEX`"

MAX_ROWS = 200_000
"""As many as a list may have scenes: more than any published table."""
_GNU = re.compile(r"(?P<hex>[0-9A-Fa-f]+)(?:  ?[ *]?|\t+)(?P<name>\S.*)")
_BSD = re.compile(r"(?P<algorithm>[A-Za-z0-9/-]{1,20}) ?\((?P<name>.+)\) ?= ?(?P<hex>[0-9A-Fa-f]+)")
_BARE = re.compile(r"[0-9A-Fa-f]{32,128}")
_BY_DIGITS = {32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
_ALGORITHMS = {
    "md5": "md5", "sha1": "sha1", "sha224": "sha224", "sha256": "sha256", "sha384": "sha384",
    "sha512": "sha512",
}  # fmt: skip
_ESCAPE = re.compile(r"\\[nr\\]")
_ESCAPES = {"\\n": "\n", "\\r": "\r", "\\\\": "\\"}
_BEGIN_SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----"
_BEGIN_SIGNATURE = "-----BEGIN PGP SIGNATURE-----"


class ListedChecksum(Struct, frozen=True):
    """One line of a table."""

    line: int
    """Counted from one."""
    name: str
    """As written there, perhaps with folders; empty for a digest alone on its line."""
    digest: Digest


class ChecksumTable:
    """The expected digests of files, by URL or name.

    Args:
        source: Where the table comes from, for messages.
        rows: Its lines.
    Raises: ConfigError, if two lines contradict each other.
    """

    def __init__(self, source: str, rows: Iterable[ListedChecksum]) -> None:
        self.source = source
        self._rows: dict[str, list[ListedChecksum]] = {}
        for row in rows:
            self._rows.setdefault(row.name.rpartition("/")[2], []).append(row)
        self._check()

    def _check(self) -> None:
        for rows in self._rows.values():
            found: dict[tuple[str, str], ListedChecksum] = {}
            for row in rows:
                first = found.setdefault((row.name, row.digest.algorithm), row)
                if not first.digest.agrees_with(row.digest.value):
                    raise ConfigError(
                        f"{self.source}: lines {first.line} and {row.line} give different "
                        f"{row.digest.algorithm} digests of {row.name or 'the file'}"
                    )

    def digests_of(self, path: str) -> tuple[Digest, ...]:
        """Return all digests of a file; none if the table does not name it.

        Args:
            path: The file's name, or its URL without its query. If several folders hold files of
                one name, the row that shares most of the path counts.
        """
        rows = self._rows.get(path.rpartition("/")[2]) or self._rows.get("", [])
        shares = [(_shared(row.name, path), row) for row in rows]
        most = max((share for share, _ in shares), default=0)
        best = [row for share, row in shares if share == most]
        if len({row.name for row in best}) > 1:
            return ()
        return tuple(dict.fromkeys(row.digest for row in best))


def _shared(name: str, path: str) -> int:
    """Return how many parts of two paths are equal, counted from their ends."""
    count = 0
    for one, other in zip(reversed(name.split("/")), reversed(path.split("/")), strict=False):
        if one != other:
            break
        count += 1
    return count


def path_in(url: str) -> str:
    """Return the path of a URL as a table would contain it."""
    return unquote(urlsplit(url).path)


def read_checksums(source: str, lines: Iterable[str]) -> ChecksumTable:
    """Read a table.

    Args:
        source: File or URL, for messages.
        lines: All of it.
    Raises: ConfigError, with the line and its text, for what is not a table.
    """
    if source.rpartition("/")[2].lower().startswith("b2sum"):
        problem = "is a table of BLAKE2 digests, which are not supported"
        raise ConfigError(f"{source}: {problem}", allowed="MD5, SHA-1, SHA-2")
    found = (
        _read_row(source, number, line)
        for number, line in _signed_part(lines)
        if line and not line.startswith(("#", ";"))
    )
    rows = list(islice(found, MAX_ROWS + 1))
    if len(rows) > MAX_ROWS:
        raise ConfigError(f"{source}: has more than {MAX_ROWS:,} lines", allowed=ALLOWED)
    if not rows:
        raise ConfigError(f"{source}: contains no checksum", allowed=ALLOWED)
    if len(rows) > 1 and any(not row.name for row in rows):
        raise ConfigError(f"{source}: each of several digests needs a name", allowed=ALLOWED)
    return ChecksumTable(source, rows)


def _signed_part(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of a table, without the signature that may be around it."""
    is_head = False
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text == _BEGIN_SIGNATURE:
            return
        if text == _BEGIN_SIGNED:
            is_head = True
        elif is_head:
            is_head = bool(text)
        else:
            yield number, text.removeprefix("- ")


def _read_row(source: str, number: int, line: str) -> ListedChecksum:
    place = f"{source}: line {number}"
    text = line.removeprefix("\\")
    match = _BSD.fullmatch(text) or _GNU.fullmatch(text)
    if match is None and _BARE.fullmatch(text):
        return ListedChecksum(number, "", _digest(place, _BY_DIGITS.get(len(text), ""), text))
    if match is None:
        raise ConfigError(f"{place} is not a checksum", allowed=ALLOWED)
    algorithm = _BY_DIGITS.get(len(match["hex"]), "")
    if named := match.groupdict().get("algorithm"):
        algorithm = _ALGORITHMS.get(named.lower().replace("-", ""), "")
        if not algorithm:
            problem = f"{place}: {named} is not supported"
            raise ConfigError(problem, allowed=", ".join(_ALGORITHMS))
    # A backslash before the line means that its name has escapes.
    name = match["name"] if text == line else _ESCAPE.sub(_unescape, match["name"])
    return ListedChecksum(number, name.removeprefix("./"), _digest(place, algorithm, match["hex"]))


def _unescape(escape: re.Match[str]) -> str:
    return _ESCAPES[escape[0]]


def _digest(place: str, algorithm: str, value: str) -> Digest:
    try:
        return Digest(algorithm, value)
    except ValueError:
        digits = ", ".join(f"{name} {count}" for count, name in _BY_DIGITS.items())
        raise ConfigError(
            f"{place}: {len(value)} hexadecimal digits are not such a digest", allowed=digits
        ) from None
