"""Whether all is well that a run depends on: this machine, the hosts, the account.

Each check is a small function that returns a :class:`Check`; ``checkup.py`` has them in order.
"""

from asyncdl.doctor.check import Check, CheckState
from asyncdl.doctor.checkup import Patient, checkup

__all__ = ["Check", "CheckState", "Patient", "checkup"]
