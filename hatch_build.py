"""The README as an index page has it, where no file of the project lies beside it.

hatchling calls this when it writes the metadata of a distribution.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

SOURCE = "Source"
"""The entry of ``[project.urls]`` that says where the repository is, once it is published."""

_IMAGE = re.compile(r"!\[(?P<text>[^\]]*)\]\((?!https?:|#)(?P<target>[^)\s]+)\)\n*")
_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?!https?:|#)(?P<target>[^)\s]+)\)")


class IndexReadme(MetadataHookInterface):
    """Gives the metadata a README without a link that leads nowhere."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the field ``readme``, which ``pyproject.toml`` leaves to this."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        source = metadata.get("urls", {}).get(SOURCE, "")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": index_readme(text, source, metadata["version"]),
        }


def index_readme(text: str, source: str, version: str) -> str:
    """Return the README with its relative links made absolute, or plain text.

    Args:
        text: In Markdown.
        source: Address of the repository, as GitHub has them; empty if there is none yet: then
            links become their text, and pictures go.
        version: Whose files the links lead to; its tag is ``v`` and this.
    """
    if not source:
        return _LINK.sub(r"\g<text>", _IMAGE.sub("", text))
    base = source.rstrip("/")
    text = _IMAGE.sub(rf"![\g<text>]({base}/raw/v{version}/\g<target>)\n\n", text)
    return _LINK.sub(rf"[\g<text>]({base}/blob/v{version}/\g<target>)", text)
