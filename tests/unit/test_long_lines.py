"""The simulated line of the benchmarks does what its own numbers say."""

from __future__ import annotations

import asyncio
import math
import os
import socket
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.lines.forwarder import Forwarder
from benchmarks.lines.limits import Calls, JobFile, flow_s, job_limit_s, list_limit_s
from benchmarks.lines.model import INITIAL_WINDOW_BYTES, SEGMENT_BYTES, Flow, Line, Pipe, carry
from benchmarks.lines.scenarios import SCENARIOS, JobScenario
from benchmarks.lines.timeline import Connection, Handled, requests_of, seconds_of, totals_of
from benchmarks.measuring import Run, Summary
from benchmarks.report import table

MIB = 1 << 20
LONG = Line(0.1, connection_bytes_s=6e6, total_bytes_s=60e6)


def flows_of(line: Line, count: int = 1) -> list[Flow]:
    pipe = Pipe(line.total_bytes_s)
    return [Flow(line, pipe, seed) for seed in range(count)]


def time_of(line: Line, *sizes_bytes: int) -> float:
    return max(carry(flows_of(line, len(sizes_bytes)), list(sizes_bytes)))


# --- rates and round trips ---------------------------------------------------------------


def test_a_byte_takes_half_a_round_trip() -> None:
    assert time_of(Line(0.1), 1) == pytest.approx(0.05)


def test_one_connection_gets_its_rate() -> None:
    began_s = time_of(LONG, 10 * MIB)
    assert 40 * MIB / (time_of(LONG, 50 * MIB) - began_s) == pytest.approx(6e6, rel=0.02)


def test_all_together_get_the_rate_of_the_line() -> None:
    sizes = [32 * MIB] * 16
    rate = sum(sizes) / time_of(LONG, *sizes)
    assert 55e6 < rate <= 60e6


def test_connections_share_the_line_evenly() -> None:
    arrived = carry(flows_of(LONG, 16), [16 * MIB] * 16)
    assert min(arrived) > 0.9 * max(arrived)


def test_windows_double_with_every_round_trip() -> None:
    """After n round trips (2ⁿ - 1) initial windows have been sent."""
    line = Line(0.1, total_bytes_s=1e12)
    for doublings in range(1, 8):
        size = INITIAL_WINDOW_BYTES * (2**doublings - 1)
        assert time_of(line, size) == pytest.approx(0.05 + 0.1 * (doublings - 1), abs=0.001)
        assert time_of(line, size + SEGMENT_BYTES) == pytest.approx(
            0.05 + 0.1 * doublings, abs=0.001
        )


def test_a_connection_that_rested_starts_slowly_again() -> None:
    [flow] = flows_of(LONG)
    [ended_s] = carry([flow], [8 * MIB])
    warm_s = carry([flow], [MIB], ended_s + 0.1)[0] - (ended_s + 0.1)
    [rested_s] = carry([flow], [MIB], ended_s + 5)
    [fresh_s] = carry(flows_of(LONG), [MIB])
    assert rested_s - (ended_s + 5) == pytest.approx(fresh_s)
    assert warm_s < fresh_s - 0.15


# --- losses --------------------------------------------------------------------------------


def test_a_loss_halves_the_window_and_costs_a_round_trip() -> None:
    line = Line(0.1, connection_bytes_s=6e6, total_bytes_s=60e6, loss_every_bytes=30 * MIB)
    [flow] = flows_of(line)
    windows = []
    now_s, arrivals = 0.0, []
    for _ in range(2000):
        now_s = max(now_s, flow.ready_s(now_s))
        before = flow.window_bytes
        arrivals.append(flow.send(now_s, flow.may_send_bytes(now_s)))
        windows.append((before, flow.window_bytes))
    losses = [(before, after) for before, after in windows if after < before]
    assert losses
    assert all(after == pytest.approx(before / 2, rel=0.02) for before, after in losses)
    assert arrivals == sorted(arrivals), "in order, so that everything waits for what was lost"


def test_losses_bound_the_rate_as_tcp_is_known_to_be_bounded() -> None:
    """The rate is C * segment / (round trip * sqrt(loss)), C about 1.22 for regular losses.

    Source: Mathis, Semke, Mahdavi and Ott, The macroscopic behavior of TCP (1997).
    """
    every_bytes = 7 * MIB
    line = Line(0.1, connection_bytes_s=50e6, total_bytes_s=1e9, loss_every_bytes=every_bytes)
    times = [carry([Flow(line, Pipe(1e9), seed)], [256 * MIB])[0] for seed in range(8)]
    rate = 256 * MIB / mean(times)
    expected = SEGMENT_BYTES / 0.1 * math.sqrt(every_bytes / SEGMENT_BYTES)
    assert 1.1 < rate / expected < 1.6


