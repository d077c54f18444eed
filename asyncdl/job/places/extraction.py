"""Bundles unpacked, for ``extract = true``: the wanted members of a tar that is proven.

A tar comes from outside, so nothing in it is believed: only regular files with
plain names are written, as new files of our own. Owners, modes, links and
devices that a tar may hold are never applied. That is stricter than any filter of
the standard library; its ``data`` filter has a say all the same. Why a tar is not
unpacked before it is there: docs/decisions/007-unpacking.md.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import anyio.from_thread
import anyio.to_thread

from asyncdl.config import BundleProduct, Config
from asyncdl.errors import DiskError, TransferError
from asyncdl.job.places.layout import Place
from asyncdl.m2m.bands import match_bands
from asyncdl.m2m.naming import file_suffix
from asyncdl.m2m.selection import BundleWanted
from asyncdl.transfer.names import safe_name
from asyncdl.transfer.parts.stable import make_folders, rename, settle, write_anew
from asyncdl.transfer.proving.malformed import Malformed
from asyncdl.transfer.proving.proof import Expected, Proof, prove_file
from asyncdl.transfer.proving.sums import Sums
from asyncdl.transfer.proving.tar import check_tar

_PLAIN_TYPES = (tarfile.REGTYPE, tarfile.AREGTYPE)
"""Without sparse files, which may claim any size."""
MAX_MEMBERS = 10_000
"""A bundle has some thirty; each member costs a file, however empty it is."""
_CHUNK_BYTES = 1 << 20


class ExtractError(TransferError):
    """A verified bundle cannot be unpacked; the tar itself is kept."""

    reason = "extract-failed"
    remedy = (
        "The tar is there and verified; the next run tries again without fetching it."
        " Or unpack it by hand, or set extract = false."
    )


@dataclass(frozen=True, slots=True)
class Unpacking:
    """How a job unpacks its bundles."""

    words: tuple[str, ...] = ()
    """Band words of the wanted members; empty for all."""
    keeps_tar: bool = False

    def wanted_of(self, names: Sequence[str], scene: str) -> tuple[str, ...]:
        """Return the names that are wanted of those in a bundle.

        Args:
            names: Of all files in it.
            scene: Display id of its scene.
        """
        if not self.words:
            return tuple(names)
        by_suffix = {file_suffix(name, scene): name for name in names}
        found = match_bands(self.words, by_suffix, scene).values()
        wanted = {suffix for suffixes in found for suffix in suffixes}
        return tuple(name for suffix, name in by_suffix.items() if suffix in wanted)


def unpacking_of(config: Config) -> Unpacking | None:
    """Return how the bundles of a job are unpacked; ``None`` when they are not."""
    bundles = [product for product in config.products if isinstance(product, BundleProduct)]
    unpacked = [product for product in bundles if product.extract]
    if not unpacked:
        return None
    takes_all = any(product.members is None for product in unpacked)
    words = () if takes_all else tuple(w for p in unpacked for w in p.members or ())
    # One that is wanted as it is stays, too.
    keeps_tar = any(product.keep_tar or not product.extract for product in bundles)
    return Unpacking(words, keeps_tar)


def unpacking_at(config: Config, place: Place) -> Unpacking | None:
    """Return how the file of a place is unpacked; ``None`` when it is not."""
    return unpacking_of(config) if place.kind == BundleWanted.kind else None


def passes_by(config: Config, place: Place) -> bool:
    """Tell whether a bundle is unpacked and not kept; one that its host names always is."""
    unpacking = unpacking_at(config, place)
    return unpacking is not None and not unpacking.keeps_tar and place.is_named


def passing_path(tar: Path) -> Path:
    """Return where a tar is that will not be kept: whatever has this name is ours to remove."""
    return tar.with_suffix(".unpacking.tar")


# --- one tar --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Order:
    """What comes out of a tar, and where it goes."""

    choose: Callable[[Sequence[str]], Sequence[str]]
    """Returns the wanted ones of all names in it."""
    target_of: Callable[[str], Path]
    expected_of: Callable[[str, int], Expected]
    """What a member of a name and a size has to show."""
    durable: bool = False
    """Whether the files and their names are on stable storage afterwards."""


@dataclass(frozen=True, slots=True)
class UnpackedFile:
    """A member that is under its final name."""

    name: str
    size_bytes: int
    mtime_ns: int
    proof: Proof


Unpacked: TypeAlias = tuple[tuple[str, ...], tuple[UnpackedFile, ...]]
"""The names of all files in a tar, and those that came out."""


async def unpack(tar: Path, order: Order) -> Unpacked:
    """Unpack what is wanted of a tar; all of it is proven before any of it gets its name.

    Cancelled, it stops between two members and leaves nothing.

    Args:
        tar: A verified bundle.
        order: What is wanted of it.
    Raises: TransferError, when it is no sound tar, holds nothing that is wanted or
        something that is not right; DiskError, when the disk is full.
    """
    return await anyio.to_thread.run_sync(_unpack, tar, order)


def _unpack(tar: Path, order: Order) -> Unpacked:
    partials: list[Path] = []
    try:
        members = _look_through(tar)
        partials += (_partial(order.target_of(member.name)) for member in members)
        _remove(partials)  # what a killed run has left
        proven = _extract_all(tar, _wanted(tar, members, order), order)
        _publish(proven, order)
        return tuple(member.name for member in members), proven
    except (tarfile.TarError, Malformed) as error:
        raise ExtractError(tar.name, f"no sound tar: {error}") from error
    except OSError as error:
        failure = DiskError(tar, error)
        if failure.is_full:
            raise failure from error
        raise ExtractError(tar.name, str(failure)) from error
    finally:
        _remove(partials)


def _partial(target: Path) -> Path:
    # Not the name of a download under way: a note may lie beside that and speak for it.
    return target.with_name(f"{target.name}.part.member")


def _remove(partials: Sequence[Path]) -> None:
    for partial in partials:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _wanted(tar: Path, members: Sequence[tarfile.TarInfo], order: Order) -> list[tarfile.TarInfo]:
    wanted = set(order.choose([member.name for member in members]))
    if not wanted:
        raise ExtractError(tar.name, "it holds nothing that products.members asks for")
    return [member for member in members if member.name in wanted]


def _look_through(tar: Path) -> list[tarfile.TarInfo]:
    """Return all members, each of which could be written."""
    with tar.open("rb") as file:
        # Before anything is made of it: every member ends within the file, and no
        # header is larger than what it is good for.
        check_tar(file, tar.stat().st_size)
    # Not compressed: what comes out is no larger than what went in.
    with tarfile.open(tar, "r:") as archive:
        members = list(islice(archive, MAX_MEMBERS + 1))
    if len(members) > MAX_MEMBERS:
        raise ExtractError(tar.name, f"more than {MAX_MEMBERS:,} files in it")
    names: set[str] = set()
    for member in members:
        _check(tar, member)
        if member.name in names:
            raise ExtractError(tar.name, f"{member.name!r} is in it twice")
        names.add(member.name)
    return members


def _check(tar: Path, member: tarfile.TarInfo) -> None:
    if member.type not in _PLAIN_TYPES or member.issparse():
        raise ExtractError(tar.name, f"{member.name!r} in it is no regular file")
    if safe_name(member.name) != member.name:
        raise ExtractError(tar.name, f"{member.name!r} in it is no plain file name")
    # Pythons before 3.11.4 do without.
    if data_filter := getattr(tarfile, "data_filter", None):
        data_filter(member, str(tar.parent))


def _extract_all(
    tar: Path, members: Sequence[tarfile.TarInfo], order: Order
) -> tuple[UnpackedFile, ...]:
    # Read by our own hand: that takes two thirds of the time of the standard library's files.
    with tar.open("rb", buffering=0) as file:
        return tuple(_extract(file, member, order) for member in members)


def _extract(file: FileIO, member: tarfile.TarInfo, order: Order) -> UnpackedFile:
    anyio.from_thread.check_cancelled()
    path = _partial(order.target_of(member.name))
    expected = order.expected_of(member.name, member.size)
    sums = expected.new_sums()
    make_folders(path.parent)
    file.seek(member.offset_data)
    write_anew(path, _summed(_chunks(file, member.size), sums), durable=order.durable)
    proof = prove_file(path, expected, url=member.name, sums=sums)
    stat = path.stat()
    return UnpackedFile(member.name, stat.st_size, stat.st_mtime_ns, proof)


def _chunks(file: FileIO, size_bytes: int) -> Iterator[memoryview]:
    """Yield the next bytes of a file; each chunk is good until the next one."""
    buffer = memoryview(bytearray(min(_CHUNK_BYTES, max(size_bytes, 1))))
    while size_bytes and (count := file.readinto(buffer[:size_bytes])):
        size_bytes -= count
        yield buffer[:count]


def _summed(chunks: Iterator[memoryview], sums: Sums) -> Iterator[memoryview]:
    for chunk in chunks:
        sums.update(chunk)
        yield chunk


def _publish(files: Sequence[UnpackedFile], order: Order) -> None:
    """Give all files their final names; whatever had one of them is replaced."""
    targets = [order.target_of(file.name) for file in files]
    for target in targets:
        rename(_partial(target), target, durable=False)
    if order.durable:
        for folder in sorted({target.parent for target in targets}):
            settle(folder)
