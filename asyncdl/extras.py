"""How the packages are installed that asyncdl does without. Pure."""

from __future__ import annotations


def installing(extra: str) -> str:
    """Return the command that brings an extra, such as ``geo``.

    It installs from the source, as README.md does: no index has asyncdl yet.
    """
    return f'pip install ".[{extra}]" in the folder of asyncdl\'s source'
