"""The M2M API: one coroutine per endpoint, typed replies.

How a call is made (one at a time, API keys, retries) is in ``calling/``; here are
only the parameters and results of each endpoint.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Generic, Self, TypeVar

import msgspec
import orjson
from aiohttp import ClientSession
from anyio import move_on_after
from platformdirs import user_state_path

from asyncdl.background import in_own_task, off_loop, require_asyncio
from asyncdl.errors import ApiError, AsyncdlError, ConfigError, wrong_type
from asyncdl.events import Emit, discard
from asyncdl.m2m.account.credentials import Credentials
from asyncdl.m2m.account.stored_account import account_host
from asyncdl.m2m.account.tokens import unconfirmed
from asyncdl.m2m.calling.call_retries import ClientOptions
from asyncdl.m2m.calling.calls import Caller
from asyncdl.m2m.calling.gate import AccountGate
from asyncdl.m2m.calling.transport import Transport
from asyncdl.m2m.models import (
    Count,
    Dataset,
    DatasetFileGroups,
    DatasetFilter,
    DatasetProduct,
    DeletedScenePage,
    DownloadEntry,
    DownloadLabel,
    DownloadOption,
    DownloadRequestReply,
    DownloadRetrieveReply,
    DownloadSummary,
    Eula,
    Flag,
    Json,
    Notification,
    ProxiedReply,
    RateLimits,
    Scene,
    SceneListAdded,
    SceneListEntry,
    SceneListName,
    SceneListSummary,
    ScenePage,
    read_reply,
)
from asyncdl.m2m.reply_rows import OptionRows, RawRows, ReplyRows, by_scene
from asyncdl.m2m.scene_lists import SceneList, SceneLists
from asyncdl.m2m.tolerant import Id, OnLoss
from asyncdl.net.addresses import Zone
from asyncdl.redact import Url

log = logging.getLogger("asyncdl.m2m")

T = TypeVar("T")

DEFAULT_URL = "https://m2m.cr.usgs.gov/api/api/json/stable/"

DOWNLOAD_APPLICATION = "M2M"
"""The service's name for clients of its API, where a call has to name an application."""

MAX_LABEL_CHARS = 50
"""Longer labels are ``INPUT_INVALID``."""


@dataclass(frozen=True, slots=True)
class DownloadItem:
    """One product of one entity, for ``download-request``.

    A secondary file has its own entity id *and* its own product id: with its
    parent's, the service drops it silently.
    """

    entity_id: str
    product_id: str


@dataclass(frozen=True, slots=True)
class DownloadGroup:
    """Whole file groups of the scenes in a list, for ``download-request``."""

    dataset_name: str
    """The *secondary* dataset, such as ``landsat_band_files_c2_l2``."""
    file_groups: tuple[str, ...]
    list_id: str
    """A scene list of secondary entity ids."""


