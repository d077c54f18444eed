"""Lets the upload of a large file begin while the file is received."""

from __future__ import annotations

import threading
from collections.abc import Callable

import anyio.to_thread
from anyio import CancelScope

from asyncdl.stores.early_upload import EarlyUpload, PlannedObject
from asyncdl.stores.object_store import ONE_REQUEST_BYTES, ObjectStore, StoredObject, part_size
from asyncdl.transfer.growth import FileGrowth

Plan = Callable[[FileGrowth], PlannedObject | None]


class EarlyPlacing:
    """The early upload of one file, if there is one: it needs to be large, and the permit.

    Args:
        store: Where it goes.
        permit: Of the one upload that may be early. A slow download keeps it, and what it has in
            memory, for as long as it lasts; other files are uploaded when they are whole.
        plan: Returns what the object will be; ``None`` if that is not known beforehand.
    """

    def __init__(self, store: ObjectStore, permit: threading.Lock, plan: Plan) -> None:
        self._store = store
        self._permit = permit
        self._plan = plan
        self._upload: EarlyUpload | None = None

    def note(self, growth: FileGrowth) -> None:
        """Note what has come of the file, and begin the upload if it may begin."""
        if self._upload is None:
            self._upload = self._begun(growth)
        if self._upload is not None:
            self._upload.note(growth.ready_bytes)

    def _begun(self, growth: FileGrowth) -> EarlyUpload | None:
        total = growth.total_bytes
        if total is None or total <= ONE_REQUEST_BYTES or growth.ready_bytes < part_size(total):
            return None
        planned = self._plan(growth)
        if planned is None or not self._permit.acquire(blocking=False):
            return None
        return EarlyUpload(self._store, planned, growth.part)

    def finish(self, wanted: PlannedObject) -> StoredObject | None:
        """Complete the upload, now that the file is verified. Blocks.

        Returns: ``None`` if the file has still to be uploaded.
        """
        return None if self._upload is None else self._upload.finish(wanted)

    async def end(self) -> None:
        """Let the upload end without an object, if it is not finished, and wait for that."""
        if self._upload is None:
            return
        self._upload.abandon()
        with CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._upload.wait)
        self._permit.release()
