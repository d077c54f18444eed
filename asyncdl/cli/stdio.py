"""Standard input, output and error as a process may find them: whole, full or closed.

Notes on standard error are worth having and no more: where they cannot be written they
are left out. What was asked for goes to standard output, so there it ends the command.

Files and pipes get UTF-8 whatever the locale says: what reads them is a program, or an
editor, and no locale but UTF-8 has all the characters of our texts. A terminal gets its own
encoding; what that lacks is shown as an escape.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from asyncdl.errors import AsyncdlError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


_EVERYWHERE = "utf-8"
_ERRORS = "backslashreplace"


class StreamError(AsyncdlError):
    """Standard input cannot be read, or standard output cannot be written."""


class ReaderLeft(StreamError):
    """Whoever read standard output has seen enough, as ``head`` has."""


class _Output(io.FileIO):
    """Standard output; says of itself what is wrong with it."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write. Raises: StreamError.

        No OSError, which click takes for itself: it ends the process while the text stream
        still holds something, of which Python 3.13 complains aloud.
        """
        try:
            return super().write(data)
        except BrokenPipeError as error:
            raise ReaderLeft("nobody reads standard output any more") from error
        except OSError as error:
            why = "is closed" if error.errno == errno.EBADF else f"fails: {error.strerror}"
            raise StreamError(f"standard output {why}") from error


class _Notes(io.FileIO):
    """Standard error; takes everything, and drops what cannot be written."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write, or do nothing."""
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


class _ClosedInput(io.FileIO):
    """Standard input where there is none."""

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Raise StreamError."""
        raise StreamError("standard input is closed")

    def readall(self) -> bytes:
        """Raise StreamError."""
        raise StreamError("standard input is closed")


def hold_streams() -> None:
    """Make the three streams of this process such that each can be used without a look.

    A closed one is a null device from now on, so that no file takes its number.
    """
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_ClosedInput(_null(os.O_RDONLY), "r")))
    if sys.stdout is None:
        # What can only be read refuses to be written, as a closed stream would.
        sys.stdout = _text(_Output(_null(os.O_RDONLY), "w"), _EVERYWHERE)
    else:
        sys.stdout = _over(sys.stdout, _Output)
    if sys.stderr is None:
        sys.stderr = _text(_Notes(_null(os.O_WRONLY), "w"), _EVERYWHERE)
    else:
        sys.stderr = _over(sys.stderr, _Notes)


def forget_output() -> None:
    """Let what standard output still holds go nowhere, or Python would complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _null(flags: int) -> int:
    return os.open(os.devnull, flags)


def _over(stream: TextIO, kind: type[io.FileIO]) -> TextIO:
    """Return a text stream to the same descriptor, with another way to write."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream  # somebody's own, as in a notebook
    stream.flush()
    if not isinstance(getattr(stream.buffer, "raw", stream.buffer), io.FileIO):
        # A console of Windows, which takes text and no bytes.
        stream.reconfigure(errors=_ERRORS)
        return stream
    return _text(
        kind(stream.fileno(), "w", closefd=False),
        stream.encoding if stream.isatty() else _EVERYWHERE,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _text(
    raw: io.FileIO, encoding: str, *, line_buffering: bool = False, write_through: bool = False
) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=encoding,
        errors=_ERRORS,
        newline="\n",
        line_buffering=line_buffering,
        write_through=write_through,
    )
