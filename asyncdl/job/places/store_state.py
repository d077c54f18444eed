"""What a store keeps of the state of its job, so that another machine can go on.

Beside the files are a copy of the journal and the report, and while a run goes on the object of
its :class:`~asyncdl.stores.lease.Lease`. The state itself is in a folder on a local disk: a
journal is written before each act, and no store could follow.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from asyncdl.background import check_cancelled
from asyncdl.errors import DirectoryBusyError
from asyncdl.job.places.store_placer import StorePlacer
from asyncdl.journal import JOURNAL_NAME, STATE_FOLDER, copy_journal, replace_journal
from asyncdl.stores.lease import Lease, StoreBusy
from asyncdl.transfer.parts.durable import write_file

JOURNAL_COPY = f"{STATE_FOLDER}/{JOURNAL_NAME}"
HOLDER = f"{STATE_FOLDER}/holder.json"
_LAST_COPY = "copy-in-store.json"
"""File of the state folder that says which copy has the same as the journal here, or less."""
_OWNER = "owner-in-store"
"""File of the state folder with a random name for it."""
_STEP_S = 0.1


class StoreState:
    """The state that a store keeps for one run. All methods block.

    Args:
        placer: Of the store.
        folder: The state folder on the local disk; locked by this run.
        on_wait: Called with a sentence when the run has to wait for another one's end.
    """

    def __init__(self, placer: StorePlacer, folder: Path, on_wait: Callable[[str], None]) -> None:
        self._placer = placer
        self._folder = folder
        self._on_wait = on_wait
        self._lease: Lease | None = None

    def begin(self) -> None:
        """Take the place, and take over what another machine has left there.

        Raises: DirectoryBusyError, if another run holds the place; StoreError, if the store
            cannot be used.
        """
        store = self._placer.store
        lease = Lease(store, HOLDER, self._owner())
        try:
            lease.acquire(self._say, sleep=_sleep)
        except StoreBusy as busy:
            raise self._busy(busy) from None
        self._lease = lease
        self._take_over()

    def _owner(self) -> str:
        """Return what names the state folder, which this run has locked."""
        path = self._folder / _OWNER
        with suppress(OSError):
            if owner := path.read_text("ascii", "replace").strip():
                return owner
        owner = secrets.token_hex(8)
        write_file(path, [owner.encode()], durable=False)
        return owner

    def _say(self, holder: str) -> None:
        self._on_wait(
            f"{self._placer.target}: {holder or 'another run'} was the last one here and has not"
            " given the place back; waiting for about a minute to see whether it still runs"
        )

    def _busy(self, busy: StoreBusy) -> DirectoryBusyError:
        return DirectoryBusyError(self._folder, busy.holder, target=self._placer.target)

    def _take_over(self) -> None:
        """Take the journal of another machine, if it is newer than the one here."""
        store = self._placer.store
        found = store.facts_of(JOURNAL_COPY)
        is_here = (self._folder / JOURNAL_NAME).exists()
        if found is None or (is_here and found[0].tag == self._known_tag):
            return
        copy = self._folder / f"{JOURNAL_NAME}.from-store"
        try:
            write_file(copy, store.chunks(JOURNAL_COPY), durable=False)
            replace_journal(self._folder, copy)
        finally:
            copy.unlink(missing_ok=True)
        self._note_tag(found[0].tag)

    def renew(self) -> None:
        """Show that the run goes on. Raises: DirectoryBusyError, if another one has taken over."""
        if self._lease is None:
            return
        try:
            self._lease.renew()
        except StoreBusy as busy:
            raise self._busy(busy) from None

    def save(self) -> None:
        """Put a copy of the journal into the store, as it is now. Raises: StoreError, OSError."""
        copy = self._folder / f"{JOURNAL_NAME}.for-store"
        try:
            copy_journal(self._folder, copy)
            placed = self._placer.store.put_file(copy, JOURNAL_COPY, {})
        finally:
            copy.unlink(missing_ok=True)
        self._note_tag(placed.tag)

    def end(self) -> None:
        """Give the place back. Raises: StoreError."""
        lease, self._lease = self._lease, None
        if lease is not None:
            lease.release()

    @property
    def _known_tag(self) -> str:
        with suppress(OSError, ValueError, KeyError, TypeError):
            return str(json.loads((self._folder / _LAST_COPY).read_bytes())["tag"])
        return ""

    def _note_tag(self, tag: str) -> None:
        with suppress(OSError):
            write_file(
                self._folder / _LAST_COPY, [json.dumps({"tag": tag}).encode()], durable=False
            )


def put_report(placer: StorePlacer, report: Path) -> None:
    """Put the report beside the files. Blocks. Raises: StoreError, OSError."""
    placer.store.put(report.read_bytes(), report.name)


def _sleep(seconds: float) -> None:
    until_s = time.monotonic() + seconds
    while (left_s := until_s - time.monotonic()) > 0:
        check_cancelled()
        time.sleep(min(left_s, _STEP_S))
