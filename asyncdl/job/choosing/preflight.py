"""Checks of the account and of the names in the config.

``plan`` makes them all before it searches. A run makes few of them there: each call delays every
file, and where a name is wrong or the account lacks a right, the first call that needs it is
refused. Such a refusal is then turned into the error that the check would have raised.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from asyncdl.config import Config
from asyncdl.errors import (
    ApiError,
    AuthError,
    ConfigError,
    EndpointRemoved,
    ForeignResponse,
    NetworkError,
)
from asyncdl.events import Emit, Notice
from asyncdl.job.choosing.from_config import group_names, products_of
from asyncdl.job.choosing.group_check import GroupCheck
from asyncdl.job.choosing.search_plan import SearchPlan
from asyncdl.job.choosing.selecting import CLOSED_DATASET
from asyncdl.m2m import M2MClient
from asyncdl.m2m.bands import suggest
from asyncdl.m2m.models import Notification
from asyncdl.text import did_you_mean

NOTICE_SEVERITIES = {"I": "info"}
"""Codes that are not warnings; all others are."""

MACHINE_ADVICE = (
    "ask for access to the Machine-to-Machine interface (MACHINE) under Access Request on "
    "https://ers.cr.usgs.gov"
)


async def check_account(client: M2MClient, emit: Emit) -> None:
    """Log in, check the account's rights, pass on notices.

    Raises: AuthError, if the account may not download.
    Source: endpoints ``permissions``, ``notifications``.
    """
    await AccountCheck(client).check()
    await pass_on_notices(client, emit)


class AccountCheck:
    """Checks once in a run that the account may download: later, or after a refusal.

    Source: endpoint ``permissions``.
    """

    def __init__(self, client: M2MClient) -> None:
        self._client = client
        self._result: bool | None = None
        """Whether the account may download; ``None`` before the check."""

    async def check(self) -> None:
        """Check the account, unless that was done.

        Raises: AuthError, if the account may not download.
        """
        if not await self._may_download():
            raise _may_not_download()

    @asynccontextmanager
    async def explaining_refusals(self) -> AsyncIterator[None]:
        """Make the check if a call in the block is refused, as that may be the reason.

        Raises: AuthError, if the account may not download; otherwise the refusal.
        """
        try:
            yield
        except ApiError as error:
            if _may_be_for_account(error) and await self._is_known_to_lack_the_right():
                raise _may_not_download() from error
            raise

    async def _is_known_to_lack_the_right(self) -> bool:
        try:
            return not await self._may_download()
        except (ApiError, NetworkError):
            return False  # the refusal itself says more

    async def _may_download(self) -> bool:
        if self._result is None:
            self._result = "download" in await self._client.permissions()
        return self._result


def _may_not_download() -> AuthError:
    return AuthError("permissions", message=f"this account may not download; {MACHINE_ADVICE}")


def _may_be_for_account(error: ApiError) -> bool:
    """Return whether an account that may not download may be why a call was refused."""
    is_login = error.endpoint.startswith("login")
    is_other = error.retryable or error.is_quota or error.endpoint == "permissions"
    return not (is_login or is_other or isinstance(error, EndpointRemoved | ForeignResponse))


async def check_names(
    client: M2MClient, config: Config, search_plan: SearchPlan, emit: Emit
) -> None:
    """Check the config's names.

    Raises: ConfigError, if there is no such dataset, or it has no such file group.
    Source: endpoints ``dataset-file-groups``, ``dataset``.
    """
    await _check_datasets(client, search_plan)
    if (secondary := await GroupCheck(client, config, search_plan).check()) is not None:
        await _note_groups(client, config, secondary, emit)


async def check_names_early(client: M2MClient, search_plan: SearchPlan) -> None:
    """Check only the names for which no refusal before the first request will do.

    With several datasets, files of the first are fetched before a refusal names the second.
    A single one is refused by the first call that names it: see :func:`naming_datasets`. File
    groups are checked by the options of the first scenes
    (:class:`~asyncdl.job.choosing.group_check.GroupCheck`).

    Raises: as :func:`check_names`.
    """
    if len(search_plan.datasets) > 1:
        await _check_datasets(client, search_plan)


@asynccontextmanager
async def naming_datasets(client: M2MClient, search_plan: SearchPlan) -> AsyncIterator[None]:
    """Raise the error of :func:`check_names`, if a call in the block is refused for its dataset.

    A valid name costs no additional call.
    Raises: ConfigError, for an unknown alias; AuthError, for a dataset that is closed.
    """
    try:
        yield
    except ApiError as error:
        if is_unknown_dataset(error) or error.error_code in CLOSED_DATASET:
            await _check_datasets(client, search_plan)
        raise


async def pass_on_notices(client: M2MClient, emit: Emit) -> None:
    """Emit the service's notices. Source: endpoint ``notifications``."""
    try:
        notices = await client.notifications()
    except ApiError:
        return  # the run does not depend on it
    for notice in notices:
        emit(notice_of(notice))


def notice_of(notice: Notification) -> Notice:
    """Return a notice of the service as an event."""
    text = ": ".join(filter(None, (notice.subject, notice.message_content)))
    return Notice(f"USGS: {text}", NOTICE_SEVERITIES.get(notice.severity_code or "I", "warning"))


async def _check_datasets(client: M2MClient, search_plan: SearchPlan) -> None:
    datasets = search_plan.datasets
    for dataset in datasets:
        try:
            await client.dataset(dataset_name=dataset)
        except ApiError as error:
            if error.error_code in CLOSED_DATASET:
                if len(datasets) == 1:
                    raise _closed_dataset(dataset, error) from error
                continue  # each of its scenes is reported; those of other datasets are fetched
            if not is_unknown_dataset(error):
                raise
            raise await unknown_dataset(client, dataset) from error


def is_unknown_dataset(error: ApiError) -> bool:
    """Return whether an error means an unknown dataset, and not an endpoint that is gone."""
    if isinstance(error, EndpointRemoved):
        return False
    return error.error_code in ("DATASET_INVALID", "NOT_FOUND")


def _closed_dataset(dataset: str, error: ApiError) -> AuthError:
    return AuthError(
        error.endpoint,
        error_code=error.error_code,
        message=f"{dataset} is closed to this account, or was withdrawn as Collection 1 was at "
        f"the end of 2022; the service says: {error.message}",
        request_id=error.request_id,
        http_status=error.http_status,
    )


async def unknown_dataset(
    client: M2MClient, dataset: str, *, key: str = "search.dataset"
) -> ConfigError:
    """Return the error for an unknown alias, with the one that may have been meant."""
    family = dataset.partition("_")[0]
    known = [found.dataset_alias for found in await client.dataset_search(family)]
    hint = did_you_mean(suggest(dataset, known))
    listing = f"asyncdl datasets {family}" if known else "asyncdl datasets"
    return ConfigError(
        f"the service has no such dataset, or it is closed to this account{hint}",
        key=key,
        value=dataset,
        allowed=f"a dataset alias; `{listing}` lists them",
    )


async def _note_groups(client: M2MClient, config: Config, secondary_id: str, emit: Emit) -> None:
    secondary = await client.dataset(dataset_id=secondary_id)
    wanted = ", ".join(group_names(products_of(config)))
    emit(Notice(f"File groups {wanted} come from {secondary.dataset_alias}."))
