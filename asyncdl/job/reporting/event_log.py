"""A run in the log: one line for each thing that happens, under ``asyncdl.job``.

Silent unless the embedding program or ``-v`` configures logging.
"""

from __future__ import annotations

import logging

from asyncdl.events import (
    ApiCalled,
    ConnectionsInUse,
    Event,
    FileFinished,
    FilesWanted,
    HostStrain,
    HostWait,
    JobFinished,
    JobStarted,
    Notice,
    QuotaWait,
    ScenesFound,
    SceneSuperseded,
    SceneWithdrawn,
    ServiceBack,
    ServiceWait,
    TransferEnded,
    TransferProgress,
    TransferRetry,
    TransferStarted,
    WorkerJoined,
    WorkerLeft,
)
from asyncdl.run_state.messages import message_of

_FREQUENT = frozenset({
    ConnectionsInUse, FilesWanted, TransferEnded, TransferProgress, TransferStarted,
})  # fmt: skip
"""Several for each file, and none of them has a line."""

log = logging.getLogger("asyncdl.job")


def log_event(event: Event) -> None:
    """Write an event to the log; those without a line of their own are left out."""
    if type(event) in _FREQUENT:
        return
    match event:
        case ApiCalled(endpoint=endpoint, elapsed_s=elapsed_s, error_code=code):
            log.debug("%s: %s in %.3f s", endpoint, code or "ok", elapsed_s)
        case FileFinished(reason=""):
            log.debug("%s: %s (%s)", event.file, event.state, event.proof)
        case FileFinished():
            log.warning("%s: %s: %s [%s]", event.file, event.state, event.detail, event.reason)
        case TransferRetry():
            log.info("%s: retrying in %.1f s: %s", event.key, event.wait_s, event.detail)
        case ScenesFound():
            log.info("%d scenes so far, %s match", event.found, event.total_hits)
        case (
            QuotaWait()
            | HostWait()
            | HostStrain()
            | ServiceWait()
            | ServiceBack()
            | WorkerJoined()
            | WorkerLeft()
        ):
            # The same sentences as on the screen.
            log.info("%s", message_of(event))
        case Notice():
            log.info("%s", event.text)
        case SceneSuperseded():
            log.info("%s was reprocessed as %s", event.product_id, event.by)
        case SceneWithdrawn():
            log.warning("%s was withdrawn: %s", event.product_id, event.withdrawn)
        case JobStarted():
            log.info("run in %s, label %s", event.directory, event.label)
        case JobFinished():
            log.info("run ended: %s", event.status)
        case _:
            pass
