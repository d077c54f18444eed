"""One place in an object store: objects put, found, read and removed. All calls block."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from io import SEEK_CUR, SEEK_END, SEEK_SET, BufferedReader, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from asyncdl.errors import StoreError
from asyncdl.stores.address import SCHEMES, is_plain
from asyncdl.stores.call_threads import CallThreads
from asyncdl.stores.credentials import lacking, s3_credentials
from asyncdl.stores.faults import ODD_NAME, opening_error, store_error
from asyncdl.stores.pace import Pace
from asyncdl.stores.s3_requests import listed_page, s3_client
from asyncdl.stores.settings import StoreSettings, checked_url
from asyncdl.stores.upload_memory import UploadMemory

T = TypeVar("T")

MIB = 1024**2
ONE_REQUEST_BYTES = 8 * MIB
"""Up to this size a file goes in one request, from memory and on a condition."""
PART_BYTES = 5 * MIB
"""The least that S3 takes. Small parts begin early and keep little in memory."""
MOST_PARTS = 10_000
PARTS_AT_ONCE = 4
"""Of one upload: their bytes are in memory."""
READ_BYTES = MIB
RANGE_BYTES = 64 * 1024
"""Read at once from an object that is open."""
MOST_BREAKS = 5
"""So many times in a row a response may break off before its first byte."""

_CLIENT = {"connect_timeout": "10s", "timeout": "120s", "pool_idle_timeout": "30s"}
_RETRIES = {
    # Longer waits are ours: while it retries, the library can be neither cancelled nor heard.
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=8),
    "backoff": {
        "init_backoff": timedelta(milliseconds=200),
        "max_backoff": timedelta(seconds=2),
        "base": 2,
    },
}
_TYPES = {
    ".tif": "image/tiff",
    ".json": "application/json",
    ".tar": "application/x-tar",
    ".txt": "text/plain",
    ".xml": "application/xml",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
}


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as the store has it; other bytes show in one of these."""

    path: str
    """Below the prefix."""
    size_bytes: int
    tag: str
    """The store's own mark of this version of its bytes, without quotes."""
    version: str = field(default="", compare=False)
    """Its number, where the store has one. No listing has it."""


