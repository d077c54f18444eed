"""Which folder holds the state of a download directory.

It is ``.asyncdl`` in the directory itself, so that it moves with the files. A volume without
locks cannot hold it; it is then in the user's state folder, or in a folder that the user
names. The state of an earlier run in another of these places is imported.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import platformdirs

from asyncdl.config import Config
from asyncdl.errors import ConfigError, DiskError
from asyncdl.stores.address import StoreAddress
from asyncdl.system.locks import kinds_of_locks, share_lock

STATE_FOLDER = ".asyncdl"
JOURNAL_NAME = "journal.sqlite"
LOCK_NAME = "lock"
SPOOL = "spool"
"""Folder of the files on their way to a store, in its state folder."""
MOUNTS = Path("/proc/self/mountinfo")
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""Error numbers of file systems without locks."""
OTHER_PLACE = "name a folder on a local disk by download.state_directory, or --state-dir"
_LONGEST_STEM = 40


class NoLocksError(DiskError):
    """A volume has no locks, so that it cannot hold the state of a job."""

    @property
    def remedy(self) -> str:
        """What to do, in one sentence."""
        return f"{OTHER_PLACE[0].upper()}{OTHER_PLACE[1:]}."


@dataclass(frozen=True, slots=True)
class StatePlaces:
    """The folders that may hold the state of one download directory."""

    directory: Path
    """The download directory; for a store the folder in which files are received."""
    chosen: Path | None = None
    """The user's folder for states, if one is named."""
    store: str = ""
    """Address of the object store that files go to; empty for a folder."""

    @property
    def target(self) -> str:
        """Where files go, for people."""
        return self.store or str(self.directory)

    @property
    def report_folder(self) -> Path:
        """The folder of the report."""
        return self.directory.parent if self.store else self.directory

    @property
    def in_order(self) -> tuple[Path, ...]:
        """Candidates for the state of a run: the first one that can hold it is used."""
        if self.store:
            return (self.directory.parent,)
        if self.chosen is not None:
            return (_below(self.chosen, self.directory),)
        return (self.directory / STATE_FOLDER, *self._of_user)

    @property
    def _of_user(self) -> tuple[Path, ...]:
        try:
            return (_below(platformdirs.user_state_path("asyncdl"), self.directory),)
        except RuntimeError:  # there is no home
            return ()

    def known(self) -> Path | None:
        """Return the folder with the journal of the last run; ``None`` if there is none. Blocks."""
        if self.store:
            return self._with_journal(*self.in_order)
        if self.chosen is not None and (found := self._with_journal(*self.in_order)):
            return found
        return self._with_journal(self.directory / STATE_FOLDER, *self._of_user)

    def _with_journal(self, *folders: Path) -> Path | None:
        times = {folder: _written_at(folder / JOURNAL_NAME) for folder in folders}
        return max((f for f in folders if times[f]), key=lambda f: times[f], default=None)


def places_of(config: Config) -> StatePlaces:
    """Return the folders that may hold the state of a config's job."""
    address = config.store_address
    if address is None:
        return StatePlaces(config.directory, config.state_directory)
    # Two services may each have a bucket of this name.
    return store_places(address, config.store.endpoint or "", config.state_directory)


def store_places(address: StoreAddress, whose: str, chosen: Path | None = None) -> StatePlaces:
    """Return the folders for the state of what goes to a store.

    Args:
        address: Of the place.
        whose: Sets apart what goes to the same address.
        chosen: The user's folder for states, if one is named.
    Raises: ConfigError, without a home folder.
    """
    state = _named(chosen or _user_states(), address.bucket, f"{whose} {address}")
    return StatePlaces(state / SPOOL, chosen, store=str(address))


def _user_states() -> Path:
    try:
        return platformdirs.user_state_path("asyncdl")
    except RuntimeError as error:  # there is no home
        allowed = "a folder on a local disk"
        raise ConfigError(
            "is needed for a store, as there is no home folder",
            key="download.state_directory",
            allowed=allowed,
        ) from error


def _below(root: Path, directory: Path) -> Path:
    """Return a folder for the state of one directory, with a recognisable name."""
    real = os.path.realpath(directory)
    return _named(root, Path(real).name, real)


def _named(root: Path, name: str, identity: str) -> Path:
    stem = re.sub(r"[^\w.-]", "_", name)[:_LONGEST_STEM].strip(".")
    return root / f"{stem or 'state'}-{hashlib.sha256(os.fsencode(identity)).hexdigest()[:16]}"


def _written_at(journal: Path) -> int:
    """Return when a journal was last written, in nanoseconds; 0 if there is none. Blocks.

    A journal behind a link does not count: a run would refuse it.
    """
    try:
        if journal.parent.is_symlink():
            return 0
        written = journal.stat()
        if not stat.S_ISREG(written.st_mode):
            return 0
    except OSError:
        return 0
    with suppress(OSError):
        ahead = journal.with_name(f"{journal.name}-wal").stat()
        return max(written.st_mtime_ns, ahead.st_mtime_ns)
    return written.st_mtime_ns


def check_locks(folder: Path) -> None:
    """Check that a volume has the locks that a state needs. Blocks.

    Args:
        folder: On the volume; a temporary file is made in it.

    Raises: OSError that names the call and the mount, with one of :data:`NO_LOCKS`; any
        other, if nothing can be written there.
    """
    with TemporaryFile(dir=folder) as file:
        for call, lock in kinds_of_locks().items():
            try:
                lock(file.fileno())
            except OSError as error:
                if error.errno in NO_LOCKS:
                    raise refused(folder, call, error) from error


def knows_locks(lock_file: Path) -> bool:
    """Return whether a volume has locks, without writing anything there. Blocks.

    Args:
        lock_file: On the volume; if it does not exist, the result is true. Must not be open
            in SQLite: closing it again would release SQLite's own locks.
    """
    try:
        with lock_file.open("rb") as file:
            share_lock(file.fileno())
    except OSError as error:
        return error.errno not in NO_LOCKS
    return True


def maps_files(folder: Path) -> bool:
    """Return whether files on a volume can be mapped into memory and shared. Blocks."""
    import mmap

    try:
        with TemporaryFile(dir=folder) as file:
            file.truncate(mmap.PAGESIZE)
            mmap.mmap(file.fileno(), mmap.PAGESIZE).close()
    except OSError as error:
        return error.errno not in (errno.ENODEV, errno.EINVAL, *NO_LOCKS)
    return True


def refused(folder: Path, call: str, error: OSError) -> OSError:
    """Return the error of a call that a file system lacks, with the name of the mount."""
    where = mount_of(folder)
    return OSError(error.errno, f"{call}: {os.strerror(error.errno or 0)}{where and f' ({where})'}")


def mount_of(folder: Path) -> str:
    """Return the file system that a folder is on, such as ``nfs4 on /data``. Blocks.

    Empty where the system does not say.
    """
    real = Path(os.path.realpath(folder))
    try:
        mounts = dict(_mounts(MOUNTS.read_text(errors="surrogateescape")))
    except OSError:
        return ""
    at = next((place for place in (real, *real.parents) if str(place) in mounts), None)
    return f"{mounts[str(at)]} on {at}" if at else ""


def _mounts(text: str) -> Iterator[tuple[str, str]]:
    """Yield where each file system is mounted, and its kind. Source: proc_pid_mountinfo(5)."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) > 4 and after:
            place = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
            yield place, after.split(" ")[0]
