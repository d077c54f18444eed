"""Lists of URLs, plain or with the options of aria2's input files, as entries. Pure.

::

    # a comment
    https://one.example/a.bin<TAB>https://two.example/a.bin
      out=first.bin
      checksum=sha-256=9f86d0…
    https://example.org/b.bin

A line without an indent is a URL, or several of the same file, separated by TABs. Indented lines
are options of the entry above; an indented URL is still a URL.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct, field

from asyncdl.errors import TransferError
from asyncdl.lists.entry_options import OPTIONS, SECRET, Values
from asyncdl.lists.line_reader import MAX_LINE_CHARS
from asyncdl.redact import redact
from asyncdl.transfer import Digest
from asyncdl.transfer.request_headers import Headers
from asyncdl.transfer.wire_url import read_target

_OPTION = re.compile(r"\s+(?P<name>[A-Za-z][A-Za-z0-9-]*)\s*=(?P<value>.*)")
_HOST_AND_PATH = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::[0-9]+)?(?:/\S*)?")
_SHOWN_CHARS = 100
MAX_UNKNOWN = 100
"""This many options without effect are reported, each once."""
MAX_ENTRY_CHARS = MAX_LINE_CHARS
"""For one entry with all its options, which may include any number of headers."""


class Entry(Struct, frozen=True):
    """One file to fetch."""

    urls: tuple[str, ...]
    """One or more; all of the same bytes."""
    place: str = ""
    """Such as ``urls.txt: line 3``; empty for a URL on the command line."""
    directory: Path | None = None
    """``None`` uses the folder of the command."""
    subfolder: Path = Path()
    """Below that folder."""
    name: str | None = None
    """``None`` uses the host's, else the URL's."""
    digests: tuple[Digest, ...] = ()
    headers: Headers = field(default_factory=dict)
    """In addition to those of the command, and before them."""
    overwrite: bool | None = None
    """``None`` here and below uses the command's setting."""
    if_modified: bool | None = None
    remote_time: bool | None = None
    connections: int | None = None

    def __repr__(self) -> str:
        # Neither URLs nor headers: both may hold secrets.
        return f"Entry({self.place!r}, name={self.name!r})"


class Problem(Struct, frozen=True):
    """An invalid line."""

    place: str
    value: str
    """Its text, without secrets."""
    allowed: str

    def __str__(self) -> str:
        return f"{self.place}: {self.value} (allowed: {self.allowed})"


class EntryReader:
    """Turns the lines of a list into entries. An entry is complete when the next begins.

    Args:
        source: Name of the list, for messages.
        on_problem: Called with every invalid line.
        on_unknown: Called with the place and the name of an option without effect, once per
            name.
    """

    def __init__(
        self,
        source: str,
        on_problem: Callable[[Problem], None],
        on_unknown: Callable[[str, str], None] = lambda place, name: None,
    ) -> None:
        self._source = source
        self._on_problem = on_problem
        self._on_unknown = on_unknown
        self._number = 0
        self._urls: tuple[str, ...] = ()
        self._place = ""
        self._values: Values = {}
        self._chars = 0
        self._is_bad = False
        self._unknown: set[str] = set()

    @property
    def is_within(self) -> bool:
        """Whether an entry has begun that may get further options."""
        return bool(self._urls)

    def take(self, line: str) -> Entry | None:
        """Take the next line; return the entry before it, if this line ends it."""
        self._number += 1
        text = line.strip()
        if not text or text.startswith("#"):
            return None
        if option := _OPTION.fullmatch(line.rstrip()):
            self._take_option(option["name"].lower(), option["value"].strip())
            return None
        ended = self.end()
        self._begin(text)
        return ended

    def end(self) -> Entry | None:
        """Return the entry that has begun, if it is valid."""
        urls, values, is_bad = self._urls, self._values, self._is_bad
        self._urls, self._values, self._is_bad = (), {}, False
        return Entry(urls, self._place, **values) if urls and not is_bad else None

    def _begin(self, text: str) -> None:
        self._place = f"{self._source}: line {self._number}"
        self._chars = len(text)
        self._urls = tuple(dict.fromkeys(filter(None, map(str.strip, text.split("\t")))))
        for url in self._urls:
            try:
                read_target(url)
            except TransferError as error:
                self._refuse(_described(url), allowed_url(error))

    def _take_option(self, name: str, value: str) -> None:
        place = f"{self._source}: line {self._number}"
        if not self._urls:
            problem = Problem(place, f"the option {name} comes before any URL", "a URL above it")
            self._on_problem(problem)
            return
        self._chars += len(value)
        if self._chars > MAX_ENTRY_CHARS:
            self._refuse_once("its options", f"at most {MAX_ENTRY_CHARS:,} characters")
            return
        take = OPTIONS.get(name)
        if take is None:
            self._note_unknown(place, name)
            return
        try:
            take(self._values, value)
        except ValueError as error:
            is_secret = name in SECRET
            self._refuse(name if is_secret else f"{name}={shown(value)}", str(error))

    def _note_unknown(self, place: str, name: str) -> None:
        if name not in self._unknown and len(self._unknown) < MAX_UNKNOWN:
            self._unknown.add(name)
            self._on_unknown(place, name)

    def _refuse_once(self, value: str, allowed: str) -> None:
        if not self._is_bad:
            self._refuse(value, allowed)

    def _refuse(self, value: str, allowed: str) -> None:
        self._is_bad = True
        self._on_problem(Problem(f"{self._source}: line {self._number}", value, allowed))


def allowed_url(error: TransferError) -> str:
    """Return what is allowed instead of a URL that was refused."""
    allowed = "a URL of http or https"
    return allowed if "http" in error.detail else f"{allowed}; {error.detail}"


def _described(text: str) -> str:
    """Return an invalid URL for a message: its text, if it looks like a URL."""
    if "://" in text or _HOST_AND_PATH.fullmatch(text):
        return shown(text)
    return f"a text of {len(text):,} characters"


def shown(text: str) -> str:
    """Return text of a list for a message, without secrets."""
    safe = redact(text)
    return repr(safe if len(safe) <= _SHOWN_CHARS else f"{safe[:_SHOWN_CHARS]}…")
