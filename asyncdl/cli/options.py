"""Options that several commands share, and commands whose help ends with examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from asyncdl.cli.logs import FORMATS, LogOptions, start_logging
from asyncdl.cli.printing import plain
from asyncdl.cli.spelling import TLS_OPTIONS
from asyncdl.errors import ConfigError

if TYPE_CHECKING:
    from asyncdl.config import Seconds
    from asyncdl.sandbox import Faults


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


F = TypeVar("F", bound=Callable[..., Any])

# A missing file is a config error with its own words, not click's.
config_argument = click.argument("config", type=click.Path(path_type=Path))
json_option = click.option("--json", "as_json", is_flag=True, help="JSON lines on stdout.")


class Duration(click.ParamType["Seconds"]):
    """Seconds, or text such as ``6h``."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Seconds:
        """Read the duration, or fail with what is allowed."""
        from asyncdl.config import Seconds  # Not every command that has options has a config.

        try:
            return Seconds.read(value)
        except ValueError as error:
            self.fail(f"{value!r} {error}; allowed: seconds, or text such as '6h'", param, ctx)


def max_wait_option(default: str) -> Callable[[F], F]:
    """Give a command ``max_wait``; ``None`` where it was not said, which is ``default``."""
    return click.option(
        "--max-wait",
        type=Duration(),
        help=f"How long an outage is waited for, such as 6h; by default {default}.",
    )


FEW_TRIES = "a few tries in some six minutes"
"""What those commands do that only look things up: nobody waits hours for a listing."""


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


@contextmanager
def naming(config: Path) -> Iterator[None]:
    """Name the config file in errors that are found only after it has been read."""
    try:
        yield
    except ConfigError as error:
        from asyncdl.net.tls import VARIABLES

        if error.key not in VARIABLES:  # which are no matter of the config's
            error.file = error.file or config
        raise


_TLS = "asyncdl.net.tls"
"""Where the options of TLS wait for each other."""


def _read_tls(ctx: click.Context, parameter: click.Parameter, value: Path | None) -> None:
    """Give the command ``tls`` as soon as all of its options are known."""
    given: dict[str | None, Path | None] = ctx.meta.setdefault(_TLS, {})
    given[parameter.name] = value
    if len(given) < len(_TLS_OPTIONS):
        return
    # Not every command that has options speaks TLS.
    from asyncdl.net.tls import TlsSettings, check_tls

    tls = TlsSettings(given["cacert"], given["cert"], given["key"])
    if tls.client_key is not None and tls.client_cert is None:
        raise click.UsageError("--key goes with --cert", ctx)
    if tls != TlsSettings():
        with spelling_tls_options():
            check_tls(tls)
    ctx.params["tls"] = tls


def _tls_option(name: str, told: str) -> Callable[[F], F]:
    return click.option(
        name, type=click.Path(path_type=Path), expose_value=False, callback=_read_tls, help=told
    )


_TLS_OPTIONS = (
    _tls_option("--key", "Private key of --cert, if that file has none."),
    _tls_option("--cert", "PEM file of a certificate for hosts that ask for one."),
    _tls_option("--cacert", "Trust the CA certificates in this PEM file only."),
)


state_option = click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the journal and lock of this job, instead of the download directory.",
)
"""Gives a command ``state_dir``, for :func:`asyncdl.cli.service.with_state`."""


def tls_options(command: F) -> F:
    """Give a command ``tls``: the files that ``--cacert``, ``--cert`` and ``--key`` name.

    What is wrong with them is said before the command begins.
    """
    for option in _TLS_OPTIONS:
        command = option(command)
    return command


@contextmanager
def spelling_tls_options() -> Iterator[None]:
    """Name options in errors about the files that they have named."""
    try:
        yield
    except ConfigError as error:
        error.key = TLS_OPTIONS.get(error.key, error.key)
        raise


_LOG = "asyncdl.log"
"""Where the options of the log wait for each other."""


def _log(ctx: click.Context, parameter: click.Parameter, value: object) -> None:
    """Start the log as soon as all of its options are known."""
    told = ctx.meta.setdefault(_LOG, {})
    told[parameter.name] = value
    if len(told) < len(_LOG_OPTIONS):
        return
    try:
        start_logging(LogOptions(told["verbose"], told["log_file"], told["log_format"]))
    except OSError as error:
        raise click.UsageError(
            f"the log file {plain(str(told['log_file']))} cannot be opened: {error.strerror}", ctx
        ) from error


_LOG_OPTIONS = (
    click.option(
        "--log-format", type=click.Choice(FORMATS), default=FORMATS[0], show_default=True,
        expose_value=False, is_eager=True, callback=_log, help="Of --log-file and -v.",
    ),
    click.option(
        "--log-file", type=click.Path(path_type=Path, dir_okay=False),
        expose_value=False, is_eager=True, callback=_log, help="Append the log to a file.",
    ),
    click.option(
        "-v", "--verbose", count=True,
        expose_value=False, is_eager=True, callback=_log, help="Log to stderr; twice for more.",
    ),
)  # fmt: skip


def verbose_option(command: F) -> F:
    """Give a command ``-v``, ``--log-file`` and ``--log-format``; it need not know of them."""
    for option in _LOG_OPTIONS:
        command = option(command)
    return command
