"""The note beside a partial file: what it holds, and of which version.

Written only after the bytes it speaks of are flushed, to a temporary name that
then replaces the old note. It carries a checksum of itself, so a torn note is
told from a whole one. It holds no URL with a secret: only host and path, and a number
for what else names the resource.
"""

from __future__ import annotations

import logging
import os
import re
import zlib
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from asyncdl.transfer.parts.durable import open_regular_file, rename, write_file
from asyncdl.transfer.ranges import LARGEST_OFFSET, Coverage
from asyncdl.transfer.validators import Validator
from asyncdl.transfer.verification.digests import Digest

_LINE_BREAK = re.compile(r"[\r\n\0]")
FORMAT = 2
"""Grows with every change of :class:`PartState`; notes of other formats are dropped."""

_LONGEST_NOTE_BYTES = 16 * 1024**2
"""Some hundred thousand pieces; none of ours has a hundredth of that."""

_log = logging.getLogger("asyncdl.transfer")


class PartState(Struct, frozen=True):
    """What is known about a partial file."""

    source: str
    """Where its bytes come from, see :func:`~asyncdl.transfer.file_url.source_of`."""
    total: int | None = None
    """Length of the whole file, if known."""
    validator: Validator = Validator()
    """The version that the bytes belong to."""
    done: Coverage = Coverage()
    """The bytes that are on disk."""
    place: str = ""
    """Where redirects led to, see :func:`~asyncdl.transfer.file_url.resource_id`."""
    digests: tuple[Digest, ...] = ()
    """What the host says the whole file adds up to."""
    format: int = FORMAT

    @property
    def is_complete(self) -> bool:
        """Whether every byte is there."""
        return self.total is not None and not self.done.gaps(self.total)


def encode_state(state: PartState) -> bytes:
    """Return the note as one line: its checksum and its JSON."""
    body = msgspec.json.encode(state)
    return b"%08x %b\n" % (zlib.crc32(body), body)


def decode_state(data: bytes) -> PartState | None:
    """Read a note; ``None`` if it is torn, of another format, or no note at all."""
    checksum, _, body = data.removesuffix(b"\n").partition(b" ")
    if checksum != b"%08x" % zlib.crc32(body):
        return None
    try:
        state = msgspec.json.decode(body, type=PartState)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return state if state.format == FORMAT and _is_sound(state) else None


def load_state(path: Path, size_bytes: int) -> PartState | None:
    """Read the note at ``path`` about a partial file of ``size_bytes``. Blocks.

    Bytes that the note names and the file lacks are taken out of it.

    Returns: ``None`` if there is no note that can be believed.
    Raises: OSError, if there is one that cannot be read, or is no regular file.
    """
    try:
        fd = open_regular_file(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with open(fd, "rb") as file:  # noqa: PTH123 - what is open already has no path
        data = file.read(_LONGEST_NOTE_BYTES + 1)
    state = decode_state(data) if len(data) <= _LONGEST_NOTE_BYTES else None
    if state is None:
        _log.warning("%s is damaged or of another version: the download begins again", path)
        return None
    return _clipped(state, size_bytes)


def temporary_path(path: Path) -> Path:
    """Return where a note is written before it gets its name; a crash may leave it there."""
    return path.with_name(f"{path.name}.tmp")


def save_state(path: Path, state: PartState) -> None:
    """Write the note so that a crash leaves the old one or the new one. Blocks.

    Raises: OSError; the old note is then untouched.
    """
    temporary = temporary_path(path)
    try:
        write_file(temporary, (encode_state(state),), durable=True)
        rename(temporary, path, durable=False)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _clipped(state: PartState, size_bytes: int) -> PartState:
    return replace(state, done=state.done.clip(size_bytes))


def _is_sound(state: PartState) -> bool:
    """Tell whether the spans are in order, apart, and inside the file."""
    edges = [edge for span in state.done.spans for edge in (span.start, span.stop)]
    is_rising = all(a < b for a, b in pairwise(edges))
    is_inside = state.total is None or not edges or edges[-1] <= state.total
    # What it tells of the host's headers is sent in one of ours.
    told = (state.source, state.validator.etag or "", state.validator.last_modified or "")
    is_right = all(not _LINE_BREAK.search(text) for text in told)
    is_large = max(state.total or 0, *edges, 0) > LARGEST_OFFSET
    return is_rising and is_inside and is_right and not is_large and min(edges, default=0) >= 0
