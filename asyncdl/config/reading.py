r"""From a TOML file to a checked config.

In TOML a backslash between double quotes begins an escape: ``"D:\new\tiles"`` has a line end
and a tab in it, and ``"C:\Users"`` is no TOML at all.
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
from asyncdl.user_text import NotText, text_of

_ESCAPED = str.maketrans({"\b": "/b", "\t": "/t", "\n": "/n", "\f": "/f", "\r": "/r", "\\": "/"})
"""What an escape was meant to be in a path."""
_VARIABLE = re.compile(
    r"\$\{\w+\}|(?:(?<=[/\\])|^)\$[A-Za-z_]\w*(?=[/\\]|$)|%[A-Za-z_]\w*(?:\(x86\))?%|\$env:\w+",
    re.ASCII | re.IGNORECASE,
)
"""As shells have them: ``$HOME``, ``${HOME}``, ``%USERPROFILE%``, ``$env:USERPROFILE``."""
_BACKSLASH_IN_QUOTES = re.compile(r'"([^"\n]*\\[^"\n]*)"')
_LINE = re.compile(r"at line (\d+)")


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a path, and how it would be right."""

    problem: str
    allowed: str


def mistake_in(text: str) -> Mistake | None:
    """Return what no path is meant to have; ``None`` if it has nothing of the kind."""
    odd = next((c for c in text if unicodedata.category(c) == "Cc" and c != "\0"), None)
    if odd is not None:
        return Mistake(
            f"has a control character in it ({odd!r})",
            f"a path; a backslash in double quotes begins an escape: {_written_right(text)}",
        )
    if found := _VARIABLE.search(text):
        return Mistake(
            f"names a variable ({found[0]}), and none is read here",
            "the path itself; ~ at its beginning is your home folder",
        )
    return None


def hint_at(error: tomllib.TOMLDecodeError, text: str) -> str:
    """Return what helps where a backslash is why a text is no TOML; empty elsewhere."""
    found = _LINE.search(str(error))
    lines = text.split("\n")
    if found is None or int(found[1]) > len(lines):
        return ""
    if not _BACKSLASH_IN_QUOTES.search(lines[int(found[1]) - 1]):
        return ""
    # What stands there is not repeated: the file may be something else than a config.
    return "a backslash in double quotes begins an escape: write / for it, or use single quotes"


def _written_right(text: str) -> str:
    return f'write "{text.translate(_ESCAPED)}", or use single quotes'


MAX_CONFIG_BYTES = 8 * 1024**2
"""More than a hundred thousand ids, which are better off in a ``scenes_file``."""
_FOLDERS = ("directory", "state_directory")
"""Keys of ``[download]`` that a program may give as paths."""
_TEMPLATES = ("download.layout", "download.bundle_layout")
MAX_BESIDE = 10_000
"""So many files are looked at beside an area's, which GDAL may open with it."""
_NAMES = re.compile(r"\([^(),]*+,[^()]*+\)")
"""Of the tables in a message of the parser: ``('search', 'aoi')``."""
_LONG_KEY = re.compile(r"""(?<![\w.-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){30}""")
"""The parser compares all parts of a key with each other."""


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
        trusted: Whether it says what the caller wants. ``False`` is for a config that somebody
            else has written, as :func:`parse_config` says.
        root: With ``trusted=False``: the folder that it may name files in; its own by default.
        hosts: With ``trusted=False``: whom it may name as the service, besides the USGS.
    Returns: The config; relative paths are made absolute against the file's folder, or ``root``.
    Raises: ConfigError, for a file that cannot be read, is not TOML, or says something wrong.
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
    except ValueError as error:  # a path that no file can have, and what is too much
        raise ConfigError(str(error), file=path, allowed="a TOML file") from error


def _tables_in(text: str, path: Path) -> dict[str, Any]:
    """Read TOML. Raises: ConfigError."""
    if _LONG_KEY.search(text):
        raise ConfigError("has a key of more than 30 parts", file=path, allowed="a TOML file")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        told = f"is not TOML: {_without_names(error)}"
        raise ConfigError(told, file=path, allowed=hint_at(error, text)) from None
    except RecursionError:
        raise ConfigError("is nested too deep", file=path, allowed="a TOML file") from None
    except ValueError as error:  # a number of thousands of digits, or a day of no calendar
        raise ConfigError("has a value that is none: a number or a date", file=path) from error


def _without_names(error: tomllib.TOMLDecodeError) -> str:
    """Return what is wrong and where, without what stands there: it may be another's file."""
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
    """Check a config that is already parsed, as an embedding program has it.

    One that somebody else has written (``trusted=False``) may choose scenes, products and
    layout. It names no file outside ``root``, be it by a link, no host but the USGS's and
    ``hosts``, nothing that belongs to the account (user name, token file, certificates,
    licences), and no number that would occupy the account or this machine for long.

    Args:
        raw: The tables as plain values.
        file: Where they come from, for messages.
        base: Folder that relative paths start from; the file's folder, else the current one.
        trusted: Whether the tables say what the caller wants.
        root: With ``trusted=False``, and needed then: the folder that all paths lie in, and that
            relative ones start from.
        hosts: With ``trusted=False``: names of hosts, which are asked over https, or origins such
            as ``http://127.0.0.1:8765``.
    Raises: ConfigError, as :func:`load_config`; MisuseError, for ``trusted=False`` without a root.
    """
    try:
        config = _converted(raw, file)
    except ConfigError:
        # It may hold a secret, which crash reporters would find in the variables of this frame.
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
    """Return a config of others, if it names nothing that it may not. Raises: ConfigError."""
    for found in overreaches(raw, config, hosts):
        raise ConfigError(found.problem, file=file, key=found.key, allowed=found.allowed)
    return _with_absolute_paths(config, _PathsBelow(root, file))


