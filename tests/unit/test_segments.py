"""Which connection fetches which bytes: every byte once, the slowest relieved first."""

import math
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from asyncdl.transfer.ranges import LARGEST_OFFSET, Coverage, Span, WholeFile
from asyncdl.transfer.segments import (
    INITIAL_WINDOW_BYTES,
    Segment,
    Segments,
    cost_s,
    piece_bytes,
    slow_start_s,
)

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


def test_row_126_the_last_to_end_is_relieved_of_its_tail() -> None:
    fast, slow = moving(0, 500, 400), moving(500, 1000, 520)
    taken = segments_of(fast, slow).start_next(Coverage(), TOTAL, 1.0)
    assert taken is not None
    assert (taken.stop, slow.stop, fast.stop) == (1000, taken.start, 500)
    assert 520 < slow.stop < 1000


def test_a_slow_connection_keeps_less_than_half() -> None:
    """Both end at the same time."""
    fast, slow = moving(0, 500, 500), moving(500, 100_500, 10_500)
    segments = segments_of(fast, slow)
    segments.connections = 1
    assert segments.start_next(Coverage((Span(0, 500),)), 100_500, 10.0) is not None
    even = slow.remaining_bytes
    quick = moving(0, 90_000, 89_000)
    slow = moving(90_000, 180_000, 91_000)
    segments = segments_of(quick, slow)
    segments.connections = 1
    assert segments.start_next(Coverage(), 180_000, 10.0) is not None
    assert slow.remaining_bytes < even


def test_many_connections_get_pieces_that_become_shorter() -> None:
    lead = moving(0, 64 << 20, 0)
    segments = Segments(WholeFile(), 1 << 16, 2.0, [lead], connections=16, is_split=True)
    sizes: list[int] = []
    while (taken := segments.start_next(Coverage(), lead.body_stop, 0.0)) and len(sizes) < 15:
        sizes.append(taken.stop - taken.start)
    assert sizes[0] == piece_bytes(64 << 20, 16, 0) == 1 << 20
    assert len(set(sizes)) == len(sizes), "connections that begin together do not end together"
    assert lead.remaining_bytes > (64 << 20) // 3, "what is left is for those who end first"


def test_a_body_that_would_be_cut_is_taken_from_later_than_one_that_is_cut_already() -> None:
    def splits_at(left_s: float, *, is_cut: bool) -> bool:
        segment = moving(0, 10_000, 5000)
        segment.stop = 5000 + int(left_s * 1000)
        segment.body_stop = segment.stop + is_cut
        segments = segments_of(segment)
        segments.is_split = True
        segments.split_after_s = 2.0
        return segments.has_next(Coverage(), segment.stop, 5.0)

    assert [splits_at(s, is_cut=True) for s in (0.4, 0.6, 1.1)] == [False, True, True]
    assert [splits_at(s, is_cut=False) for s in (0.4, 0.6, 1.1)] == [False, False, True]


def test_a_tail_that_takes_less_than_two_requests_is_left_alone() -> None:
    segment = moving(0, 10_000, 5000)
    segments = segments_of(segment)
    segments.is_split, segments.request_s = True, 1.5
    assert not segments.has_next(Coverage(), 10_000, 5.0)
    segments.request_s = 0.1
    assert segments.has_next(Coverage(), 10_000, 5.0)


@given(st.integers(0, 1 << 40), st.integers(1, 64), st.integers(0, 10_000))
def test_a_piece_is_about_half_of_an_even_share(left: int, connections: int, first: int) -> None:
    half = left / (2 * connections)
    pieces = [piece_bytes(left, connections, first + number) for number in range(16)]
    assert all(0.5 * half <= piece <= 1.5 * half + 1 for piece in pieces)
    assert 0.9 * half <= sum(pieces) / 16 <= 1.1 * half + 1


@given(st.integers(0, 1000))
def test_pieces_that_begin_together_end_one_after_another(first: int) -> None:
    """None ends in the same twentieth of the time as two others."""
    half = 1e9 / 32
    pieces = sorted(piece_bytes(10**9, 16, first + number) for number in range(16))
    assert all(later - piece > half / 20 for piece, later in zip(pieces, pieces[2:], strict=False))


