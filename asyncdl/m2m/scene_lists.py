"""Temporary scene lists, which are always removed.

The service keeps a list between sessions, and adding to it appends. A leftover list
with a fixed name would add its old scenes to the next job, so ours have unique names,
a time to live, and an owner that removes them.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from anyio import move_on_after

from asyncdl.errors import ApiError, AsyncdlError

log = logging.getLogger("asyncdl.m2m")

MAX_SCENES = 50_000
"""The service's maximum per list."""


@dataclass(frozen=True, slots=True)
class SceneList:
    """A scene list that exists on the service."""

    list_id: str
    dataset_name: str
    sent: int
    """Ids that were sent."""
    added: int
    """Scenes that the service added; fewer than ``sent`` if some are unknown to it."""


class SceneListApi(Protocol):
    """The two calls that scene lists need."""

    async def scene_list_add(
        self, list_id: str, dataset_name: str, ids: Sequence[str], *, id_field: str = "entityId"
    ) -> int:
        """Add scenes and return how many were added."""

    async def scene_list_remove(self, list_id: str) -> None:
        """Remove a whole list."""


@dataclass(slots=True)
class SceneLists:
    """The lists that one client has created and not removed yet."""

    api: SceneListApi
    removal_deadline_s: float
    """For one removal, also in a cancelled task."""
    _present: set[str] = field(default_factory=set)

    @asynccontextmanager
    async def open(
        self,
        dataset_name: str,
        ids: Sequence[str],
        *,
        id_field: str = "entityId",
        keep: bool = False,
    ) -> AsyncIterator[SceneList]:
        """Keep scenes in a temporary list for the duration of the block.

        A list that cannot be removed at the end of the block is removed by
        :meth:`remove_all`, or by the service when it expires.

        Args:
            dataset_name: Alias of the dataset that the ids belong to.
            ids: As many as fit into a list.
            id_field: Which kind of id.
            keep: Whether the list stays after the block, to be removed later; after an error
                in the block it is removed at once all the same.
        Raises:
            ValueError: no ids, or more than fit into a list.
            ApiError, NetworkError: the list could not be created.
        """
        if not 0 < len(ids) <= MAX_SCENES:
            raise ValueError(f"a scene list takes 1 to {MAX_SCENES} ids, not {len(ids)}")
        list_id = new_list_id()
        # Recorded first: a call that is interrupted may have reached the service.
        self._present.add(list_id)
        try:
            added = await self._add(list_id, dataset_name, ids, id_field)
            yield SceneList(list_id, dataset_name, len(ids), added)
        except BaseException:
            await self._remove_in_time(list_id)
            raise
        if not keep:
            await self._remove_in_time(list_id)

    def forget(self, list_id: str) -> None:
        """Note that somebody has removed a list."""
        self._present.discard(list_id)

    async def remove_all(self) -> None:
        """Remove the remaining lists; failures are logged."""
        for list_id in sorted(self._present):
            await self._remove(list_id)

    async def _add(self, list_id: str, dataset_name: str, ids: Sequence[str], id_field: str) -> int:
        try:
            return await self.api.scene_list_add(list_id, dataset_name, ids, id_field=id_field)
        except ApiError as error:
            if not error.retryable:
                self._present.discard(list_id)  # refused, so there is nothing to remove
            raise

    async def _remove_in_time(self, list_id: str) -> None:
        with move_on_after(self.removal_deadline_s, shield=True):
            await self._remove(list_id)

    async def _remove(self, list_id: str) -> None:
        if list_id not in self._present:
            return
        try:
            await self.api.scene_list_remove(list_id)
        except AsyncdlError as error:
            log.warning("could not remove scene list %s yet: %s", list_id, error)
        else:
            self._present.discard(list_id)


def new_list_id() -> str:
    """Return a name that no other list of the account has."""
    return f"asyncdl-{secrets.token_hex(8)}"
