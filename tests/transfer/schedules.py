"""Random schedules of faults, and the invariants that hold under every one of them.

A schedule is made by one ``random.Random``, so a seed is all it takes to see one
again: hypothesis drives it in ``test_schedules.py``, a clock in ``tests/soak``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import anyio

from asyncdl.errors import AsyncdlError
from asyncdl.retry import Backoff
from asyncdl.transfer import Digest, Fetched, FileRequest, Limits
from tests.transfer.fault_server import (
    LONG_AGO,
    End,
    FaultServer,
    HostedFile,
    Received,
    Reply,
    Responder,
    chunked,
    cut,
    downloading,
    fixed,
    redirect,
    serving,
    silent,
    status,
)

NAME = "file.bin"
OLD_CONTENT = b"what was there before"
REQUESTS_PER_FILE = 60
LONGEST_S = 20.0
"""A fetch that takes longer hangs."""

GENTLE = ("cut", "reset", "stall", "silent", "busy", "short")
"""Faults after which a host still serves the same bytes from any offset."""
ROUGH = (*GENTLE, "tail", "chunked-tail", "as-200", "no-range", "coded",
         "ignore", "lost", "shifted", "other-total", "page", "surplus", "chunked",
         "torn", "junk", "refuse", "gone", "nowhere", "failed", "redirect", "change")  # fmt: skip


@dataclass(frozen=True)
class Schedule:
    """One file, how its host misbehaves, and how often we are interrupted."""

    versions: tuple[HostedFile, ...]
    """Each ``change`` goes on to the next; the last one stays."""
    faults: tuple[tuple[str, float], ...]
    """One per request, with a number from 0 to 1 that says how much; then none."""
    interruptions: tuple[int, ...]
    """The n-th run is cancelled after so many requests; the last one never."""
    limits: Limits
    is_proved: bool
    """Whether the digest of the last version is known."""
    overwrites: bool
    """Whether another file is there before."""
    renews: bool
    """Whether a refused URL can be replaced."""
    drip_bytes: int
    """Bodies come in drops of this size; 0 for all at once."""
    fingerprint: str | None
    """What is computed on the way."""

    @property
    def is_gentle(self) -> bool:
        return all(kind in GENTLE for kind, _ in self.faults)


def make_schedule(rng: Random) -> Schedule:
    """Return a random schedule; small enough to run in milliseconds."""
    kinds = rng.choice([GENTLE, ROUGH, ("change", "cut", "none", "none")])
    faults = tuple((rng.choice(kinds), rng.random()) for _ in range(rng.randint(0, 8)))
    return Schedule(
        versions=_make_versions(rng, 1 + sum(kind == "change" for kind, _ in faults)),
        faults=faults,
        interruptions=tuple(rng.randint(1, 5) for _ in range(rng.choice([0, 0, 1, 2]))),
        limits=_make_limits(rng),
        is_proved=rng.random() < 0.3,
        overwrites=rng.random() < 0.3,
        renews=rng.random() < 0.5,
        drip_bytes=rng.choice([0, 0, 4096, 20_000]),
        fingerprint=rng.choice([None, "sha256"]),
    )


def _make_versions(rng: Random, count: int) -> tuple[HostedFile, ...]:
    size = rng.choice([0, 1, 1000, 20_000, 60_000])
    style = rng.choice(["strong", "strong", "strong", "weak", "date", "none"])
    takes_if_range = rng.random() < 0.8
    reads_if_range = rng.random() < 0.7
    takes_ranges = rng.random() < 0.9
    versions = []
    for number in range(count):
        length = max(0, size + rng.choice([0, 0, 0, 0, -1, 500]))
        versions.append(
            HostedFile(
                rng.randbytes(length),
                etag={"strong": f'"v{number}"', "weak": f'W/"v{number}"'}.get(style),
                last_modified=LONG_AGO.replace(":", f":{number}", 1) if style == "date" else None,
                takes_ranges=takes_ranges,
                takes_if_range=takes_if_range,
                reads_if_range=reads_if_range,
            )
        )
    return tuple(versions)


def _make_limits(rng: Random) -> Limits:
    return Limits(
        connections_per_file=rng.choice([1, 1, 2, 4]),
        split_from_bytes=1,
        first_look_s=0.0,
        split_after_s=0.0,
        smallest_piece_bytes=rng.choice([50, 700, 5000]),
        backoff=Backoff(first_s=0.0, attempts=6),
        requests_per_file=REQUESTS_PER_FILE,
        stall_timeout_s=0.03,
        connect_timeout_s=0.05,
        header_timeout_s=0.03,
        flush_interval_s=0.0,
        flush_bytes=rng.choice([1024, 4096]),
        read_buffer_bytes=rng.choice([512, 65_536]),
        checkpoint_bytes=rng.choice([10_000, 10**9]),
        preallocate_from_bytes=rng.choice([1, 10**9]),
        durable=rng.random() < 0.1,
    )


class Host:
    """Answers by the schedule, and knows which versions it has sent."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._faults = iter(schedule.faults)
        self._version = 0

    @property
    def file(self) -> HostedFile:
        return self._schedule.versions[self._version]

    def __call__(self, received: Received) -> Reply:
        kind, amount = next(self._faults, ("none", 0.0))
        if kind == "change":
            self._version += 1
        return replace(self._spoiled(kind, amount)(received), drip_bytes=self._schedule.drip_bytes)

    def _spoiled(self, kind: str, amount: float) -> Responder:
        file, size = self.file, len(self.file.body)
        count = int(amount * size)
        simple: dict[str, Responder] = {
            "silent": silent(),
            "busy": status(503 if amount < 0.5 else 429),
            "failed": status(500),
            "refuse": status(403),
            "gone": status(404),
            "nowhere": status(416),
            "no-range": _without(status(500 if amount < 0.5 else 400), file),
            "coded": replace(file, headers={"Content-Encoding": "none"}),
            "page": fixed("200 OK", b"<html>no", Content_Type="text/html"),
            "junk": lambda _: Reply(b"no HTTP at all\r\n\r\n", b"", End.CLOSE),
            "redirect": redirect("/elsewhere"),
            "ignore": replace(file, takes_ranges=False),
            "cut": cut(file, count),
            "reset": cut(file, count, End.RESET),
            "stall": cut(file, count, End.HANG),
            "chunked": chunked(file.body, ETag=file.etag),
            "torn": cut(chunked(file.body, ends=False, ETag=file.etag), count),
        }
        return simple.get(kind) or _moved(file, kind, amount)


