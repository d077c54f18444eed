"""The commands, each imported only when it is called, and their exit statuses."""

from __future__ import annotations

import gc
import importlib
import io
import logging
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from asyncdl.cli import early_signals
from asyncdl.cli.printing import echo
from asyncdl.cli.spelling import with_options
from asyncdl.cli.stdio import ReaderLeft, StreamError, discard_output, replace_streams
from asyncdl.errors import AsyncdlError, AuthError, ConfigError
from asyncdl.redact import redact, redact_url
from asyncdl.text import closest, did_you_mean
from asyncdl.version import __version__

OK, INCOMPLETE, USAGE, REFUSED, INTERRUPTED = 0, 1, 2, 3, early_signals.INTERRUPTED

COMMANDS = {
    "run": (
        "asyncdl.cli.run:run",
        "Download everything in CONFIG; run it again to continue where it stopped.",
    ),
    "plan": (
        "asyncdl.cli.plan:plan",
        "Show what `run CONFIG` would download and how long it may take; requests nothing.",
    ),
    "search": (
        "asyncdl.cli.search:search",
        "List the scenes of CONFIG, without downloading anything.",
    ),
    "map": (
        "asyncdl.cli.map:map_",
        "Draw the scenes that CONFIG selects on a map in an HTML file.",
    ),
    "verify": (
        "asyncdl.cli.verify:verify",
        "Read every finished file of CONFIG again and compare it with its recorded checksum.",
    ),
    "status": (
        "asyncdl.cli.status:status",
        "Show how far the job of CONFIG is; works offline, read-only.",
    ),
    "report": (
        "asyncdl.cli.report:report",
        "Show how the last run of CONFIG went; works offline, read-only.",
    ),
    "get": (
        "asyncdl.cli.get:get",
        "Fetch each URL into a file; run it again to continue where it stopped.",
    ),
    "clean": (
        "asyncdl.cli.clean:clean",
        "Remove what runs of CONFIG have begun and not finished; finished files stay.",
    ),
    "datasets": (
        "asyncdl.cli.datasets:datasets",
        "List the datasets whose name contains TEXT.",
    ),
    "file-groups": (
        "asyncdl.cli.datasets:file_groups",
        "List the products and file groups of DATASET.",
    ),
    "bands": (
        "asyncdl.cli.datasets:bands",
        "List the files of scenes of a Landsat DATASET.",
    ),
    "init": (
        "asyncdl.cli.init:init",
        "Write a commented config to FILE, by default asyncdl.toml; - is stdout.",
    ),
    "login": (
        "asyncdl.cli.login:login",
        "Check a user name and an application token, and store them for later commands.",
    ),
    "logout": (
        "asyncdl.cli.login:logout",
        "Remove stored tokens: that of the service of CONFIG or --url, otherwise all.",
    ),
    "doctor": (
        "asyncdl.cli.doctor:doctor",
        "Check token, role, notices, limits, hosts, TLS, proxies, clock, disk and versions.",
    ),
    "sandbox": (
        "asyncdl.cli.sandbox:sandbox",
        "Serve the embedded M2M service and file host until interrupted.",
    ),
    "completion": (
        "asyncdl.cli.completion:completion",
        "Print the completion script for SHELL.",
    ),
}
"""Module with function, and summary, of each command, in the order of the help.

The summaries are those of the commands themselves, which the help does without importing.
"""

_BESIDE_SUMMARY = 6
"""Columns of the help beside the name of a command and its summary."""


class LazyGroup(click.Group):
    """A group that imports only the command that is called, to start fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one command, or ``None`` if there is none with this name."""
        if cmd_name not in COMMANDS:
            return None
        home, _ = COMMANDS[cmd_name]
        module, _, name = home.partition(":")
        # Imported objects are permanent: garbage collection during the import and at the
        # end takes about a sixth of the time of a short command.
        gc.disable()
        with early_signals.exit_on_interrupt():
            command = getattr(importlib.import_module(module), name)
        gc.freeze()
        gc.enable()
        if not isinstance(command, click.Command):
            raise TypeError(f"{home} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their summaries; without importing any, as click would."""
        width = formatter.width - max(map(len, COMMANDS)) - _BESIDE_SUMMARY
        rows = [
            (name, click.Command(name, help=summary).get_short_help_str(width))
            for name, (_, summary) in COMMANDS.items()
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command, or fail with a suggestion."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            ctx.fail(no_such_command(name))
        return super().resolve_command(ctx, args)


def no_such_command(name: str) -> str:
    """Return the message for an unknown command, with a suggestion."""
    return f"No such command '{name}'{did_you_mean(closest(name, COMMANDS)) or '.'}"


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="asyncdl")
def cli() -> None:
    """Search, request, download and verify Landsat data from USGS.

    Start with `asyncdl run CONFIG --sandbox`, which needs no account.
    """


def main(args: list[str] | None = None) -> NoReturn:
    """Run a command and exit: 0 done, 1 incomplete, 2 wrong usage, 3 refused, 130 interrupted."""
    replace_streams()
    status = exit_status(args)
    gc.freeze()  # The exit of the process frees everything anyway.
    sys.exit(status)


def exit_status(args: list[str] | None = None) -> int:
    """Run a command and return its exit status; every error becomes one line on stderr."""
    try:
        result = cli.main(args, prog_name="asyncdl", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        _show(error, sys.argv[1:] if args is None else args)
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except ReaderLeft:
        discard_output()
        return INCOMPLETE
    except StreamError as error:
        discard_output()
        return print_error(error)
    except AsyncdlError as error:
        return print_error(error)
    except Exception as error:
        logging.getLogger("asyncdl.cli").debug("unexpected", exc_info=True)
        echo(redact(f"asyncdl: unexpected {type(error).__name__}: {error}"), err=True)
        echo("This is a bug in asyncdl; -vv shows the traceback.", err=True)
        return INCOMPLETE
    return result if isinstance(result, int) else OK


def _show(error: click.ClickException, args: Sequence[str]) -> None:
    """Print a usage error; the arguments that it quotes may contain secrets."""
    with io.StringIO() as shown:
        error.show(shown)
        text = shown.getvalue()
    for argument in args:
        if "://" in argument:
            text = text.replace(argument, redact_url(argument))
    for line in redact(text).splitlines():
        echo(line, err=True)


def print_error(error: AsyncdlError) -> int:
    """Print an error as one line and return its exit status."""
    echo(f"asyncdl: {with_options(str(error))}", err=True)
    match error:
        case ConfigError():
            return USAGE
        case AuthError():
            return REFUSED
        case _:
            return INCOMPLETE
