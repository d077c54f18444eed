"""The tables of a config as frozen records.

Defaults are here and nowhere else; the TOML keys are the field names. The
annotation of a field says what it accepts; messages and the reference page are
made from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeAlias
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from asyncdl.config.aoi import Aoi
from asyncdl.config.layouts import LAYOUT_FIELDS, LayoutTemplate
from asyncdl.config.values import ByteCount, ByteRate, Seconds, Since
from asyncdl.config.windows import AREA, WINDOW_FORMS, Window
from asyncdl.errors import MisuseError, Portable
from asyncdl.net.hosts import TLS_FORM, goes_in_clear
from asyncdl.stores.address import FORM as STORE_FORM
from asyncdl.stores.address import StoreAddress, is_store

DEFAULT_URL = "https://m2m.cr.usgs.gov/api/api/json/stable/"
DEFAULT_STAC_URL = "https://landsatlook.usgs.gov/stac-server"

AOI_FORMS = "a GeoJSON or WKT file, such text itself, or with the extra geo what GDAL reads"
URL_FORM = "an http or https URL"
DAY_FORM = "a date, such as 2020-03-01"
CA_FORM = "a PEM file of CA certificates, or a folder of them"
METADATA_FORMS = "field name = value, list of values, or [lowest, highest]"


class Clash(Portable, ValueError):
    """Two keys of a section contradict each other."""

    def __init__(self, key: str, problem: str, allowed: str) -> None:
        super().__init__(problem)
        self.key = key
        self.allowed = allowed


def is_http_url(text: str) -> bool:
    """Return whether a text is a complete http or https URL."""
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and has_host and not re.search(r"\s", text)


def names_user(url: str) -> bool:
    """Return whether a URL has a user or a secret in front of its host."""
    return "@" in urlsplit(url).netloc


def is_clear_text(url: str) -> bool:
    """Return whether requests to a URL can be read on the way."""
    parts = urlsplit(url)
    return goes_in_clear(parts.scheme, parts.hostname or "")


Percent = Annotated[int, Meta(ge=0, le=100)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
BoxLongitude = Annotated[float, Meta(ge=-360, le=360)]
Word = Annotated[str, Meta(min_length=1)]
Template = Annotated[
    LayoutTemplate,
    Meta(description=f"folders, then {{file}}, of the fields {', '.join(LAYOUT_FIELDS)}"),
]


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all sections: immutable, without unknown keys."""


