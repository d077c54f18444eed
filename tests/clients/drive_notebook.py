"""The way of the official notebook with ``requests``: bands, bundles, band groups.

It knows what is in preparation by number, looks at both lists of the first
``download-retrieve`` and at ``available`` alone from then on, names files by their
Content-Disposition, and asks for each file as often as the options repeat it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import requests  # type: ignore[import-untyped, unused-ignore]

from tests.clients.steps import (
    DATASET,
    EAST,
    FIRST_DAY,
    LAST_DAY,
    MOST_CLOUD,
    NORTH,
    SCENES,
    SOUTH,
    WEST,
    Steps,
    same,
)

BANDS = ("SR_B4", "QA_PIXEL", "ST_B10", "ANG")
GROUP = "ls_c2l2_sr_band"
LIST = f"temp_{DATASET}_list"
LOOKS = 20
"""The notebook looks for ever; a test does not."""
REST_S = 0.05
"""The notebook rests for 30 s."""
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


class Service:
    """Sends calls as the notebook does."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._headers: dict[str, str] = {}

    def log_in(self) -> None:
        account = {"username": self._steps.username, "token": self._steps.token}
        self._headers = {"X-Auth-Token": self.call("login-token", account)}

    def call(self, endpoint: str, payload: Any = None) -> Any:
        url = self._steps.url + endpoint
        reply = requests.post(url, json=payload, headers=self._headers, timeout=30).json()
        if reply["errorCode"] is not None:
            raise RuntimeError(f"{reply['errorCode']}: {reply['errorMessage']}")
        return reply["data"]


def main() -> None:
    steps = Steps()
    service = Service(steps)
    with steps.step("login"):
        service.log_in()
    with steps.step("search"):
        found = service.call("scene-search", SEARCH)["results"]
        same([scene["entityId"] for scene in found if scene["options"]["bulk"]], list(SCENES))
    with steps.step("scene list"):
        listed = {"listId": LIST, "datasetName": DATASET, "idField": "entityId"}
        same(service.call("scene-list-add", {**listed, "entityIds": list(SCENES)}), 3)
        assert len(service.call("scene-list-get", {"listId": LIST})) == 3
    with steps.step("bands"):
        downloads = list(wanted_bands(options(service, groups=False)))
        fetch(steps, service, {"downloads": downloads, "label": "bands"})
    with steps.step("bundles"):
        downloads = [
            {"entityId": row["entityId"], "productId": row["id"]}
            for row in options(service, groups=False)
            if row["bulkAvailable"] and row["downloadSystem"] != "folder"
        ]
        fetch(steps, service, {"downloads": downloads, "label": "bundles"})
    with steps.step("band groups"):
        fetch(steps, service, group_request(service))
    with steps.step("tidy up"):
        for name in (LIST, f"{LIST}_files"):
            service.call("scene-list-remove", {"listId": name})
    with steps.step("logout"):
        service.call("logout")
    steps.report()


def options(service: Service, *, groups: bool) -> Any:
    """Return the product rows of the list."""
    wanted = {"listId": LIST, "datasetName": DATASET}
    if groups:
        wanted["includeSecondaryFileGroups"] = True  # type: ignore[assignment]
    return service.call("download-options", wanted)


def wanted_bands(rows: Any) -> Iterator[dict[str, str]]:
    """Yield the files whose name holds that of a wanted band, once for each row."""
    for row in rows:
        for file in row["secondaryDownloads"] or ():
            if file["bulkAvailable"] and any(band in file["displayId"] for band in BANDS):
                yield {"entityId": file["entityId"], "productId": file["id"]}


def group_request(service: Service) -> Any:
    """Return the request for a file group of all files, which go into a list of their own."""
    assert GROUP in str(service.call("dataset-file-groups", {"datasetName": DATASET}))
    files = [
        file
        for row in options(service, groups=True)
        for file in row["secondaryDownloads"] or ()
        if file["bulkAvailable"] and file["fileGroups"] is not None
    ]
    alias = service.call("dataset", {"datasetId": files[0]["datasetId"]})["datasetAlias"]
    list_id = f"{LIST}_files"
    entity_ids = list({file["entityId"]: None for file in files})
    service.call(
        "scene-list-add", {"listId": list_id, "datasetName": alias, "entityIds": entity_ids}
    )
    group = {"fileGroups": [GROUP], "datasetName": alias, "listId": list_id}
    return {"dataGroups": [group], "label": "groups"}


def fetch(steps: Steps, service: Service, request: Any) -> None:
    """Request, wait, and download what there is."""
    reply = service.call("download-request", request)
    assert reply["newRecords"] or reply["duplicateProducts"], "No records returned"
    for item in reply["availableDownloads"]:
        save(steps, item["url"])
    waiting = {item["downloadId"] for item in reply["preparingDownloads"]}
    lists: tuple[str, ...] = ("available", "requested")
    for look in range(LOOKS if waiting else 0):
        if look:
            time.sleep(REST_S)
        found = service.call("download-retrieve", {"label": request["label"]})
        for item in (item for name in lists for item in found[name]):
            if item["downloadId"] in waiting:
                waiting.remove(item["downloadId"])
                save(steps, item["url"])
        lists = ("available",)
        if not waiting:
            break
    assert not waiting, f"{len(waiting)} downloads are not available yet"


def save(steps: Steps, url: str) -> None:
    """Download one file."""
    response = requests.get(url, timeout=30)
    response.raise_for_status()
    name = re.findall("filename=(.+)", response.headers["content-disposition"])[0].strip('"')
    path = steps.folder / f"{len(list(steps.folder.iterdir()))}-{name}"
    path.write_bytes(response.content)
    steps.keep(path, name)


main()
