"""What is asked of the engine, and what it gives back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from asyncdl.transfer.digests import Digest
from asyncdl.transfer.verify import Form


@dataclass(frozen=True, slots=True)
class FileRequest:
    """One file that is wanted, and everything known about it beforehand."""

    url: str = field(repr=False)
    """``http`` or ``https``; sent byte for byte as it stands here."""
    directory: Path
    """Where the file goes; made if it is missing."""
    name: str | None = None
    """File name; ``None`` takes the host's, else the URL's. Always made safe."""
    size_bytes: int | None = None
    """Exact length, if known."""
    digests: tuple[Digest, ...] = ()
    """All of them have to agree."""
    form: Form | None = None
    """What the bytes must look like; ``None`` goes by the name."""
    key: str = ""
    """The caller's name for the file in events; empty takes the file name."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Extra request headers; never sent on to another origin."""
    refresh: Callable[[], Awaitable[str]] | None = field(default=None, repr=False)
    """Gives a fresh URL when this one is refused; what it raises ends the file."""
    overwrite: bool = False
    """Whether a file that is already there and right is fetched all the same."""
    connections: int | None = None
    """Connections for this file at most; ``None`` takes ``Limits.connections_per_file``."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that is there under its final name, and verified."""

    path: Path
    size_bytes: int
    received_bytes: int
    """Over the network in this call, repeated bytes included."""
    already_there: bool
    """Whether it was there before and nothing was fetched."""
    proof: str
    """What was checked, such as ``length+sha256+tiff``. It begins with where the
    length comes from: ``length`` (it was announced), ``chunked`` (the host marked
    the end), ``unverified-length`` (nobody said) or ``present`` (already there)."""
    attempts: int
    """Requests made for it, 0 or more."""
    elapsed_s: float
    sha256: str | None = None
    """Lower-case hex, if it was computed on the way."""
