"""What an agent checks before it gets an order: version, directory, and the right to write.

The coordinator leaves a marker in the download directory. An agent that reads it there sees the
same directory.
"""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress
from pathlib import Path

from asyncdl.cluster.messages import AgentSettings, ProbeReport
from asyncdl.errors import AsyncdlError, DiskError
from asyncdl.net.tls import check_tls
from asyncdl.transfer.parts.durable import make_folders
from asyncdl.version import __version__

MARKER = ".asyncdl-marker-"
"""Beginning of the names of markers, and of the files that agents write beside them."""


def leave_marker(directory: Path) -> tuple[str, str]:
    """Leave a marker in a directory; return its name and its text. Blocks.

    Raises: DiskError.
    """
    name, text = MARKER + secrets.token_hex(8), secrets.token_hex(16)
    path = directory / name
    try:
        make_folders(directory)
        remove_markers(directory)  # of runs that were killed
        path.write_text(text, encoding="ascii")
    except OSError as error:
        raise DiskError(path, error) from error
    return name, text


def remove_markers(directory: Path) -> None:
    """Remove all markers from a directory. Blocks."""
    for path in directory.glob(f"{MARKER}*"):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def versions_differ(theirs: str) -> ProbeReport:
    """Return the report for a coordinator of another version."""
    return ProbeReport(
        f"it has asyncdl {__version__}, and this machine has {theirs}",
        "Install the same version in the environment of the workers, and restart them.",
        socket.gethostname(),
    )


def probe(settings: AgentSettings) -> ProbeReport:
    """Check what an agent needs. Blocks."""
    host = socket.gethostname()
    problem, remedy = _problem_of_folder(settings)
    if not problem:
        try:
            check_tls(settings.tls)
        except AsyncdlError as error:
            problem, remedy = str(error), "Make the file readable at the same path on all workers."
    return ProbeReport(problem, remedy, host)


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
