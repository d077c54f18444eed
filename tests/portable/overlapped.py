"""An event loop of this system whose connections are those of Windows' loop.

``asyncio.ProactorEventLoop`` starts each receive before anything has come, into a buffer of
the transport, which is then copied into the protocol's as often as it takes. Its transports
are part of Python everywhere; only what is below them is made here, of the selector's loop.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from asyncio import exceptions, proactor_events, sslproto, unix_events
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_TRANSPORT: Any = proactor_events._ProactorSocketTransport


class Overlapped:
    """What the transports ask for: calls on sockets that end in futures."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop

    def recv_into(self, sock: socket.socket, buffer: Any) -> asyncio.Future[int]:
        """Receive once, whenever something comes."""

        def receive(future: asyncio.Future[int]) -> None:
            future.set_result(sock.recv_into(buffer))

        return self._begin(sock, self._loop._add_reader, self._loop._remove_reader, receive)

    def send(self, sock: socket.socket, data: Any) -> asyncio.Future[int]:
        """Send all."""
        rest = memoryview(data)

        def send(future: asyncio.Future[int]) -> None:
            nonlocal rest
            rest = rest[sock.send(rest) :]
            if not rest:
                future.set_result(len(data))

        return self._begin(sock, self._loop._add_writer, self._loop._remove_writer, send)

    def _begin(
        self,
        sock: socket.socket,
        add: Callable[..., object],
        remove: Callable[[int], object],
        call: Callable[[asyncio.Future[int]], None],
    ) -> asyncio.Future[int]:
        future: asyncio.Future[int] = self._loop.create_future()
        number = sock.fileno()

        def on_ready() -> None:
            if future.done():
                return
            try:
                call(future)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                future.set_exception(error)
            if future.done():
                remove(number)

        add(number, on_ready)
        cancel = future.cancel

        def cancelled(*arguments: Any, **named: Any) -> bool:
            remove(number)
            return cancel(*arguments, **named)

        future.cancel = cancelled  # type: ignore[method-assign]
        return future


class OverlappedLoop(unix_events._UnixSelectorEventLoop):
    """Its connections receive as on Windows; it watches no descriptors and no signals."""

    def __init__(self, selector: Any = None) -> None:
        super().__init__(selector)
        self._proactor = Overlapped(self)

    def _not_on_windows(self, *_: Any) -> Any:
        raise NotImplementedError

    add_reader = add_writer = _not_on_windows  # type: ignore[assignment]
    add_signal_handler = remove_signal_handler = _not_on_windows  # type: ignore[assignment]

    def _make_socket_transport(
        self,
        sock: Any,
        protocol: Any,
        waiter: Any = None,
        *,
        extra: Any = None,
        server: Any = None,
        **_: Any,
    ) -> Any:
        return _TRANSPORT(self, _Socket(sock), protocol, waiter, extra, server)

    def _make_ssl_transport(
        self, rawsock: Any, protocol: Any, sslcontext: Any, waiter: Any = None, *,
        server_side: bool = False, server_hostname: str | None = None, extra: Any = None,
        server: Any = None, ssl_handshake_timeout: Any = None, ssl_shutdown_timeout: Any = None,
        **_: Any,
    ) -> Any:  # fmt: skip
        secure: Any = sslproto.SSLProtocol(
            self, protocol, sslcontext, waiter, server_side, server_hostname,
            ssl_handshake_timeout=ssl_handshake_timeout, ssl_shutdown_timeout=ssl_shutdown_timeout,
        )  # fmt: skip
        _TRANSPORT(self, _Socket(rawsock), secure, None, extra, server)
        return secure._app_transport

    async def _sendfile_native(self, *_: Any) -> int:
        raise exceptions.SendfileNotAvailableError("not here")


class _Socket:
    """A socket whose end may be announced when the other side is gone, as on Windows."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def shutdown(self, how: int) -> None:
        """Announce the end; not where a reset is to follow, which it would come before here."""
        with suppress(OSError):
            linger = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
            if linger != struct.pack("ii", 1, 0):
                self._sock.shutdown(how)
