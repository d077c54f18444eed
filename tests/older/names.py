"""Lists the public names of the asyncdl that is installed, one a line, with what calls need.

    python -m tests.older.names --write 818423e     # with the asyncdl of that commit
    python -m tests.older.names --compare 818423e   # what is there now and was not, and the reverse

A line is ``module.name``, ``module.Class.member`` or, for what can be called,
``module.name(a, b=..., *, c=...)``: how it may be called, as Python writes it, without annotations.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import sys
import textwrap
import types
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tests.older.states import STATES

ROOMS: dict[str, tuple[str, ...]] = {
    "asyncdl": (),
    "asyncdl.config": (),
    "asyncdl.connectors": ("SecureConnector",),
    "asyncdl.errors": (),
    "asyncdl.events": (),
    "asyncdl.m2m": (),
    "asyncdl.metrics": (),
    "asyncdl.metrics.otel": ("OpenTelemetry",),
    "asyncdl.progress": (),
    "asyncdl.sandbox": (),
    "asyncdl.sync": (),
    "asyncdl.transfer": (),
}
"""The modules that pages and examples import from, and which names of them. Without any: those of
``__all__``, or where that is missing the classes that are defined there, and :data:`ALIASES`."""
ALIASES = {"asyncdl.events": ("Emit", "Event", "discard")}
FILE = "names.txt"


def listed() -> list[str]:
    """Return the line of every public name, sorted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a module that has moved
        return sorted({line for room in ROOMS for line in _lines(room)})


def _lines(room: str) -> Iterator[str]:
    module = importlib.import_module(room)
    for name in _names(module):
        value = getattr(module, name)
        if isinstance(value, types.ModuleType):
            yield f"{room}.{name}"
        elif inspect.isclass(value):
            yield f"{room}.{name}{_call(value)}"
            yield from (f"{room}.{name}.{line}" for line in _members(value))
        else:
            yield f"{room}.{name}{_call(value)}"


def _names(module: types.ModuleType) -> list[str]:
    """Return the public names of a module; see :data:`ROOMS`."""
    if chosen := ROOMS[module.__name__] or tuple(getattr(module, "__all__", ())):
        return list(chosen)
    own = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    classes = [name for name, value in own.items() if _is_own_class(value, module.__name__)]
    return [*classes, *ALIASES.get(module.__name__, ())]


def _is_own_class(value: object, module: str) -> bool:
    return inspect.isclass(value) and value.__module__ == module


def _members(cls: type) -> Iterator[str]:
    """Yield attributes and methods, those of bases of ours too."""
    foreign = {*dir(object), *dir(str)} if issubclass(cls, str) else {*dir(object)}
    for name in sorted({*_fields(cls), *_defined(cls)} - foreign):
        value = inspect.getattr_static(cls, name, None)
        is_plain = isinstance(value, types.FunctionType | staticmethod | classmethod)
        yield f"{name}{_call(getattr(cls, name))}" if is_plain else name


def _ours(cls: type) -> list[type]:
    return [base for base in cls.__mro__ if base.__module__.partition(".")[0] == "asyncdl"]


def _defined(cls: type) -> set[str]:
    """Return what the bodies of a class and its bases define."""
    return {name for base in _ours(cls) for name in vars(base) if not name.startswith("_")}


def _fields(cls: type) -> set[str]:
    """Return what instances have: annotated in the body, or assigned by ``__init__``."""
    annotated = {name for base in _ours(cls) for name in vars(base).get("__annotations__", ())}
    assigned = {name for base in _ours(cls) if "__init__" in vars(base) for name in _assigned(base)}
    return {name for name in annotated | assigned if not name.startswith("_")}


def _assigned(cls: type) -> Iterator[str]:
    try:
        source = inspect.getsource(vars(cls)["__init__"])
    except (OSError, TypeError):  # a dataclass or a struct has made it
        return
    for node in ast.walk(ast.parse(textwrap.dedent(source))):
        match node:
            case ast.Attribute(ast.Name("self"), name, ast.Store()):
                yield name


def _call(value: Any) -> str:
    """Return how something may be called; nothing for what cannot be."""
    if not inspect.isroutine(value) and not inspect.isclass(value):
        return ""
    if isinstance(value, type) and issubclass(value, Enum):
        return ""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):  # of something that is written in C
        return ""
    plain = [
        p.replace(annotation=p.empty, default=p.empty if p.default is p.empty else _Dots())
        for p in signature.parameters.values()
    ]
    return str(signature.replace(parameters=plain, return_annotation=signature.empty))


class _Dots:
    """Stands for any default."""

    def __repr__(self) -> str:
        return "..."


@dataclass(frozen=True)
class Call:
    """One way to call something, with nothing in it but names."""

    positional: tuple[str, ...]
    """What these arguments are called, in order."""
    named: frozenset[str]


def calls_of(line: str) -> list[Call]:
    """Return ways to call what a line stands for: as short as may be, and in full by name.

    Nothing for what cannot be called.
    """
    _, bracket, rest = line.partition("(")
    if not bracket:
        return []
    made = ast.parse(f"def made({rest}: ...").body[0]
    assert isinstance(made, ast.FunctionDef)
    own = made.args
    plain = tuple(argument.arg for argument in (*own.posonlyargs, *own.args))
    needed = plain[: len(plain) - len(own.defaults)]
    kinds = zip(own.kwonlyargs, own.kw_defaults, strict=True)
    named = {argument.arg: default is None for argument, default in kinds}
    unnamed = max(len(own.posonlyargs), int(plain[:1] == ("self",)))
    return [
        Call(needed, frozenset(name for name, is_needed in named.items() if is_needed)),
        Call(plain[:unnamed], frozenset((*plain[unnamed:], *named))),
    ]


def refusal_of(line: str, value: Any) -> str:
    """Say how a call of before is refused by what there is now; empty if none is."""
    calls = calls_of(line)
    if not calls:
        return ""
    if not callable(value):
        return "cannot be called any more"
    signature = inspect.signature(value)
    for call in calls:
        try:
            bound = signature.bind(*call.positional, **dict.fromkeys(call.named)).arguments
        except TypeError as error:
            return f"is now {signature}: {error}"
        swapped = {name: given for name, given in bound.items() if given in call.positional}
        if any(name != given for name, given in swapped.items()):
            return f"is now {signature}: takes {swapped}"
    return ""


def find(line: str) -> Any:
    """Return what a line names today; of what instances alone have, nothing.

    Raises: AttributeError or ImportError, if there is nothing of this name.
    """
    name = line.partition("(")[0]
    room = max((room for room in ROOMS if name.startswith(f"{room}.")), key=len)
    value: Any = importlib.import_module(room)
    for part in name.removeprefix(f"{room}.").split("."):
        if inspect.isclass(value) and part in _fields(value):
            return None
        value = getattr(value, part)
    return value


def main() -> None:
    """Write or compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", metavar="NAME", help="of the folder below tests/data/older")
    parser.add_argument("--compare", metavar="NAME")
    given = parser.parse_args()
    now = listed()
    if given.write:
        (STATES / given.write).mkdir(parents=True, exist_ok=True)
        (STATES / given.write / FILE).write_text("\n".join(now) + "\n", encoding="utf-8")
    if given.compare:
        then = (STATES / given.compare / FILE).read_text(encoding="utf-8").splitlines()
        gone, new = set(then) - set(now), set(now) - set(then)
        changes = [*((line, "-") for line in gone), *((line, "+") for line in new)]
        sys.stdout.writelines(f"{sign} {line}\n" for line, sign in sorted(changes))


if __name__ == "__main__":
    main()
