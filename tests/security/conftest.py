"""What the promises are tested with."""

from tests.e2e.conftest import asyncdl_run as asyncdl_run
from tests.e2e.conftest import make_config as make_config
from tests.e2e.conftest import static_file as static_file
