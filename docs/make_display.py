"""Draws ``docs/images/display.svg``: the live display in the middle of a real run.

The run is the example around Anchorage against the embedded service, which is told to be
slow, to prepare some files for a while, and to fail now and then.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import anyio
import msgspec
from rich.console import Console

from asyncdl.cli.run_display import render
from asyncdl.config import Config, PollConfig, Seconds, load_config
from asyncdl.events import Event
from asyncdl.job.job import Job
from asyncdl.m2m import Credentials
from asyncdl.progress.run_progress import RunProgress
from asyncdl.sandbox import Faults, Service, serve

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "anchorage.toml"
PICTURE = ROOT / "docs" / "images" / "display.svg"
COLUMNS, ROWS = 100, 24
FAULTS = ("rate=6000", "preparing=0.25", "polls=30", "error=0.2", "strikes=3")
SHARE, FILES, SECONDS = 0.35, 5, 8.0
"""The moment that is drawn: so much is done, so many files are on their way."""
# Rich's own frame fetches a font from elsewhere; here any monospaced font will do.
FRAME = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def drawn(progress: RunProgress) -> str:
    """Return the display of a run as a picture."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(render(progress, COLUMNS, ROWS))
    title = f"asyncdl run {EXAMPLE.name}"
    return console.export_svg(title=title, code_format=FRAME, unique_id="display")


async def picture_of_a_run(directory: Path) -> str:
    """Run the example into a folder, and stop at the moment that is drawn."""
    progress, pictures = RunProgress(), list[str]()
    async with (
        serve(faults=Faults.parse(FAULTS)) as service,
        anyio.create_task_group() as tasks,
    ):

        def watch(event: Event) -> None:
            progress.take(event)
            progress.tick()
            if not pictures and is_the_moment(progress):
                pictures.append(drawn(progress))
                tasks.cancel_scope.cancel()

        job = Job(
            example(directory, service), credentials=Credentials(service.username, service.token)
        )
        await job.run(watch)
    return pictures[0]


def is_the_moment(progress: RunProgress) -> bool:
    """Tell whether there is enough to see."""
    return (
        progress.state.preparation.count > 0
        and (progress.share or 0.0) >= SHARE
        and len(progress.state.transfers.active) >= FILES
        and progress.elapsed_s >= SECONDS
    )


def example(directory: Path, service: Service) -> Config:
    """Return the example's config, for the embedded service."""
    config = load_config(EXAMPLE)
    return msgspec.structs.replace(
        config,
        service=msgspec.structs.replace(config.service, url=service.url, stac_url=service.stac_url),
        download=msgspec.structs.replace(config.download, directory=str(directory)),
        poll=PollConfig(interval=Seconds(2)),
    )


def main() -> None:
    """Run, and write the picture."""
    with tempfile.TemporaryDirectory() as directory:
        picture = anyio.run(picture_of_a_run, Path(directory))
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
