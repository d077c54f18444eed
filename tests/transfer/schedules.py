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
from asyncdl.net.retry import Backoff
from asyncdl.transfer import Digest, Fetched, FileRequest, Limits
from tests.transfer import fault_server
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
from tests.transfer.habits import (
    CHAIN,
    REFUSALS,
    begin_chain,
    coded,
    contradicting,
    framed_twice,
    never_beyond,
    on_a_chain,
    refusing_from,
    start_of,
    unmeasured,
    with_digest,
)

NAME = "file.bin"
STRANGE = "?id=2"
DEAD_PORT = 9
"""Nobody listens there."""
OLD_CONTENT = b"what was there before"
REQUESTS_PER_FILE = 60
LONGEST_S = 100.0
"""A fetch that takes longer hangs."""

GENTLE = ("cut", "reset", "stall", "silent", "busy", "short")
"""Faults after which a host still serves the same bytes from any offset."""
ROUGH = (*GENTLE, "tail", "chunked-tail", "as-200", "no-range", "coded",
         "ignore", "lost", "shifted", "other-total", "page", "surplus", "chunked",
         "torn", "junk", "refuse", "gone", "nowhere", "failed", "redirect", "change",
         "contradict", "twice", "digest", "chain", "unmeasured", "unmeasured-cut",
         "unmeasured-reset")  # fmt: skip
UNKNOWABLE = ("contradict", "unmeasured-cut")
"""What a digest alone gives away, where nothing is known of the file yet."""


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
    refuses_from: int | None
    """Ranges that begin further on are refused."""
    noise: float
    """So many of the requests that no fault is for get a 503."""
    stranger: HostedFile | None
    """Another file at the same path, with another query: the first run is for it, and cut."""
    is_dead_first: bool
    """Whether nobody listens at the first mirror."""
    seed: int
    """Of what is up to chance while the schedule is played."""
    resume: bool | None
    """Whether a file that replaces another is continued, too; ``None`` is the default."""

    @property
    def is_gentle(self) -> bool:
        is_steady = self.refuses_from is None and self.stranger is None and not self.is_dead_first
        return is_steady and all(kind in GENTLE for kind, _ in self.faults)


def make_schedule(rng: Random) -> Schedule:
    """Return a random schedule; small enough to run in milliseconds."""
    kinds = rng.choice([GENTLE, ROUGH, ("change", "cut", "none", "none")])
    faults = tuple((rng.choice(kinds), rng.random()) for _ in range(rng.randint(0, 8)))
    is_proved = rng.random() < 0.3
    if not is_proved:
        faults = tuple((k, amount) for k, amount in faults if k not in UNKNOWABLE)
    versions = _make_versions(rng, 1 + sum(kind == "change" for kind, _ in faults))
    interruptions = tuple(rng.randint(1, 5) for _ in range(rng.choice([0, 0, 1, 2])))
    has_stranger = bool(interruptions and versions[0].body) and rng.random() < 0.3
    return Schedule(
        versions=versions,
        faults=faults,
        interruptions=interruptions,
        limits=_make_limits(rng),
        is_proved=is_proved,
        overwrites=rng.random() < 0.3,
        renews=rng.random() < 0.5,
        drip_bytes=rng.choice([0, 0, 4096, 20_000]),
        fingerprint=rng.choice([None, "sha256"]),
        refuses_from=rng.choice([None, None, None, 0, 700, 30_000]),
        noise=rng.choice([0.0, 0.0, 0.01, 0.1]),
        stranger=_stranger_to(versions[0], rng) if has_stranger else None,
        is_dead_first=rng.random() < 0.1,
        seed=rng.randrange(1 << 32),
        # The last draw, so that the seeds of before mean the same otherwise.
        resume=rng.choice([None, True, True]),
    )


