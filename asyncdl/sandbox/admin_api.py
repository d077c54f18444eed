"""A door for whoever runs the sandbox: to look inside, and to change the faults.

The real service has nothing of the kind; it is for a sandbox in another process.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson
from aiohttp import web

from asyncdl.errors import ConfigError
from asyncdl.sandbox.cleanup_report import leftovers_of
from asyncdl.sandbox.state import SandboxState

PATH = "/sandbox"
_TYPES = ("application/json", "application/x-www-form-urlencoded")
"""The second is what curl, and urllib of Python, say of any body that they are given."""
_ALLOWED = "faults are sent as application/json"


class AdminApi:
    """Serves the state of the sandbox, and takes faults.

    Args:
        world: The sandbox it belongs to.
    """

    def __init__(self, world: SandboxState) -> None:
        self._world = world

    def add_routes(self, app: web.Application) -> None:
        """Let an application serve this."""
        app.router.add_get(PATH, self.show)
        app.router.add_post(PATH + "/faults", self.change)

    async def show(self, request: web.Request) -> web.Response:
        """Tell what was asked, what was wrong with it, what is left, and the faults."""
        return _json(self._state(), 200)

    async def change(self, request: web.Request) -> web.Response:
        """Take settings such as ``["api_down", "polls=3"]``; the other faults stay."""
        if request.content_type not in _content_types(request):
            return _json({"error": f"Content-Type {request.content_type}: {_ALLOWED}"}, 415)
        try:
            settings = _read_settings(await request.read())
            self._world.faults = self._world.faults.changed_by(settings)
        except (ConfigError, ValueError) as error:
            return _json({"error": str(error)}, 400)
        return _json(self._state(), 200)

    def _state(self) -> dict[str, Any]:
        world, ledger = self._world, self._world.ledger
        return {
            "running": world.account.running,
            "calls": dict(ledger.calls),
            "files": ledger.file_requests,
            "bytes": ledger.file_bytes,
            "violations": ledger.violations,
            "leftovers": asdict(leftovers_of(world)),
            "faults": asdict(world.faults),
        }


def _content_types(request: web.Request) -> tuple[str, ...]:
    """Return the types of bodies that are read: none that any page may send unasked."""
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
