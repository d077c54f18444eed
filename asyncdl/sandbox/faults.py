"""Everything that can go wrong in the sandbox, as settings.

A fault strikes a **share** of the files: a number from 0 to 1, or a pattern
for file names such as ``*_ST_B10.TIF``. Whether a number strikes follows from
the seed, the fault, the file and which request it is, so a run can be
repeated exactly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias, get_args

from asyncdl.errors import ConfigError, wrong_type
from asyncdl.sandbox.chaos import shares_of_chaos, switches_of_chaos

Share: TypeAlias = float | str
"""Which files: 0 none to 1 all, or a pattern for their names."""
DownMode: TypeAlias = Literal["503", "html", "refuse"]
"""How it looks when a host is down."""
Repeats: TypeAlias = Literal["anew", "duplicate", "old"]
"""What becomes of an item that is requested again under another label."""
Disposition: TypeAlias = Literal["quoted", "unquoted", "missing"]
"""How Content-Disposition names a file."""

_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_value(name: str, kind: str, value: str) -> Any:
    """Read the text of a fault's value.

    Args:
        name: Of the fault, for the error.
        kind: Its annotation, such as ``Share``.
        value: Empty turns a switch on.
    Raises: ConfigError, if the text is no value of this kind.
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
    api_down: bool = False
    """Whether the API is out of service; ``down_mode`` says how that looks."""
    down_mode: DownMode = "503"
    """What a host that is down answers: ``503`` with a page, ``html`` (the page with 200), or
    ``refuse``, which cuts the connection without an answer."""
    removed_endpoint: str = ""
    """Name of an endpoint that the API does not have (``NOT_FOUND``, "Invalid Endpoint")."""
    no_role: bool = False
    """Whether the account lacks the role MACHINE (``UNAUTHORIZED_USER``, HTTP 500)."""
    bare_results: bool = False
    """Whether ``scene-search`` without ``metadataType`` gives no metadata, as in 2024; by default
    a summary, as since 2025."""
    key_idle_s: float = 7200.0
    """An API key that rests so long is expired."""
    key_calls: int = 0
    """An API key is expired after so many calls, as if it had rested; 0 is never."""
    auth_status: int = 200
    """HTTP status that goes with a refused key: 200, 401 or 403; nobody knows the real one."""

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
    """What becomes of a file that is requested again under another label. ``anew``, as recorded
    last: under ``duplicateProducts`` with the older label until it has been fetched, then a new
    id. ``duplicate``: under ``duplicateProducts`` as long as it is in the queue. ``old``, as in
    2021: the old id under the new label, where it stands from then on. The same label always
    gives the old id."""
    early_replies: bool = False
    """Whether ``download-request`` replies as in 2021: no ``entityId``, no ``remainingLimits``."""
    never: Share = 0.0
    """Files that stay in preparation for ever."""
    fails: Share = 0.0
    """Files whose preparation fails: ``download-search`` still tells of them."""
    vanishes: Share = 0.0
    """Files that are accepted and then never heard of again."""
    disabled: Share = 0.0
    """Files that ``download-request`` puts under ``failed`` (the first ``strikes`` times), as
    those whose distribution system is down."""
    invalid_scenes: Share = 0.0
    """Files that ``download-request`` drops; ``numInvalidScenes`` tells how many, not which."""
    not_offered: Share = 0.0
    """Files that ``download-options`` does not list, and bundles it lists as not available."""
    duplicates: Share = 0.0
    """Files that an earlier job asked for under a label of its own and did not fetch."""
    eula: Share = 0.0
    """Files that come with the code of an end user licence agreement."""
    proxied: Share = 0.0
    """Files whose end the service cannot see: ``download-complete-proxied`` has to tell it."""
    withdrawn_dataset: str = ""
    """Alias of a dataset that is closed to the user (``DATASET_AUTH``)."""
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
    files_down: bool = False
    """Whether both file hosts are out of service; bodies on their way are cut."""
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
    disposition: Disposition = "quoted"
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
    login_redirect: Share = 0.0
    """Good URLs that lead to the login page of another host (302)."""
    gone: Share = 0.0
    """Good URLs that are answered 410."""
    error: Share = 0.0
    """Answers with 500, 502, 503 or 504."""
    corrupt: Share = 0.0
    """Single files with a wrong bit. Length and form are right: only a digest can tell."""
    corrupt_members: Share = 0.0
    """Bundles with a wrong bit in one member, in a sound tar."""
    members_missing: Share = 0.0
    """Bundles that lack one of the files they should hold, in a sound tar."""
    corrupt_times: int = 1
    """How many answers for one file those three spoil; 0 spoils all."""
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

    # --- the STAC service ---
    stac_down: bool = False
    """Whether the STAC service is out of service, as ``down_mode`` says."""
    stac_error: float = 0.0
    """Share of STAC requests that are answered 500."""
    stac_missing: Share = 0.0
    """STAC items without digests, as older ones are; the pattern is for item ids."""

    @classmethod
    def chaos(cls, seed: int) -> Faults:
        """Return everything at once, at rates that a good client survives.

        All of it ends with every file right; what is in, and what is left out and
        why, is told in :mod:`asyncdl.sandbox.faults`.
        """
        return replace(cls(seed=seed), **shares_of_chaos(), **switches_of_chaos(seed))

    @classmethod
    def parse(cls, settings: Iterable[str]) -> Faults:
        """Read settings such as ``preparing=0.5``; ``chaos=7`` sets many, later ones win.

        ``chaos`` alone is ``chaos=0``.

        Raises: ConfigError, for an unknown name (it lists what there is) or a bad value.
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
        """Tell whether a fault strikes the call or request of this number."""
        share: float = getattr(self, fault)
        return share > 0 and self._draw(fault, "call", number) < share

    def cut(self, size_bytes: int, name: str, nth: int) -> int:
        """Return where a body of this size breaks off: 0 or more, less than the size."""
        return int(self._draw("cut", name, nth) * size_bytes)

    def spot(self, name: str, nth: int) -> float:
        """Return where in a file something is wrong: 0 is its first byte, 1 its end."""
        return self._draw("spot", name, nth)

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


def _as_texts(settings: object) -> list[str]:
    allowed = 'texts such as ["preparing=0.5"]'
    if isinstance(settings, str | bytes) or not isinstance(settings, Iterable):
        raise wrong_type("Faults.parse", settings, allowed)
    texts = list(settings)
    for text in texts:
        if not isinstance(text, str):
            raise wrong_type("Faults.parse", text, allowed)
    return texts
