"""From the products a config asks for to the exact downloads to request. Pure.

Every row of a scene repeats the same secondary files, and two products of one
job may want the same file: each (entity, product) comes out once all the same.

Source: API notes, section 5.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeAlias

from asyncdl.errors import ConfigError
from asyncdl.m2m.bands import (
    BUNDLE_SUFFIXES,
    common_names,
    match_bands,
    should_have,
    stem_of,
    suggest,
)
from asyncdl.m2m.models import Checksum, DatasetFileGroups, DownloadOption
from asyncdl.m2m.naming import file_suffix

_NEVER_REQUESTED = frozenset({"folder", "wms"})
"""A folder is only the container of its secondaries; a map service serves pictures."""

_BROWSE_SYSTEM = "ls_frb"
"""Makes full-resolution pictures of a scene, which are no data."""

_SYSTEM_RANKS = {"ls_zip": 0, "ls_s3": 0, "dds_ms": 1, "dds": 2}
"""Ready at once before what has to be prepared; fresh scenes have only the latter."""


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
    """What is unpacked of it, by band words; empty for all, ``None`` for nothing."""


@dataclass(frozen=True, slots=True)
class GroupWanted:
    """All single files of whole file groups."""

    kind: ClassVar[str] = "band_group"
    file_groups: tuple[str, ...]
    """Such as ``ls_c2l2_sr_band``."""


Wanted: TypeAlias = BandsWanted | BundleWanted | GroupWanted
"""One ``[[products]]`` entry of a config."""


@dataclass(frozen=True, slots=True)
class WantedFile:
    """One download to request."""

    entity_id: str
    """The file's own: a secondary asked for under its scene's entity is refused."""
    product_id: str
    """What a request sends as ``productId``; not to be confused with ``scene``."""
    scene: str
    """Display id of the scene it belongs to."""
    file_name: str
    """Such as ``…_SR_B4.TIF`` or ``….tar``. A bundle of another kind of dataset is
    named like its scene, without ending: only the host knows that."""
    kinds: tuple[str, ...]
    """Kinds of the products that want it, each once, in the config's order."""
    size_bytes: int | None
    """Exact; ``None`` for bundles, which are made on the fly, and where not told."""
    estimate_bytes: int
    """The listed size, for plans and progress; 0 where not told."""
    checksums: tuple[Checksum, ...] = ()
    """Digests that the service promises."""
    download_system: str | None = None
    members: Mapping[str, tuple[Checksum, ...]] = field(default_factory=dict, compare=False)
    """What a bundle should hold, and what the service promises of each file in it."""
    catalogued: Mapping[str, Checksum] = field(default_factory=dict, compare=False)
    """What a catalogue beside the service tells of the file and of its members, by file name."""
    unpacked_bytes: int = field(default=0, compare=False)
    """What is unpacked of a bundle, estimated; 0 where nothing is or its size is not told."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that a scene lacks: told to the user, no error."""

    scene: str
    kind: str
    """Kind of the product that wants it."""
    what: str
    """The band word, the file group, or ``bundle``."""
    reason: str
    is_absent: bool = False
    """True if the scene has no such file at all; false if it is not offered at present."""


