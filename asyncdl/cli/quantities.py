"""Numbers for people."""

from __future__ import annotations

from asyncdl.job.telling.amounts import count as count
from asyncdl.job.telling.amounts import duration as duration
from asyncdl.job.telling.amounts import size as size
