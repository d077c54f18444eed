"""All endpoints by name."""

from collections.abc import Mapping

from asyncdl.sandbox.endpoints import (
    datasets,
    descriptions,
    limits,
    lists,
    notices,
    options,
    orders,
    places,
    preferences,
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
    **descriptions.ENDPOINTS,
    **places.ENDPOINTS,
    **orders.ENDPOINTS,
    **preferences.ENDPOINTS,
}
"""All endpoints but login and logout."""
FIXED = frozenset(
    {*notices.FIXED, *descriptions.FIXED, *orders.FIXED, *preferences.FIXED, "download-order-load"}
)
"""Those that are answered the same at all times."""
