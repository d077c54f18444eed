"""The connections that fetch one large file together.

The first of them has an answer already, and could bring the whole file alone.
Whenever bytes have been saved, the crew looks whether one more connection is
worth its while and free to use; each fetches one piece. A connection that fails
leaves its piece to the others, and its error counts only if no other is left.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio
from anyio import create_task_group
from anyio.abc import TaskGroup

from asyncdl.errors import NetworkError, RangeRefused, TransferError, ungrouped
from asyncdl.transfer import clock
from asyncdl.transfer.attempts import Attempts
from asyncdl.transfer.body_receiver import BodyReceiver, FileTarget
from asyncdl.transfer.engine import Engine
from asyncdl.transfer.host_limiter import ConnectionSlot
from asyncdl.transfer.http import Sender, SourcedUrl, open_answer
from asyncdl.transfer.range_responses import OTHER_VERSION, Placement, judge_piece
from asyncdl.transfer.responses import Ask, Head
from asyncdl.transfer.segments import Segment, Segments
from asyncdl.transfer.verification.structure import check_type

BURST_SHARE = 1 / 3
"""Part of the time before the first look that is left to a host's first burst."""

_log = logging.getLogger("asyncdl.transfer")


def can_be_split(
    head: Head, place: Placement, smallest_bytes: int, *, is_proved_later: bool
) -> bool:
    """Tell whether further connections may bring pieces of the file that ``head`` is about.

    Args:
        head: The first answer.
        place: Where its body goes.
        smallest_bytes: Smaller files are not worth it.
        is_proved_later: Whether a digest will tell pieces of two versions apart.
    """
    if place.total is None or place.total < smallest_bytes:
        return False
    if not head.offers_ranges:
        return False
    # Two answers with the same weak validator may bring different bytes.
    return head.validator.is_strong or is_proved_later


@dataclass(slots=True)
class SegmentedDownload:
    """Further connections for one file, as many as are useful and free."""

    engine: Engine
    target: FileTarget
    tries: Attempts
    link: SourcedUrl
    """Where the first answer came from in the end; all further ones come from there."""
    sender: Sender = field(repr=False)
    """With the headers for the origin of ``link``."""
    width: int
    """Connections at most; 1 once the host has refused to send pieces."""
    pieces: Segments
    _failed: int = field(default=0, init=False)
    """Further connections that failed in a row."""
    _open_at_s: float = field(default=-math.inf, init=False)
    """No further connection before this."""
    _is_begun: bool = field(default=False, init=False)
    """Whether what is on disk is of the version that is on its way."""
    _has_looked: bool = field(default=False, init=False)
    """Whether enough is known of the first connection to think of a second."""
    _tasks: TaskGroup | None = field(default=None, init=False)

    async def run(self, first: Segment, receive_first: Callable[[], Awaitable[None]]) -> None:
        """Fetch until every byte is there, or no connection is left.

        Args:
            first: The piece of the connection that has an answer already.
            receive_first: Receives it.
        Raises: What the last connection raised; at once a DiskError, or a
            RangeRefused with reason :data:`OTHER_VERSION`.
        """
        with ungrouped():
            async with create_task_group() as self._tasks:
                self.pieces.active.append(first)
                self._tasks.start_soon(self._look_first, first)
                await self._man(first, receive_first)

    def on_save(self, piece: Segment) -> None:
        """Look whether more connections are worth their while, or this one is wanted elsewhere."""
        self._is_begun = True
        if len(self.pieces.active) > 1 and self.engine.host_limiter.is_crowded(self.link.url):
            # Its rest goes back to the others; the connection, to another file.
            piece.stop = piece.at
        else:
            self._look_for_work()

    async def _look_first(self, first: Segment) -> None:
        """Look whether the first connection is slow enough for further ones."""
        first_look_s = self.engine.limits.first_look_s
        await anyio.sleep(first_look_s * BURST_SHARE)
        first.count_from_here(clock.now_s())
        await anyio.sleep(first_look_s * (1 - BURST_SHARE))
        self._has_looked = True
        if self._is_begun:
            self._look_for_work()

    def _look_for_work(self) -> None:
        while len(self.pieces.active) < self.width and self._may_ask():
            turn = self.engine.host_limiter.admit_spare(self.link.url)
            if turn is None:
                return
            piece = self._take()
            if piece is None:
                self.engine.host_limiter.end(turn, None)
                return
            self._start(piece, turn)

    def _may_ask(self) -> bool:
        is_due = self._has_looked and clock.now_s() >= self._open_at_s
        return is_due and not self.tries.is_worn_out

    def _take(self) -> Segment | None:
        state = self.target.holding.state
        return self.pieces.take(state.done, state.total or 0, clock.now_s())

    def _start(self, piece: Segment, turn: ConnectionSlot) -> None:
        async def fetch() -> None:
            with turn:
                await self._fetch(piece, turn)
            self._failed = 0

        if self._tasks is not None:
            self._tasks.start_soon(self._man, piece, fetch)

    async def _man(self, piece: Segment, work: Callable[[], Awaitable[None]]) -> None:
        """Run one connection; its failure is that of the file if no other is left."""
        try:
            await work()
        except (NetworkError, TransferError) as error:
            self.pieces.give_back(piece)
            if not self.pieces.active or is_other_version(error):
                raise
            await self._rest(error)
        else:
            self.pieces.give_back(piece)
        self._look_for_work()
        if not self.pieces.active and self._tasks is not None:
            # Whoever still rests has nothing to come back for.
            self._tasks.cancel_scope.cancel()

    async def _rest(self, error: NetworkError | TransferError) -> None:
        """Do without a connection for a while, since it failed while others go on."""
        backoff = self.engine.limits.backoff
        self._failed += 1
        if isinstance(error, RangeRefused) or not backoff.allows(self._failed):
            self.width = 1
        wait_s = backoff.delay_s(self._failed, retry_after_s=error.retry_after_s)
        self._open_at_s = clock.now_s() + wait_s
        _log.info("%s: goes on with a connection less: %s", self.target.progress.key, error)
        await anyio.sleep(wait_s)

    async def _fetch(self, piece: Segment, turn: ConnectionSlot) -> None:
        """Ask for one piece and receive it."""
        engine, target = self.engine, self.target
        await target.holding.reserve()
        ask = Ask(piece.start, piece.stop)
        self.tries.requests += 1
        with await open_answer(
            engine.client, self.link, ask.headers(), self.sender, engine.limits
        ) as answer:
            known = target.holding.known
            piece.reach = judge_piece(answer.head, ask, known, answer.url)
            check_type(target.form, answer.head.content_type, answer.url)
            reception = BodyReceiver(engine, target, turn, on_save=self.on_save)
            await reception.run(answer, piece)


def is_other_version(error: Exception) -> bool:
    """Tell whether an error means that the file changed while it was fetched."""
    return isinstance(error, RangeRefused) and error.reason == OTHER_VERSION
