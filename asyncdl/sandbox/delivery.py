"""One response of the file host: its range, its headers, and wrong bytes in a valid format.

Source: RFC 9110, sections 13.1.5 and 14; API notes, sections 3.2 and 7.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from email.utils import formatdate

from aiohttp import web

from asyncdl.sandbox.injected_faults import Faults
from asyncdl.sandbox.lookup import Requestable
from asyncdl.sandbox.product_rows import members_of
from asyncdl.sandbox.sandbox_state import SandboxState
from asyncdl.sandbox.sized_content import Flipped, SizedContent

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
    """One request for one file, and the response to it."""

    request: web.Request
    target: Requestable
    content: SizedContent
    nth: int
    """Number of requests for this file so far, including this one."""
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
        """Status of the response."""
        return 206 if self.is_partial else 200

    @property
    def is_sent_to_the_end(self) -> bool:
        """Whether the last byte of the file was sent."""
        return self.sent_bytes == self.length and self.stop == self.content.size

    @property
    def length(self) -> int:
        """Length of the body in bytes."""
        return self.stop - self.start


def strong_etag(text: str) -> str:
    """Return an ETag that stands for exactly this text."""
    return f'"{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}"'


def _last_modified(target: Requestable) -> str:
    return formatdate(target.mtime, usegmt=True)


def headers_of(delivery: Delivery, faults: Faults) -> dict[str, str]:
    """Return the headers of a response with data, except its length."""
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


def set_range(delivery: Delivery) -> web.Response | None:
    """Set the range to send; return 416 if the file has no such bytes.

    Source: RFC 9110, sections 13.1.5 and 14.2.
    """
    size, requested = delivery.content.size, _requested_range(delivery)
    delivery.start, delivery.stop = 0, size
    if requested is None:
        return None
    start, stop = requested
    if start >= size or start >= stop:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    delivery.start, delivery.stop, delivery.is_partial = start, stop, True
    return None


def _requested_range(delivery: Delivery) -> tuple[int, int] | None:
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


def corrupt(state: SandboxState, delivery: Delivery) -> None:
    """Flip one bit of the content, if a fault hits this file."""
    fault = "corrupt_members" if delivery.target.is_bundle else "corrupt"
    if delivery.request.method == "HEAD" or not _is_due(state, fault, delivery.name):
        return
    where = state.faults.spot(delivery.name, delivery.nth)
    spot = delivery.content.harmless_byte(delivery.start, delivery.stop, where)
    if spot is not None:
        delivery.content = Flipped(delivery.content, spot)
        _note(state, fault, delivery.name)


def missing_member(state: SandboxState, target: Requestable) -> int | None:
    """Return the index of the file that is missing from a bundle, if a fault hits it."""
    name = target.file_name
    if not _is_due(state, "members_missing", name):
        return None
    members = members_of(target.scene, target.row) if target.row else ()
    if not members:
        return None
    _note(state, "members_missing", name)
    return members[int(state.faults.spot(name, 0) * len(members))].index


def _is_due(state: SandboxState, fault: str, name: str) -> bool:
    faults = state.faults
    if not faults.picks(fault, name):
        return False
    return (
        not faults.corrupt_times
        or state.request_log.fault_counts[_key(fault, name)] < faults.corrupt_times
    )


def _note(state: SandboxState, fault: str, name: str) -> None:
    state.request_log.fault_counts.count(_key(fault, name))


def _key(fault: str, name: str) -> str:
    return f"{fault} {name}"
