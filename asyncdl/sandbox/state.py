"""Everything one sandbox is made of, handed to whoever serves a part of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from asyncdl.sandbox.account import Account
from asyncdl.sandbox.archive import Archive
from asyncdl.sandbox.catalog import Catalog
from asyncdl.sandbox.faults import Faults
from asyncdl.sandbox.queue import ServedQueue
from asyncdl.sandbox.request_log import RequestLog
from asyncdl.sandbox.scene_lists import ServedSceneLists
from asyncdl.sandbox.signing import Signer


@dataclass(slots=True)
class SandboxState:
    """One sandbox's state; two sandboxes share none."""

    catalog: Catalog
    archive: Archive
    account: Account = field(repr=False)
    signer: Signer = field(repr=False)
    ledger: RequestLog
    faults: Faults
    queue: ServedQueue = field(default_factory=ServedQueue)
    scene_lists: ServedSceneLists = field(default_factory=ServedSceneLists)
    preferences: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What the user likes, by system."""
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Orders by number."""
    origin: str = ""
    """``http://host:port``, once the server listens."""
    addresses: tuple[str, ...] = ()
    """Where it listens."""
    requests: int = 0
    """Number of the last API call."""

    def listed(self, list_id: str, dataset: str | None) -> list[tuple[str, str]]:
        """Return the (dataset, entity id) pairs of a scene list; notes a missing one."""
        if list_id not in self.scene_lists:
            self.ledger.blame(f"scene list {list_id!r} does not exist")
        return self.scene_lists.entries(list_id, dataset)
