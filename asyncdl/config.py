"""The config file: TOML to frozen records, every value checked once.

Defaults live here and nowhere else; the TOML keys are the field names. What is
wrong is said with file, key, value and what is allowed, before any network.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

from asyncdl.errors import ConfigError

DEFAULT_URL = "https://m2m.cr.usgs.gov/api/api/json/stable/"
DEFAULT_STAC_URL = "https://landsatlook.usgs.gov/stac-server"


# --- values with units -------------------------------------------------------


class Seconds(float):
    """A duration: a number of seconds, or text such as ``"90s"``, ``"6h"``, ``"1h30m"``."""

    UNITS: ClassVar = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}

    @classmethod
    def read(cls, value: object) -> Seconds:
        """Read either form. Raises: ValueError, for anything else or a negative duration."""
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError("is not a duration")
        seconds = float(value) if not isinstance(value, str) else _sum_of_units(value, cls.UNITS)
        if not 0 <= seconds < float("inf"):
            raise ValueError("is not a duration of 0 or more")
        return cls(seconds)


class ByteCount(int):
    """A size: a number of bytes, or text such as ``"8 MiB"``, ``"50 MB"``."""

    UNITS: ClassVar = {
        "": 1, "b": 1,
        "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
        "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
    }  # fmt: skip

    @classmethod
    def read(cls, value: object) -> ByteCount:
        """Read either form. Raises: ValueError, for anything else or less than one byte."""
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError("is not a size")
        count = float(value) if not isinstance(value, str) else _sum_of_units(value, cls.UNITS)
        if not 1 <= count < 2**63:
            raise ValueError("is not a size of 1 byte or more")
        return cls(count)


class ByteRate(ByteCount):
    """Bytes per second: a number, or text such as ``"50 MB/s"``."""

    @classmethod
    def read(cls, value: object) -> ByteRate:
        """Read either form. Raises: ValueError, as :meth:`ByteCount.read`."""
        if isinstance(value, str):
            value = re.sub(r"\s*(/\s*s|ps)\s*$", "", value, flags=re.IGNORECASE)
        return cls(ByteCount.read(value))


def _sum_of_units(text: str, units: Mapping[str, float]) -> float:
    parts = re.findall(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)", text)
    whole = "".join(number + unit for number, unit in parts)
    if not parts or whole != re.sub(r"\s+", "", text):
        raise ValueError("is neither a number nor a number with a unit")
    total = 0.0
    for number, unit in parts:
        if unit.lower() not in units:
            # A bare number inside quotes is taken as seconds, as outside of them.
            if unit or "s" not in units:
                raise ValueError(f"has the unknown unit {unit!r}")
            unit = "s"
        total += float(number) * units[unit.lower()]
    return total


class Clash(ValueError):
    """Two keys of a section contradict each other."""

    def __init__(self, key: str, problem: str, allowed: str) -> None:
        super().__init__(problem)
        self.key = key
        self.allowed = allowed


# --- the sections ------------------------------------------------------------

Percent = Annotated[int, Meta(ge=0, le=100)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Word = Annotated[str, Meta(min_length=1)]


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all sections: immutable, and closed to unknown keys."""


