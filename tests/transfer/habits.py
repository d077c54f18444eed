"""Habits of hosts in the world, as responders: each bends the honest reply of a file."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Callable
from dataclasses import replace

from tests.transfer.fault_server import (
    End,
    HostedFile,
    Received,
    Reply,
    Responder,
    build_head,
    fixed,
    redirect,
    status,
)

COOKIE = "session=of-this-chain"
CHAIN = "/step/"
"""Paths of a redirect chain: each leads to the one with the next smaller number."""
NO_CODINGS = ("none", "identity", "binary", "aws-chunked", "")
REFUSALS = (400, 403, 404, 500, 501)


def start_of(received: Received) -> int:
    """Return where the range begins that was asked for; 0 without one."""
    return int(received.headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")[0])


def refusing_from(file: HostedFile, most_bytes: int, code: int) -> Responder:
    """Break at ranges that begin further on; the whole file is fine."""

    def respond(received: Received) -> Reply:
        return (status(code) if start_of(received) > most_bytes else file)(received)

    return respond


def contradicting(file: HostedFile, amount: float) -> Responder:
    """Say by a 200 that the same version has another length."""
    other = file.body[: int(amount * len(file.body))]
    return replace(file, body=other, takes_ranges=False)


def framed_twice(file: HostedFile, is_equal: bool) -> Responder:
    """Say the length twice, each time the same or not."""

    def respond(received: Received) -> Reply:
        honest = file(received)
        length = len(honest.body) + (0 if is_equal else 7)
        field = b"Content-Length: %d\r\n\r\n" % length
        return replace(honest, head=honest.head.removesuffix(b"\r\n") + field)

    return respond


def coded(file: HostedFile, amount: float) -> Responder:
    """Name a coding that is none, or send the body in gzip whatever was asked for."""
    if amount < 0.7:
        named = NO_CODINGS[int(amount / 0.7 * len(NO_CODINGS))]
        return replace(file, headers={"Content-Encoding": named})
    packed = gzip.compress(file.body, mtime=0)
    return replace(
        file, body=packed, takes_ranges=False, headers={"Content-Encoding": "gzip"}, etag=None
    )


def with_digest(file: HostedFile, is_right: bool) -> Responder:
    """Name a digest of the whole file, the right one or another."""
    content = file.body if is_right else file.body + b"another"
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return replace(file, headers={"Repr-Digest": f"sha-256=:{digest}:"})


def unmeasured(file: HostedFile, end: End, most_bytes: int | None = None) -> Responder:
    """Send the whole file, or its beginning, without saying how long it is."""
    body = file.body[:most_bytes]
    return fixed(body=body, length=None, end=end, ETag=file.etag, Last_Modified=file.last_modified)


def never_beyond(file: HostedFile, most_bytes: int) -> Responder:
    """Cut every reply at the same byte of the file."""

    def respond(received: Received) -> Reply:
        honest = file(received)
        is_part = honest.head.startswith(b"HTTP/1.1 206")
        start = start_of(received) if is_part else 0
        return replace(honest, body=honest.body[: max(0, most_bytes - start)], end=End.CLOSE)

    return respond


def begin_chain(amount: float) -> Responder:
    """Lead through up to five redirects, and set a cookie that the last of them wants."""
    head = {"Location": f"{CHAIN}{int(amount * 5)}", "Set-Cookie": COOKIE, "Content-Length": 0}
    return lambda _: Reply(build_head("302 Found", head))


def on_a_chain(received: Received, serve: Callable[[Received], Reply]) -> Reply:
    """Answer at a place of a chain; at its end with ``serve``, if the cookie has come."""
    left = int(received.target.removeprefix(CHAIN))
    if left:
        return redirect(f"{CHAIN}{left - 1}")(received)
    has_cookie = COOKIE in received.headers.get("cookie", "")
    return serve(received) if has_cookie else status(403)(received)
