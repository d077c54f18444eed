"""Lists of URLs from files and pipes, read no faster than their URLs are fetched."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import BinaryIO

import anyio

from asyncdl.lists.entries import Entry, EntryReader, Problem
from asyncdl.lists.line_reader import LineReader
from asyncdl.outside import TooMuch

READ_BYTES = 65_536
"""Bytes per read."""
MAX_PROBLEMS = 10_000
"""Maximum number of problems to keep; a file that is not a list may be long."""
OPTION_TIMEOUT_S = 0.5
"""Maximum time that the options of an entry may follow it in a pipe."""


class UrlList:
    """The entries of one list.

    Args:
        file: Opened in binary mode.
        on_unknown: Called with place and name of an option that has no effect.
    """

    def __init__(self, file: BinaryIO, on_unknown: Callable[[str, str], None]) -> None:
        self._file = file
        self._on_unknown = on_unknown
        name = str(getattr(file, "name", ""))
        self.name = "standard input" if name in ("<stdin>", "0", "-") else name
        self.problems: list[Problem] = []
        """Problems of the lines read so far."""

    @property
    def is_rereadable(self) -> bool:
        """Whether it is complete and can be read twice."""
        return self._file.seekable()

    def check(self) -> Iterator[Entry]:
        """Read all of it, yield the entries and collect problems; then rewind."""
        start = self._file.tell()
        for entry in self._entries(EntryReader(self.name, self.note, self._on_unknown)):
            yield entry
            if len(self.problems) >= MAX_PROBLEMS:
                break
        self._file.seek(start)

    def note(self, problem: Problem) -> None:
        """Keep a problem, unless there are too many."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)

    async def entries(self) -> AsyncIterator[Entry]:
        """Yield the entries; in a file that has been checked, problems are skipped."""
        if self.is_rereadable:
            for entry in self._entries(EntryReader(self.name, lambda problem: None)):
                yield entry
            return
        reader = EntryReader(self.name, self.note, self._on_unknown)
        async for entry in self._piped(reader):
            yield entry

    def _entries(self, reader: EntryReader) -> Iterator[Entry]:
        lines = LineReader(self.name)
        try:
            while (data := self._file.read(READ_BYTES)) and len(self.problems) < MAX_PROBLEMS:
                yield from _taken(reader, lines.feed(data))
            yield from _taken(reader, lines.close(), is_end=True)
        except TooMuch as error:
            self._end_with(error)

    def _end_with(self, error: TooMuch) -> None:
        """Stop reading: the input may have no end."""
        self.note(Problem(self.name, str(error), "a list of URLs, one a line"))

    async def _piped(self, reader: EntryReader) -> AsyncIterator[Entry]:
        # A pipe may be slow: neither transfers nor an interrupt may wait for it.
        lines = LineReader(self.name)
        fd = self._file.fileno()
        try:
            while (data := await _read_pipe(fd, is_patient=not reader.is_within)) != b"":
                found = _taken(reader, lines.feed(data)) if data is not None else _ended(reader)
                for entry in found:
                    yield entry
            for entry in _taken(reader, lines.close(), is_end=True):
                yield entry
        except TooMuch as error:
            self._end_with(error)


def _taken(reader: EntryReader, lines: list[str], *, is_end: bool = False) -> Iterator[Entry]:
    for line in lines:
        if entry := reader.take(line):
            yield entry
    if is_end:
        yield from _ended(reader)


def _ended(reader: EntryReader) -> Iterator[Entry]:
    if entry := reader.end():
        yield entry


async def _read_pipe(fd: int, *, is_patient: bool) -> bytes | None:
    """Return the next bytes, empty at the end; ``None`` on a timeout."""
    with suppress(TimeoutError):
        with anyio.fail_after(None if is_patient else OPTION_TIMEOUT_S):
            await anyio.wait_readable(fd)
        return os.read(fd, READ_BYTES)
    return None
