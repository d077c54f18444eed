"""Write ``items.md``: what STAC items here say, against what the service's own items say.

::

    python docs/make_items.py FOLDER

The folder holds items of the service (``…_stac.json``), and where there are any the ``MTL``
files of the same products beside them. Without them an item is made from the service's own.
The page on record is of the folder ``tests/data-files`` of the public repository
``stactools-packages/landsat`` (version 0.5.0) and of two items that the source distribution of
odc-stac 0.5.3 has in ``tests/data``, together with those in ``tests/data`` here.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from asyncdl.items.facts import SceneFacts, crosses_itself
from asyncdl.items.item import ItemFile, make_item
from asyncdl.items.metadata import footprint_of, read_facts
from asyncdl.items.published_item import read_item
from asyncdl.m2m.naming import file_suffix, parse_product_id
from asyncdl.m2m.searching.rings import signed_area

Json: TypeAlias = dict[str, Any]

PAGE = Path(__file__).with_name("items.md")
SAMPLES = Path(__file__).parents[1] / "tests" / "data"
EQUAL, ABSENT = "=", "·"
NOTHING = SceneFacts()
METRE = 1e-5
"""Degrees."""

_ITEM_ID = re.compile(r"(L[COTEM]0\d_L\d.._\d{6}_\d{8}_\d{8}_02_(?:T1|T2|RT))(?:_(SR|ST))?")


@dataclass(frozen=True)
class Meant:
    """A difference that is meant."""

    reason: str
    holds: Callable[[Any, Any], bool]
    """Whether the service's value and ours differ in this way, and no other."""


@dataclass(frozen=True)
class Pair:
    """One item of the service, and ours of the same product."""

    name: str
    theirs: Json
    ours: Json
    has_metadata: bool
    """Whether ours is made from the product's metadata, and not from the service's item."""


# --- what is compared ---------------------------------------------------------------------


def _spelling(theirs: Any, ours: Any) -> bool:
    """Upper case and underscores there, lower case and hyphens here; ``etm+`` is ETM."""

    def plain(value: Any) -> list[str]:
        texts = value if isinstance(value, list) else [value]
        return [re.sub(r"[-_+]", "", str(text).lower()) for text in texts]

    return plain(theirs) == plain(ours)


def _turn(theirs: Any, ours: Any) -> bool:
    return bool(abs((theirs - ours) % 360) < 1e-9)


def _longer(theirs: Any, ours: Any) -> bool:
    return len(str(theirs)) == 10 and str(ours).startswith(f"{theirs}T")


def _padded(theirs: Any, ours: Any) -> bool:
    return str(theirs).zfill(3) == str(ours)


def _near(theirs: Any, ours: Any) -> bool:
    return all(abs(a - b) < METRE for a, b in zip(_flat(theirs), _flat(ours), strict=True))


def _bound(theirs: Any, ours: Any) -> bool:
    return bool(ours[0] > ours[2])


def _one_file(theirs: Any, ours: Any) -> bool:
    """The service's sentence is ours with the part it is in, another band, or another level."""
    words = set(re.findall(r"[A-Za-z]+", ours))
    other = set(re.findall(r"[A-Za-z]+", theirs))
    return words - other <= _OWN_SLIPS or other - words <= _OWN_SLIPS


_OWN_SLIPS = {"Surface", "Reflectance", "Temperature", "ANG", "Top", "of", "Atmosphere"}
_OWN_SLIPS |= {"Radiance", "QA", "PIXEL", "B", "Landsat", "Product", "Collection", "Level"}
_OWN_SLIPS |= {"Analysis", "Opacity", "Quality", "Assessment"}


def _flat(value: Any) -> Iterator[float]:
    if isinstance(value, list):
        for part in value:
            yield from _flat(part)
    elif isinstance(value, dict):
        for name in ("type", "coordinates"):
            yield from _flat(value[name])
    elif isinstance(value, int | float):
        yield value


def _polygons(geometry: Json) -> list[Any]:
    coordinates: list[Any] = geometry["coordinates"]
    return [coordinates] if geometry["type"] == "Polygon" else coordinates


