"""From a TOML file to a checked config."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from asyncdl.config.aoi import Aoi
from asyncdl.config.explaining import explain
from asyncdl.config.sections import Config
from asyncdl.errors import ConfigError


def load_config(path: Path | str) -> Config:
    """Read and check a config file.

    Returns: The config; relative paths are made absolute against the file's folder.
    Raises: ConfigError, for a file that cannot be read, is not TOML, or says something wrong.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(error.strerror or str(error), file=path) from error
    except UnicodeDecodeError as error:
        raise ConfigError("is not UTF-8 text", file=path, allowed="a TOML file") from error
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"is not TOML: {error}", file=path) from error
    return parse_config(raw, file=path)


def parse_config(
    raw: dict[str, Any], *, file: Path | None = None, base: Path | None = None
) -> Config:
    """Check a config that is already parsed, as an embedding program has it.

    Args:
        raw: The tables as plain values.
        file: Where they come from, for messages.
        base: Folder that relative paths start from; the file's folder, else the current one.
    Raises: ConfigError, as :func:`load_config`.
    """
    try:
        config = msgspec.convert(raw, Config, dec_hook=_decode_custom)
    except msgspec.ValidationError as error:
        raise explain(error, raw, file) from error
    folder = (base or (file.parent if file else Path())).absolute()
    return _with_absolute_paths(config, folder, file)


def _decode_custom(kind: type, value: object) -> Any:
    return kind.read(value)  # type: ignore[attr-defined]  # all custom types here have it


def _with_absolute_paths(config: Config, folder: Path, file: Path | None) -> Config:
    def absolute(text: str) -> str:
        return str(folder / Path(text).expanduser())

    def existing_aoi(aoi: Aoi | None) -> Aoi | None:
        if aoi is not None and aoi.form == "file":
            existing("search", "aoi", str(aoi.path), or_folder=True)
            return aoi.moved_to(folder)
        return aoi

    def existing(
        section: str, key: str, text: str | None, *, or_folder: bool = False
    ) -> str | None:
        if text is None:
            return None
        path = Path(absolute(text))
        if not (path.is_file() or (or_folder and path.is_dir())):
            raise ConfigError(
                "no such file",
                file=file,
                key=f"{section}.{key}",
                value=text,
                allowed=f"a file that exists; relative paths start at {folder}",
            )
        return absolute(text)

    replace = msgspec.structs.replace
    search = config.search
    return replace(
        config,
        service=replace(
            config.service,
            token_file=existing("service", "token_file", config.service.token_file),
        ),
        search=replace(
            search,
            aoi=existing_aoi(search.aoi),
            scenes_file=(
                "-"
                if search.scenes_file == "-"
                else existing("search", "scenes_file", search.scenes_file)
            ),
        ),
        download=replace(config.download, directory=absolute(config.download.directory)),
    )
