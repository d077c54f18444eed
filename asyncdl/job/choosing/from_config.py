"""From the config to what other rooms take: products, client options, limits, credentials."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from asyncdl.config import (
    BandGroupProduct,
    BandsProduct,
    BundleProduct,
    Config,
    DownloadConfig,
    Product,
    ServiceConfig,
)
from asyncdl.m2m import ClientOptions, Credentials
from asyncdl.m2m.account.credentials import FoundCredentials, locate_credentials
from asyncdl.m2m.account.stored_account import account_host
from asyncdl.m2m.downloads.selection import BandsWanted, BundleWanted, GroupWanted, Wanted
from asyncdl.net.retry import Backoff
from asyncdl.net.tls import TlsSettings
from asyncdl.transfer import Limits


def products_of(config: Config) -> tuple[Wanted, ...]:
    """Return the products of the ``[[products]]`` tables, in order."""
    return tuple(_product_of(product) for product in config.products)


def kinds_of(config: Config) -> tuple[str, ...]:
    """Return the kinds of the wanted products, each once, in order."""
    return tuple(dict.fromkeys(product.kind for product in products_of(config)))


def _product_of(product: Product) -> Wanted:
    match product:
        case BandsProduct():
            return BandsWanted(product.bands)
        case BundleProduct():
            members = (product.members or ()) if product.extract else None
            return BundleWanted(members, product.product, product.keep_tar or not product.extract)
        case BandGroupProduct():
            return GroupWanted(product.file_groups)


def group_names(products: Iterable[Wanted]) -> tuple[str, ...]:
    """Return the file groups of all products, each once."""
    names = (g for p in products if isinstance(p, GroupWanted) for g in p.file_groups)
    return tuple(dict.fromkeys(names))


MIN_REPLY_BYTES = 128 * 1024**2
"""The length of the links of 200,000 files."""


def tls_of(service: ServiceConfig) -> TlsSettings:
    """Return the certificates of ``[service]``."""
    return TlsSettings(service.ca_file, service.client_cert, service.client_key)


def options_of(service: ServiceConfig) -> ClientOptions:
    """Return the client's options for ``[service]``."""
    return ClientOptions(
        read_timeout_s=service.timeout,
        max_wait_s=service.max_wait,
        max_reply_bytes=min(service.max_reply, _most_reply_bytes(service)),
        scene_list_ttl=service.scene_list_ttl,
        tls=tls_of(service),
    )


def _most_reply_bytes(service: ServiceConfig) -> int:
    """Return how long the longest reply to a call of a job can be, with room to spare."""
    of_options = service.scenes_per_call * 2**17
    return max(MIN_REPLY_BYTES, of_options, service.scenes_per_page * 2**16)


def credentials_of(
    service: ServiceConfig, *, prompt: Callable[[str], str] | None = None
) -> Credentials:
    """Find the account for ``[service]``, without a prompt by default. Raises: AuthError."""
    return locate_account(service, prompt=prompt).credentials


def locate_account(
    service: ServiceConfig, *, prompt: Callable[[str], str] | None = None
) -> FoundCredentials:
    """Find the account for ``[service]``, and where it is stored. Raises: AuthError."""
    return locate_credentials(
        configured_username=service.username,
        token_file=Path(service.token_file) if service.token_file else None,
        host=account_host(service.url),
        prompt=prompt,
    )


def limits_of(download: DownloadConfig) -> Limits:
    """Return the engine's limits for ``[download]``."""
    per_file = max(4, download.connections // download.files_at_once)
    if download.workers == "auto":
        per_file = download.connections
    return Limits(
        connections=download.connections,
        per_host=download.connections,
        connections_per_file=min(download.connections, per_file),
        stall_timeout_s=download.stall_timeout,
        backoff=Backoff(attempts=download.attempts),
        refreshes=download.url_renewals,
        max_rate_bytes_s=download.max_rate,
        max_size_bytes=download.max_size,
        durable=download.durable,
    )
