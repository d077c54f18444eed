"""The STAC service, which provides digests of files and needs no login.

Source: recorded replies of 2022; API notes, section 8.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import orjson
from aiohttp import web
from anyio import to_thread

from asyncdl.sandbox.landsat_scenes import LandsatScene
from asyncdl.sandbox.lookup import find_target
from asyncdl.sandbox.refusal import down_response
from asyncdl.sandbox.sandbox_state import SandboxState
from asyncdl.sandbox.stac_items import parts_of, split_item_id

Json: TypeAlias = Any

PATH = "/stac-server"


class StacService:
    """Serves single items and searches by item id.

    Args:
        state: State of the sandbox.
    """

    def __init__(self, state: SandboxState) -> None:
        self._state = state

    def add_routes(self, app: web.Application) -> None:
        """Add the routes to an application."""
        app.router.add_post(PATH + "/search", self.search)
        app.router.add_get(PATH + "/collections/{collection}/items/{item}", self.serve_item)

    async def search(self, request: web.Request) -> web.Response:
        """Search by ``ids``, optionally within ``collections``."""
        if failure := self._fail(request):
            return failure
        query = orjson.loads(await request.read() or b"{}")
        collections = query.get("collections")
        ids = list(map(str, query.get("ids", [])))
        # In a thread: the digests of many files must not hold up the file host.
        found = await to_thread.run_sync(lambda: list(filter(None, map(self._find, ids))))
        features = [i for i in found if not collections or i["collection"] in collections]
        features = features[: int(query.get("limit", 10))]
        return _json({"type": "FeatureCollection", "features": features, "links": []}, 200)

    async def serve_item(self, request: web.Request) -> web.Response:
        """Return one item."""
        if failure := self._fail(request):
            return failure
        item = await to_thread.run_sync(self._find, request.match_info["item"])
        if item is None or item["collection"] != request.match_info["collection"]:
            return _json({"code": 404, "description": "Item not found"}, 404)
        return _json(item, 200)

    def _fail(self, request: web.Request) -> web.Response | None:
        """Log a request, and return the error response that a fault sends, if any."""
        request_log, faults = self._state.request_log, self._state.faults
        request_log.calls["stac"] += 1
        if "X-Auth-Token" in request.headers:
            request_log.record_violation("X-Auth-Token sent to the STAC service")
        if faults.stac_down:
            return down_response(request, faults.down_mode)
        if faults.hits_call("stac_error", request_log.calls["stac"]):
            return _json({"code": 500, "description": "Internal server error"}, 500)
        return None

    def _find(self, item_id: str) -> Json | None:
        split = split_item_id(item_id)
        target = find_target(self._state.catalog, f"{split[0]}.tar") if split else None
        if split is None or target is None or not isinstance(target.scene, LandsatScene):
            return None
        if split[1] not in parts_of(target.scene):
            return None
        has_digests = not self._state.faults.picks("stac_missing", item_id)
        return self._state.contents.stac_item(target.scene, split[1], with_digests=has_digests)


def _json(body: Json, status: int) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json")
