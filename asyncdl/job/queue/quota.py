"""Download quota: ask for no more than the service says is left.

The service counts downloads that are requested, not bytes: so many in a
window, so many in preparation, so many handed out and not fetched (API notes
§6). Requests wait for room; transfers go on meanwhile and make some.
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
"""Between two looks at the quota while it is used up; the window is 15 minutes."""
MAX_WAIT_S = 6 * 3600.0
"""Without any room for so long, there will be none in this run."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The reply to a request for as many files as there was room for."""

    count: int
    """So many of the first were asked for; 1 or more."""
    reply: DownloadRequestReply


@dataclass
class Quota:
    """Paces ``download-request`` by what is left.

    Args:
        client: Asks the service.
        emit: Takes :class:`QuotaLeft` for each word of the service, :class:`QuotaWait` for
            each wait.
        look_again_s: Seconds between two looks while there is no room.
        patience_s: Seconds without any room after which no more is waited for.
    """

    client: M2MClient
    emit: Emit
    check_interval_s: float = CHECK_INTERVAL_S
    max_wait_s: float = MAX_WAIT_S
    _room: int | None = field(default=None, init=False)
    """Downloads that may be requested now; ``None`` when nobody told."""
    _short_since: float | None = field(default=None, init=False)
    """When the room had run out; ``None`` while there is some."""

    async def request(self, items: Sequence[DownloadItem], *, label: str) -> Granted | None:
        """Ask for files, or for the first of them, as soon as there is room.

        Returns: ``None`` when there was no room for ``max_wait_s``.
        Raises: ApiError, for every refusal but a used-up quota.
        """
        while self._has_room_for(len(items)) or await self._wait_for_room(len(items)):
            asked = items[: self._room]
            try:
                reply = await self.client.download_request(asked, label=label)
            except ApiError as error:
                if not error.is_quota:
                    raise
                # Whatever the service says of its room now, it is not to be hurried.
                self._room = 0
                if not await self._pause():
                    return None
            else:
                self._set_room(room_in(reply.remaining_limits or ()))
                self._short_since = None
                return Granted(len(asked), reply)
        return None

    def _set_room(self, room: int | None) -> None:
        self._room = room
        if room is not None:
            self.emit(QuotaLeft(room))

    def _has_room_for(self, count: int) -> bool:
        return self._room is None or self._room >= count

    async def _wait_for_room(self, count: int) -> bool:
        """Wait until a call is worth while; false when patience is over."""
        least = count
        while True:
            limits = await self.client.rate_limit_summary()
            self._set_room(limits.room)
            # An account whose whole allowance is smaller than the call gets all there is.
            allowance = room_in(limits.initial_limits) or count
            if self._has_room_for(min(least, allowance)):
                return True
            if not await self._pause():
                return False
            # A larger call would be better; after a rest anything is better than nothing.
            least = 1

    async def _pause(self) -> bool:
        """Pause until the next look; false when patience is over."""
        now = anyio.current_time()
        if self._short_since is None:
            self._short_since = now
        if now - self._short_since >= self.max_wait_s:
            return False
        self.emit(QuotaWait(self.check_interval_s))
        await anyio.sleep(self.check_interval_s)
        return True