@dataclass(frozen=True, slots=True)
class BandsSeen:
    """What is known of bands after some scenes; ``|`` adds what others have shown."""

    words: frozenset[str] = frozenset()
    """Band words that at least one scene has a file for."""
    stems: frozenset[str] = frozenset()
    """Suffixes of all single files, without endings."""
    names: frozenset[str] = frozenset()
    """Common names that mean one of these files."""

    def __or__(self, other: BandsSeen) -> BandsSeen:
        return BandsSeen(
            self.words | other.words, self.stems | other.stems, self.names | other.names
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """The outcome for some scenes."""

    files: tuple[WantedFile, ...]
    """Scene by scene, in the order of products; each (entity, product) once."""
    missing: tuple[Missing, ...]
    bands: BandsSeen
    """For :func:`check_bands`, once enough scenes were seen."""


def select_files(options: Iterable[DownloadOption], products: Sequence[Wanted]) -> Selection:
    """Choose the downloads of some scenes.

    Args:
        options: Rows of ``download-options``, all rows of a scene in the same call.
            File groups are only known when they were asked for with secondary file groups.
        products: What the job wants.
    """
    files: dict[tuple[str, str], WantedFile] = {}
    missing: list[Missing] = []
    seen = BandsSeen()
    for scene in _scenes(options):
        for product in products:
            found, lacking = _select(scene, product)
            missing.extend(lacking)
            for file in found:
                key = (file.entity_id, file.product_id)
                files[key] = _merged(files.get(key), file)
        seen |= _bands_seen(scene, products)
    return Selection(tuple(files.values()), tuple(dict.fromkeys(missing)), seen)


def _merged(known: WantedFile | None, file: WantedFile) -> WantedFile:
    if known is None:
        return file
    return replace(
        known,
        kinds=tuple(dict.fromkeys(known.kinds + file.kinds)),
        unpacked_bytes=max(known.unpacked_bytes, file.unpacked_bytes),
    )


@dataclass(frozen=True, slots=True)
class _SceneRows:
    """The rows of one scene, put in order."""

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
        yield _SceneRows(display_id, rows, _singles(display_id, rows))


def scene_name(rows: Iterable[DownloadOption]) -> str:
    """Return the display id of a scene out of its rows; empty if none of them has it."""
    return next((row.display_id for row in rows if row.display_id), "")


def _singles(scene: str, rows: Iterable[DownloadOption]) -> dict[str, DownloadOption]:
    best: dict[str, DownloadOption] = {}
    for row in rows:
        for file in row.secondary_downloads or ():
            suffix = file_suffix(_name_of(file, scene), scene)
            best[suffix] = min(best.get(suffix, file), file, key=_rank_of_single)
    return best


def _name_of(file: DownloadOption, scene: str) -> str:
    """Return the name of a single file, which begins with the scene's.

    Where the display id does not, it is read off the entity id, if that is the name in
    another form, such as ``L2SR_<scene>_SR_B4_TIF``.
    """
    _, found, rest = file.entity_id.partition(f"{scene}_")
    stem, _, ending = rest.rpartition("_")
    if not stem or file.display_id.startswith(found):
        return file.display_id or file.entity_id
    return f"{found}{stem}.{ending if ending == 'TIF' else ending.lower()}"


def _rank_of_single(file: DownloadOption) -> tuple[bool, bool, bool, int, str, str]:
    # The ids at the end only make the choice the same in every run.
    return (
        not _is_offered(file),
        not _is_told_available(file),
        not file.file_groups,
        _rank_of_system(file),
        file.id,
        file.entity_id,
    )


def _rank_of_system(option: DownloadOption) -> int:
    return _SYSTEM_RANKS.get(option.download_system or "", len(_SYSTEM_RANKS))


def _is_offered(option: DownloadOption) -> bool:
    """Tell whether to request a row: where the service is silent, a request will show."""
    told = (option.available, option.bulk_available)
    is_withheld = any(flag is not None and not flag for flag in told)
    return not is_withheld and option.download_system not in _NEVER_REQUESTED


def _is_told_available(option: DownloadOption) -> bool:
    return bool(option.available) and bool(option.bulk_available)


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
            if _is_offered(file):
                files.append(_single_file(scene.display_id, kind, file))
            else:
                reason = f"the service does not offer {suffix} at present"
                missing.append(Missing(scene.display_id, kind, what, reason))
    return files, missing


def _unlisted(scene: str, kind: str, what: str) -> Missing:
    """Tell what the service does not list: it should be there, or the scene has none by nature."""
    if kind == BandsWanted.kind and should_have(scene, what):
        return Missing(scene, kind, what, f"the service does not list {what} at present")
    return Missing(scene, kind, what, "the scene has no such file", is_absent=True)


def _single_file(scene: str, kind: str, file: DownloadOption) -> WantedFile:
    return WantedFile(
        entity_id=file.entity_id,
        product_id=file.id,
        scene=scene,
        file_name=_name_of(file, scene),
        kinds=(kind,),
        size_bytes=file.filesize or None,
        estimate_bytes=file.filesize or 0,
        checksums=tuple(file.checksum or ()),
        download_system=file.download_system,
    )


def _select_bundle(
    scene: _SceneRows, product: BundleWanted
) -> tuple[list[WantedFile], list[Missing]]:
    kind = BundleWanted.kind
    offered = [row for row in scene.rows if _is_offered(row) and not _is_browse(row)]
    if not offered:
        reason = "the service offers no bundle of the scene at present"
        return [], [Missing(scene.display_id, kind, kind, reason)]
    return [_bundle_file(scene, min(offered, key=_rank_of_bundle), product)], []


def _is_browse(row: DownloadOption) -> bool:
    return row.download_system == _BROWSE_SYSTEM or "browse" in (row.product_name or "").lower()


def _rank_of_bundle(row: DownloadOption) -> tuple[bool, bool, int, int, str]:
    """Rank the rows of a scene: what is called a bundle first, then what is ready first.

    Datasets without bundles list the same scene in several forms, such as full
    resolution and compressed (NAIP), or several formats (SRTM). There a bundle
    means the whole scene in its fullest form, which is the largest.
    """
    return (
        not _is_bundle(row),
        not _is_told_available(row),
        _rank_of_system(row),
        -(row.filesize or 0),
        row.id,
    )


def _is_bundle(row: DownloadOption) -> bool:
    return row.download_system == "ls_zip" or "bundle" in (row.product_name or "").lower()


def _bundle_file(scene: _SceneRows, row: DownloadOption, product: BundleWanted) -> WantedFile:
    name = scene.display_id
    return WantedFile(
        entity_id=row.entity_id,
        product_id=row.id,
        scene=name,
        file_name=f"{name}.tar" if _is_bundle(row) else name,
        kinds=(BundleWanted.kind,),
        # The listed size of a bundle is not the length of its tar (API notes, fact 7).
        size_bytes=None,
        estimate_bytes=row.filesize or 0,
        checksums=tuple(row.checksum or ()),
        download_system=row.download_system,
        members=_members(scene) if _is_bundle(row) else {},
        unpacked_bytes=_unpacked_bytes(scene, row, product.members),
    )


def _unpacked_bytes(scene: _SceneRows, row: DownloadOption, words: tuple[str, ...] | None) -> int:
    if not words:
        return 0 if words is None else row.filesize or 0
    found = match_bands(words, scene.singles, scene.display_id).values()
    suffixes = {suffix for matches in found for suffix in matches}
    return sum(scene.singles[suffix].filesize or 0 for suffix in suffixes)


def _members(scene: _SceneRows) -> dict[str, tuple[Checksum, ...]]:
    # A bundle holds all single files of its scene, and some more (API notes, section 7.2).
    # What is named otherwise than they are is none of them.
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
    """Return the band words of a product that a scene has something for."""
    suffixes = [*scene.singles]
    if isinstance(product, BundleWanted):
        if not suffixes:
            return set(words_of(product))  # nobody tells what is in such a bundle
        suffixes += BUNDLE_SUFFIXES
    matches = match_bands(words_of(product), suffixes, scene.display_id)
    return {word for word, found in matches.items() if found}


def check_bands(products: Iterable[Wanted], seen: BandsSeen) -> None:
    """Refuse a band word that no scene has a file for.

    Args:
        products: What the job wants.
        seen: What the scenes have shown so far; at least one scene, or all is refused.
    Raises: ConfigError, listing the bands there are and the one that may have been meant.
    """
    for product in products:
        for word in words_of(product):
            if word not in seen.words:
                raise ConfigError(
                    f"no scene has this band{_did_you_mean(word, seen.stems | seen.names)}",
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
                f"the dataset has no such file group{_did_you_mean(group, groups)}",
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


def _did_you_mean(word: str, available: Iterable[str]) -> str:
    close = suggest(word, available)
    return f"; did you mean {close[0]!r}?" if close else ""
