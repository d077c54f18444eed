"""Which names are in use, and which were, so that no two files get the same one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urldefrag

from msgspec import Struct

from asyncdl.errors import TransferError
from asyncdl.transfer.names import PART_ENDINGS
from asyncdl.transfer.parts.part_file import BUSY
from asyncdl.transfer.request import FileRequest
from asyncdl.transfer.url_identity import source_of

NAME_TAKEN = "name-taken"
"""Reason of the ``TransferError`` for a file whose name another URL's file already has."""
MAX_REMEMBERED = 100_000
"""About 190 bytes each; the memory of a service that runs for months must not grow."""


class NameOwner(Struct, frozen=True):
    """The file that wants a name."""

    url: int
    """Hash of the URL."""
    bare_url: int | None
    """Hash of the URL without its signature; set if the caller chose the name."""
    may_replace: bool
    """Whether the file of another URL may have the name already."""

    def is_same_as(self, other: NameOwner) -> bool:
        """Return whether both mean the same file."""
        return self.url == other.url or self.bare_url == other.bare_url is not None


def owner_of_request(request: FileRequest) -> NameOwner:
    """Return the owner of a name for the file of a request."""
    is_named = request.name is not None
    # Whichever mirror it comes from, it is the same file.
    url = min((request.url, *request.mirrors))
    return NameOwner(
        url_hash(url),
        hash(source_of(url)) if is_named else None,
        # Fresh URLs do not show which file they are of.
        may_replace=is_named and (request.overwrite or request.refresh is not None),
    )


def url_hash(url: str) -> int:
    """Return a hash of a URL without its fragment.

    Two of a million URLs have the same with a chance of 1 to 37 million.
    """
    return hash(urldefrag(url).url)


class NameRegistry:
    """Which file has which name: files that are being fetched, and finished ones.

    The names of the latest :data:`MAX_REMEMBERED` finished files are remembered, unless their
    callers may replace them.
    """

    def __init__(self) -> None:
        self._active: dict[str, NameOwner] = {}
        self._finished: dict[int, NameOwner] = {}
        """By the hash of the name, since long lists have many; as in :func:`url_hash`."""

    @contextmanager
    def claim(self, final: Path, owner: NameOwner, url: str) -> Iterator[None]:
        """Reserve a name, and its working names, for one file while the block runs.

        Raises: TransferError with reason ``busy``, if the same file is being fetched, or with
            reason ``name-taken``, if the file of another URL has the name.
        """
        path = str(final)
        names = [path, *(path + ending for ending in PART_ENDINGS)]
        self._check(names, owner, url)
        self._active |= dict.fromkeys(names, owner)
        try:
            yield
        finally:
            for name in names:
                del self._active[name]

    def _check(self, names: list[str], owner: NameOwner, url: str) -> None:
        final = names[0]
        owners = [self._active[name] for name in names if name in self._active]
        if owners and all(map(owner.is_same_as, owners)):
            raise TransferError(url, f"{final} is being fetched already", reason=BUSY)
        finished = None if owner.may_replace else self._finished.get(hash(final))
        if owners or (finished is not None and not owner.is_same_as(finished)):
            raise TransferError(url, f"{final} is the file of another URL", reason=NAME_TAKEN)

    def is_remembered(self, final: Path, owner: NameOwner) -> bool:
        """Return whether this very file has got the name before, in this run."""
        finished = self._finished.get(hash(str(final)))
        return finished is not None and owner.is_same_as(finished)

    def remember(self, final: Path, owner: NameOwner) -> None:
        """Remember that the file is finished."""
        if owner.may_replace:
            return
        name = hash(str(final))
        self._finished.pop(name, None)
        self._finished[name] = owner
        if len(self._finished) > MAX_REMEMBERED:
            del self._finished[next(iter(self._finished))]
