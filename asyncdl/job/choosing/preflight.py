"""Checks before the first scene is searched: the account, and the names in the config."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from asyncdl.config import Config
from asyncdl.errors import ApiError, AuthError, ConfigError, EndpointRemoved
from asyncdl.events import Emit, Notice
from asyncdl.job.choosing.from_config import group_names, products_of
from asyncdl.job.choosing.search_plan import SearchPlan
from asyncdl.job.choosing.selecting import CLOSED_DATASET
from asyncdl.m2m import M2MClient
from asyncdl.m2m.bands import suggest
from asyncdl.m2m.downloads.selection import check_groups
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
    await _check_permission(client)
    await _pass_on_notices(client, emit)


async def check_names(
    client: M2MClient, config: Config, search_plan: SearchPlan, emit: Emit
) -> None:
    """Check the config's names.

    Raises: ConfigError, if there is no such dataset, or it has no such file group.
    Source: endpoints ``dataset-file-groups``, ``dataset``.
    """
    await _check_datasets(client, search_plan)
    await _check_groups(client, config, search_plan, emit)


@asynccontextmanager
async def naming_datasets(client: M2MClient, search_plan: SearchPlan) -> AsyncIterator[None]:
    """Raise the same error as a run does, if any call in the block is refused for its dataset.

    For callers without the checks of a run: a valid name costs no additional call.
    Raises: ConfigError, for an unknown alias; AuthError, for a dataset that is closed.
    """
    try:
        yield
    except ApiError as error:
        if is_unknown_dataset(error) or error.error_code in CLOSED_DATASET:
            await _check_datasets(client, search_plan)
        raise


async def _check_permission(client: M2MClient) -> None:
    permissions = await client.permissions()
    if "download" not in permissions:
        raise AuthError(
            "permissions",
            message=f"this account may not download; {MACHINE_ADVICE}",
        )


async def _pass_on_notices(client: M2MClient, emit: Emit) -> None:
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


async def _check_groups(
    client: M2MClient, config: Config, search_plan: SearchPlan, emit: Emit
) -> None:
    wanted = group_names(products_of(config))
    datasets = search_plan.datasets
    # Each dataset has its own groups, so groups of a job with several datasets are not checked;
    # a run for failed files may have no dataset at all.
    if not wanted or len(datasets) != 1:
        return
    groups = await client.dataset_file_groups(datasets[0])
    secondary = await client.dataset(dataset_id=check_groups(wanted, groups))
    emit(Notice(f"File groups {', '.join(wanted)} come from {secondary.dataset_alias}."))
