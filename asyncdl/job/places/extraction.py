"""Unpack bundles, for ``extract = true``: write the wanted members as an archive passes.

The bytes of a tar or zip pass while they are received, or from a file. Members are written
under temporary names beside their final ones, which they get only when the whole archive
and each of them is verified. Reasons: docs/decisions/007-unpacking.md.

Archives are untrusted: only regular files with plain names are written, as new files, in
folders with plain names. Owners, modes, links and devices are never applied.
"""

from __future__ import annotations

import glob
import threading
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import anyio.from_thread
import anyio.to_thread
from anyio import CancelScope

from asyncdl.errors import DiskError, TransferError
from asyncdl.transfer.names import MEMBER, safe_name
from asyncdl.transfer.parts.durable import FileWriter, fsync_dir, make_folders, rename
from asyncdl.transfer.verification.archive import Unpack, read_archive
from asyncdl.transfer.verification.checks import Expected, Verification, verify_file
from asyncdl.transfer.verification.digests import Hasher
from asyncdl.transfer.verification.hashers import Hashers
from asyncdl.transfer.verification.malformed import Malformed
from asyncdl.transfer.verification.tar import ByteSink, Member

MAX_MEMBERS = 10_000
"""A bundle has some thirty; each member is a file, even an empty one."""
MOST_FOLDERS = 32
"""Nested in each other."""


class ExtractError(TransferError):
    """A verified bundle cannot be unpacked; the archive itself is kept."""

    reason = "extract-failed"
    remedy = (
        "The archive is there and verified; the next run tries again without fetching it."
        " Or unpack it yourself, or set extract = false."
    )


@dataclass(frozen=True, slots=True)
class UnpackSpec:
    """Which members of an archive are unpacked, and where they go."""

    is_wanted: Callable[[str], bool]
    """Takes a member's name."""
    target_of: Callable[[str], Path]
    expected_of: Callable[[str, int | None], Expected]
    """Returns what a member has to match, by its name and its size, if that is known."""
    max_bytes: int | None = None
    """Size limit of a member."""
    durable: bool = False
    """Whether the files and their names are on stable storage afterwards."""


@dataclass(frozen=True, slots=True)
class UnpackedFile:
    """A member that has its final name."""

    name: str
    size_bytes: int
    mtime_ns: int
    proof: Verification


Unpacked: TypeAlias = tuple[tuple[str, ...], tuple[UnpackedFile, ...]]
"""The names of all files in an archive, and the unpacked files."""


async def unpack(tar: Path, unpacker: Unpacker) -> Unpacked:
    """Unpack the wanted members of an archive, unless that was done while it was received.

    Cancellation stops it between two members.

    Args:
        tar: A verified bundle.
        unpacker: For it; open.
    Raises: TransferError, if it is not a valid archive, has no wanted member or one that is
        wrong; DiskError, if the disk is full.
    """
    return await anyio.to_thread.run_sync(_unpack, tar, unpacker)


def _unpack(tar: Path, unpacker: Unpacker) -> Unpacked:
    with _our_errors(tar):
        if not unpacker.has_begun:
            _read(tar, unpacker.begin())
        return unpacker.finish()


def _read(tar: Path, take: Unpack) -> None:
    def on_member(member: Member) -> Sequence[ByteSink]:
        anyio.from_thread.check_cancelled()
        return take(member, {})

    with tar.open("rb") as file:
        read_archive(file, on_member)


@contextmanager
def _our_errors(tar: Path) -> Iterator[None]:
    try:
        yield
    except Malformed as error:
        raise ExtractError(tar.name, f"not a valid archive: {error}") from error
    except OSError as error:
        failure = DiskError(tar, error)
        if failure.is_full:
            raise failure from error
        raise ExtractError(tar.name, str(failure)) from error


