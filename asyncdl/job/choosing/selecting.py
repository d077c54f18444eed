"""From scenes to the files wanted of them: one scene list and one call for each batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Container,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple, TypeAlias

from asyncdl.background import in_turns
from asyncdl.config import Config
from asyncdl.errors import ApiError, ConfigError
from asyncdl.events import Emit, Event, Notice, ScenesFound
from asyncdl.job.choosing.from_config import group_names, products_of
from asyncdl.job.choosing.group_check import GroupCheck
from asyncdl.job.choosing.scenes import Namesakes, SceneIds, scene_batches
from asyncdl.job.choosing.search_plan import SearchPlan
from asyncdl.job.choosing.windows import WindowCuts
from asyncdl.job.places.layout import Layout, layout_of
from asyncdl.m2m import M2MClient
from asyncdl.m2m.bands import files_of, match_bands
from asyncdl.m2m.downloads.products import ListedProduct, ProductsSeen, Unclear, closest_product
from asyncdl.m2m.downloads.selection import (
    BandsSeen,
    BandsWanted,
    BundleWanted,
    FileSelection,
    Missing,
    Selection,
    Wanted,
    WantedFile,
    check_bands,
    words_of,
)
from asyncdl.m2m.models import DownloadOption
from asyncdl.m2m.searching.footprints import Outline
from asyncdl.text import did_you_mean
from asyncdl.units import size

KEY = "products.product"

Defer: TypeAlias = Callable[[Callable[[], Awaitable[None]]], None]
"""Takes a call that is to be made later."""


def choices_of(products: Iterable[Wanted]) -> tuple[str, ...]:
    """Return the products that a config names, each once."""
    said = (p.product for p in products if isinstance(p, BundleWanted) and p.product)
    return tuple(dict.fromkeys(said))


def check_choices(products: Iterable[Wanted], seen: ProductsSeen) -> None:
    """Refuse a product that no scene so far has.

    Raises: ConfigError, with the products that there are and the one that may be meant.
    """
    for choice in choices_of(products):
        if choice not in seen.found:
            raise ConfigError(
                f"no scene has this product{_hint(choice, seen)}",
                key=KEY,
                value=choice,
                allowed=listing(seen.listed) or "none: the scenes come as single files only",
            )


def check_clarity(missing: Iterable[Missing]) -> None:
    """Refuse a choice that several products of a scene match.

    Raises: ConfigError, with these products.
    """
    for lacking in missing:
        if lacking.unclear is not None:
            raise _ambiguity(lacking.scene, lacking.unclear)


def listing(products: Sequence[ListedProduct]) -> str:
    """Return products as one line: codes, names and sizes."""
    return "; ".join(map(_shown, products))


def _ambiguity(scene: str, unclear: Unclear) -> ConfigError:
    allowed = listing(unclear.candidates)
    if unclear.wanted is None:
        problem = (
            f"is missing, and {scene} comes as several products, none of which is the whole scene"
        )
        return ConfigError(problem, key=KEY, allowed=allowed)
    problem = f"matches several products of {scene}; use a code or more words of one name"
    return ConfigError(problem, key=KEY, value=unclear.wanted, allowed=allowed)


def _hint(choice: str, seen: ProductsSeen) -> str:
    if choice.strip().casefold() in seen.contained:
        return '; it is a folder of single files, which kind = "bands" takes'
    close = closest_product(choice, seen.listed)
    return did_you_mean([close.code or close.name]) if close else ""


def _shown(product: ListedProduct) -> str:
    amount = f"({size(product.size_bytes)})" if product.size_bytes else ""
    return " ".join(filter(None, (product.code, product.name, amount)))


DATASET_CLOSED = "dataset-closed"
"""Reason for the scenes of a dataset that this account may not see."""
SCENES_PER_TURN = 1
"""Reading the options of a scene and choosing among them takes about a millisecond."""
NO_OPTIONS = "no-options"
"""Reason for scenes without download options, while other scenes have them."""

CLOSED_DATASET = frozenset({"DATASET_AUTH", "DATASET_UNAUTHORIZED"})
"""Codes for a dataset that this account may not see, or that was withdrawn."""


@dataclass(frozen=True, slots=True)
class Selected:
    """The files of a batch of scenes. Scenes of earlier batches are left out."""

    scenes: int
    """Number of scenes in the batch."""
    dataset: str
    """Alias of the dataset that all of them belong to."""
    entity_ids: Mapping[str, str]
    """Entity id of each scene by its display id; an unknown scene has its given id."""
    namesakes: tuple[tuple[str, str], ...]
    """Display and entity ids of scenes whose display id another scene had before."""
    files: tuple[WantedFile, ...]
    not_offered: tuple[Missing, ...]
    """What the scenes should have and the service does not offer right now."""
    unknown: tuple[str, ...]
    """Scenes for which the service offers nothing at all."""
    refusal: str = ""
    """The service's message for a closed dataset, or in place of options; otherwise empty."""
    refusal_reason: str = ""
    """Its reason code."""


