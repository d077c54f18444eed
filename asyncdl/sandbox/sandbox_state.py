"""The state of one sandbox, shared by all its handlers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from asyncdl.sandbox.account import Account
from asyncdl.sandbox.file_contents import FileContents
from asyncdl.sandbox.injected_faults import Faults
from asyncdl.sandbox.request_log import RequestLog
from asyncdl.sandbox.scene_catalog import Catalog
from asyncdl.sandbox.served_queue import ServedQueue
from asyncdl.sandbox.served_scene_lists import ServedSceneLists
from asyncdl.sandbox.signing import Signer


@dataclass(slots=True)
class SandboxState:
    """The state of one sandbox."""

    catalog: Catalog
    contents: FileContents
    account: Account = field(repr=False)
    signer: Signer = field(repr=False)
    request_log: RequestLog
    faults: Faults
    queue: ServedQueue = field(default_factory=ServedQueue)
    scene_lists: ServedSceneLists = field(default_factory=ServedSceneLists)
    preferences: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The user's preferences, by system."""
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Orders by number."""
    origin: str = ""
    """``http://host:port``, once the server listens."""
    addresses: tuple[str, ...] = ()
    """The addresses it listens on."""
    requests: int = 0
    """Number of the last API call."""

    def listed(self, list_id: str, dataset: str | None) -> list[tuple[str, str]]:
        """Return the (dataset, entity id) pairs of a scene list; a missing list is a violation."""
        if list_id not in self.scene_lists:
            self.request_log.record_violation(f"scene list {list_id!r} does not exist")
        return self.scene_lists.entries(list_id, dataset)
