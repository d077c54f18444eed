"""From a batch of scenes to the files wanted of them: one scene list, one call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asyncdl.job.scenes import Batch
from asyncdl.job.wishes import group_names
from asyncdl.m2m import M2MClient
from asyncdl.m2m.bands import files_of, match_bands
from asyncdl.m2m.models import DownloadOption
from asyncdl.m2m.selection import (
    BandsSeen,
    BandsWanted,
    Selection,
    Wanted,
    check_bands,
    select_files,
)


@dataclass(frozen=True, slots=True)
class Selected:
    """What a batch of scenes comes to."""

    selection: Selection
    unknown: tuple[str, ...]
    """Scenes for which the service offers nothing at all."""


async def select(client: M2MClient, batch: Batch, products: Sequence[Wanted]) -> Selected:
    """Ask for the download options of a batch and choose from them.

    Source: endpoints ``scene-list-add``, ``download-options``, ``scene-list-remove``.
    """
    async with client.open_scene_list(
        batch.dataset, batch.ids, id_field=batch.id_field
    ) as scene_list:
        options = await client.download_options(
            batch.dataset,
            list_id=scene_list.list_id,
            # With groups the service gives the single files other product ids.
            # One job uses one of the two, so that no file is asked for twice.
            include_secondary_file_groups=bool(group_names(products)),
        )
    return Selected(select_files(options, products), _unknown(batch, options))


def _unknown(batch: Batch, options: Iterable[DownloadOption]) -> tuple[str, ...]:
    if batch.id_field == "displayId":
        told = {option.display_id for option in options}
    else:
        told = {option.entity_id for option in options}
    return tuple(scene for scene in batch.ids if scene not in told)


def check_words(products: Sequence[Wanted], seen: BandsSeen, batch: Batch, scene: str) -> None:
    """Refuse band words that neither the scenes so far nor the dataset's other scenes can have.

    A misspelt band is told after the first batch, before anything is fetched.

    Args:
        products: What the job wants.
        seen: What the scenes so far have shown.
        batch: Of the dataset that the words are for.
        scene: Display id of one of its scenes, which decides what common names mean.
    Raises: ConfigError, listing the bands there are.
    """
    words = [word for p in products if isinstance(p, BandsWanted) for word in p.bands]
    suffixes = [file.suffix for file in files_of(batch.dataset)]
    possible = match_bands(words, suffixes, scene)
    check_bands(
        products, seen | BandsSeen(words=frozenset(word for word, s in possible.items() if s))
    )
