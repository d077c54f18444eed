"""The Landsat STAC service: digests of the files of a product.

Knows nothing of files on disk or of M2M. The entry point is :class:`StacCatalog`.
The service is optional: whatever happens to it, nothing here raises.
"""

from asyncdl.stac.catalog import StacCatalog, StacOptions
from asyncdl.stac.items import FileDigest

__all__ = ["FileDigest", "StacCatalog", "StacOptions"]
