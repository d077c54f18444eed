"""All modules of the package that can be imported here."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import asyncdl

OF_EXTRAS = {"anywidget", "distributed", "obstore"}
"""What modules of ours import at their top, which nothing imports without the extra."""


def own_modules() -> Iterator[ModuleType]:
    """Yield each module but the programs, and those whose extra is not installed."""
    for found in pkgutil.walk_packages(asyncdl.__path__, "asyncdl."):
        if found.name.endswith("__main__"):
            continue
        try:
            yield importlib.import_module(found.name)
        except ModuleNotFoundError as error:
            if error.name not in OF_EXTRAS:
                raise
