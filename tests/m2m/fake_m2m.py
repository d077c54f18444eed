"""A small M2M service on 127.0.0.1 that sends the replies that a test sets.

It is strict about keys and records its calls, but has no data. The sandbox is the
faithful one.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field

import anyio
import orjson
from aiohttp import web
from anyio import Event

from asyncdl.m2m.models import Json

USERNAME = "ann"
TOKEN = "token-!@_that-nobody-may-see"


@dataclass(frozen=True)
class Call:
    """One call as it came in."""

    endpoint: str
    payload: Json
    key: str | None
    headers: dict[str, str]


@dataclass(frozen=True)
class Reply:
    """What to send back: an envelope, or ``body`` as it stands."""

    data: Json = None
    code: str | None = None
    text: str | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None

    def as_response(self) -> web.Response:
        body = self.body
        if body is None:
            envelope = {"data": self.data, "errorCode": self.code, "errorMessage": self.text}
            body = orjson.dumps({"requestId": 7, "version": "stable", **envelope})
        return web.Response(body=body, status=self.status, headers=self.headers)


BUSY = Reply(body=b'{"errorCode": "RATE_LIMIT", "errorMessage": "one at a time"}', status=500)
DOWN = Reply(body=b"<html>maintenance</html>", status=503, headers={"Content-Type": "text/html"})


class FakeM2M:
    """The service; ``replies`` and the settings may be changed while it runs."""

    def __init__(self) -> None:
        self.url = ""
        self.calls: list[Call] = []
        self.replies: dict[str, deque[Reply]] = defaultdict(deque)
        """By endpoint; used up one by one, then every call succeeds with null."""
        self.outage: list[Reply] = []
        """While it is not empty, its first is the reply to every call."""
        self.expired_status = 200
        self.latency_s = 0.0
        self.keys: set[str] = set()
        self.running = 0
        self.overlaps = 0
        self.held: dict[str, Event] = {}
        """Calls of these endpoints get their reply only after the event."""
        self.arrived: dict[str, Event] = defaultdict(Event)
        self.cut: dict[str, Event] = defaultdict(Event)
        """Set when the client has hung up before the reply."""

    @property
    def called(self) -> list[str]:
        return [call.endpoint for call in self.calls]

    @property
    def counts(self) -> Counter[str]:
        return Counter(self.called)

    def will_reply(self, endpoint: str, *replies: Reply) -> None:
        self.replies[endpoint].extend(replies)

    def expire_keys(self) -> None:
        self.keys.clear()

    async def handle(self, request: web.Request) -> web.Response:
        call = Call(
            request.match_info["endpoint"],
            orjson.loads(await request.read()),
            request.headers.get("X-Auth-Token"),
            dict(request.headers),
        )
        self.calls.append(call)
        self.overlaps += self.running > 0
        self.running += 1
        try:
            return await self._reply(call)
        except BaseException:
            self.cut[call.endpoint].set()
            raise
        finally:
            self.running -= 1

    async def _reply(self, call: Call) -> web.Response:
        self.arrived[call.endpoint].set()
        await anyio.sleep(self.latency_s)
        if call.endpoint in self.held:
            await self.held[call.endpoint].wait()
        if self.outage:
            return self.outage[0].as_response()
        if self.replies[call.endpoint]:
            return self.replies[call.endpoint].popleft().as_response()
        if call.endpoint == "login-token":
            return self._log_in(call).as_response()
        if call.key not in self.keys:
            return Reply(code="AUTH_EXPIRED", status=self.expired_status).as_response()
        if call.endpoint == "logout":
            self.keys.discard(call.key)
        return Reply().as_response()

    def _log_in(self, call: Call) -> Reply:
        if call.key is not None:
            return Reply(code="AUTH_EXPIRED", text="an old key was sent along")
        if call.payload != {"username": USERNAME, "token": TOKEN}:
            return Reply(code="AUTH_INVALID", text="User credential verification failed")
        key = f"key-{self.counts['login-token']}-that-nobody-may-see"
        self.keys.add(key)
        return Reply(data=key)
