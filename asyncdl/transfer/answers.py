"""What to make of an answer's head: the decisions, without any I/O.

The first request of a round asks for the first bytes that are missing.
:func:`judge` compares the head that comes back with what is known about the
file, and says whether its body can be placed, whether the file is complete
already, or whether to ask again in a plainer way. Each plainer way is taken
once, so asking comes to an end:

1. ``Range`` with ``If-Range``;
2. ``Range`` alone, when the host sends the whole file although its validator is
   unchanged: some hosts never honour ``If-Range``;
3. no ``Range``, when the host's partial answers cannot be placed.

While that body comes, further connections may ask for other pieces of the same
file. For them :func:`judge_piece` knows two answers only: it is exactly what was
asked for, or of no use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct

from asyncdl.errors import AsyncdlError, HttpStatusError, RangeRefused, WrongContent
from asyncdl.retry import parse_retry_after
from asyncdl.transfer.allowance import exhausted_for_s
from asyncdl.transfer.proving.digests import Digest
from asyncdl.transfer.proving.told_digests import read_content_md5, read_repr_digest
from asyncdl.transfer.ranges import LARGEST_OFFSET, Span, parse_content_range, range_header
from asyncdl.transfer.validators import Validator, read_validator

OTHER_VERSION = "other-version"
"""Reason of a ``RangeRefused`` for a file that changed while it was fetched."""

_LIMITING = frozenset({429, 503})
"""Refusals of a host that has had too many requests."""

CODED = "coded"
"""Reason of a ``WrongContent`` for a body that was compressed on its way."""


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


class Known(Struct, frozen=True):
    """What is known about the file from earlier answers."""

    have: int = 0
    """Bytes on disk from the beginning without a gap."""
    total: int | None = None
    validator: Validator = Validator()
    gap_stop: int | None = None
    """Where the first gap ends; ``None`` if it reaches to the end of the file."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is on disk."""
        return not self.have and self.gap_stop is None


class Place(Struct, frozen=True):
    """Put the body at ``[start, stop)``."""

    start: int
    stop: int | None
    """``None`` if only the end of the body tells."""
    total: int | None
    """Of the whole file, if known now."""
    is_new: bool = False
    """Whether it takes the place of all that is on disk, instead of going on with it."""


class Complete(Struct, frozen=True):
    """The bytes on disk are the whole file."""

    total: int


class AskAgain(Struct, frozen=True):
    """Drop this answer and ask in another way."""

    reason: str
    is_ranged: bool = True
    is_conditional: bool = True
    keeps_bytes: bool = True
    """False if the bytes on disk are of no use to this file any more."""


Verdict: TypeAlias = Place | Complete | AskAgain


def read_head(status: int, headers: Mapping[str, str]) -> Head:
    """Read what matters out of the headers, whose names are in lower case."""
    is_framed_otherwise = "transfer-encoding" in headers
    accepts = headers.get("accept-ranges", "").strip().lower()
    retry_after_s = parse_retry_after(headers.get("retry-after"), sent=headers.get("date"))
    is_refused = status in _LIMITING
    exhausted_s = exhausted_for_s(headers, is_refused=is_refused)
    if is_refused and retry_after_s is None:
        retry_after_s = exhausted_s
    return Head(
        status,
        content_range=headers.get("content-range"),
        content_type=headers.get("content-type"),
        disposition=headers.get("content-disposition"),
        length=None if is_framed_otherwise else _parse_length(headers.get("content-length")),
        is_chunked=is_framed_otherwise,
        takes_ranges=accepts != "none",
        offers_ranges=accepts == "bytes" or status == 206,
        validator=read_validator(
            headers.get("etag"), headers.get("last-modified"), headers.get("date")
        ),
        retry_after_s=retry_after_s,
        rest_s=0.0 if is_refused else exhausted_s or 0.0,
        coding=_read_coding(headers),
        digests=_read_digests(status, headers),
    )


def judge(head: Head, ask: Ask, known: Known, url: str) -> Verdict:
    """Decide what an answer means for a file.

    Raises: HttpStatusError, for a status that brings no data; WrongContent, for
        one that brings none on purpose; RangeRefused, for a part of the file
        although all of it was asked for.
    Source: RFC 9110, sections 13.1.5, 14.4, 15.3.7 and 15.5.17.
    """
    match head.status:
        case 200:
            return _judge_whole(head, ask, known)
        case 206:
            return _judge_part(head, ask, known, url)
        case 416:
            return _judge_unsatisfiable(head, ask, known, url)
        case 412 if not known.is_empty:
            return AskAgain("another version of the file", keeps_bytes=False)
        case _:
            raise refusal(head, url)


def refusal(head: Head, url: str) -> AsyncdlError:
    """Return the error for an answer that brings no data."""
    if head.status in (204, 205):
        return WrongContent(url, "the host has no content to send", reason="no-content")
    return HttpStatusError(url, head.status, retry_after_s=head.retry_after_s)


def judge_piece(head: Head, ask: Ask, known: Known, url: str) -> int:
    """Check an answer that shall bring one piece while other pieces are on their way.

    It was asked for without a condition, so a host that ignores ``If-Range``
    serves it all the same; its validator and total tell the version.

    Returns: Where its body ends: where it was asked to, or before.
    Raises: RangeRefused, with reason :data:`OTHER_VERSION` if the file has
        changed, else if the host does not serve pieces of it; HttpStatusError
        and WrongContent, as :func:`judge`.
    """
    if head.status not in (200, 206, 412, 416):
        raise refusal(head, url)
    part = _placeable(head) if head.status == 206 and not head.coding else None
    total = part[1] if part else head.length if head.status == 200 else known.total
    is_other = head.status == 412 or (
        head.status != 416 and known.validator.contradicts(head.validator, was_conditional=False)
    )
    if is_other or total not in (None, known.total):
        raise RangeRefused(url, "the file has changed meanwhile", reason=OTHER_VERSION)
    if part is None or part[0].start != ask.start or not ask.start < part[0].stop:
        raise RangeRefused(url, "no part of the file where one was asked for")
    return part[0].stop


