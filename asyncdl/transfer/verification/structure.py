"""Whether a file looks like what it should be.

:func:`check_type` and :func:`check_head` are cheap and run before anything is saved, because
hosts send error pages in place of data. :func:`check_form` checks the structure of the finished
file.
"""

from __future__ import annotations

import codecs
from enum import StrEnum
from typing import BinaryIO

from asyncdl.errors import WrongContent
from asyncdl.transfer.verification.archive import NotAnArchive, looks_like_archive
from asyncdl.transfer.verification.malformed import Doubtful, Malformed
from asyncdl.transfer.verification.tar import BLOCK_BYTES, is_header, read_tar
from asyncdl.transfer.verification.text_formats import (
    check_json,
    check_xml,
    marked_encoding,
    wide_encoding,
)
from asyncdl.transfer.verification.tiff import MAGICS, check_tiff
from asyncdl.user_text import UTF_8_MARK

HEAD_BYTES = BLOCK_BYTES
"""The beginning of a file that is enough to recognise every format."""

ERROR_PAGE = "error-page"
"""Reason of a ``WrongContent`` that is a page in place of the data."""
BROKEN_FILE = "broken-file"
"""Reason of a ``WrongContent`` that is data, but damaged."""

_READ_BYTES = 1 << 20


class Form(StrEnum):
    """What the bytes of a file must look like."""

    ANY = "any"
    """Any bytes, except what is declared as HTML."""
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
    """A tar, a zip, or a tar in gzip: an archive that can be unpacked."""


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
_JSON_STARTS = (
    *_MAGICS[Form.JSON],
    *(b"true", b"false", b"null", b"NaN", b"Infinity", b'"', b"-"),
    *(str(digit).encode() for digit in range(10)),
)
"""A message in plain words begins with none of them."""
_TEXTUAL = frozenset({Form.XML, Form.JSON})
_BINARY = frozenset({Form.TIFF, Form.TAR, Form.JPEG, Form.PNG, Form.GZIP, Form.ZIP})
_OTHER_MAGICS = (
    *(magic for form in _BINARY for magic in _MAGICS.get(form, ())),
    *(b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c", b"\x1f\x9d", b"Rar!"),
    *(b"GIF8", b"BM", b"\0\0\0\x0cjP  ", b"II\xbc\x01", b"RIFF", b"%PDF", b"NITF"),
    *(b"\x89HDF\r\n\x1a\n", b"CDF\x01", b"CDF\x02", b"CDF\x05"),
)
"""First bytes of formats that files of another name may have: compressed files and images."""

_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_MESSAGE_TYPES = frozenset({"application/json", "application/xml", "text/xml"})
"""Types of error messages; no data but JSON and XML has them."""
_HTML_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body")


def form_of(name: str) -> Form:
    """Return what a file must look like, by the ending of its name."""
    _, dot, suffix = name.rpartition(".")
    return _SUFFIXES.get(f"{dot}{suffix.lower()}", Form.ANY)


def head_bytes(form: Form) -> int:
    """Return how many bytes of a file are needed before its beginning is checked."""
    return 1 if form in (Form.ANY, Form.HTML) else HEAD_BYTES


def check_type(form: Form, content_type: str | None, url: str) -> None:
    """Refuse a response whose content type shows that it is a page or a message.

    Raises: WrongContent, with reason :data:`ERROR_PAGE`.
    """
    kind = (content_type or "").partition(";")[0].strip().lower()
    is_page = kind in _HTML_TYPES and form is not Form.HTML
    is_message = kind in _MESSAGE_TYPES and form not in (Form.ANY, Form.XML, Form.JSON, Form.HTML)
    if is_page or is_message:
        raise WrongContent(url, f"{kind} in place of the file", reason=ERROR_PAGE)


def check_head(form: Form, head: bytes, url: str) -> None:
    """Refuse a file by its first :data:`HEAD_BYTES` bytes (fewer if it is shorter).

    At least :func:`head_bytes` are needed, if the file has so many.

    Raises: WrongContent, with reason :data:`ERROR_PAGE`; NotAnArchive.
    """
    if form in (Form.ANY, Form.HTML):
        return
    # In a binary format, zero bytes do not show the encoding of a text.
    text = _plain(head, wide_encoding(head) if form in _TEXTUAL else marked_encoding(head))
    if text[:16].lower().startswith(_HTML_STARTS):
        raise WrongContent(url, "an HTML page in place of the file", reason=ERROR_PAGE)
    if _begins_like(form, head):
        return
    if form is Form.ARCHIVE and not _looks_like_message(head):
        raise NotAnArchive(url, f"there is nothing to unpack: {_looks_of(head)}")
    if form in _TEXTUAL or form is Form.ARCHIVE or _is_words(text) or not head.strip(b"\0"):
        raise WrongContent(url, f"the file does not begin like {form}", reason=ERROR_PAGE)


def _begins_like(form: Form, head: bytes) -> bool:
    match form:
        case Form.TAR:
            return is_header(head)
        case Form.ARCHIVE:
            return looks_like_archive(head)
        case Form.JSON:
            text = _plain(head, wide_encoding(head))
            return text.lstrip(b"\x1e").startswith(_JSON_STARTS)
        case Form.XML:
            return _plain(head, wide_encoding(head)).startswith(b"<")
    return head.startswith(_MAGICS.get(form, b""))


def _plain(head: bytes, encoding: str | None) -> bytes:
    """Return the beginning of a text in UTF-8, without a byte order mark and leading spaces."""
    if encoding is not None:
        whole = head[: len(head) // 4 * 4]
        head = whole.decode(encoding, errors="replace").encode(errors="replace")
    return head.removeprefix(UTF_8_MARK).lstrip()


def _is_words(text: bytes) -> bool:
    """Return whether the beginning of a file is a message in plain words rather than data."""
    try:
        # The last character may be cut off.
        decoded = codecs.getincrementaldecoder("utf-8")().decode(text)
    except UnicodeDecodeError:
        return False
    return all(char.isprintable() or char in "\t\r\n\f" for char in decoded)


def _looks_like_message(head: bytes) -> bool:
    """Return whether a file may be an error message: no data is so short."""
    text = head.removeprefix(UTF_8_MARK).lstrip()
    is_short = len(head) < HEAD_BYTES and b"\0" not in head
    return is_short or text.startswith((*_MAGICS[Form.XML], *_MAGICS[Form.JSON]))


def _looks_of(head: bytes) -> str:
    """Return what the beginning of a file looks like, for a message."""
    looks = [form for form, magics in _MAGICS.items() if head.startswith(magics)]
    return f"it looks like {looks[0]}" if looks else "it is neither a tar nor a zip"


def check_form(file: BinaryIO, form: Form, size_bytes: int, *, skip_tar: bool = False) -> None:
    """Check the structure of a whole file. Blocks.

    Args:
        file: Open, at any position.
        form: What it must look like.
        size_bytes: Its length.
        skip_tar: Whether the members of a tar are checked elsewhere.
    Raises: Malformed.
    """
    file.seek(0)
    if form in _BINARY:
        _check_magic(form, file.read(HEAD_BYTES))
        file.seek(0)
    match form:
        case Form.TIFF:
            check_tiff(file, size_bytes)
        case Form.TAR if not skip_tar:
            read_tar(file, size_bytes)
        case Form.TEXT:
            _check_text(file)
        case Form.XML:
            check_xml(file)
        case Form.JSON:
            check_json(file, size_bytes)
        case _:
            pass


def _check_magic(form: Form, head: bytes) -> None:
    """Check the first bytes of a file.

    Raises: Doubtful, if they are those of another known format; Malformed otherwise.
    """
    if _begins_like(form, head):
        return
    if head.startswith(_OTHER_MAGICS) or is_header(head):
        raise Doubtful(f"it is something other than {form}")
    raise Malformed(f"it does not begin like {form}")


def _check_text(file: BinaryIO) -> None:
    head = file.read(HEAD_BYTES)
    if marked_encoding(head):
        return
    file.seek(0)
    while block := file.read(_READ_BYTES):
        if b"\0" in block:
            raise Doubtful("it contains a zero byte")
