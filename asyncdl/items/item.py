"""One STAC item: a scene, with its files on disk. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, TypeAlias
from urllib.parse import quote

from asyncdl.errors import ConfigError
from asyncdl.items.band_facts import Scaling, bitfields_of, pixel_size_of, scaling_of, spectrum_of
from asyncdl.items.facts import SceneFacts
from asyncdl.items.labels import Label, description_of, label_of, number_of
from asyncdl.items.landsat import DATASETS, browse_asset, index_asset, instruments_of, via_links
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
"""Extension schemas, by the prefix of their fields, or the one field without a prefix.

Where two versions are equivalent, the one that readers support: stackstac and GDAL read
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
"""Fields that the schema of the Landsat extension requires."""
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
"""Prefix (code and length) of a digest, the strongest first. Source: the multihash table."""
_LOOKS_DOWN = frozenset({"tm", "etm", "mss"})
"""Instruments on satellites that cannot point off nadir."""


@dataclass(frozen=True, slots=True)
class ItemFile:
    """A verified file of a scene."""

    name: str
    href: str
    """Relative to the item, with forward slashes, or a whole path, or the address of an object;
    not yet quoted."""
    size_bytes: int
    digests: Mapping[str, str] = field(default_factory=dict)
    """Lower-case hex by algorithm."""
    georeference: Georeference | None = None
    samples: Samples | None = None


@dataclass(frozen=True, slots=True)
class Retired:
    """Marks a product that was superseded or deleted."""

    successor: str = ""
    """Id of the item that replaces it, in the same folder; empty if there is none."""


@dataclass(frozen=True, slots=True)
class SearchFacts:
    """Facts about a scene from the search, and what distinguishes it from others."""

    entity_id: str = ""
    """Its entity id; empty if unknown."""
    is_namesake: bool = False
    """Whether an earlier scene has the same display id."""
    browse_url: str = ""
    """URL of a browse image; may be empty or invalid."""
    window: str = ""
    """Name of the part of the scene that its rasters have; empty for all of it."""


NO_SEARCH_FACTS = SearchFacts()


def is_known(scene: str) -> bool:
    """Return whether a scene can have an item: its id has to contain its dataset and date."""
    return dataset_of(scene) is not None


def item_id_of(scene: str, search_facts: SearchFacts = NO_SEARCH_FACTS) -> str:
    """Return the item id of a scene: its display id, with the entity id if not unique.

    A window of it is an item of its own, whose id ends in the window's name.
    """
    entity = (search_facts.entity_id,) if search_facts.is_namesake else ()
    return "_".join((scene, *entity, *filter(None, [search_facts.window])))


def make_item(
    scene: str,
    facts: SceneFacts,
    files: Sequence[ItemFile],
    retired: Retired | None = None,
    search_facts: SearchFacts = NO_SEARCH_FACTS,
) -> Json:
    """Return the item of a scene.

    Args:
        scene: Display id; see :func:`is_known`.
        facts: Facts from its metadata, as far as available.
        files: One or more files; each name once.
        retired: Set for a product that was superseded or deleted.
        search_facts: Facts from the search.
    Raises: ValueError, for an unsupported scene.
    """
    if search_facts.window:
        # What the metadata say of place and size is about the whole scene.
        facts = replace(facts, footprint=None, frame=None, grid=None)
    product = parse_product_id(scene) or parse_ard_id(scene)
    dataset = dataset_of(scene)
    if product is None or dataset is None:
        raise ValueError(f"{scene} is not the id of a product that can have an item")
    assets = _assets(product, scene, facts, files)
    beside = {"thumbnail": browse_asset(search_facts.browse_url), "index": index_asset(product)}
    for key, asset in beside.items():
        if asset:
            assets.setdefault(key, asset)
    landsat = _landsat(product, facts, search_facts)
    properties = {
        **_time(product, facts),
        **_mission(product),
        **_view(product, facts),
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
            *_landsat_extension(product, landsat),
            *extensions_of(properties, *assets.values()),
        ],
        "id": item_id_of(scene, search_facts),
        **_geometry(facts, files),
        "properties": properties,
        "links": [
            *_links(dataset),
            *via_links(product, suffixes),
            *_successor_links(retired),
        ],
        "assets": assets,
        "collection": dataset,
    }