class ServiceConfig(Section, frozen=True):
    """Where the M2M API is, who asks, and how much at once."""

    url: Annotated[str, Meta(pattern=r"^https?://[^/\s]+/.*", description="an http(s) URL")] = (
        DEFAULT_URL
    )
    """Base address of the M2M API."""
    stac_url: Annotated[str, Meta(description='an http(s) URL, or "" for none')] = DEFAULT_STAC_URL
    """Where digests may be looked up; empty asks no STAC service."""
    username: Word | None = None
    """ERS user name; the environment (``ASYNCDL_USERNAME`` …) goes before it."""
    token_file: Annotated[str, Meta(description="a file that only you can read")] | None = None
    """File that holds the application token and nothing else."""
    timeout: Annotated[Seconds, Meta(description='seconds, or text such as "5m"')] = Seconds(300)
    """Longest wait for the reply to one API call."""
    scenes_per_page: Annotated[int, Meta(ge=1, le=10_000, description="1 to 10000")] = 1000
    """Scenes asked for in one ``scene-search``; more than 10,000 is advised against."""
    scenes_per_call: Annotated[int, Meta(ge=1, le=5_000, description="1 to 5000")] = 200
    """Scenes whose ``download-options`` are asked for in one call; each takes about 50 kB."""
    files_per_request: Annotated[int, Meta(ge=1, le=10_000, description="1 to 10000")] = 1000
    """Files in one ``download-request``; more than 1,000 is reported to fail at times."""
    bytes_per_request: Annotated[ByteCount, Meta(description='bytes, or text such as "64 GB"')] = (
        ByteCount(64 * 10**9)
    )
    """Estimated size of the files in one ``download-request``, so that links do not grow old."""
    quota_interval: Annotated[Seconds, Meta(description='seconds, or text such as "1m"')] = Seconds(
        60
    )
    """Between two looks at the download quota while it is used up."""
    scene_list_ttl: Annotated[str, Meta(pattern=r"^P\w+$", description='such as "P1D"')] = "P1D"
    """ISO 8601 duration after which the service forgets a scene list that was left behind."""


class SearchConfig(Section, frozen=True):
    """Which scenes: those that meet all conditions, or those that are named."""

    dataset: Annotated[str, Meta(min_length=1, description="a dataset alias")] | None = None
    """Needed for a search; `asyncdl datasets` lists them. Product ids tell their own."""
    aoi: Annotated[str, Meta(min_length=1, description="a GeoJSON file")] | None = None
    """Area of interest: polygons or points, in longitude and latitude."""
    bbox: (
        Annotated[
            tuple[Longitude, Latitude, Longitude, Latitude],
            Meta(description="[west, south, east, north] in degrees"),
        ]
        | None
    ) = None
    """A box; west may exceed east, and then it crosses the antimeridian."""
    wrs: (
        Annotated[
            tuple[
                tuple[
                    Annotated[int, Meta(ge=1, le=251)],
                    Annotated[int, Meta(ge=1, le=248)],
                ],
                ...,
            ],
            Meta(description="[[path, row], …], path 1 to 251, row 1 to 248"),
        ]
        | None
    ) = None
    """Scenes of these places in the WRS grid."""
    point: (
        Annotated[tuple[Longitude, Latitude], Meta(description="[longitude, latitude]")] | None
    ) = None
    """Scenes that contain this point."""
    start: Annotated[date, Meta(description="a date, YYYY-MM-DD")] | None = None
    """First day of acquisition, inclusive."""
    end: Annotated[date, Meta(description="a date, YYYY-MM-DD")] | None = None
    """Last day of acquisition, inclusive."""
    cloud_cover: (
        Annotated[
            tuple[Percent, Percent],
            Meta(description="[lowest, highest], whole percent from 0 to 100"),
        ]
        | None
    ) = None
    """Scenes whose cover is unknown are taken exactly when the highest is 100."""
    months: (
        Annotated[
            tuple[Annotated[int, Meta(ge=1, le=12)], ...],
            Meta(min_length=1, description="a list of months, 1 to 12"),
        ]
        | None
    ) = None
    """Months of acquisition, in whatever year."""
    metadata: Annotated[
        dict[str, Any],
        Meta(description="field name = value, list of values, or [lowest, highest]"),
    ] = {}
    """Filters on the dataset's metadata fields, by their readable names."""
    limit: Annotated[int, Meta(ge=1, description="1 or more")] | None = None
    """Most scenes to take; the full count is told all the same."""
    scenes: (
        Annotated[
            tuple[Word, ...], Meta(min_length=1, description="a list of product or scene ids")
        ]
        | None
    ) = None
    """Instead of a search: these scenes."""
    scenes_file: (
        Annotated[str, Meta(min_length=1, description="a file with one id a line")] | None
    ) = None
    """Instead of a search: the scenes in this file; ``-`` is standard input."""

    AREA_KEYS: ClassVar = ("aoi", "bbox", "wrs", "point")
    FILTER_KEYS: ClassVar = (*AREA_KEYS, "start", "end", "cloud_cover", "months")

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
            filters = self._given(self.FILTER_KEYS) + (["metadata"] if self.metadata else [])
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
        if not self._given((*self.FILTER_KEYS, "limit")) and not self.metadata:
            yield Clash("", "would take the whole archive", "an area, dates, or a limit")

    def _given(self, keys: tuple[str, ...]) -> list[str]:
        return [key for key in keys if getattr(self, key) is not None]


