"""Whether a file that is there is still what its host has; and what is kept to tell.

Beside the bytes a file keeps the validator it came with, in an extended attribute, where the
file system has those; and its time, which is the host's own with ``remote_time``.
"""

from __future__ import annotations

import os
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

import msgspec
from msgspec import Struct

from asyncdl.net.retry import parse_http_date
from asyncdl.system import files
from asyncdl.transfer.validators import Validator

_ATTRIBUTE = "user.asyncdl.validator"
_MOST_BYTES = 2048
"""A longer validator is not kept; file systems give all attributes of a file about 4 KiB."""


class Recheck(StrEnum):
    """Whether the host is asked about a file that is there and has no digest to show."""

    NEVER = "never"
    """It counts if its length is right."""
    CHANGED = "changed"
    """It is fetched again if the host says that it has changed."""
    CONFIRMED = "confirmed"
    """It is fetched again unless the host says that it has not."""


class LocalCopy(Struct, frozen=True):
    """What a file that is there says about the version it is of."""

    modified_s: float
    """Its time, in seconds since 1970."""
    validator: Validator = Validator()
    """What it came with; empty if nobody knows."""


def is_known_version(copy: LocalCopy, now: Validator) -> bool | None:
    """Tell whether a copy is of the version that the host has now; ``None`` if nobody can tell.

    An ``ETag`` decides, then the date it came with; else a file that the host has changed
    later than the copy was made is another one, as ``wget -N`` has it.
    """
    kept = copy.validator
    if now.etag is not None and kept.etag is not None:
        return _opaque(now.etag) == _opaque(kept.etag)
    if now.last_modified is not None and kept.last_modified is not None:
        return now.last_modified == kept.last_modified
    changed = parse_http_date(now.last_modified or "")
    return None if changed is None else changed.timestamp() <= copy.modified_s


def _opaque(etag: str) -> str:
    # A weak one will do: nothing is put together here from two versions.
    return etag.removeprefix("W/")


def look_at(path: Path) -> LocalCopy | None:
    """Return what a file says about its version; ``None`` if there is none. Blocks."""
    try:
        modified_s = path.stat().st_mtime
    except FileNotFoundError:
        return None
    return LocalCopy(modified_s, _kept(path))


def _kept(path: Path) -> Validator:
    told = files.kept(path, _ATTRIBUTE)
    if told is not None:
        with suppress(msgspec.MsgspecError):
            return msgspec.json.decode(told, type=Validator)
    return Validator()


def mark(path: Path, validator: Validator, *, remote_time: bool) -> None:
    """Let a finished file say of which version it is. Blocks.

    Args:
        path: The file, whose bytes are all written.
        validator: What its host said about it.
        remote_time: Whether its time becomes that of the host's ``Last-Modified``.
    Raises: OSError, if its time cannot be set.
    """
    _keep(path, validator)
    changed = parse_http_date(validator.last_modified or "")
    if remote_time and changed is not None:
        os.utime(path, (changed.timestamp(), changed.timestamp()))


def _keep(path: Path, validator: Validator) -> None:
    """Keep the validator, where the file system takes it: without, dates have to do."""
    told = msgspec.json.encode(validator)
    if len(told) <= _MOST_BYTES and not validator.is_empty:
        files.keep(path, _ATTRIBUTE, told)
