"""Endpoints about the account: download quota, permissions, notifications, preferences.

Source: API notes, sections 2.4, 6 and 10.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

import orjson

from asyncdl.sandbox.endpoints.payload import Endpoint, Json, Payload, named_dataset, need
from asyncdl.sandbox.refusal import Refusal, invalid
from asyncdl.sandbox.sandbox_state import SandboxState
from asyncdl.sandbox.served_queue import EARLIER_LABEL


def charge(state: SandboxState, count: int) -> None:
    """Count new downloads against the quota.

    Raises: Refusal, if one of the limits would be exceeded; then nothing is counted.
    """
    if count > min(_quota_left(state).values()):
        raise Refusal("RATE_LIMIT_USER_DL", "The download limit of this account is reached")
    state.queue.record_recent(time.monotonic(), count)


def _quota_left(state: SandboxState) -> dict[str, int]:
    return _recent_left(state) | queue_room(state)


def _recent_left(state: SandboxState) -> dict[str, int]:
    recent = state.queue.count_recent(time.monotonic(), state.faults.quota_window_s)
    return {"recentDownloadCount": max(0, state.faults.recent_limit - recent)}


def queue_room(state: SandboxState) -> dict[str, int]:
    """Return how many more downloads fit into the queue, in preparation and unattempted."""
    faults, queue = state.faults, state.queue
    return {
        "pendingDownloadCount": max(0, faults.pending_limit - queue.preparing),
        "unattemptedDownloadCount": max(0, faults.unattempted_limit - queue.unattempted),
    }


def remaining_limits(state: SandboxState, standing: Mapping[str, int] | None = None) -> list[Json]:
    """Return the remaining limits of the user and of the address.

    Args:
        state: State of the sandbox.
        standing: Room in the queue at an earlier moment; by default now.
    """
    room = _recent_left(state) | (queue_room(state) if standing is None else dict(standing))
    # The earlier jobs ran at another address, as in the recorded replies.
    elsewhere = sum(1 for item in state.queue.labelled(EARLIER_LABEL) if not item.is_attempted)
    unattempted = room["unattemptedDownloadCount"] + elsewhere
    here = room | {
        "unattemptedDownloadCount": min(unattempted, state.faults.unattempted_limit),
    }
    return [
        {"limitType": "user", "username": state.account.username, **room},
        {"limitType": "ip", "ipAddress": "127.0.0.1", **here},
    ]


def rate_limit_summary(state: SandboxState, payload: Payload) -> Json:
    """``rate-limit-summary``: the limits and what is left of them."""
    faults = state.faults
    counts = Counter(item.status[1] for item in state.queue)
    downloads = [{"status": text, "downloadCount": count} for text, count in counts.items()]
    return {
        "initialLimits": [
            {
                "recentDownloadCount": faults.recent_limit,
                "pendingDownloadCount": faults.pending_limit,
                "unattemptedDownloadCount": faults.unattempted_limit,
            }
        ],
        "remainingLimits": remaining_limits(state),
        "recentDownloadCounts": [
            {
                "countType": "username",
                "username": state.account.username,
                "downloadCounts": downloads,
            }
        ],
    }


# --- the service and the rights of the user

_NOTICE = {
    "id": 46,
    "subject": "This is a sandbox",
    "dateUpdated": "2025-05-28 12:00:00-05",
    "severityCode": "I",
    "severityText": "Informational",
    "messageContent": "Everything here is made up, but for the names of three scenes.",
    "severityCssClass": "alert-info",
}


def notifications(state: SandboxState, payload: Payload) -> Json:
    """``notifications``: one, which says that this is not the real service."""
    need(payload, "systemId")
    return [_NOTICE]


def permissions(state: SandboxState, payload: Payload) -> Json:
    """``permissions``: all permissions that a user can have."""
    return ["user", "download", "order"]


# --- what the user prefers


def user_preference_set(state: SandboxState, payload: Payload) -> Json:
    """``user-preference-set``: add settings of a system to the stored ones."""
    system, given = str(need(payload, "systemId")), need(payload, "userPreferences")
    if not isinstance(given, Mapping):
        raise invalid("The parameter userPreferences must be an object")
    state.preferences.setdefault(system, {}).update(given)
    return 1


def user_preference_get(state: SandboxState, payload: Payload) -> Json:
    """``user-preference-get``: the settings of a system, or of all, as a JSON string."""
    system, wanted = payload.get("systemId"), payload.get("setting")
    kept = state.preferences.get(str(system), {}) if system else state.preferences
    shown = {name: kept[name] for name in kept if not wanted or name in wanted}
    return orjson.dumps(shown).decode()


def get_customization(state: SandboxState, payload: Payload) -> Json:
    """``dataset-get-customization``: the layout of a dataset, which is never customized."""
    return {"datasetAlias": named_dataset(state, payload).alias, **_LAYOUT}


def get_customizations(state: SandboxState, payload: Payload) -> Json:
    """``dataset-get-customizations``: the same for several datasets."""
    return {
        name: get_customization(state, {"datasetName": name})
        for name in payload.get("datasetNames") or ()
    } or []


def _accept(state: SandboxState, payload: Payload) -> Json:
    """Accept a layout without storing it: the sandbox displays none."""
    return 1


_LAYOUT: Mapping[str, Json] = {
    "excluded": False,
    "metadata": [],
    "searchSort": [],
    "fileGroups": [],
}

ENDPOINTS: Mapping[str, Endpoint] = {
    "rate-limit-summary": rate_limit_summary,
    "notifications": notifications,
    "permissions": permissions,
    "user-preference-get": user_preference_get,
    "user-preference-set": user_preference_set,
    "dataset-get-customization": get_customization,
    "dataset-get-customizations": get_customizations,
    "dataset-set-customization": _accept,
    "dataset-set-customizations": _accept,
    "dataset-clear-customization": _accept,
}
FIXED = (
    "notifications",
    "permissions",
    *(name for name in ENDPOINTS if name.startswith("dataset-")),
)
"""Endpoints whose reply is always the same."""
