"""Requests for bytes of a file, and the heads of the responses, read. Pure.

What a response means for a file is decided in :mod:`asyncdl.transfer.verdicts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from asyncdl.retry import parse_retry_after
from asyncdl.transfer.allowance import exhausted_for_s
from asyncdl.transfer.proving.digests import Digest
from asyncdl.transfer.proving.told_digests import read_told_digests
from asyncdl.transfer.ranges import (
    Span,
    parse_content_length,
    parse_content_range,
    range_header,
)
from asyncdl.transfer.validators import Validator, read_validator

_LIMITING = frozenset({429, 503})
"""Refusals of a host that has had too many requests."""

CODED = "coded"
"""Reason of a ``WrongContent`` for a body that was compressed on its way."""

_FRAMING = frozenset({"", "identity", "chunked"})
_NO_CODINGS = _FRAMING | {
    *("aws-chunked", "none", "null", "binary", "raw", "plain", "default", "7bit", "8bit"),
    *("utf-8", "utf8", "us-ascii", "iso-8859-1"),
}
"""What hosts write into ``Content-Encoding`` that is no coding: the bytes are the file's."""


class Ask(Struct, frozen=True):
    """One request: the bytes from ``start`` on."""

    start: int = 0
    stop: int | None = None
    """``None`` asks to the end of the file."""
    is_ranged: bool = True
    """Without a ``Range`` header the whole file is asked for, and ``start`` is 0."""
    if_range: str | None = None

    @property
    def is_first(self) -> bool:
        """Whether it was made before anything was known about the file."""
        return self.start == 0 and self.stop is None

    def headers(self) -> dict[str, str]:
        """Return the headers that say so."""
        if not self.is_ranged:
            return {}
        condition = {"If-Range": self.if_range} if self.if_range else {}
        return {"Range": range_header(self.start, self.stop), **condition}


class Head(Struct, frozen=True):
    """What an answer says before its body."""

    status: int
    content_range: str | None = None
    content_type: str | None = None
    disposition: str | None = None
    length: int | None = None
    """Of the body as it is framed; ``None`` if only its end tells."""
    is_chunked: bool = False
    takes_ranges: bool = True
    """False if the host says that it does not; hosts that do may say nothing."""
    offers_ranges: bool = False
    """Whether the host says or shows that it does."""
    validator: Validator = Validator()
    retry_after_s: float | None = None
    rest_s: float = 0.0
    """So long no further request is allowed, by an answer that does not say so by its status."""
    coding: str = ""
    """How the body was changed on its way, such as ``gzip``; empty if it was not."""
    digests: tuple[Digest, ...] = ()
    """Of the whole file."""
    is_decoded: bool = False
    """Whether the body is decoded on its way, see :mod:`asyncdl.transfer.gunzip`."""


def read_head(status: int, headers: Mapping[str, str]) -> Head:
    """Read what matters out of the headers, whose names are in lower case."""
    is_framed_otherwise = "transfer-encoding" in headers
    accepts = headers.get("accept-ranges", "").strip().lower()
    retry_after_s = parse_retry_after(headers.get("retry-after"), sent=headers.get("date"))
    is_refused = status in _LIMITING
    exhausted_s = exhausted_for_s(headers, is_refused=is_refused)
    if is_refused and retry_after_s is None:
        retry_after_s = exhausted_s
    head = Head(
        status,
        content_range=headers.get("content-range"),
        content_type=headers.get("content-type"),
        disposition=headers.get("content-disposition"),
        length=None if is_framed_otherwise else parse_content_length(headers.get("content-length")),
        is_chunked=is_framed_otherwise,
        takes_ranges=accepts != "none",
        offers_ranges=accepts == "bytes" or status == 206,
        validator=read_validator(
            headers.get("etag"), headers.get("last-modified"), headers.get("date")
        ),
        retry_after_s=retry_after_s,
        rest_s=0.0 if is_refused else exhausted_s or 0.0,
        coding=_read_coding(headers),
    )
    return replace(head, digests=read_told_digests(headers, is_whole=is_whole(head)))


def decoded(head: Head) -> Head:
    """Return what is left of a head once its body is decoded on the way."""
    return replace(
        head,
        coding="",
        length=None,
        content_range=None,
        status=200,
        takes_ranges=False,
        offers_ranges=False,
        validator=Validator(),
        digests=(),
        is_decoded=True,
    )


def is_whole(head: Head) -> bool:
    """Tell whether the body is the whole file, as far as the head says."""
    content_range = parse_content_range(head.content_range)
    if head.status not in (200, 206) or content_range is None:
        return head.status == 200
    return content_range.span == Span(0, content_range.total or 0)


def _read_coding(headers: Mapping[str, str]) -> str:
    """Return every coding but those that leave the bytes of the file as they are."""
    codings = (*_items(headers.get("content-encoding")),)
    named = [coding for coding in codings if coding not in _NO_CODINGS]
    framing = [item for item in _items(headers.get("transfer-encoding")) if item not in _FRAMING]
    return ", ".join([*named, *(f"{coding} in transfer" for coding in framing)])


def _items(header: str | None) -> Iterator[str]:
    return (item.strip().lower() for item in (header or "").split(","))