class ServiceConfig(Section, frozen=True):
    """The M2M API, the account, and limits of its calls."""

    url: Annotated[str, Meta(description=URL_FORM)] = DEFAULT_URL
    """Base address of the M2M API; ``http`` only on this machine. A token is sent to another host
    than the USGS's only if you allow it outside the config, see
    [howto/credentials.md](howto/credentials.md#another-host-than-the-usgss)."""
    stac_url: Annotated[str, Meta(description=f'{URL_FORM}, or "" for none')] | None = None
    """STAC service with digests, or ``""`` for none. Default: the Landsat STAC service for the
    USGS's own M2M, and none for any other service."""
    username: Word | None = None
    """ERS user name; the environment (``ASYNCDL_USERNAME`` …) overrides it."""
    token_file: Annotated[str, Meta(description="a file that only you can read")] | None = None
    """File with nothing but the application token; not the one that ``asyncdl login`` writes."""
    ca_file: Annotated[str, Meta(description=CA_FORM)] | None = None
    """CA certificates to trust instead of all others, for API, catalogue and file hosts;
    see [howto/certificates.md](howto/certificates.md). Default: as the environment says
    (``CURL_CA_BUNDLE``, ``REQUESTS_CA_BUNDLE``, ``SSL_CERT_FILE``), else those of the system."""
    client_cert: Annotated[str, Meta(description="a PEM file of a certificate")] | None = None
    """Client certificate for hosts that ask for one, as some gateways do."""
    client_key: Annotated[str, Meta(description="a PEM file of its private key")] | None = None
    """Its private key, not encrypted; by default in the file of ``client_cert``."""
    timeout: Annotated[Seconds, Meta(description='seconds, or text such as "5m"')] = Seconds(300)
    """Longest wait for the response to one API call."""
    max_wait: Annotated[Seconds, Meta(description='seconds, or text such as "6h"; 0 for none')] = (
        Seconds(6 * 3600)
    )
    """How long to wait for the API or a file host during an outage before the run gives up.
    With 0, attempts go on for a few minutes."""
    max_reply: Annotated[ByteCount, Meta(description='bytes, or text such as "64 MiB"')] = (
        ByteCount(512 * 1024**2)
    )
    """Longest response to one API call; a longer one is an error."""
    scenes_per_page: Annotated[int, Meta(ge=1, le=10_000, description="1 to 10000")] = 1000
    """Scenes in one ``scene-search``; the service advises against more than 10,000."""
    scenes_per_call: Annotated[int, Meta(ge=1, le=5_000, description="1 to 5000")] = 200
    """Scenes in one ``download-options`` call; each takes about 50 kB."""
    files_per_request: Annotated[int, Meta(ge=1, le=10_000, description="1 to 10000")] = 1000
    """Files in one ``download-request``; more than 1,000 are reported to fail at times."""
    bytes_per_request: Annotated[ByteCount, Meta(description='bytes, or text such as "64 GB"')] = (
        ByteCount(64 * 10**9)
    )
    """Limit of the estimated size of the files in one ``download-request``."""
    link_wait: Annotated[Seconds, Meta(description='seconds, or text such as "20m"')] = Seconds(
        1200
    )
    """No more links are requested than the run, at its rate, uses up in this time."""
    quota_interval: Annotated[Seconds, Meta(description='seconds, or text such as "1m"')] = Seconds(
        60
    )
    """Between two checks of the download quota while it is used up."""
    accept_eulas: Annotated[
        tuple[Word, ...], Meta(description='a list of codes such as ["ASTERGDEM"]')
    ] = ()
    """Licence agreements that you have read and accept; files under other agreements are not
    fetched, and the agreement is shown."""
    deletions_by: Annotated[
        Literal["deletion", "acquisition"], Meta(description='"deletion" or "acquisition"')
    ] = "deletion"
    """Which day the service compares with the dates of ``scene-search-delete``; it does not
    document it. Used only with ``since = "last-run"``."""
    scene_list_ttl: Annotated[str, Meta(pattern=r"^P\w+$", description='such as "P1D"')] = "P1D"
    """ISO 8601 duration after which the service removes a scene list that was left behind."""

    def __post_init__(self) -> None:
        _check_address("url", self.url, DEFAULT_URL)
        if is_clear_text(self.url):
            raise Clash("url", "would send the token unencrypted", TLS_FORM)
        if self.stac_url:
            _check_address("stac_url", self.stac_url, f'{DEFAULT_STAC_URL}, or "" for none')
        if self.client_key is not None and self.client_cert is None:
            raise Clash("client_key", "is a key without its certificate", "client_cert beside it")

    @property
    def digest_url(self) -> str:
        """Base address of the STAC service with digests; empty for none."""
        if self.stac_url is not None:
            return self.stac_url
        is_usgs = urlsplit(self.url).netloc == urlsplit(DEFAULT_URL).netloc
        return DEFAULT_STAC_URL if is_usgs else ""


def _check_address(key: str, url: str, such_as: str) -> None:
    """Check that a URL is valid and has no secret. Raises: Clash."""
    if not is_http_url(url):
        raise Clash(key, "is not an http or https URL", f"{URL_FORM}, such as {such_as}")
    if names_user(url):
        problem = (
            "has a user or a secret in front of the host, and secrets do not belong in a config"
        )
        raise Clash(key, problem, "the URL without the part up to @")


