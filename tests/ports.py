"""Ports for servers that are processes, and for hosts that are not there.

What the system picks for port 0 it also picks for every connection that is made in the
meantime, by other tests, too, so that a port would be taken by the time it is needed.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable

NEVER_PICKED = range(10_000, 32_000)
"""Below what Linux (32768 to 60999), macOS and Windows (49152 to 65535) pick from."""
_CHANCE = random.SystemRandom()
"""Hypothesis seeds the other one alike in all processes."""


def free_ports(count: int) -> list[int]:
    """Return ports of this machine that nobody listens on, and that nobody gets by chance."""
    sockets: list[socket.socket] = []
    try:
        while len(sockets) < count:
            sockets.extend(_taken(_CHANCE.choice(NEVER_PICKED)))
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


def _taken(port: int) -> Iterable[socket.socket]:
    try:
        return [socket.create_server(("127.0.0.1", port))]
    except OSError:  # somebody has it
        return []
