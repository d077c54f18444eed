"""What a response means for the missing bytes of a file. Pure.

Earlier responses and the disk say what is known (:class:`ResumePoint`): the version
(:class:`Validator`), the length of the whole, where redirects led to, and which bytes are on
disk. The first request of an attempt asks for the first missing bytes. :func:`interpret` compares
the response with what is known and returns one of three decisions, or raises:

- :class:`BodyRange`: the body belongs there, either continuing what is on disk or replacing all
  of it;
- :class:`AlreadyComplete`: what is on disk is the whole file;
- :class:`RequestAgain`: request in a plainer way, or start over, as the file is another one;
- an error with reason :data:`CONTRADICTORY`: the host contradicts itself. The file is requested
  again, and what is on disk is kept.

Each plainer way is taken once, so requesting comes to an end:

1. ``Range`` with ``If-Range``;
2. ``Range`` alone, when the host sends the whole file although its validator is unchanged: some
   hosts never honour ``If-Range``;
3. no ``Range``, when the response to a ``Range`` cannot be placed, or has no length that the file
   can have.

While that body arrives, further connections may request other segments of the same file. For them
:func:`check_segment` knows two cases only: the response is exactly what was requested, or useless.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from asyncdl.errors import AsyncdlError, HttpStatusError, RangeRefused, WrongContent
from asyncdl.transfer.ranges import Span, parse_content_range
from asyncdl.transfer.responses import Head, RangeRequest
from asyncdl.transfer.url_identity import has_same_name, resource_id
from asyncdl.transfer.validators import Validator

OTHER_VERSION = "other-version"
"""Reason of a ``RangeRefused`` for a file that changed while it was fetched."""

CONTRADICTORY = "contradictory-response"
"""Reason of a ``RangeRefused`` for a host that contradicts itself."""


class ResumePoint(Struct, frozen=True):
    """What is known about a file: its version, and where its bytes are to be continued."""

    have_bytes: int = 0
    """Where the first missing byte is: so many are on disk from the beginning, or not wanted."""
    total: int | None = None
    validator: Validator = Validator()
    gap_stop: int | None = None
    """Where the first gap ends; ``None`` if it reaches to the end of the file."""
    resource: str = ""
    """Where redirects led to, by :func:`resource_id`; empty if that does not matter."""
    is_begun: bool = True
    """False if nothing is on disk, though only the first ``gap_stop`` bytes are to be requested."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is on disk."""
        return not self.is_begun or (not self.have_bytes and self.gap_stop is None)


class BodyRange(Struct, frozen=True):
    """The body belongs at ``[start, stop)``."""

    start: int
    stop: int | None
    """``None`` if only the end of the body shows it."""
    total: int | None
    """Length of the whole file, if known now. An open-ended body must have it."""
    is_new: bool = False
    """Whether it replaces all that is on disk, instead of continuing it."""


class AlreadyComplete(Struct, frozen=True):
    """The bytes on disk are the whole file."""

    total: int


class RequestAgain(Struct, frozen=True):
    """Drop this response and request in another way."""

    reason: str
    is_ranged: bool = True
    is_conditional: bool = True
    keeps_bytes: bool = True
    """False if the bytes on disk are not of this file any more."""


Decision: TypeAlias = BodyRange | AlreadyComplete | RequestAgain


def interpret(head: Head, range_request: RangeRequest, known: ResumePoint, url: str) -> Decision:
    """Decide what a response means for a file.

    Args:
        head: Its status and headers.
        range_request: What was requested.
        known: What earlier responses said, and what is on disk.
        url: Where it came from, after redirects.
    Raises: HttpStatusError, for a status without data; WrongContent, for a status that
        has none on purpose; RangeRefused, for a part of the file although all of it was
        requested, and with reason :data:`CONTRADICTORY`.
    Source: RFC 9110, sections 8.8.3, 13.1.5, 14.4, 15.3.7 and 15.5.17.
    """
    if head.status in (200, 206, 416) and _is_elsewhere(head, known, url):
        if head.status != 200 or _says_part(head, known):
            return RequestAgain("redirected to another file", keeps_bytes=False)
        known = ResumePoint()
    match head.status:
        case 200 if _says_part(head, known):
            # Meant as a 206, or a mistake of the host; never the whole file.
            return _interpret_part(head, range_request, known, url)
        case 200:
            return _interpret_whole(head, range_request, known, url)
        case 206:
            return _interpret_part(head, range_request, known, url)
        case 416:
            return _interpret_unsatisfiable(head, range_request, known, url)
        case 412 if not known.is_empty:
            return RequestAgain("another version of the file", keeps_bytes=False)
        case _:
            raise refusal(head, url)