def test_equal_seeds_lose_equally() -> None:
    line = Line(0.1, connection_bytes_s=6e6, total_bytes_s=60e6, loss_every_bytes=MIB)
    assert time_of(line, 16 * MIB, 8 * MIB) == time_of(line, 16 * MIB, 8 * MIB)


# --- limits ----------------------------------------------------------------------------------

SIZES = st.lists(st.integers(1, 4 * MIB), min_size=1, max_size=24)
LINES = st.builds(
    Line,
    st.sampled_from([0.01, 0.1, 0.3]),
    connection_bytes_s=st.sampled_from([1e6, 6e6]),
    total_bytes_s=st.sampled_from([2e6, 60e6]),
    loss_every_bytes=st.sampled_from([math.inf, MIB]),
)


@given(SIZES, LINES)
def test_nobody_is_faster_than_the_limit(sizes: list[int], line: Line) -> None:
    """One connection for each file, opened at once, is what comes next to it."""
    arrived_s = max(carry(flows_of(line, len(sizes)), sizes))
    needed_s = 2.5 * line.round_trip_s + arrived_s
    assert list_limit_s(sizes, line, connections=len(sizes)) <= needed_s + 1e-6


@given(SIZES, LINES)
def test_no_byte_comes_sooner_than_the_line_can_carry_it(sizes: list[int], line: Line) -> None:
    arrived_s = max(carry(flows_of(line, len(sizes)), sizes))
    assert arrived_s >= line.round_trip_s / 2 + sum(sizes) / line.total_bytes_s - 1e-6


def test_the_limit_of_large_files_is_the_line_and_few_round_trips() -> None:
    sizes = [64 * MIB] * 8
    limit_s = list_limit_s(sizes, LONG)
    carried_s = sum(sizes) / 60e6
    assert carried_s + 0.3 < limit_s < carried_s + 0.8
    assert max(carry(flows_of(LONG, 16), [32 * MIB] * 16)) + 0.25 < 1.02 * limit_s, "within reach"


def test_the_limit_of_small_files_is_their_round_trips() -> None:
    assert list_limit_s([1024] * 320, LONG) == pytest.approx(0.2 + 20 * 0.1, abs=0.02)


def test_the_limit_of_a_job_is_the_calls_and_then_the_longest_file() -> None:
    """The case of a service that gives 2 MB/s a connection and takes 1.5 s a call."""
    line = Line(0.0, connection_bytes_s=2e6)
    calls = Calls(1.5, before_the_first_file=7)
    bundle = JobFile(76_000_000, is_prepared=False, can_be_split=False)
    band = JobFile(4_000_000, is_prepared=False, can_be_split=True)
    assert job_limit_s([bundle, *[band] * 10], calls, line) == pytest.approx(10.5 + 38)
    prepared = JobFile(76_000_000, is_prepared=True, can_be_split=False)
    assert job_limit_s([prepared, bundle, band], calls, line) == pytest.approx(10.5 + 1.5 + 38)
    splittable = JobFile(76_000_000, is_prepared=False, can_be_split=True)
    assert job_limit_s([splittable], calls, line) == pytest.approx(10.5 + 38 / 16)


def test_a_client_that_cleans_up_needs_its_closing_calls_more() -> None:
    """Two calls of 2 s over a line of 100 ms, on a connection that is open; others do not count."""
    calls = Calls(2.0, before_the_first_file=4)
    made = {"login-token", "download-request", "download-order-remove", "logout"}
    assert calls.closing_s(made, LONG) == pytest.approx(4.2)
    assert calls.closing_s({"login-token", "logout"}, LONG) == pytest.approx(2.1)
    assert calls.closing_s({"login-token", "notifications"}, LONG) == 0
    file = JobFile(1, is_prepared=False, can_be_split=True)
    assert calls.ready_s(file, LONG) == pytest.approx(0.2 + 4 * 2.1)


def test_tables_of_jobs_state_both_shares() -> None:
    """A limit of 8 s; a run of 16 s whose files are there after 10 s, and two calls of 2 s."""
    runs = Summary((Run(16.0, 1.0, 30.0, last_file_s=10.0, closing_s=4.0, connections=17),))
    head, _, row = table("a job", "job", {"asyncdl": runs}, 8.0).splitlines()[2:5]
    cells = dict(zip(head.split(" | "), row.split(" | "), strict=True))
    assert cells["share of the limit"] == "0.50"
    assert cells["with its closing calls"] == "0.75"
    assert cells["its share of the limit"] == "0.80"