def _stranger_to(file: HostedFile, rng: Random) -> HostedFile:
    """Return another file with the same size and the same validators."""
    return replace(file, body=rng.randbytes(len(file.body)))


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
        self._random = Random(schedule.seed)

    @property
    def file(self) -> HostedFile:
        return self._schedule.versions[self._version]

    def __call__(self, received: Received) -> Reply:
        return replace(self._answer(received), drip_bytes=self._schedule.drip_bytes)

    def _answer(self, received: Received) -> Reply:
        stranger = self._schedule.stranger
        if stranger is not None and received.target.endswith(STRANGE):
            return never_beyond(stranger, len(stranger.body) - 1)(received)
        if received.target.startswith(CHAIN):
            return on_a_chain(received, self._honest())
        kind, amount = next(self._faults, (self._noise(), 0.0))
        if kind == "change":
            self._version += 1
        return self._spoiled(kind, amount)(received)

    def _noise(self) -> str:
        return "busy" if self._random.random() < self._schedule.noise else "none"

    def _honest(self) -> Responder:
        most_bytes = self._schedule.refuses_from
        if most_bytes is None:
            return self.file
        code = REFUSALS[self._schedule.seed % len(REFUSALS)]
        return refusing_from(self.file, most_bytes, code)

    def _spoiled(self, kind: str, amount: float) -> Responder:
        file, size = self.file, len(self.file.body)
        count = int(amount * size)
        if kind == "unmeasured-reset" and fault_server.IS_BY_SESSION:
            # aiohttp has forgotten how a small body ended before anybody can ask.
            kind = "unmeasured"
        simple: dict[str, Responder] = {
            "silent": silent(),
            "busy": status(503 if amount < 0.5 else 429),
            "failed": status(500),
            "refuse": status(403),
            "gone": status(404),
            "nowhere": status(416),
            "no-range": _without(status(500 if amount < 0.5 else 400), file),
            "none": self._honest(),
            "coded": coded(file, amount),
            "contradict": contradicting(file, amount),
            "twice": framed_twice(file, amount < 0.7),
            "digest": with_digest(file, amount < 0.7),
            "chain": begin_chain(amount),
            "unmeasured": unmeasured(file, End.CLOSE),
            "unmeasured-cut": unmeasured(file, End.CLOSE, count),
            "unmeasured-reset": unmeasured(file, End.RESET, count),
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
        start, size = start_of(received), len(file.body)
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
            query = "" if story.endings or schedule.stranger is None else STRANGE
            ending = await _run(schedule, server, directory, before + patience, query)
            story.endings.append(ending)
            story.requests.append(len(server.requests) - before)
            check_directory(story, directory)
        story.starts = [start_of(r) for r in server.requests if "range" in r.headers]
    check_story(story)
    return story


async def _run(
    schedule: Schedule, server: FaultServer, directory: Path, cancel_at: int, query: str
) -> Fetched | AsyncdlError | None:
    """Fetch once; cancelled when the server has been asked ``cancel_at`` times."""

    url = f"{server.url}/data/file.bin{query}"

    async def renew() -> str:
        return url

    urls = (f"http://127.0.0.1:{DEAD_PORT}/file.bin", url) if schedule.is_dead_first else (url,)
    request = FileRequest(
        urls[0],
        directory,
        NAME,
        mirrors=urls[1:],
        digests=_digests(schedule),
        fingerprint=schedule.fingerprint,
        overwrite=schedule.overwrites,
        resume=schedule.resume,
        refresh=renew if schedule.renews and not schedule.is_dead_first else None,
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
        is_said = any(kind == "digest" for kind, _ in schedule.faults)
        is_wanted = bool(schedule.is_proved or schedule.fingerprint)
        assert bool(ending.digests) is is_wanted or (is_said and not is_wanted)
    elif not any(isinstance(earlier, Fetched) for earlier in story.endings):
        before = OLD_CONTENT if schedule.overwrites else None
        is_there = (directory / NAME).exists()
        assert ((directory / NAME).read_bytes() if is_there else None) == before


def check_story(story: Story) -> None:
    """I3, I4 and I5: nothing is fetched twice, nothing loops, everything has an outcome."""
    schedule, limits = story.schedule, story.schedule.limits
    hops = 1 + sum({"redirect": 1, "chain": 5}.get(kind, 0) for kind, _ in schedule.faults)
    assert max(story.requests) <= limits.requests_per_file + hops
    for ending in story.endings:
        assert ending is None or isinstance(ending, Fetched) or str(ending)
    is_one_by_one = limits.connections_per_file == 1 and len(schedule.interruptions) == 0
    file = schedule.versions[0]
    is_resumable = file.takes_ranges and file.etag is not None and file.etag.startswith('"')
    if schedule.is_gentle and is_one_by_one and is_resumable:
        assert story.starts == sorted(story.starts)
