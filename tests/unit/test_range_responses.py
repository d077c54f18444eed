"""What to make of an answer's head: the ladder as a table, without a network."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from asyncdl.errors import AsyncdlError, RangeRefused
from asyncdl.transfer.range_responses import (
    OTHER_VERSION,
    AlreadyComplete,
    BodyRange,
    Decision,
    RequestAgain,
    ResumePoint,
    check_segment,
    interpret,
)
from asyncdl.transfer.ranges import Span, parse_content_range
from asyncdl.transfer.responses import Head, RangeRequest
from asyncdl.transfer.url_identity import resource_id
from asyncdl.transfer.validators import Validator

V1, V2, WEAK = Validator('"v1"'), Validator('"v2"'), Validator('W/"v1"')
URL = "http://host/file"
FRESH, RESUME, PLAIN = RangeRequest(), RangeRequest(40, if_range='"v1"'), RangeRequest(40)
KNOWN = ResumePoint(40, 100, V1)
HOLED = ResumePoint(0, 100, V1, gap_stop=60)
PART = Head(206, "bytes 40-99/100", length=60, validator=V1)
WHOLE = Head(200, length=100, validator=V1)


@pytest.mark.parametrize(
    ("head", "range_request", "known", "verdict"),
    [
        (WHOLE, FRESH, ResumePoint(), BodyRange(0, 100, 100, is_new=True)),
        (replace(WHOLE, length=None), FRESH, ResumePoint(), BodyRange(0, None, None, is_new=True)),
        (PART, RESUME, KNOWN, BodyRange(40, 100, 100)),
        (replace(PART, content_range="bytes 40-99/*"), RESUME, KNOWN, BodyRange(40, 100, 100)),
        (Head(206, "bytes 30-99/100", validator=V1), RESUME, KNOWN, BodyRange(30, 100, 100)),
        (WHOLE, RESUME, KNOWN, RequestAgain("the same version again", is_conditional=False)),
        (WHOLE, PLAIN, KNOWN, BodyRange(0, 100, 100, is_new=True)),
        (replace(WHOLE, validator=V2), RESUME, KNOWN, BodyRange(0, 100, 100, is_new=True)),
        (replace(WHOLE, takes_ranges=False), RESUME, KNOWN, BodyRange(0, 100, 100, is_new=True)),
        (replace(PART, validator=V2), RESUME, KNOWN,
         RequestAgain("another version of the file", keeps_bytes=False)),
        (WHOLE, RESUME, ResumePoint(100, None, V1),
         RequestAgain("the same version again", is_conditional=False)),
        (WHOLE, PLAIN, ResumePoint(100, None, V1),
         RequestAgain("the whole file, or only the rest", is_ranged=False)),
        (WHOLE, RangeRequest(is_ranged=False), ResumePoint(100, None, V1), AlreadyComplete(100)),
        (replace(WHOLE, length=None), PLAIN, KNOWN,
         RequestAgain("the whole file, or only the rest", is_ranged=False)),
        (replace(WHOLE, length=None), RangeRequest(is_ranged=False), KNOWN,
         BodyRange(0, None, 100, is_new=True)),
        (Head(416, "bytes */40"), RESUME, ResumePoint(40, None, V1), AlreadyComplete(40)),
        (Head(416, "bytes */0"), FRESH, ResumePoint(), AlreadyComplete(0)),
        (Head(416, "bytes */40"), RESUME, KNOWN,
         RequestAgain("the host has fewer bytes than are on disk", keeps_bytes=False)),
        (Head(206, "bytes 0-99/100", validator=V1), FRESH, ResumePoint(100, None, V1),
         AlreadyComplete(100)),
        (Head(206, "bytes 0-99/100", validator=V1), FRESH, KNOWN,
         RequestAgain("only the rest is needed")),
        (Head(206, "bytes 0-99/100", validator=WEAK), PLAIN, ResumePoint(40, 100, WEAK),
         BodyRange(0, 100, 100, is_new=True)),
        (Head(206, "bytes 0-99/100", validator=V1), RangeRequest(0, 60), HOLED,
         BodyRange(0, 100, 100)),
        (Head(206, "bytes 0-59/100", validator=V1), RangeRequest(0, 60), HOLED,
         BodyRange(0, 60, 100)),
        (replace(WHOLE, validator=V1), RangeRequest(0, 60, if_range='"v1"'), HOLED,
         RequestAgain("the same version again", is_conditional=False)),
        (Head(412), RESUME, KNOWN, RequestAgain("another version of the file", keeps_bytes=False)),
    ],
)  # fmt: skip
def test_the_table(
    head: Head, range_request: RangeRequest, known: ResumePoint, verdict: Decision
) -> None:
    assert interpret(head, range_request, known, URL) == verdict


HEADS = st.builds(
    Head,
    st.sampled_from([200, 204, 206, 304, 404, 416, 503]),
    st.sampled_from([None, "junk", "bytes 0-99/100", "bytes 40-99/100", "bytes 40-59/*",
                     "bytes 60-99/100", "bytes 40-99/200", "bytes */40", "bytes */100"]),
    length=st.sampled_from([None, 0, 20, 60, 100]),
    takes_ranges=st.booleans(),
    validator=st.sampled_from([Validator(), V1, V2, WEAK]),
)  # fmt: skip
RANGE_REQUESTS = st.sampled_from([FRESH, RESUME, PLAIN, RangeRequest(is_ranged=False)])
KNOWNS = st.builds(
    ResumePoint,
    st.sampled_from([0, 40]),
    st.sampled_from([None, 40, 100]),
    st.sampled_from([Validator(), V1, WEAK]),
    st.sampled_from([None, 60]),
)


@given(HEADS, RANGE_REQUESTS, KNOWNS)
def test_bytes_of_two_versions_are_never_put_together(
    head: Head, range_request: RangeRequest, known: ResumePoint
) -> None:
    try:
        verdict = interpret(head, range_request, known, URL)
    except AsyncdlError:
        return
    if isinstance(verdict, BodyRange):
        is_joined = not verdict.is_new
        assert verdict.start <= known.have_bytes or verdict.start <= range_request.start
        assert not (is_joined and not known.is_empty and known.validator.etag != head.validator.etag
                    and not known.validator.is_empty)  # fmt: skip
        assert verdict.stop is None or Span(verdict.start, verdict.stop).size_bytes >= 0


@given(HEADS, RANGE_REQUESTS, KNOWNS)
def test_a_200_never_brings_less_than_the_version_has(
    head: Head, range_request: RangeRequest, known: ResumePoint
) -> None:
    """What a host said about one version it cannot take back by a plain 200."""
    head = replace(head, status=200)
    is_same = known.validator.is_strong and head.validator in (known.validator, Validator())
    try:
        verdict = interpret(head, range_request, known, URL)
    except AsyncdlError:
        return
    if (
        is_same
        and known.total is not None
        and not known.is_empty
        and isinstance(verdict, BodyRange)
    ):
        is_whole = verdict.is_new and (verdict.start, verdict.stop) in ((0, known.total), (0, None))
        is_part = parse_content_range(head.content_range) is not None
        assert is_part or is_whole
        assert verdict.total in (known.total, None)
        assert verdict.stop is None or verdict.stop <= known.total


LENGTHS = st.sampled_from([None, 40, 60, 100])
TAIL = replace(WHOLE, content_range="bytes 40-99/100", length=60)


@given(st.builds(replace, st.just(TAIL), length=LENGTHS), RANGE_REQUESTS, KNOWNS)
def test_a_200_that_says_where_it_belongs_is_put_nowhere_else(
    head: Head, range_request: RangeRequest, known: ResumePoint
) -> None:
    try:
        verdict = interpret(head, range_request, known, URL)
    except AsyncdlError:
        return
    if isinstance(verdict, BodyRange):
        assert (verdict.start, verdict.stop, head.length) in ((40, 100, 60), (0, 100, 100))


ELSEWHERE = "http://host/other"


@given(HEADS, RANGE_REQUESTS, KNOWNS)
def test_what_another_resource_says_is_never_joined(
    head: Head, range_request: RangeRequest, known: ResumePoint
) -> None:
    known = replace(known, resource=resource_id(ELSEWHERE))
    try:
        verdict = interpret(head, range_request, known, URL)
    except AsyncdlError:
        return
    assert not isinstance(verdict, AlreadyComplete) or known.is_empty
    assert not isinstance(verdict, BodyRange) or verdict.is_new


@given(HEADS, RANGE_REQUESTS, KNOWNS)
def test_a_200_of_any_length_to_a_range_is_not_taken_for_all(
    head: Head, range_request: RangeRequest, known: ResumePoint
) -> None:
    """Unless it is of another version, or has just the length of this one."""
    head = replace(head, status=200, content_range=None)
    is_other = not known.validator.is_empty and head.validator not in (
        known.validator, Validator()
    )  # fmt: skip
    if known.is_empty or is_other or not range_request.is_ranged or range_request.is_first:
        return
    try:
        verdict = interpret(head, range_request, known, URL)
    except AsyncdlError:
        return
    if not isinstance(verdict, RequestAgain):
        assert head.length == known.total is not None


@given(HEADS, KNOWNS)
def test_every_step_down_asks_in_a_plainer_way(head: Head, known: ResumePoint) -> None:
    is_ranged, is_conditional = True, True
    range_request = RangeRequest(known.have_bytes, known.gap_stop, if_range='"v1"')
    for _ in range(5):
        try:
            verdict = interpret(head, range_request, known, URL)
        except AsyncdlError:
            return
        if not isinstance(verdict, RequestAgain):
            return
        is_ranged, is_conditional = (
            is_ranged and verdict.is_ranged,
            is_conditional and verdict.is_conditional,
        )
        known = known if verdict.keeps_bytes else ResumePoint()
        condition = '"v1"' if is_conditional and not known.is_empty else None
        range_request = RangeRequest(known.have_bytes, known.gap_stop, if_range=condition)
        if not is_ranged:
            range_request = RangeRequest(is_ranged=False)
    raise AssertionError("asking does not come to an end")


@given(HEADS, KNOWNS)
def test_a_piece_is_exactly_what_was_asked_for_or_nothing(head: Head, known: ResumePoint) -> None:
    try:
        stop = check_segment(head, RangeRequest(40, 100), known, URL)
    except AsyncdlError:
        return
    assert head.status == 206
    assert 40 < stop <= 100
    assert known.validator.is_empty or known.validator.etag == head.validator.etag


@pytest.mark.parametrize(
    "head",
    [
        replace(PART, validator=V2),
        Head(412),
        Head(206, "bytes 40-99/200", validator=V1),
        replace(WHOLE, validator=V2),
        replace(PART, validator=Validator()),
    ],
)
def test_rows_039_040_048_a_piece_of_another_version_is_told(head: Head) -> None:
    with pytest.raises(RangeRefused) as refused:
        check_segment(head, PLAIN, KNOWN, URL)
    assert refused.value.reason == OTHER_VERSION
