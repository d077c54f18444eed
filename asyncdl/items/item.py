"""One STAC item: a scene, with the files of it that are on disk. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeAlias
from urllib.parse import quote

from asyncdl.errors import ConfigError
from asyncdl.items.band_facts import Scaling, pixel_size_of, scaling_of, spectrum_of
from asyncdl.items.facts import SceneFacts
from asyncdl.items.labels import Label, description_of, label_of, number_of
from asyncdl.items.landsat import DATASETS, browse_asset, index_asset, instruments_of, via_links
from asyncdl.items.quality import bitfields_of
from asyncdl.items.raster_head import Georeference, Samples
from asyncdl.m2m.bands import band_file, stem_of
from asyncdl.m2m.naming import (
    ArdId,
    ProductId,
    dataset_of,
    file_suffix,
    instrument_of,
    parse_ard_id,
    parse_product_id,
    parse_scene_id,
)
from asyncdl.m2m.searching.rings import Polygon, bounds, cut_at_antimeridian

Json: TypeAlias = dict[str, Any]

STAC_VERSION = "1.1.0"
COLLECTION_NAME = "collection.json"

_EXTENSIONS = {
    "classification:": "https://stac-extensions.github.io/classification/v1.1.0/schema.json",
    "eo:": "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
    "file:": "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "proj:": "https://stac-extensions.github.io/projection/v1.2.0/schema.json",
    "raster:": "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
    "sci:": "https://stac-extensions.github.io/scientific/v1.0.0/schema.json",
    "deprecated": "https://stac-extensions.github.io/version/v1.2.0/schema.json",
    "view:": "https://stac-extensions.github.io/view/v1.0.0/schema.json",
}
"""By the prefix of the fields that they are for, or the one field that has none.

Of two versions that say the same the one that readers know: stackstac and GDAL read
``raster:bands`` and ``proj:epsg``, which the next versions of both extensions drop."""
_LANDSAT = "https://stac-extensions.github.io/landsat/v2.0.0/schema.json"
_LANDSAT_TILES = "https://landsat.usgs.gov/stac/landsat-ard-extension/v1.0.0/schema.json"
_NEEDED = frozenset(
    f"landsat:{name}"
    for name in (
        *("scene_id", "collection_category", "collection_number", "correction"),
        *("wrs_type", "wrs_path", "wrs_row", "cloud_cover_land"),
    )
)
"""Fields without which the schema of the Landsat extension refuses an item."""
_CLOUD_OPTIMIZED = "image/vnd.stac.geotiff; cloud-optimized=true"
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
_LOOKS_DOWN = frozenset({"tm", "etm", "mss"})
"""Instruments on satellites that never look aside."""


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
    """Id of the item beside it of what took its place; empty if there is none."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the search has told of a scene, and how it is told apart."""

    entity_id: str = ""
    """The service's other id of it; empty if unknown."""
    is_namesake: bool = False
    """Whether another scene, which came first, has the same display id."""
    browse_url: str = ""
    """Of a picture; may be empty, or anything."""


NOTHING_SEEN = Sight()


def is_known(scene: str) -> bool:
    """Tell whether there can be an item of a scene: its id tells its dataset and its day."""
    return dataset_of(scene) is not None


def item_id_of(scene: str, sight: Sight = NOTHING_SEEN) -> str:
    """Return the id of the item of a scene: its display id, and what else it takes."""
    return f"{scene}_{sight.entity_id}" if sight.is_namesake else scene


def make_item(
    scene: str,
    facts: SceneFacts,
    files: Sequence[ItemFile],
    retired: Retired | None = None,
    sight: Sight = NOTHING_SEEN,
) -> Json:
    """Return the item of a scene.

    Args:
        scene: Display id; see :func:`is_known`.
        facts: From its metadata, as far as they are there.
        files: One or more; each name once.
        retired: Given for a product that was processed anew or withdrawn.
        sight: From the search.
    Raises: ValueError, for a scene that is not known.
    """
    told = parse_product_id(scene) or parse_ard_id(scene)
    dataset = dataset_of(scene)
    if told is None or dataset is None:
        raise ValueError(f"{scene} is the id of no product that items are made of")
    assets = _assets(told, scene, facts, files)
    beside = {"thumbnail": browse_asset(sight.browse_url), "index": index_asset(told)}
    for key, asset in beside.items():
        if asset:
            assets.setdefault(key, asset)
    landsat = _landsat(told, facts, sight)
    properties = {
        **_time(told, facts),
        **_mission(told),
        **_view(told, facts),
        **landsat,
        **_citation(dataset),
        **_common_grid(facts, assets),
        **({"deprecated": True} if retired else {}),
    }
    suffixes = [file_suffix(file.name, scene) for file in files]
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [
            *_landsat_extension(told, landsat),
            *extensions_of(properties, *assets.values()),
        ],
        "id": item_id_of(scene, sight),
        **_geometry(facts, files),
        "properties": properties,
        "links": [
            *_links(dataset),
            *via_links(told, suffixes),
            *_successor_links(retired),
        ],
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
    family = _family(told)
    instruments = list(instruments_of(family, told.sensor))
    size = pixel_size_of(family)
    return {
        "platform": f"landsat-{told.satellite}",
        "constellation": "landsat",
        **({"instruments": instruments} if instruments else {}),
        **({"gsd": size} if size else {}),
        **_description(told),
    }