def _moved(file: HostedFile, kind: str, amount: float) -> Responder:
    """A 206 that is not the one that was asked for, but says so."""

    def respond(received: Received) -> Reply:
        honest = file(received)
        if not honest.head.startswith(b"HTTP/1.1 206"):
            return honest
        start, size = _asked(received), len(file.body)
        if kind == "short":
            stop = start + 1 + int(amount * (size - start - 1))
            return file.part(f"bytes {start}-{stop - 1}/{size}", file.body[start:stop])(received)
        if kind == "shifted":
            late = min(size - 1, start + 1 + int(amount * 100))
            return file.part(f"bytes {late}-{size - 1}/{size}", file.body[late:])(received)
        if kind == "other-total":
            place = f"bytes {start}-{size - 1}/{size + 9}"
            return file.part(place, file.body[start:])(received)
        if kind == "lost":
            return file.part(None, honest.body)(received)
        if kind in ("tail", "chunked-tail", "as-200"):
            return _under_200(honest, kind)
        if kind == "surplus":
            return replace(honest, body=honest.body + b"surplus", end=End.CLOSE)
        return honest

    return respond


def _without(refusal: Responder, file: HostedFile) -> Responder:
    """Refuse a range, and give the whole file."""
    return lambda received: (refusal if "range" in received.headers else file)(received)


def _under_200(part: Reply, kind: str) -> Reply:
    """Send a part under a status that says that it is all, with its range or without."""
    dropped = {"tail": (b"Content-Range",), "chunked-tail": (b"Content-Range", b"Content-Length")}
    lines = part.head.removesuffix(b"\r\n\r\n").split(b"\r\n")[1:]
    kept = [line for line in lines if not line.startswith(dropped.get(kind, b"\0"))]
    if kind == "chunked-tail":
        chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(part.body), part.body)
        kept.append(b"Transfer-Encoding: chunked")
        part = replace(part, body=chunks)
    return replace(part, head=b"\r\n".join([b"HTTP/1.1 200 OK", *kept, b"", b""]))


def _asked(received: Received) -> int:
    return int(received.headers["range"].removeprefix("bytes=").partition("-")[0])


