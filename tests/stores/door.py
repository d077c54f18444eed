"""A door in front of a store: open, shut, or with a notice on it."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

SLOW_DOWN = (
    b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    b"Content-Length: 47\r\n\r\n<Error><Code>SlowDown</Code><Message/></Error>\n\n"
)


def refusal(status: str, code: str) -> bytes:
    """Return the response of a store that refuses."""
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


@dataclass
class Door:
    """Forwards connections to a port of this machine while it is open."""

    port: int
    """Of the store."""
    is_shut: bool = False
    """Whether connections are closed at once."""
    notice: bytes = b""
    """Sent to whoever asks, instead of the store's response."""
    connections: int = 0
    """How many there were."""
    watch: Callable[[str], None] = lambda moment: None
    """Called in a thread with ``PUT /bucket/key asked``, before a request is passed on, and with
    ``… answered`` before its response is."""
    refusals: dict[bytes, bytes] = field(default_factory=dict)
    """What is sent instead to requests with some text in their head, such as an access key."""
    hold_after_bytes: int | None = None
    """So many bytes pass on to the store, the rest waits for :meth:`open`; ``None`` for all."""
    break_after_bytes: int | None = None
    """So many bytes come back from the store, then one connection breaks off; ``None``: none."""
    breaks: int = 0
    """How often one has."""
    _listener: socket.socket = field(init=False)
    _open: list[socket.socket] = field(default_factory=list)
    _is_held: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        """URL of the door."""
        return f"http://127.0.0.1:{self.own_port}"

    @property
    def own_port(self) -> int:
        """Its port."""
        return int(self._listener.getsockname()[1])

    def shut(self) -> None:
        """Close all connections, and new ones at once."""
        self.is_shut = True
        while self._open:
            with suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def say(self, notice: bytes) -> None:
        """Give whoever asks from now on a notice."""
        self.shut()
        self.is_shut, self.notice = False, notice

    def open(self) -> None:
        """Let everything pass from now on."""
        self.is_shut, self.notice, self.hold_after_bytes = False, b"", None
        self._is_held.set()

    def aclose(self) -> None:
        """Shut it for good."""
        self.shut()
        self._is_held.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            if self.is_shut:
                return
            if self.notice:
                client.recv(65536)
                client.sendall(self.notice)
                return
            with socket.create_connection(("127.0.0.1", self.port)) as store:
                self._open += [client, store]
                _Exchange(self).carry(client, store)

    def count(self, size_bytes: int) -> None:
        """Count what goes to the store, and wait if that is enough."""
        if self.hold_after_bytes is None:
            return
        self.hold_after_bytes -= size_bytes
        if self.hold_after_bytes < 0:
            self._is_held.wait()

    def count_back(self, size_bytes: int) -> None:
        """Count what comes back. Raises: ConnectionAbortedError, once, if that is enough."""
        if self.break_after_bytes is None:
            return
        self.break_after_bytes -= size_bytes
        if self.break_after_bytes < 0:
            self.break_after_bytes = None
            self.breaks += 1
            raise ConnectionAbortedError


_ASKED = re.compile(rb"([A-Z]{3,7} /[^ ]*) HTTP/1\.1\r\n")


class _Exchange:
    """The requests and responses of one connection, which take turns."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._asked = ""

    def carry(self, client: socket.socket, store: socket.socket) -> None:
        """Pass on both ways, until one end closes."""
        back = threading.Thread(target=_pass_on, args=(store, client, self._back), daemon=True)
        back.start()

        def there(data: bytes) -> None:
            if (said := self._refusal_of(data)) is not None:
                client.sendall(said)
                raise ConnectionAbortedError
            self._there(data)

        _pass_on(client, store, there)
        back.join()

    def _refusal_of(self, data: bytes) -> bytes | None:
        if _ASKED.match(data) is None:
            return None
        head = data.partition(b"\r\n\r\n")[0]
        refusals = self._door.refusals.items()
        return next((said for text, said in refusals if text in head), None)

    def _there(self, data: bytes) -> None:
        if (found := _ASKED.match(data)) is not None:
            self._asked = found[1].decode("ascii", "replace")
            self._door.watch(f"{self._asked} asked")
        self._door.count(len(data))

    def _back(self, data: bytes) -> None:
        self._door.count_back(len(data))
        if self._asked and data.startswith(b"HTTP/1.1 "):
            self._door.watch(f"{self._asked} answered")


def _pass_on(source: socket.socket, target: socket.socket, seen: Callable[[bytes], None]) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            seen(data)
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
