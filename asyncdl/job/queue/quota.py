"""Download quota: request no more than the service says is left.

The service counts downloads, not bytes, and limits how many are requested in a time
window, in preparation, and ready but not fetched (API notes §6). Requests wait for room;
transfers go on meanwhile and make some.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio

from asyncdl.errors import ApiError
from asyncdl.events import Emit, QuotaLeft, QuotaWait
from asyncdl.m2m import DownloadItem, M2MClient
from asyncdl.m2m.models import DownloadRequestReply, room_in

CHECK_INTERVAL_S = 60.0
"""Between two checks of the quota while it is used up; the window is 15 minutes."""
MAX_WAIT_S = 6 * 3600.0
"""After this time without any room the run gives up waiting for some."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The response to a request for as many files as there was room for."""

    count: int
    """Number of files that were requested, from the first on; 1 or more."""
    reply: DownloadRequestReply


@dataclass
class Quota:
    """Paces ``download-request`` by what is left.

    Args:
        client: Makes the calls.
        emit: Takes :class:`QuotaLeft` whenever the service states it, and
            :class:`QuotaWait` for each wait.
        check_interval_s: Seconds between two checks while there is no room.
        max_wait_s: Seconds without any room after which waiting ends.
    """

    client: M2MClient
    emit: Emit
    check_interval_s: float = CHECK_INTERVAL_S
    max_wait_s: float = MAX_WAIT_S
    _room: int | None = field(default=None, init=False)
    """Downloads that may be requested now; ``None`` while that is not known."""
    _short_since: float | None = field(default=None, init=False)
    """Since when there is no room; ``None`` while there is some."""

    async def request(self, items: Sequence[DownloadItem], *, label: str) -> Granted | None:
        """Request files, or the first of them, as soon as there is room.

        Returns: ``None`` when there was no room for ``max_wait_s``.
        Raises: ApiError, for every refusal but a used-up quota.
        """
        while self._has_room_for(len(items)) or await self._wait_for_room(len(items)):
            granted = items[: self._room]
            try:
                reply = await self.client.download_request(granted, label=label)
            except ApiError as error:
                if not error.is_quota:
                    raise
                # Even if the service now reports room, it must not be hurried.
                self._room = 0
                if not await self._pause():
                    return None
            else:
                self._set_room(room_in(reply.remaining_limits or ()))
                self._short_since = None
                return Granted(len(granted), reply)
        return None

    def _set_room(self, room: int | None) -> None:
        self._room = room
        if room is not None:
            self.emit(QuotaLeft(room))

    def _has_room_for(self, count: int) -> bool:
        return self._room is None or self._room >= count

    async def _wait_for_room(self, count: int) -> bool:
        """Wait until there is room for a call; false when the wait was too long."""
        least = count
        while True:
            limits = await self.client.rate_limit_summary()
            self._set_room(limits.room)
            # An account whose whole allowance is smaller than the call gets what it has.
            allowance = room_in(limits.initial_limits) or count
            if self._has_room_for(min(least, allowance)):
                return True
            if not await self._pause():
                return False
            # A large call would be better; after a pause any room is used.
            least = 1

    async def _pause(self) -> bool:
        """Pause until the next check; false when the wait was too long."""
        now = anyio.current_time()
        if self._short_since is None:
            self._short_since = now
        if now - self._short_since >= self.max_wait_s:
            return False
        self.emit(QuotaWait(self.check_interval_s))
        await anyio.sleep(self.check_interval_s)
        return True
