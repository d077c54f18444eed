"""How far a run is, for people without a terminal: notebooks, logs of services.

For example: ``Job(config).run(progress_lines())``, or
``asyncdl.sync.run_job(config, emit=progress_lines())``. :func:`progress_display` is a live display
in a notebook.
"""

from asyncdl.progress.lines import progress_lines
from asyncdl.progress.notebook import progress_display

__all__ = ["progress_display", "progress_lines"]
