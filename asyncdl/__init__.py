"""Landsat from the USGS M2M API to verified files.

::

    import asyncdl

    scenes = await asyncdl.search("landsat_ot_c2_l2", bbox=(-151, 61, -149, 62), limit=3)
    summary = await asyncdl.download(scenes, bands=["red", "nir08"], directory="data")

    config = asyncdl.load_config("anchorage.toml")
    summary = await asyncdl.Job(config).run()

What stands in ``__all__`` is stable. Names are imported when they are first
used, so that ``import asyncdl`` costs next to nothing.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from asyncdl import renamed as _renamed
from asyncdl.version import __version__

if TYPE_CHECKING:
    from asyncdl import events as events
    from asyncdl import metrics as metrics
    from asyncdl import progress as progress
    from asyncdl import sandbox as sandbox
    from asyncdl import sync as sync
    from asyncdl.config import Aoi, Config, load_config, parse_config
    from asyncdl.errors import (
        ApiError,
        AsyncdlError,
        AuthError,
        ChecksumMismatch,
        ConfigError,
        DirectoryBusyError,
        DiskError,
        NetworkError,
        StoreError,
        TransferError,
    )
    from asyncdl.job.job import Job
    from asyncdl.job.reporting.report import Failure, Summary
    from asyncdl.library.checking import status, verify
    from asyncdl.library.downloading import download, plan
    from asyncdl.library.mapping import SceneMap, map
    from asyncdl.library.scenes import SceneHit, Scenes
    from asyncdl.library.searching import search
    from asyncdl.library.store_downloader import StoreDownloader
    from asyncdl.m2m import ClientOptions, Credentials, M2MClient, find_credentials
    from asyncdl.net.tls import TlsSettings
    from asyncdl.transfer import (
        Digest,
        Downloader,
        Fetched,
        FileRequest,
        Form,
        Limits,
        Netrc,
        Recheck,
        read_netrc,
    )

# A library is silent until its user configures logging: without this, Python
# would print warnings of loggers that nobody listens to.
logging.getLogger("asyncdl").addHandler(logging.NullHandler())

_renamed.install()

_HOMES = {
    "asyncdl.config": ("Aoi", "Config", "load_config", "parse_config"),
    "asyncdl.errors": (
        "ApiError", "AsyncdlError", "AuthError", "ChecksumMismatch", "ConfigError",
        "DirectoryBusyError", "DiskError", "NetworkError", "StoreError", "TransferError",
    ),
    "asyncdl.job.job": ("Job",),
    "asyncdl.job.reporting.report": ("Failure", "Summary"),
    "asyncdl.library.checking": ("status", "verify"),
    "asyncdl.library.downloading": ("download", "plan"),
    "asyncdl.library.mapping": ("SceneMap", "map"),
    "asyncdl.library.scenes": ("SceneHit", "Scenes"),
    "asyncdl.library.searching": ("search",),
    "asyncdl.library.store_downloader": ("StoreDownloader",),
    "asyncdl.m2m": ("ClientOptions", "Credentials", "M2MClient", "find_credentials"),
    "asyncdl.net.tls": ("TlsSettings",),
    "asyncdl.transfer": (
        "Digest", "Downloader", "Fetched", "FileRequest", "Form", "Limits", "Netrc", "Recheck",
        "read_netrc",
    ),
}  # fmt: skip
_ROOMS = ("events", "metrics", "progress", "sandbox", "sync")
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Aoi",
    "ApiError",
    "AsyncdlError",
    "AuthError",
    "ChecksumMismatch",
    "ClientOptions",
    "Config",
    "ConfigError",
    "Credentials",
    "Digest",
    "DirectoryBusyError",
    "DiskError",
    "Downloader",
    "Failure",
    "Fetched",
    "FileRequest",
    "Form",
    "Job",
    "Limits",
    "M2MClient",
    "Netrc",
    "NetworkError",
    "Recheck",
    "SceneHit",
    "SceneMap",
    "Scenes",
    "StoreDownloader",
    "StoreError",
    "Summary",
    "TlsSettings",
    "TransferError",
    "__version__",
    "download",
    "events",
    "find_credentials",
    "load_config",
    "map",
    "metrics",
    "parse_config",
    "plan",
    "progress",
    "read_netrc",
    "sandbox",
    "search",
    "status",
    "sync",
    "verify",
]


if not TYPE_CHECKING:  # a type checker would take every misspelt name for one of these

    def __getattr__(name: str) -> Any:
        if name in _ROOMS:
            return importlib.import_module(f"asyncdl.{name}")
        if name in _HOME_OF:
            return getattr(importlib.import_module(_HOME_OF[name]), name)
        raise AttributeError(f"module 'asyncdl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
