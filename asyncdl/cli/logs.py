"""The log of a command: what ``-v``, ``--log-file`` and ``--log-format`` ask for."""

from __future__ import annotations

import logging
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TextIO

from asyncdl.cli.printing import json_text, plain
from asyncdl.redact import redact

LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
"""By how often ``-v`` was given."""
SHORT = "%(levelname)s %(name)s: %(message)s"
LONG = f"%(asctime)s {SHORT}"
FORMATS = ("text", "json")


@dataclass(frozen=True, slots=True)
class LogOptions:
    """What was asked for."""

    verbose: int = 0
    """How often ``-v`` was given; 0 logs nothing to stderr."""
    file: Path | None = None
    """Gets the same lines, and those of level INFO in any case."""
    form: str = "text"
    """One of :data:`FORMATS`, for both."""


def start_logging(wish: LogOptions) -> None:
    """Set up the loggers of asyncdl. Raises: OSError, if the file cannot be opened."""
    level = LEVELS[min(wish.verbose, len(LEVELS) - 1)]
    if wish.file is not None:
        # Opened first: of what cannot be done nothing is done.
        _listen(FileHandler(wish.file), wish.form, LONG, min(level, logging.INFO))
    if wish.verbose:
        _listen(StderrHandler(), wish.form, SHORT, level)


def _listen(handler: logging.Handler, form: str, text: str, level: int) -> None:
    handler.setFormatter(JsonFormatter() if form == "json" else SafeFormatter(text))
    handler.setLevel(level)
    logger = logging.getLogger("asyncdl")
    logger.addHandler(handler)
    logger.setLevel(min(level, logger.level or level))


class FileHandler(logging.Handler):
    """Appends to a file, by a thread of its own: a slow disk does not hold up transfers.

    Raises: OSError, if the file cannot be opened. What cannot be written later is left
    out; a full disk ends the run by itself.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("a", encoding="utf-8", errors="backslashreplace")
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        # Logging itself closes its handlers when Python ends, so nothing is lost.
        self._writer = threading.Thread(target=self._write, name="asyncdl-log", daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a line to the thread."""
        self._lines.put(self.format(record))

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            with suppress(OSError):
                self._file.write(f"{line}\n")
                self._file.flush()

    def close(self) -> None:
        """Write what is left and close the file."""
        self._lines.put(None)
        self._writer.join()
        with suppress(OSError):
            self._file.close()
        super().close()


class StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to what stderr is at the moment: a live display lets lines pass above itself."""

    @property
    def stream(self) -> TextIO:
        """Where lines go now."""
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None:
        pass


class SafeFormatter(logging.Formatter):
    """Masks every secret in a record, and keeps it from passing for another record.

    Times are UTC, such as ``2026-03-01T06:15:00.250Z``.
    """

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the message as one line."""
        return plain(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; all lines of a traceback but the record's own are indented."""
        head, *rest = redact(super().format(record)).split("\n")
        return "\n".join((head, *(f"    {plain(line)}" for line in rest)))


class JsonFormatter(SafeFormatter):
    """Writes a record as one JSON object on a line, its secrets masked."""

    def format(self, record: logging.LogRecord) -> str:
        """Return time, level, logger and message, and the exception if there is one."""
        told = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            told["exception"] = redact(self.formatException(record.exc_info))
        return json_text(told)