class BandsProduct(Section, frozen=True, kw_only=True, tag_field="kind", tag="bands"):
    """Single files, chosen by band."""

    bands: Annotated[
        tuple[Word, ...],
        Meta(min_length=1, description='a list such as ["SR_B4", "QA_*", "red"]'),
    ]
    """Exact suffixes (`B1` is not `B10`), globs, or common names; `asyncdl bands` lists them."""


class BundleProduct(Section, frozen=True, kw_only=True, tag_field="kind", tag="bundle"):
    """One ``.tar`` per scene."""

    extract: bool = False
    """Also unpack each verified tar into a folder of its product id."""


class BandGroupProduct(Section, frozen=True, kw_only=True, tag_field="kind", tag="band_group"):
    """Whole file groups, as single files."""

    file_groups: Annotated[
        tuple[Word, ...],
        Meta(min_length=1, description='a list such as ["ls_c2l2_sr_band"]'),
    ]
    """Names of file groups; `asyncdl file-groups` lists them."""


Product: TypeAlias = BandsProduct | BundleProduct | BandGroupProduct


class DownloadConfig(Section, frozen=True):
    """Where to, and how hard."""

    directory: Annotated[str, Meta(min_length=1, description="a folder")] = "data"
    """Where the files go; made if missing."""
    workers: Annotated[int, Meta(ge=1, le=256, description="1 to 256")] = 5
    """Files at once."""
    connections: Annotated[int, Meta(ge=1, le=256, description="1 to 256")] = 16
    """Connections in all."""
    max_rate: (
        Annotated[ByteRate, Meta(description='bytes per second, or text such as "50 MB/s"')] | None
    ) = None
    """Over all files together; unlimited by default."""
    verify: Annotated[
        Literal["auto", "size", "checksum"], Meta(description='"auto", "size" or "checksum"')
    ] = "auto"
    """``size`` checks lengths only; ``auto`` also structure and every digest that is offered;
    ``checksum`` fails files for which no digest is offered."""
    stall_timeout: Annotated[Seconds, Meta(description='seconds, or text such as "90s"')] = Seconds(
        60
    )
    """Without useful bytes for this long, a connection is given up."""
    attempts: Annotated[int, Meta(ge=1, le=1000, description="1 to 1000")] = 5
    """Tries in a row without progress before a file is given up."""
    durable: bool = False
    """Flush every file to the disk itself before it gets its final name."""


class PollConfig(Section, frozen=True):
    """Patience with files that the service is still preparing."""

    interval: Annotated[Seconds, Meta(description='seconds, or text such as "30s"')] = Seconds(30)
    """Between two ``download-retrieve`` calls for the same label, at least."""
    deadline: Annotated[Seconds, Meta(description='seconds, or text such as "6h"')] = Seconds(
        6 * 3600
    )
    """Give up on ids that are still being prepared this long after they were asked for."""


