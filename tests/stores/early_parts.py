"""asyncdl, uploading in parts what it else puts in one request, so that small files have uploads.

``EARLY_PARTS`` is the size from which it does.
"""

from __future__ import annotations

import os

from asyncdl.cli.main import main
from asyncdl.stores import object_store

if __name__ == "__main__":
    object_store.ONE_REQUEST_BYTES = int(os.environ["EARLY_PARTS"])
    main()
