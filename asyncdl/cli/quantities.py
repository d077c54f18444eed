"""Numbers for people."""

from __future__ import annotations

from asyncdl.units import count as count
from asyncdl.units import duration as duration
from asyncdl.units import size as size