class SearchConfig(Section, frozen=True):
    """Which scenes: those that match all conditions, or those that are named."""

    dataset: (
        Annotated[
            str, Meta(min_length=1, description='an alias in quotes, such as "landsat_ot_c2_l2"')
        ]
        | None
    ) = None
    """Required for a search; `asyncdl datasets` lists them. Product ids imply it."""
    aoi: Annotated[Aoi, Meta(description=AOI_FORMS)] | None = None
    """Area of interest: polygons or points, in longitude and latitude. Files other than GeoJSON,
    WKT, TopoJSON and ESRI's JSON need the extra ``geo``, which reprojects; a layer is named as in
    ``parcels.gpkg|layername=fields``. In Python also what has a ``__geo_interface__``. See
    [howto/area.md](howto/area.md)."""
    bbox: (
        Annotated[
            tuple[BoxLongitude, Latitude, BoxLongitude, Latitude],
            Meta(description="[west, south, east, north] in degrees, such as [-151, 61, -149, 62]"),
        ]
        | None
    ) = None
    """A box; if west exceeds east, or east exceeds 180, it crosses the antimeridian."""
    wrs: (
        Annotated[
            tuple[
                tuple[
                    Annotated[int, Meta(ge=1, le=251)],
                    Annotated[int, Meta(ge=1, le=248)],
                ],
                ...,
            ],
            Meta(
                min_length=1,
                description="[[path, row], …], such as [[68, 17]]; path 1 to 251, row 1 to 248",
            ),
        ]
        | None
    ) = None
    """Scenes of these places in the WRS grid."""
    point: (
        Annotated[
            tuple[Longitude, Latitude],
            Meta(description="[longitude, latitude] in degrees, such as [-149.9, 61.2]"),
        ]
        | None
    ) = None
    """Scenes that contain this point."""
    start: Annotated[date, Meta(description=DAY_FORM)] | None = None
    """First day of acquisition, inclusive."""
    end: Annotated[date, Meta(description=DAY_FORM)] | None = None
    """Last day of acquisition, inclusive."""
    since: Annotated[Since, Meta(description=f'{DAY_FORM}, or "last-run"')] | None = None
    """Only scenes that the service took in on this day or later. With "last-run", those since
    the last run of this config, and those that it left incomplete; the first run takes all."""
    cloud_cover: (
        Annotated[
            tuple[Percent, Percent],
            Meta(description="two whole numbers from 0 to 100, such as [0, 60]"),
        ]
        | None
    ) = None
    """Scenes with unknown cloud cover are included only if the maximum is 100."""
    months: (
        Annotated[
            tuple[Annotated[int, Meta(ge=1, le=12)], ...],
            Meta(min_length=1, description="a list of months, 1 to 12, such as [6, 7, 8]"),
        ]
        | None
    ) = None
    """Months of acquisition, in any year."""
    tier: (
        Annotated[
            tuple[Literal["T1", "T2", "RT"], ...],
            Meta(min_length=1, description='a list of "T1", "T2", "RT"'),
        ]
        | None
    ) = None
    """Scenes of these tiers: 1 for the best geometry, 2, or real time, which later becomes 1
    or 2."""
    satellite: (
        Annotated[
            tuple[Annotated[int, Meta(ge=1, le=9)], ...],
            Meta(min_length=1, description="a list of numbers from 1 to 9, such as [8, 9]"),
        ]
        | None
    ) = None
    """Scenes of these Landsat satellites."""
    day_night: Annotated[Literal["day", "night"], Meta(description='"day" or "night"')] | None = (
        None
    )
    """Scenes taken by day or by night, if the dataset can be searched by it."""
    metadata: Annotated[
        dict[str, Any],
        Meta(description=METADATA_FORMS),
    ] = {}
    """Filters on the dataset's metadata fields, by their readable names."""
    limit: Annotated[int, Meta(ge=1, description="a whole number, 1 or more")] | None = None
    """Maximum number of scenes; the total number of matches is still reported."""
    scenes: (
        Annotated[
            tuple[Word, ...],
            Meta(min_length=1, description="a list of product or scene ids in quotes"),
        ]
        | None
    ) = None
    """Instead of a search: these scenes."""
    scenes_file: (
        Annotated[str, Meta(min_length=1, description="a file of ids, a CSV file or STAC items")]
        | None
    ) = None
    """Instead of a search: the scenes in this file; ``-`` is standard input. See
    [howto/many-scenes.md](howto/many-scenes.md)."""

    AREA_KEYS: ClassVar = ("aoi", "bbox", "wrs", "point")
    FILTER_KEYS: ClassVar = (*AREA_KEYS, "start", "end", "since", "cloud_cover", "months")
    TRAIT_FIELDS: ClassVar = {
        "tier": ("collectioncategory",),
        "satellite": ("satellite", "spacecraftidentifier"),
        "day_night": ("daynightindicator",),
    }
    """Keys for metadata fields, each with the names of the field, without punctuation."""

    @property
    def follows_last_run(self) -> bool:
        """Whether a run continues where the last one ended, and ignores older scenes."""
        return self.since is not None and self.since.day is None

    @property
    def days(self) -> str:
        """The days of acquisition, for people; empty if there is no bound."""
        if self.start and self.end:
            return f"{self.start} to {self.end}"
        if self.start:
            return f"from {self.start}"
        return f"until {self.end}" if self.end else ""

    @property
    def is_by_id(self) -> bool:
        """Whether the scenes are named one by one instead of searched for."""
        return self.scenes is not None or self.scenes_file is not None

    def __post_init__(self) -> None:
        for clash in self._clashes():
            raise clash

    def _clashes(self) -> Iterator[Clash]:
        areas = self._given(self.AREA_KEYS)
        if len(areas) > 1:
            yield Clash(areas[1], f"clashes with {areas[0]}", f"one of {', '.join(self.AREA_KEYS)}")
        if self.scenes is not None and self.scenes_file is not None:
            yield Clash("scenes_file", "clashes with scenes", "one of scenes, scenes_file")
        if self.is_by_id:
            filters = self._given((*self.FILTER_KEYS, *self.TRAIT_FIELDS))
            filters += ["metadata"] if self.metadata else []
            if filters:
                yield Clash(filters[0], "cannot filter scenes that are named by id", "leave it out")
            return
        if self.dataset is None:
            yield Clash("dataset", "is missing", "a dataset alias, such as landsat_ot_c2_l2")
        if self.start and self.end and self.start > self.end:
            yield Clash("end", f"is before start ({self.start})", "start or later")
        if self.cloud_cover and self.cloud_cover[0] > self.cloud_cover[1]:
            yield Clash("cloud_cover", "has its lowest value last", "[lowest, highest]")
        if self.bbox and self.bbox[1] >= self.bbox[3]:
            yield Clash(
                "bbox",
                "has its south edge at or above its north edge",
                "[west, south, east, north] in degrees",
            )
        for name, wanted in self.metadata.items():
            if wanted in ("", [], ()):
                yield Clash("metadata", f"has no value for {name!r}", METADATA_FORMS)
        yield from self._clashes_of_traits()
        if self.follows_last_run and self.limit is not None:
            yield Clash("limit", "clashes with since", 'no limit beside since = "last-run"')
        bounds = [*self._given((*self.FILTER_KEYS, "limit")), *self.metadata]
        if not bounds or (self.follows_last_run and bounds == ["since"]):
            yield Clash("", "would take the whole archive", "an area, dates, or a limit")

    def _clashes_of_traits(self) -> Iterator[Clash]:
        names = {re.sub(r"[\W_]+", "", name).casefold(): name for name in self.metadata}
        for key in self._given(tuple(self.TRAIT_FIELDS)):
            for field in names.keys() & set(self.TRAIT_FIELDS[key]):
                problem = f"clashes with {names[field]!r} in metadata"
                yield Clash(key, problem, f"one of {key}, metadata")

    def _given(self, keys: tuple[str, ...]) -> list[str]:
        return [key for key in keys if getattr(self, key) is not None]