class M2MClient:
    """A client of the USGS M2M API for one account; use it with ``async with``.

    It logs in on first use and again when the key has expired. One call runs
    at a time, across the tasks of the program and the processes of the user.
    On exit, also after an error, it removes the scene lists that are still open
    and logs out, both within ``options.exit_deadline_s``.

    Args:
        credentials: Credentials of the account; see :func:`find_credentials`.
        url: Base URL of the API.
        options: Retries, timeouts and folders.
        session: Session to use instead of its own; it is not closed.
        emit: Receives an ``ApiCalled`` for each reply and an ``ApiRetry`` for each retry.
    Raises: ConfigError, if ``url`` is not an http(s) URL, has no TLS on another
        machine, or is not the service that the credentials were found for; or if the user
        has no folder for the account's lock.

    Every call raises ``AuthError`` if the token, the account or its role was
    refused, another ``ApiError`` if the service refused or keeps failing, and
    ``NetworkError`` if it cannot be reached.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        url: str = DEFAULT_URL,
        options: ClientOptions = ClientOptions(),  # noqa: B008 - it is frozen
        session: ClientSession | None = None,
        emit: Emit = discard,
    ) -> None:
        _check_types(credentials, options)
        self._options = options
        url = Url(url)  # whose repr shows no secret
        self._transport = Transport(
            url,
            session=session,
            connect_timeout_s=options.connect_timeout_s,
            read_timeout_s=options.read_timeout_s,
            max_reply_bytes=options.max_reply_bytes,
            tls=options.tls,
        )
        if not credentials.may_go_to(account_host(url)):
            raise unconfirmed(account_host(url))
        gate = AccountGate(
            options.state_dir or _state_folder(),
            self._transport.host,
            credentials.username,
        )
        self._caller = Caller(credentials, self._transport, gate, options, emit)
        self._scene_lists = SceneLists(self, options.exit_deadline_s)

    async def __aenter__(self) -> Self:
        require_asyncio("M2MClient")
        self._caller.check("enter its block")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Remove open scene lists, log out, close the connection. May be called twice.

        Failures are logged, not raised. A cancelled task gets the same time, however often it
        is cancelled. Running calls of other tasks are cancelled.
        """
        await in_own_task(self._close())

    async def _close(self) -> None:
        deadline_s = self._options.exit_deadline_s
        self._caller.stop()
        try:
            with move_on_after(deadline_s, shield=True) as scope:
                # Half of the time at most, so that the logout happens even if lists are stuck.
                with move_on_after(deadline_s / 2):
                    await self._scene_lists.remove_all()
                await self._caller.end()
            if scope.cancelled_caught:
                log.info("no logout within %g s; the API key expires by itself", deadline_s)
        except AsyncdlError as failure:
            log.info("no logout: %s", failure)
        finally:
            with move_on_after(deadline_s, shield=True):
                await self._transport.aclose()

    @property
    def calls(self) -> Mapping[str, int]:
        """Calls sent so far, by endpoint, including retries and logins."""
        return MappingProxyType(self._caller.calls)

    @property
    def is_calling(self) -> bool:
        """Whether a call of this client is under way, or waits for its turn."""
        return self._caller.gate.is_busy

    @property
    def zone(self) -> Zone:
        """Address zone of the service: the outermost address that replied so far.

        With a proxy or a session passed in, the zone of the host in its URL.
        """
        return self._transport.zone

    @property
    def service_time(self) -> float | None:
        """Time of the first call here by the service's clock, in seconds since 1970.

        The earliest ``Date`` of its replies so far; ``None`` without any. Responses that are
        not from M2M do not count.
        """
        return self._caller.service_time

    async def call(self, endpoint: str, payload: object = None) -> Json:
        """Call any endpoint and return its ``data`` as plain JSON.

        A failed call is retried where that may help, like all other methods.

        Args:
            endpoint: Such as ``grid2ll``.
            payload: Any JSON value.
        Raises: TypeError, if ``payload`` is not JSON; otherwise like all calls.
        """
        data = await self._caller.call(endpoint, payload)
        if isinstance(data, RawRows):
            return await off_loop(len(data.rows), _plain, endpoint, data)
        return data

    # --- account -------------------------------------------------------------

    async def login(self) -> None:
        """Log in now instead of with the first call; does nothing if logged in."""
        await self._caller.log_in()

    async def logout(self) -> None:
        """Log out; does nothing if not logged in."""
        await self._caller.log_out()

    async def permissions(self) -> list[str]:
        """Return the account's permissions; downloads need ``download``."""
        return await self._call_typed("permissions", None, list[Id], default=[])

    async def rate_limit_summary(self, ip_addresses: Sequence[str] | None = None) -> RateLimits:
        """Return the download quota and what is left of it.

        Args:
            ip_addresses: Other addresses than that of the call.
        """
        payload = _payload(ipAddress=_as_list(ip_addresses))
        return await self._call_typed("rate-limit-summary", payload, RateLimits, default={})

    async def notifications(self, system_id: str = "M2M") -> list[Notification]:
        """Return the service's notices, such as outages; may be empty."""
        payload = {"systemId": system_id}
        return await self._call_typed("notifications", payload, list[Notification], default=[])

    # --- datasets ------------------------------------------------------------

    async def dataset(
        self, *, dataset_id: str | None = None, dataset_name: str | None = None
    ) -> Dataset:
        """Return one dataset, by id or by alias.

        Raises: ValueError, unless exactly one of the two is given.
        """
        if (dataset_id is None) == (dataset_name is None):
            raise ValueError("pass either dataset_id or dataset_name")
        payload = _payload(datasetId=dataset_id, datasetName=dataset_name)
        return await self._call_typed("dataset", payload, Dataset)

    async def dataset_search(self, text: str = "") -> list[Dataset]:
        """Return the datasets whose name contains ``text``; all without a text."""
        payload = _payload(datasetName=text or None)
        return await self._call_typed("dataset-search", payload, list[Dataset], default=[])

    async def dataset_file_groups(self, dataset_name: str) -> DatasetFileGroups:
        """Return the file groups of the dataset's single files."""
        payload = {"datasetName": dataset_name}
        nothing: Json = {"secondary": {}}
        return await self._call_typed(
            "dataset-file-groups", payload, DatasetFileGroups, default=nothing
        )

    async def dataset_filters(self, dataset_name: str) -> list[DatasetFilter]:
        """Return the metadata fields that a search of the dataset can filter on."""
        payload = {"datasetName": dataset_name}
        return await self._call_typed("dataset-filters", payload, list[DatasetFilter], default=[])

    async def dataset_download_options(
        self, dataset_name: str, scene_filter: Json | None = None
    ) -> list[DatasetProduct]:
        """Return the products of a dataset, without naming scenes.

        Args:
            dataset_name: Alias of the dataset.
            scene_filter: Restricts the result to products of scenes that match.
        Source: endpoint ``dataset-download-options``; API notes §10.
        """
        payload = _payload(datasetName=dataset_name, sceneFilter=scene_filter)
        return await self._call_typed(
            "dataset-download-options", payload, list[DatasetProduct], default=[]
        )

    # --- scenes --------------------------------------------------------------

    async def scene_search(
        self,
        dataset_name: str,
        scene_filter: Json | None = None,
        *,
        starting_number: int = 1,
        max_results: int = 100,
        metadata_type: str | None = None,
        sort_field: str | None = None,
        sort_direction: str | None = None,
    ) -> ScenePage:
        """Return one page of a search.

        Args:
            dataset_name: Alias of the dataset.
            scene_filter: As the API defines it; without one the search takes minutes.
            starting_number: First hit to return, counted from 1.
            max_results: Hits to return; below 10,000 is advised, 50,000 is the maximum.
            metadata_type: ``summary`` or ``full``; ``None`` returns no metadata.
            sort_field: Id of the field to sort by.
            sort_direction: ``ASC`` or ``DESC``.
        """
        payload = _payload(
            datasetName=dataset_name,
            sceneFilter=scene_filter,
            startingNumber=starting_number,
            maxResults=max_results,
            metadataType=metadata_type,
            sortField=sort_field,
            sortDirection=sort_direction,
        )
        return await self._call_typed("scene-search", payload, ScenePage, default=_NO_RESULTS)

    async def scene_search_delete(
        self,
        dataset_name: str,
        *,
        start: str | None = None,
        end: str | None = None,
        starting_number: int = 1,
        max_results: int = 100,
    ) -> DeletedScenePage:
        """Return one page of the scenes that were deleted from a dataset, for mirrors.

        Args:
            dataset_name: Alias of the dataset.
            start: First day, ``YYYY-MM-DD``; ``None`` for no bound.
            end: Last day.
            starting_number: First hit to return, counted from 1.
            max_results: Hits to return.
        Source: endpoint ``scene-search-delete``; API notes §10.
        """
        payload = _payload(
            datasetName=dataset_name,
            temporalFilter=_payload(start=start, end=end) or None,
            startingNumber=starting_number,
            maxResults=max_results,
        )
        return await self._call_typed(
            "scene-search-delete", payload, DeletedScenePage, default=_NO_RESULTS
        )

    def open_scene_list(
        self,
        dataset_name: str,
        ids: Sequence[str],
        *,
        id_field: str = "entityId",
        keep: bool = False,
    ) -> AbstractAsyncContextManager[SceneList]:
        """Keep scenes in a temporary list for the duration of the block.

        The list is removed at the end of the block, also after an error; if that
        fails, when the client closes.

        Args:
            dataset_name: Alias of the dataset that the ids belong to.
            ids: 1 to 50,000.
            id_field: ``entityId``, or ``displayId``, which is slower.
            keep: Whether the list stays after the block: until :meth:`scene_list_remove`, for
                a time when fewer calls are urgent, or until the client closes.
        Raises: ValueError on entering, if there are no ids or too many.
        """
        return self._scene_lists.open(dataset_name, ids, id_field=id_field, keep=keep)

    async def scene_list_add(
        self,
        list_id: str,
        dataset_name: str,
        ids: Sequence[str],
        *,
        id_field: str = "entityId",
        time_to_live: str | None = None,
    ) -> int:
        """Add scenes to a list, creating it if necessary; return how many were added.

        Args:
            list_id: Shared by all programs of the account; :meth:`open_scene_list` makes a new one.
            dataset_name: Alias of the dataset that the ids belong to.
            ids: 50,000 in one list at most.
            id_field: ``entityId`` or ``displayId``.
            time_to_live: ISO 8601 duration; ``options.scene_list_ttl`` by default.
        """
        payload = {
            "listId": list_id,
            "datasetName": dataset_name,
            "idField": id_field,
            "entityIds": list(ids),
            "timeToLive": time_to_live or self._options.scene_list_ttl,
        }
        data = await self.call("scene-list-add", payload)
        # The stable version returns a bare count, others an object.
        if isinstance(data, dict):
            return _read("scene-list-add", data, SceneListAdded).scene_count
        return _read_if_possible("scene-list-add", data, Count, 0)

    async def scene_list_get(
        self,
        list_id: str,
        dataset_name: str | None = None,
        *,
        starting_number: int | None = None,
        max_results: int | None = None,
    ) -> list[SceneListEntry]:
        """Return the members of a list; empty if there is no such list."""
        payload = _payload(
            listId=list_id,
            datasetName=dataset_name,
            startingNumber=starting_number,
            maxResults=max_results,
        )
        return await self._call_typed("scene-list-get", payload, list[SceneListEntry], default=[])

    async def scene_metadata_list(self, list_id: str, dataset_name: str) -> list[Scene]:
        """Return the scenes of a list as a search would; unknown ones are left out.

        Source: endpoint ``scene-metadata-list``; API notes §4.5 and §10.
        """
        payload = {"listId": list_id, "datasetName": dataset_name, "metadataType": "summary"}
        by_dataset = await self._call_typed(
            "scene-metadata-list", payload, dict[str, list[Scene]], default={}
        )
        return [scene for scenes in by_dataset.values() for scene in scenes]

    async def scene_list_remove(
        self,
        list_id: str,
        dataset_name: str | None = None,
        ids: Sequence[str] | None = None,
    ) -> None:
        """Remove a list, its scenes of one dataset, or some of its scenes."""
        await self.call(
            "scene-list-remove",
            _payload(listId=list_id, datasetName=dataset_name, entityIds=_as_list(ids)),
        )
        if dataset_name is None and ids is None:
            self._scene_lists.forget(list_id)

    async def scene_list_summary(
        self, list_id: str, dataset_name: str | None = None
    ) -> SceneListSummary:
        """Return how many scenes a list contains, in total and by dataset."""
        payload = _payload(listId=list_id, datasetName=dataset_name)
        return await self._call_typed("scene-list-summary", payload, SceneListSummary, default={})

    async def scene_list_types(self) -> list[SceneListName]:
        """Return all scene lists of the account, including those of other programs.

        Source: endpoint ``scene-list-types``; API notes §4.6.
        """
        return await self._call_typed("scene-list-types", {}, list[SceneListName], default=[])

    # --- downloads -----------------------------------------------------------

    async def download_options(
        self,
        dataset_name: str,
        *,
        list_id: str | None = None,
        entity_ids: Sequence[str] | None = None,
        include_secondary_file_groups: bool = False,
    ) -> list[DownloadOption]:
        """Return the products of scenes; empty if nothing was found.

        Args:
            dataset_name: Alias of the dataset that the scenes belong to.
            list_id: The scenes, as a scene list.
            entity_ids: The scenes, one by one; 5,000 are known to work.
            include_secondary_file_groups: Whether to include the groups of single files.
        Raises: ValueError, unless exactly one of list and ids is given.
        """
        payload = _options_payload(dataset_name, list_id, entity_ids, include_secondary_file_groups)
        return await self._call_typed("download-options", payload, list[DownloadOption], default=[])

    async def download_options_by_scene(
        self,
        dataset_name: str,
        *,
        list_id: str | None = None,
        entity_ids: Sequence[str] | None = None,
        include_secondary_file_groups: bool = False,
    ) -> Iterable[list[DownloadOption]]:
        """Return the same products as :meth:`download_options`, to be read scene by scene.

        For thousands of scenes: only the rows of one are in memory as objects.

        Args: as :meth:`download_options`.
        Returns: The rows of each scene; may be iterated over more than once. An iteration
            raises ApiError, after the last scene, if no row was valid.
        Raises: ValueError, unless exactly one of list and ids is given.
        """
        payload = _options_payload(dataset_name, list_id, entity_ids, include_secondary_file_groups)
        data = await self._caller.call("download-options", payload)
        if isinstance(data, RawRows):
            return _LoggedRows("download-options", partial(OptionRows, data.rows))
        rows = await off_loop(
            _count(data), _read, "download-options", data or [], list[DownloadOption]
        )
        return by_scene(rows)

    async def download_request(
        self,
        downloads: Sequence[DownloadItem] = (),
        *,
        label: str,
        data_groups: Sequence[DownloadGroup] = (),
    ) -> DownloadRequestReply:
        """Request downloads; the same ones under the same label return the same download ids.

        Args:
            downloads: Products of entities; up to 1,000 per call are known to work.
            label: Name of the job in the account's queue, up to 50 characters.
            data_groups: File groups of scene lists, instead of or besides ``downloads``.
        Raises: ValueError, if the label is too long.
        """
        if len(label) > MAX_LABEL_CHARS:
            raise ValueError(f"a label has at most {MAX_LABEL_CHARS} characters: {label}")
        payload = _payload(
            downloads=[{"entityId": d.entity_id, "productId": d.product_id} for d in downloads]
            or None,
            dataGroups=[_as_data_group(group) for group in data_groups] or None,
            label=label,
        )
        return await self._call_typed("download-request", payload, DownloadRequestReply, default={})

    async def download_retrieve(self, label: str | None = None) -> DownloadRetrieveReply:
        """Return the URLs of what was requested under ``label``, or of the whole queue.

        Entries in ``available`` are in ``requested`` the next time.
        """
        payload = _payload(label=label)
        return await self._call_typed(
            "download-retrieve", payload, DownloadRetrieveReply, default={}
        )

    async def download_search(
        self, label: str | None = None, *, active_only: bool | None = None
    ) -> list[DownloadEntry]:
        """Return the account's queue without URLs.

        Args:
            label: Label of one job; ``None`` for all.
            active_only: ``False`` includes complete, failed and cleared entries.
        """
        payload = _payload(label=label, activeOnly=active_only)
        return await self._call_typed("download-search", payload, list[DownloadEntry], default=[])

    async def download_search_entries(
        self, label: str | None = None, *, active_only: bool | None = None
    ) -> Iterable[DownloadEntry]:
        """Return the same entries as :meth:`download_search`, to be read one by one.

        For jobs of thousands of files: only one is in memory as an object.

        Args: as :meth:`download_search`.
        Returns: The entries; may be iterated over more than once. An iteration raises ApiError,
            after the last row, if no entry was valid.
        """
        payload = _payload(label=label, activeOnly=active_only)
        data = await self._caller.call("download-search", payload)
        if isinstance(data, RawRows):
            return _LoggedRows("download-search", partial(ReplyRows, data.rows, DownloadEntry))
        return await off_loop(
            _count(data), _read, "download-search", data or [], list[DownloadEntry]
        )

    async def download_order_remove(self, label: str) -> int:
        """Remove a label from the account's queue; return how many entries it had."""
        data = await self.call("download-order-remove", {"label": label})
        return _read_if_possible("download-order-remove", data, Count, 0)

    async def download_remove(self, download_id: int) -> bool:
        """Remove one download from the account's queue.

        One call each; to remove a whole job, :meth:`download_order_remove` is faster.

        Returns: The service's reply, which is true for unknown ids, too.
        Source: endpoint ``download-remove``; API notes §5.7.
        """
        data = await self.call("download-remove", {"downloadId": download_id})
        return bool(_read_if_possible("download-remove", data, Flag, Flag(0)))

    async def download_labels(self) -> list[DownloadLabel]:
        """Return the labels of the account's queue, including those of other programs.

        Source: endpoint ``download-labels``; API notes §5.7.
        """
        return await self._call_typed("download-labels", {}, list[DownloadLabel], default=[])

    async def download_summary(self, label: str) -> DownloadSummary:
        """Return the totals of a label; zeros if the queue has no such label.

        Source: endpoint ``download-summary``, which needs an application; API notes §5.7.
        """
        payload = {"downloadApplication": DOWNLOAD_APPLICATION, "label": label}
        return await self._call_typed("download-summary", payload, DownloadSummary, default={})

    async def download_eula(self, codes: Sequence[str]) -> list[Eula]:
        """Return the license agreements of some codes; unknown ones may be left out.

        Args:
            codes: Values of ``eula_code`` of downloads.
        Source: endpoint ``download-eula``; API notes §5.7.
        """
        payload = {"eulaCodes": list(codes)}
        return await self._call_typed("download-eula", payload, list[Eula], default=[])

    async def download_complete_proxied(self, sizes_bytes: Mapping[int, int]) -> ProxiedReply:
        """Report proxied downloads as fetched, which the service cannot see.

        Args:
            sizes_bytes: Download id to the bytes received.
        Returns: How many were updated, and those that failed.
        Source: endpoint ``download-complete-proxied``; API notes §5.6 and §5.7.
        """
        downloaded = [
            {"downloadId": download_id, "downloadedSize": size}
            for download_id, size in sizes_bytes.items()
        ]
        payload = {"proxiedDownloads": downloaded}
        return await self._call_typed(
            "download-complete-proxied", payload, ProxiedReply, default={}
        )

    async def download_order_load(self, label: str | None = None) -> list[DownloadEntry]:
        """Load an order that was staged in EarthExplorer, so that it can be retrieved.

        Args:
            label: Label of the order, such as ``BulkDownload``; ``None`` for all.
        Returns: Its entries; empty if no order has the label.
        Source: endpoint ``download-order-load``; API notes §5.7.
        """
        payload = _payload(label=label)
        return await self._call_typed(
            "download-order-load", payload, list[DownloadEntry], default=[]
        )

    async def _call_typed(
        self, endpoint: str, payload: Json, as_type: type[T], *, default: Json = None
    ) -> T:
        """Make a call and convert its data to ``as_type``.

        ``default`` replaces null and ``[]``, which is also PHP's empty map.
        """
        data = await self.call(endpoint, payload) or default
        return await off_loop(_count(data), _read, endpoint, data, as_type)


