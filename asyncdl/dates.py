"""Dates as HTTP tells them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


LONGEST_DATE_CHARS = 100
"""Three times what a date takes in any form."""


def parse_http_date(text: str) -> datetime | None:
    """Read a date such as that of ``Last-Modified``, with its zone.

    Returns: ``None`` for what is no date, or one that no calendar has.
    Source: RFC 9110, section 5.6.7.
    """
    # Few answers have dates that matter; the others do without these modules.
    from datetime import UTC
    from email.utils import parsedate_to_datetime

    if len(text) > LONGEST_DATE_CHARS or not text.isascii():
        return None
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