@dataclass
class Story:
    """What happened under one schedule."""

    schedule: Schedule
    endings: list[Fetched | AsyncdlError | None] = field(default_factory=list)
    """One per run; ``None`` for one that was cancelled."""
    requests: list[int] = field(default_factory=list)
    """Per run."""
    starts: list[int] = field(default_factory=list)
    """Where the ranges began that were asked for, over all runs."""


async def play(schedule: Schedule, directory: Path) -> Story:
    """Fetch the file under a schedule, from run to run, and check after each."""
    story, host = Story(schedule), Host(schedule)
    if schedule.overwrites:
        (directory / NAME).write_bytes(OLD_CONTENT)
    async with serving(host) as server:
        for patience in (*schedule.interruptions, REQUESTS_PER_FILE * 9):
            before = len(server.requests)
            ending = await _run(schedule, server, directory, before + patience)
            story.endings.append(ending)
            story.requests.append(len(server.requests) - before)
            check_directory(story, directory)
        story.starts = [_asked(r) for r in server.requests if "range" in r.headers]
    check_story(story)
    return story


async def _run(
    schedule: Schedule, server: FaultServer, directory: Path, cancel_at: int
) -> Fetched | AsyncdlError | None:
    """Fetch once; cancelled when the server has been asked ``cancel_at`` times."""

    async def renew() -> str:
        return f"{server.url}/data/file.bin"

    request = FileRequest(
        f"{server.url}/data/file.bin",
        directory,
        NAME,
        digests=_digests(schedule),
        fingerprint=schedule.fingerprint,
        overwrite=schedule.overwrites,
        refresh=renew if schedule.renews else None,
    )
    ending: Fetched | AsyncdlError | None = None
    with anyio.fail_after(LONGEST_S):
        async with anyio.create_task_group() as tasks, downloading(schedule.limits) as downloader:
            tasks.start_soon(_cancel_when, lambda: len(server.requests) >= cancel_at, tasks)
            try:
                ending = await downloader.fetch(request)
            except AsyncdlError as error:
                ending = error
            tasks.cancel_scope.cancel()
    return ending


async def _cancel_when(condition: Callable[[], bool], tasks: anyio.abc.TaskGroup) -> None:
    while not condition():
        await anyio.sleep(0.0005)
    tasks.cancel_scope.cancel()


def _digests(schedule: Schedule) -> tuple[Digest, ...]:
    if not schedule.is_proved:
        return ()
    return (Digest("sha256", hashlib.sha256(schedule.versions[-1].body).hexdigest()),)


def check_directory(story: Story, directory: Path) -> None:
    """I1 and I2: the final name holds one version, or what it held before; nothing else is left."""
    schedule, ending = story.schedule, story.endings[-1]
    names = {path.name for path in directory.iterdir()}
    assert names <= {NAME, f"{NAME}.part", f"{NAME}.part.state"}
    whole = [version.body for version in schedule.versions]
    if isinstance(ending, Fetched):
        content = (directory / NAME).read_bytes()
        assert names == {NAME}
        assert content in (whole[-1:] if schedule.is_proved else whole)
        assert ending.size_bytes == len(content)
        assert {digest.value for digest in ending.digests} <= {hashlib.sha256(content).hexdigest()}
        assert bool(ending.digests) is bool(schedule.is_proved or schedule.fingerprint)
    elif not any(isinstance(earlier, Fetched) for earlier in story.endings):
        before = OLD_CONTENT if schedule.overwrites else None
        is_there = (directory / NAME).exists()
        assert ((directory / NAME).read_bytes() if is_there else None) == before


def check_story(story: Story) -> None:
    """I3, I4 and I5: nothing is fetched twice, nothing loops, everything has an outcome."""
    schedule, limits = story.schedule, story.schedule.limits
    hops = 1 + sum(kind == "redirect" for kind, _ in schedule.faults)
    assert max(story.requests) <= limits.requests_per_file + hops
    for ending in story.endings:
        assert ending is None or isinstance(ending, Fetched) or str(ending)
    is_one_by_one = limits.connections_per_file == 1 and len(schedule.interruptions) == 0
    file = schedule.versions[0]
    is_resumable = file.takes_ranges and file.etag is not None and file.etag.startswith('"')
    if schedule.is_gentle and is_one_by_one and is_resumable:
        assert story.starts == sorted(story.starts)