class Unpacker:
    """Writes the wanted members of one archive, however often its bytes start again.

    Open inside an ``async with`` block; afterwards no member without its final name is left.

    Args:
        tar: The archive's name in errors.
        spec: What is unpacked, and where it goes.
    """

    def __init__(self, tar: str, spec: UnpackSpec) -> None:
        self._tar = tar
        self._spec = spec
        self._pass: _Pass | None = None

    async def __aenter__(self) -> Self:
        """Return the unpacker; nothing is opened yet."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove members without their final names."""
        if self._pass is not None:
            with CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._pass.end)

    @property
    def has_begun(self) -> bool:
        """Whether bytes of the archive have passed."""
        return self._pass is not None

    def begin(self) -> Unpack:
        """Return what takes the archive from its first byte on; earlier bytes no longer count."""
        if self._pass is not None:
            self._pass.is_over = True
        self._pass = _Pass(self._tar, self._spec, self._pass)
        return self._pass.take

    def finish(self) -> Unpacked:
        """Verify the members and give them their final names. Blocks.

        To be called once the whole archive has passed and is verified.

        Raises: TransferError, if a member is wrong; OSError. None of them has its final
            name then, unless renaming itself failed.
        """
        if self._pass is None:
            raise RuntimeError("no byte of the archive has passed")
        return self._pass.finish()


@dataclass(frozen=True, slots=True)
class _Written:
    """A member that was written under its temporary name."""

    name: str
    target: Path
    expected: Expected
    hashers: Hashers

    @property
    def partial(self) -> Path:
        return _partial(self.target)

    def prove(self) -> UnpackedFile:
        proof = verify_file(self.partial, self.expected, url=self.name, hashers=self.hashers)
        stat = self.partial.stat()
        return UnpackedFile(self.name, stat.st_size, stat.st_mtime_ns, proof)


def _partial(target: Path) -> Path:
    # Not the name of a download under way: a state file may lie beside that and describe it.
    return target.with_name(f"{target.name}{MEMBER}")


def remove_unfinished(folder: Path, prefix: str) -> None:
    """Remove members that a killed run left under their temporary names. Blocks.

    Args:
        folder: Where they would go.
        prefix: Of their names; empty for all in the folder and below.
    """
    pattern = f"{glob.escape(prefix)}*{MEMBER}"
    partials = list(folder.glob(pattern) if prefix else folder.rglob(pattern))
    for partial in partials:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    if partials:
        with suppress(OSError):  # others are there
            folder.rmdir()


