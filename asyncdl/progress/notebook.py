"""How a notebook shows a run: as a widget, or as lines where there is none."""

from __future__ import annotations

import sys

from asyncdl.events import Emit
from asyncdl.extras import installing
from asyncdl.progress.lines import progress_lines


def progress_display() -> Emit:
    """Return what takes the events of a run and shows it, as well as the place allows.

    In a notebook with the extra ``notebook`` that is a widget, which is displayed at once;
    elsewhere lines, as of :func:`progress_lines`::

        summary = await asyncdl.download(scenes, bands=["red"], emit=progress_display())
    """
    if not is_notebook():
        return progress_lines()
    try:
        from asyncdl.progress.widget import ProgressWidget
    except ImportError:
        print(f"For a live display: {installing('notebook')}")  # noqa: T201  # for its reader
        return progress_lines()
    from IPython.display import display

    widget = ProgressWidget()
    display(widget)
    return widget.take


def is_notebook() -> bool:
    """Return whether this is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