_NO_RESULTS: Json = {"results": None}
"""The page of a search that returns null."""

MAX_LOSSES_LOGGED = 100
"""Per reply; the others are counted."""


def _count(data: Json) -> int:
    """Return the number of items in a reply or its page, as an estimate of the work."""
    parts = [data, *data.values()] if isinstance(data, dict) else [data]
    return max((len(part) for part in parts if isinstance(part, dict | list)), default=1)


def _read(endpoint: str, data: Json, as_type: type[T]) -> T:
    """Convert a reply. Parts that are invalid and not essential are left out and logged.

    Raises: ApiError, if something essential is missing or invalid.
    """
    losses: list[tuple[str, str]] = []
    try:
        return read_reply(data, as_type, lambda path, why: losses.append((path, why)))
    except msgspec.ValidationError as error:
        # The message names types and the path, and quotes no values.
        raise ApiError(endpoint, message=f"unexpected response: {error}") from error
    finally:
        _log_losses(endpoint, losses)


def _log_losses(endpoint: str, losses: Sequence[tuple[str, str]]) -> None:
    for path, why in losses[:MAX_LOSSES_LOGGED]:
        log.debug("%s: %s is left out of the reply: %s", endpoint, path, why)
    if len(losses) > MAX_LOSSES_LOGGED:
        others = len(losses) - MAX_LOSSES_LOGGED
        log.debug("%s: %d other parts are left out of the reply", endpoint, others)


