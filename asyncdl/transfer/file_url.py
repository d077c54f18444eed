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
        request: The file.
    Raises: TransferError, if its URL is not one, or a header cannot be sent.
    """

    def __init__(self, request: FileRequest) -> None:
        self._named_by = request.named_by
        self.now = _checked(request.url, request.named_by)
        self.headers = hidden(request.headers)
        check_headers(self.now, self.headers)
        self.sample = SampleFile(self.now, self.headers, lambda: request.max_zone)
        """The file as its host knows it, for other files to compare with."""
        self.is_renewed = request.refresh is not None or request.named_by is not None
        """Whether a service gives fresh URLs of the same file."""
        self.source = source_of(request.url, is_renewed=self.is_renewed)
        """What stays of the URL when it is signed again; it contains no secret."""
        self.sources = {self.source, *map(source_of, request.mirrors)}
        """The sources of all mirrors."""

    def replace(self, fresh: str) -> None:
        """Request a fresh URL from now on.

        Raises: TransferError, WrongContent, if it may not be followed.
        """
        self.now = self.sample.url = _checked(fresh, self._named_by)


def _checked(url: str, named_by: str | None) -> str:
    """Return a URL as it may be fetched. Raises: TransferError, WrongContent."""
    url = Url(url)
    if named_by is not None:
        return permitted_target(named_by, url)
    read_target(url)
    return url
