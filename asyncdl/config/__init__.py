"""The config file: TOML to frozen records, with every value checked once.

Errors name file, key, value and what is allowed, before any network is used.
"""

from asyncdl.config.aoi import Aoi
from asyncdl.config.layouts import LayoutTemplate
from asyncdl.config.reading import load_config, parse_config
from asyncdl.config.sections import (
    DEFAULT_STAC_URL,
    DEFAULT_URL,
    ArchiveConfig,
    BandGroupProduct,
    BandsProduct,
    BundleProduct,
    ClusterConfig,
    Config,
    DownloadConfig,
    PollConfig,
    Product,
    SearchConfig,
    ServiceConfig,
    StoreConfig,
)
from asyncdl.config.values import ByteCount, ByteRate, Seconds, Since
from asyncdl.config.windows import Window

__all__ = [
    "DEFAULT_STAC_URL",
    "DEFAULT_URL",
    "Aoi",
    "ArchiveConfig",
    "BandGroupProduct",
    "BandsProduct",
    "BundleProduct",
    "ByteCount",
    "ByteRate",
    "ClusterConfig",
    "Config",
    "DownloadConfig",
    "LayoutTemplate",
    "PollConfig",
    "Product",
    "SearchConfig",
    "Seconds",
    "ServiceConfig",
    "Since",
    "StoreConfig",
    "Window",
    "load_config",
    "parse_config",
]