def check_coding(head: Head, url: str, *, may_be_gzip: bool) -> None:
    """Refuse a body that is not the file itself, although nothing else was asked for.

    Its length, its ranges and its validator may be those of either form, and
    hosts mix them up; so nothing that could be decoded from it is to be trusted.

    Args:
        may_be_gzip: Whether the file is a gzip file. Some hosts call the file's
            own compression a coding of it; the bytes are right then as they are.
    Raises: WrongContent, with reason :data:`CODED`.
    """
    if head.coding and not (may_be_gzip and head.coding in ("gzip", "x-gzip")):
        raise WrongContent(url, f"the host insists on {head.coding}", reason=CODED, retryable=False)


def _judge_whole(head: Head, ask: Ask, known: Known) -> Verdict:
    is_same = known.validator.is_strong and known.validator.matches(head.validator)
    if not known.is_empty and is_same and known.total in (None, head.length):
        if head.length == known.have:
            return Complete(known.have)
        if _may_go_on(head, ask):
            # Either If-Range is never honoured here, or nobody asked for the
            # rest yet, because the name of the file was not known.
            return AskAgain("the same version again", is_conditional=ask.is_first)
    return Place(0, head.length, head.length, is_new=True)


def _may_go_on(head: Head, ask: Ask) -> bool:
    return head.takes_ranges and ask.is_ranged and (ask.is_first or ask.if_range is not None)


def _judge_part(head: Head, ask: Ask, known: Known, url: str) -> Verdict:
    content_range = _placeable(head)
    if content_range is None or not content_range[0].start <= ask.start < content_range[0].stop:
        if not ask.is_ranged:
            raise RangeRefused(url, "a part, but the whole file was asked for", retryable=False)
        return AskAgain("a part that cannot be placed", is_ranged=False)
    span, total = content_range
    if known.is_empty:
        return Place(span.start, span.stop, total, is_new=True)
    is_other = known.validator.contradicts(head.validator, was_conditional=bool(ask.if_range))
    if is_other or (None not in (known.total, total) and known.total != total):
        return AskAgain("another version of the file", keeps_bytes=False)
    if ask.is_first:
        return _judge_found(span, total, head, known)
    # An answer that begins at the beginning is whole by itself.
    is_new = span.start == 0 and known.gap_stop is None
    return Place(span.start, span.stop, total or known.total, is_new)


def _judge_found(span: Span, total: int | None, head: Head, known: Known) -> Verdict:
    """Judge a first part when bytes of an earlier run turned up only now."""
    if not known.validator.matches(head.validator):
        return Place(span.start, span.stop, total, is_new=True)
    return Complete(total) if total == known.have else AskAgain("the rest is enough")


def _placeable(head: Head) -> tuple[Span, int | None] | None:
    """Return where a 206 belongs; ``None`` if it does not say so without doubt."""
    content_range = parse_content_range(head.content_range)
    is_multipart = (head.content_type or "").lower().startswith("multipart/byteranges")
    if content_range is None or content_range.span is None or is_multipart:
        return None
    if head.length is not None and head.length != content_range.span.size_bytes:
        return None
    return content_range.span, content_range.total


def _judge_unsatisfiable(head: Head, ask: Ask, known: Known, url: str) -> Verdict:
    if not ask.is_ranged:
        raise HttpStatusError(url, head.status)
    content_range = parse_content_range(head.content_range)
    total = content_range.total if content_range else None
    if total == ask.start and known.total in (None, total) and _is_same(head, ask, known):
        return Complete(ask.start)
    if ask.start == 0:
        return AskAgain("no range is good enough", is_ranged=False)
    return AskAgain("fewer bytes there than here", keeps_bytes=False)


def _is_same(head: Head, ask: Ask, known: Known) -> bool:
    """Tell whether a 416 is about the version on disk.

    Most hosts send no validator with it. Then ``If-Range`` vouches for the
    version: had it not matched, the range would have been ignored.
    """
    if not known.have or known.validator.is_empty or known.validator.matches(head.validator):
        return True
    return head.validator.is_empty and ask.if_range is not None


def _read_digests(status: int, headers: Mapping[str, str]) -> tuple[Digest, ...]:
    """Return what the host says about the whole file, whatever part of it is coming."""
    told = read_repr_digest(headers.get("repr-digest"))
    return told + read_content_md5(headers.get("content-md5")) if status == 200 else told


def _read_coding(headers: Mapping[str, str]) -> str:
    """Return every coding but those that leave the bytes of the file as they are."""
    named = f"{headers.get('content-encoding', '')},{headers.get('transfer-encoding', '')}"
    codings = (coding.strip().lower() for coding in named.split(","))
    return ", ".join(coding for coding in codings if coding not in ("", "identity", "chunked"))


def _parse_length(value: str | None) -> int | None:
    if value is None or not (value.isascii() and value.isdigit()) or len(value) > 20:
        return None
    return int(value) if int(value) <= LARGEST_OFFSET else None
