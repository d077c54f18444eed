"""An embedded M2M service and file host that stands in for USGS.

For trials without an account, for tests of asyncdl, and for tests of others::

    async with asyncdl.sandbox.serve(faults=Faults(preparing=0.5)) as service:
        await my_program(service.url, service.username, service.token)
        assert service.violations == []
"""

from asyncdl.sandbox.faults import Faults
from asyncdl.sandbox.leftovers import Leftovers
from asyncdl.sandbox.service import Service, serve
from asyncdl.sandbox.truth import Truth

__all__ = ["Faults", "Leftovers", "Service", "Truth", "serve"]
