"""Standard input, output and error, which may be closed, full or broken.

Errors when writing to standard error are ignored: its notes are optional. Errors when writing
to standard output, which has the results, end the command.

Files and pipes get UTF-8 in any locale: they are read by programs or editors, and no other
encoding has all the characters of our texts. A terminal gets its own encoding; characters
that it lacks are escaped.
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
    """The reader of standard output has closed it, like ``head``."""


class _Output(io.FileIO):
    """Standard output, with our errors."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write. Raises: StreamError.

        Not an OSError, which click handles itself: it exits while the text stream still has
        buffered text, for which Python 3.13 prints an error.
        """
        try:
            return super().write(data)
        except BrokenPipeError as error:
            raise ReaderLeft("standard output was closed by its reader") from error
        except OSError as error:
            why = "is closed" if error.errno == errno.EBADF else f"fails: {error.strerror}"
            raise StreamError(f"standard output {why}") from error


class _Notes(io.FileIO):
    """Standard error; ignores write errors."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write, ignoring errors."""
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


class _ClosedInput(io.FileIO):
    """Closed standard input."""

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Raise StreamError."""
        raise StreamError("standard input is closed")

    def readall(self) -> bytes:
        """Raise StreamError."""
        raise StreamError("standard input is closed")


def replace_streams() -> None:
    """Replace the three standard streams, so that each can be used without checks.

    A closed one becomes the null device, so that no file gets its descriptor.
    """
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_ClosedInput(_null(os.O_RDONLY), "r")))
    if sys.stdout is None:
        # Read-only, so that writing fails as on a closed stream.
        sys.stdout = _text(_Output(_null(os.O_RDONLY), "w"), _EVERYWHERE)
    else:
        sys.stdout = _over(sys.stdout, _Output)
    if sys.stderr is None:
        sys.stderr = _text(_Notes(_null(os.O_WRONLY), "w"), _EVERYWHERE)
    else:
        sys.stderr = _over(sys.stderr, _Notes)


def discard_output() -> None:
    """Discard buffered standard output; otherwise Python would print an error at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _null(flags: int) -> int:
    return os.open(os.devnull, flags)


def _over(stream: TextIO, kind: type[io.FileIO]) -> TextIO:
    """Return a text stream on the same descriptor, with another raw stream."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream  # replaced by the caller, as in a notebook
    stream.flush()
    if not isinstance(getattr(stream.buffer, "raw", stream.buffer), io.FileIO):
        # A Windows console, which accepts text but no bytes.
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