class Config(Section, frozen=True, kw_only=True):
    """A whole config file, with absolute paths."""

    service: ServiceConfig = ServiceConfig()
    search: SearchConfig
    products: Annotated[
        tuple[Product, ...],
        Meta(
            min_length=1,
            description='at least one [[products]] with kind = "bands", "bundle" or "band_group"',
        ),
    ]
    download: DownloadConfig = DownloadConfig()
    poll: PollConfig = PollConfig()

    @property
    def directory(self) -> Path:
        """The download directory."""
        return Path(self.download.directory)


# --- reading -----------------------------------------------------------------


def load_config(path: Path) -> Config:
    """Read and check a config file.

    Returns: The config; relative paths are made absolute against the file's folder.
    Raises: ConfigError, for a file that cannot be read, is not TOML, or says something wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(error.strerror or str(error), file=path) from error
    except UnicodeDecodeError as error:
        raise ConfigError("is not UTF-8 text", file=path, allowed="a TOML file") from error
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"is not TOML: {error}", file=path) from error
    return parse_config(raw, file=path)


def parse_config(
    raw: dict[str, Any], *, file: Path | None = None, base: Path | None = None
) -> Config:
    """Check a config that is already parsed, as an embedding program has it.

    Args:
        raw: The tables as plain values.
        file: Where they come from, for messages.
        base: Folder that relative paths start from; the file's folder, else the current one.
    Raises: ConfigError, as :func:`load_config`.
    """
    try:
        config = msgspec.convert(raw, Config, dec_hook=_decode_custom)
    except msgspec.ValidationError as error:
        raise _explain(error, raw, file) from error
    folder = (base or (file.parent if file else Path())).absolute()
    return _with_absolute_paths(config, folder, file)


def _decode_custom(kind: type, value: object) -> Any:
    return kind.read(value)  # type: ignore[attr-defined]  # all custom types here have it


def _with_absolute_paths(config: Config, folder: Path, file: Path | None) -> Config:
    def absolute(text: str) -> str:
        return str(folder / Path(text).expanduser())

    def existing(section: str, key: str, text: str | None) -> str | None:
        if text is None:
            return None
        if not Path(absolute(text)).is_file():
            raise ConfigError(
                "no such file",
                file=file,
                key=f"{section}.{key}",
                value=text,
                allowed=f"a file that exists; relative paths start at {folder}",
            )
        return absolute(text)

    replace = msgspec.structs.replace
    search = config.search
    return replace(
        config,
        service=replace(
            config.service,
            token_file=existing("service", "token_file", config.service.token_file),
        ),
        search=replace(
            search,
            aoi=existing("search", "aoi", search.aoi),
            scenes_file=(
                "-"
                if search.scenes_file == "-"
                else existing("search", "scenes_file", search.scenes_file)
            ),
        ),
        download=replace(config.download, directory=absolute(config.download.directory)),
    )


# --- explaining --------------------------------------------------------------

_AT = re.compile(r"^(?P<problem>.*?)(?: - at `(?:key in )?\$(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_MISSING = re.compile(r"missing required field `([^`]*)`")


def _explain(error: msgspec.ValidationError, raw: dict[str, Any], file: Path | None) -> ConfigError:
    """Turn a decoder's error into file, key, value and what is allowed."""
    found = _AT.match(str(error))
    assert found is not None
    problem, path = found["problem"], _steps(found["path"] or "")
    if isinstance(error.__cause__, Clash):
        return _explain_clash(error.__cause__, path, raw, file)
    section = _type_at(path, raw)
    if unknown := _UNKNOWN.search(problem):
        return _explain_unknown(unknown[1], path, section, raw, file)
    if missing := _MISSING.search(problem):
        return ConfigError(
            "is missing",
            file=file,
            key=_dotted([*path, missing[1]]),
            allowed=_allowed_for(section, missing[1]),
        )
    key = [step for step in path if isinstance(step, str)]
    owner = _type_at(path[: len(key) and _last_name(path)], raw)
    return ConfigError(
        _in_plain_words(problem),
        file=file,
        key=_dotted(path),
        value=None if _is_section(_value_at(path, raw)) else _value_at(path, raw),
        allowed=_allowed_for(owner, key[-1]) if key else "",
    )


