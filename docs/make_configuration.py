"""Write ``configuration.md`` from the config classes, so that it cannot be out of date.

::

    python docs/make_configuration.py
"""

from __future__ import annotations

import inspect
from pathlib import Path

import msgspec

from asyncdl import config
from asyncdl.cli.field_docs import allowed_for, default_of, field_docs

PAGE = Path(__file__).with_name("configuration.md")
SECTIONS: tuple[tuple[str, type], ...] = (
    ("[service]", config.ServiceConfig),
    ("[search]", config.SearchConfig),
    ('[[products]] with kind = "bands"', config.BandsProduct),
    ('[[products]] with kind = "bundle"', config.BundleProduct),
    ('[[products]] with kind = "band_group"', config.BandGroupProduct),
    ("[download]", config.DownloadConfig),
    ("[archive]", config.ArchiveConfig),
    ("[store]", config.StoreConfig),
    ("[poll]", config.PollConfig),
    ("[cluster]", config.ClusterConfig),
)
HEAD = """\
<!-- Written by docs/make_configuration.py from asyncdl/config/. Do not edit. -->

# Configuration

A config is a TOML file. Durations are seconds, or text such as `"90s"`, `"6h"`;
sizes are bytes, or text such as `"8 MiB"`. Relative paths are relative to the
config file. An unknown key, a clash or a bad value ends the command with status
2 and a line that names file, key, value and what is allowed, before any network.

The token never stands in this file: `asyncdl login` stores it, `ASYNCDL_TOKEN` (or
`USGS_TOKEN`, `M2M_TOKEN`) or a `token_file` go before that
([all places](howto/credentials.md)). `asyncdl init` writes a config with these comments.
"""


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the whole page."""
    return HEAD + "".join(section(title, kind) for title, kind in SECTIONS)


def section(title: str, kind: type) -> str:
    """Return the part about one table of the config."""
    purpose = (inspect.getdoc(kind) or "").replace("``", "`")
    docs = field_docs(kind)
    rows = "".join(row(field, docs, kind) for field in msgspec.structs.fields(kind))
    head = f"\n## {title}\n\n{purpose}\n\n"
    return f"{head}| key | default | allowed | meaning |\n|---|---|---|---|\n{rows}"


def row(field: msgspec.structs.FieldInfo, docs: dict[str, str], kind: type) -> str:
    cells = (
        f"`{field.name}`",
        default_of(field) or "-",
        allowed_for(kind, field.name),
        docs[field.name],
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    main()
