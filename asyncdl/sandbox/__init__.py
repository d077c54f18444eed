"""An embedded M2M service and file host that stands in for USGS.

For trials without an account, for tests of asyncdl, and for tests of other programs::

    async with asyncdl.sandbox.serve(faults=Faults(preparing=0.5)) as service:
        await my_program(service.url, service.username, service.token)
        assert service.violations == []
"""

import warnings
from typing import Any

from asyncdl.sandbox.admin_api import CleanupReport
from asyncdl.sandbox.file_contents import ExpectedFiles
from asyncdl.sandbox.injected_faults import Faults
from asyncdl.sandbox.service import Service, serve

__all__ = ["CleanupReport", "ExpectedFiles", "Faults", "Service", "serve"]
_RENAMED = {"Leftovers": CleanupReport, "Truth": ExpectedFiles}


def __getattr__(name: str) -> Any:
    if name not in _RENAMED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    new = _RENAMED[name]
    warnings.warn(
        f"asyncdl.sandbox.{name} is asyncdl.sandbox.{new.__name__} now; the old name goes with 0.3",
        DeprecationWarning,
        stacklevel=2,
    )
    return new
