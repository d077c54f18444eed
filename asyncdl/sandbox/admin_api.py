"""The admin API: read the state of a sandbox in another process, and change its faults.

The real service has no such API.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
from aiohttp import web

from asyncdl.errors import ConfigError
from asyncdl.sandbox.links import target_of
from asyncdl.sandbox.sandbox_state import SandboxState


@dataclass(frozen=True, slots=True)
class CleanupReport:
    """What clients have not cleaned up; a good client leaves ``CleanupReport()``."""

    entries: Mapping[str, int] = field(default_factory=dict)
    """Downloads in the queue, by label."""
    scene_lists: tuple[str, ...] = ()
    """Names of the scene lists."""
    open_keys: int = 0
    """Valid API keys: sessions that have not logged out. A client that was killed
    leaves one, until it expires."""
    unreported: tuple[str, ...] = ()
    """Names of proxied files that were fetched without a ``download-complete-proxied``."""


def make_cleanup_report(state: SandboxState) -> CleanupReport:
    """Report everything that a client should have cleaned up."""
    items = list(state.queue)
    return CleanupReport(
        entries=dict(Counter(item.label for item in items)),
        scene_lists=tuple(state.scene_lists.names),
        open_keys=state.account.open_keys,
        unreported=tuple(target_of(state, i).file_name for i in items if i.is_unreported),
    )


PATH = "/sandbox"
_TYPES = ("application/json", "application/x-www-form-urlencoded")
"""The second is what curl and Python's urllib send by default with any body."""
_ALLOWED = "send faults as application/json"


class AdminApi:
    """Reports the state of the sandbox, and changes its faults.

    Args:
        state: State of the sandbox.
    """

    def __init__(self, state: SandboxState) -> None:
        self._state = state

    def add_routes(self, app: web.Application) -> None:
        """Add the routes to an application."""
        app.router.add_get(PATH, self.show)
        app.router.add_post(PATH + "/faults", self.change)

    async def show(self, request: web.Request) -> web.Response:
        """Return requests, violations, what clients left behind, and the faults."""
        return _json(self._describe(), 200)

    async def change(self, request: web.Request) -> web.Response:
        """Apply settings such as ``["api_down", "polls=3"]``; other faults keep their values."""
        if request.content_type not in _content_types(request):
            return _json({"error": f"Content-Type {request.content_type}: {_ALLOWED}"}, 415)
        try:
            settings = _read_settings(await request.read())
            self._state.faults = self._state.faults.changed_by(settings)
        except (ConfigError, ValueError) as error:
            return _json({"error": str(error)}, 400)
        return _json(self._describe(), 200)

    def _describe(self) -> dict[str, Any]:
        state, request_log = self._state, self._state.request_log
        return {
            "running": state.account.running,
            "calls": dict(request_log.calls),
            "files": request_log.file_requests,
            "bytes": request_log.file_bytes,
            "violations": request_log.violations,
            "leftovers": asdict(make_cleanup_report(state)),
            "faults": asdict(state.faults),
        }


def _content_types(request: web.Request) -> tuple[str, ...]:
    """Return the accepted content types: from a browser none that needs no CORS preflight."""
    is_of_browser = "Origin" in request.headers or "Sec-Fetch-Site" in request.headers
    return _TYPES[:1] if is_of_browser else _TYPES


def _read_settings(body: bytes) -> list[str]:
    """Return the settings. Raises: ValueError, if the body is no list."""
    settings = orjson.loads(body)
    if not isinstance(settings, list):
        raise ValueError('faults are a list of settings, such as ["api_down"]')
    return list(map(str, settings))


def _json(body: Any, status: int) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json")
