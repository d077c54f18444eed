"""Which connection fetches which bytes: every byte once, the slowest relieved first."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from asyncdl.transfer.ranges import Coverage, Span, WholeFile
from asyncdl.transfer.segments import Segment, Segments

TOTAL = 1000


def pieces(*active: Segment, smallest: int = 10, after_s: float = 0.0) -> Segments:
    return Segments(WholeFile(), smallest, after_s, list(active))


def moving(start: int, stop: int, position: int) -> Segment:
    piece = Segment(start, stop, body_stop=stop)
    piece.position = position
    return piece


def test_bytes_that_nobody_fetches_come_first() -> None:
    crew = pieces(Segment(0, 500))
    taken = crew.start_next(Coverage((Span(600, 700),)), TOTAL, 0.0)
    assert taken is not None
    assert taken.span == Span(500, 600)
    assert taken in crew.active


def test_row_126_the_last_to_end_is_relieved_of_half_its_rest() -> None:
    fast, slow = moving(0, 500, 400), moving(500, 1000, 520)
    taken = pieces(fast, slow).start_next(Coverage(), TOTAL, 1.0)
    assert taken is not None
    assert (taken.span, slow.span) == (Span(760, 1000), Span(500, 760))


def test_row_130_what_one_connection_fetches_at_once_is_not_split() -> None:
    crew = pieces(moving(0, 1000, 500), after_s=2.0)
    assert crew.start_next(Coverage(), TOTAL, 1.0) is None
    assert crew.start_next(Coverage(), TOTAL, 4.0) is not None


def test_a_piece_is_not_split_below_the_smallest() -> None:
    assert pieces(moving(0, 19, 0)).start_next(Coverage(), 19, 1.0) is None
    assert pieces(moving(0, 20, 0)).start_next(Coverage(), 20, 1.0) is not None


def test_a_neighbour_takes_over_what_its_body_brings_anyway() -> None:
    lead = moving(0, 1000, 100)
    crew = pieces(lead)
    taken = crew.start_next(Coverage(), TOTAL, 1.0)
    assert taken is not None
    crew.release(taken)
    assert lead.span == Span(0, 1000)


def test_row_125_the_rest_of_a_failed_piece_is_fetched_by_another() -> None:
    lead, failed = moving(0, 500, 100), moving(500, 1000, 600)
    crew = pieces(lead, failed)
    crew.release(failed)
    taken = crew.start_next(Coverage((Span(500, 600),)), TOTAL, 1.0)
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
    crew, done = pieces(Segment(0, total, body_stop=total), smallest=3), Coverage()
    for now, (event, number) in enumerate(events, start=1):
        piece = crew.active[number % len(crew.active)] if crew.active else None
        if event == "start_next" or piece is None:
            crew.start_next(done, total, now)
        elif event == "move":
            piece.position += min(number, piece.stop - piece.position)
        else:
            piece.position = piece.stop if event == "end" else piece.position
            done = done.add(Span(piece.start, piece.position))
            crew.release(piece)
        spans = sorted(piece.span for piece in crew.active)
        assert all(a.stop <= b.start for a, b in pairwise(spans))
        assert all(piece.start <= piece.position <= piece.stop for piece in crew.active)
    crew.min_bytes = total
    while crew.start_next(done, total, 0.0) is not None:
        pass
    for piece in crew.active:
        done = done.add(piece.span)
    assert done == Coverage((Span(0, total),))


def test_a_first_burst_tells_nothing_of_the_rate() -> None:
    """A host that sends half of a piece position once and then nothing is taken for a slow one."""
    burst = moving(0, 1000, 500)
    crew = pieces(burst, after_s=2.0)
    assert crew.start_next(Coverage(), TOTAL, 0.1) is None
    burst.restart_rate(0.1)
    assert crew.start_next(Coverage(), TOTAL, 0.2) is not None


def test_a_file_that_is_split_already_is_split_again_for_a_shorter_tail() -> None:
    crew = pieces(moving(0, 1000, 100), after_s=2.0)
    second = crew.start_next(Coverage(), TOTAL, 1.0)
    assert second is not None
    second.position = second.stop
    crew.release(second)
    assert crew.start_next(Coverage((second.span,)), TOTAL, 1.0) is not None
