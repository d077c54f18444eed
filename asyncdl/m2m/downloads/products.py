"""Which of a scene's products a bundle means: by code, by words of its name, or as a whole. Pure.

Many datasets list one scene as several products: six tars of an ARD tile, three formats
of an elevation model, a picture in full resolution and compressed. The user chooses one
of them, unless one is clearly the scene as a whole.

Source: API notes, sections 5.1 and 12a.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from asyncdl.m2m.models import DownloadOption
from asyncdl.m2m.naming import parse_product_id
from asyncdl.text import closest

Rows: TypeAlias = Sequence[DownloadOption]

NEVER_REQUESTED = frozenset({"folder", "wms"})
"""A folder is only the container of its secondaries; a map service serves pictures."""

OWN_BUNDLE_SYSTEMS = frozenset({"ls_zip", "dds_ms"})
"""Systems that deliver a Landsat scene with all its files: at once, or after preparation."""

_BROWSE_SYSTEM = "ls_frb"
_SYSTEM_RANKS = {"ls_zip": 0, "ls_s3": 0, "dds_ms": 1, "dds": 2}
"""Those that deliver at once come first; fresh scenes only have the others."""
_WORD = re.compile(r"[^\W_]+")
_WHOLE_NAMES = (("product", "bundle"), ("bundle",), ("full", "resolution"))
"""Words in the name of a product that is the whole scene; the first match decides."""
_LESSER_WORDS = frozenset(
    {"compressed", "reduced", "preview", "thumbnail", "metadata", "quicklook"}
)
"""A product with one of these in its name is less than the scene."""


@dataclass(frozen=True, slots=True, order=True)
class ListedProduct:
    """A product as a scene lists it."""

    code: str
    """Such as ``D773``; empty if the service gives none."""
    name: str
    size_bytes: int = 0
    """Of one scene, as listed; 0 if not stated."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """A choice that several products match."""

    wanted: str | None
    """The config's choice; ``None`` without one."""
    candidates: tuple[ListedProduct, ...]


@dataclass(frozen=True, slots=True)
class ProductsSeen:
    """Products of the scenes so far; ``|`` adds those of others."""

    found: frozenset[str] = frozenset()
    """The config's choices for which at least one scene has a product."""
    listed: tuple[ListedProduct, ...] = ()
    """Each once, by code and name; those that can be downloaded."""
    contained: frozenset[str] = frozenset()
    """Codes of products that only contain single files."""

    def __or__(self, other: ProductsSeen) -> ProductsSeen:
        by_name = {(p.code, p.name): p for p in (*other.listed, *self.listed)}
        return ProductsSeen(
            self.found | other.found,
            tuple(sorted(by_name.values())),
            self.contained | other.contained,
        )


def is_downloadable(row: DownloadOption) -> bool:
    """Return whether a row may ever be requested, offered now or not."""
    return row.download_system not in NEVER_REQUESTED


def is_offered(row: DownloadOption) -> bool:
    """Return whether to request a row; if the service does not say, a request is tried."""
    stated = (row.available, row.bulk_available)
    is_withheld = any(flag is not None and not flag for flag in stated)
    return not is_withheld and is_downloadable(row)


def is_stated_available(row: DownloadOption) -> bool:
    """Return whether the service says that a row can be requested now."""
    return bool(row.available) and bool(row.bulk_available)


def is_own_bundle(row: DownloadOption, scene: str) -> bool:
    """Return whether a row is the tar of a Landsat scene with all its files.

    Tiles and other datasets have tars too, whose contents are not listed.

    Args:
        row: Of the scene.
        scene: Its display id.
    """
    is_bundle = row.download_system in OWN_BUNDLE_SYSTEMS or "bundle" in _words(row.product_name)
    return is_bundle and is_downloadable(row) and parse_product_id(scene) is not None


def rank_of_system(row: DownloadOption) -> int:
    """Return a lower rank for systems that deliver sooner."""
    return _SYSTEM_RANKS.get(row.download_system or "", len(_SYSTEM_RANKS))


def listed_product(row: DownloadOption) -> ListedProduct:
    """Return a row as it is shown to people."""
    name = row.product_name or row.download_name or ""
    return ListedProduct(row.product_code or "", name, row.filesize or 0)


