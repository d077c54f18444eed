"""Zips of any kind, made as other writers make them, or as no honest one does."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any


class Pipe(io.RawIOBase):
    """Takes bytes and cannot be wound back, so that writers put sums and sizes behind members."""

    def __init__(self) -> None:
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # zipfile writes nothing else
        self.content += data
        return len(data)


def pack_zip(
    contents: Mapping[str, bytes | str],
    method: int = zipfile.ZIP_DEFLATED,
    *,
    is_piped: bool = False,
    is_large: bool = False,
    comment: bytes = b"",
) -> bytes:
    """Return a zip, as ``zipfile`` makes it.

    Args:
        contents: By name; a text is the target of a link.
        method: Of compression.
        is_piped: Whether the writer cannot wind back.
        is_large: Whether it uses the numbers of Zip64 without need.
        comment: Of the whole archive.
    """
    pipe, file = Pipe(), io.BytesIO()
    sink: Any = pipe if is_piped else file
    with zipfile.ZipFile(sink, "w", method) as archive:
        archive.comment = comment
        for name, content in contents.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            if isinstance(content, str):
                info.external_attr, content = 0o120777 << 16, content.encode()
            with archive.open(info, "w", force_zip64=is_large) as member:
                member.write(content)
    return bytes(pipe.content) if is_piped else file.getvalue()
