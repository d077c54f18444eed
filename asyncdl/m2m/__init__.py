"""The USGS M2M API, usable on its own.

::

    async with M2MClient(find_credentials()) as client:
        page = await client.scene_search("landsat_ot_c2_l2", scene_filter)

It knows nothing of files: what comes out of it are ids and URLs. ``client.py`` has the
endpoints, ``calling/`` how a call is made, ``account/`` who makes it; ``searching/`` finds
scenes and ``downloads/`` the files of them.

The client is imported when it is asked for: other processes of a job take the names and
products of this room alone, and aiohttp takes as much memory as all of them.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncdl.m2m.account.credentials import Credentials, find_credentials
    from asyncdl.m2m.calling.call_retries import ClientOptions
    from asyncdl.m2m.m2m_client import DEFAULT_URL, DownloadGroup, DownloadItem, M2MClient
    from asyncdl.m2m.scene_lists import SceneList

__all__ = [
    "DEFAULT_URL",
    "ClientOptions",
    "Credentials",
    "DownloadGroup",
    "DownloadItem",
    "M2MClient",
    "SceneList",
    "find_credentials",
]

_HOME_OF = {
    "ClientOptions": "calling.call_retries",
    "Credentials": "account.credentials",
    "DEFAULT_URL": "m2m_client",
    "DownloadGroup": "m2m_client",
    "DownloadItem": "m2m_client",
    "M2MClient": "m2m_client",
    "SceneList": "scene_lists",
    "find_credentials": "account.credentials",
}

if not TYPE_CHECKING:  # a type checker would take every misspelt name for one of these

    def __getattr__(name: str) -> Any:
        if name in _HOME_OF:
            return getattr(importlib.import_module(f"asyncdl.m2m.{_HOME_OF[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