async def selections(
    client: M2MClient,
    search_plan: SearchPlan,
    config: Config,
    emit: Emit,
    namesakes: Namesakes | None = None,
    *,
    defer: Defer | None = None,
    groups: GroupCheck | None = None,
) -> AsyncGenerator[Selected]:
    """Yield the files of each batch of scenes, while the search goes on.

    Args:
        client: Of the service.
        search_plan: Which scenes.
        config: Which files of them, and where they go.
        emit: Takes notices.
        namesakes: Knows which scenes had a display id first, in earlier runs, too.
        defer: Takes the removal of each batch's scene list, if it has one; by default it is made
            before the batch is yielded.
        groups: Checks the wanted file groups by what scenes have; by default they were checked
            before.

    Emits a :class:`Notice` for what scenes do not have by nature: an ``L2SR``
    scene has no temperature, which is not a failure.

    Raises: ConfigError, listing the bands there are, for a band that the scenes of
        the first batch lack and the dataset does not have, or that no scene has if
        no file was found at all; and listing the products there are, for a product
        that they lack or that is ambiguous. ApiError, if the only dataset is closed.
    """
    products, layout = products_of(config), layout_of(config)
    cuts = WindowCuts(search_plan.window) if search_plan.window else None
    footprints: dict[str, tuple[Outline, ...]] = {}

    def watch(event: Event) -> None:
        if cuts is not None and isinstance(event, ScenesFound):
            footprints.update((scene.entity_id, scene.footprint) for scene in event.scenes)
        emit(event)

    tally = _SelectionTally(products, is_one_dataset=len(search_plan.datasets) <= 1)
    namesakes = namesakes or Namesakes()
    async with aclosing(scene_batches(client, search_plan, config, watch)) as batches:
        async for batch in batches:
            try:
                options = await _options(client, batch, products, defer)
                heads, selection = await _choose(options, products)
                del options  # megabytes of text
            except ApiError as error:
                if (reason := _refusal_reason(error)) is None:
                    raise
                if reason == DATASET_CLOSED and tally.is_one_dataset and not tally.scenes:
                    raise  # there is nothing else to fetch
                yield _refused(batch, error, reason)
                continue
            if groups is not None and heads:
                await groups.check_by(selection, len({head.entity_id for head in heads}))
            apart = namesakes.take((o.display_id, o.entity_id) for o in heads)
            selection = await _placed(selection, layout, apart)
            selected = tally.add(batch, heads, selection, apart)
            yield selected if cuts is None else await _cut(selected, cuts, footprints)
    if groups is not None:
        await groups.check()
    for note in (*tally.notes(), *(cuts.notes() if cuts else ())):
        emit(note)


