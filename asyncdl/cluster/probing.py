"""What an agent checks before it gets an order: version, place, and the right to write there.

The coordinator leaves a marker in the download directory, or in the store. An agent that reads it
there sees the same place.
"""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress
from pathlib import Path

from asyncdl.cluster.agent_place import make_spool
from asyncdl.cluster.messages import AgentSettings, AgentStore, ProbeReport
from asyncdl.errors import AsyncdlError, ConfigError, DiskError, StoreError
from asyncdl.extras import installing
from asyncdl.job.places.placer import Placer
from asyncdl.job.places.store_placer import StorePlacer
from asyncdl.journal import STATE_FOLDER
from asyncdl.net.tls import check_tls
from asyncdl.stores.object_store import ObjectStore, open_store
from asyncdl.stores.pace import Pace
from asyncdl.transfer.parts.durable import make_folders
from asyncdl.version import __version__

MARKER = ".asyncdl-marker-"
"""Beginning of the names of markers, and of the files that agents write beside them."""
MARKER_BYTES = 64
"""More than a marker has."""
STORE_S = 10.0
"""For a store that does not respond to an agent; the coordinator has just used it."""


def new_marker() -> tuple[str, str]:
    """Return the name of a marker, and its text."""
    return MARKER + secrets.token_hex(8), secrets.token_hex(16)


def leave_marker(placer: Placer, marker: tuple[str, str]) -> None:
    """Leave a marker where the files of a job go. Blocks. Raises: DiskError, StoreError."""
    name, text = marker
    if isinstance(placer, StorePlacer):
        remove_markers(placer)  # of runs that were killed
        placer.store.put(text.encode(), _object_of(name))
        return
    directory = placer.work_directory
    path = directory / name
    try:
        make_folders(directory)
        remove_markers(placer)
        path.write_text(text, encoding="ascii")
    except OSError as error:
        raise DiskError(path, error) from error


def remove_markers(placer: Placer) -> None:
    """Remove all markers from where the files of a job go. Blocks."""
    if isinstance(placer, StorePlacer):
        with suppress(StoreError):
            for found in list(placer.store.list(STATE_FOLDER)):
                if found.path.startswith(_object_of(MARKER)):
                    placer.store.delete(found.path)
        return
    for path in placer.work_directory.glob(f"{MARKER}*"):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _object_of(name: str) -> str:
    return f"{STATE_FOLDER}/{name}"


def versions_differ(theirs: str) -> ProbeReport:
    """Return the report for a coordinator of another version."""
    return ProbeReport(
        f"it has asyncdl {__version__}, and this machine has {theirs}",
        "Install the same version in the environment of the workers, and restart them.",
        socket.gethostname(),
    )


def probe(settings: AgentSettings, scratch: Path) -> ProbeReport:
    """Check what an agent needs. Blocks.

    Args:
        settings: Of the agent.
        scratch: Folder on a disk of this machine.
    """
    if settings.store is None:
        problem, remedy = _problem_of_folder(settings)
    else:
        problem, remedy = _problem_of_store(settings, settings.store)
        if not problem:
            problem, remedy = _problem_of_spool(scratch)
    if not problem:
        try:
            check_tls(settings.tls)
        except AsyncdlError as error:
            problem, remedy = str(error), "Make the file readable at the same path on all workers."
    return ProbeReport(problem, remedy, socket.gethostname())


_SAME_FOLDER = (
    "Mount one file system at the same path on this machine and on all workers, and set"
    " `download.directory` to a folder on it."
)


def _problem_of_folder(settings: AgentSettings) -> tuple[str, str]:
    directory = Path(settings.directory)
    marker = directory / settings.marker
    try:
        is_same = marker.read_text(encoding="ascii") == settings.marker_text
    except FileNotFoundError:
        is_same = False
    except (OSError, UnicodeDecodeError) as error:
        return f"it cannot read {directory}: {error}", _SAME_FOLDER
    if not is_same:
        return f"it sees another folder under {directory} than this machine", _SAME_FOLDER
    own = directory / f"{settings.marker}-{secrets.token_hex(4)}"
    try:
        own.write_text("", encoding="ascii")
        own.unlink()
    except OSError as error:
        return (
            f"it cannot write to {directory}: {error.strerror or error}",
            "Give the user that the workers run as the right to write there.",
        )
    return "", ""


_OWN_CREDENTIALS = (
    "Workers find credentials as this machine does, each for itself: in its environment, in the"
    " files of its user, or as the role of its machine. None are sent to them."
)
_OWN_FOLDER = (
    "Start the workers with a folder on a disk of their machine that they may write to, by"
    " `--local-directory`."
)
_SAME_STORE = (
    "Check the endpoint and the region on the worker: `store.endpoint` has to be the same service"
    " from everywhere."
)


def _problem_of_store(settings: AgentSettings, store: AgentStore) -> tuple[str, str]:
    try:
        return _tried(settings, open_store(store.settings, Pace(least_wait_s=STORE_S)))
    except ConfigError as error:
        if error.key == "store.profile":
            problem = f"its AWS config has no profile {store.settings.profile!r}"
            return problem, f"Define the profile there. {_OWN_CREDENTIALS}"
        remedy = f"Install asyncdl with the extra store on all workers, by {installing('store')}."
        return f"it lacks packages for stores: {error.problem}", remedy
    except StoreError as error:
        return f"it cannot use the store: {error}", f"{error.remedy} {_OWN_CREDENTIALS}"


def _tried(settings: AgentSettings, store: ObjectStore) -> tuple[str, str]:
    """Read the coordinator's marker; write, read and remove one beside it. Raises: StoreError."""
    found = store.read(_object_of(settings.marker), MARKER_BYTES)
    if found != settings.marker_text.encode():
        return f"it sees another store under {store.address} than this machine", _SAME_STORE
    own = _object_of(f"{settings.marker}-{secrets.token_hex(4)}")
    store.put(b"", own)
    store.read(own, MARKER_BYTES)
    store.delete(own)
    return "", ""


def _problem_of_spool(scratch: Path) -> tuple[str, str]:
    try:
        make_spool(scratch).rmdir()
    except (DiskError, OSError) as error:
        return f"it cannot receive files: {error}", _OWN_FOLDER
    return "", ""
