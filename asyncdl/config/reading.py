r"""From a TOML file to a checked config.

In TOML a backslash between double quotes begins an escape: ``"D:\new\tiles"`` contains a line
end and a tab, and ``"C:\Users"`` is not valid TOML.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
import unicodedata
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from asyncdl.config.aoi import Aoi
from asyncdl.config.explaining import explain
from asyncdl.config.sections import Clash, Config
from asyncdl.config.trust import BELOW, overreaches
from asyncdl.errors import ConfigError, MisuseError
from asyncdl.outside import check_values, has_links, read_at_most
from asyncdl.stores.address import StoreAddress, is_store
from asyncdl.user_text import NotText, text_of

_ESCAPED = str.maketrans({"\b": "/b", "\t": "/t", "\n": "/n", "\f": "/f", "\r": "/r", "\\": "/"})
"""What an escape was meant to be, in a path."""
_VARIABLE = re.compile(
    r"\$\{\w+\}|(?:(?<=[/\\])|^)\$[A-Za-z_]\w*(?=[/\\]|$)|%[A-Za-z_]\w*(?:\(x86\))?%|\$env:\w+",
    re.ASCII | re.IGNORECASE,
)
"""As in shells: ``$HOME``, ``${HOME}``, ``%USERPROFILE%``, ``$env:USERPROFILE``."""
_BACKSLASH_IN_QUOTES = re.compile(r'"([^"\n]*\\[^"\n]*)"')
_LINE = re.compile(r"at line (\d+)")


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a path, and what would be right."""

    problem: str
    allowed: str


def mistake_in(text: str) -> Mistake | None:
    """Return what a path should not contain; ``None`` if it contains nothing like that."""
    odd = next((c for c in text if unicodedata.category(c) == "Cc" and c != "\0"), None)
    if odd is not None:
        return Mistake(
            f"has a control character in it ({odd!r})",
            f"a path; a backslash in double quotes begins an escape: {_written_right(text)}",
        )
    if found := _VARIABLE.search(text):
        return Mistake(
            f"contains a variable ({found[0]}), which is not expanded",
            "the path itself; a leading ~ is your home folder",
        )
    return None


def hint_at(error: tomllib.TOMLDecodeError, text: str) -> str:
    """Return a hint if a backslash is why a text is not TOML; otherwise an empty text."""
    found = _LINE.search(str(error))
    lines = text.split("\n")
    if found is None or int(found[1]) > len(lines):
        return ""
    if not _BACKSLASH_IN_QUOTES.search(lines[int(found[1]) - 1]):
        return ""
    # The line is not repeated: the file may not be a config.
    return "a backslash in double quotes begins an escape: write / for it, or use single quotes"


def _written_right(text: str) -> str:
    return f'write "{text.translate(_ESCAPED)}", or use single quotes'


MAX_CONFIG_BYTES = 8 * 1024**2
"""More than a hundred thousand ids, which belong in a ``scenes_file``."""
_FOLDERS = ("directory", "state_directory")
"""Keys of ``[download]`` that a program may give as paths."""
_TEMPLATES = ("download.layout", "download.bundle_layout")
MAX_BESIDE = 10_000
"""Limit of the files beside an area's that are checked, as GDAL may open them with it."""
_NAMES = re.compile(r"\([^(),]*+,[^()]*+\)")
"""Names of tables in messages of the parser: ``('search', 'aoi')``."""
_LONG_KEY = re.compile(r"""(?<![\w.-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){30}""")
"""Keys of many parts, whose parsing takes quadratic time."""


def load_config(
    path: Path | str,
    *,
    trusted: bool = True,
    root: Path | str | None = None,
    hosts: Set[str] = frozenset(),
) -> Config:
    """Read and check a config file.

    Args:
        path: A TOML file.
        trusted: Whether the caller wrote it. ``False`` is for a config of somebody else, see
            :func:`parse_config`.
        root: With ``trusted=False``: the folder that it may name files in; its own by default.
        hosts: With ``trusted=False``: hosts that it may name as the service, besides the USGS.
    Returns: The config; relative paths are made absolute against the file's folder, or ``root``.
    Raises: ConfigError, for a file that cannot be read, is not TOML, or has wrong values.
    """
    path = Path(path)
    tables = _tables_in(_text_of(path), path)
    if trusted:
        return parse_config(tables, file=path)
    folder = path.parent if root is None else root
    return parse_config(tables, file=path, trusted=False, root=folder, hosts=hosts)


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = read_at_most(file, MAX_CONFIG_BYTES)
        check_values(data)
        return text_of(data).replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        raise ConfigError(error.strerror or str(error), file=path) from error
    except NotText as error:
        raise ConfigError(str(error), file=path, allowed="a TOML file") from error
    except ValueError as error:  # an impossible path, or a file that is too large
        raise ConfigError(str(error), file=path, allowed="a TOML file") from error


