"""The URLs of the file host."""

from __future__ import annotations

from asyncdl.m2m.naming import ARD_DATASET
from asyncdl.sandbox.lookup import Requestable, folder_of_target
from asyncdl.sandbox.product_rows import find_row
from asyncdl.sandbox.sandbox_state import SandboxState
from asyncdl.sandbox.scene_files import files_of
from asyncdl.sandbox.served_queue import Item
from asyncdl.sandbox.signing import download_token

DATA = "/data/collection02"
TILE = "/tile/collection02"
BUNDLE = "/gen-bundle"
BROWSE = "/gen-browse"
DOWNLOAD = "/download"
STAGING = "/download-staging"


def target_of(state: SandboxState, item: Item) -> Requestable:
    """Return the target of a download in the queue."""
    scene = state.catalog.scene(item.scene)
    if item.file >= 0:
        return Requestable(scene, files_of(scene)[item.file])
    return Requestable(scene, None, find_row(scene.dataset, item.product))


def url_of(state: SandboxState, item: Item) -> str:
    """Return a fresh URL for a download that is ready."""
    if item.by_dds:
        return f"{state.origin}{DOWNLOAD}/{download_token(item.download_id)}"
    return signed_url(state, target_of(state, item), item.download_id)


def staging_url_of(state: SandboxState, item: Item) -> str:
    """Return the URL of a download that is not ready yet."""
    return f"{state.origin}{STAGING}/{download_token(item.download_id)}"


def signed_url(state: SandboxState, target: Requestable, download_id: int) -> str:
    """Return a URL of the newer host."""
    signature = state.signer.sign(target.signed_name, download_id)
    separator = "&" if "?" in (place := _place(target)) else "?"
    return f"{state.origin}{place}{separator}requestSignature={signature}"


def _place(target: Requestable) -> str:
    if target.row and target.row.browse:
        return f"{BROWSE}?{target.row.browse}&product_id={target.scene.display_id}"
    if target.is_bundle:
        return f"{BUNDLE}?landsat_product_id={target.signed_name}"
    root = TILE if target.scene.dataset == ARD_DATASET else DATA
    return f"{root}/{folder_of_target(target)}/{target.file_name}"
