"""HTML pages on disk."""

from __future__ import annotations

from pathlib import Path

from asyncdl.errors import DiskError


def write_page(path: Path, text: str) -> None:
    """Write a page, whole or not at all. Raises: DiskError."""
    partial = path.with_name(f"{path.name}.part")
    try:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DiskError(path, error) from error