def _tables_in(text: str, path: Path) -> dict[str, Any]:
    """Read TOML. Raises: ConfigError."""
    if _LONG_KEY.search(text):
        raise ConfigError("has a key of more than 30 parts", file=path, allowed="a TOML file")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = f"is not TOML: {_without_names(error)}"
        raise ConfigError(problem, file=path, allowed=hint_at(error, text)) from None
    except RecursionError:
        raise ConfigError("is nested too deep", file=path, allowed="a TOML file") from None
    except ValueError as error:  # a number of thousands of digits, or an impossible date
        raise ConfigError("has an invalid number or date", file=path) from error


def _without_names(error: tomllib.TOMLDecodeError) -> str:
    """Return the error without contents of the file, which may be somebody else's."""
    return _NAMES.sub("a table", str(error))


def parse_config(
    raw: dict[str, Any],
    *,
    file: Path | None = None,
    base: Path | None = None,
    trusted: bool = True,
    root: Path | str | None = None,
    hosts: Set[str] = frozenset(),
) -> Config:
    """Check a config that is already parsed, for embedding programs.

    A config of somebody else (``trusted=False``) may choose scenes, products and layout. It
    must not name files outside ``root``, not even by links, hosts other than the USGS's and
    ``hosts``, anything of the account (user name, token file, certificates, licences), or
    numbers that would occupy the account or this machine for long.

    Args:
        raw: The tables as plain values.
        file: Where they come from, for messages.
        base: Folder that relative paths start from; the file's folder, else the current one.
        trusted: Whether the caller wrote the tables.
        root: With ``trusted=False``, and needed then: the folder of all paths, from which
            relative ones start.
        hosts: With ``trusted=False``: names of hosts, which are reached by https, or origins
            such as ``http://127.0.0.1:8765``.
    Raises: ConfigError, as :func:`load_config`; MisuseError, for ``trusted=False`` without a root.
    """
    try:
        config = _converted(raw, file)
    except ConfigError:
        # It may contain a secret, which crash reporters would find in the local variables.
        del raw
        raise
    if not trusted:
        return _confined(raw, config, file, _root_of(root, base), hosts)
    folder = (base or (file.parent if file else Path())).absolute()
    return _with_absolute_paths(config, _Paths(folder, file))


def _root_of(root: Path | str | None, base: Path | None) -> Path:
    folder = base if root is None else Path(root)
    if folder is None:
        raise MisuseError("a config that is not trusted needs a root: the folder of its files")
    return folder.resolve()


def _confined(
    raw: dict[str, Any], config: Config, file: Path | None, root: Path, hosts: Set[str]
) -> Config:
    """Return a config of others if it names nothing forbidden. Raises: ConfigError."""
    for found in overreaches(raw, config, hosts):
        raise ConfigError(found.problem, file=file, key=found.key, allowed=found.allowed)
    return _with_absolute_paths(config, _PathsBelow(root, file))


def _converted(raw: dict[str, Any], file: Path | None) -> Config:
    try:
        return msgspec.convert(_with_folders_as_text(raw), Config, dec_hook=_decode_custom)
    except msgspec.ValidationError as error:
        explained = explain(error, raw, file)
        # The value may be a secret, and is in local variables of the original error.
        is_clash = isinstance(error.__cause__, Clash)
        del raw
        raise explained from (None if is_clash else error)
    except RecursionError:
        raise ConfigError("is nested too deep", file=file, allowed="tables and lists") from None
    except UnicodeEncodeError:
        key = _key_of_broken_text(raw)
        raise ConfigError(
            "has half of a character in it", file=file, key=key, allowed="text"
        ) from None


def _key_of_broken_text(raw: object) -> str:
    """Return the dotted key of a text with half of a character, as only programs pass it."""
    waiting: list[tuple[str, object]] = [("", raw)]
    while waiting:
        key, value = waiting.pop()
        if (
            isinstance(value, str)
            and not value.isascii()
            and value.encode(errors="ignore") != (value.encode(errors="surrogatepass"))
        ):
            return key
        if isinstance(value, Mapping):
            waiting += ((f"{key}.{name}".lstrip("."), part) for name, part in value.items())
        elif isinstance(value, list | tuple):
            waiting += ((key, part) for part in value)
    return ""


