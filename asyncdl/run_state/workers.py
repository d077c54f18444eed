"""The workers of a cluster: who is there, and what each of them does."""

from __future__ import annotations

from dataclasses import dataclass

from asyncdl.events import WorkerActivity, WorkerJoined, WorkerLeft
from asyncdl.units import count, size


@dataclass(slots=True)
class ClusterWorker:
    """A worker of a run."""

    name: str
    host: str
    """Name of its machine; empty if unknown."""
    files: int = 0
    """That it has now."""
    connections: int = 0
    """In use now."""
    received_bytes: int = 0
    """Over the network so far."""
    is_there: bool = True

    def describe(self) -> str:
        """Return what it does, in a line."""
        files, connections = count(self.files, "file"), count(self.connections, "connection")
        return f"{self.name}: {files}, {connections}, {size(self.received_bytes)} so far"


class ClusterWorkers:
    """The workers of a run, by name, in the order in which they came; also those that left."""

    def __init__(self) -> None:
        self.known: dict[str, ClusterWorker] = {}

    @property
    def present(self) -> list[ClusterWorker]:
        """Those that are there."""
        return [worker for worker in self.known.values() if worker.is_there]

    def join(self, event: WorkerJoined, now_s: float) -> None:
        """Note that a worker takes files; one that came back keeps its count."""
        worker = self._named(event.worker)
        worker.host, worker.is_there = event.host, True

    def leave(self, event: WorkerLeft, now_s: float) -> None:
        """Note that a worker takes no more files."""
        worker = self._named(event.worker)
        worker.files, worker.connections, worker.is_there = 0, 0, False

    def note(self, event: WorkerActivity, now_s: float) -> None:
        """Note what a worker does."""
        worker = self._named(event.worker)
        worker.files, worker.connections = event.files, event.connections
        worker.received_bytes = event.received_bytes

    def _named(self, name: str) -> ClusterWorker:
        return self.known.setdefault(name, ClusterWorker(name, ""))