class ObjectStore:
    """One place in an object store. Made by :func:`open_store`.

    All paths are below the prefix, with forward slashes. Every method blocks, is safe in
    several threads, and raises StoreError, once all attempts have failed.

    Args:
        settings: Which store, and how it is reached.
        client: Of the library.
        pace: Repeats requests.
        renewed: Called when credentials have expired; returns whether there are others now.
    """

    def __init__(
        self,
        settings: StoreSettings,
        client: Any,
        pace: Pace,
        renewed: Callable[[], bool] = lambda: False,
    ) -> None:
        self._renewed = renewed
        self.settings = settings
        self.address = settings.address
        self.pace = pace
        self._client = client
        self._threads = CallThreads()
        self._memory = UploadMemory(settings.memory_bytes)
        self._parts_at_once = parts_at_once(settings.memory_bytes)

    # --- put ------------------------------------------------------------------------------

    def put_file(self, source: Path, path: str, facts: Mapping[str, str]) -> StoredObject:
        """Upload a file; the name has all of it, or nothing new.

        A file with the same ``facts`` that is there already is left as it is.

        Args:
            source: On a local disk.
            path: Its name in the store.
            facts: Kept with the object, such as its digests; names of letters and digits only.
        Raises: StoreError; OSError, if the source cannot be read. What ``check_cancelled`` of
            the pace raises leaves no object and no parts.
        """
        self._check_name(path)
        size_bytes = source.stat().st_size
        if size_bytes <= ONE_REQUEST_BYTES:
            with self._memory.taken(size_bytes):
                return self._put_new(source.read_bytes(), path, facts)
        if (there := self._same_as(path, size_bytes, facts)) is not None:
            return there

        def attempt() -> StoredObject:
            with source.open("rb", buffering=0) as file:
                parts = iter(partial(file.read, part_size(size_bytes)), b"")
                return self.put_parts(parts, size_bytes, path, facts)

        with self._memory.taken(parts_memory(size_bytes, self._parts_at_once)):
            return self.pace.run(attempt)

    def _put_new(self, data: bytes, path: str, facts: Mapping[str, str]) -> StoredObject:
        """Put some bytes under a name that is free, or has the same, or another version."""
        try:
            return self.put(data, path, facts, mode="create")
        except StoreError as error:
            if error.reason == "store-unsupported":  # as older servers respond to a condition
                return self.put(data, path, facts)
            if error.reason not in ("store-exists", "store-changed"):
                raise
        if (there := self._same_as(path, len(data), facts)) is not None:
            return there
        return self.put(data, path, facts)

    def _same_as(self, path: str, size_bytes: int, facts: Mapping[str, str]) -> StoredObject | None:
        """Return the object of a name if it certainly has the same bytes.

        Its facts alone do not say so: who copies an object, or edits it, may keep them.
        """
        found = self.facts_of(path)
        if found is None or found[0].size_bytes != size_bytes:
            return None
        digests = {name: facts[name] for name in DIGESTS if name in facts}
        if not digests or any(found[1].get(name) != digests[name] for name in digests):
            return None
        return found[0] if self._has(path, *next(iter(digests.items()))) else None

    def _has(self, path: str, algorithm: str, digest: str) -> bool:
        """Read an object, and return whether its bytes have a digest."""
        hasher = hashlib.new(algorithm, usedforsecurity=False)
        try:
            for chunk in self.chunks(path):
                hasher.update(chunk)
        except StoreError as error:
            if error.is_missing or error.reason == "store-changed":
                return False
            raise
        return hasher.hexdigest() == digest

    def put_parts(
        self,
        parts: Iterable[bytes],
        size_bytes: int,
        path: str,
        facts: Mapping[str, str],
        check_cancelled: Callable[[], None] | None = None,
    ) -> StoredObject:
        """Upload some bytes in parts, in one attempt. The name has them once there are no more.

        Args:
            parts: Of :func:`part_size`, but for the last. They are taken in another thread, as soon
                as there is room for another; what they raise leaves no object and no parts.
            size_bytes: Of all of them.
            path: As for :meth:`put_file`.
            facts: As for :meth:`put_file`.
            check_cancelled: Raises if the upload shall end; by default that of the pace.
        """
        is_cancelled = threading.Event()

        def check() -> None:
            try:
                (check_cancelled or self.pace.check_cancelled)()
            except BaseException:
                is_cancelled.set()
                raise

        made = self._put(
            path,
            _until(is_cancelled, parts),
            check,
            attributes=_attributes(path, facts),
            use_multipart=True,
            chunk_size=part_size(size_bytes),
            max_concurrency=self._parts_at_once,
        )
        return StoredObject(path, size_bytes, *_tags(made))

    def put(
        self,
        data: bytes,
        path: str,
        facts: Mapping[str, str] | None = None,
        *,
        mode: str = "overwrite",
        over: StoredObject | None = None,
    ) -> StoredObject:
        """Put some bytes, in one request.

        Args:
            data: All of the object.
            path: Its name.
            facts: As for :meth:`put_file`.
            mode: ``overwrite``, or ``create`` for a name that has to be free.
            over: Replace only this version of the object.
        Raises: StoreError with reason ``store-exists`` or ``store-changed``, if the name has
            another object.
        """
        condition: Any = mode if over is None else _condition(over)
        attributes = _attributes(path, facts or {})
        made = self.pace.run(
            lambda: self._put(
                path, data, None, attributes=attributes, mode=condition, use_multipart=False
            )
        )
        return StoredObject(path, len(data), *_tags(made))

    def _put(
        self, path: str, data: Any, check: Callable[[], None] | None, **options: Any
    ) -> Mapping[str, Any]:
        return self._call(path, lambda o, key: o.put(self._client, key, data, **options), check)

    # --- found ----------------------------------------------------------------------------

    def list(self, folder: str = "") -> Iterator[StoredObject]:
        """Yield all objects below a folder, a page of them at a time."""
        prefix = self.address.key_of(folder) if folder else self.address.prefix
        pages = _Pages(
            lambda after: self._library().list(
                self._client, prefix or None, offset=after, chunk_size=1000
            )
        )
        while True:
            try:
                page = self.pace.run(lambda: self._call(folder, lambda o, key: pages.next()))
            except StoreError as error:
                if error.reason != ODD_NAME or self.address.scheme != "s3":
                    raise
                yield from self._list_others(f"{prefix}/" if prefix else "", pages.last)
                return
            if page is None:
                return
            for meta in page:
                yield self._object(meta)

    def _list_others(self, prefix: str, after: str | None) -> Iterator[StoredObject]:
        """Yield what is listed where objects have names that the library fails at.

        None of these is ours, so they are left out.
        """
        client = s3_client(self.settings)
        last: str | None = after or ""
        while last is not None:
            read = partial(listed_page, client, self.settings, prefix, last)
            objects, last = self.pace.run(read)
            yield from (self._object(meta) for meta in objects if is_plain(meta["path"]))

    def facts_of(self, path: str) -> tuple[StoredObject, Mapping[str, str]] | None:
        """Return an object with its facts; ``None`` if there is none."""
        try:
            found = self.pace.run(
                lambda: self._call(
                    path, lambda o, key: o.get(self._client, key, options={"head": True})
                )
            )
        except StoreError as error:
            if error.is_missing:
                return None
            raise
        return self._object(found.meta), dict(found.attributes)

    def _object(self, meta: Mapping[str, Any]) -> StoredObject:
        return StoredObject(self.address.path_of(meta["path"]), int(meta["size"]), *_tags(meta))

    # --- read -----------------------------------------------------------------------------

    def read(self, path: str, max_bytes: int) -> bytes | None:
        """Return the beginning of an object; ``None`` if there is none."""

        def attempt() -> bytes:
            found, data = self._get_once(path, {}), b""
            for chunk in self._stream(path, found):
                data += chunk
                if len(data) >= max_bytes:
                    break
            return data[:max_bytes]

        try:
            return self.pace.run(attempt)
        except StoreError as error:
            if error.is_missing:
                return None
            raise

    def chunks(self, path: str) -> Iterator[bytes]:
        """Yield all bytes of an object, some at a time; after a break it goes on where it was.

        Raises: StoreError, also if the object has changed meanwhile.
        """
        options: dict[str, Any] = {}
        read_bytes = begun_bytes = breaks = 0
        while True:
            found = self.pace.run(partial(self._get_once, path, options))
            try:
                for chunk in self._stream(path, found):
                    read_bytes += len(chunk)
                    yield chunk
                return
            except StoreError as error:
                breaks = 1 if read_bytes > begun_bytes else breaks + 1
                if not error.retryable or breaks > MOST_BREAKS:
                    raise
            if read_bytes == found.meta["size"]:
                return
            begun_bytes = read_bytes
            options = {"range": {"offset": read_bytes}, "if_match": found.meta["e_tag"]}

    def _get_once(self, path: str, options: Mapping[str, Any]) -> Any:
        return self._call(path, lambda o, key: o.get(self._client, key, options=options))

    def _stream(self, path: str, found: Any) -> Iterator[bytes]:
        chunks = iter(found.stream(min_chunk_size=READ_BYTES))
        while (chunk := self._call(path, lambda o, key: next(chunks, None))) is not None:
            yield bytes(chunk)

    def open(self, path: str) -> BinaryIO:
        """Return an object as a file that reads ranges as it is asked for them.

        Its methods raise StoreError, also if the object has changed meanwhile.
        """
        found = self.pace.run(partial(self._get_once, path, {"head": True})).meta
        return BufferedReader(
            _Ranges(partial(self._range, path, found), found["size"]), RANGE_BYTES
        )

    def _range(self, path: str, found: Mapping[str, Any], offset: int, count: int) -> bytes:
        options = {"range": (offset, offset + count), "if_match": found["e_tag"]}

        def read(o: Any, key: str) -> bytes:
            return bytes(o.get(self._client, key, options=options).bytes())

        return self.pace.run(partial(self._call, path, read))

    # --- removed, moved -------------------------------------------------------------------

    def delete(self, path: str) -> None:
        """Remove an object, if there is one."""
        with suppress_missing():
            self.pace.run(lambda: self._call(path, lambda o, key: o.delete(self._client, key)))

    def move(self, old: str, new: str) -> None:
        """Give an object another name, within the store."""
        to = self.address.key_of(new)
        self.pace.run(lambda: self._call(old, lambda o, key: o.copy(self._client, key, to)))
        self.delete(old)

    # --- the library ----------------------------------------------------------------------

    def _library(self) -> Any:
        import obstore

        return obstore

    def _call(
        self,
        path: str,
        call: Callable[[Any, str], T],
        check_cancelled: Callable[[], None] | None = None,
    ) -> T:
        """Make one call of the library. Raises: StoreError, instead of its exceptions."""
        check = check_cancelled or self.pace.check_cancelled
        check()
        obstore = self._library()
        try:
            return self._threads.run(partial(call, obstore, self.address.key_of(path)), check)
        except FileNotFoundError as error:
            if error.errno is not None:
                raise  # a file of the local disk; the library's has no number
            raise store_error(self.address.url_of(path), error) from None
        except obstore.exceptions.BaseError as error:
            raise self._again(store_error(self.address.url_of(path), error)) from None

    def _again(self, error: StoreError) -> StoreError:
        """Return what is raised for an error; renewed credentials are worth another attempt."""
        if error.reason != "store-expired" or not self._renewed():
            return error
        detail = "the credentials have expired; there are new ones"
        return StoreError(error.address, detail, reason=error.reason, retryable=True)

    def _check_name(self, path: str) -> None:
        if problem := self.address.problem_of(path):
            raise StoreError(self.address.url_of(path), f"its {problem}", reason="store-name")


