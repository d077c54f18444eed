"""``usgs`` in its own words: one call after the other, and the URL of a request opened."""

from __future__ import annotations

import re

import requests  # type: ignore[import-untyped, unused-ignore]
import usgs.api as api  # type: ignore[import-not-found, unused-ignore]

from tests.clients.steps import (
    DATASET,
    EAST,
    FIRST_DAY,
    LAST_DAY,
    NORTH,
    PRODUCTS,
    SCENES,
    SOUTH,
    WEST,
    Steps,
    same,
)

BUNDLE = "5e83d14fec7cae84"


def main() -> None:
    steps = Steps("usgs")
    api.USGS_API = steps.url.rstrip("/")
    corners = {
        "ll": {"longitude": WEST, "latitude": SOUTH},
        "ur": {"longitude": EAST, "latitude": NORTH},
    }
    days = {"start_date": FIRST_DAY, "end_date": LAST_DAY}

    with steps.step("login"):
        api.login(steps.username, steps.token)
    with steps.step("datasets"):
        found = api.dataset_search("landsat_ot", catalog="EE", **corners, **days)["data"]
        assert DATASET in {one["datasetAlias"] for one in found}
    with steps.step("filters"):
        fields = {f["fieldLabel"]: f for f in api.dataset_filters(DATASET)["data"]}
        path = fields["WRS Path"]["id"]
    with steps.step("search"):
        hits = api.scene_search(DATASET, **corners, **days)["data"]["results"]
        assert {hit["entityId"] for hit in hits} >= set(SCENES)
    with steps.step("search with a filter"):
        where = {"filter_id": path, "value": 67}
        hits = api.scene_search(DATASET, where=where, **corners, **days)["data"]["results"]
        same([hit["entityId"] for hit in hits], [SCENES[2]])
    with steps.step("search around a point"):
        hits = api.scene_search(DATASET, lat=61.2, lng=-149.9, **days)["data"]["results"]
        assert SCENES[0] in {hit["entityId"] for hit in hits}
    with steps.step("metadata"):
        same(api.scene_metadata(DATASET, SCENES[0])["data"]["displayId"], PRODUCTS[0])
    with steps.step("options"):
        codes = {row["productCode"] for row in api.dataset_download_options(DATASET)["data"]}
        rows = api.download_options(DATASET, list(SCENES))["data"]
        assert "D694" in codes & {row["productCode"] for row in rows if row["available"]}
    with steps.step("request and download"):
        reply = api.download_request(DATASET, SCENES[0], BUNDLE)["data"]
        fetch(steps, reply["availableDownloads"][0]["url"], f"{PRODUCTS[0]}.tar")
    with steps.step("request in preparation"):
        reply = api.download_request(DATASET, SCENES[2], BUNDLE)["data"]
        fetch(steps, reply["preparingDownloads"][0]["url"], f"{PRODUCTS[2]}.tar", times=4)
    with steps.step("the same once more"):
        reply = api.download_request(DATASET, SCENES[0], BUNDLE)["data"]
        fetch(steps, reply["availableDownloads"][0]["url"], f"{PRODUCTS[0]}.tar")
    for dataset in ("landsat_ard_tile_c2", "srtm_v3", "naip", "SENTINEL_2A", "corona2"):
        with steps.step(f"search and download of {dataset}"):
            fetch_some(steps, dataset)
    steps.lacks("retrieve")
    with steps.step("logout"):
        api.logout()
    steps.report()


def fetch_some(steps: Steps, dataset: str) -> None:
    """Find something in a dataset and fetch the first thing that can be had of it."""
    hits = api.scene_search(dataset, max_results=5)["data"]["results"]
    rows = api.download_options(dataset, [hit["entityId"] for hit in hits])["data"]
    row = next(r for r in rows if r["available"] and r["downloadSystem"] != "folder")
    reply = api.download_request(dataset, row["entityId"], row["id"])["data"]
    fetch(steps, reply["availableDownloads"][0]["url"])


def fetch(steps: Steps, url: str, name: str = "", times: int = 1) -> None:
    """Open a URL as scripts do, again and again while it is not there.

    Args:
        steps: Where the file is noted.
        url: Where it is.
        name: Its name; without one, that of the response.
        times: How often to try.
    """
    for _ in range(times):
        response = requests.get(url, timeout=30)
        if response.status_code != 404:
            break
    response.raise_for_status()
    name = name or re.findall('filename="(.+)"', response.headers["content-disposition"])[0]
    path = steps.folder / f"{len(list(steps.folder.iterdir()))}-{name}"
    path.write_bytes(response.content)
    steps.keep(path, name)


main()
