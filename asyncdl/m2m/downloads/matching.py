"""Match downloads in responses of the service to the files that were requested. Pure.

A response identifies a download by its own id. The file is known by the entity id, in newer
responses; by a file name in the URL; or by the id that is signed into the URL. URLs are read
for this only.

Source: API notes, sections 5.3 to 5.5 and 7.1.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from asyncdl.background import unhurried
from asyncdl.m2m.downloads.selection import BundleWanted, WantedFile
from asyncdl.m2m.models import (
    DownloadEntry,
    DownloadRequestReply,
    RejectedDownload,
    RequestedDownload,
)
from asyncdl.redact import redact

MIN_URL_LENGTH = 6
"""Anything shorter is a placeholder (seen in queues of 2021)."""

_ID = re.compile(r"[0-9]{1,18}")
"""A download id; longer ones do not fit into a database."""

_STAGING = "/download-staging/"
"""Part of the URL of a file that is still being prepared."""


@dataclass(frozen=True, slots=True)
class AvailableFile:
    """A file that can be fetched now."""

    file: WantedFile
    download_id: int
    url: str = field(repr=False)
    """A bearer secret."""
    eula_code: str = ""
    """Its licence agreement; empty for none."""


@dataclass(frozen=True, slots=True)
class UnmatchedLink:
    """A URL that can be fetched now, of a download whose file the response does not name."""

    url: str = field(repr=False)
    """A bearer secret."""
    eula_code: str = ""
    """Its licence agreement; empty for none."""


@dataclass(frozen=True, slots=True)
class PreparingFile:
    """A file that the service accepted and will offer later."""

    file: WantedFile
    download_id: int


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A file that the service refused."""

    file: WantedFile
    message: str


@dataclass(frozen=True, slots=True)
class Matched:
    """A response in terms of the requested files. Each file is in one of the lists."""

    available: tuple[AvailableFile, ...]
    preparing: tuple[PreparingFile, ...]
    failed: tuple[FailedFile, ...]
    duplicates: Mapping[int, str]
    """Downloads requested before: id to the label under which to retrieve them."""
    unmatched: tuple[int, ...]
    """Downloads of this label whose file only ``download-retrieve`` can show."""
    unaccounted: tuple[WantedFile, ...]
    """Files that nothing in the response matches: they are among the duplicates, among the
    unmatched, or not known to the service."""
    links: Mapping[int, UnmatchedLink] = field(default_factory=dict)
    """URLs of some of the ``unmatched``, to be used as soon as their files are known. The
    queue may not list such a download again: the URL of one that is complete is in the
    response to a repeated request, and nowhere else."""


class FileIndex:
    """Requested files, found by whatever a response says of them.

    Args:
        files: Looked up by entity id first, then by file name, and bundles also
            by the id of their scene.
    """

    def __init__(self, files: Iterable[WantedFile]) -> None:
        self._by_entity: dict[str, list[WantedFile]] = {}
        self._by_name: dict[str, list[WantedFile]] = {}
        for file in unhurried(files):
            self._by_entity.setdefault(file.entity_id, []).append(file)
            for name in _names_of(file):
                self._by_name.setdefault(name, []).append(file)

    def find(
        self, *, entity_id: str | None, names: Iterable[str] = (), product_code: str = ""
    ) -> WantedFile | None:
        """Return the only file that matches, or ``None`` if none or several do."""
        candidates = self._by_entity.get(entity_id or "", [])
        if len(candidates) > 1 and product_code:
            candidates = [file for file in candidates if file.product_code == product_code]
        if len(candidates) == 1:
            return candidates[0]
        for name in names:
            named = self._by_name.get(name, [])
            if candidates:
                named = [file for file in named if file in candidates]
            if len(named) == 1:
                return named[0]
        return None

    def find_product(self, entity_id: str, product_id: str) -> WantedFile | None:
        """Return the file that was requested by exactly these two ids."""
        candidates = self._by_entity.get(entity_id, [])
        return next((file for file in candidates if file.product_id == product_id), None)

    def match_entry(self, entry: DownloadEntry) -> WantedFile | None:
        """Return the file of an entry of the download queue, if it is one of these."""
        names = [entry.display_id or "", *names_in_url(entry.url or "")]
        code = entry.product_code or ""
        return self.find(entity_id=entry.entity_id, names=names, product_code=code)


def _names_of(file: WantedFile) -> Iterator[str]:
    yield file.file_name
    if BundleWanted.kind in file.kinds and file.scene != file.file_name:
        yield file.scene