class BandsProduct(Section, frozen=True, kw_only=True, tag_field="kind", tag="bands"):
    """Single files, chosen by band."""

    bands: Annotated[
        tuple[Word, ...],
        Meta(min_length=1, description='a list such as ["SR_B4", "QA_*", "red"]'),
    ]
    """Exact suffixes (`B1` is not `B10`), globs, or common names; `asyncdl bands` lists them."""
    window: Annotated[Window, Meta(description=WINDOW_FORMS)] | None = None
    """Fetch only this part of each raster: the tiles that touch it, as a GeoTIFF of its own; see
    [howto/window.md](howto/window.md). All such products of a config have the same. Default: whole
    files. Files other than GeoTIFFs always come whole."""
    exact: bool = False
    """Cut windows to the area's own pixels, not only to tiles; needs the extra ``geo``."""


class BundleProduct(Section, frozen=True, kw_only=True, tag_field="kind", tag="bundle"):
    """Each scene as one file: a ``.tar`` of Landsat, what there is of other datasets."""

    product: (
        Annotated[
            str,
            Meta(
                min_length=1,
                pattern=r"[^\W_]",
                description='a product code such as "D773", or words of its name such as '
                '"surface reflectance"',
            ),
        ]
        | None
    ) = None
    """Which product, if a scene has several; `asyncdl file-groups` lists them. Default: the
    scene as a whole. See [howto/products.md](howto/products.md)."""
    extract: bool = False
    """Unpack each tar or zip while it is received; its files are placed by ``layout``."""
    members: (
        Annotated[
            tuple[Word, ...],
            Meta(min_length=1, description='a list such as ["SR_B4", "QA_*", "red"]'),
        ]
        | None
    ) = None
    """Unpack only these, named as the bands of single files; all by default."""
    keep_tar: bool = False
    """Whether the tar or zip is kept after it was unpacked."""

    REFUSED: ClassVar = dict.fromkeys(
        ("window", "exact"), "is not possible for a bundle, of which no part can be fetched"
    )
    """Keys of other kinds of product, and why there is none here."""

    def __post_init__(self) -> None:
        for key, value in (("members", self.members), ("keep_tar", self.keep_tar)):
            if value and not self.extract:
                raise Clash(key, "has no effect without extract", "extract = true")


