"""All endpoints by name."""

from collections.abc import Mapping

from asyncdl.sandbox.endpoints import (
    datasets,
    limits,
    lists,
    notices,
    options,
    queue,
    request,
    scenes,
)
from asyncdl.sandbox.endpoints.payload import Endpoint

ENDPOINTS: Mapping[str, Endpoint] = {
    **datasets.ENDPOINTS,
    **scenes.ENDPOINTS,
    **lists.ENDPOINTS,
    **options.ENDPOINTS,
    **request.ENDPOINTS,
    **queue.ENDPOINTS,
    **limits.ENDPOINTS,
    **notices.ENDPOINTS,
}
"""All endpoints but login and logout."""
