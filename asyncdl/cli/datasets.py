"""``asyncdl datasets``, ``file-groups`` and ``bands``: names for a config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from asyncdl.cli.json_lines import echo_json
from asyncdl.cli.loop import run_async
from asyncdl.cli.main import INTERRUPTED, OK
from asyncdl.cli.options import (
    FEW_RETRIES,
    Embedded,
    command,
    json_option,
    max_wait_option,
    sandbox_option,
    tls_options,
    verbose_option,
)
from asyncdl.cli.printing import echo, print_table
from asyncdl.cli.service_access import access_to, open_client, service_config, with_tls
from asyncdl.config import DEFAULT_URL, Seconds
from asyncdl.errors import ApiError, ConfigError
from asyncdl.job.choosing.preflight import is_unknown_dataset, unknown_dataset
from asyncdl.m2m.bands import DATASETS, files_of, is_partly_known, suggest
from asyncdl.m2m.models import Dataset, DatasetFileGroups, DatasetProduct
from asyncdl.net.tls import TlsSettings
from asyncdl.text import did_you_mean


def _datasets_like(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    return [dataset for dataset in DATASETS if dataset.startswith(incomplete)]


dataset_argument = click.argument("dataset", shell_complete=_datasets_like)
url_option = click.option("--url", default=DEFAULT_URL, help="Base URL of the M2M API.")


@command(
    examples=[
        "asyncdl datasets landsat --sandbox",
    ],
)
@click.argument("text", default="")
@sandbox_option
@url_option
@json_option
@max_wait_option(FEW_RETRIES)
@tls_options
@verbose_option
def datasets(
    text: str,
    sandbox: Embedded | None,
    url: str,
    as_json: bool,
    max_wait: Seconds | None,
    tls: TlsSettings,
) -> int:
    """List the datasets whose name contains TEXT."""
    access = access_to(with_tls(service_config(None, url), tls), sandbox)

    async def work() -> list[Dataset]:
        async with open_client(access, max_wait) as client:
            return await client.dataset_search(text)

    found = run_async(work)
    if found is None:
        return INTERRUPTED
    if text and not found:
        hint = did_you_mean(suggest(text, DATASETS))
        echo(f"No dataset has {text!r} in its name{hint}", err=True)
        return OK
    rows = [
        {
            "dataset": dataset.dataset_alias,
            "name": dataset.collection_long_name or dataset.collection_name or "",
            "from": dataset.acquisition_start or "",
            "to": dataset.acquisition_end or "",
            "scenes": dataset.scene_count,
        }
        for dataset in found
    ]
    _print(rows, as_json=as_json)
    return OK


@command(
    "file-groups",
    examples=[
        "asyncdl file-groups landsat_ot_c2_l2 --sandbox",
    ],
)
@dataset_argument
@sandbox_option
@url_option
@json_option
@max_wait_option(FEW_RETRIES)
@tls_options
@verbose_option
def file_groups(
    dataset: str,
    sandbox: Embedded | None,
    url: str,
    as_json: bool,
    max_wait: Seconds | None,
    tls: TlsSettings,
) -> int:
    """List the products and file groups of DATASET.

    In a config, `product` of a bundle is the code of a product or words of its name, and
    `file_groups` of a band_group are group ids.
    """
    access = access_to(with_tls(service_config(None, url), tls), sandbox)

    async def work() -> tuple[list[DatasetProduct], DatasetFileGroups]:
        async with open_client(access, max_wait) as client:
            try:
                groups = await client.dataset_file_groups(dataset)
                return await client.dataset_download_options(dataset), groups
            except ApiError as error:
                if not is_unknown_dataset(error):
                    raise
                raise await unknown_dataset(client, dataset, key="DATASET") from error

    found = run_async(work)
    if found is None:
        return INTERRUPTED
    products, groups = found
    rows = [
        {
            "file_group": group.id,
            "label": group.label or "",
            "files": list(group.file_names) if as_json else " ".join(group.file_names),
        }
        for by_id in groups.secondary.values()
        for group in by_id.values()
    ]
    listed = [_product_row(product) for product in products]
    if not as_json and rows and listed:
        print_table(listed)
        echo("")
        print_table(rows)
    else:
        _print(_alike([*listed, *rows]) if as_json else [*listed, *rows], as_json=as_json)
    return OK


def _alike(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Return rows that all have the same keys, so that scripts can read any key of any line."""
    keys = dict.fromkeys(key for row in rows for key in row)
    return [{**keys, **row} for row in rows]


def _product_row(product: DatasetProduct) -> dict[str, object]:
    return {
        "product_code": product.product_code or "",
        "product_name": product.product_name or "",
        "download_name": product.download_name or "",
        "download_system": product.download_system or "",
    }


@command(
    examples=[
        "asyncdl bands landsat_ot_c2_l2",
    ],
)
@dataset_argument
@json_option
def bands(dataset: str, as_json: bool) -> int:
    """List the files of scenes of a Landsat DATASET. Works offline."""
    files = files_of(dataset)
    if not files:
        raise ConfigError(
            f"not a Landsat dataset{did_you_mean(suggest(dataset, DATASETS))}",
            key="DATASET",
            value=dataset,
            allowed=", ".join(DATASETS),
        )
    rows = [
        {
            "band": file.suffix.rpartition(".")[0],
            "file": file.suffix,
            "common_name": file.common_name,
            "description": file.description,
        }
        for file in files
    ]
    _print(rows, as_json=as_json)
    if is_partly_known(dataset):
        echo("Scenes may have more files; their names work in a config, too.", err=True)
    return OK


def _print(rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    if as_json:
        for row in rows:
            echo_json(row)
    elif rows:
        print_table(rows)
    else:
        echo("Nothing found.", err=True)
