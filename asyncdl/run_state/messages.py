"""Events and states of a run in words: the same in display, lines, log and report. Pure."""

from __future__ import annotations

from asyncdl.events import (
    ApiRetry,
    Event,
    HostStrain,
    HostWait,
    Notice,
    QuotaWait,
    ServiceBack,
    ServiceWait,
    TransferRetry,
    WorkerJoined,
    WorkerLeft,
)
from asyncdl.run_state.files import Preparation
from asyncdl.run_state.state import RunState
from asyncdl.units import count, duration


def message_of(event: Event) -> str:
    """Return the line for an event that users have to know of; empty for all others."""
    match event:
        case Notice(text=text, severity=severity):
            return text if severity == "info" else f"Note: {text}"
        case ApiRetry(endpoint=endpoint, reason=reason, wait_s=wait_s):
            return f"Retrying {endpoint} in {wait_s:.0f} s: {reason}"
        case QuotaWait(wait_s=wait_s):
            return f"The download quota is used up; checking again in {wait_s:.0f} s"
        case HostWait(host=host, reason=reason, wait_s=wait_s):
            return f"Backing off from {host} for {wait_s:.0f} s: {reason}"
        case HostStrain():
            return _strain(event)
        case ServiceWait(service=service, reason=reason, since_s=since_s, next_try_s=next_try_s):
            again = f"trying again in {next_try_s:.0f} s"
            return f"{service} has been down for {duration(since_s)} ({reason}); {again}"
        case ServiceBack(service=service, after_s=after_s):
            return f"{service} is back after {duration(after_s)}"
        case WorkerJoined(worker=worker, host=host):
            return f"{worker} on {host} takes files"
        case WorkerLeft(worker=worker, reason=reason, files=files):
            return f"{worker} is gone ({reason}); others get its {count(files, 'file')}"
    return ""


def _strain(event: HostStrain) -> str:
    allowed = count(event.allowed, "connection")
    if event.connections < event.allowed:
        return f"{event.host} gets {event.connections} of {allowed}: {event.reason}"
    return f"{event.host} gets all {allowed} again"


def retry_of(event: TransferRetry) -> str:
    """Return why a file does not move, and until when."""
    return f"retry in {event.wait_s:.0f} s: {event.reason}"


def delays(state: RunState, now_s: float) -> list[str]:
    """Return a line for each cause of delay at the moment: outages, strain, other waits."""
    return [
        *(outage.describe(now_s) for outage in state.waits.outages()),
        *(strain.describe(now_s) for strain in state.strains.current.values()),
        *(f"waiting: {wait.describe(now_s)}" for wait in state.waits.pending(now_s)),
    ]


def at_work(state: RunState) -> list[str]:
    """Return a line for each worker of a cluster that is there."""
    return [worker.describe() for worker in state.workers.present]


def in_preparation(preparation: Preparation, now_s: float) -> list[str]:
    """Return how many files are in preparation, for how long, and when that is polled again."""
    if not preparation.count:
        return []
    return [
        f"{count(preparation.count, 'file')} in preparation",
        f"{duration(now_s - preparation.since_s)} so far",
        f"next poll in {duration(max(0.0, preparation.next_poll_s - now_s))}",
    ]