class BandGroupProduct(Section, frozen=True, kw_only=True, tag_field="kind", tag="band_group"):
    """Whole file groups, as single files."""

    file_groups: Annotated[
        tuple[Word, ...],
        Meta(min_length=1, description='a list such as ["ls_c2l2_sr_band"]'),
    ]
    """Names of file groups; `asyncdl file-groups` lists them."""
    window: Annotated[Window, Meta(description=WINDOW_FORMS)] | None = None
    """Fetch only this part of each raster: the tiles that touch it, as a GeoTIFF of its own; see
    [howto/window.md](howto/window.md). All such products of a config have the same. Default: whole
    files. Files other than GeoTIFFs always come whole."""
    exact: bool = False
    """Cut windows to the area's own pixels, not only to tiles; needs the extra ``geo``."""


Product: TypeAlias = BandsProduct | BundleProduct | BandGroupProduct


class DownloadConfig(Section, frozen=True):
    """Where files go, and download limits."""

    directory: Annotated[
        str, Meta(min_length=1, description="a folder, or the address of a store")
    ] = "data"
    """Where the files go: a folder, which is made if missing, or a place in an object store, such
    as ``s3://bucket/prefix`` (also ``gs://``, ``az://``); see [howto/store.md](howto/store.md)."""
    state_directory: Annotated[str, Meta(min_length=1, description="a folder")] | None = None
    """Where a job keeps its state (journal and lock), in a folder for each download directory.
    Default: ``.asyncdl`` in the directory, or the user's state folder if the directory is in a
    store, or on a volume without locks; see [howto/machines.md](howto/machines.md)."""
    source: Annotated[Literal["m2m", "s3"], Meta(description='"m2m" or "s3"')] = "m2m"
    """Where files are from: the service, or the archive on S3, for which your AWS account pays;
    only single files (``kind = "bands"``) are there. See [howto/archive.md](howto/archive.md)."""
    layout: Template = LayoutTemplate("{kind}/{product_id}/{file}")
    """Where each file goes below the directory; see [layout.md](layout.md)."""
    bundle_layout: Template | None = None
    """The same for bundles. Default: as ``layout``, without a folder that is just
    ``{product_id}``, since the name of a tar has it."""
    workers: Annotated[
        Annotated[int, Meta(ge=1, le=256)] | Literal["auto"],
        Meta(description='"auto", or 1 to 256'),
    ] = "auto"
    """Number of files at once; ``auto`` is as many as there are connections."""
    connections: Annotated[int, Meta(ge=1, le=256, description="1 to 256")] = 16
    """Number of connections in all, which files and the segments of large files share."""
    max_size: Annotated[ByteCount, Meta(description='bytes, or text such as "20 GB"')] | None = None
    """Size limit of a file; unlimited by default."""
    max_rate: (
        Annotated[ByteRate, Meta(description='bytes per second, or text such as "50 MB/s"')] | None
    ) = None
    """Rate limit of all files together; unlimited by default."""
    verify: Annotated[
        Literal["auto", "size", "checksum"], Meta(description='"auto", "size" or "checksum"')
    ] = "auto"
    """``size`` checks lengths only; ``auto`` also the structure and every digest that is
    available; ``checksum`` fails files without a digest."""
    stall_timeout: Annotated[Seconds, Meta(description='seconds, or text such as "90s"')] = Seconds(
        60
    )
    """A connection without useful bytes for this long is closed."""
    attempts: Annotated[int, Meta(ge=1, le=1000, description="1 to 1000")] = 5
    """Attempts in a row without progress before a file fails."""
    url_renewals: Annotated[int, Meta(ge=0, le=100, description="0 to 100")] = 2
    """How often a file gets a new URL if its URL is refused, or leads to a web page."""
    superseded: Annotated[Literal["keep", "remove"], Meta(description='"keep" or "remove"')] = (
        "keep"
    )
    """What to do with the files of a superseded product, once those of the new one are
    there."""
    durable: bool = False
    """Flush every file to stable storage before it gets its final name."""

    stac: Annotated[bool | Literal["absolute"], Meta(description='true, false or "absolute"')] = (
        False
    )
    """Write a STAC item for each scene and a collection for each dataset, at the end of a run.
    ``"absolute"`` names files by absolute paths, for GDAL and stackstac; otherwise the folder can
    be moved. See [howto/stac.md](howto/stac.md)."""

    @property
    def template_of_bundles(self) -> LayoutTemplate:
        """Where bundles go."""
        return self.bundle_layout or self.layout.without_folder("{product_id}")

    @property
    def files_at_once(self) -> int:
        """``workers`` as a number."""
        return self.connections if self.workers == "auto" else self.workers


