"""Which names are being written, and which have been, so that no two files get one name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urldefrag

from msgspec import Struct

from asyncdl.errors import TransferError
from asyncdl.transfer.file_url import source_of
from asyncdl.transfer.names import PART_ENDINGS
from asyncdl.transfer.parts.part_file import BUSY
from asyncdl.transfer.request import FileRequest

NAME_TAKEN = "name-taken"
"""Reason of the ``TransferError`` for a file whose name another URL's file has already."""
KEPT_NAMES = 100_000
"""At about 200 bytes each; a service that runs for months shall not grow by its names."""


class NameOwner(Struct, frozen=True):
    """Who wants a name."""

    url: int
    """Mark of the URL."""
    bare_url: int | None
    """Mark of what stays of the URL when it is signed anew; known if the caller named it."""
    may_replace: bool
    """Whether the file of another URL may be there under the name."""

    def is_same_as(self, other: NameOwner) -> bool:
        """Tell whether both mean the same file."""
        return self.url == other.url or self.bare_url == other.bare_url is not None


def owner_of_request(request: FileRequest) -> NameOwner:
    """Return who wants a name for the file of a request."""
    is_named = request.name is not None
    # Whichever mirror it comes from, it is the same file.
    url = min((request.url, *request.mirrors))
    return NameOwner(
        url_hash(url),
        hash(source_of(url)) if is_named else None,
        # Where fresh URLs come, none of them tells which file it is.
        may_replace=is_named and (request.overwrite or request.refresh is not None),
    )


def url_hash(url: str) -> int:
    """Return a number that stands for a URL; what is behind a ``#`` does not count.

    Two of a million URLs have the same with a chance of 1 to 37 million.
    """
    return hash(urldefrag(url).url)


class NameRegistry:
    """Who has which names: of files that are under way, and of those that are there.

    The names of files that are there are remembered, the latest :data:`KEPT_NAMES` of
    them, unless their callers may replace them.
    """

    def __init__(self) -> None:
        self._under_way: dict[str, NameOwner] = {}
        self._there: dict[str, NameOwner] = {}

    @contextmanager
    def claim(self, final: Path, claimant: NameOwner, url: str) -> Iterator[None]:
        """Keep a name, and its working names, for one file while the block runs.

        Raises: TransferError with reason ``busy``, if the same file is being fetched, or
            with reason ``name-taken``, if the file of another URL has the name.
        """
        names = [f"{final}{ending}" for ending in ("", *PART_ENDINGS)]
        self._check(names, claimant, url)
        self._under_way |= dict.fromkeys(names, claimant)
        try:
            yield
        finally:
            for name in names:
                del self._under_way[name]

    def _check(self, names: list[str], claimant: NameOwner, url: str) -> None:
        final = names[0]
        holders = [self._under_way[name] for name in names if name in self._under_way]
        if holders and all(map(claimant.is_same_as, holders)):
            raise TransferError(url, f"{final} is being fetched already", reason=BUSY)
        there = None if claimant.may_replace else self._there.get(final)
        if holders or (there is not None and not claimant.is_same_as(there)):
            raise TransferError(url, f"{final} is the file of another URL", reason=NAME_TAKEN)

    def has_settled(self, final: Path, claimant: NameOwner) -> bool:
        """Tell whether the very file that is wanted has got the name before, in this run."""
        there = self._there.get(str(final))
        return there is not None and claimant.is_same_as(there)

    def settle(self, final: Path, claimant: NameOwner) -> None:
        """Remember that the file is there now."""
        if claimant.may_replace:
            return
        name = str(final)
        self._there.pop(name, None)
        self._there[name] = claimant
        if len(self._there) > KEPT_NAMES:
            del self._there[next(iter(self._there))]
