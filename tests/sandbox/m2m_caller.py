"""A plain M2M caller for the tests of the sandbox: aiohttp and nothing of asyncdl."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import aiohttp

import asyncdl.sandbox
from asyncdl.sandbox import Faults, Service

Json: TypeAlias = Any

OT = "landsat_ot_c2_l2"
BAND_FILES = "landsat_band_files_c2_l2"
PLAIN, GROUPED = "5f85f041a2ea6695", "6453ef54640422ce"
BUNDLE, FOLDER = "5e83d14fec7cae84", "6448198cc7b442a4"
SCENE = "LC80680172020070LGN00"
PRODUCT = "LC08_L2SP_068017_20200310_20200822_02_T1"
RED = f"L2SR_{PRODUCT}_SR_B4_TIF"
RED_FILE = f"{PRODUCT}_SR_B4.TIF"
ANCHORAGE: Json = {
    "spatialFilter": {
        "filterType": "mbr",
        "lowerLeft": {"latitude": 61.0031, "longitude": -150.9495},
        "upperRight": {"latitude": 61.4834, "longitude": -148.9555},
    },
    "acquisitionFilter": {"start": "2020-03-01", "end": "2020-03-15"},
    "cloudCoverFilter": {"min": 0, "max": 60},
}
ANCHORAGE_SCENES = ["LC80680172020070LGN00", "LC80680182020070LGN00", "LC80670182020063LGN00"]


class Caller:
    """Calls a sandbox with one key."""

    def __init__(self, service: Service, session: aiohttp.ClientSession) -> None:
        self.service = service
        self.session = session
        self.key: str | None = None

    async def reply(
        self, endpoint: str, payload: Json = None, *, key: str | None = None
    ) -> tuple[int, Json]:
        """Return status and envelope of one call."""
        headers = {"X-Auth-Token": key} if key else {}
        url = self.service.url + endpoint
        async with self.session.post(url, json=payload, headers=headers) as response:
            return response.status, await response.json()

    async def __call__(self, endpoint: str, **payload: Json) -> Json:
        """Return the ``data`` of a call that has to succeed."""
        status, body = await self.reply(endpoint, payload, key=self.key)
        assert status == 200
        assert body["errorCode"] is None, body
        return body["data"]

    async def error(self, endpoint: str, **payload: Json) -> str:
        """Return the error code of a call that has to fail."""
        _, body = await self.reply(endpoint, payload, key=self.key)
        return str(body["errorCode"])

    async def log_in(self) -> str:
        """Get a key."""
        service = self.service
        _, body = await self.reply(
            "login-token", {"username": service.username, "token": service.token}
        )
        self.key = str(body["data"])
        return self.key

    async def request(self, *pairs: tuple[str, str], label: str = "job") -> Json:
        """Request (entity, product) pairs."""
        downloads = [{"entityId": entity, "productId": product} for entity, product in pairs]
        return await self("download-request", downloads=downloads, label=label)

    async def url(self, entity: str = RED, product: str = PLAIN) -> str:
        """Return the URL of something that is ready at once."""
        reply = await self.request((entity, product))
        return str(reply["availableDownloads"][0]["url"])

    async def get(self, url: str, **headers: str) -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers and body of one download."""
        async with self.session.get(url, headers=headers, allow_redirects=False) as response:
            return response.status, response.headers, await response.read()


@asynccontextmanager
async def open_caller(faults: Faults | None = None, **settings: Json) -> AsyncIterator[Caller]:
    """Serve a sandbox and give a caller that is logged in."""
    async with (
        asyncdl.sandbox.serve(faults=faults, **settings) as service,
        aiohttp.ClientSession() as session,
    ):
        caller = Caller(service, session)
        await caller.log_in()
        yield caller