def test_rates_of_segments_that_have_ended_say_more_than_those_of_young_ones() -> None:
    """A connection that begins slowly is not relieved of a tail that it brings in time."""
    segments = segments_of(moving(0, 100_000, 100_000))
    segments.is_split, segments.split_after_s = True, 2.0
    segments.release(segments.active[0], 1.0)  # 100,000 bytes/s
    young = moving(100_000, 180_000, 100_000)
    young.restart_rate(1.0)
    young.position += 1000  # 5,000 bytes/s
    segments.active.append(young)
    assert not segments.has_next(Coverage((Span(0, 100_000),)), 180_000, 1.2)
    young.stop = 400_000
    assert segments.has_next(Coverage((Span(0, 100_000),)), 400_000, 1.2)


def test_a_tail_may_be_worth_an_open_connection_and_not_a_new_one() -> None:
    """Half a second from a host that is 100 ms away: a new one would still be beginning."""
    segment = moving(0, 10_000, 5000)
    segment.stop = 5600
    segments = segments_of(segment)
    segments.is_split, segments.split_after_s = True, 2.0
    assert segment.rate_bytes_s(5.0) == 1000
    segments.request_s = cost_s(0.1, is_open=True)
    assert segments.has_next(Coverage(), segment.stop, 5.0)
    segments.request_s = cost_s(0.1, is_open=False)
    assert not segments.has_next(Coverage(), segment.stop, 5.0)
    segment.stop = 7000
    assert segments.has_next(Coverage(), segment.stop, 5.0)


@given(st.integers(0, 60), st.floats(0.001, 10))
def test_each_doubling_of_a_body_is_another_round_trip(doublings: int, round_trip_s: float) -> None:
    size_bytes = (2**doublings - 1) * INITIAL_WINDOW_BYTES
    assert math.isclose(
        slow_start_s(size_bytes, round_trip_s), doublings * round_trip_s, abs_tol=1e-9
    )


@settings(max_examples=40)
@given(
    st.integers(1, 64), st.lists(st.floats(0.2, 8), min_size=2, max_size=16), st.floats(0.01, 0.3)
)
def test_connections_of_any_rates_end_together(
    mebibytes: int, rates_mib_s: list[float], request_s: float
) -> None:
    """Each takes what is next when it has ended; no one is waited for long."""
    total = mebibytes << 20
    rates = [rate * (1 << 20) for rate in rates_mib_s]
    began_s = len(rates) * [0.0]
    segments, done, now_s = segments_of(smallest=1 << 16, after_s=2.0), Coverage(), 0.0
    segments.connections, segments.request_s, segments.is_split = len(rates), request_s, True
    held: list[Segment | None] = [Segment(0, total, body_stop=total), *(len(rates) - 1) * [None]]
    segments.active.append(held[0])  # type: ignore[arg-type]
    requests = 0
    while segments.active:
        for number, segment in enumerate(held):
            if segment is not None:
                came = int((now_s - began_s[number]) * rates[number])
                segment.position = min(segment.stop, segment.start + max(0, came))
                if segment.position == segment.stop:
                    done = done.add(segment.span)
                    segments.release(segment, now_s)
                    held[number] = segment = None
            if segment is None and (new := segments.start_next(done, total, now_s)):
                held[number], began_s[number] = new, now_s + request_s
                new.began_at_s, new.body_stop = began_s[number], new.stop
                requests += 1
        now_s += 0.05
    assert done == Coverage((Span(0, total),))
    at_best_s = request_s + total / sum(rates)
    assert now_s < 1.5 * at_best_s + 12 * request_s + 2.5
    assert requests < 40 * len(rates)


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
    segments.release(taken, 1.0)
    assert lead.span == Span(0, 1000)


def test_row_125_the_rest_of_a_failed_piece_is_fetched_by_another() -> None:
    lead, failed = moving(0, 500, 100), moving(500, 1000, 600)
    segments = segments_of(lead, failed)
    segments.release(failed, 1.0)
    done = Coverage((Span(500, 600),))
    starts = []
    while (taken := segments.start_next(done, TOTAL, 1.0)) and taken.start >= 600:
        starts.append((taken.start, taken.stop))
        if taken.stop == TOTAL:
            break
    assert starts[0][0] == 600
    assert all(one[1] == other[0] for one, other in pairwise(starts))
    assert starts[-1][1] == TOTAL


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
            segments.release(segment, now)
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
    segments.release(second, 1.0)
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