class _Pages:
    """The pages of a listing; after an error it goes on behind the last name that it has.

    The library's own iterator just ends then, as if there were nothing more.

    Args:
        list_from: Returns the pages of the names after one; of all for ``None``.
    """

    def __init__(self, list_from: Callable[[str | None], Iterable[Any]]) -> None:
        self._list_from = list_from
        self._pages: Iterator[Any] | None = None
        self.last: str | None = None
        """Name behind which it goes on."""

    def next(self) -> Any:
        """Return the next page; ``None`` after the last one."""
        pages, self._pages = self._pages or iter(self._list_from(self.last)), None
        page = next(pages, None)
        if page:
            self.last = page[-1]["path"]
        self._pages = pages
        return page


DIGESTS = ("sha512", "sha256", "md5")
"""Facts that say which bytes an object has."""


class suppress_missing(suppress):  # noqa: N801 - used like `suppress`
    """Ignore that there is no such object."""

    def __init__(self) -> None:
        super().__init__(StoreError)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        """Ignore the error of a missing object alone."""
        return isinstance(error, StoreError) and error.is_missing


class _Ranges(RawIOBase):
    """An object that can be read from any byte on.

    Args:
        read: Returns some bytes from an offset on.
        size_bytes: Of all of it.
    """

    def __init__(self, read: Callable[[int, int], bytes], size_bytes: int) -> None:
        self._read = read
        self._size_bytes = size_bytes
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        base = {SEEK_SET: 0, SEEK_CUR: self._position, SEEK_END: self._size_bytes}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self._size_bytes - self._position)
        if count <= 0:
            return 0
        data = self._read(self._position, count)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def part_size(size_bytes: int) -> int:
    """Return the size of the parts of an upload, so that there are not too many of them."""
    least = -(-size_bytes // MOST_PARTS)
    return max(PART_BYTES, -(-least // MIB) * MIB)


_OTHER_PARTS = 2
"""In memory beside those under way: one is filled, and one is read."""


def parts_at_once(memory_bytes: int) -> int:
    """Return how many parts of a file are under way, if all uploads have this much memory."""
    return min(PARTS_AT_ONCE, max(2, memory_bytes // PART_BYTES - _OTHER_PARTS))


def parts_memory(size_bytes: int, at_once: int) -> int:
    """Return how many bytes of an upload in parts are in memory at most."""
    return (at_once + _OTHER_PARTS) * part_size(size_bytes)


def _until(is_cancelled: threading.Event, parts: Iterable[bytes]) -> Iterator[bytes]:
    for part in parts:
        if is_cancelled.is_set():
            raise InterruptedError
        yield part


def _tags(meta: Mapping[str, Any]) -> tuple[str, str]:
    """Return tag and version of an object."""
    tag, version = meta.get("e_tag") or "", meta.get("version") or ""
    return str(tag).removeprefix("W/").strip('"'), str(version)


def _condition(over: StoredObject) -> dict[str, str]:
    found = {"e_tag": f'"{over.tag}"', "version": over.version}
    return {name: value for name, value in found.items() if value}


def _attributes(path: str, facts: Mapping[str, str]) -> dict[str, str]:
    ending = f".{path.rpartition('.')[2]}".lower()
    return {"Content-Type": _TYPES.get(ending, "application/octet-stream"), **facts}


def open_store(settings: StoreSettings, pace: Pace | None = None) -> ObjectStore:
    """Return a store. Nothing is requested of it yet, but its credentials are looked up. Blocks.

    Raises: ConfigError, if the extra is missing, or something named does not exist; StoreError,
        without credentials.
    """
    try:
        import obstore.store
    except ImportError:
        raise lacking() from None
    stores: Any = obstore.store
    address, where = settings.address, str(settings.address)
    found = s3_credentials(where, settings.profile) if address.scheme == "s3" else None
    url = checked_url(settings.service_url or (found.endpoint if found is not None else None))
    options: dict[str, Any] = {
        "client_options": {**_CLIENT, "allow_http": (url or "").startswith("http://")},
        "retry_config": _RETRIES,
    }
    try:
        if found is not None:
            region = settings.region or found.region or "us-east-1"
            options |= {"config": _s3(url, region), "credential_provider": found.current}
            client = stores.S3Store(address.bucket, **options)
        elif address.scheme == "gs":
            config = {} if url is None else {"base_url": url}
            client = stores.GCSStore(address.bucket, config=config, **options)
        else:
            config = {} if url is None else {"endpoint": url}
            client = stores.AzureStore(address.bucket, config=config, **options)
    except stores.BaseError as error:
        raise opening_error(where, SCHEMES[address.scheme], error) from None
    renewed = [] if found is None else [found.renewed]
    return ObjectStore(settings, client, pace or Pace(settings.max_wait_s), *renewed)


def _s3(url: str | None, region: str) -> dict[str, Any]:
    if url is None:
        return {"region": region}
    # Services other than Amazon's seldom have a host for each bucket.
    return {"region": region, "endpoint": url, "virtual_hosted_style_request": False}
