"""Checks everything that a run depends on: this machine, the hosts, the account.

Each check is a small function that returns a :class:`Check`; ``run_checks.py`` has them in order.
"""

from asyncdl.doctor.finding import Check, CheckState
from asyncdl.doctor.run_checks import DoctorTarget, run_checks

__all__ = ["Check", "CheckState", "DoctorTarget", "run_checks"]
