"""Modules that the documentation has named and that are elsewhere now; for one release.

Whoever imports one by its old name gets its contents and a DeprecationWarning that says the new
name. A finder does it that is asked only for modules that no other finder has found, so it costs
nothing else.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

MODULES = {
    "asyncdl.cli.streams": "asyncdl.cli.stdio",
    "asyncdl.connectors": "asyncdl.net.connectors",
    "asyncdl.job.journal": "asyncdl.journal",
    "asyncdl.job.journal.place": "asyncdl.journal.state_location",
    "asyncdl.transfer.guard": "asyncdl.net.address_policy",
    "asyncdl.transfer.proving": "asyncdl.transfer.verification",
    "asyncdl.transfer.proving.archive": "asyncdl.transfer.verification.archive",
}
"""Old names to new ones; the folders of old modules are among them."""
_NAMES = {("asyncdl.transfer.guard", "InwardAddress"): "BlockedAddress"}
"""Names in old modules that have changed, too."""


class RenamedModules:
    """Finds the modules of :data:`MODULES`. See ``importlib.abc.MetaPathFinder``."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to make a module of an old name; ``None`` for any other name."""
        if name not in MODULES:
            return None
        from importlib.machinery import ModuleSpec

        # The loader has what importlib calls, and no base class, whose import would cost more.
        return ModuleSpec(name, _Loader(), is_package=_is_folder(name))  # type: ignore[arg-type]


def _is_folder(name: str) -> bool:
    return any(other.startswith(f"{name}.") for other in MODULES)


class _Loader:
    @staticmethod
    def create_module(spec: ModuleSpec) -> None:
        """Have importlib make the module."""

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Let a module give what the one of the new name has."""
        import warnings

        old, new = module.__name__, MODULES[module.__name__]
        if not _is_folder(old):
            text = f"{old} is now {new}; the old name will be removed in the next release"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
        real = importlib.import_module(new)

        def find(name: str) -> Any:
            return getattr(real, _NAMES.get((old, name), name))

        module.__dict__["__getattr__"] = find


def install() -> None:
    """Add the finder, once."""
    if RenamedModules not in sys.meta_path:
        sys.meta_path.append(RenamedModules)