def _plain(endpoint: str, data: RawRows) -> Json:
    """Return rows as plain JSON. Raises: ApiError, if they are none."""
    try:
        return data.plain()
    except orjson.JSONDecodeError as error:
        raise ApiError(endpoint, message=f"unexpected response: {error}") from error


@dataclass(frozen=True, slots=True)
class _LoggedRows(Generic[T]):
    """Rows of a response, with our errors and a log of what is left out."""

    endpoint: str
    read: Callable[[OnLoss], Iterable[T]]

    def __iter__(self) -> Iterator[T]:
        losses: list[tuple[str, str]] = []
        try:
            yield from self.read(lambda path, why: losses.append((path, why)))
        except msgspec.ValidationError as error:
            raise ApiError(self.endpoint, message=f"unexpected response: {error}") from error
        finally:
            _log_losses(self.endpoint, losses)


def _options_payload(
    dataset_name: str,
    list_id: str | None,
    entity_ids: Sequence[str] | None,
    include_secondary_file_groups: bool,
) -> dict[str, Json]:
    """Raises: ValueError, unless exactly one of list and ids is given."""
    if (list_id is None) == (entity_ids is None):
        raise ValueError("pass either list_id or entity_ids")
    return _payload(
        datasetName=dataset_name,
        listId=list_id,
        entityIds=_as_list(entity_ids),
        includeSecondaryFileGroups=include_secondary_file_groups,
    )


