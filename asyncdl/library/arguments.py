"""What callers get wrong in the arguments of a call, said with what is right."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from asyncdl.background import require_asyncio
from asyncdl.config import Config
from asyncdl.errors import wrong_type
from asyncdl.text import closest, did_you_mean

P = ParamSpec("P")
R = TypeVar("R")

_A_CONFIG = "a Config, such as asyncdl.load_config(PATH) returns"


def with_known_words(
    call: Callable[P, Coroutine[Any, Any, R]],
) -> Callable[P, Coroutine[Any, Any, R]]:
    """Return a call that refuses an argument of another name with the names that there are.

    The call raises TypeError for it, and MisuseError on a loop that is not asyncio's.
    """
    known = tuple(inspect.signature(call).parameters)

    @wraps(call)
    async def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        require_asyncio(f"asyncdl.{call.__name__}")
        for name in kwargs.keys() - known:
            hint = did_you_mean(closest(name, known))
            raise TypeError(
                f"{call.__name__}() has no argument {name!r}{hint} (allowed: {', '.join(known)})"
            )
        return await call(*args, **kwargs)

    return checked


def check_config(name: str, value: object) -> None:
    """Raise TypeError, if an argument is no config: a path, for instance."""
    if not isinstance(value, Config):
        raise wrong_type(name, value, _A_CONFIG)


def refuse_path(name: str, value: object) -> None:
    """Raise TypeError for the path of a config in the place of a config."""
    if isinstance(value, Path) or (isinstance(value, str) and value.lower().endswith(".toml")):
        raise wrong_type(name, value, _A_CONFIG)


def check_table(name: str, value: object) -> None:
    """Raise TypeError, if an argument is not keys with values."""
    if not isinstance(value, Mapping):
        raise wrong_type(name, value, "keys with values, as in a config")


def check_scenes(scenes: Iterable[object], kinds: type | tuple[type, ...], allowed: str) -> None:
    """Raise TypeError if one of some scenes is none; `allowed` says what it may be."""
    for scene in scenes:
        if not isinstance(scene, kinds):
            raise wrong_type("scenes", scene, f"{allowed}; or {_A_CONFIG}")
