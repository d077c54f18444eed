"""Which names are in use, and which were, so that no two files get the same one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from asyncdl.errors import TransferError
from asyncdl.transfer.hash_set import HashSet
from asyncdl.transfer.names import PART_ENDINGS
from asyncdl.transfer.parts.part_file import BUSY
from asyncdl.transfer.request import FileRequest
from asyncdl.transfer.url_identity import source_of

NAME_TAKEN = "name-taken"
"""Reason of the ``TransferError`` for a file whose name another URL's file already has."""
MAX_REMEMBERED = 100_000
"""So many of the latest names at least, and twice as many at most; each takes 26 bytes, or 43 if
its caller chose it. The memory of a service that runs for months must not grow."""


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

    def marks(self) -> Iterator[tuple[str, int]]:
        """Yield what the same file has in common: one mark is enough."""
        yield "url", self.url
        if self.bare_url is not None:
            yield "bare", self.bare_url


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
    return hash(url.partition("#")[0])


class FinishedNames:
    """The files that have got their names, as hashes, since long lists have many.

    Two names with the same hash make a free one count as taken, which costs an error. That a taken
    name counts as the file's own, and is given away, would take two pairs of 128 bits in common.
    """

    def __init__(self) -> None:
        self._latest, self._earlier = _Generation(), _Generation()

    def add(self, final: Path, owner: NameOwner) -> None:
        """Remember that a file has its name."""
        if len(self._latest.names) >= MAX_REMEMBERED:
            self._latest, self._earlier = _Generation(), self._latest
        self._latest.add(hash(str(final)), owner)

    def has(self, final: Path) -> bool:
        """Return whether any file has the name."""
        name = hash(str(final))
        return name in self._latest.names or name in self._earlier.names

    def has_file(self, final: Path, owner: NameOwner) -> bool:
        """Return whether this very file has the name."""
        name = hash(str(final))
        return self._latest.has_file(name, owner) or self._earlier.has_file(name, owner)


class _Generation:
    """Names of one time; all are forgotten together."""

    def __init__(self) -> None:
        self.names = HashSet()
        self._files = HashSet()

    def add(self, name: int, owner: NameOwner) -> None:
        self.names.add(name)
        for mark in owner.marks():
            for hashed in _two_hashes(name, mark):
                self._files.add(hashed)

    def has_file(self, name: int, owner: NameOwner) -> bool:
        marks = (_two_hashes(name, mark) for mark in owner.marks())
        return any(all(hashed in self._files for hashed in both) for both in marks)


def _two_hashes(name: int, mark: tuple[str, int]) -> tuple[int, int]:
    return hash((name, *mark)), hash((*mark, name))


class NameRegistry:
    """Which file has which name: files that are being fetched, and finished ones.

    The names of the latest :data:`MAX_REMEMBERED` finished files are remembered, unless their
    callers may replace them.
    """

    def __init__(self) -> None:
        self._active: dict[str, NameOwner] = {}
        self._finished = FinishedNames()

    def claim(self, final: Path, owner: NameOwner, url: str) -> None:
        """Reserve a name, and its working names, for one file until :meth:`release`.

        Raises: TransferError with reason ``busy``, if the same file is being fetched, or with
            reason ``name-taken``, if the file of another URL has the name.
        """
        name = str(final)
        self._check(final, name, owner, url)
        self._active[name] = owner

    def release(self, final: Path) -> None:
        """Give a name that was claimed to others again."""
        del self._active[str(final)]

    def _check(self, final: Path, name: str, owner: NameOwner, url: str) -> None:
        names = [name, *[name + ending for ending in PART_ENDINGS]]
        # It may also be a working name of another file.
        names += [name.removesuffix(end) for end in PART_ENDINGS if name.endswith(end)]
        owners = [self._active[name] for name in names if name in self._active]
        if owners and all(map(owner.is_same_as, owners)):
            raise TransferError(url, f"{final} is being fetched already", reason=BUSY)
        finished = self._finished
        is_taken = finished.has(final) and not finished.has_file(final, owner)
        if owners or (is_taken and not owner.may_replace):
            raise TransferError(url, f"{final} is the file of another URL", reason=NAME_TAKEN)

    def is_remembered(self, final: Path, owner: NameOwner) -> bool:
        """Return whether this very file has got the name before, in this run."""
        return self._finished.has_file(final, owner)

    def remember(self, final: Path, owner: NameOwner) -> None:
        """Remember that the file is finished."""
        if not owner.may_replace:
            self._finished.add(final, owner)
