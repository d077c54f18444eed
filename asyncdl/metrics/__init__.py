"""Counters and histograms of jobs and downloads, for monitoring.

::

    metrics = asyncdl.metrics.Metrics()
    await asyncdl.Job(config).run(metrics.take)
    print(metrics.snapshot().total("asyncdl.received"))

They are made from events alone, belong to the object that counts them, and name neither files nor
URLs nor ids. :mod:`asyncdl.metrics.prometheus` gives the same measurements to Prometheus,
:mod:`asyncdl.metrics.otel` to OpenTelemetry.
"""

from asyncdl.metrics.instruments import INSTRUMENTS, Instrument, Kind
from asyncdl.metrics.metrics import Metrics
from asyncdl.metrics.prometheus import CONTENT_TYPE
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
