"""``eodag`` with its provider ``usgs``, which makes its calls with the package ``usgs``."""

from __future__ import annotations

import os
from typing import Any

import usgs.api  # type: ignore[import-not-found, unused-ignore]

from tests.clients.steps import (
    EAST,
    FIRST_DAY,
    LAST_DAY,
    MOST_CLOUD,
    NORTH,
    PRODUCTS,
    SOUTH,
    WEST,
    Steps,
    same,
)

COLLECTION = "LANDSAT_C2L2"


def main() -> None:
    steps = Steps("eodag")
    usgs.api.USGS_API = steps.url.rstrip("/")
    # Nothing is looked up anywhere else.
    os.environ |= {
        "EODAG__USGS__API__CREDENTIALS__USERNAME": steps.username,
        "EODAG__USGS__API__CREDENTIALS__PASSWORD": steps.token,
        "EODAG_EXT_COLLECTIONS_CFG_FILE": "",
    }
    from eodag import EODataAccessGateway  # type: ignore[import-not-found, unused-ignore]

    gateway = EODataAccessGateway()
    products = {}
    with steps.step("login and search"):
        found = gateway.search(
            provider="usgs",
            collection=COLLECTION,
            geom=(WEST, SOUTH, EAST, NORTH),
            start=FIRST_DAY,
            end=LAST_DAY,
            raise_errors=True,
            **{"eo:cloud_cover": MOST_CLOUD},
        )
        products = {product.properties["id"]: product for product in found}
        same(set(products), set(PRODUCTS))
    with steps.step("search by id"):
        found = gateway.search(
            provider="usgs", collection=COLLECTION, id=PRODUCTS[0], raise_errors=True
        )
        same([product.properties["id"] for product in found], [PRODUCTS[0]])
    with steps.step("search by MultiPolygon"):
        box = "({0} 61.1, {1} 61.1, {1} 61.2, {0} 61.1)"
        islands = ", ".join(f"({box.format(west, west + 0.1)})" for west in (-150.5, -149.5))
        found = gateway.search(
            provider="usgs",
            collection=COLLECTION,
            geom=f"MULTIPOLYGON ({islands})",
            start=FIRST_DAY,
            end=LAST_DAY,
            raise_errors=True,
        )
        assert PRODUCTS[0] in {product.properties["id"] for product in found}
    with steps.step("options, request, download"):
        steps.keep(fetch(steps, gateway, products[PRODUCTS[0]]), f"{PRODUCTS[0]}.tar")
    with steps.step("request in preparation"):
        steps.keep(fetch(steps, gateway, products[PRODUCTS[2]]), f"{PRODUCTS[2]}.tar")
    with steps.step("the same once more"):
        # What it has fetched it does not fetch again, unless it was found anew.
        anew = gateway.search(provider="usgs", collection=COLLECTION, id=PRODUCTS[0])[0]
        steps.keep(fetch(steps, gateway, anew, "again"), f"{PRODUCTS[0]}.tar")
    steps.lacks("retrieve")
    steps.report()


def fetch(steps: Steps, gateway: Any, product: Any, folder: str = "first") -> str:
    """Let the client fetch one bundle; return where it is."""
    options = {"extract": False, "wait": 0.01, "timeout": 0.5}
    return str(gateway.download(product, output_dir=str(steps.folder / folder), **options))


main()