def refusal(head: Head, url: str) -> AsyncdlError:
    """Return the error for a response without data."""
    if head.status in (204, 205):
        return WrongContent(url, "the host has no content to send", reason="no-content")
    return HttpStatusError(url, head.status, retry_after_s=head.retry_after_s)


def contradiction(url: str, detail: str) -> RangeRefused:
    """Return the error for a host that contradicts itself."""
    return RangeRefused(url, f"the host contradicts itself: {detail}", reason=CONTRADICTORY)


def check_segment(head: Head, range_request: RangeRequest, known: ResumePoint, url: str) -> int:
    """Check a response that should bring one segment while others are on their way.

    It was requested without a condition, so that a host that ignores ``If-Range`` serves it
    too; its validator and total show the version.

    Returns: Where its body ends: where it was requested to end, or before.
    Raises: RangeRefused, with reason :data:`OTHER_VERSION` if the file has changed, else if
        the host does not serve parts of it; HttpStatusError and WrongContent, as
        :func:`interpret`.
    """
    if head.status not in (200, 206, 412, 416):
        raise refusal(head, url)
    part = _placeable(head) if head.status == 206 and not head.coding else None
    is_whole = head.status == 200 and head.content_range is None
    total = part[1] if part else head.length if is_whole else known.total
    is_other = head.status == 412 or (
        head.status != 416 and known.validator.contradicts(head.validator, was_conditional=False)
    )
    if is_other or total not in (None, known.total) or _is_elsewhere(head, known, url):
        raise RangeRefused(url, "the file has changed meanwhile", reason=OTHER_VERSION)
    if (
        part is None
        or part[0].start != range_request.start
        or not range_request.start < part[0].stop
    ):
        raise RangeRefused(url, "no part of the file where one was requested")
    if known.total is not None and part[0].stop > known.total:
        raise RangeRefused(url, "a part that reaches beyond the end", reason=OTHER_VERSION)
    return part[0].stop


def _is_elsewhere(head: Head, known: ResumePoint, url: str) -> bool:
    """Return whether redirects led to another resource, whose validator proves nothing.

    An ``ETag`` that is a hash of the bytes identifies them wherever they are. Otherwise mirrors
    of one file are recognised by its name and its date.
    """
    resource = resource_id(url) if known.resource and not known.is_empty else known.resource
    if resource == known.resource or known.validator.names_bytes:
        return False
    date = known.validator.last_modified
    is_mirror = has_same_name(resource, known.resource)
    return not (is_mirror and date is not None and date == head.validator.last_modified)


def _says_part(head: Head, known: ResumePoint) -> bool:
    """Return whether a 200 claims to be a part of the file.

    Not if its length is that of the whole: then ``Content-Range``, which has no meaning in a
    200, only repeats the request.
    """
    content_range = parse_content_range(head.content_range)
    if head.status != 200 or content_range is None or content_range.span is None:
        return False
    span, total = content_range.span, content_range.total
    if span.start == 0 and total in (None, span.stop):
        # All of it by its own account, unless its length says otherwise.
        return head.length not in (None, span.stop)
    whole = total if total is not None else known.total
    return head.length is None or head.length != whole


def _interpret_whole(
    head: Head, range_request: RangeRequest, known: ResumePoint, url: str
) -> Decision:
    is_same = known.validator.is_strong and known.validator.matches(head.validator)
    if known.is_empty:
        return BodyRange(0, head.length, head.length, is_new=True)
    if _is_impossible(head, known):
        if range_request.is_ranged and not range_request.is_first:
            return RequestAgain("a whole file of another length", is_ranged=False)
        if known.validator.is_strong:
            was, now = known.total, head.length
            raise contradiction(url, f"the same version had {was} bytes, now it has {now}")
    is_rest = range_request.is_ranged and not range_request.is_first
    # Only a length that was known before shows that this is all, and not the rest alone.
    is_all = not is_rest or None is not head.length == known.total
    if is_same and is_all and head.length == known.have_bytes:
        return AlreadyComplete(known.have_bytes)
    if is_same and _may_continue(head, range_request):
        # Either this host never honours If-Range, or the rest has not been requested yet, because
        # the name of the file was not known.
        return RequestAgain("the same version again", is_conditional=range_request.is_first)
    if not is_all and not _is_another(head, known):
        return RequestAgain("the whole file, or only the rest", is_ranged=False)
    if is_same and head.length is None:
        return BodyRange(0, None, known.total, is_new=True)
    return BodyRange(0, head.length, head.length, is_new=True)