def match_entry(entry: DownloadEntry, candidates: Iterable[WantedFile]) -> WantedFile | None:
    """Return the candidate that an entry of the download queue belongs to, if any.

    For many entries make one :class:`FileIndex` instead.
    """
    return FileIndex(candidates).match_entry(entry)


def match_reply(requested: Sequence[WantedFile], reply: DownloadRequestReply) -> Matched:
    """Return what a response says of every file that was requested.

    Args:
        requested: The files of this one request.
        reply: The response; early ones, of 2021, name no entities.
    Returns: Available downloads without a usable URL count as preparing.
    """
    return _Matching(requested).read(reply)


class _Matching:
    """Matches one response; the first entry about a file counts."""

    def __init__(self, requested: Sequence[WantedFile]) -> None:
        self._requested = requested
        self._index = FileIndex(requested)
        self._taken: set[tuple[str, str]] = set()
        self._known_ids: set[int] = set()
        self._available: list[AvailableFile] = []
        self._preparing: list[PreparingFile] = []
        self._failed: list[FailedFile] = []
        self._unmatched: list[int] = []
        self._links: dict[int, UnmatchedLink] = {}

    def read(self, reply: DownloadRequestReply) -> Matched:
        for download in unhurried(reply.available_downloads or ()):
            self._accept(download, download.url if is_usable_url(download.url) else None)
        for download in unhurried(reply.preparing_downloads or ()):
            self._accept(download, None)
        for rejected in unhurried(reply.failed or ()):
            self._reject(rejected)
        for download_id in _by_number(reply.new_records):
            self._note_unmatched(download_id)
        return Matched(
            available=tuple(self._available),
            preparing=tuple(self._preparing),
            failed=tuple(self._failed),
            duplicates=_by_number(reply.duplicate_products),
            unmatched=tuple(self._unmatched),
            unaccounted=tuple(file for file in self._requested if _key(file) not in self._taken),
            links=self._links,
        )

    def _accept(self, download: RequestedDownload, url: str | None) -> None:
        if download.download_id in self._known_ids:
            return
        names = names_in_url(download.url or "")
        file = self._index.find(entity_id=download.entity_id, names=names)
        if file is None:
            self._note_unmatched(download.download_id)
            if url is not None:
                self._links[download.download_id] = UnmatchedLink(url, download.eula_code or "")
            return
        self._known_ids.add(download.download_id)
        if not self._take(file):
            return
        if url is not None:
            code = download.eula_code or ""
            self._available.append(AvailableFile(file, download.download_id, url, code))
        else:
            self._preparing.append(PreparingFile(file, download.download_id))

    def _reject(self, rejected: RejectedDownload) -> None:
        file = self._index.find_product(rejected.entity_id, rejected.product_id)
        file = file or self._index.find(entity_id=rejected.entity_id)
        if file is not None and self._take(file):
            message = rejected.error_message or "the service gave no reason"
            self._failed.append(FailedFile(file, redact(message)))

    def _take(self, file: WantedFile) -> bool:
        if _key(file) in self._taken:
            return False
        self._taken.add(_key(file))
        return True

    def _note_unmatched(self, download_id: int) -> None:
        if download_id not in self._known_ids:
            self._known_ids.add(download_id)
            self._unmatched.append(download_id)


def _by_number(labels: Mapping[str, str]) -> dict[int, str]:
    return {int(key): label for key, label in labels.items() if _ID.fullmatch(key)}


def _key(file: WantedFile) -> tuple[str, str]:
    return file.entity_id, file.product_id


def is_usable_url(url: str | None) -> bool:
    """Return whether a URL in the response to a request may be fetched now."""
    return url is not None and len(url) >= MIN_URL_LENGTH and _STAGING not in url


def names_in_url(url: str) -> list[str]:
    """Return the names of the file in its URL, the most certain first; may be empty.

    These are the last part of the path, the bundle's product id, and the file or
    product id inside the signature. Never raises, whatever the service sends.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    query = parse_qs(parts.query)
    names = [
        unquote(parts.path).rpartition("/")[2],
        *query.get("landsat_product_id", ()),
        *(_signed_id(signature) for signature in query.get("requestSignature", ())),
    ]
    return [name for name in names if name]


def _signed_id(signature: str) -> str:
    # A plus sign of base64 has become a space in the query, and the padding may be lost.
    text = signature.replace(" ", "+").rstrip("=")
    try:
        signed = orjson.loads(b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, orjson.JSONDecodeError, ValueError):
        return ""
    return str(signed.get("id") or "") if isinstance(signed, dict) else ""
