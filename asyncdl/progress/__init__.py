"""How far a run is, for people without a terminal: notebooks, logs of services.

For example: ``Job(config).run(progress_lines())``, or
``asyncdl.sync.run_job(config, emit=progress_lines())``.
"""

from asyncdl.progress.lines import progress_lines

__all__ = ["progress_lines"]
