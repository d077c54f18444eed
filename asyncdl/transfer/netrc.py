"""A netrc file: names and passwords by host, as ftp, curl and wget keep them.

::

    machine files.example.org login me password s3cret
    default login anonymous password me@example.org

The words may be on one line or on several. There is no full specification; in doubt a file is
read as curl reads it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from asyncdl.errors import ConfigError
from asyncdl.private_files import NotPrivate, read_private
from asyncdl.redact import Secret, SecretBytes

VARIABLE = "NETRC"
"""Names a file to read in place of the user's."""
MOST_BYTES = 1 << 20
MOST_ENTRIES = 10_000

_SPACE = " \t\r\f\v"
_WORD = re.compile(r"[^ \t\r\f\v\n]++")
_EMPTY_LINE = re.compile(r"\n[ \t\r\f\v]*+\n")
_QUOTED = re.compile(r'"((?:[^"\\\n]|\\[^\n])*+)"')
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_VALUES = frozenset({"login", "password", "account"})
_BEGINNINGS = frozenset({"machine", "default"})
_ALLOWED = (
    "`machine HOST login NAME password WORD`, `default login NAME password WORD`, `macdef`, and "
    'comments behind `#`; a value with spaces is in "quotes"'
)


class NetrcEntry(Struct, frozen=True):
    """One entry."""

    host: str
    """In lower case; empty for ``default``, which is for every host."""
    line: int
    """Where it begins, from 1."""
    login: Secret = Secret()
    """May be empty."""
    password: Secret | None = None
    """``None`` if it has none."""


class Netrc(Struct, frozen=True):
    """Names and passwords by host. Made by :func:`read_netrc` or :func:`parse_netrc`."""

    entries: tuple[NetrcEntry, ...]
    """In the order of the file."""
    shown: str
    """The file, for messages."""

    def find(self, host: str, login: str = "", *, with_default: bool = False) -> NetrcEntry | None:
        """Return the first entry with a password for a host.

        Args:
            host: Its name; the case of its letters does not matter.
            login: The name that the entry must have, if one is given.
            with_default: Whether ``default``, which is for every host, counts.
        """
        for entry in self.entries:
            is_for_host = entry.host == host.lower() or (not entry.host and with_default)
            if is_for_host and entry.password is not None and login in ("", entry.login):
                return entry
        return None


def netrc_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the user's netrc is: ``$NETRC``, else in the home folder."""
    if named := environ.get(VARIABLE):
        return Path(named).expanduser()
    home = Path.home()
    on_windows = home / "_netrc"
    return on_windows if os.name == "nt" and on_windows.exists() else home / ".netrc"


def read_netrc(path: Path | str | None = None) -> Netrc:
    """Read a netrc file, which must be accessible to its owner alone. Blocks.

    Args:
        path: ``None`` is the user's own, see :func:`netrc_path`.
    Raises: ConfigError, for a file that is missing, accessible to others, longer than 1 MiB, or
        not a netrc; no message repeats its content.
    """
    file = netrc_path() if path is None else Path(path).expanduser()
    try:
        data = read_private(file, max_bytes=MOST_BYTES)
    except NotPrivate as problem:
        raise ConfigError(f"{problem} (it holds passwords)") from None
    except OSError as error:
        allowed = "a netrc file that only you can read"
        raise ConfigError(f"{file}: {error.strerror or error}", allowed=allowed) from error
    if len(data) > MOST_BYTES:
        raise ConfigError(f"{file} is longer than {MOST_BYTES:,} bytes", allowed="a netrc file")
    return parse_netrc(data, str(file))


def parse_netrc(data: SecretBytes, shown: str = "netrc") -> Netrc:
    """Read the content of a netrc file.

    Args:
        data: UTF-8, with or without a byte order mark.
        shown: The file, for messages.
    Raises: ConfigError, which names the line, without its content.
    """
    try:
        text = Secret(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _refusal(shown, line, "this is not UTF-8") from None
    reader = _NetrcReader(text, shown)
    return Netrc(tuple(reader.entries()), shown)


def _refusal(shown: str, line: int, problem: str) -> ConfigError:
    return ConfigError(f"{shown}: line {line}: {problem}", allowed=_ALLOWED)


class _NetrcReader:
    """The words of a text, one after the other."""

    def __init__(self, text: Secret, shown: str) -> None:
        self._text = text
        self._shown = shown
        self._at = 0
        self._line = 1

    def entries(self) -> Iterator[NetrcEntry]:
        found: dict[str, Secret] = {}
        begun: tuple[str, int] | None = None
        count = 0
        while (word := self._keyword()) is not None:
            line = self._line
            if word in _BEGINNINGS:
                if begun is not None:
                    yield _entry(begun, found)
                host = self._value(word).lower() if word == "machine" else ""
                begun, found = (host, line), {}
                count += 1
                if count > MOST_ENTRIES:
                    raise _refusal(self._shown, line, f"more than {MOST_ENTRIES:,} entries")
            elif word == "macdef":
                self._value(word)
                self._skip_macro()
            elif word in _VALUES and begun is not None:
                found[word] = self._value(word)
            else:
                # It may be a piece of a password, so it is not repeated.
                raise _refusal(self._shown, line, "no word that may stand there")
        if begun is not None:
            yield _entry(begun, found)

    def _keyword(self) -> Secret | None:
        """Return the next word in lower case, past comments; ``None`` at the end."""
        while self._skip_space():
            if self._text[self._at] != "#":
                return Secret(self._word().lower())
            end = self._text.find("\n", self._at)
            self._at = len(self._text) if end < 0 else end
        return None

    def _value(self, name: str) -> Secret:
        line = self._line
        if not self._skip_space():
            raise _refusal(self._shown, line, f"nothing stands behind {name}")
        return self._quoted() if self._text[self._at] == '"' else self._word()

    def _skip_space(self) -> bool:
        """Go to the next word; return whether there is one."""
        while self._at < len(self._text):
            sign = self._text[self._at]
            if sign == "\n":
                self._line += 1
            elif sign not in _SPACE:
                return True
            self._at += 1
        return False

    def _word(self) -> Secret:
        match = _WORD.match(self._text, self._at)
        self._at = match.end() if match else len(self._text)
        return Secret(match[0] if match else "")

    def _quoted(self) -> Secret:
        match = _QUOTED.match(self._text, self._at)
        if match is None:
            raise _refusal(self._shown, self._line, "a quote without its end")
        self._at = match.end()
        return Secret(_ESCAPED.sub(lambda sign: _ESCAPES.get(sign[1], sign[1]), match[1]))

    def _skip_macro(self) -> None:
        """Go behind a macro, which ends with an empty line."""
        match = _EMPTY_LINE.search(self._text, self._at)
        end = match.end() if match else len(self._text)
        self._line += self._text.count("\n", self._at, end)
        self._at = end


def _entry(begun: tuple[str, int], found: dict[str, Secret]) -> NetrcEntry:
    host, line = begun
    return NetrcEntry(host, line, found.get("login", Secret()), found.get("password"))
