"""The STAC collection of all items of one dataset. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asyncdl.items.item import COLLECTION_NAME, STAC_VERSION, Json, extensions_of, item_href
from asyncdl.items.landsat import DATASETS

_POLICY = "https://www.usgs.gov/information-policies-and-instructions/copyrights-and-credits"
_PROVIDERS = [
    {
        "name": "USGS EROS",
        "description": "United States Geological Survey, Earth Resources Observation and Science",
        "roles": ["licensor", "producer", "processor", "host"],
        "url": "https://www.usgs.gov/landsat-missions",
    }
]
_WORLD = [-180.0, -90.0, 180.0, 90.0]


def make_collection(dataset: str, items: Sequence[Json]) -> Json:
    """Return the collection of some items.

    Args:
        dataset: Its alias, which is the collection's id.
        items: All items of the collection, one or more.
    """
    known = DATASETS.get(dataset)
    title = known.title if known else dataset
    citation = {"sci:doi": known.doi, "sci:citation": known.citation} if known else {}
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "stac_extensions": extensions_of(citation),
        "id": dataset,
        "title": title,
        "description": f"Files of {title} in this folder, as far as they are here and verified.",
        "license": "other",
        "keywords": ["landsat", "usgs"],
        "providers": _PROVIDERS,
        "extent": {
            "spatial": {"bbox": _boxes(items)},
            "temporal": {"interval": [_interval(items)]},
        },
        "summaries": _summaries(items),
        **citation,
        "links": _links(known.doi if known else "", items),
    }


def _boxes(items: Sequence[Json]) -> list[list[float]]:
    """Return the box around all; if one crosses the antimeridian, for all longitudes."""
    boxes = [item["bbox"] for item in items if "bbox" in item]
    if not boxes:
        return [_WORLD]
    is_around = any(west > east for west, _, east, _ in boxes)
    west = -180.0 if is_around else min(box[0] for box in boxes)
    east = 180.0 if is_around else max(box[2] for box in boxes)
    return [[west, min(box[1] for box in boxes), east, max(box[3] for box in boxes)]]


def _interval(items: Sequence[Json]) -> list[str]:
    times = [item["properties"] for item in items]
    first = min(time["datetime"] or time["start_datetime"] for time in times)
    last = max(time["datetime"] or time["end_datetime"] for time in times)
    return [first, last]


def _summaries(items: Sequence[Json]) -> dict[str, list[Any]]:
    properties = [item["properties"] for item in items]
    platforms = {fields["platform"] for fields in properties}
    instruments = {name for fields in properties for name in fields.get("instruments", ())}
    summaries = {"platform": sorted(platforms), "instruments": sorted(instruments)}
    return {name: values for name, values in summaries.items() if values}


def _links(doi: str, items: Sequence[Json]) -> list[Json]:
    links = [{"rel": "root", "href": f"./{COLLECTION_NAME}", "type": "application/json"}]
    links += [{"rel": "license", "href": _POLICY, "type": "text/html"}]
    if doi:
        links.append({"rel": "cite-as", "href": f"https://doi.org/{doi}"})
    links += (
        {"rel": "item", "href": item_href(item["id"]), "type": "application/geo+json"}
        for item in items
    )
    return links
