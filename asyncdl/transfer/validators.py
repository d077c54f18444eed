"""Validators: how a response identifies the version of a file. Pure."""

from __future__ import annotations

import re

from msgspec import Struct

from asyncdl.net.retry import parse_http_date

_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')

_HASH_ETAG = re.compile(r'"[0-9a-fA-F]{32,}(?:-[0-9]+)?"')
"""An MD5 or longer, as object stores send them, also for objects of several parts."""

_SAFE_AGE_S = 60.0
"""A date counts once the file has not changed for a minute: two changes within the same second
would share it (RFC 9110, section 8.8.2.2)."""


class Validator(Struct, frozen=True):
    """What one response says about the version of its file."""

    etag: str | None = None
    """The ``ETag`` exactly as sent."""
    last_modified: str | None = None
    """The ``Last-Modified`` date exactly as sent."""
    date_is_strong: bool = False
    """Whether that date identifies the version; used only without an ``ETag``."""

    @property
    def if_range(self) -> str | None:
        """The value for ``If-Range``; ``None`` if there is none that may be used.

        A weak ``ETag`` may not (RFC 9110, section 13.1.5), and a date beside one is no better:
        the host itself says that bytes may differ.
        """
        if self.etag is not None:
            return self.etag if _STRONG_ETAG.fullmatch(self.etag) else None
        return self.last_modified if self.date_is_strong else None

    @property
    def is_strong(self) -> bool:
        """Whether two responses with this validator bring the same bytes."""
        return self.if_range is not None

    @property
    def names_bytes(self) -> bool:
        """Whether it identifies bytes wherever they are, not only a version of one file."""
        return self.etag is not None and _HASH_ETAG.fullmatch(self.etag) is not None

    @property
    def is_empty(self) -> bool:
        """Whether the host sent none."""
        return self.etag is None and self.last_modified is None

    def matches(self, other: Validator) -> bool:
        """Return whether ``other`` repeats what identifies the version here."""
        if self.etag is not None:
            return other.etag == self.etag
        return self.last_modified is not None and other.last_modified == self.last_modified

    def contradicts(self, other: Validator, *, was_conditional: bool) -> bool:
        """Return whether a partial response with ``other`` is of another version.

        Args:
            other: The validator of the partial response.
            was_conditional: Whether the request had ``If-Range``: the host may then leave out
                the date, which it has compared itself (RFC 9110, section 15.3.7), but never
                the ``ETag``.
        """
        if self.is_empty or self.matches(other):
            return False
        return self.etag is not None or other.last_modified is not None or not was_conditional


def read_validator(etag: str | None, last_modified: str | None, date: str | None) -> Validator:
    """Read the validator from the headers of a response.

    Args:
        etag: ``ETag``, if sent.
        last_modified: ``Last-Modified``, if sent.
        date: ``Date``, the host's own clock: only it shows the age of the file.
    """
    date_is_strong = not etag and _is_old_enough(last_modified, date)
    return Validator(etag or None, last_modified or None, date_is_strong)


def _is_old_enough(last_modified: str | None, date: str | None) -> bool:
    if not last_modified or not date:
        return False
    now, then = parse_http_date(date), parse_http_date(last_modified)
    return now is not None and then is not None and (now - then).total_seconds() >= _SAFE_AGE_S
