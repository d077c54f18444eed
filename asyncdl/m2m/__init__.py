"""The USGS M2M API, usable on its own.

::

    async with M2MClient(find_credentials()) as client:
        page = await client.scene_search("landsat_ot_c2_l2", scene_filter)

It knows nothing of files: what comes out of it are ids and URLs.
"""

from asyncdl.m2m.client import DEFAULT_URL, DownloadGroup, DownloadItem, M2MClient
from asyncdl.m2m.credentials import Credentials, find_credentials
from asyncdl.m2m.patience import ClientOptions
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