MEANT: Mapping[str, Meant] = {
    "a": Meant(
        "STAC asks for lower case, and stactools and others write `landsat-8` and `oli`, too.",
        _spelling,
    ),
    "b": Meant("STAC asks for 0 to 360 degrees; it is the same direction.", _turn),
    "c": Meant("The day alone there, the moment here: older items lack it.", _longer),
    "d": Meant("Three digits, as in all later items of the service.", _padded),
    "e": Meant("Rounded to five digits of a degree, which is a metre.", _near),
    "g": Meant("The box around all parts, from the east where the antimeridian cuts them.", _bound),
    "h": Meant(
        "The service has two sentences for a file that stands in two items, and slips in some "
        "(a wrong band or level); here every file has one, by one pattern.",
        _one_file,
    ),
    "i": Meant(
        "One item for each product, with all files that are here; the service has one for "
        "reflectance and one for temperature, with ids, collections and texts of their own.",
        lambda theirs, ours: str(theirs).partition("_S")[0] == str(ours)
        or str(ours).startswith("Landsat Collection 2 Level-")
        or str(theirs).startswith("landsat-c2l"),
    ),
    "j": Meant("A moment of the service's own server; an item here changes with its files only.",
               lambda theirs, ours: ours is None),
    "k": Meant("`href` is a path to the file that is here, relative to the item.",
               lambda theirs, ours: not ours.startswith("https:")),
    "l": Meant("Where else the file could be fetched: `via` leads to the item that says so.",
               lambda theirs, ours: ours is None),
    "m": Meant("Newer versions of STAC and its extensions.", lambda theirs, ours: True),
    "n": Meant("Links to the collection beside the item, and `via` to those of the service.",
               lambda theirs, ours: True),
    "o": Meant("A slip there: a capital letter within a word.",
               lambda theirs, ours: theirs.lower() == ours.lower()),
    "p": Meant("The polygon there crosses itself at the antimeridian; here it is that of the angle "
               "coefficients, cut in two.", lambda theirs, ours: True),
}  # fmt: skip

_PROPERTIES = {
    "datetime": "c",
    "eo:cloud_cover": "",
    "view:sun_azimuth": "b",
    "view:sun_elevation": "",
    "view:off_nadir": "",
    "platform": "a",
    "instruments": "a",
    "landsat:scene_id": "",
    "landsat:cloud_cover_land": "",
    "landsat:wrs_type": "",
    "landsat:wrs_path": "d",
    "landsat:wrs_row": "d",
    "landsat:collection_category": "",
    "landsat:collection_number": "",
    "landsat:correction": "",
    "proj:epsg": "",
    "proj:shape": "",
    "proj:transform": "",
    "created": "j",
    "updated": "j",
}
"""Properties, and the differences that are meant in each."""
_ITEM = {
    "id": "i", "collection": "i", "description": "i", "geometry": "ep", "bbox": "egp",
    "stac_version": "m", "stac_extensions": "m", "links": "n",
}  # fmt: skip
_ASSET = {
    "title": "o", "description": "h", "type": "", "roles": "", "eo:bands": "", "href": "k",
    "alternate": "l", "file:checksum": "",
}  # fmt: skip


def rows_of(pair: Pair) -> dict[str, str]:
    """Return for each field ``=``, ``·`` or the letter of a difference that is meant.

    Raises: AssertionError, for any other difference.
    """
    theirs, ours = modern(pair.theirs), pair.ours
    rows: dict[str, str] = {}
    for name, letters in _ITEM.items():
        mine = ours["properties"].get(name) if name == "description" else ours.get(name)
        rows[name] = verdict(pair, name, theirs.get(name), mine, letters)
    for name, letters in _PROPERTIES.items():
        value = theirs["properties"].get(name)
        rows[name] = verdict(pair, name, value, ours["properties"].get(name), letters)
    unknown = theirs["properties"].keys() - _PROPERTIES.keys()
    if unknown:
        raise SystemExit(f"{pair.name}: nothing is said of {sorted(unknown)}")
    return rows | _asset_rows(pair, theirs["assets"], ours["assets"])


def _asset_rows(pair: Pair, theirs: Json, ours: Json) -> dict[str, str]:
    by_file = {_file_of(asset): key for key, asset in ours.items()}
    found: dict[str, set[str]] = {f"asset {name}": set() for name in ("key", *_ASSET)}
    for key, asset in theirs.items():
        own_key = by_file.get(_file_of(asset), key)
        mine = ours[own_key]
        is_new = not key.endswith(".TIF")  # keys of the oldest items are names of files
        found["asset key"].add(verdict(pair, key, key if is_new else None, own_key, ""))
        for name, letters in _ASSET.items():
            value, my_value = asset.get(name), mine.get(name)
            if name == "eo:bands":
                value, my_value = _band(asset), _band(mine)
            if (key, name) == ("index", "href") and value and my_value.startswith(value):
                value = my_value  # the oldest items lead to the folder of the page
            found[f"asset {name}"].add(verdict(pair, f"{key} {name}", value, my_value, letters))
    return {name: _together(verdicts) for name, verdicts in found.items()}


