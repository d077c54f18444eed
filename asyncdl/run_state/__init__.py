"""What is known of a run, folded from its events: the one place that counts.

:class:`RunState` takes one event after the other. Display, lines, report, the summary of ``get``
and metrics are views of it; none of them counts by itself.
"""

from asyncdl.run_state.state import RunState

__all__ = ["RunState"]
