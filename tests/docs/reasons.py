"""The stable reason codes, read from the code that gives them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "asyncdl"
ROOMS = (
    "errors.py", "events.py", "net", "transfer", "m2m", "journal", "stores", "job", "cluster",
)  # fmt: skip
CODE = re.compile(r"[a-z]+(-[a-z]+)*")
"""What is no code is a sentence for people; some things that are called reason hold one."""

WORDS_FOR_PEOPLE = {"ApiRetry", "HostWait", "ServiceWait", "WorkerLeft", "hold", "_announce"}
"""Their reasons tell why something waits and are no codes."""


def reasons_in_the_code() -> set[str]:
    """Return every code; ``http-`` stands for all that begin so."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in _modules()]
    constants = {name: value for tree in trees for name, value in _constants(tree)}
    places = {name: place for tree in trees for name, place in _places_of_reason(tree)}
    given = (value for tree in trees for value in _given(tree, places))
    texts = (text for value in given for text in _texts(value, constants))
    return {text for text in texts if CODE.fullmatch(text.removesuffix("-"))}


def _modules() -> Iterator[Path]:
    for room in ROOMS:
        path = PACKAGE / room
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                yield name, text


def _places_of_reason(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield functions and records, each with the position of what it calls ``reason``."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name, args=args):
                names = [argument.arg for argument in args.args if argument.arg != "self"]
            case ast.ClassDef(name=name):
                names = [
                    field.target.id
                    for field in node.body
                    if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
                ]
            case _:
                continue
        if "reason" in names:
            yield name, names.index("reason")


def _given(tree: ast.Module, places: dict[str, int]) -> Iterator[ast.expr]:
    """Yield every expression that becomes a reason."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=callee) | ast.Attribute(attr=callee)):
                if callee not in WORDS_FOR_PEOPLE:
                    yield from (word.value for word in node.keywords if word.arg == "reason")
                    place = places.get(callee, len(node.args))
                    yield from node.args[place : place + 1]
            case ast.Assign(targets=[ast.Name(id="reason")], value=value):
                yield value
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                for name, value in zip(names, values, strict=True):
                    if isinstance(name, ast.Name) and name.id == "reason":
                        yield value


def _texts(value: ast.expr, constants: dict[str, str]) -> Iterator[str]:
    match value:
        case (
            ast.Constant(value=str(text))
            | ast.JoinedStr(values=[ast.Constant(value=str(text)), *_])
        ):
            yield text
        case ast.Name(id=name) if name in constants:
            yield constants[name]
        case ast.IfExp(body=body, orelse=orelse):
            yield from _texts(body, constants)
            yield from _texts(orelse, constants)
