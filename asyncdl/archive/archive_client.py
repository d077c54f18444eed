"""The archive behind the face of the M2M client, so that a job needs no other stages for it.

Scenes are searched by the M2M service, or named; then it logs in nowhere. What the service would be
asked about files is answered here: by the catalogue (which files, and their digests), by
listings of the bucket (sizes), and by signed links.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.to_thread

from asyncdl.archive.bucket import ArchiveBucket, ObjectAddress
from asyncdl.archive.scene_files import ArchivedScene, archived_scene
from asyncdl.errors import NetworkError, ungrouped
from asyncdl.m2m import DownloadItem, M2MClient
from asyncdl.m2m.m2m_client import DownloadGroup
from asyncdl.m2m.models import (
    Dataset,
    DownloadEntry,
    DownloadOption,
    DownloadRequestReply,
    DownloadRetrieveReply,
    Notification,
    RateLimits,
    RejectedDownload,
    RequestedDownload,
    ScenePage,
)
from asyncdl.m2m.scene_lists import SceneList
from asyncdl.stac import StacCatalog

LISTINGS_AT_ONCE = 8
_NOT_THERE = "the archive has no such file"


class ArchiveClient(M2MClient):
    """Answers for the M2M service where files are concerned.

    Args:
        bucket: The archive.
        catalog: Knows which files there are; it has to be open.
        client: Further arguments of :class:`M2MClient`, for searches.
    """

    def __init__(self, bucket: ArchiveBucket, catalog: StacCatalog, **client: Any) -> None:
        super().__init__(**client)
        self._bucket = bucket
        self._catalog = catalog
        self._lists: dict[str, list[str]] = {}
        self._products: dict[str, str] = {}
        """Product id of each scene of a search, by its entity id, until it was listed."""
        self._addresses: dict[str, ObjectAddress] = {}
        """Of each file that was listed, by name."""
        self._numbers = itertools.count(1)
        self._limiter = anyio.CapacityLimiter(LISTINGS_AT_ONCE)

    # -- scenes ---------------------------------------------------------------

    async def scene_search(self, *args: Any, **kwargs: Any) -> ScenePage:
        """Search as ever, and remember which products the scenes are."""
        page = await super().scene_search(*args, **kwargs)
        self._products |= {s.entity_id: s.display_id for s in page.results or ()}
        return page

    @asynccontextmanager
    async def open_scene_list(
        self,
        dataset_name: str,
        ids: Sequence[str],
        *,
        id_field: str = "entityId",
        keep: bool = False,
    ) -> AsyncIterator[SceneList]:
        """Yield a list that exists here only."""
        list_id = secrets.token_hex(8)
        self._lists[list_id] = list(ids)
        try:
            yield SceneList(list_id, dataset_name, len(ids), len(ids))
        finally:
            self._lists.pop(list_id, None)

    async def scene_list_remove(
        self,
        list_id: str,
        dataset_name: str | None = None,
        ids: Sequence[str] | None = None,
    ) -> None:
        """Do nothing: there are no lists at the service."""

    # -- files ----------------------------------------------------------------

    async def download_options_by_scene(
        self,
        dataset_name: str,
        *,
        list_id: str | None = None,
        entity_ids: Sequence[str] | None = None,
        include_secondary_file_groups: bool = False,
    ) -> Iterable[list[DownloadOption]]:
        """Return the files of scenes that are in the archive, scene by scene.

        Raises: NetworkError, when the catalogue gives no answer; StoreError.
        """
        ids = self._lists[list_id] if list_id is not None else (entity_ids or ())
        wanted = [self._products.pop(id_, id_) for id_ in ids]
        found = await self._catalog.digests(wanted)
        if lacking := [product for product in wanted if product not in found]:
            what = f"files of {len(lacking):,} scenes, such as {lacking[0]}"
            raise NetworkError(what, "the STAC service, which knows the archive, did not respond")
        scenes = [
            archived_scene(product, self._catalog.scene_id(product), found[product])
            for product in wanted
        ]
        options: dict[str, list[DownloadOption]] = {}
        with ungrouped():
            async with anyio.create_task_group() as listings:
                for scene in scenes:
                    if scene.folder is not None:
                        listings.start_soon(self._list, scene, scene.folder, options)
        return [options[scene.product_id] for scene in scenes if scene.product_id in options]

    async def _list(
        self,
        scene: ArchivedScene,
        folder: ObjectAddress,
        options: dict[str, list[DownloadOption]],
    ) -> None:
        sizes = await anyio.to_thread.run_sync(self._bucket.sizes, folder, limiter=self._limiter)
        self._addresses |= scene.files
        options[scene.product_id] = scene.options(sizes)

    async def download_request(
        self,
        downloads: Sequence[DownloadItem] = (),
        *,
        label: str,
        data_groups: Sequence[DownloadGroup] = (),
    ) -> DownloadRequestReply:
        """Return a signed link for each file. Raises: StoreError, without credentials."""
        links = await anyio.to_thread.run_sync(self._links, [d.entity_id for d in downloads])
        return DownloadRequestReply(
            available_downloads=[
                RequestedDownload(next(self._numbers), links[d.entity_id], d.entity_id)
                for d in downloads
                if d.entity_id in links
            ],
            failed=[
                RejectedDownload(d.entity_id, d.product_id, _NOT_THERE)
                for d in downloads
                if d.entity_id not in links
            ],
        )

    def _links(self, names: Iterable[str]) -> Mapping[str, str]:
        known = ((name, self._addresses.get(name)) for name in names)
        return {name: self._bucket.link(address) for name, address in known if address}

    async def download_retrieve(self, label: str | None = None) -> DownloadRetrieveReply:
        """Return nothing: nothing is in preparation, and refused links are requested again."""
        return DownloadRetrieveReply()

    async def download_search(
        self, label: str | None = None, *, active_only: bool | None = None
    ) -> list[DownloadEntry]:
        """Return nothing: there is no queue."""
        return []

    async def download_remove(self, download_id: int) -> bool:
        """Do nothing: there is no queue."""
        return True

    async def download_order_remove(self, label: str) -> int:
        """Return 0: there is no queue."""
        return 0

    # -- the account ------------------------------------------------------------

    async def permissions(self) -> list[str]:
        """Return the right that a job needs: no account of the service is used for files."""
        return ["download"]

    async def rate_limit_summary(self, ip_addresses: Sequence[str] | None = None) -> RateLimits:
        """Return no limits."""
        return RateLimits()

    async def notifications(self, system_id: str = "M2M") -> list[Notification]:
        """Return nothing: they are of the service."""
        return []

    async def dataset(
        self, *, dataset_id: str | None = None, dataset_name: str | None = None
    ) -> Dataset:
        """Return a dataset by its name, unseen: products that do not exist have no files."""
        return Dataset(dataset_id=dataset_id or "", dataset_alias=dataset_name or "")
