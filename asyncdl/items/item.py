"""One STAC item: a scene, with the files of it that are on disk. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import quote

from asyncdl.errors import ConfigError
from asyncdl.items.georeference import Georeference
from asyncdl.items.landsat import DATASETS, instruments_of
from asyncdl.items.metadata import SceneFacts
from asyncdl.items.samples import Samples
from asyncdl.m2m.bands import band_file, stem_of
from asyncdl.m2m.naming import (
    ArdId,
    ProductId,
    dataset_of,
    file_suffix,
    instrument_of,
    parse_ard_id,
    parse_product_id,
)
from asyncdl.m2m.searching.rings import bounds, cut_at_antimeridian

Json: TypeAlias = dict[str, Any]

STAC_VERSION = "1.1.0"
COLLECTION_NAME = "collection.json"

_EXTENSIONS = {
    "eo:": "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
    "file:": "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "proj:": "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "sci:": "https://stac-extensions.github.io/scientific/v1.0.0/schema.json",
    "deprecated": "https://stac-extensions.github.io/version/v1.2.0/schema.json",
    "view:": "https://stac-extensions.github.io/view/v1.0.0/schema.json",
}
"""By the prefix of the fields that they are for, or the one field that has none."""
_TYPES = {
    ".tif": "image/tiff; application=geotiff",
    ".tar": "application/x-tar",
    ".txt": "text/plain",
    ".xml": "application/xml",
    ".json": "application/json",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
}
_MULTIHASH = {"sha512": "1340", "sha256": "1220"}
"""Code and length in front of a digest, the strongest first. Source: the multihash table."""
_SPECTRAL = frozenset(
    {"coastal", "blue", "green", "red", "nir08", "nir09", "swir16", "swir22", "pan", "cirrus"}
    | {"lwir", "lwir11", "lwir12"}
)
"""Names that the eo extension has for a part of the spectrum."""


@dataclass(frozen=True, slots=True)
class ItemFile:
    """A file of a scene that is there and verified."""

    name: str
    href: str
    """Relative to the item, with forward slashes; not yet quoted."""
    size_bytes: int
    digests: Mapping[str, str] = field(default_factory=dict)
    """Lower-case hex by algorithm."""
    georeference: Georeference | None = None
    samples: Samples | None = None


@dataclass(frozen=True, slots=True)
class Retired:
    """That a product is not the service's last word any more."""

    successor: str = ""
    """The scene that took its place and has an item beside it; empty if there is none."""


def is_known(scene: str) -> bool:
    """Tell whether there can be an item of a scene: its id tells its dataset and its day."""
    return dataset_of(scene) is not None


def make_item(
    scene: str, facts: SceneFacts, files: Sequence[ItemFile], retired: Retired | None = None
) -> Json:
    """Return the item of a scene.

    Args:
        scene: Display id; see :func:`is_known`.
        facts: From its metadata, as far as they are there.
        files: One or more; each name once.
        retired: Given for a product that was processed anew or withdrawn.
    Raises: ValueError, for a scene that is not known.
    """
    told = parse_product_id(scene) or parse_ard_id(scene)
    dataset = dataset_of(scene)
    if told is None or dataset is None:
        raise ValueError(f"{scene} is the id of no product that items are made of")
    assets = _assets(scene, files)
    properties = {
        **_time(told, facts),
        **_mission(told),
        **_view(facts),
        **_citation(dataset),
        **_common_code(assets),
        **({"deprecated": True} if retired else {}),
    }
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": extensions_of(properties, *assets.values()),
        "id": scene,
        **_geometry(facts, files),
        "properties": properties,
        "links": [*_links(dataset), *_successor_links(retired)],
        "assets": assets,
        "collection": dataset,
    }


def extensions_of(*objects: Mapping[str, Any]) -> list[str]:
    """Return the extensions whose fields stand in some objects."""
    names = {name for fields in objects for name in fields}
    return [
        url for prefix, url in _EXTENSIONS.items() if any(name.startswith(prefix) for name in names)
    ]


# --- properties ---------------------------------------------------------------------------


def _time(told: ProductId | ArdId, facts: SceneFacts) -> Json:
    if facts.acquired is not None:
        return {"datetime": facts.acquired}
    day = told.acquired
    return {
        "datetime": None,
        "start_datetime": f"{day}T00:00:00Z",
        "end_datetime": f"{day}T23:59:59Z",
    }


def _mission(told: ProductId | ArdId) -> Json:
    family = instrument_of(told.sensor, told.satellite)
    instruments = list(instruments_of(family, told.sensor))
    mission: Json = {"platform": f"landsat-{told.satellite}", "constellation": "landsat"}
    return mission | ({"instruments": instruments} if instruments else {})


