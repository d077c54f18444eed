"""One job at a time in a place of a store: a small object that its holder keeps writing anew.

Locks of an operating system do not reach another machine, and clocks of two machines differ.
So whoever finds the object watches it: if it does not change for :data:`LEASE_S`, its holder is
gone. Only what a run with the same state folder has left is taken over at once, as the lock of that
folder has shown that there is none any more. The object is made, taken over and renewed on
conditions that the store checks.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from asyncdl.errors import StoreError
from asyncdl.stores.object_store import ObjectStore, StoredObject

RENEWED_EVERY_S = 20.0
LEASE_S = 70.0
"""Three renewals may come late."""
_LOOK_EVERY_S = 5.0
_LONGEST_BYTES = 4096


class StoreBusy(Exception):
    """Another job holds the place."""

    def __init__(self, holder: str) -> None:
        self.holder = holder
        """Such as ``process 7 on worker-3``; may be empty."""
        super().__init__(holder)


@dataclass
class Lease:
    """The holder's object. All methods block.

    Args:
        store: The place.
        path: Of the object.
        owner: Of this machine, what no two runs have at once, such as a locked folder.
    """

    store: ObjectStore
    path: str
    owner: str
    _held: StoredObject | None = None
    _renewals: int = 0
    _mark: str = ""

    def acquire(
        self,
        on_wait: Callable[[str], None],
        *,
        lease_s: float = LEASE_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the place.

        Args:
            on_wait: Called with who held it last, if it takes a while to see that it is gone.
            lease_s: How long an object stays unchanged if its holder is gone.
            sleep: Waits; raises when the caller is cancelled.
        Raises: StoreBusy; StoreError.
        """
        self._mark = secrets.token_hex(8)
        try:
            self._held = self.store.put(self._text(), self.path, mode="create")
            return
        except StoreError as error:
            if error.reason == "store-unsupported":
                self._held = self.store.put(self._text(), self.path)
                return
            if error.reason not in ("store-exists", "store-changed"):
                raise
        found = self._found()
        if found is not None:
            holder = self._holder()
            if (holder.host, holder.owner) != (socket.gethostname(), self.owner):
                on_wait(holder.name)
                found = self._left_by_holder(found, holder.name, lease_s, sleep)
        self._take(found)

    def _left_by_holder(
        self, found: StoredObject, holder: str, lease_s: float, sleep: Callable[[float], None]
    ) -> StoredObject | None:
        """Watch the object; return it, or ``None`` once it is removed.

        Raises: StoreBusy, if it changes.
        """
        watched_s = 0.0
        while watched_s < lease_s:
            step_s = min(_LOOK_EVERY_S, lease_s - watched_s)
            sleep(step_s)
            watched_s += step_s
            now = self._found()
            if now is None:
                return None
            if now.tag != found.tag:
                raise StoreBusy(holder)
        return found

    def _take(self, found: StoredObject | None) -> None:
        try:
            if found is None:
                self._held = self.store.put(self._text(), self.path, mode="create")
            else:
                self._held = self.store.put(self._text(), self.path, over=found)
        except StoreError as error:
            if error.reason in ("store-exists", "store-changed"):
                raise StoreBusy(self._holder().name) from None
            raise

    def renew(self) -> None:
        """Show that the holder is there. Raises: StoreBusy, if another job has taken over."""
        if self._held is None:
            return
        self._renewals += 1
        try:
            self._held = self.store.put(self._text(), self.path, over=self._held)
        except StoreError as error:
            if error.reason in ("store-exists", "store-changed"):
                self._held = None
                raise StoreBusy(self._holder().name) from None
            raise

    def release(self) -> None:
        """Give the place back, if it is still ours."""
        held, self._held = self._held, None
        if held is not None and self._found() == held:
            self.store.delete(self.path)

    def _found(self) -> StoredObject | None:
        found = self.store.facts_of(self.path)
        return (
            None
            if found is None
            else StoredObject(self.path, found[0].size_bytes, found[0].tag, found[0].version)
        )

    def _text(self) -> bytes:
        return json.dumps(
            {
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "owner": self.owner,
                "mark": self._mark,
                "renewals": self._renewals,
            }
        ).encode()

    def _holder(self) -> _Holder:
        data = self.store.read(self.path, _LONGEST_BYTES) or b""
        try:
            found = json.loads(data)
            pid, host = int(found["pid"]), str(found["host"])
            owner = str(found.get("owner"))
        except (ValueError, KeyError, TypeError, AttributeError):
            return _Holder()
        shown = "".join(filter(str.isprintable, host))[:255]
        return _Holder(f"process {pid} on {shown}", host, owner)


class _Holder(NamedTuple):
    """Who holds a place; empty if that cannot be read."""

    name: str = ""
    """For people."""
    host: str = ""
    owner: str = ""