def find_products(rows: Rows, wanted: str) -> list[DownloadOption]:
    """Return the rows that match a config's ``product``.

    The code is tried first, then the whole name, then names that contain all the words.
    Case and punctuation do not matter.
    """
    code, words = wanted.strip().casefold(), _words(wanted)
    by_code = [row for row in rows if (row.product_code or "").casefold() == code]
    by_name = [row for row in rows if words and words in _names(row)]
    by_words = [row for row in rows if words and set(words) <= _all_words(row)]
    return by_code or by_name or by_words


def choose(rows: Rows, wanted: str | None, scene: str = "") -> DownloadOption | Unclear | None:
    """Choose the row of a scene for a bundle.

    Args:
        rows: All rows of the scene.
        wanted: The config's ``product``; ``None`` means the scene as a whole.
        scene: Its display id.
    Returns: A row, offered now if one of its kind is; ``None`` if there is none.
    """
    candidates = [row for row in rows if is_downloadable(row)]
    if wanted is not None:
        return _only(_by_name(find_products(candidates, wanted)), wanted)
    # Rows that are not offered now count, too: otherwise the choice would change daily.
    whole = [row for row in candidates if not _is_browse(row)]
    own = [row for row in whole if is_own_bundle(row, scene)]
    if own:
        return min(own, key=_rank)
    return _only(_most_whole(_by_name(whole)), wanted)


def products_seen(rows: Rows, wanted: Iterable[str]) -> ProductsSeen:
    """Return the products of one scene."""
    candidates = [row for row in rows if is_downloadable(row)]
    return ProductsSeen(
        found=frozenset(words for words in wanted if find_products(candidates, words)),
        listed=tuple({(p.code, p.name): p for p in map(listed_product, candidates)}.values()),
        contained=frozenset(
            row.product_code.casefold()
            for row in rows
            if row.download_system == "folder" and row.product_code
        ),
    )


def closest_product(wanted: str, listed: Iterable[ListedProduct]) -> ListedProduct | None:
    """Return the product whose code, or words of its name, are most similar."""
    known = tuple(listed)
    by_code = {product.code.casefold(): product for product in known if product.code}
    close = closest(wanted.strip().casefold(), by_code, likeness=0.7)
    if close:
        return by_code[close[0]]
    words = _words(wanted)
    scored = [(sum(_is_like(word, p.name) for word in words), p) for p in known]
    most, product = max(scored, key=lambda pair: pair[0], default=(0, None))
    return product if most else None


def _is_like(word: str, name: str) -> bool:
    return bool(closest(word, _words(name), likeness=0.8))


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(_WORD.findall((text or "").casefold()))


def _names(row: DownloadOption) -> tuple[tuple[str, ...], ...]:
    return (_words(row.product_name), _words(row.download_name))


def _all_words(row: DownloadOption) -> set[str]:
    return {word for name in _names(row) for word in name}


def _is_browse(row: DownloadOption) -> bool:
    return row.download_system == _BROWSE_SYSTEM or "browse" in _words(row.product_name)


def _by_name(rows: Iterable[DownloadOption]) -> list[Rows]:
    """Group the rows of one product that several systems deliver."""
    groups: dict[tuple[str, ...], list[DownloadOption]] = {}
    for row in rows:
        name = _words(row.product_name) or _words(row.download_name) or (row.id,)
        groups.setdefault(name, []).append(row)
    return list(groups.values())


def _most_whole(groups: list[Rows]) -> list[Rows]:
    """Return the product that is clearly the whole scene, if there is one; otherwise all."""
    greater = [group for group in groups if _LESSER_WORDS.isdisjoint(_all_words(group[0]))]
    for name in _WHOLE_NAMES:
        called = [group for group in greater if set(name) <= set(_words(group[0].product_name))]
        if len(called) == 1:
            return called
        if called:
            break  # several of this name
    return greater if len(greater) == 1 else groups


def _only(groups: list[Rows], wanted: str | None) -> DownloadOption | Unclear | None:
    if len(groups) > 1:
        return Unclear(wanted, tuple(sorted(listed_product(min(g, key=_rank)) for g in groups)))
    return min(groups[0], key=_rank) if groups else None


def _rank(row: DownloadOption) -> tuple[bool, bool, int, int, str]:
    # The id at the end makes the choice deterministic.
    return (
        not is_offered(row),
        not is_stated_available(row),
        rank_of_system(row),
        -(row.filesize or 0),
        row.id,
    )
