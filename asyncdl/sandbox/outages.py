"""What comes back from a host that is out of service.

Source: API notes, sections 3.2 and 7.1.
"""

from __future__ import annotations

from aiohttp import web

from asyncdl.sandbox.fault_values import DownMode

_PAGE = "<!DOCTYPE html><html><body><h1>Down for maintenance</h1></body></html>"


def maintenance(status: int = 503) -> web.Response:
    """Return the page that says so."""
    return web.Response(status=status, text=_PAGE, content_type="text/html")


def down_answer(request: web.Request, mode: DownMode) -> web.Response:
    """Return what a host that is down answers with; cut the connection if with nothing."""
    if mode == "refuse" and request.transport is not None:
        request.transport.abort()
    return maintenance(200 if mode == "html" else 503)
