"""From the products a config asks for to the exact downloads to request. Pure.

Every row of a scene repeats the same secondary files, and two products of one
job may want the same file: each (entity, product) is returned once.

Source: API notes, section 5.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import msgspec
from msgspec import Struct

from asyncdl.errors import ConfigError
from asyncdl.m2m.bands import (
    BUNDLE_SUFFIXES,
    common_names,
    match_bands,
    should_have,
    stem_of,
    suggest,
)
from asyncdl.m2m.downloads.products import (
    ProductsSeen,
    Unclear,
    choose,
    is_offered,
    is_own_bundle,
    is_stated_available,
    listed_product,
    products_seen,
    rank_of_system,
)
from asyncdl.m2m.models import Checksum, DatasetFileGroups, DownloadOption
from asyncdl.m2m.naming import file_suffix
from asyncdl.text import did_you_mean


@dataclass(frozen=True, slots=True)
class BandsWanted:
    """Single files of every scene, by band words."""

    kind: ClassVar[str] = "bands"
    bands: tuple[str, ...]
    """See :mod:`asyncdl.m2m.bands`."""


@dataclass(frozen=True, slots=True)
class BundleWanted:
    """Every scene as one file."""

    kind: ClassVar[str] = "bundle"
    members: tuple[str, ...] | None = None
    """Members to unpack, by band words; empty for all, ``None`` to unpack nothing."""
    product: str | None = None
    """Which of several products: a code, or words of a name. ``None`` for the whole scene."""
    keeps_archive: bool = True
    """Whether the archive stays after it was unpacked."""


@dataclass(frozen=True, slots=True)
class GroupWanted:
    """All single files of whole file groups."""

    kind: ClassVar[str] = "band_group"
    file_groups: tuple[str, ...]
    """Such as ``ls_c2l2_sr_band``."""


Wanted: TypeAlias = BandsWanted | BundleWanted | GroupWanted
"""One ``[[products]]`` entry of a config."""


class WantedFile(Struct, frozen=True, eq=False, gc=False):
    """One download to request.

    A job has thousands at once; they contain no cycles, so the garbage collector need not look
    at them. Two are the same if all fields are but those that only say more of the same file.
    """

    entity_id: str
    """The file's own: a secondary file requested by its scene's entity is refused."""
    product_id: str
    """What a request sends as ``productId``; not to be confused with ``scene``."""
    scene: str
    """Display id of the scene it belongs to."""
    file_name: str
    """Such as ``…_SR_B4.TIF`` or ``….tar``. A bundle of another kind of dataset is
    named like its scene, without a file extension, which only the host knows."""
    kinds: tuple[str, ...]
    """Kinds of the products that want it, each once, in the config's order."""
    size_bytes: int | None
    """Exact; ``None`` for bundles, which are made on the fly, and if not stated."""
    estimate_bytes: int
    """The listed size, for plans and progress; 0 if not stated. Of a window what it may have."""
    checksums: tuple[Checksum, ...] = ()
    """Digests that the service states."""
    download_system: str | None = None
    members: Mapping[str, tuple[Checksum, ...]] = msgspec.field(default_factory=dict)
    """Files that a bundle should contain, and the digests that the service states for them."""
    catalogued: Mapping[str, Checksum] = msgspec.field(default_factory=dict)
    """Digests of the file and its members in a catalogue beside the service, by file name."""
    unpacked_bytes: int = 0
    """Estimated size of what is unpacked; 0 if nothing is, or its size is not stated."""
    unpacked: tuple[str, ...] | None = None
    """Members to unpack, by band words; empty for all, ``None`` to unpack nothing."""
    keeps_archive: bool = True
    """Whether a bundle stays after it was unpacked."""
    product_code: str = ""
    """Such as ``D773``; empty if the service gives none."""
    product_name: str = ""
    is_chosen: bool = False
    """Whether the config chose it among its scene's products."""
    scene_id: str = ""
    """Entity id of the scene it belongs to."""
    is_namesake: bool = False
    """Whether another scene, which came first, has the same display id."""
    window: str = ""
    """Name of the part that is wanted of its scene's rasters; empty for whole files."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WantedFile) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[object, ...]:
        return (
            self.entity_id,
            self.product_id,
            self.scene,
            self.file_name,
            self.kinds,
            self.size_bytes,
            self.estimate_bytes,
            self.checksums,
            self.download_system,
            self.product_code,
            self.is_chosen,
            self.scene_id,
            self.is_namesake,
            self.window,
        )

    def replace(self, **changes: Any) -> WantedFile:
        """Return the same file with some of its fields changed."""
        return msgspec.structs.replace(self, **changes)

    @property
    def whole_bytes(self) -> int:
        """The listed size of the whole file; 0 if not stated."""
        return self.estimate_bytes if self.size_bytes is None else self.size_bytes

    @property
    def is_cut(self) -> bool:
        """Whether only a window of it is fetched: of a raster, while texts come whole."""
        return bool(self.window) and self.file_name.upper().endswith(_RASTERS)


_RASTERS = (".TIF", ".TIFF")


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that a scene lacks; reported, but not an error."""

    scene: str
    kind: str
    """Kind of the product that wants it."""
    what: str
    """The band word, the file group, or ``bundle``."""
    reason: str
    is_absent: bool = False
    """True if the scene has no such file at all; false if it is not offered now."""
    unclear: Unclear | None = None
    """The products that match, if several do."""


