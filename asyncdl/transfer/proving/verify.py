"""Whether bytes look like what they should be.

:func:`check_type` and :func:`check_head` are cheap and come before anything is
saved, because hosts send error pages in place of data. :func:`check_form` looks
at the structure of the finished file.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import BinaryIO

import msgspec

from asyncdl.errors import WrongContent
from asyncdl.outside import FREE_VALUES, count_values
from asyncdl.transfer.proving.archive import NotAnArchive, looks_like_archive
from asyncdl.transfer.proving.malformed import Malformed
from asyncdl.transfer.proving.tar import BLOCK_BYTES, is_header, read_tar
from asyncdl.transfer.proving.tiff import MAGICS, check_tiff
from asyncdl.transfer.proving.xml import check_xml

HEAD_BYTES = BLOCK_BYTES
"""No form needs more of a file's beginning than this to be told."""

ERROR_PAGE = "error-page"
"""Reason of a ``WrongContent`` that is a page in place of the data."""
BROKEN_FILE = "broken-file"
"""Reason of a ``WrongContent`` that is data, but not sound."""

_READ_BYTES = 1 << 20
_LARGEST_JSON_BYTES = 16 << 20
"""Larger ones are not held in memory to be parsed."""
_LENIENT = (b"NaN", b"Infinity", b"\0", b"\xef\xbb\xbf")
"""In JSON that one parser takes and the other does not."""


class Form(StrEnum):
    """What the bytes of a file must look like."""

    ANY = "any"
    """Any bytes, though not what calls itself HTML."""
    TIFF = "tiff"
    TAR = "tar"
    TEXT = "text"
    XML = "xml"
    JSON = "json"
    HTML = "html"
    JPEG = "jpeg"
    PNG = "png"
    GZIP = "gzip"
    ZIP = "zip"
    ARCHIVE = "archive"
    """A tar, a zip, or a tar in gzip: what can be unpacked."""


_SUFFIXES = {
    ".tif": Form.TIFF,
    ".tiff": Form.TIFF,
    ".tar": Form.TAR,
    ".txt": Form.TEXT,
    ".xml": Form.XML,
    ".json": Form.JSON,
    ".geojson": Form.JSON,
    ".html": Form.HTML,
    ".htm": Form.HTML,
    ".jpg": Form.JPEG,
    ".jpeg": Form.JPEG,
    ".png": Form.PNG,
    ".gz": Form.GZIP,
    ".tgz": Form.GZIP,
    ".zip": Form.ZIP,
}

_MAGICS = {
    Form.TIFF: MAGICS,
    Form.JPEG: (b"\xff\xd8\xff",),
    Form.PNG: (b"\x89PNG\r\n\x1a\n",),
    Form.GZIP: (b"\x1f\x8b",),
    Form.ZIP: (b"PK\x03\x04", b"PK\x05\x06"),
    Form.XML: (b"<",),
    Form.JSON: (b"{", b"["),
}

_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_MESSAGE_TYPES = frozenset({"application/json", "application/xml", "text/xml"})
"""How services word their errors; no data but JSON and XML travels under them."""
_HTML_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body")
_BOM = b"\xef\xbb\xbf"


def form_of(name: str) -> Form:
    """Tell by its suffix what a file must look like."""
    _, dot, suffix = name.rpartition(".")
    return _SUFFIXES.get(f"{dot}{suffix.lower()}", Form.ANY)


def head_bytes(form: Form) -> int:
    """Return how much of a file's beginning has to be there before it is judged."""
    return 1 if form in (Form.ANY, Form.HTML) else HEAD_BYTES


def check_type(form: Form, content_type: str | None, url: str) -> None:
    """Refuse an answer whose content type gives it away as a page or a message.

    Raises: WrongContent, with reason :data:`ERROR_PAGE`.
    """
    kind = (content_type or "").partition(";")[0].strip().lower()
    is_page = kind in _HTML_TYPES and form is not Form.HTML
    is_message = kind in _MESSAGE_TYPES and form not in (Form.ANY, Form.XML, Form.JSON, Form.HTML)
    if is_page or is_message:
        raise WrongContent(url, f"{kind} in place of the file", reason=ERROR_PAGE)


def check_head(form: Form, head: bytes, url: str) -> None:
    """Refuse a file by its first :data:`HEAD_BYTES` bytes (fewer if it is shorter).

    Of a longer file at least :func:`head_bytes` are needed.

    Raises: WrongContent, with reason :data:`ERROR_PAGE`; NotAnArchive.
    """
    text = head.removeprefix(_BOM).lstrip()
    if form in (Form.ANY, Form.HTML):
        return
    if text[:16].lower().startswith(_HTML_STARTS):
        raise WrongContent(url, "an HTML page in place of the file", reason=ERROR_PAGE)
    start = text if form in (Form.XML, Form.JSON) else head
    is_right = start.startswith(_MAGICS.get(form, b""))
    if form is Form.TAR:
        is_right = is_header(head)
    if form is Form.TEXT:
        is_right = b"\0" not in head
    if form is Form.ARCHIVE:
        is_right = looks_like_archive(head)
        if not is_right and not _looks_like_message(head):
            raise NotAnArchive(url, f"there is nothing to unpack: {_looks_of(head)}")
    if not is_right:
        raise WrongContent(url, f"the file does not begin like {form}", reason=ERROR_PAGE)


def _looks_like_message(head: bytes) -> bool:
    """Tell whether a file's beginning may be an error in words: no page of data is so short."""
    text = head.removeprefix(_BOM).lstrip()
    is_short = len(head) < HEAD_BYTES and b"\0" not in head
    return is_short or text.startswith((*_MAGICS[Form.XML], *_MAGICS[Form.JSON]))


def _looks_of(head: bytes) -> str:
    """Say what the beginning of a file looks like."""
    looks = [form for form, magics in _MAGICS.items() if head.startswith(magics)]
    return f"it looks like {looks[0]}" if looks else "it is neither a tar nor a zip"


def check_form(file: BinaryIO, form: Form, size_bytes: int, *, but_tar: bool = False) -> None:
    """Check the structure of a whole file. Blocks.

    Args:
        file: Open, at any position.
        form: What it must look like.
        size_bytes: Its length.
        but_tar: Whether the members of a tar are left to somebody else.
    Raises: Malformed.
    """
    file.seek(0)
    match form:
        case Form.TIFF:
            check_tiff(file, size_bytes)
        case Form.TAR if not but_tar:
            read_tar(file, size_bytes)
        case Form.TEXT:
            _check_text(file)
        case Form.XML:
            check_xml(file)
        case Form.JSON:
            _check_json(file, size_bytes)
        case _:
            pass


def _check_text(file: BinaryIO) -> None:
    while block := file.read(_READ_BYTES):
        if b"\0" in block:
            raise Malformed("a zero byte")


def _check_json(file: BinaryIO, length: int) -> None:
    if length > _LARGEST_JSON_BYTES:
        return
    data = file.read()
    try:
        # What has very many values is passed through without making objects of them; only
        # what is no number in JSON, and what is no UTF-8, needs the other parser.
        if count_values(data) > FREE_VALUES and not any(sign in data for sign in _LENIENT):
            msgspec.json.decode(data, type=msgspec.Raw)
        elif count_values(data) <= FREE_VALUES:
            json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise Malformed("it cannot be parsed") from problem
