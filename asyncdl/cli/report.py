"""``asyncdl report``: the last run, on the screen, as JSON, or as a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from asyncdl.cli.json_lines import echo_json
from asyncdl.cli.main import INCOMPLETE, OK
from asyncdl.cli.map import area_of
from asyncdl.cli.options import command, config_argument, json_option, naming, verbose_option
from asyncdl.cli.outcome import describe, next_steps
from asyncdl.cli.page_files import STDOUT, write_page
from asyncdl.cli.printing import echo
from asyncdl.config import Config, load_config
from asyncdl.errors import DiskError
from asyncdl.job.choosing.search_plan import search_plan_of
from asyncdl.job.reporting.report import REPORT_NAME, Summary, read_report
from asyncdl.journal import places_of
from asyncdl.library.service import SANDBOX_NAME
from asyncdl.pages.maps import Polygon
from asyncdl.pages.report_page import report_page
from asyncdl.redact import redact

SECTIONS = ("search", "download", "store", "poll", "cluster")
"""The service section is about the account."""


def settings_of(settings: Config) -> list[tuple[str, str]]:
    """Return every value that is not the default, by its key in the file, with secrets masked."""
    rows = [
        (f"{section}.{name}", text)
        for section in SECTIONS
        for name, text in _changed(getattr(settings, section))
    ]
    for product in settings.products:
        values = "; ".join(f"{name} = {text}" for name, text in _changed(product))
        rows.append((f"products: {type(product).__struct_config__.tag}", values))
    return [(name, redact(text)) for name, text in rows]


def _changed(section: msgspec.Struct) -> Iterator[tuple[str, str]]:
    for field in msgspec.structs.fields(section):
        value = getattr(section, field.name)
        if value not in (field.default, {}):
            yield field.encode_name, _text(value)


def _text(value: object) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(map(_text, value))
    return str(value)


@command(
    examples=[
        "asyncdl report examples/anchorage.toml",
        "asyncdl report examples/anchorage.toml --html report.html",
    ]
)
@config_argument
@json_option
@click.option(
    "--html", "page", metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Write a self-contained HTML page; - is stdout.",
)  # fmt: skip
@verbose_option
def report(config: Path, as_json: bool, page: Path | None) -> int:
    """Show how the last run of CONFIG went; works offline, read-only.

    Exit status: 0 there is a report, whatever the outcome; 1 there is none; 2 wrong
    usage or config, or the file is not a report.
    """
    if as_json and page is not None:
        raise click.UsageError("--json and --html do not go together")
    settings = load_config(config)
    places = places_of(settings)
    summary = _last_run(places.report_folder)
    if summary is None:
        echo(f"asyncdl: {places.report_folder / REPORT_NAME} is not there: "
             "no run has ended in this directory", err=True)  # fmt: skip
        return INCOMPLETE
    if as_json:
        echo_json(summary.as_report())
    elif page is not None:
        with naming(config):
            text = report_page(
                settings.title, summary, settings=settings_of(settings), area=_area(settings)
            )
        write_page(page, text)
        if page != STDOUT:
            echo(f"The report is in {page}", err=True)
    else:
        _print(summary, settings, config)
    return OK


def _last_run(directory: Path) -> Summary | None:
    try:
        return read_report(directory)
    except OSError as error:
        raise DiskError(directory / REPORT_NAME, error) from error


def _print(summary: Summary, settings: Config, config: Path) -> None:
    if summary.begun:
        echo(f"The run of {summary.begun.replace('T', ' ').replace('Z', ' UTC')}")
    steps = next_steps(
        summary,
        config,
        is_sandbox=summary.history.service == SANDBOX_NAME,
        is_piped=settings.search.scenes_file == "-",
    )
    for line in describe(summary, places_of(settings), steps):
        echo(line)


def _area(settings: Config) -> list[Polygon]:
    # Ids may come from standard input, which is read once only; an area can be read again.
    return [] if settings.search.is_by_id else area_of(search_plan_of(settings))
