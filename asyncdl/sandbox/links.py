"""The URLs that lead to the file host."""

from __future__ import annotations

from asyncdl.sandbox.folders import folder_of
from asyncdl.sandbox.lookup import Target
from asyncdl.sandbox.products import files_of
from asyncdl.sandbox.queue import Item
from asyncdl.sandbox.signing import download_token
from asyncdl.sandbox.world import World

DATA = "/data/collection02"
BUNDLE = "/gen-bundle"
DOWNLOAD = "/download"
STAGING = "/download-staging"


def target_of(world: World, item: Item) -> Target:
    """Return what a download in the queue is."""
    scene = world.catalog.scene(item.scene)
    return Target(scene, files_of(scene)[item.file] if item.file >= 0 else None)


def url_of(world: World, item: Item) -> str:
    """Return a fresh URL for a download that is ready."""
    if item.by_dds:
        return f"{world.origin}{DOWNLOAD}/{download_token(item.download_id)}"
    return signed_url(world, target_of(world, item), item.download_id)


def staging_url_of(world: World, item: Item) -> str:
    """Return the URL of a download that is not ready yet."""
    return f"{world.origin}{STAGING}/{download_token(item.download_id)}"


def signed_url(world: World, target: Target, download_id: int) -> str:
    """Return a URL of the newer host."""
    signature = world.signer.sign(target.signed_name, download_id)
    display_id = target.scene.display_id
    if target.file is None:
        query = f"landsat_product_id={display_id}&requestSignature={signature}"
        return f"{world.origin}{BUNDLE}?{query}"
    path = f"{DATA}/{folder_of(target.scene.product)}/{target.file_name}"
    return f"{world.origin}{path}?requestSignature={signature}"
