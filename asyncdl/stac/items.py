"""Which items a product has, and the digests they state. Pure.

Source: recorded items of 2021 and 2022; API notes, section 8.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson
from msgspec import Struct, structs

from asyncdl.outside import TooMuch, check_values

_FORMS = {"1340": ("sha512", 128), "1220": ("sha256", 64)}
"""Code of the algorithm and length of its value, in hex: the algorithm, and its hex digits."""
_CODE_DIGITS = 4
_HEX = re.compile(r"[0-9a-f]+")


class FileDigest(Struct, frozen=True, eq=False):
    """The digest of one file.

    A job keeps thousands of them. The garbage collector, which keeps the loop meanwhile, has
    nothing to do with structs of texts.
    """

    algorithm: str
    """``sha512`` or ``sha256``."""
    value: str
    """Lower-case hex."""
    archived_at: str = ""
    """Address of the file in the archive, such as ``s3://usgs-landsat/…``; empty if not stated. It
    does not count in comparisons."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FileDigest):
            return NotImplemented
        return (self.algorithm, self.value) == (other.algorithm, other.value)

    def __ne__(self, other: object) -> bool:
        # That of structs compares all fields.
        return not self == other

    def __hash__(self) -> int:
        return hash((self.algorithm, self.value))


def parse_multihash(text: object) -> FileDigest | None:
    """Read a ``file:checksum``.

    Returns: ``None``, if it is not a SHA-2 digest in hex.
    Source: the ``file`` extension of STAC; the multihash table; API notes, section 8.
    """
    if not isinstance(text, str):
        return None
    lowered = text.strip().lower()
    algorithm, digits = _FORMS.get(lowered[:_CODE_DIGITS], ("", 0))
    value = lowered[_CODE_DIGITS:]
    if algorithm and len(value) == digits and _HEX.fullmatch(value):
        return FileDigest(algorithm, value)
    return None


Json: TypeAlias = Any
Digests: TypeAlias = dict[str, FileDigest]
"""File name to digest."""

_PRODUCT_ID = re.compile(r"L[COTEM]0[1-9]_(L[12][A-Z]{2})_\d{6}_\d{8}_\d{8}_02_(?:T1|T2|RT)")
_REFLECTANCE = ("_SR", "landsat-c2l2-sr")
_TEMPERATURE = ("_ST", "landsat-c2l2-st")
_LEVEL_1 = ("", "landsat-c2l1")
_KINDS = {
    "L1GS": (_LEVEL_1,),
    "L1GT": (_LEVEL_1,),
    "L1TP": (_LEVEL_1,),
    "L2SP": (_REFLECTANCE, _TEMPERATURE),
    "L2SR": (_REFLECTANCE,),
}
"""Level to the items of a product: what follows its id, and their collection."""

_log = logging.getLogger("asyncdl.stac")


class NotAnItemCollection(ValueError):
    """A response is not an item collection."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A request for one page of a search."""

    url: str
    body: bytes | None
    """``None`` makes it a GET."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the results of a search."""

    items: dict[str, Digests]
    """Item id to the digests that the item states; there may be none."""
    next: Json
    """The link to the next page as it came, or ``None``."""
    scene_ids: dict[str, str] = field(default_factory=dict)
    """Item id to the entity id of its scene, where it is stated."""


def items_of(product_id: str) -> dict[str, str]:
    """Return the ids of a product's items with their collections; none outside Collection 2."""
    match = _PRODUCT_ID.fullmatch(product_id)
    kinds = _KINDS.get(match[1], ()) if match else ()
    return {f"{product_id}{suffix}": collection for suffix, collection in kinds}


def search_body(items: Mapping[str, str]) -> Json:
    """Return the body of a search for the items with these ids and collections."""
    return {
        "ids": list(items),
        "collections": sorted(set(items.values())),
        "limit": len(items),
    }


def read_page(body: bytes) -> Page:
    """Read a response. Invalid items and assets are left out.

    Raises: NotAnItemCollection.
    """
    try:
        check_values(body)
        page = orjson.loads(body)
    except TooMuch as error:
        raise NotAnItemCollection(f"it {error}") from None
    except orjson.JSONDecodeError:
        raise NotAnItemCollection("it is not JSON") from None
    features = page.get("features") if isinstance(page, dict) else None
    if not isinstance(features, list):
        raise NotAnItemCollection("there is no list of items in it")
    return Page(
        dict(_read_items(features)), _next_link(page.get("links")), dict(_scene_ids(features))
    )


def next_page(sent: Json, link: Json, origin: str) -> PageRequest | None:
    """Return the request that a link to the next page stands for.

    Args:
        sent: Body of the request for the page before.
        link: As in :attr:`Page.next`.
        origin: Such as ``https://host``; links elsewhere are not followed.
    Source: STAC API, item search, paging.
    """
    href = link.get("href") if isinstance(link, dict) else None
    if not isinstance(href, str):
        return None
    if not href.startswith(f"{origin}/"):
        _log.warning("the link to the next page leads to another host; it is not followed")
        return None
    if str(link.get("method", "GET")).upper() != "POST":
        return PageRequest(href, None)
    body = link.get("body")
    own = body if isinstance(body, dict) else {}
    return PageRequest(href, orjson.dumps({**sent, **own} if link.get("merge") else own))


def merge(stated: Iterable[Digests]) -> Digests:
    """Merge the digests that the items of one product state; some files are in several."""
    merged: Digests = {}
    doubtful = set()
    for digests in stated:
        for name, digest in digests.items():
            if merged.setdefault(name, digest) != digest:
                doubtful.add(name)
    for name in doubtful:
        _log.warning("%s: the items disagree about its digest, so it counts as unknown", name)
        del merged[name]
    return merged


def _read_items(features: list[Json]) -> Iterator[tuple[str, Digests]]:
    for feature in features:
        item_id = feature.get("id") if isinstance(feature, dict) else None
        if isinstance(item_id, str):
            yield item_id, _read_assets(item_id, feature.get("assets"))


def _scene_ids(features: list[Json]) -> Iterator[tuple[str, str]]:
    for feature in features:
        match feature:
            case {"id": str(item_id), "properties": {"landsat:scene_id": str(scene_id)}}:
                yield item_id, scene_id


def _read_assets(item_id: str, assets: Json) -> Digests:
    digests = {}
    for asset in assets.values() if isinstance(assets, dict) else ():
        if not isinstance(asset, dict) or "file:checksum" not in asset:
            continue  # older items have none
        name, digest = _file_name(asset.get("href")), parse_multihash(asset["file:checksum"])
        if name and digest:
            digests[name] = structs.replace(digest, archived_at=_archived_at(asset))
        else:
            _log.info("%s: a digest that cannot be read: %.60r", item_id, asset["file:checksum"])
    return digests


def _archived_at(asset: Json) -> str:
    """Return where an asset is on S3. Source: the ``alternate-assets`` extension of STAC."""
    match asset.get("alternate"):
        case {"s3": {"href": str(href)}} if href.startswith("s3://"):
            return href
    return ""


def _file_name(href: object) -> str:
    if not isinstance(href, str):
        return ""
    return href.partition("?")[0].partition("#")[0].rpartition("/")[2]


def _next_link(links: Json) -> Json:
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") == "next":
            return link
    return None