async def _cut(
    selected: Selected, cuts: WindowCuts, footprints: dict[str, tuple[Outline, ...]]
) -> Selected:
    """Return a batch with windows in place of rasters, without scenes that have none of them."""
    files = [
        cut
        async for wanted in in_turns(selected.files)
        if (cut := cuts.cut(wanted, footprints)) is not None
    ]
    for entity_id in selected.entity_ids.values():
        footprints.pop(entity_id, None)
    gone = {wanted.scene for wanted in selected.files} - {wanted.scene for wanted in files}
    return replace(
        selected,
        files=tuple(files),
        entity_ids={s: id_ for s, id_ in selected.entity_ids.items() if s not in gone},
    )


class OptionHead(NamedTuple):
    """What a row of options says of its scene."""

    entity_id: str
    display_id: str


async def _choose(
    options: Iterable[list[DownloadOption]], products: Sequence[Wanted]
) -> tuple[list[OptionHead], Selection]:
    """Return the scenes that have options, and the files chosen of them.

    Raises: ApiError, if none of the options is valid.
    """
    heads: dict[OptionHead, None] = {}
    selection = FileSelection(products)
    async for rows in in_turns(options, SCENES_PER_TURN):
        heads |= dict.fromkeys(OptionHead(row.entity_id, row.display_id) for row in rows)
        selection.add(rows)
    return list(heads), selection.result()


async def _placed(
    selection: Selection, layout: Layout, apart: Container[tuple[str, str]]
) -> Selection:
    """Mark namesakes, and leave out products whose place another product has already."""
    files = [
        layout.without_duplicates(
            file.replace(is_namesake=True) if (file.scene, file.scene_id) in apart else file
        )
        async for file in in_turns(selection.files)
    ]
    return replace(selection, files=tuple(files))


def _refusal_reason(error: ApiError) -> str | None:
    """Return why this batch fails while others may work; ``None`` if all fail."""
    if error.error_code in CLOSED_DATASET:
        return DATASET_CLOSED
    return NO_OPTIONS if error.is_alone and not error.is_quota else None


def _refused(batch: SceneIds, error: ApiError, reason: str) -> Selected:
    ids = {scene: scene for scene in batch.ids}
    message = error.message if reason == DATASET_CLOSED else str(error)
    return Selected(len(ids), batch.dataset, ids, (), (), (), batch.ids, message, reason)


async def _options(
    client: M2MClient,
    batch: SceneIds,
    products: Sequence[Wanted],
    defer: Defer | None,
) -> Iterable[list[DownloadOption]]:
    """Return the download options of a batch, to be read scene by scene.

    Scenes that were found are named in the call itself. Ids that a user gave go through a list,
    which takes both kinds of id and leaves out those that the service does not know.

    Source: endpoints ``scene-list-add``, ``download-options``, ``scene-list-remove``.
    """
    # With groups the service gives the single files other product ids.
    # One job uses one of the two, so that no file is requested twice.
    with_groups = bool(group_names(products))
    if batch.is_found:
        return await client.download_options_by_scene(
            batch.dataset, entity_ids=batch.ids, include_secondary_file_groups=with_groups
        )
    async with client.open_scene_list(
        batch.dataset, batch.ids, id_field=batch.id_field, keep=defer is not None
    ) as scene_list:
        options = await client.download_options_by_scene(
            batch.dataset,
            list_id=scene_list.list_id,
            include_secondary_file_groups=with_groups,
        )
    if defer is not None:
        defer(partial(client.scene_list_remove, scene_list.list_id))
    return options


