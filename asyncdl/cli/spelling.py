"""Settings that messages name as Python does, as the command line spells them.

The rooms below name a setting by its field, between backticks, and know of no option.
"""

from __future__ import annotations

import re

TLS_OPTIONS = {"ca_file": "--cacert", "client_cert": "--cert", "client_key": "--key"}
"""Keys of ``[service]`` that are options, too."""
_GET_OPTIONS = TLS_OPTIONS | {
    "directory": "-d",
    "headers": "-H",
    "max_redirects": "--max-redirects",
    "name": "-o",
    "netrc": "--netrc",
    "overwrite": "--overwrite",
    "recheck": "-N",
}
"""Fields of a ``FileRequest``, ``Limits`` or ``Downloader``, as ``get`` has them."""
_NAMED = re.compile(r"`([a-z_]+)`")


def spelt_for_get(text: str) -> str:
    """Return a message with the options of ``get`` in place of the fields."""
    return _NAMED.sub(lambda found: f"`{_GET_OPTIONS.get(found[1], found[1])}`", text)


def with_options(text: str) -> str:
    """Return a message with the option behind each key of a config that has one."""
    return _NAMED.sub(_with_option, text)


def _with_option(found: re.Match[str]) -> str:
    option = TLS_OPTIONS.get(found[1])
    return f"`{found[1]}` (`{option}`)" if option else found[0]