def _with_folders_as_text(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the tables with folders as text, if a program passed paths."""
    download = raw.get("download")
    if not isinstance(download, dict):
        return raw
    folders = {key: download[key] for key in _FOLDERS if isinstance(download.get(key), Path)}
    return raw | {"download": download | {key: str(path) for key, path in folders.items()}}


def _decode_custom(kind: type, value: object) -> Any:
    return kind.read(value)  # type: ignore[attr-defined]  # all custom types here have it


def _with_absolute_paths(config: Config, paths: _Paths) -> Config:
    replace = msgspec.structs.replace
    service, search, download = config.service, config.search, config.download
    for key in _TEMPLATES:  # these stay as they are, but are checked like paths
        paths.absolute(key, getattr(download, key.rpartition(".")[2]) or "")
    return replace(
        config,
        service=replace(
            service,
            token_file=paths.existing("service.token_file", service.token_file),
            ca_file=paths.existing("service.ca_file", service.ca_file, or_folder=True),
            client_cert=paths.existing("service.client_cert", service.client_cert),
            client_key=paths.existing("service.client_key", service.client_key),
        ),
        search=replace(
            search, aoi=paths.existing_aoi(search.aoi), scenes_file=paths.ids(search.scenes_file)
        ),
        download=replace(
            download,
            directory=_target(download.directory, paths),
            state_directory=paths.maybe("download.state_directory", download.state_directory),
        ),
    )


def _target(text: str, paths: _Paths) -> str:
    """Return the address of a store in its plain form, or a folder's absolute path."""
    if is_store(text):
        return str(StoreAddress.parse(text))
    return paths.absolute("download.directory", text)


@dataclass(frozen=True, slots=True)
class _Paths:
    """Makes the paths of a config absolute, and reports invalid ones."""

    folder: Path
    file: Path | None

    def absolute(self, key: str, text: str) -> str:
        """Return an absolute path. Raises: ConfigError, for an impossible or unlikely name.

        A path that exists is never refused, whatever its name.
        """
        try:
            path = str(self.folder / Path(text).expanduser())
            encoded = os.fsencode(path)
        except RuntimeError as error:
            raise self._error(key, text, "no such home folder", "a whole path") from error
        except UnicodeEncodeError as error:
            problem = (
                f"file names are in {sys.getfilesystemencoding()} here, without such a character"
            )
            allowed = "other characters, or a locale that has them, such as LC_ALL=C.UTF-8"
            raise self._error(key, text, problem, allowed) from error
        if b"\0" in encoded:
            raise self._error(key, text, "has a NUL in it", "a path without one")
        mistake = mistake_in(text)
        if mistake is not None and not os.path.lexists(path):
            raise self._error(key, text, mistake.problem, mistake.allowed)
        return path

    def maybe(self, key: str, text: str | None) -> str | None:
        """Return an absolute path if one is given. Raises: ConfigError, as :meth:`absolute`."""
        return None if text is None else self.absolute(key, text)

    def existing(self, key: str, text: str | None, *, or_folder: bool = False) -> str | None:
        """Return the absolute path of an existing file. Raises: ConfigError, if there is none."""
        if text is None:
            return None
        path = Path(self.absolute(key, text))
        try:
            is_there = path.is_file() or (or_folder and path.is_dir())
        except OSError as error:  # a name that is too long, or a folder that may not be read
            raise self._error(key, text, error.strerror or str(error), "another file") from error
        if not is_there:
            problem = "is a folder" if path.is_dir() else "no such file"
            raise self._error(key, text, problem, self._existing_files())
        return str(path)

    def existing_aoi(self, aoi: Aoi | None) -> Aoi | None:
        """Return an area; if it is in a file, the file exists."""
        if aoi is None or aoi.form != "file":
            return aoi
        path = self.existing("search.aoi", aoi.file_name, or_folder=True) or ""
        return aoi.in_file(path)

    def ids(self, name: str | None) -> str | None:
        """Return the path of a list of ids, or ``-`` for standard input."""
        return name if name == "-" else self.existing("search.scenes_file", name)

    def _existing_files(self) -> str:
        return f"a file that exists; relative paths start at {self.folder}"

    def _error(self, key: str, text: str, problem: str, allowed: str) -> ConfigError:
        return ConfigError(problem, file=self.file, key=key, value=text, allowed=allowed)


class _PathsBelow(_Paths):
    """The paths of a config of others: below a folder, links resolved.

    Errors reveal neither what exists outside the folder nor where the folder is.
    """

    def absolute(self, key: str, text: str) -> str:
        """Return an absolute path without links. Raises: ConfigError, if it leads out."""
        path = Path(super().absolute(key, text))
        if key in _TEMPLATES:
            return str(path)
        try:
            real = path.resolve()
            # From Python 3.13 on, links in a circle are not resolved.
            is_circle = any(at.is_symlink() for at in (real, *real.parents))
        except (OSError, RuntimeError):
            is_circle = True
        if is_circle:
            raise self._error(key, text, "leads nowhere", BELOW)
        if not real.is_relative_to(self.folder):
            raise self._error(key, text, "leads out of the folder of this job", BELOW)
        return str(real)

    def existing(self, key: str, text: str | None, *, or_folder: bool = False) -> str | None:
        """Return the path of a file, or of an area's folder, without links beside or in it."""
        found = super().existing(key, text, or_folder=or_folder)
        if found and key == "search.aoi" and has_links(Path(found), MAX_BESIDE):
            raise self._error(key, text or "", "has links beside it or in it", BELOW)
        return found

    def _existing_files(self) -> str:
        return BELOW
