"""What is asked of the engine, what it gives back, and what any engine has to offer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from asyncdl.errors import wrong_type
from asyncdl.net.addresses import ANYWHERE, Zone
from asyncdl.net.hosts import hostname_of, outermost_zone
from asyncdl.transfer.argument_checks import folder, whole, wrong
from asyncdl.transfer.excerpts import BeginExcerpt
from asyncdl.transfer.freshness import Recheck
from asyncdl.transfer.growth import OnGrowth
from asyncdl.transfer.request_headers import Headers
from asyncdl.transfer.slots import Slot
from asyncdl.transfer.verification.archive import Members, Unpack
from asyncdl.transfer.verification.digests import Digest, check_algorithm
from asyncdl.transfer.verification.structure import Form


@dataclass(frozen=True, slots=True)
class FileRequest:
    """One file to fetch, and everything known about it beforehand.

    Raises: ValueError or TypeError, at once, for a value that is not allowed.
    """

    url: str = field(repr=False)
    """``http`` or ``https``; sent exactly as given."""
    directory: Path
    """The folder of the file, as a path or a text; made if it is missing."""
    name: str | None = None
    """File name; ``None`` uses the host's, else the URL's. Always made safe: a name that ends
    like that of an unfinished file, such as ``x.part``, gets an underscore at its end."""
    size_bytes: int | None = None
    """Exact length, if known."""
    digests: tuple[Digest, ...] = ()
    """All of them must agree."""
    members: Members = field(default_factory=dict)
    """What a tar must contain: name of a member to its digests, which may be none. Each must be
    there exactly once; others may be there too."""
    fingerprint: str | None = None
    """Such as ``sha256``: computed if no digest of the whole file is, so that the file can be
    checked again later. It proves nothing by itself."""
    unpack: Callable[[], Unpack] | None = field(default=None, repr=False)
    """For a tar or zip that is unpacked while it arrives. It is called at the start of each pass
    through the bytes, of which there may be several; what it returns is called with each member,
    in a thread, and returns what receives the member's bytes. What came of them counts only
    once the file is there and verified."""
    excerpt: BeginExcerpt | None = field(default=None, repr=False)
    """For a file that is made of some ranges of the one at ``url``; see
    :mod:`asyncdl.transfer.excerpts`. It needs a ``name``. ``size_bytes`` is the length of the
    source then; ``form`` and ``fingerprint`` are about the file that is made."""
    keeps_source: bool = False
    """Whether the bytes that an excerpt was made of stay beside it until the caller removes them
    (:func:`asyncdl.transfer.parts.part_file.remove_part_files`). One that records its files does so
    once it has: killed before, it makes the file again and fetches nothing."""
    form: Form | None = None
    """What the bytes must look like; ``None`` decides by the name."""
    key: str = ""
    """The caller's name for the file in events; empty uses the file name."""
    headers: Headers = field(default_factory=dict, repr=False)
    """Request headers, which replace the engine's own; ``None`` removes one of those. Only
    ``User-Agent``, ``Accept`` and ``Accept-Language`` are sent to another origin. Headers that
    frame messages or request ranges are refused, with reason ``bad-header``."""
    refresh: Callable[[], Awaitable[str]] | None = field(default=None, repr=False)
    """Returns a fresh URL when this one is refused; what it raises ends the file."""
    named_by: str | None = None
    """URL of the service that gave ``url`` and gives fresh ones; ``None`` if the user did. A
    URL from a service is trusted no more than a redirect from it: it may lead neither further
    inward than where the service is, nor from ``https`` to ``http``, nor with a password."""
    named_from: Callable[[], Zone] | None = field(default=None, repr=False)
    """Where that service is, by the connections over which it replied; called before each
    request. ``None`` decides by the text of its host: an address, in any form, is where it is,
    ``localhost`` is this machine, and a name is public, for it may resolve to anything."""
    overwrite: bool = False
    """Whether a file that is already there is fetched again, from its first byte, and replaced,
    whoever made it."""
    resume: bool | None = None
    """Whether what an earlier run left unfinished is continued; ``None`` does so unless
    ``overwrite`` is set."""
    mirrors: tuple[str, ...] = field(default=(), repr=False)
    """Further URLs of the same bytes, each tried if the ones before fail. All are checked
    against the same digests; without a digest, against the first announced length."""
    recheck: Recheck = Recheck.NEVER
    """Whether the host is asked if its file is still the local one. It is not asked about a file
    whose digests are known."""
    remote_time: bool = False
    """Whether the file gets the time of the host's ``Last-Modified``."""
    accept_html: bool = False
    """Whether an HTML page is accepted as the file, if neither name nor ``form`` excludes it."""
    on_growth: OnGrowth | None = field(default=None, repr=False)
    """Called in the event loop as the file grows on disk; see :mod:`asyncdl.transfer.growth`. What
    is made of its bytes counts only once the file is there and verified."""
    connections: int | None = None
    """Connections for this file at most; ``None`` uses ``Limits.connections_per_file``."""

    @property
    def max_zone(self) -> Zone:
        """How far inward its URL may lead."""
        if self.named_from is not None:
            return self.named_from()
        return ANYWHERE if self.named_by is None else outermost_zone(hostname_of(self.named_by))

    def __post_init__(self) -> None:
        # There may be very many of them, so valid values are checked in the cheapest way.
        if not isinstance(self.url, str):
            raise wrong_type("FileRequest.url", self.url, "a text")
        directory: object = self.directory
        if not isinstance(directory, Path):
            self._set("directory", folder("FileRequest.directory", directory))
        if self.name is not None and not isinstance(self.name, str):
            raise wrong_type("FileRequest.name", self.name, "a text, or None")
        if self.size_bytes is not None:
            self._set("size_bytes", whole("FileRequest.size_bytes", self.size_bytes, 0))
        if self.connections is not None:
            self._set("connections", whole("FileRequest.connections", self.connections, 1))
        form: object = self.form
        if form is not None and not isinstance(form, Form):
            self._set("form", _form(form))
        if self.digests != ():
            self._set("digests", _digests(self.digests))
        if self.mirrors != ():
            self._set("mirrors", _mirrors(self.mirrors))
            if self.refresh is not None:
                raise ValueError("FileRequest.refresh goes with one URL, not with mirrors")
        recheck: object = self.recheck
        if not isinstance(recheck, Recheck):
            self._set("recheck", _recheck(recheck))
        if self.excerpt is not None:
            self._check_excerpt()
        if self.fingerprint is not None:
            check_algorithm(self.fingerprint, "FileRequest.fingerprint")
        self._check_tables()

    def _check_tables(self) -> None:
        for name, value in (("headers", self.headers), ("members", self.members)):
            if not isinstance(value, Mapping):
                raise wrong_type(f"FileRequest.{name}", value, "a mapping")
        calls = (
            ("refresh", self.refresh), ("unpack", self.unpack), ("named_from", self.named_from),
            ("excerpt", self.excerpt), ("on_growth", self.on_growth),
        )  # fmt: skip
        for name, call in calls:
            if call is not None and not callable(call):
                raise wrong_type(f"FileRequest.{name}", call, "a function, or None")

    def _check_excerpt(self) -> None:
        if self.name is None:
            raise ValueError("FileRequest.excerpt goes with a name: its file is not the host's")
        if self.digests or self.members or self.unpack is not None:
            raise ValueError("FileRequest.excerpt goes with no digest and no member of the source")

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