@dataclass
class _SelectionTally:
    """Bands, products and scenes of the batches so far."""

    products: Sequence[Wanted]
    is_one_dataset: bool = True
    bands: BandsSeen = field(default_factory=BandsSeen)
    listed: ProductsSeen = field(default_factory=ProductsSeen)
    absent: Counter[str] = field(default_factory=Counter)
    """Scenes that by nature lack a band or a group."""
    scenes: set[str] = field(default_factory=set)
    """Entity ids of the scenes so far."""
    has_files: bool = False

    def add(
        self,
        batch: SceneIds,
        options: Sequence[OptionHead],
        selection: Selection,
        apart: frozenset[tuple[str, str]] = frozenset(),
    ) -> Selected:
        """Add a batch. Raises: ConfigError, for a band or product that cannot exist."""
        if not self.has_files:
            check_clarity(selection.missing)  # later, a single scene does not stop all others
        selection = self._without_repeats(selection, options)
        self.bands |= selection.bands
        self.listed |= selection.products
        if self.is_one_dataset and options:
            check_choices(self.products, self.listed)
        self.has_files = self.has_files or bool(selection.files)
        _check_words(self.products, self.bands, batch, selection)
        self.absent.update(m.what for m in selection.missing if m.is_absent)
        unknown = _unknown(batch, options)
        return Selected(
            scenes=len(batch.ids),
            dataset=batch.dataset,
            entity_ids=_entity_ids(options, apart) | {scene: scene for scene in unknown},
            namesakes=tuple(sorted(apart)),
            files=selection.files,
            not_offered=tuple(m for m in selection.missing if not m.is_absent),
            unknown=unknown,
        )

    def _without_repeats(self, selection: Selection, options: Iterable[OptionHead]) -> Selection:
        """Leave out scenes of earlier batches: one may be named by two kinds of id."""
        files = tuple(file for file in selection.files if file.scene_id not in self.scenes)
        again = {o.display_id or o.entity_id for o in options if o.entity_id in self.scenes}
        missing = tuple(m for m in selection.missing if m.scene not in again)
        self.scenes.update(option.entity_id for option in options)
        return replace(selection, files=files, missing=missing)

    def notes(self) -> list[Notice]:
        """Return notices on what scenes do not have, once all batches were added.

        Raises: ConfigError, when nothing was found because of a band that no scene has.
        """
        if self.bands.stems and not self.has_files:
            check_bands(self.products, self.bands)
        if self.listed.listed and not self.has_files:
            check_choices(self.products, self.listed)
        return [self._note(what, scenes) for what, scenes in self.absent.items()]

    def _note(self, what: str, scenes: int) -> Notice:
        words = {word for p in self.products if isinstance(p, BandsWanted) for word in p.bands}
        if what in words - self.bands.words:
            there = ", ".join(sorted(self.bands.stems))
            return Notice(f"No scene has {what}; there is: {there}.", "warning")
        if what in choices_of(self.products) and what not in self.listed.found:
            there = listing(self.listed.listed)
            return Notice(f"No scene has the product {what}; there is: {there}.", "warning")
        return Notice(f"Scenes that have no {what}, so that nothing is missing: {scenes:,}.")


def _scenes_in(selection: Selection) -> set[str]:
    return {file.scene for file in selection.files} | {m.scene for m in selection.missing}


def _entity_ids(options: Iterable[OptionHead], apart: Container[tuple[str, str]]) -> dict[str, str]:
    names: dict[str, str] = {}
    for option in options:
        names[option.entity_id] = names.get(option.entity_id) or option.display_id
    pairs = ((name or id_, id_) for id_, name in names.items())
    return dict(pair for pair in pairs if pair not in apart)


def _unknown(batch: SceneIds, options: Iterable[OptionHead]) -> tuple[str, ...]:
    if batch.id_field == "displayId":
        listed = {option.display_id for option in options}
    else:
        listed = {option.entity_id for option in options}
    return tuple(scene for scene in batch.ids if scene not in listed)


def _check_words(
    products: Sequence[Wanted], seen: BandsSeen, batch: SceneIds, selection: Selection
) -> None:
    """Refuse band words that neither the scenes so far nor others of the dataset can have.

    So a misspelt band is reported after the first batch, before anything is fetched.
    """
    scenes = _scenes_in(selection)
    if not scenes:
        return
    words = [word for product in products for word in words_of(product)]
    suffixes = [file.suffix for file in files_of(batch.dataset)]
    # Any scene will do: it only decides what common names mean.
    possible = match_bands(words, suffixes, min(scenes))
    known = frozenset(word for word, found in possible.items() if found)
    check_bands(products, seen | BandsSeen(words=known))