class StoreConfig(Section, frozen=True):
    """How the object store of ``download.directory`` is reached, and what it needs on disk.

    Credentials are found as the provider's own tools find them, never in a config.
    """

    endpoint: Annotated[str, Meta(description=URL_FORM)] | None = None
    """URL of a service other than the provider's own, such as a MinIO or SeaweedFS server."""
    region: Word | None = None
    """Region of the bucket. Default: as the environment or the profile says."""
    profile: Word | None = None
    """Profile of the AWS config, for ``s3://``. Default: as the environment says."""
    spool: Annotated[ByteCount, Meta(description='bytes, or text such as "20 GiB"')] = ByteCount(
        20 * 1024**3
    )
    """Limit of the files on the local disk that are being received, or wait for their upload;
    requests for further files wait. They are in the state folder. Of a cluster, each worker has
    such a limit, in the folder that Dask gives it."""
    uploads: Annotated[int, Meta(ge=1, le=64, description="1 to 64")] = 8
    """Number of files that are uploaded at once, by each worker of a cluster."""

    def __post_init__(self) -> None:
        if self.endpoint is not None:
            _check_address("endpoint", self.endpoint, "https://minio.example.org:9000")


class ArchiveConfig(Section, frozen=True):
    """How the archive on S3 is reached, for ``download.source = "s3"``.

    Credentials are found as AWS's own tools find them, never in a config. Whoever reads pays.
    """

    region: Word = "us-west-2"
    """Region of the archive's bucket."""
    endpoint: Annotated[str, Meta(description=URL_FORM)] | None = None
    """URL of a service other than AWS that has the same objects."""
    profile: Word | None = None
    """Profile of the AWS config. Default: as the environment says."""

    def __post_init__(self) -> None:
        if self.endpoint is not None:
            _check_address("endpoint", self.endpoint, "https://minio.example.org:9000")


