"""The state file beside a ``.part`` file: which bytes are there, and of which version.

It is written only after the bytes it describes are flushed, to a temporary name that then
replaces the old file. It carries a checksum of itself, so that a torn one is detected. It holds
no URL with a secret: only host and path, and a hash for what else identifies the resource.
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
"""Grows with every change of :class:`PartState`; state files of other formats are dropped."""

_MAX_STATE_BYTES = 16 * 1024**2
"""Some hundred thousand spans; none of our files has a hundredth of that."""

_log = logging.getLogger("asyncdl.transfer")


class PartState(Struct, frozen=True):
    """What is known about a ``.part`` file."""

    source: str
    """Where its bytes come from, see :func:`~asyncdl.transfer.url_identity.source_of`."""
    total: int | None = None
    """Length of the whole file, if known."""
    validator: Validator = Validator()
    """The version that the bytes belong to."""
    done: Coverage = Coverage()
    """The bytes on disk."""
    resource: str = msgspec.field(default="", name="place")
    """Where redirects led to, see :func:`~asyncdl.transfer.url_identity.resource_id`."""
    digests: tuple[Digest, ...] = ()
    """Digests of the whole file that the host has announced."""
    format: int = FORMAT


def encode_state(state: PartState) -> bytes:
    """Return the state as one line: its checksum and its JSON."""
    body = msgspec.json.encode(state)
    return b"%08x %b\n" % (zlib.crc32(body), body)


def decode_state(data: bytes) -> PartState | None:
    """Read a state file; ``None`` if it is torn, of another format, or not one at all."""
    checksum, _, body = data.removesuffix(b"\n").partition(b" ")
    if checksum != b"%08x" % zlib.crc32(body):
        return None
    try:
        state = msgspec.json.decode(body, type=PartState)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return state if state.format == FORMAT and _is_valid(state) else None


def load_state(path: Path, size_bytes: int) -> PartState | None:
    """Read the state file at ``path`` of a ``.part`` file of ``size_bytes``. Blocks.

    Bytes that it names and the ``.part`` file lacks are left out.

    Returns: ``None`` without a valid state file.
    Raises: OSError, if there is one that cannot be read, or that is not a regular file.
    """
    try:
        fd = open_regular_file(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with open(fd, "rb") as file:  # noqa: PTH123 - a file descriptor has no path
        data = file.read(_MAX_STATE_BYTES + 1)
    state = decode_state(data) if len(data) <= _MAX_STATE_BYTES else None
    if state is None:
        _log.warning("%s is damaged or of another version: the download begins again", path)
        return None
    return replace(state, done=state.done.clip(size_bytes))


def temporary_path(path: Path) -> Path:
    """Return where a state file is written before its rename; a crash may leave it there."""
    return path.with_name(f"{path.name}.tmp")


def save_state(path: Path, state: PartState) -> None:
    """Write a state file so that a crash leaves the old one or the new one. Blocks.

    Raises: OSError; the old one is then unchanged.
    """
    temporary = temporary_path(path)
    try:
        write_file(temporary, (encode_state(state),), durable=True)
        rename(temporary, path, durable=False)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _is_valid(state: PartState) -> bool:
    """Return whether the spans are in order, apart, and inside the file."""
    edges = [edge for span in state.done.spans for edge in (span.start, span.stop)]
    is_rising = all(a < b for a, b in pairwise(edges))
    is_inside = state.total is None or not edges or edges[-1] <= state.total
    # Its validators are sent as headers of our requests.
    texts = (state.source, state.validator.etag or "", state.validator.last_modified or "")
    is_sendable = all(not _LINE_BREAK.search(text) for text in texts)
    is_large = max(state.total or 0, *edges, 0) > LARGEST_OFFSET
    return is_rising and is_inside and is_sendable and not is_large and min(edges, default=0) >= 0