def _view(facts: SceneFacts) -> Json:
    fields = {
        "eo:cloud_cover": facts.cloud_cover,
        "view:sun_azimuth": facts.sun_azimuth,
        "view:sun_elevation": facts.sun_elevation,
        "view:off_nadir": facts.off_nadir,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _citation(dataset: str) -> Json:
    known = DATASETS.get(dataset)
    return {"sci:doi": known.doi, "sci:citation": known.citation} if known else {}


def _common_code(assets: Mapping[str, Json]) -> Json:
    codes = {asset["proj:code"] for asset in assets.values() if "proj:code" in asset}
    return {"proj:code": codes.pop()} if len(codes) == 1 else {}


def _links(dataset: str) -> list[Json]:
    known = DATASETS.get(dataset)
    to_collection = [
        {"rel": rel, "href": f"./{COLLECTION_NAME}", "type": "application/json"}
        for rel in ("root", "parent", "collection")
    ]
    cite = [{"rel": "cite-as", "href": f"https://doi.org/{known.doi}"}] if known else []
    return [*to_collection, *cite]


def _successor_links(retired: Retired | None) -> list[Json]:
    """Return the links to what can be used instead. Source: RFC 5829; the version extension."""
    if not (retired and retired.successor):
        return []
    return [
        {"rel": rel, "href": item_href(retired.successor), "type": "application/geo+json"}
        for rel in ("successor-version", "latest-version")
    ]


def item_href(scene: str) -> str:
    """Return the way to the item of a scene from its neighbours and its collection."""
    return f"./{quote(scene)}.json"


# --- geometry -----------------------------------------------------------------------------


def _geometry(facts: SceneFacts, files: Iterable[ItemFile]) -> Json:
    ring = facts.footprint or next(_footprints(files), None)
    if ring is None:
        return {"geometry": None}
    try:
        polygons = cut_at_antimeridian([[*ring, ring[0]]])
    except ConfigError:
        return {"geometry": None}  # around a pole, say
    coordinates = [[[list(at) for at in part] for part in polygon] for polygon in polygons]
    if len(coordinates) == 1:
        geometry: Json = {"type": "Polygon", "coordinates": coordinates[0]}
    else:
        geometry = {"type": "MultiPolygon", "coordinates": coordinates}
    boxes = [bounds(polygon[0]) for polygon in polygons]
    # Of parts on both sides of the antimeridian the eastern one comes first.
    west, east = boxes[0][0], boxes[-1][2]
    south, north = min(box[1] for box in boxes), max(box[3] for box in boxes)
    return {"bbox": [west, south, east, north], "geometry": geometry}


def _footprints(files: Iterable[ItemFile]) -> Iterator[tuple[tuple[float, float], ...]]:
    for file in files:
        if file.georeference and (corners := file.georeference.footprint()):
            yield corners


# --- assets -------------------------------------------------------------------------------


def _assets(scene: str, files: Iterable[ItemFile]) -> dict[str, Json]:
    assets: dict[str, Json] = {}
    for file in files:
        suffix = file_suffix(file.name, scene)
        assets[_key(scene, suffix, assets)] = _asset(scene, suffix, file)
    return assets


def _key(scene: str, suffix: str, taken: Mapping[str, object]) -> str:
    """Return the common name of a band, or what its file is called."""
    name = _common_name(scene, suffix)
    if name and name not in taken:
        return name
    if suffix.upper().endswith(".TAR"):
        return "bundle"
    return stem_of(suffix).lower() if suffix.upper().endswith(".TIF") else suffix


def _common_name(scene: str, suffix: str) -> str:
    known = band_file(scene, suffix)
    return known.common_name if known else ""


def _asset(scene: str, suffix: str, file: ItemFile) -> Json:
    ending = f".{suffix.rpartition('.')[2].lower()}"
    asset: Json = {
        "href": quote(file.href),
        "type": _TYPES.get(ending, "application/octet-stream"),
        "roles": _roles(suffix, ending),
        "file:size": file.size_bytes,
    }
    known = band_file(scene, suffix)
    if known:
        asset["title"] = known.description
    for algorithm, code in _MULTIHASH.items():
        if algorithm in file.digests:
            asset["file:checksum"] = f"{code}{file.digests[algorithm]}"
            break
    if known and known.common_name in _SPECTRAL:
        asset["eo:bands"] = [{"name": stem_of(suffix), "common_name": known.common_name}]
    if file.georeference:
        asset |= _projection(file.georeference)
    return asset | _samples(file.samples)


def _roles(suffix: str, ending: str) -> list[str]:
    if ending == ".jpeg":
        return ["thumbnail" if "small" in suffix else "overview"]
    return ["data"] if ending in (".tif", ".tar") else ["metadata"]


def _samples(samples: Samples | None) -> Json:
    if samples is None:
        return {}
    no_data = {} if samples.no_data is None else {"nodata": samples.no_data}
    return {"data_type": samples.data_type, **no_data}


def _projection(georeference: Georeference) -> Json:
    code = None if georeference.epsg is None else f"EPSG:{georeference.epsg}"
    return {
        "proj:code": code,
        "proj:shape": list(georeference.shape),
        "proj:transform": list(georeference.transform),
    }