def _read_if_possible(endpoint: str, data: Json, as_type: Any, default: T) -> T:
    """Convert a bare value that is not essential; ``default`` if it is invalid."""
    if data is None or data == []:
        return default
    try:
        value: T = read_reply(data, as_type)
    except msgspec.ValidationError as error:
        log.debug("%s: the reply is left out: %s", endpoint, error)
        return default
    return value


def _state_folder() -> Path:
    """Return the user's folder for lock files. Raises: ConfigError, without a home."""
    try:
        return user_state_path("asyncdl")
    except RuntimeError as error:
        problem = "is not set, so there is no folder for the lock of the account"
        raise ConfigError(problem, key="HOME", allowed="HOME or XDG_STATE_HOME set") from error


def _payload(**fields: Json) -> dict[str, Json]:
    """Return a payload without the fields that are ``None``; null differs from absent."""
    return {name: value for name, value in fields.items() if value is not None}


def _as_list(values: Sequence[str] | None) -> list[str] | None:
    """Return the values as a list, or ``None``."""
    return None if values is None else list(values)


def _as_data_group(group: DownloadGroup) -> dict[str, Json]:
    return {
        "datasetName": group.dataset_name,
        "fileGroups": list(group.file_groups),
        "listId": group.list_id,
    }


def _check_types(credentials: object, options: object) -> None:
    if not isinstance(credentials, Credentials):
        allowed = "Credentials, such as those from asyncdl.find_credentials()"
        raise wrong_type("M2MClient.credentials", credentials, allowed)
    if not isinstance(options, ClientOptions):
        raise wrong_type("M2MClient.options", options, "ClientOptions")
