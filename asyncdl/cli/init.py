"""``asyncdl init``: a commented config, by questions or by flags.

All comments come from the docstrings of the config's fields, so they stay up to date.
"""

from __future__ import annotations

import inspect
import json
import re
import shlex
import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, get_args

import click
import msgspec

from asyncdl.cli import prompts
from asyncdl.cli.field_docs import allowed_for, default_of, field_docs
from asyncdl.cli.main import OK
from asyncdl.cli.options import command
from asyncdl.cli.printing import echo
from asyncdl.cli.prompts import products, prompt_for_config, refuse_unknown_bands
from asyncdl.config import DownloadConfig, Product, SearchConfig, parse_config
from asyncdl.errors import DiskError
from asyncdl.m2m.bands import DATASETS, band_words, files_of, suggest, words_without_files
from asyncdl.text import did_you_mean

WIDTH = 96
HEAD = """\
# What asyncdl downloads, and where to. A line that begins with "# key =" is an unset option:
# remove the "# " to set it.
#
#   asyncdl plan {name}    show what would be downloaded; requests nothing
#   asyncdl run {name}     download it; run it again to continue
"""
FOOT = """
# There are two more tables, [service] (user name, outages, sizes of calls) and [poll] (how long
# to wait for files in preparation). The token is never stored here: asyncdl login
"""
_LINK = re.compile(r"\[([^][]*)\]\([^()]*\)")


def config_text(raw: Mapping[str, Any], name: str) -> str:
    """Return a config file.

    Args:
        raw: The tables as plain values, as for ``parse_config``.
        name: Name of the file, for the commands in its header.
    """
    parts = [HEAD.format(name=name), *_table("[search]", SearchConfig, raw["search"])]
    for product in raw["products"]:
        kind = next(p for p in get_args(Product) if p.__struct_config__.tag == product["kind"])
        parts += _table("[[products]]", kind, product)
    parts += _table("[download]", DownloadConfig, raw["download"])
    return "".join((*parts, FOOT))


def _table(title: str, kind: type, values: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n{title}\n" + _comment(inspect.getdoc(kind) or "")
    if "kind" in values:
        yield f"kind = {toml_value(values['kind'])}\n"
    docs = field_docs(kind)
    for field in msgspec.structs.fields(kind):
        yield "\n" + _comment(docs[field.name]) + _setting(field, kind, values)


def _setting(field: msgspec.structs.FieldInfo, kind: type, values: Mapping[str, Any]) -> str:
    if field.name in values:
        return f"{field.name} = {toml_value(values[field.name])}\n"
    unset = f"# {field.name} = {default_of(field)}".rstrip()
    return f"{unset}  # {allowed_for(kind, field.name)}\n"


def _comment(text: str) -> str:
    plain = _LINK.sub(r"\1", " ".join(text.split()).replace("``", "`"))
    return "".join(f"# {line}\n" for line in textwrap.wrap(plain, WIDTH - 2))


def toml_value(value: Any) -> str:
    """Return a plain value in TOML syntax: text, numbers, dates, booleans and lists."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        # JSON escapes everything that TOML requires, except DEL.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


STDOUT = Path("-")


class Choices(click.ParamType[Any]):
    """A value of the config, in the syntax of options and prompts."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse the value, or fail with what is allowed."""
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


DAY = Choices("day", prompts.day)
WORDS = Choices("words", prompts.words)


@command(
    examples=[
        "asyncdl init - --dataset landsat_ot_c2_l2 --point -149.9,61.2 --bands red,nir08",
        "asyncdl init job.toml --dataset landsat_ot_c2_l2 --wrs 68/17 --cloud-cover 60 --bundle",
        "asyncdl init ids.toml --scenes-file - --bands 'SR_*,QA_PIXEL'",
    ]
)
@click.argument("file", type=click.Path(path_type=Path), default=Path("asyncdl.toml"))
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@click.option("--dataset", help="Dataset alias; `asyncdl datasets` lists them.")
@click.option("--bbox", type=Choices("box", prompts.box), help="west,south,east,north in degrees.")
@click.option("--aoi", help="GeoJSON file with the area of interest.")
@click.option("--wrs", type=Choices("places", prompts.places), help="path/row, such as 68/17.")
@click.option("--point", type=Choices("point", prompts.point), help="longitude,latitude.")
@click.option("--scenes-file", help="File with one scene per line, instead of a search; or -.")
@click.option("--start", type=DAY, help="First day of acquisition, YYYY-MM-DD.")
@click.option("--end", type=DAY, help="Last day of acquisition.")
@click.option(
    "--cloud-cover", type=Choices("percent", prompts.cloud_cover), help="Maximum, or 10-60."
)
@click.option("--bands", type=WORDS, help="Single files, such as red,nir08,QA_PIXEL.")
@click.option("--bundle", is_flag=True, help="One .tar per scene.")
@click.option("--file-groups", type=WORDS, help="Whole groups, such as ls_c2l2_sr_band.")
@click.option("--directory", help="Folder for the files; by default data.")
def init(file: Path, force: bool, **given: Any) -> int:
    """Write a commented config to FILE, by default asyncdl.toml; - is stdout.

    Without options it prompts for values. Relative paths are relative to the folder
    of FILE. The config is checked like `run` does, except for what only the service
    knows.
    """
    if file != STDOUT and file.exists() and not force:
        raise click.UsageError(f"{file} exists; use --force to replace it")
    folder = Path() if file == STDOUT else file.parent
    raw = _from_flags(given) if any(given.values()) else _prompt(folder)
    name = "asyncdl.toml" if file == STDOUT else str(file)
    text = config_text(raw, name)
    parse_config(tomllib.loads(text), file=None if file == STDOUT else file)
    _note_unknown_names(raw)
    if file == STDOUT:
        for line in text.splitlines():
            echo(line)
    else:
        _write(file, text)
        echo(f"Wrote {file}. Next: asyncdl plan {shlex.quote(str(file))}", err=True)
    return OK


def _from_flags(given: dict[str, Any]) -> dict[str, Any]:
    bands, groups = given.pop("bands") or [], given.pop("file_groups") or []
    chosen = products(bands, bundle=given.pop("bundle"), file_groups=groups)
    directory = given.pop("directory") or "data"
    refuse_unknown_bands(given["dataset"] or "", bands)
    search = {key: value for key, value in given.items() if value is not None}
    return {"search": search, "products": chosen, "download": {"directory": directory}}


def _prompt(folder: Path) -> dict[str, Any]:
    try:
        return prompt_for_config(folder)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        # Not an interrupt: the input of a script has ended.
        raise click.UsageError("standard input has ended; use options instead") from None


def _note_unknown_names(raw: dict[str, Any]) -> None:
    """Print notes about unknown names, which the service may have anyway."""
    dataset = raw["search"].get("dataset")
    if dataset and not files_of(dataset):
        hint = did_you_mean(suggest(dataset, DATASETS))
        hint = hint or f"; `asyncdl datasets {dataset}` searches at USGS"
        echo(f"Note: unknown dataset {dataset}{hint}", err=True)
    if not files_of(dataset or ""):
        for word in _words_of_no_dataset(raw["products"]):
            known_words = {word for known in DATASETS for word in band_words(known)}
            hint = did_you_mean(suggest(word, known_words))
            echo(f"Note: no known dataset has a band {word}{hint}", err=True)


def _words_of_no_dataset(products: list[dict[str, Any]]) -> list[str]:
    words = [word for product in products for word in product.get("bands", ())]
    return [word for word in words if all(words_without_files(known, [word]) for known in DATASETS)]


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DiskError(file, error) from error
