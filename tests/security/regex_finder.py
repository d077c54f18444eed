"""Every regular expression of the package, found in its sources and imported as it runs."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncdl

PACKAGE = Path(asyncdl.__file__).parent
ANCHORED = {"match", "fullmatch"}
SCANNING = {"search", "findall", "finditer", "sub", "subn", "split"}
GLOB = "*A*[!B]?*C*"
"""A glob as hostile as they come; fnmatch makes a regular expression of it."""


@dataclass(frozen=True)
class Found:
    """One regular expression, and how it is used."""

    place: str
    pattern: str | bytes
    flags: int
    modes: frozenset[str]
    """``match``, ``fullmatch`` or ``search``; all of them where the sources leave it open."""


def found_patterns(package: Path = PACKAGE) -> list[Found]:
    """Return all of the package. Raises: AssertionError, for a use that nobody could follow."""
    return [found for path in sorted(package.rglob("*.py")) for found in _of_file(path, package)]


def _of_file(path: Path, package: Path) -> Iterator[Found]:
    source = path.read_text()
    if "re" not in source:
        return
    tree = ast.parse(source)
    parts = path.relative_to(package.parent).with_suffix("").parts
    name = ".".join(parts).removesuffix(".__init__")
    uses = _uses(tree)
    named = {
        id(node.value): target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        for argument, flags, verb in _pattern_of(node):
            modes = {verb} if verb else uses.get(named.get(id(node), ""), set())
            if _is_translate(argument):
                modes = {"match"}  # such a pattern has an end of its own
            where = f"{name}:{node.lineno}"
            for pattern in _values(argument, name, where):
                yield Found(where, pattern, _value(flags, name), _modes(modes))


def _pattern_of(node: ast.Call) -> Iterator[tuple[ast.expr, ast.expr | None, str]]:
    """Yield the pattern, its flags, and what is done with it; nothing for other calls."""
    flags = next((k.value for k in node.keywords if k.arg == "flags"), None)
    match node.func:
        case ast.Attribute(value=ast.Name(id="re"), attr="compile"):
            yield node.args[0], flags or (node.args[1] if len(node.args) > 1 else None), ""
        case ast.Attribute(value=ast.Name(id="re"), attr=verb) if verb in ANCHORED | SCANNING:
            third = 3 if verb in ("sub", "subn") else 2
            more = node.args[third] if len(node.args) > third else None
            yield node.args[0], flags or more, verb
        case ast.Name(id="Meta"):
            for keyword in node.keywords:
                if keyword.arg == "pattern":
                    yield keyword.value, None, "search"
        case ast.Name(id="fnmatchcase" | "fnmatch") | ast.Attribute(attr="fnmatchcase"):
            yield ast.Constant(translate(GLOB)), None, "match"
        case _:
            return


def _uses(tree: ast.AST) -> dict[str, set[str]]:
    """Return the methods of compiled patterns that a module uses, by the name of the pattern."""
    uses: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=verb) if verb in ANCHORED | SCANNING:
                uses.setdefault(name, set()).add(verb)
    return uses


def _modes(verbs: set[str]) -> frozenset[str]:
    if not verbs:
        return frozenset({"match", "fullmatch", "search"})
    return frozenset("search" if verb in SCANNING else verb for verb in verbs)


def _values(node: ast.expr, module: str, where: str) -> list[str | bytes]:
    """Return what an expression can be; a name of a local loop stands for any word."""
    if _is_translate(node):
        return [translate(GLOB)]
    try:
        return [_value(node, module)]
    except NameError:
        pass
    # rf"…{name}…" within a loop: all names there are words of the package itself.
    assert isinstance(node, ast.JoinedStr), f"{where}: no pattern that could be read"
    holes = [part for part in node.values if isinstance(part, ast.FormattedValue)]
    for hole in holes:
        assert isinstance(hole.value, ast.Name), f"{where}: no pattern that could be read"
    text = "".join(
        str(part.value) if isinstance(part, ast.Constant) else "word" for part in node.values
    )
    return [text]


def _is_translate(node: ast.expr) -> bool:
    """Tell whether fnmatch makes the pattern."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "translate"
    )


def _value(node: ast.expr | None, module: str) -> Any:
    if node is None:
        return 0
    code = compile(ast.fix_missing_locations(ast.Expression(node)), module, "eval")
    return eval(code, vars(_imported(module)))


def _imported(module: str) -> ModuleType:
    return importlib.import_module(module) if module != "asyncdl.__main__" else re
