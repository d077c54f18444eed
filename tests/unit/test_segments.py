"""Which connection fetches which bytes: every byte once, the slowest relieved first."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from asyncdl.transfer.ranges import LARGEST_OFFSET, Coverage, Span, WholeFile
from asyncdl.transfer.segments import Segment, Segments

TOTAL = 1000


def segments_of(*active: Segment, smallest: int = 10, after_s: float = 0.0) -> Segments:
    return Segments(WholeFile(), smallest, after_s, list(active))


def moving(start: int, stop: int, position: int) -> Segment:
    segment = Segment(start, stop, body_stop=stop)
    segment.position = position
    return segment


def test_bytes_that_nobody_fetches_come_first() -> None:
    segments = segments_of(Segment(0, 500))
    taken = segments.start_next(Coverage((Span(600, 700),)), TOTAL, 0.0)
    assert taken is not None
    assert taken.span == Span(500, 600)
    assert taken in segments.active


def test_row_126_the_last_to_end_is_relieved_of_half_its_rest() -> None:
    fast, slow = moving(0, 500, 400), moving(500, 1000, 520)
    taken = segments_of(fast, slow).start_next(Coverage(), TOTAL, 1.0)
    assert taken is not None
    assert (taken.span, slow.span) == (Span(760, 1000), Span(500, 760))


def test_row_130_what_one_connection_fetches_at_once_is_not_split() -> None:
    segments = segments_of(moving(0, 1000, 500), after_s=2.0)
    assert not segments.has_next(Coverage(), TOTAL, 1.0)
    assert segments.start_next(Coverage(), TOTAL, 1.0) is None
    assert segments.has_next(Coverage(), TOTAL, 4.0)
    assert segments.start_next(Coverage(), TOTAL, 4.0) is not None


def test_a_piece_is_not_split_below_the_smallest() -> None:
    assert segments_of(moving(0, 19, 0)).start_next(Coverage(), 19, 1.0) is None
    assert segments_of(moving(0, 20, 0)).start_next(Coverage(), 20, 1.0) is not None


def test_a_neighbour_takes_over_what_its_body_brings_anyway() -> None:
    lead = moving(0, 1000, 100)
    segments = segments_of(lead)
    taken = segments.start_next(Coverage(), TOTAL, 1.0)
    assert taken is not None
    segments.release(taken)
    assert lead.span == Span(0, 1000)


def test_row_125_the_rest_of_a_failed_piece_is_fetched_by_another() -> None:
    lead, failed = moving(0, 500, 100), moving(500, 1000, 600)
    segments = segments_of(lead, failed)
    segments.release(failed)
    taken = segments.start_next(Coverage((Span(500, 600),)), TOTAL, 1.0)
    assert taken is not None
    assert taken.span == Span(600, 1000)


EVENTS = st.lists(
    st.tuples(st.sampled_from(["start_next", "move", "fail", "end"]), st.integers(0, 99)),
    max_size=60,
)


@given(st.integers(1, 500), EVENTS)
def test_no_byte_is_lost_or_fetched_twice_at_once(
    total: int, events: list[tuple[str, int]]
) -> None:
    segments, done = segments_of(Segment(0, total, body_stop=total), smallest=3), Coverage()
    for now, (event, number) in enumerate(events, start=1):
        segment = segments.active[number % len(segments.active)] if segments.active else None
        if event == "start_next" or segment is None:
            segments.start_next(done, total, now)
        elif event == "move":
            segment.position += min(number, segment.stop - segment.position)
        else:
            segment.position = segment.stop if event == "end" else segment.position
            done = done.add(Span(segment.start, segment.position))
            segments.release(segment)
        spans = sorted(segment.span for segment in segments.active)
        assert all(a.stop <= b.start for a, b in pairwise(spans))
        assert all(segment.start <= segment.position <= segment.stop for segment in segments.active)
    segments.min_bytes = total
    while segments.start_next(done, total, 0.0) is not None:
        pass
    for segment in segments.active:
        done = done.add(segment.span)
    assert done == Coverage((Span(0, total),))


def test_a_first_burst_tells_nothing_of_the_rate() -> None:
    """A host that sends half of a file at once and then nothing is taken for a slow one."""
    burst = moving(0, 1000, 500)
    segments = segments_of(burst, after_s=2.0)
    assert segments.start_next(Coverage(), TOTAL, 0.1) is None
    burst.restart_rate(0.1)
    assert segments.start_next(Coverage(), TOTAL, 0.2) is not None


def test_a_file_that_is_split_already_is_split_again_for_a_shorter_tail() -> None:
    segments = segments_of(moving(0, 1000, 100), after_s=2.0)
    second = segments.start_next(Coverage(), TOTAL, 1.0)
    assert second is not None
    second.position = second.stop
    segments.release(second)
    assert segments.start_next(Coverage((second.span,)), TOTAL, 1.0) is not None


class FirstAndLast:
    """Wants ten bytes at the beginning of a file, and ten at its end."""

    def missing(self, done: Coverage, total: int | None) -> list[Span]:
        length = LARGEST_OFFSET if total is None else total
        return done.add(Span(10, length - 10)).gaps(length)


def test_only_wanted_bytes_are_fetched() -> None:
    segments = Segments(FirstAndLast(), 10, 0.0)
    spans = []
    while (segment := segments.start_next(Coverage(), TOTAL, 0.0)) is not None:
        spans.append(segment.span)
    assert spans == [Span(0, 10), Span(990, 1000)]
