"""The log of a command, for ``-v``, ``--log-file`` and ``--log-format``."""

from __future__ import annotations

import logging
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TextIO

from msgspec import Struct

from asyncdl.cli.json_lines import json_text
from asyncdl.cli.printing import plain
from asyncdl.redact import redact

LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
"""Levels by the number of ``-v``."""
SHORT = "%(levelname)s %(name)s: %(message)s"
LONG = f"%(asctime)s {SHORT}"
FORMATS = ("text", "json")


class LogOptions(Struct, frozen=True):
    """Options of the log."""

    verbose: int = 0
    """Number of ``-v``; 0 logs nothing to stderr."""
    file: Path | None = None
    """Receives the same lines, and always those of level INFO."""
    form: str = "text"
    """One of :data:`FORMATS`, for both."""


def start_logging(options: LogOptions) -> None:
    """Set up the loggers of asyncdl. Raises: OSError, if the file cannot be opened."""
    level = LEVELS[min(options.verbose, len(LEVELS) - 1)]
    if options.file is not None:
        # Opened first: if that fails, nothing has changed.
        _listen(FileHandler(options.file), options.form, LONG, min(level, logging.INFO))
    if options.verbose:
        _listen(StderrHandler(), options.form, SHORT, level)


def _listen(handler: logging.Handler, form: str, text: str, level: int) -> None:
    handler.setFormatter(JsonFormatter() if form == "json" else SafeFormatter(text))
    handler.setLevel(level)
    logger = logging.getLogger("asyncdl")
    logger.addHandler(handler)
    logger.setLevel(min(level, logger.level or level))


class FileHandler(logging.Handler):
    """Appends to a file in a separate thread, so that a slow disk does not delay transfers.

    Raises: OSError, if the file cannot be opened. Later write errors are ignored; a full
    disk ends the run anyway.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("a", encoding="utf-8", errors="backslashreplace")
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        # The logging module closes its handlers at exit, so nothing is lost.
        self._writer = threading.Thread(target=self._write, name="asyncdl-log", daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a line to the thread."""
        self._lines.put(self.format(record))

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            with suppress(OSError):
                self._file.write(f"{line}\n")
                self._file.flush()

    def close(self) -> None:
        """Write the remaining lines and close the file."""
        self._lines.put(None)
        self._writer.join()
        with suppress(OSError):
            self._file.close()
        super().close()


class StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to the current stderr, which a live display replaces to print above itself."""

    @property
    def stream(self) -> TextIO:
        """The current stderr."""
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None:
        pass


class SafeFormatter(logging.Formatter):
    """Masks every secret in a record, and prevents forged lines.

    Times are UTC, such as ``2026-03-01T06:15:00.250Z``.
    """

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the message as one line."""
        return plain(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; the lines of a traceback are indented."""
        head, *rest = redact(super().format(record)).split("\n")
        return "\n".join((head, *(f"    {plain(line)}" for line in rest)))


class JsonFormatter(SafeFormatter):
    """Writes a record as one JSON object on a line, its secrets masked."""

    def format(self, record: logging.LogRecord) -> str:
        """Return time, level, logger and message, and the exception if there is one."""
        fields = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            fields["exception"] = redact(self.formatException(record.exc_info))
        return json_text(fields)
