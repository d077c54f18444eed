"""``asyncdl completion``: shell completion for commands and options."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from asyncdl.cli.main import OK, cli
from asyncdl.cli.options import command
from asyncdl.cli.printing import echo

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_ASYNCDL_COMPLETE"
"""Environment variable of click's completion, derived from the program's name."""


@command(examples=["asyncdl completion bash", "asyncdl completion fish"])
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def completion(shell: str | None) -> int:
    """Print the completion script for SHELL.

    \b
    bash   eval "$(asyncdl completion bash)"          in ~/.bashrc
    zsh    eval "$(asyncdl completion zsh)"           in ~/.zshrc
    fish   asyncdl completion fish | source           in ~/.config/fish/config.fish

    Without SHELL, that of $SHELL is used.
    """
    chosen = shell or _own_shell()
    complete = get_completion_class(chosen)
    if complete is None:
        raise click.UsageError(f"this version of click has no completion for {chosen}")
    for line in complete(cli, {}, "asyncdl", VARIABLE).source().splitlines():
        echo(line)
    return OK


def _own_shell() -> str:
    name = Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise click.UsageError(f"name a shell: {', '.join(SHELLS)}")
    return name
