"""Writing HTML pages to files, stdout, devices and pipes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from asyncdl.cli.printing import echo
from asyncdl.errors import DiskError
from asyncdl.system.files import replace

STDOUT = Path("-")


def write_page(path: Path, text: str) -> None:
    """Write a page; a file is written completely or not at all. Raises: DiskError.

    Args:
        path: ``-`` is stdout. Of a link, the target is written; a device or a pipe stays
            what it is.
        text: The page.
    """
    if path == STDOUT:
        for line in text.split("\n"):
            echo(line)
        return
    try:
        if path.exists() and not path.is_file():
            _write(path, text)
        else:
            _replace(path.resolve(), text)
    except OSError as error:
        raise DiskError(path, error) from error


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.part")
    try:
        _write(partial, text)
        replace(partial, path)
    except OSError:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
