"""An assert in a file that is no test."""

from __future__ import annotations


def claim(something: bool) -> None:
    """Fail unless it is true."""
    assert something
