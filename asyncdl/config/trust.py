"""What a config of others may name: a kind of access for every key. Pure.

Your own config may name any file, host and number. A config of others, as web services get
them, may choose scenes and products; the operator of the service decides about everything that
accesses the machine, the account or a host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal
from urllib.parse import urlsplit

from asyncdl.config.sections import Config
from asyncdl.stores.address import is_store


class Reach(Enum):
    """What the value of a key gives access to."""

    CHOICE = "words, dates and places for the service only"
    NUMBER = "a number within bounds"
    FILE = "a file that is read"
    FOLDER = "a folder that is written to"
    HOST = "a host that gets requests"
    OWN = "secrets, trust, consent and other machines: for the operator only"


REACH: Mapping[str, Reach] = {
    "service.url": Reach.HOST,
    "service.stac_url": Reach.HOST,
    "service.username": Reach.OWN,
    "service.token_file": Reach.OWN,
    "service.ca_file": Reach.OWN,
    "service.client_cert": Reach.OWN,
    "service.client_key": Reach.OWN,
    "service.timeout": Reach.NUMBER,
    "service.max_wait": Reach.NUMBER,
    "service.max_reply": Reach.NUMBER,
    "service.scenes_per_page": Reach.NUMBER,
    "service.scenes_per_call": Reach.NUMBER,
    "service.files_per_request": Reach.NUMBER,
    "service.bytes_per_request": Reach.NUMBER,
    "service.link_wait": Reach.NUMBER,
    "service.quota_interval": Reach.NUMBER,
    "service.accept_eulas": Reach.OWN,
    "service.deletions_by": Reach.CHOICE,
    "service.scene_list_ttl": Reach.CHOICE,
    "search.dataset": Reach.CHOICE,
    "search.aoi": Reach.FILE,
    "search.bbox": Reach.CHOICE,
    "search.wrs": Reach.CHOICE,
    "search.point": Reach.CHOICE,
    "search.start": Reach.CHOICE,
    "search.end": Reach.CHOICE,
    "search.since": Reach.CHOICE,
    "search.cloud_cover": Reach.CHOICE,
    "search.months": Reach.CHOICE,
    "search.tier": Reach.CHOICE,
    "search.satellite": Reach.CHOICE,
    "search.day_night": Reach.CHOICE,
    "search.metadata": Reach.CHOICE,
    "search.limit": Reach.CHOICE,
    "search.scenes": Reach.CHOICE,
    "search.scenes_file": Reach.FILE,
    "products.kind": Reach.CHOICE,
    "products.bands": Reach.CHOICE,
    "products.product": Reach.CHOICE,
    "products.extract": Reach.CHOICE,
    "products.members": Reach.CHOICE,
    "products.keep_tar": Reach.CHOICE,
    "products.file_groups": Reach.CHOICE,
    "products.window": Reach.CHOICE,
    "products.exact": Reach.CHOICE,
    "download.directory": Reach.FOLDER,
    "download.state_directory": Reach.FOLDER,
    "download.layout": Reach.CHOICE,
    "download.bundle_layout": Reach.CHOICE,
    "download.workers": Reach.NUMBER,
    "download.connections": Reach.NUMBER,
    "download.max_size": Reach.NUMBER,
    "download.max_rate": Reach.NUMBER,
    "download.verify": Reach.CHOICE,
    "download.stall_timeout": Reach.NUMBER,
    "download.attempts": Reach.NUMBER,
    "download.url_renewals": Reach.NUMBER,
    "download.superseded": Reach.CHOICE,
    "download.durable": Reach.CHOICE,
    "download.stac": Reach.CHOICE,
    "download.source": Reach.OWN,
    "archive.region": Reach.OWN,
    "archive.endpoint": Reach.OWN,
    "archive.profile": Reach.OWN,
    "store.endpoint": Reach.OWN,
    "store.region": Reach.OWN,
    "store.profile": Reach.OWN,
    "store.spool": Reach.OWN,
    "store.uploads": Reach.OWN,
    "poll.interval": Reach.NUMBER,
    "poll.deadline": Reach.NUMBER,
    "cluster.engine": Reach.OWN,
    "cluster.scheduler": Reach.OWN,
    "cluster.workers": Reach.OWN,
    "cluster.lease": Reach.OWN,
}
"""Every key of a config. Keys that are missing here are refused, like those that are ``OWN``."""

BOUNDS: Mapping[str, tuple[float, float]] = {
    "service.timeout": (1, 600),
    "service.max_wait": (0, 6 * 3600),
    "service.max_reply": (1, 512 * 1024**2),
    "service.scenes_per_page": (100, 1_000),
    "service.scenes_per_call": (10, 1_000),
    "service.files_per_request": (10, 1_000),
    "service.bytes_per_request": (10**9, 10**12),
    "service.link_wait": (60, 3600),
    "service.quota_interval": (10, 3600),
    "download.workers": (1, 16),
    "download.connections": (1, 16),
    "download.max_size": (1, 2**63),
    "download.max_rate": (10_000, 2**63),
    "download.stall_timeout": (1, 600),
    "download.attempts": (1, 20),
    "download.url_renewals": (0, 10),
    "poll.interval": (10, 3600),
    "poll.deadline": (0, 24 * 3600),
}
"""Bounds of each number: many calls strain the account, long waits fill the queue."""

USGS_ORIGINS = frozenset({"https://m2m.cr.usgs.gov", "https://landsatlook.usgs.gov"})
BELOW = "a relative path below the folder of this job, without .. and links that lead out"


@dataclass(frozen=True, slots=True)
class Overreach:
    """A key with a value that a config of others may not have."""

    key: str
    problem: str
    allowed: str


def overreaches(
    raw: Mapping[str, Any], config: Config, hosts: Set[str] = frozenset()
) -> Iterator[Overreach]:
    """Yield what a config names and may not. Paths are judged as text, without any disk.

    Args:
        raw: The tables as they were written; everything else is a default of asyncdl.
        config: The same, checked.
        hosts: Hosts that ``service.url`` and ``service.stac_url`` may name, besides the USGS:
            names, which are reached by https, or origins such as ``http://127.0.0.1:8765``.
    """
    for key, value in _given(raw, config):
        if found := _judge(key, value, hosts):
            yield Overreach(key, *found)


def _given(raw: Mapping[str, Any], config: Config) -> Iterator[tuple[str, Any]]:
    for table in ("service", "search", "download", "archive", "store", "poll", "cluster"):
        section = getattr(config, table)
        for key in raw.get(table, ()):
            yield f"{table}.{key}", getattr(section, key, None)
    for product in raw.get("products", ()):
        for key in product:
            yield f"products.{key}", product[key]


def _judge(key: str, value: Any, hosts: Set[str]) -> tuple[str, str] | None:
    match REACH.get(key, Reach.OWN):
        case Reach.CHOICE:
            return None
        case Reach.NUMBER:
            return _judge_number(value, *BOUNDS[key])
        case Reach.HOST:
            return _judge_host(value, hosts)
        case Reach.FILE | Reach.FOLDER:
            return _judge_path(key, value)
        case Reach.OWN:
            return "is only for the operator of this service", "a config without it"


def _judge_number(
    value: float | Literal["auto"] | None, least: float, most: float
) -> tuple[str, str] | None:
    # "auto" follows another number, which has bounds of its own.
    if value is None or value == "auto" or least <= value <= most:
        return None
    return "is out of bounds for this service", f"{least:,.0f} to {most:,.0f}"


def _judge_host(url: str, hosts: Set[str]) -> tuple[str, str] | None:
    known = {origin_of(host if "://" in host else f"https://{host}") for host in hosts}
    if not url or origin_of(url) in known | USGS_ORIGINS:
        return None
    return "names a host that this service does not use", ", ".join(sorted(known | USGS_ORIGINS))


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL; empty for one without a host, or with a user."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.hostname is None or "@" in parts.netloc or parts.scheme not in ("http", "https"):
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    is_usual = port in (None, 443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{host}" if is_usual else f"{parts.scheme}://{host}:{port}"


def _judge_path(key: str, value: Any) -> tuple[str, str] | None:
    if value is None or (key == "search.aoi" and value.form != "file"):
        return None
    if key == "search.scenes_file" and value == "-":
        return "is the standard input of this service", BELOW
    text = value.file_name if key == "search.aoi" else value
    if is_store(text):
        return "names an object store", BELOW
    return ("leads out of the folder of this job", BELOW) if leads_out(text) else None


_ELSEWHERE = re.compile(r"~|[A-Za-z]:|//|\\|/vsi", re.IGNORECASE)
"""Beginnings of paths: a home, a drive, a share, a virtual file of GDAL."""


def leads_out(path: str) -> bool:
    """Return whether a path may lead out of its folder, on any system, by its text."""
    return bool(
        _ELSEWHERE.match(path)
        or "\\" in path
        or "$" in path
        or "%" in path
        or ".." in path.split("/")
        or any(ord(sign) < 32 or ord(sign) == 127 for sign in path)
    )
