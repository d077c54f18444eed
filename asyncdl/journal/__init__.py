"""The memory of a download directory: its job, files and requests, in ``.asyncdl/``.

:func:`open_state` locks the directory for one run and gives its :class:`Journal`;
:func:`read_journal` reads a copy and changes nothing. A journal has four parts:
``files``, ``scenes``, ``found_scenes`` (scenes as a search found them) and ``requests``.
What these return are the records below. Other rooms import nothing but this face.

For each service the journal keeps the label of the job's requests, what was requested
and which download id it got, and for every wanted file how it ended and what was
verified. Everything is written before the act that it is about, so after any end the
next run knows at least as much as has happened. Deleting the folder loses nothing but
that memory: files are verified again, and requests are found at the service.

The segments of unfinished files are noted beside these files, not here: the note and
the bytes that it describes stay together, whatever becomes of this folder.
"""

from asyncdl.journal.journal import Journal, read_journal
from asyncdl.journal.records import (
    FilePlace,
    FileStatus,
    FinishedFile,
    KnownFile,
    KnownPath,
    LastSearch,
    Overview,
    Place,
    RecordedFiles,
    Requested,
    RunStart,
    SceneRecord,
)
from asyncdl.journal.scene_rows import FoundSceneRecord
from asyncdl.journal.state_folder import (
    check_writable,
    copy_journal,
    open_state,
    replace_journal,
)
from asyncdl.journal.state_location import (
    JOURNAL_NAME,
    NO_LOCKS,
    OTHER_PLACE,
    STATE_FOLDER,
    StatePlaces,
    check_locks,
    places_of,
    store_places,
)

__all__ = [
    "JOURNAL_NAME",
    "NO_LOCKS",
    "OTHER_PLACE",
    "STATE_FOLDER",
    "FilePlace",
    "FileStatus",
    "FinishedFile",
    "FoundSceneRecord",
    "Journal",
    "KnownFile",
    "KnownPath",
    "LastSearch",
    "Overview",
    "Place",
    "RecordedFiles",
    "Requested",
    "RunStart",
    "SceneRecord",
    "StatePlaces",
    "check_locks",
    "check_writable",
    "copy_journal",
    "open_state",
    "places_of",
    "read_journal",
    "replace_journal",
    "store_places",
]