def _explain_clash(
    clash: Clash, path: list[str | int], raw: dict[str, Any], file: Path | None
) -> ConfigError:
    path = [*path, clash.key] if clash.key else path
    value = _value_at(path, raw)
    return ConfigError(
        str(clash),
        file=file,
        key=_dotted(path),
        value=str(value) if isinstance(value, date) else None if _is_section(value) else value,
        allowed=clash.allowed,
    )


def _explain_unknown(
    name: str, path: list[str | int], section: Any, raw: dict[str, Any], file: Path | None
) -> ConfigError:
    keys = _keys_of(section)
    if re.search("token|password|secret|api_?key", name, re.IGNORECASE):
        # Whatever stands there may be a secret: the message must not repeat it.
        return ConfigError(
            "secrets never stand in a config",
            file=file,
            key=_dotted([*path, name]),
            allowed="the environment variable ASYNCDL_TOKEN, or service.token_file",
        )
    close = difflib.get_close_matches(name, keys, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return ConfigError(
        f"unknown key{hint}",
        file=file,
        key=_dotted([*path, name]),
        value=None if _is_section(_value_at([*path, name], raw)) else _value_at([*path, name], raw),
        allowed=", ".join(keys),
    )


def _in_plain_words(problem: str) -> str:
    # The decoder speaks of JSON types; TOML users know tables and lists.
    words = {"`object`": "a table", "`array`": "a list", "`str`": "text", "`int`": "a whole number"}
    words |= {"`float`": "a number", "`bool`": "true or false", "`null`": "nothing"}
    for theirs, ours in words.items():
        problem = problem.replace(theirs, ours)
    return problem[:1].lower() + problem[1:]


def _steps(path: str) -> list[str | int]:
    """Split ``.search.wrs[0][1]`` into ``["search", "wrs", 0, 1]``."""
    return [
        int(index) if index else name
        for name, index in re.findall(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]", path.replace("[...]", ""))
    ]


def _last_name(path: list[str | int]) -> int:
    return max(i for i, step in enumerate(path) if isinstance(step, str))


def _dotted(path: list[str | int]) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _value_at(path: list[str | int], raw: Any) -> Any:
    for step in path:
        try:
            raw = raw[step]
        except (KeyError, IndexError, TypeError):
            return None
    return raw


def _is_section(value: Any) -> bool:
    return isinstance(value, dict)


def _type_at(path: list[str | int], raw: dict[str, Any]) -> Any:
    """Return the section class that ``path`` leads to; ``Config`` for the top."""
    if path[:1] == ["products"] and len(path) > 1:
        kind = _value_at([*path[:2], "kind"], raw)
        return next((p for p in get_args(Product) if p.__struct_config__.tag == kind), None)
    if not path:
        return Config
    return get_type_hints(Config).get(str(path[0]))


def _keys_of(section: Any) -> list[str]:
    if section is None or not hasattr(section, "__struct_fields__"):
        return []
    kind = ["kind"] if section.__struct_config__.tag is not None else []
    return [*kind, *section.__struct_fields__]


def _allowed_for(section: Any, key: str) -> str:
    """Return the words that the field's own annotation has for what it takes."""
    if key == "kind":
        return ", ".join(f'"{p.__struct_config__.tag}"' for p in get_args(Product))
    if section is None or not hasattr(section, "__struct_fields__"):
        return ""
    hint = get_type_hints(section, include_extras=True).get(key)
    for part in (hint, *get_args(hint)):
        for extra in getattr(part, "__metadata__", ()):
            if isinstance(extra, Meta) and extra.description:
                return extra.description
    if isinstance(hint, type) and issubclass(hint, Section):
        return f"a table [{key}]"
    return "true or false" if hint is bool else ""
