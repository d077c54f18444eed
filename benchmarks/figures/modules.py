"""Modules, their sizes, who imports them, and names that are there twice. Nothing is run."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

PACKAGE = "asyncdl"
SHORT_LINES = 60
CRUMB_LINES = 90
FACE = "asyncdl.sync"
"""Its classes have on purpose the names of those that they stand for."""


@dataclass(frozen=True)
class Module:
    """One file of the package."""

    name: str
    """Dotted; a package has the name of its folder."""
    path: Path
    """From the root of the tree."""
    text: str

    @property
    def is_package(self) -> bool:
        """Whether it is an ``__init__.py``."""
        return self.path.name == "__init__.py"

    @property
    def lines(self) -> int:
        """Lines of the file, comments and blank ones too."""
        return self.text.count("\n")

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax."""
        return ast.parse(self.text, str(self.path))


def modules_of(root: Path) -> dict[str, Module]:
    """Read all modules of the package in a tree, by their names.

    Raises: FileNotFoundError, if there is no package.
    """
    package = root / PACKAGE
    if not package.is_dir():
        raise FileNotFoundError(f"{root} has no folder {PACKAGE}")
    found = {}
    for path in sorted(package.rglob("*.py")):
        relative = path.relative_to(root)
        parts = relative.with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = Module(name, relative, path.read_text(encoding="utf-8"))
    return found


def imports_of(module: Module, known: Mapping[str, Module]) -> set[str]:
    """Return the modules of the package that one names in an import, at any depth in its code.

    ``from a import b`` is an import of ``a.b`` where that is a module, else of ``a``.
    """
    named = set(_imported(module))
    found = {name if name in known else name.rpartition(".")[0] for name in named}
    return {name for name in found if name in known} - {module.name}


def _imported(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(module, node)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _base(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    above = parts[: len(parts) - node.level + module.is_package]
    return ".".join([*above, node.module] if node.module else above)


def importers_of(known: Mapping[str, Module]) -> dict[str, set[str]]:
    """Return, for each module, those that import it."""
    importers: dict[str, set[str]] = {name: set() for name in known}
    for module in known.values():
        for name in imports_of(module, known):
            importers[name].add(module.name)
    return importers


def classes_of(known: Mapping[str, Module]) -> dict[str, list[str]]:
    """Return, for each name of a class, the modules that define one; nested ones count."""
    homes = defaultdict[str, list[str]](list)
    for module in known.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and module.name != FACE:
                homes[node.name].append(module.name)
    return homes


def crumbs(known: Mapping[str, Module]) -> list[str]:
    """Return the modules of few lines that one other alone imports; packages do not count."""
    return sorted(
        name
        for name, importers in importers_of(known).items()
        if len(importers) == 1
        and known[name].lines < CRUMB_LINES
        and not known[name].is_package
    )  # fmt: skip


def doubled_classes(known: Mapping[str, Module]) -> list[str]:
    """Return the names of classes that stand for more than one."""
    return sorted(name for name, homes in classes_of(known).items() if len(homes) > 1)


def doubled_files(known: Mapping[str, Module]) -> list[str]:
    """Return the file names that occur in more than one folder, but for those of packages."""
    counts = Counter(m.path.name for m in known.values() if not m.path.name.startswith("__"))
    return sorted(name for name, count in counts.items() if count > 1)


def figures_of(known: Mapping[str, Module]) -> dict[str, float]:
    """Return all that is counted of modules; each key says what."""
    plain = [module for module in known.values() if not module.is_package]
    return {
        "files": len(known),
        "lines": sum(module.lines for module in known.values()),
        "median lines of a module": median(module.lines for module in plain),
        f"modules under {SHORT_LINES} lines": sum(m.lines < SHORT_LINES for m in plain),
        f"modules under {CRUMB_LINES} lines with one importer": len(crumbs(known)),
        "class names that stand for several": len(doubled_classes(known)),
        "file names that occur several times": len(doubled_files(known)),
    }
