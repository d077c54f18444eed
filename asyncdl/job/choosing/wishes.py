"""From the config's words to the API room's: what to search, what to select. No network."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
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

    Raises: ConfigError, for a file that is empty or no text, or an id whose dataset nobody tells.
    """
    if search.scenes is not None:
        named = [_NamedScene(scene, "search.scenes", scene) for scene in search.scenes]
    else:
        named = _read_ids(search.scenes_file or "")
    by_dataset: dict[str, list[str]] = {}
    first: dict[str, _NamedScene] = {}
    for scene in named:
        first.setdefault(scene.id, scene)
    for scene in first.values():
        by_dataset.setdefault(_dataset_of(scene, search.dataset), []).append(scene.id)
    return by_dataset


@dataclass(frozen=True, slots=True)
class _NamedScene:
    """A scene's id, and the place in the config that is to blame if it is wrong."""

    id: str
    key: str
    value: str
    where: str = ""
    """In front of what is wrong; empty if the value is the id itself."""

    def error(self, problem: str, allowed: str) -> ConfigError:
        return ConfigError(
            f"{self.where}{problem}", key=self.key, value=self.value, allowed=allowed
        )


def _read_ids(name: str) -> list[_NamedScene]:
    key = "search.scenes_file"
    lines = [line.partition("#")[0].strip() for line in _text_of(name, key).splitlines()]
    named = [
        _NamedScene(line, key, name, f"line {number}, {line!r}: ")
        for number, line in enumerate(lines, start=1)
        if line
    ]
    if not named:
        raise ConfigError("holds no ids", key=key, value=name, allowed="one id a line")
    return named


def _text_of(name: str, key: str) -> str:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(
            "is not UTF-8 text", key=key, value=name, allowed="one id a line"
        ) from error
    except OSError as error:
        told = error.strerror or str(error)
        raise ConfigError(told, key=key, value=name, allowed="a file to be read") from error
    return text.removeprefix("\ufeff")  # a mark that some editors put there


def _dataset_of(scene: _NamedScene, configured: str | None) -> str:
    product = parse_product_id(scene.id)
    told = dataset_of(scene.id) if product else None
    if configured and told and configured != told:
        allowed = f"ids of {configured}, or no search.dataset"
        raise scene.error(f"this id belongs to {told}", allowed)
    dataset = configured or told
    if dataset is None:
        allowed = "product ids, or search.dataset beside scene ids"
        raise scene.error("the dataset of this id is not known", allowed)
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