def _converted(raw: dict[str, Any], file: Path | None) -> Config:
    try:
        return msgspec.convert(_with_folders_as_text(raw), Config, dec_hook=_decode_custom)
    except msgspec.ValidationError as error:
        told = explain(error, raw, file)
        # A value that clashes may hold a secret, and local variables of what found it show it.
        is_clash = isinstance(error.__cause__, Clash)
        del raw
        raise told from (None if is_clash else error)
    except RecursionError:
        raise ConfigError("is nested too deep", file=file, allowed="tables and lists") from None
    except UnicodeEncodeError:
        key = _key_of_broken_text(raw)
        raise ConfigError(
            "has half a character in it", file=file, key=key, allowed="text"
        ) from None


def _key_of_broken_text(raw: object) -> str:
    """Return the dotted key of a text with half a character in it, as only programs have it."""
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
    """Return the tables with folders as text, where a program gave paths."""
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
    for key in _TEMPLATES:  # which stay as they are, and have to be names, too
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
            directory=paths.absolute("download.directory", download.directory),
            state_directory=paths.maybe("download.state_directory", download.state_directory),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Paths:
    """Where the relative paths of a config start, and how those that are none are told."""

    folder: Path
    file: Path | None

    def absolute(self, key: str, text: str) -> str:
        """Return an absolute path. Raises: ConfigError, for what no file can be called, or none is.

        One that is there is never refused, whatever its name.
        """
        try:
            path = str(self.folder / Path(text).expanduser())
            encoded = os.fsencode(path)
        except RuntimeError as error:
            raise self._error(key, text, "no such home folder", "a whole path") from error
        except UnicodeEncodeError as error:
            problem = (
                f"names of files are {sys.getfilesystemencoding()} here, and hold no such sign"
            )
            allowed = "other signs, or a locale that knows them, such as LC_ALL=C.UTF-8"
            raise self._error(key, text, problem, allowed) from error
        if b"\0" in encoded:
            raise self._error(key, text, "has a NUL in it", "a path without one")
        mistake = mistake_in(text)
        if mistake is not None and not os.path.lexists(path):
            raise self._error(key, text, mistake.problem, mistake.allowed)
        return path

    def maybe(self, key: str, text: str | None) -> str | None:
        """Return an absolute path, if one is given. Raises: ConfigError, as :meth:`absolute`."""
        return None if text is None else self.absolute(key, text)

    def existing(self, key: str, text: str | None, *, or_folder: bool = False) -> str | None:
        """Return the absolute path of a file that is there. Raises: ConfigError, if it is not."""
        if text is None:
            return None
        path = Path(self.absolute(key, text))
        try:
            is_there = path.is_file() or (or_folder and path.is_dir())
        except OSError as error:  # a name too long, or a folder that may not be looked into
            raise self._error(key, text, error.strerror or str(error), "another file") from error
        if not is_there:
            problem = "is a folder" if path.is_dir() else "no such file"
            raise self._error(key, text, problem, self._existing_files())
        return str(path)

    def existing_aoi(self, aoi: Aoi | None) -> Aoi | None:
        """Return an area whose file, if it is in one, is there."""
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
    """The paths of a config of others: below a folder, whatever is a link on the way.

    Whether there is something outside the folder is not said, nor where the folder is.
    """

    def absolute(self, key: str, text: str) -> str:
        """Return an absolute path without links. Raises: ConfigError, if it leads out."""
        path = Path(super().absolute(key, text))
        if key in _TEMPLATES:
            return str(path)
        try:
            real = path.resolve()
            # From Python 3.13 on, links in a circle stay what they are.
            is_circle = any(at.is_symlink() for at in (real, *real.parents))
        except (OSError, RuntimeError):
            is_circle = True
        if is_circle:
            raise self._error(key, text, "leads nowhere", BELOW)
        if not real.is_relative_to(self.folder):
            raise self._error(key, text, "leads out of the folder of this job", BELOW)
        return str(real)

    def existing(self, key: str, text: str | None, *, or_folder: bool = False) -> str | None:
        """Return the path of a file, or of an area's folder, that has no links beside or in it."""
        found = super().existing(key, text, or_folder=or_folder)
        if found and key == "search.aoi" and has_links(Path(found), MAX_BESIDE):
            raise self._error(key, text or "", "has links beside it or in it", BELOW)
        return found

    def _existing_files(self) -> str:
        return BELOW
