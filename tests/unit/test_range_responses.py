"""What to make of an answer's head: the ladder as a table, without a network."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from asyncdl.errors import AsyncdlError, RangeRefused
from asyncdl.transfer.file_url import resource_id
from asyncdl.transfer.range_responses import (
    OTHER_VERSION,
    AskAgain,
    Complete,
    Known,
    Placement,
    Verdict,
    judge,
    judge_piece,
)
from asyncdl.transfer.ranges import Span, parse_content_range
from asyncdl.transfer.responses import Ask, Head
from asyncdl.transfer.validators import Validator

V1, V2, WEAK = Validator('"v1"'), Validator('"v2"'), Validator('W/"v1"')
URL = "http://host/file"
FRESH, RESUME, PLAIN = Ask(), Ask(40, if_range='"v1"'), Ask(40)
KNOWN = Known(40, 100, V1)
HOLED = Known(0, 100, V1, gap_stop=60)
PART = Head(206, "bytes 40-99/100", length=60, validator=V1)
WHOLE = Head(200, length=100, validator=V1)


@pytest.mark.parametrize(
    ("head", "ask", "known", "verdict"),
    [
        (WHOLE, FRESH, Known(), Placement(0, 100, 100, is_new=True)),
        (replace(WHOLE, length=None), FRESH, Known(), Placement(0, None, None, is_new=True)),
        (PART, RESUME, KNOWN, Placement(40, 100, 100)),
        (replace(PART, content_range="bytes 40-99/*"), RESUME, KNOWN, Placement(40, 100, 100)),
        (Head(206, "bytes 30-99/100", validator=V1), RESUME, KNOWN, Placement(30, 100, 100)),
        (WHOLE, RESUME, KNOWN, AskAgain("the same version again", is_conditional=False)),
        (WHOLE, PLAIN, KNOWN, Placement(0, 100, 100, is_new=True)),
        (replace(WHOLE, validator=V2), RESUME, KNOWN, Placement(0, 100, 100, is_new=True)),
        (replace(WHOLE, takes_ranges=False), RESUME, KNOWN, Placement(0, 100, 100, is_new=True)),
        (replace(PART, validator=V2), RESUME, KNOWN,
         AskAgain("another version of the file", keeps_bytes=False)),
        (WHOLE, RESUME, Known(100, None, V1),
         AskAgain("the same version again", is_conditional=False)),
        (WHOLE, PLAIN, Known(100, None, V1),
         AskAgain("all of the file, or the rest of it", is_ranged=False)),
        (WHOLE, Ask(is_ranged=False), Known(100, None, V1), Complete(100)),
        (replace(WHOLE, length=None), PLAIN, KNOWN,
         AskAgain("all of the file, or the rest of it", is_ranged=False)),
        (replace(WHOLE, length=None), Ask(is_ranged=False), KNOWN,
         Placement(0, None, 100, is_new=True)),
        (Head(416, "bytes */40"), RESUME, Known(40, None, V1), Complete(40)),
        (Head(416, "bytes */0"), FRESH, Known(), Complete(0)),
        (Head(416, "bytes */40"), RESUME, KNOWN,
         AskAgain("fewer bytes there than here", keeps_bytes=False)),
        (Head(206, "bytes 0-99/100", validator=V1), FRESH, Known(100, None, V1), Complete(100)),
        (Head(206, "bytes 0-99/100", validator=V1), FRESH, KNOWN, AskAgain("the rest is enough")),
        (Head(206, "bytes 0-99/100", validator=WEAK), PLAIN, Known(40, 100, WEAK),
         Placement(0, 100, 100, is_new=True)),
        (Head(206, "bytes 0-99/100", validator=V1), Ask(0, 60), HOLED, Placement(0, 100, 100)),
        (Head(206, "bytes 0-59/100", validator=V1), Ask(0, 60), HOLED, Placement(0, 60, 100)),
        (replace(WHOLE, validator=V1), Ask(0, 60, if_range='"v1"'), HOLED,
         AskAgain("the same version again", is_conditional=False)),
        (Head(412), RESUME, KNOWN, AskAgain("another version of the file", keeps_bytes=False)),
    ],
)  # fmt: skip
def test_the_table(head: Head, ask: Ask, known: Known, verdict: Verdict) -> None:
    assert judge(head, ask, known, URL) == verdict


HEADS = st.builds(
    Head,
    st.sampled_from([200, 204, 206, 304, 404, 416, 503]),
    st.sampled_from([None, "junk", "bytes 0-99/100", "bytes 40-99/100", "bytes 40-59/*",
                     "bytes 60-99/100", "bytes 40-99/200", "bytes */40", "bytes */100"]),
    length=st.sampled_from([None, 0, 20, 60, 100]),
    takes_ranges=st.booleans(),
    validator=st.sampled_from([Validator(), V1, V2, WEAK]),
)  # fmt: skip
ASKS = st.sampled_from([FRESH, RESUME, PLAIN, Ask(is_ranged=False)])
KNOWNS = st.builds(
    Known,
    st.sampled_from([0, 40]),
    st.sampled_from([None, 40, 100]),
    st.sampled_from([Validator(), V1, WEAK]),
    st.sampled_from([None, 60]),
)


@given(HEADS, ASKS, KNOWNS)
def test_bytes_of_two_versions_are_never_put_together(head: Head, ask: Ask, known: Known) -> None:
    try:
        verdict = judge(head, ask, known, URL)
    except AsyncdlError:
        return
    if isinstance(verdict, Placement):
        is_joined = not verdict.is_new
        assert verdict.start <= known.have or verdict.start <= ask.start
        assert not (is_joined and not known.is_empty and known.validator.etag != head.validator.etag
                    and not known.validator.is_empty)  # fmt: skip
        assert verdict.stop is None or Span(verdict.start, verdict.stop).size_bytes >= 0


@given(HEADS, ASKS, KNOWNS)
def test_a_200_never_brings_less_than_the_version_has(head: Head, ask: Ask, known: Known) -> None:
    """What a host said about one version it cannot take back by a plain 200."""
    head = replace(head, status=200)
    is_same = known.validator.is_strong and head.validator in (known.validator, Validator())
    try:
        verdict = judge(head, ask, known, URL)
    except AsyncdlError:
        return
    if (
        is_same
        and known.total is not None
        and not known.is_empty
        and isinstance(verdict, Placement)
    ):
        is_whole = verdict.is_new and (verdict.start, verdict.stop) in ((0, known.total), (0, None))
        is_part = parse_content_range(head.content_range) is not None
        assert is_part or is_whole
        assert verdict.total in (known.total, None)
        assert verdict.stop is None or verdict.stop <= known.total


LENGTHS = st.sampled_from([None, 40, 60, 100])
TAIL = replace(WHOLE, content_range="bytes 40-99/100", length=60)


@given(st.builds(replace, st.just(TAIL), length=LENGTHS), ASKS, KNOWNS)
def test_a_200_that_says_where_it_belongs_is_put_nowhere_else(
    head: Head, ask: Ask, known: Known
) -> None:
    try:
        verdict = judge(head, ask, known, URL)
    except AsyncdlError:
        return
    if isinstance(verdict, Placement):
        assert (verdict.start, verdict.stop, head.length) in ((40, 100, 60), (0, 100, 100))


ELSEWHERE = "http://host/other"


@given(HEADS, ASKS, KNOWNS)
def test_what_another_resource_says_is_never_joined(head: Head, ask: Ask, known: Known) -> None:
    known = replace(known, place=resource_id(ELSEWHERE))
    try:
        verdict = judge(head, ask, known, URL)
    except AsyncdlError:
        return
    assert not isinstance(verdict, Complete) or known.is_empty
    assert not isinstance(verdict, Placement) or verdict.is_new


@given(HEADS, ASKS, KNOWNS)
def test_a_200_of_any_length_to_a_range_is_not_taken_for_all(
    head: Head, ask: Ask, known: Known
) -> None:
    """Unless it is of another version, or has just the length of this one."""
    head = replace(head, status=200, content_range=None)
    is_other = not known.validator.is_empty and head.validator not in (
        known.validator, Validator()
    )  # fmt: skip
    if known.is_empty or is_other or not ask.is_ranged or ask.is_first:
        return
    try:
        verdict = judge(head, ask, known, URL)
    except AsyncdlError:
        return
    if not isinstance(verdict, AskAgain):
        assert head.length == known.total is not None


@given(HEADS, KNOWNS)
def test_every_step_down_asks_in_a_plainer_way(head: Head, known: Known) -> None:
    is_ranged, is_conditional = True, True
    ask = Ask(known.have, known.gap_stop, if_range='"v1"')
    for _ in range(5):
        try:
            verdict = judge(head, ask, known, URL)
        except AsyncdlError:
            return
        if not isinstance(verdict, AskAgain):
            return
        is_ranged, is_conditional = (
            is_ranged and verdict.is_ranged,
            is_conditional and verdict.is_conditional,
        )
        known = known if verdict.keeps_bytes else Known()
        condition = '"v1"' if is_conditional and not known.is_empty else None
        ask = Ask(known.have, known.gap_stop, if_range=condition)
        if not is_ranged:
            ask = Ask(is_ranged=False)
    raise AssertionError("asking does not come to an end")


@given(HEADS, KNOWNS)
def test_a_piece_is_exactly_what_was_asked_for_or_nothing(head: Head, known: Known) -> None:
    try:
        stop = judge_piece(head, Ask(40, 100), known, URL)
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
        judge_piece(head, PLAIN, KNOWN, URL)
    assert refused.value.reason == OTHER_VERSION
