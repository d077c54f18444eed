"""Writes ``asyncdl/sync.pyi``: the synchronous face as type checkers see it.

The signatures are those of the asynchronous classes; a test keeps the two together.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
STUB = ROOT / "asyncdl" / "sync.pyi"
CLASSES = {
    "M2MClient": "m2m/m2m_client.py",
    "Downloader": "transfer/downloader.py",
    "Job": "job/job.py",
}
FUNCTIONS = {
    "search": "library/searching.py",
    "plan": "library/downloading.py",
    "download": "library/downloading.py",
    "status": "library/checking.py",
    "verify": "library/checking.py",
    "map": "library/mapping.py",
}
HIDDEN = {"aclose"}
"""Public there, but of no use behind a ``with`` block."""
HEAD = "# Written by docs/make_sync.py; run it after a change of the asynchronous classes.\n"
OWN_IMPORTS = (
    "from collections.abc import Callable, Iterator",
    "from contextlib import AbstractContextManager",
    "from types import TracebackType",
    "from typing import Any, Self",
    "from asyncdl.config import Config",
    "from asyncdl.events import Event",
    "from asyncdl.job.reporting.report import Summary",
)
FACE = """
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None: ...
"""
RUN_JOB = """
def run_job(
    config: Config, *, emit: Callable[[Event], None] | None = None, **kwargs: Any
) -> Summary: ...
"""


def stub() -> str:
    """Return the text of the stub."""
    homes, classes = dict[str, str](), []
    for name, module in CLASSES.items():
        tree = ast.parse((ROOT / "asyncdl" / module).read_text(encoding="utf-8"))
        classes.append(_class(name, tree))
        homes = dict(_homes(tree, classes[-1], module)) | homes
    for name, module in FUNCTIONS.items():
        tree = ast.parse((ROOT / "asyncdl" / module).read_text(encoding="utf-8"))
        classes.append(_function(name, tree))
        homes = dict(_homes(tree, classes[-1], module)) | homes
    imports = [f"from {home} import {name}" for name, home in homes.items()]
    names = ", ".join(f'"{name}"' for name in sorted([*CLASSES, *FUNCTIONS, "run_job"]))
    lines = "\n".join(sorted([*imports, *OWN_IMPORTS]))
    return "\n".join([HEAD, lines, f"\n__all__ = [{names}]\n", *classes, RUN_JOB])


def _class(name: str, tree: ast.Module) -> str:
    (found,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    lines = [f"class {name}:"]
    for node in found.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_shown(node.name):
            lines += _method(node)
        elif isinstance(node, ast.FunctionDef) and node.name == "__init__":
            lines += _method(node)
            lines += [f"    {ast.unparse(n)}" for n in ast.walk(node) if _is_public_field(n)]
    return "\n".join(lines) + FACE


def _function(name: str, tree: ast.Module) -> str:
    (found,) = (
        node for node in tree.body if isinstance(node, ast.AsyncFunctionDef) and node.name == name
    )
    returns = ast.unparse(found.returns) if found.returns else "None"
    return f"def {name}({_with_hidden_defaults(found.args)}) -> {returns}: ..."


def _is_shown(name: str) -> bool:
    return name == "__aiter__" or not (name.startswith("_") or name in HIDDEN)


def _is_public_field(node: ast.AST) -> bool:
    if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Attribute)):
        return False
    node.target, node.value = ast.Name(node.target.attr), None
    node.simple = 1
    return not node.target.id.startswith("_")


def _method(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    name = "__iter__" if node.name == "__aiter__" else node.name
    returns = ast.unparse(node.returns) if node.returns else "None"
    for there, here in (("AbstractAsyncContext", "AbstractContext"), ("AsyncIterator", "Iterator")):
        returns = returns.replace(there, here)
    yield from (f"    @{ast.unparse(decorator)}" for decorator in node.decorator_list)
    yield f"    def {name}({_with_hidden_defaults(node.args)}) -> {returns}: ..."


def _with_hidden_defaults(arguments: ast.arguments) -> str:
    hidden = ast.Constant(...)
    arguments.defaults = [hidden for _ in arguments.defaults]
    arguments.kw_defaults = [default and hidden for default in arguments.kw_defaults]
    return ast.unparse(arguments)


def _homes(tree: ast.Module, text: str, module: str) -> Iterator[tuple[str, str]]:
    """Yield each name that a text uses, and the module that its own module has it from."""
    home = "asyncdl." + module.removesuffix(".py").replace("/", ".")
    words = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    own = {alias.name for line in OWN_IMPORTS for alias in _names_in(ast.parse(line).body[0])}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in _names_in(node):
                if alias.name in words - own:
                    yield alias.name, node.module
        elif isinstance(node, ast.ClassDef) and node.name in words - CLASSES.keys():
            yield node.name, home


def _names_in(node: ast.stmt) -> list[ast.alias]:
    return node.names if isinstance(node, ast.ImportFrom) else []


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