def extensions_of(*objects: Mapping[str, Any]) -> list[str]:
    """Return the extensions whose fields are in some objects."""
    names = {name for fields in objects for name in fields}
    return [
        url for prefix, url in _EXTENSIONS.items() if any(name.startswith(prefix) for name in names)
    ]


# --- properties ---------------------------------------------------------------------------


def _time(product: ProductId | ArdId, facts: SceneFacts) -> Json:
    if facts.acquired is not None:
        return {"datetime": facts.acquired}
    day = product.acquired
    return {
        "datetime": None,
        "start_datetime": f"{day}T00:00:00Z",
        "end_datetime": f"{day}T23:59:59Z",
    }


def _mission(product: ProductId | ArdId) -> Json:
    family = _family(product)
    instruments = list(instruments_of(family, product.sensor))
    size = pixel_size_of(family)
    return {
        "platform": f"landsat-{product.satellite}",
        "constellation": "landsat",
        **({"instruments": instruments} if instruments else {}),
        **({"gsd": size} if size else {}),
        **_description(product),
    }


def _description(product: ProductId | ArdId) -> Json:
    if isinstance(product, ProductId):
        return {"description": f"Landsat Collection 2 Level-{product.level[1]} Product"}
    return {}


def _family(product: ProductId | ArdId) -> str | None:
    return instrument_of(product.sensor, product.satellite)


def _view(product: ProductId | ArdId, facts: SceneFacts) -> Json:
    off_nadir = facts.off_nadir
    if off_nadir is None and _family(product) in _LOOKS_DOWN:
        off_nadir = 0.0
    fields = {
        "eo:cloud_cover": facts.cloud_cover,
        "view:sun_azimuth": facts.sun_azimuth,
        "view:sun_elevation": facts.sun_elevation,
        "view:off_nadir": off_nadir,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _landsat(product: ProductId | ArdId, facts: SceneFacts, search_facts: SearchFacts) -> Json:
    """Return the ``landsat:`` fields; strings where the service uses strings."""
    if isinstance(product, ArdId):
        fields: Json = {
            "grid_horizontal": f"{product.horizontal:02}",
            "grid_vertical": f"{product.vertical:02}",
            "grid_region": product.region,
        }
    else:
        entity = search_facts.entity_id if parse_scene_id(search_facts.entity_id) else None
        fields = {
            "cloud_cover_land": facts.cloud_cover_land,
            "wrs_type": "1" if product.satellite in _WRS_1 else "2",
            "wrs_path": f"{product.path:03}",
            "wrs_row": f"{product.row:03}",
            "scene_id": facts.scene_id or entity,
            "collection_category": product.tier,
            "collection_number": f"{product.collection:02}",
            "correction": product.level,
        }
    own = {f"landsat:{name}": value for name, value in fields.items() if value is not None}
    return {**own, **{k: v for k, v in (facts.landsat or {}).items() if k not in own}}


_WRS_1 = frozenset({1, 2, 3})
"""Satellites that use the first Worldwide Reference System."""


def _landsat_extension(product: ProductId | ArdId, fields: Mapping[str, Any]) -> list[str]:
    if isinstance(product, ArdId):
        return [_LANDSAT_TILES]
    return [_LANDSAT] if fields.keys() >= _NEEDED else []


def _citation(dataset: str) -> Json:
    known = DATASETS.get(dataset)
    return {"sci:doi": known.doi, "sci:citation": known.citation} if known else {}


def _common_grid(facts: SceneFacts, assets: Mapping[str, Json]) -> Json:
    """Return the grid in the metadata, or that of most rasters if they share a system."""
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
    """Return the links to the replacement. Source: RFC 5829; the version extension."""
    if not (retired and retired.successor):
        return []
    return [
        {"rel": rel, "href": item_href(retired.successor), "type": "application/geo+json"}
        for rel in ("successor-version", "latest-version")
    ]


def item_href(item_id: str) -> str:
    """Return the relative URL of an item from other items and its collection."""
    return f"./{quote(item_id)}.json"


# --- geometry -----------------------------------------------------------------------------


def _geometry(facts: SceneFacts, files: Iterable[ItemFile]) -> Json:
    """Return geometry and box of the footprint, or of the raster's frame."""
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
        return []  # such as around a pole


def _box(cut: Iterable[Sequence[Polygon]]) -> list[float]:
    """Return the box around outlines, each in its parts on either side of the antimeridian."""
    boxes = []
    for parts in cut:
        around = [bounds(polygon[0]) for polygon in parts]
        # If there are parts on both sides of the antimeridian, the eastern one is first.
        south, north = min(box[1] for box in around), max(box[3] for box in around)
        boxes.append((around[0][0], south, around[-1][2], north))
    west, east = _span(boxes)
    return [west, min(box[1] for box in boxes), east, max(box[3] for box in boxes)]


def _span(boxes: Sequence[tuple[float, float, float, float]]) -> tuple[float, float]:
    """Return west and east of boxes; west is larger if they cross the antimeridian."""
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
    product: ProductId | ArdId, scene: str, facts: SceneFacts, files: Iterable[ItemFile]
) -> dict[str, Json]:
    assets: dict[str, Json] = {}
    for file in files:
        suffix = file_suffix(file.name, scene)
        label = label_of(_family(product), suffix, band_file(scene, suffix))
        assets[_key(label, suffix, assets)] = _asset(product, label, suffix, facts, file)
    return assets


