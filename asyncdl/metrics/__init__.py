"""Counters and histograms of jobs and downloads, for services that are watched.

::

    metrics = asyncdl.metrics.Metrics()
    await asyncdl.Job(config).run(metrics.take)
    print(metrics.prometheus())

They are made from events alone, belong to whoever made them, and name neither files nor
URLs nor ids. :mod:`asyncdl.metrics.otel` hands the same measurements to OpenTelemetry.
"""

from asyncdl.metrics.exposition import CONTENT_TYPE
from asyncdl.metrics.instruments import INSTRUMENTS, Instrument, Kind
from asyncdl.metrics.metrics import Metrics
from asyncdl.metrics.snapshot import Distribution, Family, Point, Snapshot

__all__ = [
    "CONTENT_TYPE",
    "INSTRUMENTS",
    "Distribution",
    "Family",
    "Instrument",
    "Kind",
    "Metrics",
    "Point",
    "Snapshot",
]