def _description(told: ProductId | ArdId) -> Json:
    if isinstance(told, ProductId):
        return {"description": f"Landsat Collection 2 Level-{told.level[1]} Product"}
    return {}


def _family(told: ProductId | ArdId) -> str | None:
    return instrument_of(told.sensor, told.satellite)


def _view(told: ProductId | ArdId, facts: SceneFacts) -> Json:
    off_nadir = facts.off_nadir
    if off_nadir is None and _family(told) in _LOOKS_DOWN:
        off_nadir = 0.0
    fields = {
        "eo:cloud_cover": facts.cloud_cover,
        "view:sun_azimuth": facts.sun_azimuth,
        "view:sun_elevation": facts.sun_elevation,
        "view:off_nadir": off_nadir,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _landsat(told: ProductId | ArdId, facts: SceneFacts, sight: Sight) -> Json:
    """Return the fields that only Landsat has; texts where the service writes texts."""
    if isinstance(told, ArdId):
        fields: Json = {
            "grid_horizontal": f"{told.horizontal:02}",
            "grid_vertical": f"{told.vertical:02}",
            "grid_region": told.region,
        }
    else:
        entity = sight.entity_id if parse_scene_id(sight.entity_id) else None
        fields = {
            "cloud_cover_land": facts.cloud_cover_land,
            "wrs_type": "1" if told.satellite in _WRS_1 else "2",
            "wrs_path": f"{told.path:03}",
            "wrs_row": f"{told.row:03}",
            "scene_id": facts.scene_id or entity,
            "collection_category": told.tier,
            "collection_number": f"{told.collection:02}",
            "correction": told.level,
        }
    own = {f"landsat:{name}": value for name, value in fields.items() if value is not None}
    return {**own, **{k: v for k, v in (facts.landsat or {}).items() if k not in own}}


_WRS_1 = frozenset({1, 2, 3})
"""Satellites that flew by the first reference system."""


def _landsat_extension(told: ProductId | ArdId, fields: Mapping[str, Any]) -> list[str]:
    if isinstance(told, ArdId):
        return [_LANDSAT_TILES]
    return [_LANDSAT] if fields.keys() >= _NEEDED else []


def _citation(dataset: str) -> Json:
    known = DATASETS.get(dataset)
    return {"sci:doi": known.doi, "sci:citation": known.citation} if known else {}


def _common_grid(facts: SceneFacts, assets: Mapping[str, Json]) -> Json:
    """Return the grid of the metadata, else that of most rasters if they share a system."""
    if facts.grid:
        return _projection(facts.grid)
    grids = [
        {name: value for name, value in asset.items() if name.startswith("proj:")}
        for asset in assets.values()
        if "proj:shape" in asset
    ]
    systems = {(grid.get("proj:code"), grid.get("proj:wkt2")) for grid in grids}
    if len(systems) != 1:
        return {}
    return max(grids, key=grids.count)


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


def item_href(item_id: str) -> str:
    """Return the way to an item from its neighbours and its collection."""
    return f"./{quote(item_id)}.json"


# --- geometry -----------------------------------------------------------------------------


def _geometry(facts: SceneFacts, files: Iterable[ItemFile]) -> Json:
    """Return what was seen, else the frame around it: geometry and box."""
    outlines = facts.footprint or ((facts.frame,) if facts.frame else None)
    if outlines is None:
        outlines = tuple(islice(_frames(files), 1))
    cut = [parts for outline in outlines if (parts := _cut(outline))]
    polygons = [polygon for parts in cut for polygon in parts]
    if not polygons:
        return {"geometry": None}
    coordinates = [[[list(at) for at in ring] for ring in polygon] for polygon in polygons]
    if len(coordinates) == 1:
        geometry: Json = {"type": "Polygon", "coordinates": coordinates[0]}
    else:
        geometry = {"type": "MultiPolygon", "coordinates": coordinates}
    return {"bbox": _box(cut), "geometry": geometry}


def _cut(outline: Sequence[tuple[float, float]]) -> list[Polygon]:
    try:
        return cut_at_antimeridian([[*outline, outline[0]]])
    except ConfigError:
        return []  # around a pole, say


def _box(cut: Iterable[Sequence[Polygon]]) -> list[float]:
    """Return the box around outlines, each in the parts that the antimeridian makes of it."""
    boxes = []
    for parts in cut:
        around = [bounds(polygon[0]) for polygon in parts]
        # Of parts on both sides of the antimeridian the eastern one comes first.
        south, north = min(box[1] for box in around), max(box[3] for box in around)
        boxes.append((around[0][0], south, around[-1][2], north))
    west, east = _span(boxes)
    return [west, min(box[1] for box in boxes), east, max(box[3] for box in boxes)]


def _span(boxes: Sequence[tuple[float, float, float, float]]) -> tuple[float, float]:
    """Return west and east of boxes; west is larger where they lie around the antimeridian."""
    if all(west <= east for west, _, east, _ in boxes):
        left = [box for box in boxes if box[2] <= 0]
        right = [box for box in boxes if box[0] >= 0]
        meet = any(box[0] == -180 for box in left) and any(box[2] == 180 for box in right)
        if not meet or len(left) + len(right) < len(boxes):
            return min(box[0] for box in boxes), max(box[2] for box in boxes)
        return min(box[0] for box in right), max(box[2] for box in left)
    crossing = [box for box in boxes if box[0] > box[2]]
    return min(box[0] for box in crossing), max(box[2] for box in crossing)


def _frames(files: Iterable[ItemFile]) -> Iterator[tuple[tuple[float, float], ...]]:
    for file in files:
        if file.georeference and (corners := file.georeference.footprint()):
            yield corners


# --- assets -------------------------------------------------------------------------------


def _assets(
    told: ProductId | ArdId, scene: str, facts: SceneFacts, files: Iterable[ItemFile]
) -> dict[str, Json]:
    assets: dict[str, Json] = {}
    for file in files:
        suffix = file_suffix(file.name, scene)
        label = label_of(_family(told), suffix, band_file(scene, suffix))
        assets[_key(label, suffix, assets)] = _asset(told, label, suffix, facts, file)
    return assets


def _key(label: Label, suffix: str, taken: Mapping[str, object]) -> str:
    """Return the name that the service has for a file, or what the file is called."""
    if label.key and label.key not in taken:
        return label.key
    if suffix.upper().endswith(".TAR"):
        return "bundle"
    return stem_of(suffix).lower() if suffix.upper().endswith(".TIF") else suffix


def _asset(
    told: ProductId | ArdId, label: Label, suffix: str, facts: SceneFacts, file: ItemFile
) -> Json:
    family = _family(told)
    asset: Json = {
        "href": quote(file.href),
        "type": _type(suffix, file.samples),
        "roles": list(label.roles),
        "file:size": file.size_bytes,
        **({"title": label.title} if label.title else {}),
        **_sentence(told, label, suffix),
        **_checksum(file.digests),
        **_bands(family, label, suffix),
    }
    if file.georeference:
        asset |= _projection(file.georeference)
    if suffix.upper().endswith(".TIF"):
        scaling = scaling_of(stem_of(suffix), _is_level_1(told), facts.rescaling or {})
        asset |= _raster(file, scaling)
    bitfields = bitfields_of(family, told.satellite, suffix)
    return asset | ({"classification:bitfields": bitfields} if bitfields else {})


def _sentence(told: ProductId | ArdId, label: Label, suffix: str) -> Json:
    if isinstance(told, ArdId):
        return {}
    description = description_of(label, suffix, told.level[1])
    return {"description": description} if description else {}


def _is_level_1(told: ProductId | ArdId) -> bool:
    return isinstance(told, ProductId) and told.level.startswith("L1")


def _type(suffix: str, samples: Samples | None) -> str:
    ending = f".{suffix.rpartition('.')[2].lower()}"
    if ending == ".tif" and (samples is None or samples.is_tiled):
        return _CLOUD_OPTIMIZED
    return _TYPES.get(ending, "application/octet-stream")


def _checksum(digests: Mapping[str, str]) -> Json:
    for algorithm, code in _MULTIHASH.items():
        if algorithm in digests:
            return {"file:checksum": f"{code}{digests[algorithm]}"}
    return {}


def _bands(family: str | None, label: Label, suffix: str) -> Json:
    """Return what part of the spectrum a file holds; nothing of what is no part of it."""
    spectrum = spectrum_of(family, label.key)
    if spectrum is None:
        return {}
    band = {
        "name": number_of(stem_of(suffix)),
        "common_name": label.key,
        "center_wavelength": spectrum.center,
        "full_width_half_max": spectrum.width,
    }
    return {"gsd": spectrum.gsd, "eo:bands": [band]}


def _raster(file: ItemFile, scaling: Scaling | None) -> Json:
    """Return what the numbers are: beside the asset as STAC 1.1 has it, and as a band."""
    samples, there = file.samples, scaling or Scaling()
    common = {
        "data_type": samples.data_type if samples else None,
        "nodata": samples.no_data if samples else None,
        "unit": there.unit or None,
    }
    resolution = file.georeference.transform[0] if file.georeference else None
    special = {
        "scale": there.scale,
        "offset": there.offset,
        "spatial_resolution": resolution,
    }
    beside = {name: value for name, value in common.items() if value is not None}
    band = beside | {name: value for name, value in special.items() if value is not None}
    return {**beside, "raster:bands": [band]} if band else {}


def _projection(georeference: Georeference) -> Json:
    return {
        **georeference.crs.fields(),
        "proj:shape": list(georeference.shape),
        "proj:transform": list(georeference.transform),
    }
