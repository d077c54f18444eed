"""By what a run is ended from outside: at a moment that the sandbox sees, or a little later."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from random import Random

from anyio.abc import Process

EARLY = ("login-token", "scene-search", "download-options")
"""Before the first file is requested."""
QUEUE = ("download-request", "download-request", "download-retrieve")
LATE = ("download-order-remove", "logout")
BODY = ("*.TIF flows", "*.tar flows", "* flows", "*.tar sent", "* sent", "* sent", "* sent")
LONGEST_DELAY_S = 0.03
"""So long after its last byte was sent a small file is proven, renamed, noted and copied."""
BETWEEN_SIGNALS_S = 0.05


@dataclass(frozen=True)
class Blow:
    """What a run is ended by, and when."""

    moment: str
    """A pattern for what :attr:`Service.watch` tells."""
    nth: int = 1
    """Which of these moments; from 1."""
    delay_s: float = 0.0
    signals: tuple[signal.Signals, ...] = (signal.SIGKILL,)
    """One after the other."""


def blow_at_call(rng: Random, endpoints: tuple[str, ...]) -> Blow:
    """Strike when a call has come and has no effect yet, or when its reply is about to leave."""
    side = rng.choice(("called", "answered"))
    delay_s = rng.choice((0.0, rng.uniform(0, LONGEST_DELAY_S)))
    return Blow(f"{rng.choice(endpoints)} {side}", delay_s=delay_s)


def blow_at_file(rng: Random, most: int) -> Blow:
    """Strike in the middle of a file, or while it is proven, renamed, noted or copied.

    Args:
        rng: Chooses.
        most: So many moments of the same kind may pass before; 1 or more.
    """
    moment = rng.choice(BODY)
    nth = 1 if ".tar" in moment else rng.randint(1, most)
    delay_s = rng.uniform(0, LONGEST_DELAY_S) if "sent" in moment else 0.0
    return Blow(moment, nth, delay_s)


def striker(process: Process, blow: Blow) -> Callable[[str], None]:
    """Return what has to be told each moment, for the blow to fall at the right one."""
    left = blow.nth

    def watch(moment: str) -> None:
        nonlocal left
        left -= fnmatchcase(moment, blow.moment)
        if left == 0:
            left = -1
            strike(process, blow)

    return watch


def strike(process: Process, blow: Blow) -> None:
    """Send the signals of a blow, the first one at once if there is no delay."""

    def send(number: signal.Signals) -> None:
        if process.returncode is None:
            process.send_signal(number)

    loop = asyncio.get_running_loop()
    for position, number in enumerate(blow.signals):
        delay_s = blow.delay_s + position * BETWEEN_SIGNALS_S
        if delay_s:
            loop.call_later(delay_s, send, number)
        else:
            send(number)