def test_many_bytes_bound_a_job_more_than_its_longest_file() -> None:
    line = Line(0.0, connection_bytes_s=2e6)
    bands = [JobFile(4_000_000, is_prepared=False, can_be_split=True)] * 320
    assert job_limit_s(bands, Calls(1.5, 7), line) == pytest.approx(10.5 + 40)


def test_flows_without_round_trips_take_their_rate() -> None:
    assert flow_s(32e6, Line(0.0, connection_bytes_s=2e6), 16) == pytest.approx(1.0)


# --- what a run did ----------------------------------------------------------------------


def test_the_timeline_has_a_line_for_each_second() -> None:
    """Two connections, of which one carries for half of the first second, and a call."""
    busy = connection(1000.0, 1001.5, {1000.05 + step / 10: 200_000 for step in range(15)})
    short = connection(1000.2, 1000.7, {1000.25 + step / 10: 100_000 for step in range(5)})
    call = Handled(1000.1, 1000.4, 200, 1, "/api/api/json/stable/login-token")
    file = Handled(1001.0, 1001.5, 200, 1, "/data/one.TIF")
    _, *seconds = seconds_of([busy, short], [call, file]).splitlines()
    assert [line.split() for line in seconds] == [
        ["0", "2", "1.5", "2.5", "0", "login-token(0.3)"],
        ["1", "1", "0.5", "1.0", "1"],
    ]
    assert totals_of([busy, short], [call, file]) == (
        "2 connections, 1 calls, 1 requests for files, the first for a file after 1.0 s; 3.5 MB"
    )


def connection(
    opened_s: float, closed_s: float, received: dict[float, int], *sent_s: float
) -> Connection:
    return Connection(opened_s, closed_s, 1, list(sent_s), list(received.items()))


def test_each_request_has_its_moments() -> None:
    """One connection: a handshake until 0.2 s, a call, and a file behind it."""
    used = connection(
        1000.0,
        1001.5,
        {1000.15: 3000, 1000.3: 500, 1000.41: 100_000, 1000.5: 800_000},
        *(1000.0, 1000.2, 1000.31),
    )
    call = Handled(1000.25, 1000.26, 200, 1, "/api/api/json/stable/login-token")
    file = Handled(1000.36, 1000.4, 206, 1, "/data/one.TIF")
    of_another = Handled(1000.3, 1000.4, 200, 2, "/data/two.TIF")
    head, *lines = requests_of([used], [call, of_another, file]).splitlines()
    assert head.split() == [
        "connection", "opened", "sent", "first", "last", "kB", "status", "path"
    ]  # fmt: skip
    assert [line.split() for line in lines] == [
        ["0", "0.000", "0.200", "0.300", "0.300", "0", "200", "login-token"],
        ["0", "0.310", "0.410", "0.500", "900", "206", "one.TIF"],
    ]


# --- the scenarios -----------------------------------------------------------------------


def test_what_a_service_needs_and_gives_is_read_from_the_faults() -> None:
    [direct] = [scenario for scenario in SCENARIOS if scenario.name == "direct"]
    assert isinstance(direct, JobScenario)
    assert direct.needed == Calls(1.5, 4)
    assert direct.connection_line == Line(0.0, connection_bytes_s=2e6)
    assert direct.fault("files_down") == "0"


# --- sockets ------------------------------------------------------------------------------------


async def test_bytes_arrive_unchanged_in_both_directions() -> None:
    body = os.urandom(3 * MIB)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readexactly(1000))
        writer.write(body)
        await writer.drain()
        writer.close()

    received: list[bytes] = []
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    line = Line(0.002, connection_bytes_s=50e6, total_bytes_s=80e6, loss_every_bytes=MIB)
    forwarder = Forwarder(line, server.sockets[0].getsockname()[1])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        serving = asyncio.create_task(forwarder.serve(listener))
        bodies = await asyncio.gather(*(fetch(listener.getsockname()[1]) for _ in range(3)))
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    server.close()
    await server.wait_closed()
    assert bodies == [body] * 3
    assert received == [b"q" * 1000] * 3
    assert [sum(size for _, size in c.received) for c in forwarder.carried] == [len(body)] * 3


async def fetch(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"q" * 1000)
    body = await reader.read(-1)
    writer.close()
    await writer.wait_closed()
    return body