def _form(form: object) -> Form:
    try:
        return Form(form)  # type: ignore[arg-type]  # checked here
    except ValueError:
        raise wrong("FileRequest.form", form, ", ".join(Form)) from None


def _recheck(recheck: object) -> Recheck:
    try:
        return Recheck(recheck)  # type: ignore[arg-type]  # checked here
    except ValueError:
        raise wrong("FileRequest.recheck", recheck, ", ".join(Recheck)) from None


def _mirrors(mirrors: object) -> tuple[str, ...]:
    """Return URLs as a tuple. Raises: TypeError."""
    if isinstance(mirrors, tuple | list):
        found = tuple(url for url in mirrors if isinstance(url, str))
        if len(found) == len(mirrors):
            return found
    raise wrong_type("FileRequest.mirrors", mirrors, "a sequence of texts")


def _digests(digests: object) -> tuple[Digest, ...]:
    """Return digests as a tuple. Raises: TypeError."""
    if isinstance(digests, tuple | list):
        found = tuple(digest for digest in digests if isinstance(digest, Digest))
        if len(found) == len(digests):
            return found
    raise wrong_type("FileRequest.digests", digests, "a sequence of Digest")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A verified file under its final name."""

    path: Path
    """Its path."""
    size_bytes: int
    """Its length."""
    received_bytes: int
    """Received over the network in this call, repeated bytes included."""
    already_there: bool
    """Whether it was there before and nothing was fetched."""
    proof: str
    """What was checked, such as ``length+sha512+tiff`` or ``length+tar+members-sha512``. It
    begins with how the length is known: ``length`` (announced), ``chunked`` (the host marked the
    end), ``gzip`` (the body came compressed, and the compression marks its end),
    ``unverified-length`` (unknown) or ``present`` (already there). Digests follow, the strongest
    first, then the structure, then the members with the weakest digest among them."""
    attempts: int
    """Requests made for it, 0 or more."""
    elapsed_s: float
    """Seconds of this call, including waits and verification."""
    digests: tuple[Digest, ...] = ()
    """All that were computed over the whole file, the strongest first."""
    address: str = ""
    """Where it is in an object store, such as ``s3://bucket/x.tar``; its ``path`` is that of the
    spool then, and is gone. Empty for a file in a folder."""
    validator: str = ""
    """The host's ``ETag`` of what was fetched, or its date; empty if it sent neither."""
    excerpt: str = ""
    """Of a file that was made of some ranges: what its excerpt says of how."""


class FileFetcher(Protocol):
    """Carries out file requests. :class:`~asyncdl.transfer.Downloader` does it in this process.

    Queues and the stages of a job know no more of an engine than this.
    """

    async def fetch(self, request: FileRequest, slot: Slot | None = None) -> Fetched:
        """Fetch one file to its final name, or find it there already.

        Args:
            request: The file.
            slot: Its place in a list of files, which it gives to others while it waits.
        Raises: TransferError, NetworkError, DiskError; what ``request.refresh`` raises.
        """

    def is_troubled(self, url: str) -> bool:
        """Return whether the host of ``url`` is down or paused, so that its files would wait."""
