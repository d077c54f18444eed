"""A web service that fetches Landsat scenes for its users, one job at a time.

::

    pip install fastapi uvicorn prometheus-client
    export ASYNCDL_USERNAME=you ASYNCDL_TOKEN='your application token'
    python examples/service.py jobs

========================  =====================================================
``POST /jobs``            start a job: ``{"search": {…}, "products": [{…}]}``
``GET /jobs/{id}``        how far it is
``GET /jobs/{id}/events`` the same, live, as server-sent events
``DELETE /jobs/{id}``     cancel it; what is there stays
``GET /metrics``          counters of all jobs, for Prometheus
========================  =====================================================

USGS takes one call at a time from an account, so one worker runs the jobs in the order in
which they came; a queue that is full says so. Each job has a folder with its order and its
files. What an order names is read as a config of others (``trusted=False``): no file of this
machine, no other host, nothing of the account. When the service stops, the running
job is interrupted and keeps its state; when it starts again, it takes up all that is not
finished.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import anyio
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel

import asyncdl
from asyncdl.events import Event, FileFinished, FilesWanted

MAX_QUEUED = 100
MAX_ORDER_BYTES = 4 * 1024**2
SERVICE = json.loads(os.environ.get("ASYNCDL_SERVICE", "{}"))
"""``url`` and ``stac_url`` of a config, for those who use another service than USGS."""
MOST = {"workers": 4, "connections": 8, "max_size": "10 GB"}
"""What one job may occupy of this machine and its line."""


class Order(BaseModel):
    """What a job shall fetch, as the tables of a config have it."""

    search: dict[str, Any]
    products: list[dict[str, Any]]


@dataclass
class Progress:
    """What the world is told of a job."""

    id: str
    status: str = "queued"
    wanted: int = 0
    finished: int = 0
    failed: int = 0
    error: str = ""


@dataclass
class Task:
    """A job, its folder, and those who watch it."""

    config: asyncdl.Config
    folder: Path
    progress: Progress
    metrics: asyncdl.metrics.Metrics
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    changed: anyio.Event = field(default_factory=anyio.Event)

    @property
    def is_over(self) -> bool:
        return self.progress.status not in ("queued", "running")

    def tell(self, **news: Any) -> None:
        """Change the progress and wake the watchers."""
        for name, value in news.items():
            setattr(self.progress, name, value)
        self.changed.set()
        self.changed = anyio.Event()

    def take(self, event: Event) -> None:
        """Count an event; what may not block does no more."""
        self.metrics.take(event)
        match event:
            case FilesWanted(count=count):
                self.tell(wanted=self.progress.wanted + count)
            case FileFinished(reason=reason):
                failed = self.progress.failed + bool(reason)
                self.tell(finished=self.progress.finished + 1, failed=failed)

    async def run(self) -> None:
        """Run the job; a cancelled one is over, an interrupted one is to be continued."""
        if self.is_over:
            return  # cancelled while it was waiting
        with self.scope:
            self.tell(status="running")
            try:
                summary = await asyncdl.Job(self.config).run(self.take)
                self._end(summary.status, summary.error)
            except asyncdl.AsyncdlError as error:
                self._end("stopped", str(error))
        if self.scope.cancel_called:
            self._end("cancelled")

    def cancel(self) -> None:
        """Stop the job for good, also if the service ends before the job has."""
        self._note("cancelled")
        self.scope.cancel()
        if self.progress.status == "queued":
            self.tell(status="cancelled")

    def _end(self, status: str, error: str = "") -> None:
        self._note(status, error)
        self.tell(status=status, error=error)

    def _note(self, status: str, error: str = "") -> None:
        (self.folder / "ended.json").write_text(json.dumps({"status": status, "error": error}))


class Desk:
    """Takes orders, keeps them in folders, and works them off one by one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tasks: dict[str, Task] = {}
        self.metrics = asyncdl.metrics.Metrics()
        self._queue_in, self._queue = anyio.create_memory_object_stream[Task](MAX_QUEUED)

    def take(self, order: Order) -> Task:
        """Queue an order. Raises: ConfigError, if it makes no sense; WouldBlock, if all is full."""
        task = self._task(f"{len(self.tasks):06}-{uuid.uuid4().hex[:8]}", order)
        self._queue_in.send_nowait(task)
        self.tasks[task.progress.id] = task
        task.folder.mkdir(parents=True)
        (task.folder / "order.json").write_text(order.model_dump_json())
        return task

    def take_up(self) -> None:
        """Queue what an earlier life of the service left unfinished."""
        for path in sorted(self.root.glob("*/order.json")):
            task = self._task(path.parent.name, Order.model_validate_json(path.read_text()))
            self.tasks[task.progress.id] = task
            ended = path.with_name("ended.json")
            if ended.exists():
                task.tell(**json.loads(ended.read_text()))
            else:
                self._queue_in.send_nowait(task)

    def _task(self, job_id: str, order: Order) -> Task:
        folder = self.root / job_id
        # The order is of others: of files it may name those in its own folder, of hosts ours.
        config = asyncdl.parse_config(
            order.model_dump() | {"service": SERVICE, "download": MOST},
            trusted=False,
            root=folder,
            hosts={SERVICE[key] for key in ("url", "stac_url") if key in SERVICE},
        )
        return Task(config, folder, Progress(job_id), self.metrics)

    async def work(self) -> None:
        """Run jobs until cancelled."""
        async for task in self._queue:
            await task.run()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.desk = desk = Desk(Path(os.environ.get("JOBS", "jobs")))
    desk.take_up()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(desk.work)
        yield
        tasks.cancel_scope.cancel()