class _Pass:
    """One pass over the bytes of an archive, from its first byte on.

    A problem is raised at the end, so that the archive itself can still be received. An
    abandoned thread may deliver bytes even after the end; they are ignored.
    """

    def __init__(self, tar: str, spec: UnpackSpec, before: _Pass | None) -> None:
        self.is_over = False
        self._tar = tar
        self._spec = spec
        self._before = before
        """The pass before, whose files have to be removed."""
        self._held: dict[str, None] = {}
        """The names of the files so far, in order."""
        self._names: dict[str, bool] = {}
        """All names so far, and whether they are files; folded as on the volumes that
        distinguish the fewest names."""
        self._written: list[_Written] = []
        self._file: FileWriter | None = None
        """Of the last member, while its bytes pass."""
        self._made: list[Path] = []
        """Folders that were made, the outermost first."""
        self._problem: ExtractError | OSError | None = None
        self._lock = threading.Lock()

    def take(self, member: Member, hashers: Mapping[str, Hasher]) -> Sequence[ByteSink]:
        """Start a member."""
        with self._unless_failed() as is_sound:
            if is_sound and self._begin(member, hashers):
                return (self,)
        return ()

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes of the current member."""
        with self._unless_failed() as is_sound:
            if is_sound and self._file is not None:
                written = self._written[-1]
                written.hashers.update(data)
                self._check_size(written.name, written.hashers.taken_bytes)
                self._file.write(data)

    def finish(self) -> Unpacked:
        """Verify all members, then give them their names."""
        with self._unless_failed() as is_sound:
            if is_sound:
                self._close()
        with self._lock:
            if self._problem is not None:
                raise self._problem
            if not self._written:
                raise self._error_of("none of its files matches products.members")
            proven = tuple(written.prove() for written in self._written)
            _publish(self._written, durable=self._spec.durable)
            self._made.clear()
            return tuple(self._held), proven

    def end(self) -> None:
        """Remove members without their final names."""
        with self._lock:
            self.is_over = True
            self._remove()
        self._end_before()

    @contextmanager
    def _unless_failed(self) -> Iterator[bool]:
        with self._lock:
            try:
                yield not self.is_over and self._problem is None
            except (ExtractError, OSError) as problem:
                self._problem = problem
                self._remove()

    def _begin(self, member: Member, hashers: Mapping[str, Hasher]) -> bool:
        self._end_before()
        self._close()
        name = self._name_of(member)
        self._check(member, name)
        if member.is_folder:
            return False  # it is made with its first file
        self._held[name] = None
        target = self._spec.target_of(name)
        with suppress(FileNotFoundError, NotADirectoryError):
            _partial(target).unlink()  # a killed run may have left it, with other bytes
        if not self._spec.is_wanted(name):
            return False
        self._make_folders(target.parent)
        expected = self._spec.expected_of(name, member.size_bytes)
        written = _Written(name, target, expected, expected.new_hashers(hashers))
        self._written.append(written)
        self._file = FileWriter(written.partial, is_new=True)
        return True

    def _name_of(self, member: Member) -> str:
        name = member.name.removeprefix("./")  # as tar writes the folder that it was called in
        return name.removesuffix("/") if member.is_folder else name

    def _end_before(self) -> None:
        before, self._before = self._before, None
        if before is not None:
            before.end()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close(durable=self._spec.durable)

    def _check(self, member: Member, name: str) -> None:
        if member.problem:
            raise self._error_of(f"{member.name!r} in it {member.problem}")
        if not (member.is_file or member.is_folder):
            raise self._error_of(f"{member.name!r} in it is not a regular file")
        if member.is_folder and member.name == "./":
            return  # the top folder
        parts = name.split("/")
        if len(parts) > MOST_FOLDERS or not all(part and safe_name(part) == part for part in parts):
            raise self._error_of(f"{member.name!r} in it is not a plain file name")
        if len(self._names) >= MAX_MEMBERS:
            raise self._error_of(f"more than {MAX_MEMBERS:,} files in it")
        self._reserve(parts, is_file=member.is_file)
        if member.size_bytes is not None:
            self._check_size(name, member.size_bytes)

    def _reserve(self, parts: Sequence[str], *, is_file: bool) -> None:
        """Take a name, and the names of its folders."""
        folded = [_folded(part) for part in parts]
        folders = range(1, len(folded) + (not is_file))
        if any(self._names.setdefault("/".join(folded[:depth]), False) for depth in folders):
            raise self._error_of(f"{'/'.join(parts)!r} in it has a file where a folder has to be")
        if not is_file:
            return
        name = "/".join(folded)
        if name in self._names:
            raise self._error_of(f"{'/'.join(parts)!r} is in it twice, or in another case")
        self._names[name] = True

    def _check_size(self, name: str, size_bytes: int) -> None:
        most = self._spec.max_bytes
        if most is not None and size_bytes > most:
            raise self._error_of(f"{name!r} in it is larger than download.max_size")

    def _error_of(self, detail: str) -> ExtractError:
        return ExtractError(self._tar, detail)

    def _make_folders(self, folder: Path) -> None:
        missing = [above for above in (folder, *folder.parents) if not above.is_dir()]
        make_folders(folder)
        self._made += reversed(missing)

    def _remove(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.abandon()
        for written in self._written:
            with suppress(OSError):
                written.partial.unlink(missing_ok=True)
        for folder in reversed(self._made):
            with suppress(OSError):  # it is not empty
                folder.rmdir()


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _publish(files: Sequence[_Written], *, durable: bool) -> None:
    """Give all files their final names; existing files of these names are replaced."""
    for file in files:
        rename(file.partial, file.target, durable=False)
    if durable:
        for folder in sorted({file.target.parent for file in files}):
            fsync_dir(folder)
