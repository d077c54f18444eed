"""A reading that stops where it lacks bytes, says which, and goes on when they are given.

The reading is a generator that yields the range it needs and is sent its bytes, so it is
written as if the whole file were there. Who fetches, and how, is the caller's business.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Generic, TypeAlias, TypeVar

from asyncdl.errors import MisuseError
from asyncdl.transfer.ranges import Span
from asyncdl.windows.byte_ranges import HeldBytes
from asyncdl.windows.window_errors import BrokenTiff, WindowError

T = TypeVar("T")
Steps: TypeAlias = Generator[Span, bytes, T]
"""Yields what it needs, is sent exactly these bytes, and returns what it found out."""

READ_AHEAD_BYTES = 16 * 1024
"""The least that is asked for: a directory with its values is seldom longer."""


class Inquiry(Generic[T]):
    """One reading of a file.

    Args:
        steps: The reading itself.
        size_bytes: Length of the file; nothing behind its end is ever asked for.
        held: What is in memory already, shared with later inquiries about the same file.
    Raises: What the reading raises, here and in :meth:`feed`.
    """

    def __init__(self, steps: Steps[T], size_bytes: int, held: HeldBytes | None = None) -> None:
        self.held = HeldBytes() if held is None else held
        self.need: Span | None = None
        """What to fetch next; ``None`` once all is known. Only :meth:`feed` changes it."""
        self._steps, self._size_bytes = steps, size_bytes
        self._found: list[T] = []
        self._go_on(None)

    def feed(self, start: int, data: bytes) -> None:
        """Give bytes from anywhere in the file; more than was asked for is kept for later.

        After an error the inquiry is over: it needs nothing and has no result.

        Raises: BrokenTiff, if the first byte that is needed is not among them: whoever fetches
            found the file shorter than it was said to be, and to ask again would have no end.
        """
        self.held.add(start, data)
        if (need := self.need) is None:
            return
        if self.held.lacking(Span(need.start, need.start + 1)) is not None:
            self._give_up()
            raise BrokenTiff(f"nothing was read at byte {need.start} of {self._size_bytes}")
        self._go_on(self._wanted)

    @property
    def result(self) -> T:
        """What was found out. Raises: MisuseError, while anything is needed, or after an error."""
        if not self._found:
            raise MisuseError("an inquiry has no result while it needs bytes, or after an error")
        return self._found[0]

    def _go_on(self, wanted: Span | None) -> None:
        try:
            wanted = next(self._steps) if wanted is None else wanted
            while (data := self._bytes_of(wanted)) is not None:
                wanted = self._steps.send(data)
        except StopIteration as end:
            self._found.append(end.value)
            self.need = None
        except WindowError:
            self._give_up()
            raise
        else:
            self._wanted, self.need = wanted, self._widened(wanted)

    def _give_up(self) -> None:
        self._steps.close()
        self.need = None

    def _bytes_of(self, wanted: Span) -> bytes | None:
        if wanted.start < 0 or wanted.stop > self._size_bytes:
            place = f"bytes {wanted.start} to {wanted.stop}"
            raise BrokenTiff(f"{place} are needed, but the file has {self._size_bytes}")
        return self.held.get(wanted)

    def _widened(self, wanted: Span) -> Span:
        """Return what is lacking of a range, and what comes behind it up to a sensible length."""
        start = (self.held.lacking(wanted) or wanted).start
        stop = min(self._size_bytes, max(wanted.stop, start + READ_AHEAD_BYTES))
        return self.held.lacking(Span(start, stop)) or wanted


def finish(inquiry: Inquiry[T], read: Callable[[int, int], bytes]) -> T:
    """Let an inquiry run to its end over something that can be read at any place.

    Args:
        read: Returns the bytes ``[start, stop)``.
    """
    while (need := inquiry.need) is not None:
        inquiry.feed(need.start, read(need.start, need.stop))
    return inquiry.result
