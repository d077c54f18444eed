"""Endpoints about the service and the user's rights.

Source: API notes, sections 2.4 and 10.
"""

from __future__ import annotations

from collections.abc import Mapping

from asyncdl.sandbox.endpoints.payload import Endpoint, Json, Payload, need
from asyncdl.sandbox.state import SandboxState

_NOTICE = {
    "id": 46,
    "subject": "This is a sandbox",
    "dateUpdated": "2025-05-28 12:00:00-05",
    "severityCode": "I",
    "severityText": "Informational",
    "messageContent": "Everything here is made up, but for the names of three scenes.",
    "severityCssClass": "alert-info",
}


def notifications(world: SandboxState, payload: Payload) -> Json:
    """``notifications``: one, which says that this is not the real service."""
    need(payload, "systemId")
    return [_NOTICE]


def permissions(world: SandboxState, payload: Payload) -> Json:
    """``permissions``: all that a user of the service can have."""
    return ["user", "download", "order"]


FIXED = ("notifications", "permissions")
ENDPOINTS: Mapping[str, Endpoint] = {
    "notifications": notifications,
    "permissions": permissions,
}
