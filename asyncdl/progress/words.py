"""A board in words, for a display and for single lines alike. Pure."""

from __future__ import annotations

from asyncdl.progress.board import Board
from asyncdl.units import count, duration, rate, size


def totals(board: Board) -> list[str]:
    """Return what is wanted and what has ended, the most important first."""
    parts = [f"{board.finished_files:,} of {count(board.wanted_files, 'file')}"]
    if board.total_hits is not None and board.total_hits != board.scenes:
        parts.insert(0, f"{count(board.scenes, 'scene')} of {board.total_hits:,}")
    elif board.scenes:
        parts.insert(0, count(board.scenes, "scene"))
    if board.missing_files:
        parts.append(f"{board.missing_files:,} failed")
    if board.quota is not None:
        parts.append(f"quota left: {board.quota:,}")
    return parts


def pace(board: Board) -> list[str]:
    """Return how much has come, how fast, and how long it takes, the most important first."""
    done = size(board.done_bytes)
    parts = [
        f"{done} of {size(board.wanted_bytes)}" if board.wanted_bytes else done,
        rate(board.rate_bytes_s),
        duration(board.elapsed_s),
    ]
    if board.remaining_s is not None:
        parts.append(f"{duration(board.remaining_s)} to go")
    if board.connections:
        parts.append(count(board.connections, "connection"))
    return parts


def joined(parts: list[str], width: int) -> str:
    """Return as many of the first parts as fit; always the first."""
    line = parts[0]
    for part in parts[1:]:
        if len(line) + len(part) + 3 > width:
            break
        line += f" · {part}"
    return line
