"""The USGS M2M API, usable on its own.

::

    async with M2MClient(find_credentials()) as client:
        page = await client.scene_search("landsat_ot_c2_l2", scene_filter)

It knows nothing of files: what comes out of it are ids and URLs. ``client.py`` has the
endpoints, ``calling/`` how a call is made, ``account/`` who makes it; ``searching/`` finds
scenes and ``downloads/`` the files of them.
"""

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