class PollConfig(Section, frozen=True):
    """Waiting for files that the service is still preparing."""

    interval: Annotated[Seconds, Meta(description='seconds, or text such as "30s"')] = Seconds(30)
    """Least time between two ``download-retrieve`` calls for the same label. The first one follows
    the request at once; while nothing gets ready they become rarer, down to one a minute."""
    deadline: Annotated[Seconds, Meta(description='seconds, or text such as "6h"')] = Seconds(
        6 * 3600
    )
    """Stop waiting for files that are still in preparation this long after they were requested."""


class ClusterConfig(Section, frozen=True):
    """Files are fetched by workers on several machines, or on several cores of this one."""

    engine: Annotated[Literal["dask"], Meta(description='"dask"')] | None = None
    """Which cluster; needs the extra ``dask``. Default: this process fetches all files. See
    [howto/cluster.md](howto/cluster.md)."""
    scheduler: (
        Annotated[str, Meta(min_length=1, description='an address such as "tcp://10.0.0.1:8786"')]
        | None
    ) = None
    """Address of a Dask scheduler, whose workers fetch the files. Default: workers are started on
    this machine, and end with the run."""
    workers: Annotated[int, Meta(ge=1, le=256, description="1 to 256")] | None = None
    """How many workers are started on this machine. Default: one for each processor, up to the
    number of connections."""
    lease: Annotated[Seconds, Meta(description='1 or more seconds, or text such as "10s"')] = (
        Seconds(10)
    )
    """A worker that has heard nothing from this process for so long stops, and saves the state of
    its files; one that does not respond for so long is replaced by others."""

    def __post_init__(self) -> None:
        if self.engine is None:
            given = next((key for key in ("scheduler", "workers") if getattr(self, key)), None)
            if given is not None:
                raise Clash(given, "has no effect without an engine", 'engine = "dask"')
        if self.lease < 1:
            raise Clash("lease", "is too short for any network", "1 second or more")
        if self.scheduler is not None and self.workers is not None:
            problem = "is only for workers that are started on this machine"
            raise Clash("workers", problem, "either scheduler or workers")
        if self.scheduler is not None and not _SCHEDULER.fullmatch(self.scheduler):
            raise Clash(
                "scheduler",
                "is not the address of a scheduler",
                "an address with its scheme, such as tcp://10.0.0.1:8786",
            )


_SCHEDULER = re.compile(r"[a-z0-9]+://\S+")


