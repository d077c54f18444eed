"""Everything that can go wrong in the sandbox, as settings.

A fault hits a **share** of the files: a number from 0 to 1, or a pattern
for file names such as ``*_ST_B10.TIF``. Which files a number hits follows from
the seed, the fault, the file and the number of the request, so a run can be
repeated exactly.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias, get_args

from asyncdl.errors import ConfigError, wrong_type

Share: TypeAlias = float | str
"""Which files: from 0 (none) to 1 (all), or a pattern for their names."""
DownMode: TypeAlias = Literal["503", "html", "refuse"]
"""How a host that is down responds."""
Repeats: TypeAlias = Literal["anew", "duplicate", "old"]
"""What happens to an item that is requested again under another label."""
Disposition: TypeAlias = Literal["quoted", "unquoted", "missing"]
"""How Content-Disposition names a file."""

_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_value(name: str, kind: str, value: str) -> Any:
    """Read the text of a fault's value.

    Args:
        name: Of the fault, for the error.
        kind: Its annotation, such as ``Share``.
        value: Empty turns a switch on.
    Raises: ConfigError, if the text is not a value of this kind.
    """
    try:
        return _READERS[kind](value)
    except (ValueError, KeyError):
        raise ConfigError(
            "not a value for this fault", key=f"fault {name}", value=value, allowed=_ALLOWED[kind]
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


def _one_of(choice: Any) -> Callable[[str], str]:
    words = {word: word for word in get_args(choice)}
    return words.__getitem__


_READERS: Mapping[str, Callable[[str], Any]] = {
    "int": _read_count,
    "float": _read_number,
    "bool": lambda value: _WORDS[value.lower() or "true"],
    "str": str,
    "Share": _read_share,
    "DownMode": _one_of(DownMode),
    "Repeats": _one_of(Repeats),
    "Disposition": _one_of(Disposition),
}
_ALLOWED = {
    "int": "a whole number, 0 or more",
    "float": "a number, 0 or more",
    "bool": "true or false",
    "str": "text",
    "Share": "a share from 0 to 1, or a pattern for file names such as *_B4.TIF",
    "DownMode": " or ".join(get_args(DownMode)),
    "Repeats": " or ".join(get_args(Repeats)),
    "Disposition": " or ".join(get_args(Disposition)),
}


@dataclass(slots=True)
class Faults:
    """What the sandbox does wrong; can be changed while it runs."""

    seed: int = 0
    """Random seed: decides which files are hit."""
    strikes: int = 2
    """One fault hits only so many requests for a file; 0 hits all."""

    # --- the API ---
    api_latency_s: float = 0.0
    """Duration of each call; makes overlapping calls visible."""
    api_rate_limit: float = 0.0
    """Share of calls that are refused as if another one were running (HTTP 500)."""
    api_unavailable: float = 0.0
    """Share of calls that get a maintenance page (HTTP 503, HTML)."""
    api_down: bool = False
    """Whether the API is down; ``down_mode`` says how it responds."""
    down_mode: DownMode = "503"
    """Response of a host that is down: ``503`` with a page, ``html`` (the page with 200), or
    ``refuse``, which closes the connection without a response."""
    removed_endpoint: str = ""
    """Name of an endpoint that the API does not have (``NOT_FOUND``, "Invalid Endpoint")."""
    no_role: bool = False
    """Whether the account lacks the role MACHINE (``UNAUTHORIZED_USER``, HTTP 500)."""
    bare_results: bool = False
    """Whether ``scene-search`` without ``metadataType`` returns no metadata, as in 2024; by
    default a summary, as since 2025."""
    key_idle_s: float = 7200.0
    """An API key expires after so much idle time."""
    key_calls: int = 0
    """An API key expires after so many calls, as if it had been idle; 0 is never."""
    auth_status: int = 200
    """HTTP status for a refused key: 200, 401 or 403; the real one is unknown."""

    # --- the download queue ---
    preparing: Share = 0.0
    """Files that are not ready when they are requested."""
    polls: int = 2
    """A file being prepared is ready on the Nth ``download-retrieve``, or the Nth time that its
    staging URL is opened."""
    preparing_listed: bool = False
    """Whether ``download-retrieve`` lists files being prepared among the ``requested``, each
    with its staging URL; by default they only count in ``queueSize``, as documented."""
    repeats: Repeats = "anew"
    """What happens to a file that is requested again under another label. ``anew``, as recorded
    last: under ``duplicateProducts`` with the older label until it has been fetched, then a new
    id. ``duplicate``: under ``duplicateProducts`` as long as it is in the queue. ``old``, as in
    2021: the old id under the new label, where it stays. The same label always returns the
    old id."""
    early_replies: bool = False
    """Whether ``download-request`` replies as in 2021: no ``entityId``, no ``remainingLimits``."""
    never: Share = 0.0
    """Files that stay in preparation forever."""
    fails: Share = 0.0
    """Files whose preparation fails: ``download-search`` still lists them."""
    vanishes: Share = 0.0
    """Files that are accepted and then never listed again."""
    disabled: Share = 0.0
    """Files that ``download-request`` puts under ``failed`` (the first ``strikes`` times), as
    those whose distribution system is down."""
    invalid_scenes: Share = 0.0
    """Files that ``download-request`` drops; ``numInvalidScenes`` has their number, not which."""
    not_offered: Share = 0.0
    """Files that ``download-options`` does not list, and bundles it lists as not available."""
    duplicates: Share = 0.0
    """Files that an earlier job requested under its own label and did not fetch."""
    eula: Share = 0.0
    """Files that need an end user license agreement."""
    proxied: Share = 0.0
    """Files whose completion the service cannot see: the client has to report it
    (``download-complete-proxied``)."""
    withdrawn_dataset: str = ""
    """Alias of a dataset that is closed to the user (``DATASET_AUTH``)."""
    dds: Share = 0.0
    """Files that the older host delivers, as it does all prepared ones."""
    recent_limit: int = 15_000
    """Downloads that may be requested in one window."""
    pending_limit: int = 20_000
    """Downloads that may be in preparation."""
    unattempted_limit: int = 20_000
    """Downloads that may be ready and not yet fetched."""
    quota_window_s: float = 900.0
    """Length of the window of ``recent_limit``."""
    checksums: bool = False
    """Whether ``download-options`` contains digests of single files."""

    # --- the file host ---
    files_down: bool = False
    """Whether both file hosts are down; running responses are cut off."""
    url_lifetime_s: float = float("inf")
    """Age at which a signed URL is refused (403), seconds."""
    refuse: Share = 0.0
    """Valid URLs that are refused anyway (403)."""
    ranges: bool = True
    """Whether range requests work for single files."""
    bundle_ranges: bool = True
    """Whether range requests work for bundles."""
    bundle_changes: bool = False
    """Whether a bundle has other bytes, of the same length, on each request."""
    etag: bool = True
    """Whether single files have a strong ETag."""
    bundle_etag: bool = False
    """Whether bundles have an ETag; it changes with the bytes."""
    last_modified: bool = False
    """Whether single files have a Last-Modified."""
    disposition: Disposition = "quoted"
    """How Content-Disposition names the file: ``quoted``, ``unquoted`` or ``missing``."""
    no_length: Share = 0.0
    """Responses without a Content-Length."""
    short_body: Share = 0.0
    """Responses that end before their Content-Length."""
    reset: Share = 0.0
    """Connections that are reset in the middle of a body."""
    stall: Share = 0.0
    """Responses that stop sending in the middle of a body."""
    stall_s: float = 3600.0
    """Duration of a stall."""
    html: Share = 0.0
    """Error pages with status 200 instead of the data."""
    login_redirect: Share = 0.0
    """Valid URLs that redirect to the login page of another host (302)."""
    gone: Share = 0.0
    """Valid URLs that return 410."""
    error: Share = 0.0
    """Responses with 500, 502, 503 or 504."""
    corrupt: Share = 0.0
    """Single files with a wrong bit. Length and format are right: only a digest detects it."""
    corrupt_members: Share = 0.0
    """Bundles with a wrong bit in one member, in a valid tar."""
    members_missing: Share = 0.0
    """Bundles in which one file is missing, in a valid tar."""
    corrupt_times: int = 1
    """These three hit only so many responses for one file; 0 hits all."""
    max_connections: int = 0
    """Maximum number of bodies at once; one more gets ``busy_status``. 0 is no limit."""
    busy_status: int = 503
    """503 or 429."""
    retry_after_s: int = 1
    """Retry-After sent with ``busy_status``; 0 sends none."""
    rate: int = 0
    """Bytes per second of one connection; 0 is no limit."""
    dds_redirect: bool = False
    """Whether the older host redirects to the newer one."""
    staging_html: bool = False
    """Whether a staging URL returns 200 with a page instead of 404."""

    # --- the STAC service ---
    stac_down: bool = False
    """Whether the STAC service is down, as ``down_mode`` says."""
    stac_error: float = 0.0
    """Share of STAC requests that return 500."""
    stac_missing: Share = 0.0
    """STAC items without digests, like older ones; a pattern applies to item ids."""

    @classmethod
    def chaos(cls, seed: int) -> Faults:
        """Return everything at once, at rates that a good client survives.

        It includes what a client can survive within seconds, with every byte right and
        nothing left behind. What is not known of the real service (which validators and
        digests it sends, how it names files, how its older host behaves) differs from
        seed to seed, so that many seeds cover many combinations.

        Left out, and why:

        - ``disabled``: such an item works again after minutes or hours (API notes, section
          3.1), so a run is right to report it and end.
        - ``never``, ``fails``, ``vanishes``, ``invalid_scenes``, ``not_offered``,
          ``withdrawn_dataset``, ``removed_endpoint``: no client can get these files.
        - ``eula``: accepting an agreement is up to the user.
        - ``bundle_changes``: there would be no right bytes to compare with.
        - ``corrupt_members``, ``members_missing``: only the digests of STAC can prove a member,
          and STAC fails here too.
        - outages of the API and of the file hosts: they last; tests turn them on and off.
        - ``strikes = 0`` and ``corrupt_times = 0``: a fault that never stops always wins.

        ``corrupt`` comes with ``checksums``: without a digest no client could detect it.
        """
        return replace(cls(seed=seed), **shares_of_chaos(), **switches_of_chaos(seed))

    @classmethod
    def parse(cls, settings: Iterable[str]) -> Faults:
        """Read settings such as ``preparing=0.5``; ``chaos=7`` sets many, later ones win.

        ``chaos`` alone is ``chaos=0``.

        Raises: ConfigError, for an unknown name (it lists all) or an invalid value.
        """
        return cls().changed_by(settings)

    def changed_by(self, settings: Iterable[str]) -> Faults:
        """Return these faults with some settings changed, as :meth:`parse` reads them."""
        faults = self
        for setting in _as_texts(settings):
            name, equals, value = setting.partition("=")
            if name == "chaos":
                faults = Faults.chaos(read_value("chaos", "int", value if equals else "0"))
            else:
                faults = replace(faults, **{name: read_value(name, _kind_of(name), value)})
        return faults

    def picks(self, fault: str, name: str) -> bool:
        """Return whether a fault hits a file on every request."""
        share: Share = getattr(self, fault)
        if isinstance(share, str):
            return fnmatchcase(name, share)
        return share > 0 and self._draw(fault, name, 0) < share

    def hits(self, fault: str, name: str, nth: int) -> bool:
        """Return whether a fault hits the ``nth`` request (from 1) for a file."""
        if self.strikes and nth > self.strikes:
            return False
        share: Share = getattr(self, fault)
        if isinstance(share, str):
            return fnmatchcase(name, share)
        return share > 0 and self._draw(fault, name, nth) < share

    def hits_call(self, fault: str, number: int) -> bool:
        """Return whether a fault hits the API call or request of this number."""
        share: float = getattr(self, fault)
        return share > 0 and self._draw(fault, "call", number) < share

    def cut(self, size_bytes: int, name: str, nth: int) -> int:
        """Return where a body of this size is cut off: 0 or more, less than the size."""
        return int(self._draw("cut", name, nth) * size_bytes)

    def spot(self, name: str, nth: int) -> float:
        """Return the position of an error in a file: 0 is its first byte, 1 its end."""
        return self._draw("spot", name, nth)

    def server_error(self, name: str, nth: int) -> int:
        """Return the status of a server error."""
        return (500, 502, 503, 504)[int(self._draw("status", name, nth) * 4)]

    def _draw(self, fault: str, name: str, nth: int) -> float:
        """Return a number in [0, 1) that depends only on seed and arguments."""
        text = f"{self.seed}/{fault}/{name}/{nth}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest()) / 2**48


def _kind_of(name: str) -> str:
    kinds = {field.name: str(field.type) for field in fields(Faults)}
    if name not in kinds:
        raise ConfigError(
            f"there is no fault {name!r}", key="fault", allowed=", ".join(["chaos", *kinds])
        )
    return kinds[name]


def _as_texts(settings: object) -> list[str]:
    allowed = 'texts such as ["preparing=0.5"]'
    if isinstance(settings, str | bytes) or not isinstance(settings, Iterable):
        raise wrong_type("Faults.parse", settings, allowed)
    texts = list(settings)
    for text in texts:
        if not isinstance(text, str):
            raise wrong_type("Faults.parse", text, allowed)
    return texts


_STALL_S = 0.3
"""Long enough to be a pause, short enough for a test to wait it out."""


def shares_of_chaos() -> dict[str, Any]:
    """Return the faults that are on under every seed, by name."""
    return {
        "api_rate_limit": 0.03,
        "api_unavailable": 0.03,
        "key_calls": 9,
        "preparing": 0.3,
        "polls": 1,
        "duplicates": 0.1,
        "proxied": 0.1,
        "dds": 0.1,
        "refuse": 0.03,
        "gone": 0.03,
        "login_redirect": 0.03,
        "no_length": 0.05,
        "short_body": 0.1,
        "reset": 0.05,
        "stall": 0.03,
        "stall_s": _STALL_S,
        "html": 0.05,
        "error": 0.1,
        "corrupt": 0.1,
        "checksums": True,
        "max_connections": 3,
        "retry_after_s": 0,
        "stac_error": 0.2,
        "stac_missing": 0.2,
    }


def switches_of_chaos(seed: int) -> dict[str, Any]:
    """Return the settings that the seed decides: everything unknown of the real service."""
    draw = random.Random(f"chaos {seed}")
    return {
        "auth_status": draw.choice((200, 401, 403)),
        "busy_status": draw.choice((429, 503)),
        "disposition": draw.choice(("quoted", "unquoted", "missing")),
        "etag": draw.random() < 0.7,
        "last_modified": draw.random() < 0.5,
        "bundle_etag": draw.random() < 0.5,
        "ranges": draw.random() < 0.9,
        "bundle_ranges": draw.random() < 0.5,
        "dds_redirect": draw.random() < 0.5,
        "staging_html": draw.random() < 0.5,
        "stac_down": draw.random() < 0.2,
        "preparing_listed": draw.random() < 0.5,
        "repeats": draw.choice(("anew", "duplicate", "old")),
        "early_replies": draw.random() < 0.3,
    }
