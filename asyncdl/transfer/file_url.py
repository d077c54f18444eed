"""Where one file is requested: its URL, which a fresh one may replace, and its headers."""

from __future__ import annotations

from asyncdl.redact import Url
from asyncdl.transfer.host_health import SampleFile
from asyncdl.transfer.http import check_headers, permitted_target
from asyncdl.transfer.request import FileRequest
from asyncdl.transfer.request_headers import hidden
from asyncdl.transfer.url_identity import source_of
from asyncdl.transfer.wire_url import read_target


class FileUrl:
    """The URL of one file, which a fresh one may replace, and the headers sent with it.

    Args:
        request: What is wanted.
    Raises: TransferError, if its URL is none, or a header cannot be sent.
    """

    def __init__(self, request: FileRequest) -> None:
        self._named_by = request.named_by
        self.now = _checked(request.url, request.named_by)
        self.headers = hidden(request.headers)
        check_headers(self.now, self.headers)
        self.sample = SampleFile(self.now, self.headers, lambda: request.max_zone)
        """The file as others of its host ask for it, to compare with."""
        self.is_renewed = request.refresh is not None or request.named_by is not None
        """Whether a service names fresh URLs of the same file."""
        self.source = source_of(request.url, is_renewed=self.is_renewed)
        """What stays of the URL when it is signed anew; no secret is in it."""
        self.sources = {self.source, *map(source_of, request.mirrors)}
        """Those of all mirrors."""

    def replace(self, fresh: str) -> None:
        """Ask at a fresh URL from now on.

        Raises: TransferError, WrongContent, if it is none that may be followed.
        """
        self.now = self.sample.url = _checked(fresh, self._named_by)


def _checked(url: str, named_by: str | None) -> str:
    """Return a URL as it may be fetched. Raises: TransferError, WrongContent."""
    url = Url(url)
    if named_by is not None:
        return permitted_target(named_by, url)
    read_target(url)
    return url
