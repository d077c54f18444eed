"""Options that several commands share, and commands whose help ends with examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from msgspec import Struct

from asyncdl.cli.logs import FORMATS, LogOptions, start_logging
from asyncdl.cli.printing import plain
from asyncdl.cli.spelling import TLS_OPTIONS
from asyncdl.errors import ConfigError

if TYPE_CHECKING:
    from asyncdl.config import Seconds, Window
    from asyncdl.sandbox import Faults


class Command(click.Command):
    """A command with examples in its help.

    Args:
        args: For click.
        examples: Command lines that run in the project's folder, without an account.
        kwargs: For click.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, each on one line of any length."""
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"{'':>{formatter.current_indent}}{example}\n")
        super().format_epilog(ctx, formatter)


def command(
    name: str | None = None, *, examples: Sequence[str]
) -> Callable[[Callable[..., Any]], Command]:
    """Make a function a command with examples; otherwise like ``click.command``."""
    return click.command(name, cls=Command, examples=examples)


F = TypeVar("F", bound=Callable[..., Any])

# A missing file is a config error with our message, not click's.
config_argument = click.argument("config", type=click.Path(path_type=Path))
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON lines to stdout.")


class Duration(click.ParamType["Seconds"]):
    """Seconds, or text such as ``6h``."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Seconds:
        """Parse the duration, or fail with what is allowed."""
        from asyncdl.config import Seconds  # Imported only if it is needed.

        try:
            return Seconds.read(value)
        except ValueError as error:
            self.fail(f"{value!r} {error}; allowed: seconds, or text such as '6h'", param, ctx)


class WindowOption(click.ParamType["Window"]):
    """``aoi``, or four numbers with commas between them."""

    name = "window"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Window:
        """Parse the window, or fail with what is allowed."""
        from asyncdl.config.windows import Window  # Imported only if it is needed.

        try:
            return Window.read(value)
        except ValueError as error:
            allowed = "aoi, or west,south,east,north in degrees"
            self.fail(f"{value!r} {error}; allowed: {allowed}", param, ctx)


window_option = click.option(
    "--window",
    type=WindowOption(),
    metavar="aoi|W,S,E,N",
    help="Fetch only this part of each raster, instead of the window of the config.",
)
"""Gives a command ``window``, for :func:`asyncdl.cli.service_access.with_window`."""


def max_wait_option(default: str) -> Callable[[F], F]:
    """Give a command ``max_wait``; ``None`` if not given, which means ``default``."""
    return click.option(
        "--max-wait",
        type=Duration(),
        help=f"How long to wait during an outage, such as 6h; by default {default}.",
    )


FEW_RETRIES = "a few retries in about six minutes"
"""Default of commands that only look something up."""


class Embedded(Struct, frozen=True):
    """Use the embedded service instead of the real one."""

    faults: Faults
    """Faults of the embedded service."""


_FAULTS = "asyncdl.faults"
"""Key in click's context under which ``--fault`` is stored for ``--sandbox``."""


def sandbox_option(command: F) -> F:
    """Give a command ``sandbox``: an :class:`Embedded`, or ``None`` for the real service."""
    return _sandbox_flag(_fault_option(command))


def _keep_faults(ctx: click.Context, parameter: click.Parameter, faults: tuple[str, ...]) -> None:
    ctx.meta[_FAULTS] = faults


def _embed(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> Embedded | None:
    faults = ctx.meta[_FAULTS]
    if wanted:
        # Imported only here: most runs need no server.
        from asyncdl.sandbox import Faults

        return Embedded(Faults.parse(faults))
    if faults:
        raise click.UsageError("--fault needs --sandbox", ctx)
    return None


_sandbox_flag = click.option(
    "--sandbox",
    is_flag=True,
    callback=_embed,
    help="Use the embedded service; needs no account and no network.",
)
_fault_option = click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[=VALUE]",
    expose_value=False,
    is_eager=True,
    callback=_keep_faults,
    help="Fault of the sandbox, such as chaos; may be repeated.",
)


