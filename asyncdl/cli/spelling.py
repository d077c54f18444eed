"""Names of options for settings that messages name like Python.

Other packages name a setting by its field, in backticks, and know no options.
"""

from __future__ import annotations

import re

TLS_OPTIONS = {"ca_file": "--cacert", "client_cert": "--cert", "client_key": "--key"}
"""Options for keys of ``[service]``."""
_GET_OPTIONS = TLS_OPTIONS | {
    "directory": "-d",
    "headers": "-H",
    "max_redirects": "--max-redirects",
    "name": "-o",
    "netrc": "--netrc",
    "overwrite": "--overwrite",
    "recheck": "-N",
}
"""Options of ``get`` for fields of a ``FileRequest``, ``Limits`` or ``Downloader``."""
_NAMED = re.compile(r"`([a-z_]+)`")


def with_get_options(text: str) -> str:
    """Return a message with the options of ``get`` instead of the fields."""
    return _NAMED.sub(lambda found: f"`{_GET_OPTIONS.get(found[1], found[1])}`", text)


def with_options(text: str) -> str:
    """Return a message with the option added to each config key that has one."""
    return _NAMED.sub(_with_option, text)


def _with_option(found: re.Match[str]) -> str:
    option = TLS_OPTIONS.get(found[1])
    return f"`{found[1]}` (`{option}`)" if option else found[0]