app = FastAPI(lifespan=lifespan)


def find(job_id: str) -> Task:
    desk: Desk = app.state.desk
    if job_id not in desk.tasks:
        raise HTTPException(404, "there is no such job")
    return desk.tasks[job_id]


@app.middleware("http")
async def refuse_long_orders(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Read no more than an order can be; of one that does not say how long it is, nothing."""
    length = request.headers.get("Content-Length", "")
    if request.method == "POST" and not (length.isdigit() and int(length) <= MAX_ORDER_BYTES):
        told = "an order has a Content-Length of at most 4 MiB"
        return Response(told, 413, headers={"Connection": "close"})
    return await call_next(request)


@app.post("/jobs", status_code=202)
async def start(order: Order) -> Progress:
    try:
        return app.state.desk.take(order).progress
    except asyncdl.ConfigError as error:
        raise HTTPException(422, str(error)) from error
    except anyio.WouldBlock:
        raise HTTPException(503, "too many jobs are waiting; try again later") from None


@app.get("/jobs/{job_id}")
async def status(job_id: str) -> Progress:
    return find(job_id).progress


@app.delete("/jobs/{job_id}", status_code=202)
async def cancel(job_id: str) -> Progress:
    task = find(job_id)
    if not task.is_over:
        task.cancel()
    return task.progress


@app.get("/jobs/{job_id}/events")
async def watch(job_id: str) -> StreamingResponse:
    return StreamingResponse(_news(find(job_id)), media_type="text/event-stream")


@app.get("/metrics")
async def metrics() -> Response:
    desk: Desk = app.state.desk
    return Response(desk.metrics.prometheus(), media_type=asyncdl.metrics.CONTENT_TYPE)


async def _news(task: Task) -> AsyncIterator[str]:
    """Yield the progress whenever it has changed, until the job is over."""
    while True:
        changed = task.changed
        yield f"data: {json.dumps(asdict(task.progress))}\n\n"
        if task.is_over:
            return
        await changed.wait()


def main() -> None:
    os.environ["JOBS"] = sys.argv[1] if len(sys.argv) > 1 else "jobs"
    port = int(os.environ.get("PORT", "8000"))
    # Those who watch would otherwise keep a stopping service for as long as they like.
    uvicorn.run(app, port=port, timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()
