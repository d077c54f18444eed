"""The states of a connection: only the ways that its module draws, and what each allows."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from asyncdl.transfer.wire.connection import (
    Connection,
    ConnectionLost,
    ConnectionState,
)
from asyncdl.transfer.wire.messages import NotHttp

NEW, IDLE, HEADERS, BODY, DRAINING, CLOSED = ConnectionState
BODY_BYTES = b"0123456789"
RESPONSES = {
    "measured": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + BODY_BYTES,
    "chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n"
        + BODY_BYTES
        + b"\r\n0\r\n\r\n"
    ),
    "interim": (
        b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + BODY_BYTES
    ),
    "last": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\n" + BODY_BYTES,
}


class Wire(asyncio.Transport):
    """A transport that leads nowhere."""

    def __init__(self, peer: tuple[str, int] | None = ("127.0.0.1", 80)) -> None:
        super().__init__(extra={"peername": peer})
        self.sent = b""
        self.is_aborted = False

    def write(self, data: Any) -> None:
        self.sent += data

    def abort(self) -> None:
        self.is_aborted = True

    def is_closing(self) -> bool:
        return self.is_aborted

    def pause_reading(self) -> None:
        """Nothing comes by itself."""

    def resume_reading(self) -> None:
        """Nothing comes by itself."""


@pytest.mark.parametrize(("state", "following"), [*itertools.product(ConnectionState, repeat=2)])
def test_no_other_way_is_gone(state: ConnectionState, following: ConnectionState) -> None:
    loop = asyncio.new_event_loop()
    connection = Connection(loop, 1000)
    connection.state = state
    if following in state.following:
        connection._go(following)
        assert connection.state is following
    else:
        with pytest.raises(RuntimeError, match=f"from {state.name} to {following.name}"):
            connection._go(following)
        assert connection.state is state
    loop.close()


def test_closed_is_the_end_and_can_be_reached_from_everywhere() -> None:
    assert not CLOSED.following
    assert all(CLOSED in state.following for state in ConnectionState if state is not CLOSED)


async def test_a_transport_without_a_peer_is_closed() -> None:
    connection, wire = Connection(asyncio.get_running_loop(), 1000), Wire(peer=None)
    connection.connection_made(wire)
    assert (connection.state, wire.is_aborted) == (CLOSED, True)
    with pytest.raises(ConnectionLost):
        await connection.send_request(b"GET /", 1.0)


class OneConnection(RuleBasedStateMachine):
    """Does to a connection what loops, hosts and clients do, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.connection = Connection(self.loop, 1000)
        self.wire = Wire()
        self.task: asyncio.Task[Any] | None = None
        self.to_come = b""
        """Of the response, not fed yet."""
        self.was = NEW

    def teardown(self) -> None:
        if self.task is not None:
            self.task.cancel()
            self.loop.run_until_complete(asyncio.wait([self.task]))
        self.loop.close()

    def turn(self) -> None:
        """Let what waits go on."""
        for _ in range(3):
            self.loop.run_until_complete(asyncio.sleep(0))
        if self.task is not None and self.task.done():
            error = self.task.exception()
            assert error is None or isinstance(error, ConnectionLost | NotHttp), error
            self.task = None

    def start(self, work: Any) -> None:
        self.task = self.loop.create_task(work)
        self.turn()

    @precondition(lambda self: self.connection.state is NEW)
    @rule()
    def connect(self) -> None:
        self.connection.connection_made(self.wire)
        assert self.connection.state is IDLE

    @precondition(lambda self: self.connection.state is IDLE and self.task is None)
    @rule(kind=st.sampled_from(sorted(RESPONSES)))
    def request(self, kind: str) -> None:
        self.to_come = RESPONSES[kind]
        sent = len(self.wire.sent)
        self.start(self.connection.send_request(b"GET /", 60.0))
        assert len(self.wire.sent) > sent

    @precondition(lambda self: self.to_come and self.connection.state in (HEADERS, BODY))
    @rule(count=st.integers(1, 200))
    def receive(self, count: int) -> None:
        data, self.to_come = self.to_come[:count], self.to_come[count:]
        self.feed(data)

    def feed(self, data: bytes) -> None:
        while data:
            buffer = self.connection.get_buffer(len(data))
            part, data = data[: len(buffer)], data[len(buffer) :]
            buffer[: len(part)] = part
            self.connection.buffer_updated(len(part))
        self.turn()

    @precondition(lambda self: self.connection.state is IDLE)
    @rule()
    def receive_unasked(self) -> None:
        self.feed(b"x")
        assert self.connection.state is CLOSED

    @precondition(
        lambda self: (
            self.connection.state in (BODY, DRAINING)
            and self.task is None
            and self.connection._head is not None
        )
    )
    @rule(most=st.integers(1, 20))
    def read(self, most: int) -> None:
        self.start(self.connection.read(most, 60.0, 0.0))

    @precondition(lambda self: self.connection.state is not NEW and self.task is None)
    @rule()
    def finish(self) -> None:
        before = self.connection.state
        is_kept = self.connection.finish()
        assert is_kept is (self.connection.state is IDLE)
        assert not is_kept or before is BODY

    @precondition(lambda self: self.connection.state not in (NEW, DRAINING))
    @rule(is_broken=st.booleans())
    def lose(self, is_broken: bool) -> None:
        before = self.connection.state
        self.connection.connection_lost(ConnectionResetError() if is_broken else None)
        self.turn()
        assert self.connection.state is (DRAINING if before in (HEADERS, BODY) else CLOSED)

    @precondition(lambda self: self.task is None)
    @rule()
    def close(self) -> None:
        self.connection.close()
        assert self.connection.state is CLOSED

    @invariant()
    def goes_only_where_it_may(self) -> None:
        now = self.connection.state
        reachable, grown = {self.was}, set[ConnectionState]()
        while reachable != grown:  # several ways may have been gone at once
            grown = set(reachable)
            reachable |= set().union(*(state.following for state in grown))
        assert now in reachable
        self.was = now

    @invariant()
    def is_usable_when_idle_alone(self) -> None:
        assert self.connection.is_usable is (self.connection.state is IDLE)


TestOneConnection = OneConnection.TestCase
TestOneConnection.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