def _band(asset: Json) -> Any:
    """Return what an asset says of its part of the spectrum, the size of its pixels included."""
    bands = asset.get("eo:bands")
    if not bands:
        return None
    names = ("name", "common_name", "center_wavelength")
    return [[bands[0].get(name) for name in names], bands[0].get("gsd", asset.get("gsd"))]


def _together(verdicts: set[str]) -> str:
    letters = sorted(verdicts - {EQUAL, ABSENT})
    return ", ".join(letters) if letters else EQUAL if EQUAL in verdicts else ABSENT


def verdict(pair: Pair, name: str, theirs: Any, ours: Any, letters: str) -> str:
    """Compare one field. Raises: AssertionError, for a difference that nobody meant."""
    if theirs is None:
        return ABSENT
    if theirs == ours:
        return EQUAL
    for letter in letters:
        if letter == "e" and len(list(_flat(theirs))) != len(list(_flat(ours))):
            continue
        if letter == "p" and not _crosses(pair.theirs["geometry"]):
            continue
        if MEANT[letter].holds(theirs, ours):
            return letter
    raise AssertionError(f"{pair.name}: {name} is {theirs!r} there and {ours!r} here")


def _crosses(geometry: Json) -> bool:
    outlines = [tuple((x, y) for x, y in polygon[0][:-1]) for polygon in _polygons(geometry)]
    return any(map(crosses_itself, outlines))


def _file_of(asset: Json) -> str:
    return str(asset["href"].rpartition("/")[2])


def modern(item: Json) -> Json:
    """Return an item of the service with the names of 2021 for what it called otherwise before."""
    properties = dict(item["properties"])
    for name in ("sun_azimuth", "sun_elevation", "off_nadir"):
        if f"eo:{name}" in properties:
            properties[f"view:{name}"] = properties.pop(f"eo:{name}")
    if "view:off_nadir" in properties:
        properties["view:off_nadir"] = abs(properties["view:off_nadir"])
    bands = properties.pop("eo:bands", [])
    assets = {key: _with_bands(asset, bands) for key, asset in item["assets"].items()}
    if "eo:platform" in properties:
        properties["platform"] = properties.pop("eo:platform")
        properties["instruments"] = properties.pop("eo:instrument").split("_")
    geometry = _from_upper_left(item["geometry"])
    return {**item, "properties": properties, "geometry": geometry, "assets": assets}


def _with_bands(asset: Json, bands: list[Json]) -> Json:
    """Return an asset with its band in place of the band's number, as the oldest items have it.

    Their temperature has another name (``tir11``) and the size of the pixels of the product.
    """
    number = (asset.get("eo:bands") or [None])[0]
    if not isinstance(number, int):
        return asset
    band = bands[number]
    is_temperature = band["name"].startswith("ST_")
    renamed = {**band, "name": band["name"].removeprefix("SR_")}
    return {**asset, "eo:bands": None if is_temperature else [renamed]}


def _from_upper_left(geometry: Json) -> Json:
    """Return a polygon that runs counter-clockwise from its first corner here."""
    if geometry["type"] != "Polygon":
        return geometry
    ring = [tuple(at) for at in geometry["coordinates"][0]]
    is_clockwise = signed_area(ring) < 0
    return {
        **geometry,
        "coordinates": [[list(at) for at in (ring[::-1] if is_clockwise else ring)]],
    }


# --- where from ---------------------------------------------------------------------------


def pairs_of(folders: Iterable[Path]) -> Iterator[Pair]:
    """Yield the items of the service in some folders, each with ours of the same product."""
    seen: set[str] = set()
    paths = sorted(path for folder in folders for path in folder.rglob("*.json"))
    for path in paths:
        match = _ITEM_ID.search(path.name) or _ITEM_ID.search(_id_in(path))
        if match is None or path.name.endswith("MTL.json"):
            continue
        theirs = json.loads(path.read_bytes())
        if theirs.get("type") != "Feature" or "assets" not in theirs:
            continue
        if any(key.startswith("asyncdl:") for key in theirs["properties"]):
            continue  # one of ours
        if f"{match[0]} {theirs['stac_version']}" in seen:
            continue
        seen.add(f"{match[0]} {theirs['stac_version']}")
        facts = facts_beside(path, match[1])
        ours = ours_of(match[1], facts, theirs, angles_beside(path, match[1], facts))
        yield Pair(match[0], theirs, ours, facts != SceneFacts())


