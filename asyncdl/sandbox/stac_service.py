"""The STAC service beside M2M, which tells the digests of files and asks for no login.

Source: recorded replies of 2022; API notes, section 8.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import orjson
from aiohttp import web
from anyio import to_thread

from asyncdl.sandbox.corruption import down_answer
from asyncdl.sandbox.lookup import find_target
from asyncdl.sandbox.scenes import LandsatScene
from asyncdl.sandbox.stac import parts_of, split_item_id
from asyncdl.sandbox.state import SandboxState

Json: TypeAlias = Any

PATH = "/stac-server"


class StacService:
    """Serves single items and searches by item id.

    Args:
        world: The sandbox it belongs to.
    """

    def __init__(self, world: SandboxState) -> None:
        self._world = world

    def add_routes(self, app: web.Application) -> None:
        """Let an application serve this."""
        app.router.add_post(PATH + "/search", self.search)
        app.router.add_get(PATH + "/collections/{collection}/items/{item}", self.serve_item)

    async def search(self, request: web.Request) -> web.Response:
        """Answer a search by ``ids``, perhaps within ``collections``."""
        if failure := self._fail(request):
            return failure
        asked = orjson.loads(await request.read() or b"{}")
        collections = asked.get("collections")
        ids = list(map(str, asked.get("ids", [])))
        # In a thread: the digests of many files must not hold up the file host.
        found = await to_thread.run_sync(lambda: list(filter(None, map(self._find, ids))))
        features = [i for i in found if not collections or i["collection"] in collections]
        features = features[: int(asked.get("limit", 10))]
        return _json({"type": "FeatureCollection", "features": features, "links": []}, 200)

    async def serve_item(self, request: web.Request) -> web.Response:
        """Answer with one item."""
        if failure := self._fail(request):
            return failure
        item = await to_thread.run_sync(self._find, request.match_info["item"])
        if item is None or item["collection"] != request.match_info["collection"]:
            return _json({"code": 404, "description": "Item not found"}, 404)
        return _json(item, 200)

    def _fail(self, request: web.Request) -> web.Response | None:
        """Note a request, and return the error that takes the place of its answer, if any."""
        ledger, faults = self._world.ledger, self._world.faults
        ledger.calls["stac"] += 1
        if "X-Auth-Token" in request.headers:
            ledger.blame("X-Auth-Token sent to the STAC service")
        if faults.stac_down:
            return down_answer(request, faults.down_mode)
        if faults.disturbs("stac_error", ledger.calls["stac"]):
            return _json({"code": 500, "description": "Internal server error"}, 500)
        return None

    def _find(self, item_id: str) -> Json | None:
        split = split_item_id(item_id)
        target = find_target(self._world.catalog, f"{split[0]}.tar") if split else None
        if split is None or target is None or not isinstance(target.scene, LandsatScene):
            return None
        if split[1] not in parts_of(target.scene):
            return None
        has_digests = not self._world.faults.picks("stac_missing", item_id)
        return self._world.archive.stac_item(target.scene, split[1], with_digests=has_digests)


def _json(body: Json, status: int) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json")
