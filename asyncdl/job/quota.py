"""Download quota: ask for no more than the service says is left.

The service counts downloads that are requested, not bytes: so many in a
window, so many in preparation, so many handed out and not fetched (API notes
§6). Requests wait for room; transfers go on meanwhile and make some.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import anyio

from asyncdl.errors import ApiError
from asyncdl.events import Emit, QuotaWait
from asyncdl.m2m import DownloadItem, M2MClient
from asyncdl.m2m.models import DownloadRequestReply, Limit

LOOK_AGAIN_S = 60.0
"""Between two looks at the quota while it is used up; the window is 15 minutes."""


@dataclass
class Quota:
    """Paces ``download-request`` by what is left.

    Args:
        client: Asks the service.
        emit: Takes :class:`QuotaWait` for each wait.
        look_again_s: Seconds between two looks while there is no room.
    """

    client: M2MClient
    emit: Emit
    look_again_s: float = LOOK_AGAIN_S
    _room: int | None = None
    """Downloads that may be requested now; ``None`` when nobody told."""

    async def request(self, items: Sequence[DownloadItem], *, label: str) -> DownloadRequestReply:
        """Ask for files as soon as there is room for them.

        Raises: ApiError, for every refusal but a used-up quota.
        """
        while True:
            if self._room is not None and self._room < len(items):
                await self._wait_for_room(len(items))
            try:
                reply = await self.client.download_request(items, label=label)
            except ApiError as error:
                if not error.is_quota:
                    raise
                self._room = 0
                continue
            self._room = room_in(reply.remaining_limits or ())
            return reply

    async def _wait_for_room(self, count: int) -> None:
        while True:
            limits = await self.client.rate_limit_summary()
            # An account whose whole allowance is smaller than the call gets all there is.
            enough = min(count, room_in(limits.initial_limits) or count)
            self._room = limits.room
            if self._room is None or self._room >= enough:
                self._room = None
                return
            self.emit(QuotaWait(self.look_again_s))
            await anyio.sleep(self.look_again_s)


def room_in(limits: Iterable[Limit]) -> int | None:
    """Return the room under the tightest of the limits; ``None`` when there are none."""
    return min((limit.room for limit in limits), default=None)
