"""The proofs: length, digests, and whether the bytes look like what they should be.

:func:`check_type` and :func:`check_head` are cheap and come before anything is
saved, because hosts send error pages in place of data. :func:`prove_file` reads
the finished file and blocks: it belongs into a thread.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat

from asyncdl.errors import ChecksumMismatch, SizeMismatch, WrongContent
from asyncdl.transfer.digests import Digest, new_hasher
from asyncdl.transfer.malformed import Malformed
from asyncdl.transfer.tar import BLOCK_BYTES, check_tar, is_header
from asyncdl.transfer.tiff import MAGICS, check_tiff

HEAD_BYTES = BLOCK_BYTES
"""No form needs more of a file's beginning than this to be told."""

ERROR_PAGE = "error-page"
"""Reason of a ``WrongContent`` that is a page in place of the data."""
BROKEN_FILE = "broken-file"
"""Reason of a ``WrongContent`` that is data, but not sound."""

_READ_BYTES = 1 << 20
_LARGEST_JSON_BYTES = 16 << 20
"""Larger ones are not held in memory to be parsed."""


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


@dataclass(frozen=True, slots=True)
class Proof:
    """What a finished file has shown."""

    checks: tuple[str, ...]
    """Such as ``("sha256", "tiff")``; empty if nothing but its length is known."""
    sha256: str | None = None
    """Lower-case hex, if it was asked for."""


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

    Raises: WrongContent, with reason :data:`ERROR_PAGE`.
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
    if not is_right:
        raise WrongContent(url, f"the file does not begin like {form}", reason=ERROR_PAGE)


def prove_file(
    path: Path,
    *,
    url: str,
    form: Form,
    size_bytes: int | None = None,
    digests: Iterable[Digest] = (),
) -> Proof:
    """Check a whole file on disk. Blocks.

    Args:
        path: The file.
        url: Where it came from, for the errors.
        form: What it must look like.
        size_bytes: What its length must be; ``None`` takes any.
        digests: All of them have to agree.
    Raises: SizeMismatch, WrongContent (reason :data:`BROKEN_FILE`),
        ChecksumMismatch; OSError if the file cannot be read.
    """
    digests, length = tuple(digests), path.stat().st_size
    if size_bytes is not None and length != size_bytes:
        raise SizeMismatch(url, expected=size_bytes, got=length)
    if form is Form.ANY and not digests:
        return Proof(())
    with path.open("rb") as file:
        _check_form(file, form, length, url)
        values = _digest_values(file, {digest.algorithm for digest in digests})
    for digest in digests:
        got = values[digest.algorithm]
        if not digest.agrees_with(got):
            raise ChecksumMismatch(url, algorithm=digest.algorithm, expected=digest.value, got=got)
    looks = () if form is Form.ANY else (form.value,)
    return Proof((*(digest.algorithm for digest in digests), *looks), values.get("sha256"))


def _check_form(file: BinaryIO, form: Form, length: int, url: str) -> None:
    file.seek(0)
    try:
        check_head(form, file.read(HEAD_BYTES), url)
        file.seek(0)
        match form:
            case Form.TIFF:
                check_tiff(file, length)
            case Form.TAR:
                check_tar(file, length)
            case Form.TEXT:
                _check_text(file)
            case Form.XML:
                _check_xml(file)
            case Form.JSON:
                _check_json(file, length)
            case _:
                pass
    except Malformed as problem:
        raise WrongContent(url, f"broken {form}: {problem}", reason=BROKEN_FILE) from problem


def _check_text(file: BinaryIO) -> None:
    while block := file.read(_READ_BYTES):
        if b"\0" in block:
            raise Malformed("a zero byte")


def _check_xml(file: BinaryIO) -> None:
    try:
        expat.ParserCreate().ParseFile(file)
    except expat.ExpatError as problem:
        raise Malformed(str(problem)) from problem


def _check_json(file: BinaryIO, length: int) -> None:
    if length > _LARGEST_JSON_BYTES:
        return
    try:
        json.loads(file.read())
    except (ValueError, RecursionError) as problem:
        raise Malformed("it cannot be parsed") from problem


def _digest_values(file: BinaryIO, algorithms: set[str]) -> dict[str, str]:
    """Read the file once, for all algorithms together; not at all if there are none."""
    hashers = {algorithm: new_hasher(algorithm) for algorithm in algorithms}
    file.seek(0)
    while hashers and (block := file.read(_READ_BYTES)):
        for hasher in hashers.values():
            hasher.update(block)
    return {algorithm: hasher.hexdigest() for algorithm, hasher in hashers.items()}
