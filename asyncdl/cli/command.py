"""A command whose help ends with examples, which a test runs as they stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click


class Command(click.Command):
    """A command that teaches.

    Args:
        args: Of click.
        examples: Whole command lines that run in the folder of the project, without an account.
        kwargs: Of click.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, each on a line of its own however long it is."""
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"{'':>{formatter.current_indent}}{example}\n")
        super().format_epilog(ctx, formatter)


def command(
    name: str | None = None, *, examples: Sequence[str]
) -> Callable[[Callable[..., Any]], Command]:
    """Make a function a command with examples; else as ``click.command``."""
    return click.command(name, cls=Command, examples=examples)