def _key(label: Label, suffix: str, taken: Mapping[str, object]) -> str:
    """Return the asset key: the service's name for the file, or the file's own name."""
    if label.key and label.key not in taken:
        return label.key
    if suffix.upper().endswith(".TAR"):
        return "bundle"
    return stem_of(suffix).lower() if suffix.upper().endswith(".TIF") else suffix


def _quoted(href: str) -> str:
    # The address of an object is no URL: readers take it as it is.
    return href if "://" in href else quote(href)


def _asset(
    product: ProductId | ArdId, label: Label, suffix: str, facts: SceneFacts, file: ItemFile
) -> Json:
    family = _family(product)
    asset: Json = {
        "href": _quoted(file.href),
        "type": _type(suffix, file.samples),
        "roles": list(label.roles),
        "file:size": file.size_bytes,
        **({"title": label.title} if label.title else {}),
        **_sentence(product, label, suffix),
        **_checksum(file.digests),
        **_bands(family, label, suffix),
    }
    if file.georeference:
        asset |= _projection(file.georeference)
    if suffix.upper().endswith(".TIF"):
        scaling = scaling_of(stem_of(suffix), _is_level_1(product), facts.rescaling or {})
        asset |= _raster(file, scaling)
    bitfields = bitfields_of(family, product.satellite, suffix)
    return asset | ({"classification:bitfields": bitfields} if bitfields else {})


def _sentence(product: ProductId | ArdId, label: Label, suffix: str) -> Json:
    if isinstance(product, ArdId):
        return {}
    description = description_of(label, suffix, product.level[1])
    return {"description": description} if description else {}


def _is_level_1(product: ProductId | ArdId) -> bool:
    return isinstance(product, ProductId) and product.level.startswith("L1")


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
    """Return the spectral band of a file; empty if it is not a spectral band."""
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
    """Return type and scaling of the values: at the asset, as in STAC 1.1, and as a band."""
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