@contextmanager
def naming(config: Path) -> Iterator[None]:
    """Add the config file to errors that are found only after it has been read."""
    try:
        yield
    except ConfigError as error:
        from asyncdl.net.tls import VARIABLES

        if error.key not in VARIABLES:  # environment variables, not in the config
            error.file = error.file or config
        raise


_TLS = "asyncdl.net.tls"
"""Key in click's context under which TLS options are collected."""


def _read_tls(ctx: click.Context, parameter: click.Parameter, value: Path | None) -> None:
    """Set ``tls`` as soon as all TLS options are known."""
    given: dict[str | None, Path | None] = ctx.meta.setdefault(_TLS, {})
    given[parameter.name] = value
    if len(given) < len(_TLS_OPTIONS):
        return
    # Imported only if it is needed.
    from asyncdl.net.tls import TlsSettings, check_tls

    tls = TlsSettings(given["cacert"], given["cert"], given["key"])
    if tls.client_key is not None and tls.client_cert is None:
        raise click.UsageError("--key needs --cert", ctx)
    if tls != TlsSettings():
        with spelling_tls_options():
            check_tls(tls)
    ctx.params["tls"] = tls


def _tls_option(name: str, help_text: str) -> Callable[[F], F]:
    return click.option(
        name,
        type=click.Path(path_type=Path),
        expose_value=False,
        callback=_read_tls,
        help=help_text,
    )


_TLS_OPTIONS = (
    _tls_option("--key", "PEM file with the private key of --cert, if not in that file."),
    _tls_option("--cert", "PEM file with a client certificate."),
    _tls_option("--cacert", "Trust only the CA certificates in this PEM file."),
)


state_option = click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the journal and lock of this job, instead of the download directory.",
)
"""Gives a command ``state_dir``, for :func:`asyncdl.cli.service_access.with_state`."""


def tls_options(command: F) -> F:
    """Give a command ``tls``: the files of ``--cacert``, ``--cert`` and ``--key``.

    They are checked before the command starts.
    """
    for option in _TLS_OPTIONS:
        command = option(command)
    return command


@contextmanager
def spelling_tls_options() -> Iterator[None]:
    """Name the options in errors about their files."""
    try:
        yield
    except ConfigError as error:
        error.key = TLS_OPTIONS.get(error.key, error.key)
        raise


_LOG = "asyncdl.log"
"""Key in click's context under which log options are collected."""


def _log(ctx: click.Context, parameter: click.Parameter, value: object) -> None:
    """Start the log as soon as all of its options are known."""
    given = ctx.meta.setdefault(_LOG, {})
    given[parameter.name] = value
    if len(given) < len(_LOG_OPTIONS):
        return
    try:
        start_logging(LogOptions(given["verbose"], given["log_file"], given["log_format"]))
    except OSError as error:
        raise click.UsageError(
            f"cannot open log file {plain(str(given['log_file']))}: {error.strerror}", ctx
        ) from error


_LOG_OPTIONS = (
    click.option(
        "--log-format", type=click.Choice(FORMATS), default=FORMATS[0], show_default=True,
        expose_value=False, is_eager=True, callback=_log, help="Format of --log-file and -v.",
    ),
    click.option(
        "--log-file", type=click.Path(path_type=Path, dir_okay=False),
        expose_value=False, is_eager=True, callback=_log, help="Append the log to a file.",
    ),
    click.option(
        "-v", "--verbose", count=True,
        expose_value=False, is_eager=True, callback=_log, help="Log to stderr; -vv for more.",
    ),
)  # fmt: skip


def verbose_option(command: F) -> F:
    """Give a command ``-v``, ``--log-file`` and ``--log-format``, which need no parameters."""
    for option in _LOG_OPTIONS:
        command = option(command)
    return command
