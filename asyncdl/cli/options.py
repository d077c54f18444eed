"""Options that several commands share, and the logging they ask for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from asyncdl.errors import ConfigError
from asyncdl.redact import redact

F = TypeVar("F", bound=Callable[..., Any])

LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)

# A missing file is a config error with its own words, not click's.
config_argument = click.argument("config", type=click.Path(path_type=Path))
sandbox_option = click.option(
    "--sandbox", is_flag=True, help="Use the embedded service: no account, no network."
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON lines on stdout.")


def _start_logging(ctx: click.Context, parameter: click.Parameter, verbose: int) -> None:
    if not verbose:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter("%(levelname)s %(name)s: %(message)s"))
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


class RedactingFormatter(logging.Formatter):
    """Masks every secret in a record, its traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record without its secrets."""
        return redact(super().format(record))
