"""Byte ranges: headers, and what of a file is there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.transfer.ranges import (
    ContentRange,
    Coverage,
    Span,
    parse_content_range,
    range_header,
)

SPANS = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda p: Span(min(p), max(p)))


def bytes_of(spans: list[Span]) -> set[int]:
    return {byte for span in spans for byte in range(span.start, span.stop)}


@given(st.lists(SPANS, max_size=12), st.integers(0, 80))
def test_a_coverage_and_its_gaps_hold_every_byte_once(spans: list[Span], total: int) -> None:
    coverage = Coverage()
    for span in spans:
        coverage = coverage.add(span)
    coverage = coverage.clip(total)
    gaps = coverage.gaps(total)
    wanted = bytes_of(spans) & set(range(total))
    assert bytes_of(list(coverage.spans)) == wanted
    assert coverage.size_bytes == len(wanted)
    assert bytes_of(gaps) == set(range(total)) - wanted
    edges = [edge for span in coverage.spans for edge in (span.start, span.stop)]
    assert edges == sorted(set(edges))


@given(st.lists(SPANS, max_size=12))
def test_the_prefix_ends_at_the_first_gap(spans: list[Span]) -> None:
    coverage = Coverage()
    for span in spans:
        coverage = coverage.add(span)
    first_missing = next(byte for byte in range(100) if byte not in bytes_of(spans))
    assert coverage.prefix_bytes == first_missing
    assert coverage.end == max(bytes_of(spans), default=-1) + 1


@given(st.integers(0, 2**62), st.integers(1, 2**40))
def test_a_range_is_read_as_it_was_written(start: int, size: int) -> None:
    place = range_header(start, start + size).replace("=", " ")
    expected = ContentRange(Span(start, start + size), start + size)
    assert parse_content_range(f"{place}/{start + size}") == expected
    assert parse_content_range(f"{place}/*") == ContentRange(Span(start, start + size), None)


@given(st.text(max_size=40))
def test_no_header_raises(value: str) -> None:
    parsed = parse_content_range(value)
    assert parsed is None or parsed.span is None or parsed.span.size_bytes > 0


@pytest.mark.parametrize(
    "value",
    [None, "", "bytes", "bytes */*", "bytes 5-4/10", "bytes 0-10/10", "rows 0-4/10", "bytes 0-/9",
     "bytes -1-4/10", "bytes 0-9/99999999999999999999", "bytes 0-4/10, 5-9/10",
     "bytes \u0660-\u0669/10"],
)  # fmt: skip
def test_what_contradicts_itself_is_no_range(value: str | None) -> None:
    assert parse_content_range(value) is None


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (5, 5), (5, 4)])
def test_an_empty_range_is_not_asked_for(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="not a range"):
        range_header(start, stop)
