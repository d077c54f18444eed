"""An upload that begins while its file is received, and ends only once the file is verified.

A store shows nothing of an upload in parts before it is completed, so parts may go there before
anybody knows whether they are right. An early upload is one attempt. If it fails, or if what was
sent is void, nothing is there, and the file is uploaded as any other when it is whole.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from asyncdl.errors import StoreError
from asyncdl.stores.object_store import ObjectStore, StoredObject, part_size
from asyncdl.stores.pace import STEP_S


@dataclass(frozen=True, slots=True)
class PlannedObject:
    """An object that is not there yet."""

    path: str
    """Below the prefix."""
    size_bytes: int
    facts: Mapping[str, str]
    """What is kept with it. It is sent before the first byte."""


class EarlyUpload:
    """One upload, in a thread of its own, which runs until :meth:`finish` or :meth:`abandon`.

    Args:
        store: Where it goes.
        planned: What it will be, if nothing is wrong with the file.
        part: Where its bytes are. It may be renamed meanwhile.
    """

    def __init__(self, store: ObjectStore, planned: PlannedObject, part: Path) -> None:
        self._store = store
        self._planned = planned
        self._part = part
        self._made: StoredObject | None = None
        self._ready_bytes = 0
        self._is_right: bool | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="early upload")
        self._thread.start()

    def note(self, ready_bytes: int) -> None:
        """Note how many bytes are there from the first one on. 0: all that was read is void."""
        if not ready_bytes:
            self.abandon()
            return
        with self._changed:
            self._ready_bytes = ready_bytes
            self._changed.notify_all()

    def abandon(self) -> None:
        """Let it end without an object, if it is not finished yet. Does not wait."""
        self._judge(is_right=False)

    def finish(self, wanted: PlannedObject) -> StoredObject | None:
        """Complete it, now that the file is verified, and wait for that. Blocks.

        Args:
            wanted: What the object has to be.
        Returns: ``None`` if there is no such object: it failed, or another one was planned.
        Raises: what ``check_cancelled`` of the store's pace raises.
        """
        self._judge(is_right=wanted == self._planned)
        while self._thread.is_alive():
            self._store.pace.check_cancelled()
            self._thread.join(STEP_S)
        return self._made

    def wait(self) -> None:
        """Wait until it has ended. Blocks."""
        self._thread.join()

    def _judge(self, *, is_right: bool) -> None:
        with self._changed:
            self._is_right = is_right and self._is_right is not False
            self._changed.notify_all()

    def _run(self) -> None:
        planned = self._planned
        # Opened before the first request, as the file may be renamed meanwhile. Without a buffer,
        # so that no byte is read before it is ready.
        with suppress(StoreError, OSError, _Void), self._part.open("rb", buffering=0) as file:
            self._made = self._store.put_parts(
                self._parts(file), planned.size_bytes, planned.path, planned.facts, self._check
            )

    def _parts(self, file: FileIO) -> Iterator[bytes]:
        position, size_bytes = 0, self._planned.size_bytes
        step = part_size(size_bytes)
        while position < size_bytes:
            count = min(step, size_bytes - position)
            self._wait_for(position + count)
            data = file.read(count)
            if len(data) != count:
                raise _Void
            yield data
            position += count
        self._wait_for_verdict()

    def _wait_for(self, ready_bytes: int) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_right is not None or self._ready_bytes >= ready_bytes
            )
            self._check()

    def _wait_for_verdict(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_right is not None)
            self._check()

    def _check(self) -> None:
        """Raise if no object shall come of it."""
        if self._is_right is False:
            raise _Void


class _Void(Exception):
    """What was sent is not the file."""