class Config(Section, frozen=True, kw_only=True):
    """A whole config file, with absolute paths."""

    service: ServiceConfig = ServiceConfig()
    """The service and the account."""
    search: SearchConfig
    """Which scenes."""
    products: Annotated[
        tuple[Product, ...],
        Meta(
            min_length=1,
            description='at least one [[products]] with kind = "bands", "bundle" or "band_group"',
        ),
    ]
    """Which files of each scene; one or more."""
    download: DownloadConfig = DownloadConfig()
    """Where files go, and how they are fetched."""
    poll: PollConfig = PollConfig()
    """How to wait for files in preparation."""
    cluster: ClusterConfig = ClusterConfig()
    """Who fetches the files."""
    archive: ArchiveConfig = ArchiveConfig()
    """The archive on S3, if files come from there."""
    store: StoreConfig = StoreConfig()
    """The object store, if files go to one."""

    def __post_init__(self) -> None:
        if is_store(self.download.directory):
            try:
                StoreAddress.parse(self.download.directory)
            except ValueError as error:
                raise Clash("download.directory", str(error), STORE_FORM) from None
        is_unpacked = [isinstance(p, BundleProduct) and p.extract for p in self.products]
        if any(is_unpacked) and not all(is_unpacked) and "kind" not in self.download.layout.fields:
            raise Clash(
                "download.layout",
                "gives a single file and the same file from its bundle one place",
                "a template with {kind} in a folder",
            )
        for clash in self._clashes_of_source():
            raise clash
        for clash in self._clashes_of_windows():
            raise clash

    def _clashes_of_source(self) -> Iterator[Clash]:
        if self.download.source == "m2m":
            return
        if not all(isinstance(product, BandsProduct) for product in self.products):
            problem = 'clashes with download.source = "s3", where only single files are'
            yield Clash("products.kind", problem, 'kind = "bands", or source = "m2m"')
        if not self.service.digest_url:
            problem = 'is needed for download.source = "s3": it says which files there are'
            yield Clash("service.stac_url", problem, "the address of a STAC service")

    def _clashes_of_windows(self) -> Iterator[Clash]:
        windows = {p.window for p in self.products if not isinstance(p, BundleProduct)}
        if len(windows) > 1:
            problem = "differs between products, and two of them may want the same file"
            yield Clash("products.window", problem, "one window; another one in another config")
        exact = {p.exact for p in self.products if not isinstance(p, BundleProduct)}
        if len(exact) > 1:
            problem = "differs between products, and two of them may want the same file"
            yield Clash("products.exact", problem, "the same for all of them")
        if True in exact and self.window is None:
            yield Clash("products.exact", "has no effect without a window", 'window = "aoi"')
        search = self.search
        if AREA in windows and (search.aoi, search.bbox, search.point) == (None, None, None):
            problem = "is the area of the search, which has none"
            allowed = "aoi, bbox or point in [search], or window = [west, south, east, north]"
            yield Clash("products.window", problem, allowed)
        if self.window is not None and self.download.verify == "checksum":
            problem = "clashes with a window: no digest of a part of a file is known"
            yield Clash("download.verify", problem, '"auto" or "size"')

    @property
    def window(self) -> Window | None:
        """The part of each raster that is wanted; ``None`` for whole files."""
        found = (p.window for p in self.products if not isinstance(p, BundleProduct))
        return next(found, None)

    @property
    def is_exact(self) -> bool:
        """Whether windows are cut to pixels."""
        return any(p.exact for p in self.products if not isinstance(p, BundleProduct))

    def __repr__(self) -> str:
        # A config may name a hundred thousand scenes.
        kinds = "+".join(dict.fromkeys(str(p.__struct_config__.tag) for p in self.products))
        return f"<Config: {self.title}; {kinds}, into {self.directory}>"

    @property
    def title(self) -> str:
        """What the job selects, in a line."""
        return ", ".join(filter(None, (self.search.dataset or "scenes by id", self.search.days)))

    @property
    def directory(self) -> Path:
        """The download directory. Raises: MisuseError, if files go to a store."""
        if self.store_address is not None:
            raise MisuseError(f"{self.target} is no folder")
        return Path(self.download.directory)

    @property
    def store_address(self) -> StoreAddress | None:
        """Where files go in an object store; ``None`` if they go to a folder."""
        text = self.download.directory
        return StoreAddress.parse(text) if is_store(text) else None

    @property
    def target(self) -> str:
        """Where files go, for people: a folder, or the address of a store."""
        return self.download.directory

    @property
    def state_directory(self) -> Path | None:
        """The user's folder for states of jobs, if one is named."""
        named = self.download.state_directory
        return Path(named) if named is not None else None