@dataclass(frozen=True, slots=True)
class BandsSeen:
    """Bands of the scenes so far; ``|`` adds those of others."""

    words: frozenset[str] = frozenset()
    """Band words that at least one scene has a file for."""
    stems: frozenset[str] = frozenset()
    """Suffixes of all single files, without file extensions."""
    names: frozenset[str] = frozenset()
    """Common names of these files."""

    def __or__(self, other: BandsSeen) -> BandsSeen:
        return BandsSeen(
            self.words | other.words, self.stems | other.stems, self.names | other.names
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """The selected files of some scenes."""

    files: tuple[WantedFile, ...]
    """Scene by scene, in the order of products; each (entity, product) once."""
    missing: tuple[Missing, ...]
    bands: BandsSeen
    """For :func:`check_bands`, once enough scenes were seen."""
    products: ProductsSeen
    """The products of the scenes."""


class FileSelection:
    """Chooses the downloads of one scene after the other.

    Args:
        products: What the job wants.
    """

    def __init__(self, products: Sequence[Wanted]) -> None:
        self._products = products
        self._choices = [p.product for p in products if isinstance(p, BundleWanted) and p.product]
        self._files: dict[tuple[str, str], WantedFile] = {}
        self._missing: dict[Missing, None] = {}
        self._seen, self._listed = BandsSeen(), ProductsSeen()

    def add(self, rows: Iterable[DownloadOption]) -> None:
        """Add scenes, each with all of its rows.

        File groups are only known when they were asked for with secondary file groups.
        """
        for scene in _scenes(rows):
            self._add(scene)

    def _add(self, scene: _SceneRows) -> None:
        for product in self._products:
            found, lacking = _select(scene, product)
            self._missing |= dict.fromkeys(lacking)
            for file in found:
                key = (file.entity_id, file.product_id)
                self._files[key] = _merged(self._files.get(key), file)
        self._seen |= _bands_seen(scene, self._products)
        self._listed |= products_seen(scene.rows, self._choices)

    def result(self) -> Selection:
        """Return what was selected so far."""
        return Selection(
            tuple(self._files.values()), tuple(self._missing), self._seen, self._listed
        )


def select_files(options: Iterable[DownloadOption], products: Sequence[Wanted]) -> Selection:
    """Choose the downloads of some scenes.

    Args:
        options: Rows of ``download-options``, all rows of a scene in the same call.
            File groups are only known when they were asked for with secondary file groups.
        products: What the job wants.
    """
    selection = FileSelection(products)
    selection.add(options)
    return selection.result()


def _merged(known: WantedFile | None, file: WantedFile) -> WantedFile:
    if known is None:
        return file
    return known.replace(
        kinds=tuple(dict.fromkeys(known.kinds + file.kinds)),
        unpacked_bytes=max(known.unpacked_bytes, file.unpacked_bytes),
        unpacked=_unpacked_of_both(known.unpacked, file.unpacked),
        # An archive that another product wants is kept.
        keeps_archive=known.keeps_archive or file.keeps_archive,
        is_chosen=known.is_chosen or file.is_chosen,
    )


def _unpacked_of_both(
    one: tuple[str, ...] | None, other: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    if one is None or other is None:
        return other if one is None else one
    return tuple(dict.fromkeys((*one, *other))) if one and other else ()


@dataclass(frozen=True, slots=True)
class _SceneRows:
    """The rows of one scene."""

    entity_id: str
    display_id: str
    rows: list[DownloadOption]
    singles: Mapping[str, DownloadOption]
    """Single files by suffix, in the service's order; the best row for each."""


def _scenes(options: Iterable[DownloadOption]) -> Iterator[_SceneRows]:
    by_entity: dict[str, list[DownloadOption]] = {}
    for option in options:
        by_entity.setdefault(option.entity_id, []).append(option)
    for entity_id, rows in by_entity.items():
        display_id = scene_name(rows) or entity_id
        yield _SceneRows(entity_id, display_id, rows, _singles(display_id, rows))


def scene_name(rows: Iterable[DownloadOption]) -> str:
    """Return the display id of a scene out of its rows; empty if none of them has it."""
    return next((row.display_id for row in rows if row.display_id), "")


def _singles(scene: str, rows: Iterable[DownloadOption]) -> dict[str, DownloadOption]:
    best: dict[str, DownloadOption] = {}
    # Rows that repeat the same files share one list of them.
    lists = {id(row.secondary_downloads): row.secondary_downloads for row in rows}
    for files in lists.values():
        for file in files or ():
            suffix = file_suffix(_name_of(file, scene), scene)
            best[suffix] = min(best.get(suffix, file), file, key=_rank_of_single)
    return best


def _name_of(file: DownloadOption, scene: str) -> str:
    """Return the name of a single file, which begins with the scene's.

    If the display id does not, the name is derived from the entity id, if that has it in
    another form, such as ``L2SR_<scene>_SR_B4_TIF``.
    """
    _, found, rest = file.entity_id.partition(f"{scene}_")
    stem, _, ending = rest.rpartition("_")
    if not stem or file.display_id.startswith(found):
        return file.display_id or file.entity_id
    return f"{found}{stem}.{ending if ending == 'TIF' else ending.lower()}"


def _rank_of_single(file: DownloadOption) -> tuple[bool, bool, bool, int, str, str]:
    # The ids at the end make the choice deterministic.
    return (
        not is_offered(file),
        not is_stated_available(file),
        not file.file_groups,
        rank_of_system(file),
        file.id,
        file.entity_id,
    )


def _select(scene: _SceneRows, product: Wanted) -> tuple[list[WantedFile], list[Missing]]:
    if isinstance(product, BundleWanted):
        return _select_bundle(scene, product)
    if isinstance(product, BandsWanted):
        matches = match_bands(product.bands, scene.singles, scene.display_id)
    else:
        matches = _match_groups(scene, product.file_groups)
    return _select_singles(scene, product.kind, matches)


def _match_groups(scene: _SceneRows, groups: Iterable[str]) -> dict[str, tuple[str, ...]]:
    return {
        group: tuple(
            suffix for suffix, file in scene.singles.items() if group in (file.file_groups or ())
        )
        for group in groups
    }


def _select_singles(
    scene: _SceneRows, kind: str, matches: Mapping[str, Sequence[str]]
) -> tuple[list[WantedFile], list[Missing]]:
    files: list[WantedFile] = []
    missing: list[Missing] = []
    for what, suffixes in matches.items():
        if not suffixes:
            missing.append(_unlisted(scene.display_id, kind, what))
        for suffix in suffixes:
            file = scene.singles[suffix]
            if is_offered(file):
                files.append(_single_file(scene, kind, file))
            else:
                reason = f"the service does not offer {suffix} right now"
                missing.append(Missing(scene.display_id, kind, what, reason))
    return files, missing


def _unlisted(scene: str, kind: str, what: str) -> Missing:
    """Return what the service does not list: a file that should exist, or cannot."""
    if kind == BandsWanted.kind and should_have(scene, what):
        return Missing(scene, kind, what, f"the service does not list {what} right now")
    return Missing(scene, kind, what, "the scene has no such file", is_absent=True)


def _single_file(scene: _SceneRows, kind: str, file: DownloadOption) -> WantedFile:
    return WantedFile(
        entity_id=file.entity_id,
        product_id=file.id,
        scene=scene.display_id,
        scene_id=scene.entity_id,
        file_name=_name_of(file, scene.display_id),
        kinds=(kind,),
        size_bytes=file.filesize or None,
        estimate_bytes=file.filesize or 0,
        checksums=tuple(file.checksum or ()),
        download_system=file.download_system,
        product_code=file.product_code or "",
        product_name=file.product_name or "",
    )


def _select_bundle(
    scene: _SceneRows, product: BundleWanted
) -> tuple[list[WantedFile], list[Missing]]:
    chosen = choose(scene.rows, product.product, scene.display_id)
    what = product.product or BundleWanted.kind
    if isinstance(chosen, Unclear):
        return [], [_unclear(scene, what, chosen)]
    if chosen is None or not is_offered(chosen):
        return [], [_without_bundle(scene, what, chosen, is_choice=product.product is not None)]
    return [_bundle_file(scene, chosen, product)], []


def _unclear(scene: _SceneRows, what: str, unclear: Unclear) -> Missing:
    reason = "it comes as several products, and products.product does not say which one"
    return Missing(scene.display_id, BundleWanted.kind, what, reason, unclear=unclear)


def _without_bundle(
    scene: _SceneRows, what: str, row: DownloadOption | None, *, is_choice: bool
) -> Missing:
    if not is_choice:
        reason = "the service offers no bundle of the scene right now"
    elif row is None:
        reason = "the scene has no such product"
    else:
        named = listed_product(row)
        reason = f"the service does not offer {named.code} {named.name} right now"
    is_absent = is_choice and row is None
    return Missing(scene.display_id, BundleWanted.kind, what, reason, is_absent=is_absent)


def _bundle_file(scene: _SceneRows, row: DownloadOption, product: BundleWanted) -> WantedFile:
    name = scene.display_id
    is_own = is_own_bundle(row, name)
    return WantedFile(
        entity_id=row.entity_id,
        product_id=row.id,
        scene=name,
        scene_id=scene.entity_id,
        file_name=f"{name}.tar" if is_own else name,
        kinds=(BundleWanted.kind,),
        # The listed size of a bundle is not the length of its tar (API notes, fact 7).
        size_bytes=None,
        estimate_bytes=row.filesize or 0,
        checksums=tuple(row.checksum or ()),
        download_system=row.download_system,
        members=_members(scene) if is_own else {},
        unpacked_bytes=_unpacked_bytes(scene, row, product.members),
        unpacked=product.members,
        keeps_archive=product.keeps_archive,
        product_code=row.product_code or "",
        product_name=row.product_name or "",
        is_chosen=product.product is not None,
    )


def _unpacked_bytes(scene: _SceneRows, row: DownloadOption, words: tuple[str, ...] | None) -> int:
    if not words:
        return 0 if words is None else row.filesize or 0
    found = match_bands(words, scene.singles, scene.display_id).values()
    suffixes = {suffix for matches in found for suffix in matches}
    return sum(scene.singles[suffix].filesize or 0 for suffix in suffixes)


def _members(scene: _SceneRows) -> dict[str, tuple[Checksum, ...]]:
    # A bundle contains all single files of its scene, and some more (API notes, section 7.2).
    # Files with other names are not in it.
    named = ((_name_of(file, scene.display_id), file) for file in scene.singles.values())
    return {
        name: tuple(file.checksum or ())
        for name, file in named
        if name.startswith(f"{scene.display_id}_")
    }


def _bands_seen(scene: _SceneRows, products: Iterable[Wanted]) -> BandsSeen:
    seen: set[str] = set()
    for product in products:
        seen |= _words_seen(scene, product)
    names = match_bands(common_names(scene.display_id), scene.singles, scene.display_id)
    return BandsSeen(
        words=frozenset(seen),
        stems=frozenset(map(stem_of, scene.singles)),
        names=frozenset(name for name, suffixes in names.items() if suffixes),
    )


def words_of(product: Wanted) -> tuple[str, ...]:
    """Return the band words of a product."""
    if isinstance(product, BundleWanted):
        return product.members or ()
    return product.bands if isinstance(product, BandsWanted) else ()


def _words_seen(scene: _SceneRows, product: Wanted) -> set[str]:
    """Return the band words of a product for which a scene has files."""
    suffixes = [*scene.singles]
    if isinstance(product, BundleWanted):
        if not suffixes:
            return set(words_of(product))  # the contents of such a bundle are not listed
        suffixes += BUNDLE_SUFFIXES
    matches = match_bands(words_of(product), suffixes, scene.display_id)
    return {word for word, found in matches.items() if found}


def check_bands(products: Iterable[Wanted], seen: BandsSeen) -> None:
    """Refuse a band word that no scene has a file for.

    Args:
        products: What the job wants.
        seen: Of at least one scene; without any, everything is refused.
    Raises: ConfigError, listing the bands there are and the one that may have been meant.
    """
    for product in products:
        for word in words_of(product):
            if word not in seen.words:
                raise ConfigError(
                    f"no scene has this band{did_you_mean(suggest(word, seen.stems | seen.names))}",
                    key=f"products.{'members' if isinstance(product, BundleWanted) else 'bands'}",
                    value=word,
                    allowed=", ".join(sorted(seen.stems))
                    or "none: the dataset has no single files",
                )


def check_groups(file_groups: Iterable[str], known: DatasetFileGroups) -> str:
    """Return the id of the secondary dataset that has the wanted file groups.

    Args:
        file_groups: Ids of the groups that one product wants; at least one.
        known: All file groups of the dataset.
    Raises: ConfigError, listing the groups, if one is unknown, or if they are spread
        over several secondary datasets.
    """
    wanted = tuple(file_groups)
    groups = sorted({group for by_id in known.secondary.values() for group in by_id})
    for group in wanted:
        if group not in groups:
            raise ConfigError(
                f"the dataset has no such file group{did_you_mean(suggest(group, groups))}",
                key="products.file_groups",
                value=group,
                allowed=", ".join(groups) or "none: the dataset has no file groups",
            )
    for dataset_id, by_id in known.secondary.items():
        if all(group in by_id for group in wanted):
            return dataset_id
    raise ConfigError(
        "these file groups belong to different secondary datasets",
        key="products.file_groups",
        value=list(wanted),
        allowed="one [[products]] entry for each",
    )
