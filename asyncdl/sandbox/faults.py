"""Everything that can go wrong in the sandbox, as settings.

A fault strikes a **share** of the files: a number from 0 to 1, or a pattern
for file names such as ``*_ST_B10.TIF``. Whether a number strikes follows from
the seed, the fault, the file and the how-manieth request it is, so a run can be
repeated exactly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from asyncdl.errors import ConfigError

Share: TypeAlias = float | str
"""Which files: 0 none to 1 all, or a pattern for their names."""


@dataclass(slots=True)
class Faults:
    """What the sandbox does wrong; a test may change it while the sandbox runs."""

    seed: int = 0
    """Another seed strikes other files."""
    strikes: int = 2
    """Only the first so many requests for a file are spoilt by one fault; 0 spoils all."""

    # --- the API ---
    api_latency_s: float = 0.0
    """How long each call takes; makes overlapping calls visible."""
    api_rate_limit: float = 0.0
    """Share of calls that are refused as if another one were running (HTTP 500)."""
    api_unavailable: float = 0.0
    """Share of calls that are answered by a maintenance page (HTTP 503, HTML)."""
    key_idle_s: float = 7200.0
    """An API key that rests so long is expired."""
    auth_status: int = 200
    """HTTP status that goes with a refused key: 200, 401 or 403; nobody knows the real one."""

    # --- the download queue ---
    preparing: Share = 0.0
    """Files that are not ready when they are requested."""
    polls: int = 2
    """A file being prepared is ready at the so-manieth ``download-retrieve``."""
    never: Share = 0.0
    """Files that stay in preparation for ever."""
    fails: Share = 0.0
    """Files whose preparation fails: ``download-search`` still tells of them."""
    vanishes: Share = 0.0
    """Files that are accepted and then never heard of again."""
    disabled: Share = 0.0
    """Files that ``download-request`` puts under ``failed`` (the first ``strikes`` times)."""
    dds: Share = 0.0
    """Files that are delivered by the older host, as all prepared ones are."""
    recent_limit: int = 15_000
    """Downloads that may be requested in one window."""
    pending_limit: int = 20_000
    """Downloads that may be in preparation."""
    unattempted_limit: int = 20_000
    """Downloads that may be ready and not yet fetched."""
    quota_window_s: float = 900.0
    """Length of the window of ``recent_limit``."""
    checksums: bool = False
    """Whether ``download-options`` tells the digests of single files."""

    # --- the file host ---
    url_lifetime_s: float = float("inf")
    """A signed URL is refused (403) when it is older."""
    refuse: Share = 0.0
    """Good URLs that are refused all the same (403)."""
    ranges: bool = True
    """Whether single files come in ranges."""
    bundle_ranges: bool = True
    """Whether bundles come in ranges."""
    bundle_changes: bool = False
    """Whether a bundle has other bytes, of the same number, at each request."""
    etag: bool = True
    """Whether single files carry a strong ETag."""
    bundle_etag: bool = False
    """Whether bundles do; it changes with the bytes."""
    last_modified: bool = False
    """Whether single files carry a Last-Modified."""
    disposition: str = "quoted"
    """How Content-Disposition names the file: ``quoted``, ``unquoted`` or ``missing``."""
    no_length: Share = 0.0
    """Answers without a Content-Length."""
    short_body: Share = 0.0
    """Answers that end before their Content-Length."""
    reset: Share = 0.0
    """Connections that are reset in the middle of a body."""
    stall: Share = 0.0
    """Answers that stop in the middle of a body."""
    stall_s: float = 3600.0
    """How long a stalled answer stays silent."""
    html: Share = 0.0
    """Error pages that come with status 200 in place of the data."""
    error: Share = 0.0
    """Answers with 500, 502, 503 or 504."""
    max_connections: int = 0
    """Bodies served at once; one more gets ``busy_status``. 0 is no limit."""
    busy_status: int = 503
    """503 or 429."""
    retry_after_s: int = 1
    """The Retry-After that comes with ``busy_status``; 0 sends none."""
    rate: int = 0
    """Bytes per second of one connection; 0 is no limit."""
    dds_redirect: bool = False
    """Whether the older host answers with a redirect to the newer one."""
    staging_html: bool = False
    """Whether a staging URL answers 200 with a page, in place of 404."""

    @classmethod
    def chaos(cls, seed: int) -> Faults:
        """Return many faults at once, at rates that a good client survives."""
        return cls(
            seed=seed,
            api_rate_limit=0.03,
            api_unavailable=0.03,
            preparing=0.3,
            polls=2,
            refuse=0.03,
            no_length=0.05,
            short_body=0.1,
            reset=0.05,
            html=0.05,
            error=0.1,
        )

    @classmethod
    def parse(cls, settings: Iterable[str]) -> Faults:
        """Read settings such as ``preparing=0.5``; ``chaos=7`` sets many, later ones win.

        Raises: ConfigError, for an unknown name (it lists what there is) or a bad value.
        """
        faults = cls()
        for setting in settings:
            name, _, value = setting.partition("=")
            if name == "chaos":
                faults = cls.chaos(_read_as("chaos", "int", value))
            else:
                faults = replace(faults, **{name: _read_as(name, _kind_of(name), value)})
        return faults

    def picks(self, fault: str, name: str) -> bool:
        """Tell whether a fault has chosen a file once and for all."""
        share: Share = getattr(self, fault)
        if isinstance(share, str):
            return fnmatchcase(name, share)
        return share > 0 and self._draw(fault, name, 0) < share

    def hits(self, fault: str, name: str, nth: int) -> bool:
        """Tell whether a fault strikes the ``nth`` request (from 1) for a file."""
        if self.strikes and nth > self.strikes:
            return False
        share: Share = getattr(self, fault)
        if isinstance(share, str):
            return fnmatchcase(name, share)
        return share > 0 and self._draw(fault, name, nth) < share

    def disturbs(self, fault: str, number: int) -> bool:
        """Tell whether a fault strikes the API call of this number."""
        share: float = getattr(self, fault)
        return share > 0 and self._draw(fault, "call", number) < share

    def cut(self, size_bytes: int, name: str, nth: int) -> int:
        """Return where a body of this size breaks off: 0 or more, less than the size."""
        return int(self._draw("cut", name, nth) * size_bytes)

    def server_error(self, name: str, nth: int) -> int:
        """Return the status of a server error."""
        return (500, 502, 503, 504)[int(self._draw("status", name, nth) * 4)]

    def _draw(self, fault: str, name: str, nth: int) -> float:
        """Return a number in [0, 1) that always is the same for the same arguments."""
        text = f"{self.seed}/{fault}/{name}/{nth}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest()) / 2**48


def _kind_of(name: str) -> str:
    kinds = {field.name: str(field.type) for field in fields(Faults)}
    if name not in kinds:
        raise ConfigError(
            f"there is no fault {name!r}", key="fault", allowed=", ".join(["chaos", *kinds])
        )
    return kinds[name]


_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _read_as(name: str, kind: str, value: str) -> Any:
    allowed = _ALLOWED[kind]
    try:
        return _READERS[kind](value)
    except (ValueError, KeyError):
        raise ConfigError(
            "not a value for this fault", key=f"fault {name}", value=value, allowed=allowed
        ) from None


def _read_number(value: str) -> float:
    number = float(value)
    if not number >= 0:
        raise ValueError(value)
    return number


def _read_count(value: str) -> int:
    return int(_read_number(str(int(value))))


def _read_share(value: str) -> Share:
    try:
        share = float(value)
    except ValueError:
        if not value:
            raise
        return value
    if not 0 <= share <= 1:
        raise ValueError(value)
    return share


_READERS: Mapping[str, Callable[[str], Any]] = {
    "int": _read_count,
    "float": _read_number,
    "bool": lambda value: _WORDS[value.lower() or "true"],
    "str": str,
    "Share": _read_share,
}
_ALLOWED = {
    "int": "a whole number, 0 or more",
    "float": "a number, 0 or more",
    "bool": "true or false",
    "str": "text",
    "Share": "a share from 0 to 1, or a pattern for file names such as *_B4.TIF",
}