def _id_in(path: Path) -> str:
    found = re.search(r'"id": "([^"]+)"', path.read_text(encoding="utf-8", errors="replace")[:4000])
    return found[1] if found else ""


def facts_beside(path: Path, scene: str) -> SceneFacts:
    """Return what the ``MTL`` files beside an item of the service say."""
    facts = SceneFacts()
    for ending in ("MTL.json", "MTL.txt", "MTL.xml"):
        metadata = path.with_name(f"{scene}_{ending}")
        if metadata.exists():
            facts = facts.or_else(read_facts(metadata.read_text(encoding="utf-8")))
    return facts


def angles_beside(path: Path, scene: str, facts: SceneFacts) -> SceneFacts:
    """Return the footprint of the ``ANG`` file beside an item of the service, if there is one."""
    angles = path.with_name(f"{scene}_ANG.txt")
    if not angles.exists():
        return SceneFacts()
    return SceneFacts(footprint=footprint_of(angles.read_text(encoding="utf-8"), facts.grid))


def ours_of(scene: str, facts: SceneFacts, theirs: Json, angles: SceneFacts = NOTHING) -> Json:
    """Return our item of a product, with the service's footprint, which the search tells, too.

    Args:
        scene: Id of the product.
        facts: Of its metadata; without them, those of the service's item serve.
        theirs: The service's item.
        angles: What the angle coefficients say of the footprint.
    """
    own = read_item(json.dumps(theirs))
    facts = facts.or_else(own if facts == SceneFacts() else SceneFacts(footprint=own.footprint))
    facts = facts.or_else(angles)
    files = []
    for asset in theirs["assets"].values():
        name = _file_of(asset)
        if file_suffix(name, scene) != name:
            digest = {"sha512": asset["file:checksum"][4:]} if "file:checksum" in asset else {}
            files.append(ItemFile(name, f"../{name}", 1, digest))
    return make_item(scene, facts, files)


# --- the page -----------------------------------------------------------------------------

HEAD = """\
<!-- Written by docs/make_items.py from items of the USGS. Do not edit. -->

# STAC items, field by field

What the [STAC items](howto/stac.md) that asyncdl writes say, against what the USGS's own items of
the same products say: {count} items of {products} products, of Landsat {satellites} and the
instruments {instruments}, recorded from 2020 to 2022. In {measured} cases ours was made from the
`MTL` file of the product, else from what the USGS's item says of time, light and place.

`=` equal, `·` the USGS's item lacks the field; a letter is a difference that is meant, explained
[below](#differences-that-are-meant). There are no others: the page cannot be written with one.

"""


def page(pairs: list[Pair]) -> str:
    """Return the whole page."""
    columns = [rows_of(pair) for pair in pairs]
    products = [p for pair in pairs if (p := parse_product_id(pair.name[:40]))]
    head = HEAD.format(
        count=len(pairs),
        products=len({str(product) for product in products}),
        satellites=_listed(sorted({str(product.satellite) for product in products})),
        instruments=_listed(["MSS", "TM", "ETM+", "OLI", "TIRS"]),
        measured=sum(pair.has_metadata for pair in pairs),
    )
    lines = [head, "| | item | STAC |\n|---|---|---|\n"]
    lines += [f"| {n} | `{pair.theirs['id']}` | {pair.theirs['stac_version']} |\n"
              for n, pair in enumerate(pairs, 1)]  # fmt: skip
    numbers = range(1, len(pairs) + 1)
    lines.append("\n| field | " + " | ".join(map(str, numbers)) + " |\n")
    lines.append("|---" * (len(pairs) + 1) + "|\n")
    for name in columns[0]:
        cells = " | ".join(rows[name] for rows in columns)
        lines.append(f"| `{name}` | {cells} |\n")
    lines.append("\n## Differences that are meant\n\n| | why |\n|---|---|\n")
    lines += [f"| {letter} | {meant.reason} |\n" for letter, meant in MEANT.items()]
    return "".join((*lines, TAIL))


TAIL = """
## What the USGS's items lack

Ours also have `gsd`, widths of the bands, `raster:bands` with scale, offset, unit, type and the
value of no data, `classification:bitfields` of the quality bands, `file:size`, `sci:doi`, and
`proj:shape` and `proj:transform` of each file. Of all this, and of the properties, `make readers`
compares what stactools makes of the same `MTL` files.
"""


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"


def main() -> None:
    pairs = list(pairs_of([SAMPLES, *map(Path, sys.argv[1:])]))
    PAGE.write_text(page(pairs), encoding="utf-8")


if __name__ == "__main__":
    main()
