"""Places verified files in an object store; they are received in a spool on a local disk.

A name in the store means a proven file: nothing is uploaded before it is verified, and the
store shows an object only when all of it is there. With each object go its digests, its proof
and its source, so that a job without its journal still knows what it has.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from asyncdl.background import check_cancelled
from asyncdl.config import Config
from asyncdl.errors import DiskError, SizeMismatch, StoreError, WrongContent
from asyncdl.job.places.placer import PlacedFile, Relocation
from asyncdl.job.places.provenance import PROOF, Provenance, digests_in, facts_of
from asyncdl.journal import FinishedFile, places_of
from asyncdl.stores.object_store import ObjectStore, StoredObject, open_store
from asyncdl.stores.pace import Pace
from asyncdl.stores.settings import StoreSettings
from asyncdl.transfer.names import COPY
from asyncdl.transfer.parts.durable import make_folders, write_file
from asyncdl.transfer.verification.checks import Expected, Verification
from asyncdl.transfer.verification.hashers import OnRead
from asyncdl.units import duration

LISTED_FOR_S = 60.0
"""How long a listing of a folder is taken for true, but for what this run itself changes."""
MOST_LISTINGS = 500
"""At once: those of two batches of scenes, and some more."""
LISTINGS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class StorePlace:
    """A store and a spool, as plain data that travels to other processes."""

    settings: StoreSettings
    spool: Path
    """Folder on a local disk."""
    spool_bytes: int
    uploads: int

    @classmethod
    def of(cls, config: Config) -> StorePlace:
        """Return where the files of a job go. Raises: ConfigError."""
        address, store = config.store_address, config.store
        if address is None:
            raise ValueError(f"{config.target} is no store")
        settings = StoreSettings(
            address, store.endpoint, store.region, store.profile, config.service.max_wait
        )
        return cls(settings, places_of(config).directory, store.spool, store.uploads)


class StorePlacer:
    """Places files in a store. It is opened by the first call that needs it.

    Args:
        place: The store and the spool.
        on_wait: Called in a worker thread with why the store is waited for.
    """

    def __init__(self, place: StorePlace, on_wait: Callable[[str], None] | None = None) -> None:
        self.place_data = place
        self.at_once: int | None = place.uploads
        self.spool_bytes: int | None = place.spool_bytes
        self._on_wait = on_wait
        self._opened: ObjectStore | None = None
        self._opening = threading.Lock()
        self._listings: dict[str, _Listing] = {}

    @property
    def store(self) -> ObjectStore:
        """The store. Raises: ConfigError, StoreError."""
        with self._opening:
            if self._opened is None:
                settings = self.place_data.settings
                pace = Pace(
                    settings.max_wait_s, on_wait=self._say_wait, check_cancelled=check_cancelled
                )
                self._opened = open_store(settings, pace)
            return self._opened

    def _say_wait(self, error: StoreError, left_s: float) -> None:
        if self._on_wait is not None:
            self._on_wait(f"{error}; trying again for up to {duration(left_s)}")

    @property
    def work_directory(self) -> Path:
        """The spool."""
        return self.place_data.spool

    @property
    def target(self) -> str:
        """Address of the place."""
        return str(self.place_data.settings.address)

    def work_path(self, path: str) -> Path:
        """Return where the file for a path is in the spool."""
        return self.work_directory.joinpath(*path.split("/"))

    def address_of(self, path: str) -> str:
        """Return the address of an object."""
        return self.place_data.settings.address.url_of(path)

    # --- placed -----------------------------------------------------------------------------

    def place(self, source: Path, path: str, provenance: Provenance) -> PlacedFile:
        """Upload a file. Raises: StoreError; DiskError, if it cannot be read."""
        try:
            placed = self.store.put_file(source, path, facts_of(provenance))
        except OSError as error:
            raise DiskError(source, error) from error
        self._note(path, placed)
        return _placed(placed)

    def note_placed(self, path: str, placed: PlacedFile) -> None:
        """Note that another process has uploaded a file: listings of this one lack it."""
        self._note(path, StoredObject(path, placed.size_bytes, placed.tag))

    def received(self, path: str) -> Path | None:
        """Return the file of the spool, if there is one."""
        found = self.work_path(path)
        return found if found.is_file() else None

    def fetch_back(self, path: str) -> Path:
        """Return the file of the spool, fetched from the store if need be."""
        target = self.work_path(path)
        if target.is_file():
            return target
        partial = target.with_name(f"{target.name}{COPY}")
        try:
            make_folders(target.parent)
            write_file(partial, self.store.chunks(path), durable=False)
            partial.replace(target)
        except OSError as error:
            raise DiskError(target, error) from error
        return target

    def release(self, paths: Iterable[Path]) -> None:
        """Remove files of the spool, and folders that are empty afterwards."""
        for path in paths:
            with suppress(OSError):
                path.unlink(missing_ok=True)
                for folder in path.parents:
                    if folder == self.work_directory:
                        break
                    folder.rmdir()

    # --- there already ----------------------------------------------------------------------

    def is_empty(self) -> bool:
        """Return whether there is no object below the prefix."""
        return next(self.store.list(), None) is None

    def unchanged(self, files: Iterable[FinishedFile]) -> frozenset[str]:
        """Return the paths of the files that have the size and tag that they had."""
        files = list(files)
        there = self._found(file.path for file in files)
        return frozenset(f.path for f in files if _is_same(there.get(f.path), f))

    def copy_at(self, path: str, known: FinishedFile) -> PlacedFile | None:
        """Compare the tags of two objects."""
        found = self._found([path]).get(path)
        return _placed(found) if found is not None and _is_same(found, known) else None

    def verify(self, path: str, expected: Expected) -> tuple[PlacedFile, Verification]:
        """Compare an object that a job has uploaded by what was kept with it."""
        if path not in self._found([path]):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        found = self.store.facts_of(path)
        if found is None or not found[1].get(PROOF):
            raise WrongContent(path, "nothing says that it was verified")
        there, facts = found
        if expected.size_bytes not in (None, there.size_bytes):
            raise SizeMismatch(path, expected=expected.size_bytes or 0, got=there.size_bytes)
        digests = digests_in(facts)
        known = {digest.algorithm: digest.value for digest in digests}
        for digest in expected.digests:
            if digest.algorithm not in known:
                raise WrongContent(path, f"no {digest.algorithm} is kept with it")
            digest.check(known[digest.algorithm], path)
        checks = tuple(facts[PROOF].split("+")[1:])
        if expected.members and not (expected.digests or any("members" in c for c in checks)):
            raise WrongContent(path, "its members were not verified")
        return _placed(there), Verification(checks, digests)

    def check(
        self, file: FinishedFile, expected: Expected, on_read: OnRead, *, reads: bool
    ) -> tuple[str, ...]:
        """Compare an object by size and tag, or read it and compare its digests."""
        there = self._found([file.path]).get(file.path)
        if there is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), file.path)
        if there.size_bytes != file.size_bytes:
            raise SizeMismatch(file.path, expected=file.size_bytes, got=there.size_bytes)
        if not reads:
            if file.tag and there.tag != file.tag:
                raise WrongContent(file.path, "the store has another version of it")
            return ("tag",) if file.tag else ()
        return self._read(file, on_read)

    def _read(self, file: FinishedFile, on_read: OnRead) -> tuple[str, ...]:
        usable = [d for d in file.digests if d.algorithm in hashlib.algorithms_available]
        hashers = {d.algorithm: hashlib.new(d.algorithm) for d in usable}
        read_bytes = 0
        for chunk in self.store.chunks(file.path):
            for hasher in hashers.values():
                hasher.update(chunk)
            read_bytes += len(chunk)
            on_read(len(chunk))
        if read_bytes != file.size_bytes:
            raise SizeMismatch(file.path, expected=file.size_bytes, got=read_bytes)
        for digest in usable:
            digest.check(hashers[digest.algorithm].hexdigest(), file.path)
        return tuple(hashers)

    def gone(self, paths: Iterable[str]) -> list[str]:
        """Return the paths without an object."""
        paths = list(paths)
        there = self._found(paths)
        return [path for path in paths if path not in there]

    # --- listings ---------------------------------------------------------------------------

    def _found(self, paths: Iterable[str]) -> Mapping[str, StoredObject]:
        """Return the objects at some paths, by one listing of each folder."""
        folders = dict.fromkeys(path.rpartition("/")[0] for path in paths)
        now_s = time.monotonic()
        wanted = [f for f in folders if not self._is_listed(f, now_s)]
        if len(self._listings) + len(wanted) > MOST_LISTINGS:
            self._listings = {f: self._listings[f] for f in folders if f in self._listings}
        if len(wanted) == 1:
            self._listings[wanted[0]] = self._list(wanted[0])
        elif wanted:
            with ThreadPoolExecutor(LISTINGS_AT_ONCE) as threads:
                self._listings |= zip(wanted, threads.map(self._list, wanted), strict=True)
        found: dict[str, StoredObject] = {}
        for folder in folders:
            if (listing := self._listings.get(folder)) is not None:
                found |= listing.objects
        return found

    def _is_listed(self, folder: str, now_s: float) -> bool:
        listing = self._listings.get(folder)
        return listing is not None and now_s < listing.good_until_s

    def _list(self, folder: str) -> _Listing:
        begun_s = time.monotonic()
        objects = {found.path: found for found in self.store.list(folder)}
        now_s = time.monotonic()
        # One of a million objects is not made every minute.
        return _Listing(now_s + max(LISTED_FOR_S, 20 * (now_s - begun_s)), objects)

    def _note(self, path: str, found: StoredObject | None) -> None:
        """Note what this run itself has changed."""
        listing = self._listings.get(path.rpartition("/")[0])
        if listing is None:
            return
        if found is None:
            listing.objects.pop(path, None)
        else:
            listing.objects[path] = found

    # --- moved, removed ---------------------------------------------------------------------

    def move(
        self, moves: Sequence[Relocation], finished: Mapping[str, FinishedFile]
    ) -> list[Relocation]:
        """Copy objects within the store and remove the old ones; nothing new is replaced."""
        there = self._found(path for move in moves for path in (move.old, move.new))
        return [move for move in moves if self._move(move, finished.get(move.old), there)]

    def _move(
        self, move: Relocation, file: FinishedFile | None, there: Mapping[str, StoredObject]
    ) -> bool:
        if file is None:
            return False
        if not file.is_kept:
            return True  # only its members are there, and they move as well
        if move.new in there:
            # A run that was killed may have copied it already.
            is_moved = _is_same(there[move.new], file)
        else:
            is_moved = _is_same(there.get(move.old), file)
            if is_moved:
                self.store.move(move.old, move.new)
        if is_moved and move.old in there:
            self.store.delete(move.old)
        for path in (move.old, move.new):
            self._listings.pop(path.rpartition("/")[0], None)
        return is_moved

    def remove(self, files: Iterable[FinishedFile]) -> list[FinishedFile]:
        """Remove objects that are as they were."""
        files = list(files)
        there = self._found(file.path for file in files)
        gone = []
        for file in files:
            found = there.get(file.path)
            if found is not None and not _is_same(found, file):
                continue  # somebody has written another one
            if found is not None:
                self.store.delete(file.path)
                self._note(file.path, None)
            gone.append(file)
        return gone

    def free_bytes(self) -> int | None:
        """Return ``None``: a store has no end, or does not say where."""
        return None

    # --- small files beside them ------------------------------------------------------------

    def open(self, path: str) -> BinaryIO:
        """Open an object; ranges of it are read as they are needed."""
        return self.store.open(path)

    def read_text(self, path: str, max_bytes: int) -> bytes | None:
        """Read an object."""
        data = self.store.read(path, max_bytes + 1)
        if data is not None and len(data) > max_bytes:
            raise ValueError(f"larger than {max_bytes} bytes")
        return data

    def write_text(self, path: str, data: bytes) -> None:
        """Write an object."""
        self._note(path, self.store.put(data, path))

    def remove_text(self, path: str) -> None:
        """Remove an object."""
        with suppress(StoreError):
            self.store.delete(path)


@dataclass(frozen=True, slots=True)
class _Listing:
    """What a folder had."""

    good_until_s: float
    objects: dict[str, StoredObject]
    """By path; those in folders below are among them."""


def _placed(found: StoredObject) -> PlacedFile:
    return PlacedFile(found.size_bytes, 0, found.tag)


def _is_same(found: StoredObject | None, file: FinishedFile) -> bool:
    return found is not None and (found.size_bytes, found.tag) == (file.size_bytes, file.tag)
