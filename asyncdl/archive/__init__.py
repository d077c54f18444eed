"""The archive of Landsat Collection 2 on S3, read at the reader's own cost.

Its files are those that the M2M service gives out, so what proves them is the same. Nothing is
requested there, no quota is spent, and nothing is prepared; the reader's own AWS account pays.
"""

from asyncdl.archive.archive_client import ArchiveClient
from asyncdl.archive.bucket import ArchiveBucket, ArchiveSettings

__all__ = ["ArchiveBucket", "ArchiveClient", "ArchiveSettings"]
