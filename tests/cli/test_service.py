"""Which service a command talks to."""

from __future__ import annotations

import pytest

from asyncdl.cli.options import Embedded
from asyncdl.cli.service_access import access_to, open_service
from asyncdl.config import ServiceConfig
from asyncdl.sandbox import Faults


@pytest.mark.parametrize(
    ("stac_url", "is_asked"), [(None, True), ("https://stac.example/", True), ("", False)]
)
async def test_the_embedded_catalogue_is_searched_unless_the_config_has_none(
    stac_url: str | None, is_asked: bool
) -> None:
    config = ServiceConfig(stac_url=stac_url)
    async with open_service(access_to(config, Embedded(Faults()))) as service:
        assert service.config.url.startswith("http://127.0.0.1:")
        assert service.config.digest_url.startswith("http://127.0.0.1:") == is_asked
        assert bool(service.config.digest_url) == is_asked
