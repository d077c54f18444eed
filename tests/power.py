"""A power cut, simulated: what was not flushed is lost, in whatever order suits the disk.

While :func:`recording` runs, every change below a folder goes into a :class:`WriteLog`.
:meth:`WriteLog.replay` goes through the moments at which the power may fail, and
:meth:`Disk.tree` tells what may be left then:

- bytes of a file are there once the file was flushed; of those written since, any may be
  there, whole, in part, or not;
- a name is there once its folder was flushed; of the changes since, any may be there,
  but a rename is there as a whole or not at all.

What the log holds is complete: replayed with nothing lost, it gives the folder as it is
(:meth:`WriteLog.check`). So no change goes past it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import pytest

SECTOR_BYTES = 512

Tree: TypeAlias = dict[str, bytes | None]
"""Content by path below the folder; ``None`` for a folder."""


@dataclass(frozen=True)
class Wrote:
    """Bytes that were put into a file."""

    offset: int
    data: bytes

    def apply(self, content: bytearray) -> None:
        content.extend(bytes(max(0, self.offset - len(content))))
        content[self.offset : self.offset + len(self.data)] = self.data

    def torn(self, rng: Random) -> Wrote:
        """Return what is left when the power fails in the midst of it."""
        start, stop = sorted(rng.randint(0, len(self.data)) for _ in range(2))
        start -= start % SECTOR_BYTES
        return Wrote(self.offset + start, self.data[start:stop])


@dataclass(frozen=True)
class Resized:
    """A file that was cut, or made longer with zeros."""

    size_bytes: int

    def apply(self, content: bytearray) -> None:
        content.extend(bytes(max(0, self.size_bytes - len(content))))
        del content[self.size_bytes :]


@dataclass
class Inode:
    """A file or a folder, whatever its names are."""

    flushed: bytearray = field(default_factory=bytearray)
    pending: list[Wrote | Resized] = field(default_factory=list)

    is_folder: bool = False
    names: dict[str, Inode] = field(default_factory=dict)
    """Flushed names of a folder."""
    renamed: list[dict[str, Inode | None]] = field(default_factory=list)
    """Changes of names since: each is there as a whole or not at all."""

    def flush(self) -> None:
        for change in self.pending:
            change.apply(self.flushed)
        for names in self.renamed:
            _rename(self.names, names)
        self.pending, self.renamed = [], []


def _rename(names: dict[str, Inode], change: dict[str, Inode | None]) -> None:
    for name, inode in change.items():
        if inode is None:
            names.pop(name, None)
        else:
            names[name] = inode


Survives: TypeAlias = Callable[[Wrote | Resized | dict[str, Inode | None]], Any]
"""What is left of a change that was not flushed; ``None`` if nothing is."""


@dataclass
class Disk:
    """The folder as file system and disk have it, change by change."""

    root: Inode

    @classmethod
    def holding(cls, tree: Tree) -> Disk:
        disk = cls(Inode(is_folder=True))
        for path, content in tree.items():
            *above, name = path.split("/")
            inode = Inode(bytearray(content or b""), is_folder=content is None)
            _find(disk, tuple(above)).names[name] = inode
        return disk

    def tree(self, survives: Survives) -> Tree:
        found: Tree = {}
        _walk(self.root, "", survives, found)
        return found


def _walk(folder: Inode, at: str, survives: Survives, found: Tree) -> None:
    names = dict(folder.names)
    for change in folder.renamed:
        if survives(change) is not None:
            _rename(names, change)
    for name, inode in names.items():
        if inode.is_folder:
            found[at + name] = None
            _walk(inode, f"{at}{name}/", survives, found)
        else:
            found[at + name] = _content(inode, survives)


def _content(inode: Inode, survives: Survives) -> bytes:
    content = bytearray(inode.flushed)
    for change in inode.pending:
        left = survives(change)
        if left is not None:
            left.apply(content)
    return bytes(content)


def everything(change: Any) -> Any:
    return change


def nothing(change: Any) -> None:
    return None


def anything(rng: Random) -> Survives:
    """Let chance decide, leaning one way or the other."""
    odds = rng.choice([0.1, 0.5, 0.9])

    def survives(change: Any) -> Any:
        if rng.random() > odds:
            return None
        return change.torn(rng) if isinstance(change, Wrote) and rng.random() < 0.3 else change

    return survives


Step: TypeAlias = Callable[[Disk], None]


@dataclass
class WriteLog:
    """Every change below ``root``, in order, and what was promised in between."""

    root: Path
    before: Tree
    """What was there, flushed."""
    steps: list[Step] = field(default_factory=list)
    promises: list[tuple[int, str]] = field(default_factory=list)
    """Files that are safe from the n-th change on."""
    journals: list[tuple[int, bytes]] = field(default_factory=list)
    """What the journal holds from the n-th change on."""

    lock: threading.RLock = field(default_factory=threading.RLock)

    def promise(self, path: str) -> None:
        """Note that a file has been called safe."""
        with self.lock:
            self.promises.append((len(self.steps), path))

    def promised(self, count: int) -> set[str]:
        """Return what had been called safe after ``count`` changes."""
        return {path for at, path in self.promises if at <= count}

    def journal(self, count: int) -> bytes | None:
        """Return the journal after ``count`` changes."""
        return next((data for at, data in reversed(self.journals) if at <= count), None)

    def replay(self) -> Iterator[Disk]:
        """Yield the disk after 0, 1, … changes; it is the same one, to be looked at at once."""
        disk = Disk.holding(self.before)
        yield disk
        for step in self.steps:
            step(disk)
            yield disk

    def after(self, count: int) -> Disk:
        """Return the disk after ``count`` changes."""
        disk = Disk.holding(self.before)
        for step in self.steps[:count]:
            step(disk)
        return disk

    def check(self) -> None:
        """Make sure that nothing went past the log."""
        assert self.after(len(self.steps)).tree(everything) == tree_of(self.root)


def tree_of(root: Path) -> Tree:
    """Return what is below a folder, but for what SQLite and the report keep by themselves."""
    paths = [p for p in sorted(root.rglob("*")) if not is_left_out(p, root)]
    return {str(p.relative_to(root)): p.read_bytes() if p.is_file() else None for p in paths}


def restore(tree: Tree, root: Path) -> None:
    """Make a folder hold a tree."""
    root.mkdir(parents=True)
    for path, content in tree.items():
        if content is None:
            (root / path).mkdir()
        else:
            (root / path).write_bytes(content)


def is_left_out(path: Path, root: Path) -> bool:
    first = path.relative_to(root).parts[:1]
    return first in ((".asyncdl",), ("asyncdl-report.json",), ("asyncdl-report.json.part",))


# --- the recorder --------------------------------------------------------------------


@contextmanager
def recording(root: Path) -> Iterator[WriteLog]:
    """Log every change that this process makes below ``root``; nothing is really flushed."""
    log = WriteLog(root, tree_of(root))
    with pytest.MonkeyPatch.context() as patch:
        for name, kind in RECORDERS.items():
            call = getattr(os, name) if name != "fsync" else nothing
            patch.setattr(os, name, _recorded(log, call, kind))
        yield log


Recorder: TypeAlias = Callable[..., Step | None]


def _recorded(log: WriteLog, call: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    def recorded(*args: Any, **named: Any) -> Any:
        with log.lock:
            note = recorder(log.root, *args, **named)
            result = call(*args, **named)
            if note is not None:
                log.steps.append(_bound(note, result))
        return result

    return recorded


def _bound(note: Any, result: Any) -> Step:
    return lambda disk: note(disk, result)


def _place(root: Path, path: Any, dir_fd: int | None = None) -> tuple[str, ...] | None:
    """Return a path below the root in its parts; ``None`` for any other."""
    if isinstance(path, int):
        path = os.readlink(f"/proc/self/fd/{path}")
        if path.endswith(" (deleted)"):
            return None
    if dir_fd is not None:
        path = os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), path)
    whole = Path(os.path.abspath(path))
    if not whole.is_relative_to(root) or is_left_out(whole, root):
        return None
    return whole.relative_to(root).parts


def _find(disk: Disk, parts: tuple[str, ...]) -> Inode:
    inode = disk.root
    for part in parts:
        names = dict(inode.names)
        for change in inode.renamed:
            _rename(names, change)
        inode = names[part]
    return inode


def _opened(root: Path, path: Any, flags: int, *_: Any, **named: Any) -> Any:
    parts = _place(root, path, named.get("dir_fd"))
    if parts is None or not flags & (os.O_WRONLY | os.O_RDWR):
        return None
    is_there = os.path.lexists(root.joinpath(*parts))

    def step(disk: Disk, _: Any) -> None:
        if not is_there:
            _find(disk, parts[:-1]).renamed.append({parts[-1]: Inode()})
        elif flags & os.O_TRUNC:
            _find(disk, parts).pending.append(Resized(0))

    return step


def _written(root: Path, fd: int, data: Any, offset: int) -> Any:
    parts, content = _place(root, fd), bytes(data)
    if parts is None:
        return None

    def step(disk: Disk, count: int) -> None:
        _find(disk, parts).pending.append(Wrote(offset, content[:count]))

    return step


def _resized(root: Path, fd: int, size_bytes: int) -> Any:
    parts = _place(root, fd)
    if parts is None:
        return None
    return lambda disk, _: _find(disk, parts).pending.append(Resized(size_bytes))


def _flushed(root: Path, fd: int) -> Any:
    parts = _place(root, fd)
    return None if parts is None else lambda disk, _: _find(disk, parts).flush()


def _moved(root: Path, source: Any, target: Any, **_: Any) -> Any:
    old, new = _place(root, source), _place(root, target)
    if old is None or new is None:
        return None
    assert old[:-1] == new[:-1], "renamed within one folder"

    def step(disk: Disk, _: Any) -> None:
        change: dict[str, Inode | None] = {old[-1]: None, new[-1]: _find(disk, old)}
        _find(disk, old[:-1]).renamed.append(change)

    return step


def _removed(root: Path, path: Any, dir_fd: int | None = None) -> Any:
    parts = _place(root, path, dir_fd)
    if parts is None or not os.path.lexists(root.joinpath(*parts)):
        return None
    return lambda disk, _: _find(disk, parts[:-1]).renamed.append({parts[-1]: None})


def _made(root: Path, path: Any, *_: Any, **named: Any) -> Any:
    parts = _place(root, path, named.get("dir_fd"))
    if not parts or os.path.lexists(root.joinpath(*parts)):
        return None
    return lambda disk, _: _find(disk, parts[:-1]).renamed.append(
        {parts[-1]: Inode(is_folder=True)}
    )


RECORDERS: dict[str, Recorder] = {
    "open": _opened,
    "pwrite": _written,
    "ftruncate": _resized,
    "fsync": _flushed,
    "replace": _moved,
    "rename": _moved,
    "unlink": _removed,
    "remove": _removed,
    "rmdir": _removed,
    "mkdir": _made,
}
