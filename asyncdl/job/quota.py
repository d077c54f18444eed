"""Download quota: ask for no more than the service says is left.

The service counts downloads that are requested, not bytes: so many in a
window, so many in preparation, so many handed out and not fetched (API notes
§6). Requests wait for room; transfers go on meanwhile and make some.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import anyio

from asyncdl.errors import ApiError
from asyncdl.events import Emit, QuotaWait
from asyncdl.m2m import DownloadItem, M2MClient
from asyncdl.m2m.models import DownloadRequestReply, Limit

LOOK_AGAIN_S = 60.0
"""Between two looks at the quota while it is used up; the window is 15 minutes."""
PATIENCE_S = 6 * 3600.0
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
        emit: Takes :class:`QuotaWait` for each wait.
        look_again_s: Seconds between two looks while there is no room.
        patience_s: Seconds without any room after which no more is waited for.
    """

    client: M2MClient
    emit: Emit
    look_again_s: float = LOOK_AGAIN_S
    patience_s: float = PATIENCE_S
    _room: int | None = field(default=None, init=False)
    """Downloads that may be requested now; ``None`` when nobody told."""
    _short_since: float | None = field(default=None, init=False)
    """When the room had run out; ``None`` while there is some."""

    async def request(self, items: Sequence[DownloadItem], *, label: str) -> Granted | None:
        """Ask for files, or for the first of them, as soon as there is room.

        Returns: ``None`` when there was no room for ``patience_s``.
        Raises: ApiError, for every refusal but a used-up quota.
        """
        while self._has_room_for(len(items)) or await self._wait_for_room(len(items)):
            asked = items[: self._room]
            try:
                reply = await self.client.download_request(asked, label=label)
            except ApiError as error:
                if not error.is_quota:
                    raise
                self._room = 0
            else:
                self._room = room_in(reply.remaining_limits or ())
                self._short_since = None
                return Granted(len(asked), reply)
        return None

    def _has_room_for(self, count: int) -> bool:
        return self._room is None or self._room >= count

    async def _wait_for_room(self, count: int) -> bool:
        """Wait until a call is worth while; false when patience is over."""
        # The service has just refused: whatever it says of room now, it is not to be hurried.
        has_waited = self._room != 0
        if self._room == 0:
            has_waited = await self._wait()
            if not has_waited:
                return False
        limits = await self.client.rate_limit_summary()
        while not _is_worth_while(limits.room, count, room_in(limits.initial_limits)):
            if not await self._wait():
                return False
            limits = await self.client.rate_limit_summary()
        self._room = limits.room
        return True
