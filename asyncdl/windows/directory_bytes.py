"""Directories as bytes: entries, then values, and the tables of all of them behind the last.

Source: TIFF 6.0, section 2; the BigTIFF design.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from asyncdl.windows.tiff_form import Tag, TiffForm

ALIGNED_BYTES = 8
"""Directories and values begin at multiples of it; TIFF asks for 2."""


@dataclass(frozen=True, slots=True)
class DirectoryDraft:
    """One directory that is to be written."""

    tags: Mapping[int, Tag]
    tables: Mapping[int, Tag]
    """Offsets and sizes of tiles."""


def aligned(at: int) -> int:
    """Return the next place where a directory or value may begin."""
    return -(-at // ALIGNED_BYTES) * ALIGNED_BYTES


def directories_bytes(form: TiffForm, at: int, drafts: Sequence[DirectoryDraft]) -> bytes:
    """Return directories with all their values.

    Args:
        at: Where they go in the file; such as :func:`aligned` gives.
    Returns: As long for any values in the tables as for others, if their number is the same.
    """
    starts = [at]
    for draft in drafts:
        long_ones = (tag.data for tag in draft.tags.values() if _is_long(form, tag))
        value_bytes = sum(len(_padded(data)) for data in long_ones)
        starts.append(starts[-1] + _own_bytes(form, draft) + value_bytes)
    tables_at = starts[-1]
    body, tables = b"", b""
    for number, draft in enumerate(drafts):
        is_last = number == len(drafts) - 1
        following = form.offset(0 if is_last else starts[number + 1])
        entries = {**draft.tags, **draft.tables}
        values_at, values, written = starts[number] + _own_bytes(form, draft), b"", b""
        for tag_number, tag in sorted(entries.items()):
            field = tag.data
            if _is_long(form, tag) and tag_number in draft.tables:
                field = form.offset(tables_at + len(tables))
                tables += _padded(tag.data)
            elif _is_long(form, tag):
                field = form.offset(values_at + len(values))
                values += _padded(tag.data)
            written += struct.pack(form.entry_codes, tag_number, tag.kind, tag.count, field)
        body += _padded(form.count(len(entries)) + written + following) + values
    return body + tables


def _own_bytes(form: TiffForm, draft: DirectoryDraft) -> int:
    entries = len(draft.tags) + len(draft.tables)
    return aligned(form.count_bytes + entries * form.entry_bytes + form.field_bytes)


def _is_long(form: TiffForm, tag: Tag) -> bool:
    return len(tag.data) > form.field_bytes


def _padded(data: bytes) -> bytes:
    return data.ljust(aligned(len(data)), b"\0")
