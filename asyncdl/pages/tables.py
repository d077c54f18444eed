"""Tables of a page. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from asyncdl.pages.markup import Child, Markup, element


def table(
    heads: Sequence[str], rows: Iterable[Sequence[Child]], *, numbers: Container[int] = ()
) -> Markup:
    """Return a table that scrolls by itself where it is wider than the page.

    Args:
        heads: A title for each column.
        rows: A cell for each column.
        numbers: The columns that are set to the right.
    """
    is_number = ["number" if column in numbers else None for column in range(len(heads))]
    head = (
        element("th", text, scope="col", class_=kind)
        for text, kind in zip(heads, is_number, strict=True)
    )
    body = (
        element("tr", (element("td", cell, class_=kind)
                       for cell, kind in zip(row, is_number, strict=True)))
        for row in rows
    )  # fmt: skip
    inner = element("table", element("thead", element("tr", head)), element("tbody", body))
    return element("div", inner, class_="wide")


def pairs(rows: Iterable[tuple[str, Child]]) -> Markup:
    """Return a table of names and what each stands for."""
    body = (
        element("tr", element("th", name, scope="row"), element("td", value, class_="name"))
        for name, value in rows
    )
    return element("div", element("table", element("tbody", body)), class_="wide")
