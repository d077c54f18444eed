"""The docstrings below the fields of a class, for help and reference pages."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import get_args, get_type_hints

import msgspec


def field_docs(kind: type) -> dict[str, str]:
    """Return the docstring below each field as one line; empty where there is none."""
    [definition] = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    if not isinstance(definition, ast.ClassDef):
        raise TypeError(f"{kind!r} is not defined as a class")
    docs: dict[str, str] = {}
    name = ""
    for node in definition.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
            docs[name] = ""
        elif name and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            docs[name] = " ".join(str(node.value.value).split()).replace("``", "`")
        else:
            name = ""
    return docs


def default_of(field: msgspec.structs.FieldInfo) -> str:
    """Return a config field's default in TOML syntax; empty if there is none."""
    if field.required:
        return "required"
    value = field.default
    if value is None or value is msgspec.NODEFAULT:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return f'"{value}"' if isinstance(value, str) else str(value)


def allowed_for(kind: type, name: str) -> str:
    """Return the description of allowed values in a field's annotation."""
    hint = get_type_hints(kind, include_extras=True)[name]
    for part in (hint, *get_args(hint)):
        for extra in getattr(part, "__metadata__", ()):
            if isinstance(extra, msgspec.Meta) and extra.description:
                return extra.description
    return "true or false" if hint is bool else "text"
