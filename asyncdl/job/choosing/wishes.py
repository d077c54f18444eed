"""From the config's words to the API room's: what to search, what to select. No network."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from asyncdl.config import (
    BandGroupProduct,
    BandsProduct,
    BundleProduct,
    Config,
    Product,
    SearchConfig,
    ServiceConfig,
)
from asyncdl.errors import ConfigError
from asyncdl.job.choosing.areas import area_of
from asyncdl.m2m import ClientOptions, Credentials
from asyncdl.m2m.account.credentials import Found, locate_credentials
from asyncdl.m2m.account.stored import host_of
from asyncdl.m2m.downloads.selection import BandsWanted, BundleWanted, GroupWanted, Wanted
from asyncdl.m2m.naming import dataset_of, parse_product_id
from asyncdl.m2m.searching.search import SceneQuery


def query_of(search: SearchConfig) -> SceneQuery:
    """Return what ``[search]`` asks for.

    Raises: ConfigError, when the area of interest is none.
    """
    assert search.dataset is not None  # the config insists on it for a search
    return SceneQuery(
        dataset=search.dataset,
        area=area_of(search),
        start=search.start,
        end=search.end,
        ingested_since=search.since.day if search.since else None,
        cloud_cover=search.cloud_cover,
        months=search.months or (),
        wrs=search.wrs or (),
        metadata=search.metadata,
        limit=search.limit,
    )


def ids_of(search: SearchConfig) -> dict[str, list[str]]:
    """Return the scenes that ``[search]`` names, each once, by dataset.

    Raises: ConfigError, for an empty file, or an id whose dataset nobody tells.
    """
    ids = search.scenes if search.scenes is not None else _read_ids(search.scenes_file or "")
    by_dataset: dict[str, list[str]] = {}
    for scene in dict.fromkeys(ids):
        by_dataset.setdefault(_dataset_of(scene, search.dataset), []).append(scene)
    return by_dataset


def _read_ids(name: str) -> list[str]:
    text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    ids = [line for line in lines if line]
    if not ids:
        raise ConfigError(
            "holds no ids", key="search.scenes_file", value=name, allowed="one id a line"
        )
    return ids


def _dataset_of(scene: str, configured: str | None) -> str:
    product = parse_product_id(scene)
    told = dataset_of(scene) if product else None
    if configured and told and configured != told:
        raise ConfigError(
            f"this id belongs to {told}",
            key="search.scenes",
            value=scene,
            allowed=f"ids of {configured}, or no search.dataset",
        )
    dataset = configured or told
    if dataset is None:
        raise ConfigError(
            "the dataset of this id is not known",
            key="search.scenes",
            value=scene,
            allowed="product ids, or search.dataset beside scene ids",
        )
    return dataset


def products_of(config: Config) -> tuple[Wanted, ...]:
    """Return what each ``[[products]]`` table asks for, in order."""
    return tuple(_product_of(product) for product in config.products)


def kinds_of(config: Config) -> tuple[str, ...]:
    """Return the kinds of the wanted products, each once, in order."""
    return tuple(dict.fromkeys(product.kind for product in products_of(config)))


def _product_of(product: Product) -> Wanted:
    match product:
        case BandsProduct():
            return BandsWanted(product.bands)
        case BundleProduct():
            return BundleWanted((product.members or ()) if product.extract else None)
        case BandGroupProduct():
            return GroupWanted(product.file_groups)


def group_names(products: Iterable[Wanted]) -> tuple[str, ...]:
    """Return the file groups that any product asks for, each once."""
    names = (g for p in products if isinstance(p, GroupWanted) for g in p.file_groups)
    return tuple(dict.fromkeys(names))


def options_of(service: ServiceConfig) -> ClientOptions:
    """Return the client's options for ``[service]``."""
    return ClientOptions(
        read_timeout_s=service.timeout,
        max_wait_s=service.max_wait,
        max_reply_bytes=service.max_reply,
        scene_list_ttl=service.scene_list_ttl,
    )


def credentials_of(
    service: ServiceConfig, *, prompt: Callable[[str], str] | None = None
) -> Credentials:
    """Find the account for ``[service]``; without ``prompt`` nobody is asked. Raises: AuthError."""
    return locate_account(service, prompt=prompt).credentials


def locate_account(service: ServiceConfig, *, prompt: Callable[[str], str] | None = None) -> Found:
    """Find the account for ``[service]`` and tell where it was. Raises: AuthError."""
    return locate_credentials(
        configured_username=service.username,
        token_file=Path(service.token_file) if service.token_file else None,
        host=host_of(service.url),
        prompt=prompt,
    )
