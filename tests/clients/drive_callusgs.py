"""``callusgs``: its own command for downloads, and one call of each of its other methods."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import callusgs.api  # type: ignore[import-not-found, unused-ignore]
from callusgs import Types
from callusgs.cli_funcs import clean, download  # type: ignore[import-not-found, unused-ignore]

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

OWNER = "LSAA"


def main() -> None:
    steps = Steps("callusgs")
    callusgs.api.Api.ENDPOINT = steps.url
    with steps.step("login and logout"), log_in(steps) as api:
        assert "download" in api.permissions().data
    with steps.step("datasets"), log_in(steps) as api:
        found = api.dataset_search(dataset_name="landsat_ot", catalog="EE").data
        assert DATASET in {one["datasetAlias"] for one in found}
        same(api.dataset(dataset_name=DATASET).data["datasetAlias"], DATASET)
    with steps.step("descriptions of datasets"), log_in(steps) as api:
        describe(api)
    with steps.step("filters"), log_in(steps) as api:
        fields = {f["fieldLabel"]: f["id"] for f in api.dataset_filters(DATASET).data}
        path = Types.MetadataBetween(fields["WRS Path"], 67, 67)
        hits = search(api, metadata_filter=path)
        same([hit["entityId"] for hit in hits], [SCENES[2]])
    with steps.step("search around a point"), log_in(steps) as api:
        point = Types.SpatialFilterGeoJson(Types.GeoJson("Point", [-149.9, 61.2]))
        assert SCENES[0] in {hit["entityId"] for hit in search(api, spatial_filter=point)}
    with steps.step("scene lists"), log_in(steps) as api:
        api.scene_list_add("mine", DATASET, entity_ids=list(SCENES))
        same(len(api.scene_list_get("mine").data), 3)
        same(api.scene_list_summary("mine", DATASET).data["summary"]["sceneCount"], "3")
        assert "mine" in {one["list"] for one in api.scene_list_types(None).data}
        api.scene_list_remove("mine")
    with steps.step("metadata"), log_in(steps) as api:
        one = api.scene_metadata(DATASET, SCENES[0], metadata_type="full").data
        same(one["displayId"], PRODUCTS[0])
    with steps.step("metadata as XML"), log_in(steps) as api:
        assert api.scene_metadata_xml(DATASET, SCENES[0]).data["exportContent"]
    with steps.step("files of a scene"), log_in(steps) as api:
        assert api.scene_search_secondary(SCENES[0], DATASET).data["totalHits"] > 10
    with steps.step("places"), log_in(steps) as api:
        assert api.placename("US", "anchor").data["results"]
        assert api.grid2ll("WRS2", "point", "68", "17").data["coordinates"]
    with steps.step("orders"), log_in(steps) as api:
        same(api.order_products(DATASET, list(SCENES)).data, [])
        same(api.tram_order_search().data, [])
    with steps.step("preferences"), log_in(steps) as api:
        api.user_preferences_set("EE", {"map": {"zoomLevel": "7"}})
    with steps.step("options, request, download"):
        fetch(steps, "ready", SCENES[0], cloudcover=[6, 60], days=("2020-03-10", LAST_DAY))
    with steps.step("request in preparation"):
        fetch(steps, "prepared", SCENES[2], days=(FIRST_DAY, "2020-03-09"))
    with steps.step("the same once more"):
        fetch(steps, "again", SCENES[0], cloudcover=[6, 60], days=("2020-03-10", LAST_DAY))
    with steps.step("two files at once"):
        steps.set_faults("api_latency_s=1.0")
        fetch(steps, "two", SCENES[0], SCENES[1], days=("2020-03-10", LAST_DAY))
    with steps.step("clean"):
        steps.set_faults("api_latency_s=0")
        clean(account(steps))
    steps.report()


def log_in(steps: Steps) -> Any:
    """Return the client, which logs in and out by itself."""
    return callusgs.api.Api(method="token", user=steps.username, auth=steps.token)


def describe(api: Any) -> None:
    """Call what describes datasets."""
    assert "EE" in api.dataset_catalogs().data
    assert api.dataset_categories("EE").data
    assert "full" in api.dataset_metadata(DATASET).data
    assert api.dataset_coverage(DATASET).data["bounds"]
    assert api.dataset_bulk_products(DATASET).data
    assert api.dataset_download_options(DATASET).data
    assert api.dataset_file_groups(DATASET).data["secondary"]
    same(api.data_owner(OWNER).data["dataOwner"], OWNER)
    same(api.dataset_messages("EE", dataset_name=DATASET).data, [])
    assert api.dataset_order_products(DATASET).data


def search(api: Any, **filters: Any) -> Any:
    """Return the hits of a search in the days of all examples."""
    every = {
        "acquisition_filter": Types.AcquisitionFilter(FIRST_DAY, LAST_DAY),
        "cloudcover_filter": None,
        "dataset_name": DATASET,
        "ingest_filter": None,
        "metadata_filter": None,
        "seasonal_filter": None,
        "spatial_filter": None,
    }
    return api.scene_search(DATASET, scene_filter=Types.SceneFilter(**every | filters)).data[
        "results"
    ]


def fetch(
    steps: Steps,
    folder: str,
    *scenes: str,
    days: tuple[str, str],
    cloudcover: list[int] | None = None,
) -> None:
    """Run the client's command over the corners of Anchorage."""
    target = steps.folder / folder
    corners = [SOUTH, WEST, NORTH, WEST, NORTH, EAST, SOUTH, EAST, SOUTH, WEST]
    options = {
        "aoi_coordinates": corners,
        "aoi_file": None,
        "aoi_type": "Coordinates",
        "cloudcover": cloudcover or [0, 60],
        "database": None,
        "date": list(days),
        "dem_resolution": None,
        "dry_run": False,
        "include_unknown_clouds": False,
        "months": ["all"],
        "no_cite": True,
        "no_relogin": False,
        "outdir": target,
        "product": DATASET,
    }
    download(Namespace(**options, **vars(account(steps))))
    names = [f"{PRODUCTS[SCENES.index(scene)]}.tar" for scene in scenes]
    same(sorted(path.name for path in target.iterdir()), sorted(names))
    for name in names:
        steps.keep(target / name, name)


def account(steps: Steps) -> Namespace:
    """Return the options that all commands of the client have."""
    return Namespace(
        auth_method="token",
        username=steps.username,
        auth=steps.token,
        verbose=False,
        very_verbose=False,
    )


main()
