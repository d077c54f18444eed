"""One answer of the file host: which bytes of which content go out, under which headers.

Source: RFC 9110, sections 13.1.5 and 14; API notes, section 7.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from email.utils import formatdate

from aiohttp import web

from asyncdl.sandbox.bundles import SizedContent
from asyncdl.sandbox.faults import Faults
from asyncdl.sandbox.lookup import Requestable

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_TYPES = {
    ".TIF": "image/tiff",
    ".tar": "application/x-tar",
    ".xml": "application/xml",
    ".txt": "text/plain",
    ".zip": "application/zip",
    ".jpg": "image/jpeg",
    ".tif": "image/tiff",
}
_UNKNOWN_TYPE = "application/octet-stream"


@dataclass(slots=True)
class Delivery:
    """One request for one file, while it is being answered."""

    request: web.Request
    target: Requestable
    content: SizedContent
    nth: int
    """How many requests there have been for this file, this one included."""
    etag: str | None
    can_range: bool
    start: int = 0
    stop: int = 0
    """The half-open range that is sent."""
    is_partial: bool = False
    sent_bytes: int = 0

    @property
    def name(self) -> str:
        """The file's name."""
        return self.target.file_name

    @property
    def status(self) -> int:
        """Status of the answer."""
        return 206 if self.is_partial else 200

    @property
    def is_sent_to_the_end(self) -> bool:
        """Whether the last byte of the file went out."""
        return self.sent_bytes == self.length and self.stop == self.content.size

    @property
    def length(self) -> int:
        """Bytes of the promised body."""
        return self.stop - self.start


def strong_etag(text: str) -> str:
    """Return an ETag that stands for exactly this text."""
    return f'"{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}"'


def _last_modified(target: Requestable) -> str:
    return formatdate(target.mtime, usegmt=True)


def headers_of(delivery: Delivery, faults: Faults) -> dict[str, str]:
    """Return the headers of an answer with data, but for its length."""
    name = delivery.name
    headers = {"Content-Type": _TYPES.get(name[-4:], _UNKNOWN_TYPE)}
    if delivery.can_range:
        headers["Accept-Ranges"] = "bytes"
    if delivery.etag:
        headers["ETag"] = delivery.etag
    if faults.last_modified and not delivery.target.is_bundle:
        headers["Last-Modified"] = _last_modified(delivery.target)
    if faults.disposition != "missing":
        quoted = f'"{name}"' if faults.disposition == "quoted" else name
        headers["Content-Disposition"] = f"attachment; filename={quoted}"
    if delivery.is_partial:
        last = delivery.stop - 1
        headers["Content-Range"] = f"bytes {delivery.start}-{last}/{delivery.content.size}"
    return headers


def place_range(delivery: Delivery) -> web.Response | None:
    """Set the range that is sent; return 416 if the file has no such bytes.

    Source: RFC 9110, sections 13.1.5 and 14.2.
    """
    size, asked = delivery.content.size, _asked_range(delivery)
    delivery.start, delivery.stop = 0, size
    if asked is None:
        return None
    start, stop = asked
    if start >= size or start >= stop:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    delivery.start, delivery.stop, delivery.is_partial = start, stop, True
    return None


def _asked_range(delivery: Delivery) -> tuple[int, int] | None:
    """Return the half-open range to send, or ``None`` for the whole file."""
    headers = delivery.request.headers
    match = _RANGE.fullmatch(headers.get("Range", ""))
    if match is None or not delivery.can_range or not any(match.groups()):
        return None
    if "If-Range" in headers and not _is_current(delivery, headers["If-Range"]):
        return None
    first, last = match.groups()
    size = delivery.content.size
    if not first:
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, size) if last else size


def _is_current(delivery: Delivery, validator: str) -> bool:
    if validator.startswith('"'):
        return validator == delivery.etag
    return validator == _last_modified(delivery.target)
