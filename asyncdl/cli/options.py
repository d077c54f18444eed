"""Options that several commands share, and the logging they ask for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from asyncdl.cli.printing import plain
from asyncdl.errors import ConfigError
from asyncdl.redact import redact

if TYPE_CHECKING:
    from asyncdl.sandbox import Faults

F = TypeVar("F", bound=Callable[..., Any])

LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)

# A missing file is a config error with its own words, not click's.
config_argument = click.argument("config", type=click.Path(path_type=Path))
json_option = click.option("--json", "as_json", is_flag=True, help="JSON lines on stdout.")


@dataclass(frozen=True, slots=True)
class Embedded:
    """The wish for the embedded service in place of the real one."""

    faults: Faults
    """What goes wrong there."""


_FAULTS = "asyncdl.faults"
"""Where ``--fault`` waits for ``--sandbox`` to take it up."""


def sandbox_option(command: F) -> F:
    """Give a command ``sandbox``: an :class:`Embedded`, or ``None`` for the real service."""
    return _sandbox_flag(_fault_option(command))


def _keep_faults(ctx: click.Context, parameter: click.Parameter, faults: tuple[str, ...]) -> None:
    ctx.meta[_FAULTS] = faults


def _embed(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> Embedded | None:
    faults = ctx.meta[_FAULTS]
    if wanted:
        # Only here: most runs never need a server.
        from asyncdl.sandbox import Faults

        return Embedded(Faults.parse(faults))
    if faults:
        raise click.UsageError("--fault is for the embedded service: it needs --sandbox", ctx)
    return None


_sandbox_flag = click.option(
    "--sandbox",
    is_flag=True,
    callback=_embed,
    help="Use the embedded service: no account, no network.",
)
_fault_option = click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[=VALUE]",
    expose_value=False,
    is_eager=True,
    callback=_keep_faults,
    help="With --sandbox: what goes wrong there, such as chaos. May be repeated.",
)


def _start_logging(ctx: click.Context, parameter: click.Parameter, verbose: int) -> None:
    if not verbose:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(SafeFormatter("%(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("asyncdl")
    logger.addHandler(handler)
    logger.setLevel(LEVELS[min(verbose, len(LEVELS) - 1)])


@contextmanager
def naming(config: Path) -> Iterator[None]:
    """Name the config file in errors that are found only after it has been read."""
    try:
        yield
    except ConfigError as error:
        error.file = error.file or config
        raise


verbose_option = click.option(
    "-v",
    "--verbose",
    count=True,
    expose_value=False,
    is_eager=True,
    callback=_start_logging,
    help="Log to stderr; twice for more.",
)


class SafeFormatter(logging.Formatter):
    """Masks every secret in a record, and keeps it from passing for another record."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the message as one line."""
        return plain(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; all lines of a traceback but the record's own are indented."""
        head, *rest = redact(super().format(record)).split("\n")
        return "\n".join((head, *(f"    {plain(line)}" for line in rest)))
