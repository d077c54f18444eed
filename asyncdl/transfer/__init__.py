"""The transfer engine: one request to one verified file.

Knows nothing about USGS. The entry point is :class:`Downloader`; :func:`serve_queue` puts it
behind a bounded queue.
"""

from asyncdl.transfer.dispatch import Outcome, serve_queue
from asyncdl.transfer.downloader import Downloader
from asyncdl.transfer.freshness import Recheck
from asyncdl.transfer.limits import Limits
from asyncdl.transfer.netrc import Netrc, read_netrc
from asyncdl.transfer.request import Fetched, FileFetcher, FileRequest
from asyncdl.transfer.verification.digests import Digest
from asyncdl.transfer.verification.structure import Form, form_of

__all__ = [
    "Digest",
    "Downloader",
    "Fetched",
    "FileFetcher",
    "FileRequest",
    "Form",
    "Limits",
    "Netrc",
    "Outcome",
    "Recheck",
    "form_of",
    "read_netrc",
    "serve_queue",
]
