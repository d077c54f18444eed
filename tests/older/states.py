"""Brings a kept state back: to a folder of today, and to the address of a service of today.

The journal and the notes name the address of their service, port and all. No test can count on
getting the same port again, so another one of the same length takes its place, and what guards
the bytes of the old one (the checksums of notes and of SQLite's write-ahead log) is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STATES = Path(__file__).parents[1] / "data" / "older"
_WAL_HEADER, _FRAME_HEADER = 32, 24


def versions() -> list[str]:
    """Return the versions that states are kept of."""
    return sorted(path.name for path in STATES.iterdir() if path.is_dir())


@dataclass(frozen=True)
class Restored:
    """A state as it was left, with all files."""

    folder: Path
    files: Mapping[str, Any]
    """What is known of each data file; by its path from the folder."""

    @property
    def finished(self) -> dict[Path, int]:
        """The files with their final names, and when they were written."""
        return {self.folder / name: facts["mtime_ns"] for name, facts in self.files.items()
                if not name.endswith(".part")}  # fmt: skip

    @property
    def spans(self) -> dict[str, list[tuple[int, int]]]:
        """The bytes that the notes of partial files speak of, by final name."""
        return {Path(name).name.removesuffix(".part"): [(a, b) for a, b in facts["spans"]]
                for name, facts in self.files.items() if name.endswith(".part")}  # fmt: skip


def restore(
    version: str, name: str, folder: Path, address: str, content_of: Callable[[str], bytes]
) -> Restored:
    """Bring a state back.

    Args:
        version: One of :func:`versions`.
        name: Of the state.
        folder: Takes it.
        address: ``host:port`` of the service that it is a state of from now on.
        content_of: What the service has under the name of a file.
    """
    kept = STATES / version / name
    note = json.loads((kept / "state.json").read_text())
    for path in (p for p in kept.rglob("*") if p.is_file() and p.name != "state.json"):
        target = folder / path.relative_to(kept)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.write_bytes(at_address(path, note["address"].encode(), address.encode()))
    for at, facts in note["files"].items():
        write_data(folder / at, facts, content_of(Path(at).name.removesuffix(".part")))
    return Restored(folder, note["files"])


def write_data(path: Path, facts: Mapping[str, Any], content: bytes) -> None:
    """Make a data file as it was: nothing is in it but what was known to be there."""
    held = bytearray(facts["size"])
    for start, stop in facts["spans"]:
        held[start:stop] = content[start:stop]
    known = b"".join(held[start:stop] for start, stop in facts["spans"])
    assert hashlib.sha256(known).hexdigest() == facts["sha256"], (
        f"the service has other bytes in {path.name} than it had then: make the states anew"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(held)
    os.utime(path, ns=(facts["mtime_ns"], facts["mtime_ns"]))


def at_address(path: Path, then: bytes, now: bytes) -> bytes:
    """Return what a file holds, with another address in place of the one of then."""
    body = path.read_bytes()
    assert len(then) == len(now), f"{now!r} is not as long as {then!r}"
    if then not in body:
        return body
    body = body.replace(then, now)
    if path.name.endswith("-wal"):
        return with_checksums(body)
    if path.name.endswith(".part.state"):
        text = body.partition(b" ")[2]
        return b"%08x %b" % (zlib.crc32(text.removesuffix(b"\n")), text)
    return body


def with_checksums(log: bytes) -> bytes:
    """Return a write-ahead log of SQLite with the checksums that its frames should have.

    Source: https://www.sqlite.org/fileformat2.html, sections 4.1 and 4.2.
    """
    magic, _, page_bytes = struct.unpack_from(">III", log)
    order = ">" if magic & 1 else "<"
    salts = log[16:24]
    made = bytearray(log)
    sums = struct.unpack_from(">II", log, 24)
    for at in range(_WAL_HEADER, len(log), _FRAME_HEADER + page_bytes):
        if log[at + 8 : at + 16] != salts:
            break  # what follows is of an earlier round
        stop = at + _FRAME_HEADER + page_bytes
        sums = _summed(sums, order, log[at : at + 8] + log[at + _FRAME_HEADER : stop])
        struct.pack_into(">II", made, at + 16, *sums)
    return bytes(made)


def _summed(sums: tuple[int, int], order: str, data: bytes) -> tuple[int, int]:
    first, second = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
