"""Long computations beside the loop, so that whoever shares it goes on.

Reading a reply of 10 MB or matching some thousands of files takes a tenth of a second. On
the loop nothing else would happen meanwhile: no timeout fires, no other request is served.
In a thread Python lets the loop have its turn every few milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from anyio import to_thread

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

FEW = 100
"""What is done for so many things takes about as long as a thread costs."""


async def off_loop(count: int, call: Callable[[*Ts], T], *args: *Ts) -> T:
    """Return what ``call(*args)`` returns, or raise what it raises.

    A cancelled task waits for its end.

    Args:
        count: How many things it goes through; for :data:`FEW` it runs on the spot.
        call: Touches nothing that others change meanwhile, and emits nothing.
        args: Its arguments.
    """
    if count <= FEW:
        return call(*args)
    return await to_thread.run_sync(call, *args)