def _is_another(head: Head, known: ResumePoint) -> bool:
    """Return whether a response says that it is of another version than the known one."""
    is_silent = known.validator.is_empty or head.validator.is_empty
    return not is_silent and not known.validator.matches(head.validator)


def _is_impossible(head: Head, known: ResumePoint) -> bool:
    """Return whether no possible version has the length that a 200 announces.

    A host that sent validators before and now sends none sends something other than the file,
    such as the rest of it or a message, unless at least its length is right.
    """
    if known.total is None or head.length in (None, known.total):
        return False
    return known.validator.matches(head.validator) or head.validator.is_empty


def _may_continue(head: Head, range_request: RangeRequest) -> bool:
    return (
        head.takes_ranges
        and range_request.is_ranged
        and (range_request.is_first or range_request.if_range is not None)
    )


def _interpret_part(
    head: Head, range_request: RangeRequest, known: ResumePoint, url: str
) -> Decision:
    content_range = _placeable(head)
    if not range_request.is_ranged and not _is_all(content_range):
        error = contradiction(url, "a part, but the whole file was requested")
        error.retryable = not known.is_empty
        raise error
    if (
        content_range is None
        or not content_range[0].start <= range_request.start < content_range[0].stop
    ):
        return RequestAgain("a part that cannot be placed", is_ranged=False)
    span, total = content_range
    if known.is_empty:
        return BodyRange(span.start, span.stop, total, is_new=True)
    is_other = known.validator.contradicts(
        head.validator, was_conditional=bool(range_request.if_range)
    )
    is_too_long = known.total is not None and span.stop > known.total
    if is_other or is_too_long or (None not in (known.total, total) and known.total != total):
        return RequestAgain("another version of the file", keeps_bytes=False)
    if range_request.is_first:
        return _interpret_first_part(span, total, head, known)
    # A response that starts at byte 0 needs nothing that is on disk.
    is_new = span.start == 0 and known.gap_stop is None
    return BodyRange(span.start, span.stop, total or known.total, is_new)


def _interpret_first_part(
    span: Span, total: int | None, head: Head, known: ResumePoint
) -> Decision:
    """Interpret a first part, if bytes of an earlier run were found only now."""
    if not known.validator.matches(head.validator):
        return BodyRange(span.start, span.stop, total, is_new=True)
    return (
        AlreadyComplete(total)
        if total == known.have_bytes
        else RequestAgain("only the rest is needed")
    )


def _is_all(content_range: tuple[Span, int | None] | None) -> bool:
    return content_range is not None and content_range[0] == Span(0, content_range[1] or 0)


def _placeable(head: Head) -> tuple[Span, int | None] | None:
    """Return where a part belongs; ``None`` if that is not certain."""
    content_range = parse_content_range(head.content_range)
    is_multipart = (head.content_type or "").lower().startswith("multipart/byteranges")
    if content_range is None or content_range.span is None or is_multipart:
        return None
    length = content_range.span.size_bytes
    # With a 200, only its length shows that the body is that part and not the whole file.
    if head.length != length and not (head.length is None and head.status == 206):
        return None
    return content_range.span, content_range.total


def _interpret_unsatisfiable(
    head: Head, range_request: RangeRequest, known: ResumePoint, url: str
) -> Decision:
    if not range_request.is_ranged:
        raise HttpStatusError(url, head.status)
    content_range = parse_content_range(head.content_range)
    total = content_range.total if content_range else None
    if (
        total == range_request.start
        and known.total in (None, total)
        and _is_same(head, range_request, known)
    ):
        return AlreadyComplete(range_request.start)
    if (
        range_request.start == 0
        or total is None
        or (total > range_request.start and total == known.total)
    ):
        # It refuses a range that exists: perhaps it honours none at all.
        return RequestAgain("no range was accepted", is_ranged=False)
    return RequestAgain("the host has fewer bytes than are on disk", keeps_bytes=False)


def _is_same(head: Head, range_request: RangeRequest, known: ResumePoint) -> bool:
    """Return whether a 416 is about the version on disk.

    Most hosts send no validator with it. Then ``If-Range`` proves the version: without a match
    the range would have been ignored.
    """
    if not known.have_bytes or known.validator.is_empty or known.validator.matches(head.validator):
        return True
    return head.validator.is_empty and range_request.if_range is not None
