"""``usgsxplore``: a GET for every call but the login, and its own pipeline of downloads."""

from __future__ import annotations

import json

import usgsxplore.api  # type: ignore[import-not-found, unused-ignore]
from usgsxplore.filter import (  # type: ignore[import-not-found, unused-ignore]
    MetadataValue,
    SceneFilter,
)
from usgsxplore.scene_downloader import (  # type: ignore[import-not-found, unused-ignore]
    LinkResolver,
    SceneDownloader,
)

from tests.clients.steps import (
    DATASET,
    EAST,
    FIRST_DAY,
    LAST_DAY,
    MOST_CLOUD,
    NORTH,
    PRODUCTS,
    SCENES,
    SOUTH,
    WEST,
    Steps,
    same,
)

DAYS = (FIRST_DAY, LAST_DAY)
NEARBY = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[x, 61.1], [x + 0.1, 61.1], [x, 61.2], [x, 61.1]]],
            },
        }
        for x in (-150.5, -149.5)
    ],
}
"""Two islands; the client makes one MultiPolygon of them."""


def main() -> None:
    steps = Steps("usgsxplore")
    usgsxplore.api.API_URL = steps.url
    with steps.step("login"):
        api = usgsxplore.api.API(steps.username, steps.token)
    with steps.step("datasets"):
        assert DATASET in api.dataset_names()
    with steps.step("filters"):
        assert "WRS Path" in {field["fieldLabel"] for field in api.dataset_filters(DATASET)}
    with steps.step("search"):
        hits = api.search(
            DATASET,
            bbox=(WEST, SOUTH, EAST, NORTH),
            date_interval=DAYS,
            max_cloud_cover=MOST_CLOUD,
        )
        same([hit["entityId"] for hit in hits], list(SCENES))
    with steps.step("search with a filter"):
        wanted = "Collection Category=Tier 1 & WRS Path=67"
        hits = api.search(DATASET, date_interval=DAYS, meta_filter=wanted)
        same([hit["entityId"] for hit in hits], [SCENES[2]])
    with steps.step("search with a text"):
        words = SceneFilter(
            metadata_filter=MetadataValue("Landsat Scene Identifier", "LC80680172020070%")
        )
        batches = api.batch_search(DATASET, words, use_tqdm=False)
        same([hit["entityId"] for batch in batches for hit in batch], [SCENES[0]])
    with steps.step("search around a point"):
        hits = api.search(DATASET, location=(-149.9, 61.2), date_interval=DAYS)
        assert SCENES[0] in {hit["entityId"] for hit in hits}
    with steps.step("search by MultiPolygon"):
        area = steps.folder / "area.geojson"
        area.write_text(json.dumps(NEARBY))
        wanted_scenes = SceneFilter.from_args(g_file=str(area), date_interval=DAYS)
        batches = api.batch_search(DATASET, wanted_scenes, use_tqdm=False)
        assert SCENES[0] in {hit["entityId"] for batch in batches for hit in batch}
    with steps.step("ids"):
        same(api.get_entity_id(list(PRODUCTS), DATASET), list(SCENES))
        same(api.get_display_id(SCENES[0], DATASET), PRODUCTS[0])
    with steps.step("metadata"):
        metadata = api.get_scenes_metadata(DATASET, list(SCENES))[DATASET]
        same({one["displayId"] for one in metadata}, set(PRODUCTS))
    with steps.step("options, request, retrieve, download"):
        download(steps, api, "first")
    with steps.step("the same once more"):
        download(steps, api, "again")
    with steps.step("logout"):
        api.logout()
    steps.report()


def download(steps: Steps, api: object, folder: str) -> None:
    """Let the client fetch three bundles, one of them in preparation."""
    target = steps.folder / folder
    with SceneDownloader(api, resolver=LinkResolver(api, retry_delay=0)) as downloader:
        downloader.download(
            DATASET, list(SCENES), target, product_number=0, show_progress=False, extract=False
        )
    # It names its files by entity id.
    same(sorted(path.stem for path in target.iterdir()), sorted(SCENES))
    for scene, product in zip(SCENES, PRODUCTS, strict=True):
        steps.keep(target / f"{scene}.tar", f"{product}.tar")


main()
