"""The download quota.

Source: API notes, section 6.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

from asyncdl.sandbox.endpoints.payload import Endpoint, Json, Payload
from asyncdl.sandbox.queue import EARLIER_LABEL
from asyncdl.sandbox.refusal import Refusal
from asyncdl.sandbox.state import SandboxState


def charge(world: SandboxState, count: int) -> None:
    """Count new downloads against the quota.

    Raises: Refusal, if one of the limits would be passed; then nothing is taken.
    """
    if count > min(_room(world).values()):
        raise Refusal("RATE_LIMIT_USER_DL", "The download limit of this account is reached")
    world.queue.note_recent(time.monotonic(), count)


def _room(world: SandboxState) -> dict[str, int]:
    return _recent_room(world) | standing_room(world)


def _recent_room(world: SandboxState) -> dict[str, int]:
    recent = world.queue.count_recent(time.monotonic(), world.faults.quota_window_s)
    return {"recentDownloadCount": max(0, world.faults.recent_limit - recent)}


def standing_room(world: SandboxState) -> dict[str, int]:
    """Return how much more may stand in the queue, in preparation and unattempted."""
    faults, queue = world.faults, world.queue
    return {
        "pendingDownloadCount": max(0, faults.pending_limit - queue.preparing),
        "unattemptedDownloadCount": max(0, faults.unattempted_limit - queue.unattempted),
    }


def remaining_limits(world: SandboxState, standing: Mapping[str, int] | None = None) -> list[Json]:
    """Return what is left for the user and for the address.

    Args:
        world: The sandbox.
        standing: The room in the queue as it was; by default as it is now.
    """
    room = _recent_room(world) | (standing_room(world) if standing is None else dict(standing))
    # The earlier jobs ran at another address, as those of the record did.
    elsewhere = sum(1 for item in world.queue.labelled(EARLIER_LABEL) if not item.is_attempted)
    unattempted = room["unattemptedDownloadCount"] + elsewhere
    here = room | {
        "unattemptedDownloadCount": min(unattempted, world.faults.unattempted_limit),
    }
    return [
        {"limitType": "user", "username": world.account.username, **room},
        {"limitType": "ip", "ipAddress": "127.0.0.1", **here},
    ]


def rate_limit_summary(world: SandboxState, payload: Payload) -> Json:
    """``rate-limit-summary``: the limits and what is left of them."""
    faults = world.faults
    counts = Counter(item.status[1] for item in world.queue)
    downloads = [{"status": text, "downloadCount": count} for text, count in counts.items()]
    return {
        "initialLimits": [
            {
                "recentDownloadCount": faults.recent_limit,
                "pendingDownloadCount": faults.pending_limit,
                "unattemptedDownloadCount": faults.unattempted_limit,
            }
        ],
        "remainingLimits": remaining_limits(world),
        "recentDownloadCounts": [
            {
                "countType": "username",
                "username": world.account.username,
                "downloadCounts": downloads,
            }
        ],
    }


ENDPOINTS: Mapping[str, Endpoint] = {"rate-limit-summary": rate_limit_summary}
