"""The STAC service beside M2M, which tells the digests of files and asks for no login.

Source: recorded replies of 2022; API notes, section 8.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import orjson
from aiohttp import web

from asyncdl.sandbox.lookup import find_target
from asyncdl.sandbox.stac import parts_of, split_item_id
from asyncdl.sandbox.world import World

Json: TypeAlias = Any

PATH = "/stac-server"


class StacService:
    """Serves single items and searches by item id.

    Args:
        world: The sandbox it belongs to.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def add_routes(self, app: web.Application) -> None:
        """Let an application serve this."""
        app.router.add_post(PATH + "/search", self.search)
        app.router.add_get(PATH + "/collections/{collection}/items/{item}", self.serve_item)

    async def search(self, request: web.Request) -> web.Response:
        """Answer a search by ``ids``, perhaps within ``collections``."""
        self._note(request)
        asked = orjson.loads(await request.read() or b"{}")
        collections = asked.get("collections")
        found = [item for item_id in asked.get("ids", []) if (item := self._find(str(item_id)))]
        features = [i for i in found if not collections or i["collection"] in collections]
        features = features[: int(asked.get("limit", 10))]
        return _json({"type": "FeatureCollection", "features": features, "links": []}, 200)

    async def serve_item(self, request: web.Request) -> web.Response:
        """Answer with one item."""
        self._note(request)
        item = self._find(request.match_info["item"])
        if item is None or item["collection"] != request.match_info["collection"]:
            return _json({"code": 404, "description": "Item not found"}, 404)
        return _json(item, 200)

    def _find(self, item_id: str) -> Json | None:
        split = split_item_id(item_id)
        target = find_target(self._world.catalog, f"{split[0]}.tar") if split else None
        if split is None or target is None or split[1] not in parts_of(target.scene):
            return None
        return self._world.archive.stac_item(target.scene, split[1])

    def _note(self, request: web.Request) -> None:
        self._world.ledger.calls["stac"] += 1
        if "X-Auth-Token" in request.headers:
            self._world.ledger.blame("X-Auth-Token sent to the STAC service")


def _json(body: Json, status: int) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json")
