"""HTML from Python, with everything escaped that is not markup already. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

VOID = frozenset({"br", "col", "hr", "img", "input", "line", "path", "rect"})
"""Elements that are written without content here."""


class Markup(str):
    """Text that is HTML; every other text is escaped where the two meet."""

    __slots__ = ()


Child: TypeAlias = "str | int | Iterable[Child] | None"
"""What stands in an element. ``None`` is nothing."""


def element(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """Return an element.

    Args:
        name: Of the element, and never from outside.
        children: Texts are escaped, but for :class:`Markup`.
        attributes: ``class_`` is ``class``, and ``_`` within a name ``-``. ``None`` and
            ``False`` leave an attribute out; ``True`` writes its name alone.
    """
    head = name + "".join(_attribute(*item) for item in attributes.items())
    if name in VOID and not children:
        return Markup(f"<{head}/>")
    return Markup(f"<{head}>{joined(children)}</{name}>")


def _attribute(name: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'


def joined(children: Child) -> Markup:
    """Return children one after the other, as an element would hold them."""
    if children is None:
        return Markup()
    if isinstance(children, Markup):
        return children
    if isinstance(children, str | int):
        return Markup(escape(str(children)))
    return Markup("".join(map(joined, children)))
