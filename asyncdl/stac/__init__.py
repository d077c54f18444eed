"""The Landsat STAC service: what the files of a product hash to.

Knows nothing of files on disk or of M2M. The way in is :class:`StacCatalog`.
The service is a convenience: whatever happens to it, nothing here raises.
"""

from asyncdl.stac.catalog import StacCatalog, StacOptions
from asyncdl.stac.items import FileDigest

__all__ = ["FileDigest", "StacCatalog", "StacOptions"]
