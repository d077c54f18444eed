"""Whether a local file is still what its host has, and what is recorded to find out.

A file records the validator it came with in an extended attribute, if the file system has those,
and its modification time, which is the host's own with ``remote_time``.
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
_MAX_BYTES = 2048
"""A longer validator is not recorded; all attributes of a file share about 4 KiB."""


class Recheck(StrEnum):
    """Whether the host is asked about a local file for which no digest is known."""

    NEVER = "never"
    """The file is accepted if its length is right."""
    CHANGED = "changed"
    """The file is fetched again if the host says that it has changed."""
    CONFIRMED = "confirmed"
    """The file is fetched again unless the host says that it has not changed."""


class LocalCopy(Struct, frozen=True):
    """What a local file says about its version."""

    modified_s: float
    """Its modification time, in seconds since 1970."""
    validator: Validator = Validator()
    """What it came with; empty if that is not known."""


def is_known_version(copy: LocalCopy, now: Validator) -> bool | None:
    """Return whether a copy is of the version that the host has now; ``None`` if unknown.

    An ``ETag`` decides, then the date it came with. Otherwise a file that changed at the host
    after the copy was made is another one, as for ``wget -N``.
    """
    recorded = copy.validator
    if now.etag is not None and recorded.etag is not None:
        return _opaque(now.etag) == _opaque(recorded.etag)
    if now.last_modified is not None and recorded.last_modified is not None:
        return now.last_modified == recorded.last_modified
    changed = parse_http_date(now.last_modified or "")
    return None if changed is None else changed.timestamp() <= copy.modified_s


def _opaque(etag: str) -> str:
    # A weak one is enough: nothing is assembled here from two versions.
    return etag.removeprefix("W/")


def read_local_copy(path: Path) -> LocalCopy | None:
    """Return what a file says about its version; ``None`` without a file. Blocks."""
    try:
        modified_s = path.stat().st_mtime
    except FileNotFoundError:
        return None
    return LocalCopy(modified_s, _recorded_validator(path))


def _recorded_validator(path: Path) -> Validator:
    data = files.get_attribute(path, _ATTRIBUTE)
    if data is not None:
        with suppress(msgspec.MsgspecError):
            return msgspec.json.decode(data, type=Validator)
    return Validator()


def record_version(path: Path, validator: Validator, *, remote_time: bool) -> None:
    """Record of which version a finished file is. Blocks.

    Args:
        path: The file, whose bytes are all written.
        validator: What its host said about it.
        remote_time: Whether it gets the time of the host's ``Last-Modified``.
    Raises: OSError, if its time cannot be set.
    """
    _record_validator(path, validator)
    if not remote_time:
        return
    changed = parse_http_date(validator.last_modified or "")
    if changed is not None:
        os.utime(path, (changed.timestamp(), changed.timestamp()))


def _record_validator(path: Path, validator: Validator) -> None:
    """Record the validator, if the file system can; without it, dates must do."""
    data = msgspec.json.encode(validator)
    if len(data) <= _MAX_BYTES and not validator.is_empty:
        files.set_attribute(path, _ATTRIBUTE, data)
