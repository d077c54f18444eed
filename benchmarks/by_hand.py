"""The calls of the service as scripts send them: one connection for each, nothing remembered.

Standard library only, so that what is measured is the way and not its imports.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any
from urllib.request import Request, urlopen

DATASET = "landsat_ot_c2_l2"
WEST, SOUTH, EAST, NORTH = -150.9495, 61.0031, -148.9555, 61.4834
FIRST_DAY, LAST_DAY = "2020-03-01", "2020-03-15"
MOST_CLOUD = 60
SEARCH = {
    "datasetName": DATASET,
    "sceneFilter": {
        "spatialFilter": {
            "filterType": "mbr",
            "lowerLeft": {"latitude": SOUTH, "longitude": WEST},
            "upperRight": {"latitude": NORTH, "longitude": EAST},
        },
        "acquisitionFilter": {"start": FIRST_DAY, "end": LAST_DAY},
        "cloudCoverFilter": {"min": 0, "max": MOST_CLOUD},
    },
}
"""The notebook's three scenes around Anchorage."""
BANDS = ("SR_B4", "QA_PIXEL", "ST_B10", "ANG")
GROUP = "ls_c2l2_sr_band"
SCENE_LIST = f"temp_{DATASET}_list"
FILE_LIST = f"temp_{DATASET}_files"


@dataclass(frozen=True)
class Errand:
    """What a script gets to know: where the service is, and what is wanted of it."""

    url: str
    """Base URL of the API, with a slash at the end."""
    username: str
    token: str
    folder: str
    """Where files go; there, and empty."""
    kinds: tuple[str, ...]
    """Of ``bands``, ``bundle`` and ``band_group``."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Errand:
        fields = json.loads(text)
        return cls(**{**fields, "kinds": tuple(fields["kinds"])})


class Api:
    """Sends calls. Raises: RuntimeError, for one that the service refuses."""

    def __init__(self, errand: Errand) -> None:
        self._url = errand.url
        self._key = ""
        self._key = self.call("login-token", {"username": errand.username, "token": errand.token})

    def call(self, endpoint: str, payload: Any = None) -> Any:
        """Return the ``data`` of the reply."""
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["X-Auth-Token"] = self._key
        body = json.dumps(payload if payload is not None else {}).encode()
        with urlopen(Request(self._url + endpoint, body, headers)) as response:
            reply = json.load(response)
        if reply["errorCode"] is not None:
            raise RuntimeError(f"{endpoint}: {reply['errorCode']}: {reply['errorMessage']}")
        return reply["data"]

    def list_scenes(self) -> None:
        """Search, and put what is found into a scene list."""
        found = self.call("scene-search", SEARCH)["results"]
        ids = [scene["entityId"] for scene in found if scene["options"]["bulk"]]
        listed = {"listId": SCENE_LIST, "idField": "entityId", "datasetName": DATASET}
        self.call("scene-list-add", {**listed, "entityIds": ids})

    def options(self, *, with_groups: bool) -> Any:
        """Return the products of the listed scenes."""
        wanted: dict[str, Any] = {"listId": SCENE_LIST, "datasetName": DATASET}
        if with_groups:
            wanted["includeSecondaryFileGroups"] = True
        return self.call("download-options", wanted)

    def group_request(self, products: Any) -> dict[str, Any]:
        """List the files of the file groups; return what requests one group of them."""
        files = [file for file in _files(products) if file["bulkAvailable"] and file["fileGroups"]]
        alias = self.call("dataset", {"datasetId": files[0]["datasetId"]})["datasetAlias"]
        ids = list(dict.fromkeys(file["entityId"] for file in files))
        self.call("scene-list-add", {"listId": FILE_LIST, "datasetName": alias, "entityIds": ids})
        group = {"fileGroups": [GROUP], "datasetName": alias, "listId": FILE_LIST}
        return {"dataGroups": [group]}


def bands_of(products: Any) -> list[dict[str, str]]:
    """Return the wanted bands, as often as the products repeat them."""
    return [
        {"entityId": file["entityId"], "productId": file["id"]}
        for file in _files(products)
        if file["bulkAvailable"] and any(band in file["displayId"] for band in BANDS)
    ]


def bundles_of(products: Any) -> list[dict[str, str]]:
    """Return the bundles."""
    return [
        {"entityId": product["entityId"], "productId": product["id"]}
        for product in products
        if product["bulkAvailable"] and product["downloadSystem"] != "folder"
    ]


def _files(products: Any) -> Iterator[Any]:
    for product in products:
        yield from product["secondaryDownloads"] or ()


def links_of(items: Iterable[Any], waited_for: set[int]) -> list[str]:
    """Return the URLs of what is waited for, and wait for it no longer."""
    found = [item for item in items if item["downloadId"] in waited_for]
    waited_for.difference_update(item["downloadId"] for item in found)
    return [item["url"] for item in found]
