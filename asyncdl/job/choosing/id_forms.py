"""The id of a scene in any of the forms in which people have it. Pure.

Ids come as such, as file names, paths and URLs, in lower case and in quotes. Anything that
is certainly not an id is refused, with a word on what it looks like.

Source: API notes, section 9; ids of Earth Engine and of the Planetary Computer as these
catalogues write them: both leave out the day of processing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from asyncdl.m2m.bands import DATASETS
from asyncdl.m2m.naming import (
    ProductId,
    SceneId,
    dataset_of,
    instrument_of,
    parse_product_id,
    parse_scene_id,
    product_id_of_file,
)
from asyncdl.redact import redact_url

MAX_ID_CHARS = 2_000
"""A longer text is not an id, nor a path or a URL with one."""
SHOWN_CHARS = 80
"""How much of a wrong text a message repeats."""

AROUND = " \t\"'`\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb,;[](){}\u00a0\u200b\ufeff"
"""What may surround an id: quotes, brackets and separators."""

ALLOWED = "ids such as LC08_L2SP_068017_20200310_20200822_02_T1, or search.dataset beside others"

_SCENE_ID_CHARS = 21
_FOREIGN = re.compile(r"(?:[A-Z]{2,4}:)?[A-Za-z0-9][A-Za-z0-9._#+-]*(?::[0-9]+)?")
"""Ids of datasets that are not known here: ``AR4CO77B116N345``, ``3014361``,
``S2A_OPER_MSI_L1C_…``, ``SC:AST_L1T.003:2150000000``."""
_LONGEST_FOREIGN_CHARS = 120
_LONGEST_MIXED_CHARS = 31
"""Ids have punctuation between their parts. A longer part in mixed case is a token."""
_ID_LIKE = re.compile(
    r"(?:(?:L1|L2SR|L2ST)_)?L[COTEM][0-9]|L1C_T|(?:GS2|S[12])[A-D]_|M[OYC]D[0-9]|VNP[0-9]|VJ[12]"
    r"|HLS\.|[0-9]{1,3}_L[COTEM]0|EO1[AH][0-9]"
)
"""How ids of the catalogues begin, also misspelt ones."""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]{1,120}")
_FILE_ENTITY = re.compile(r"^L(?:1|2SR|2ST)_(?=L[COTEM]0)")
"""In front of the id of a single file: ``L2SR_LC08_…_T1_SR_B4_TIF``."""
_QUERY_KEYS = ("product_id", "landsat_product_id", "scene_id", "entity_id")


class NoSceneId(ValueError):
    """A text is not an id that could be looked up.

    Args:
        problem: What it is instead.
        allowed: What would be right.
    """

    def __init__(self, problem: str, allowed: str = ALLOWED) -> None:
        super().__init__(problem)
        self.problem = problem
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class SceneRef:
    """A scene as the service knows it."""

    id: str
    dataset: str


def read_scene(text: str, listed: str | None = None) -> SceneRef:
    """Read the id of a scene.

    Args:
        text: An id, or the name, path or URL of one of the scene's files.
        listed: The dataset that the config or the list names. Ids of a dataset whose ids are
            not known here are taken as they are.
    Raises: NoSceneId, if it is certainly not an id, or is an id of another dataset.
    """
    text = text.strip(AROUND)
    if len(text) > MAX_ID_CHARS:
        raise NoSceneId("is longer than any id")
    found = landsat_id(text)
    dataset = dataset_of(found) if found else None
    if found and dataset:
        return SceneRef(found, _agreed(dataset, listed))
    if listed and is_foreign(listed) and text:
        return SceneRef(found or _foreign_id(text, listed), listed)
    if found and (scene := parse_scene_id(found)):
        return SceneRef(found, _dataset_of_scene(scene, listed))
    raise _what_it_is(text, found)


def is_foreign(dataset: str) -> bool:
    """Return whether the ids of a dataset have a form that is not known here."""
    return dataset.lower() not in DATASETS


def _foreign_id(text: str, listed: str) -> str:
    """Return an id of an unknown dataset. Raises: NoSceneId, if it cannot be an id."""
    is_id = (
        len(text) <= _LONGEST_FOREIGN_CHARS
        and _FOREIGN.fullmatch(text)
        and any(sign.isdigit() for sign in text)
        and text[-1].isalnum()
        and not _has_a_token(text)
    )
    if not is_id:
        allowed = f"ids of {listed}: a word of letters, digits and - . _"
        raise NoSceneId("is not an id of any dataset", allowed)
    return text


def _has_a_token(text: str) -> bool:
    long = (part for part in re.split(r"[._#+:-]", text) if len(part) > _LONGEST_MIXED_CHARS)
    return any(part not in (part.upper(), part.lower()) for part in long)


def shown(text: str) -> str:
    """Return a text as messages show it, in quotes."""
    return repr(shortened(text))


def described_id(text: str) -> str:
    """Return how a message describes a text in a file: quoted if it looks like an id.

    Otherwise a config that names somebody's file would reveal its contents by its errors.
    """
    last = re.split(r"[/\\]", text)[-1]
    if _ID_LIKE.match(last.upper()) and _PLAIN_NAME.fullmatch(last):
        return shown(last)
    if "://" in text:
        return "what looks like a URL"
    words = len(text.split())
    return f"{words} words" if words > 1 else f"a word of {len(text):,} characters"


def shortened(text: str) -> str:
    """Return a text cut to the length that messages show, and a URL without its query."""
    text = redact_url(text).partition("?")[0] if "://" in text else text
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"


def _agreed(dataset: str, listed: str | None) -> str:
    if listed and listed.lower() != dataset:
        allowed = f"ids of {listed}, or no search.dataset"
        raise NoSceneId(f"this id belongs to {dataset}", allowed)
    return dataset


def _dataset_of_scene(scene: SceneId, listed: str | None) -> str:
    if listed is None:
        allowed = "product ids, or search.dataset beside scene ids"
        raise NoSceneId("the dataset of this id is not known", allowed)
    instrument = instrument_of(scene.sensor, scene.satellite)
    if listed.lower().split("_")[1] != instrument:
        of = f"landsat_{instrument}_c2_l1 or its level 2" if instrument else "no satellite"
        raise NoSceneId(f"this scene belongs to {of}", f"scenes of {listed}")
    return listed


# --- the forms --------------------------------------------------------------------------


def landsat_id(text: str) -> str | None:
    """Return the product, tile or scene id in a text, in upper case; ``None`` without one.

    The last part of a path that has one counts: of a file before its folder.
    """
    for part in _parts(text.upper()):
        bare = _FILE_ENTITY.sub("", part)
        if found := product_id_of_file(bare):
            return found
        scene, rest = bare[:_SCENE_ID_CHARS], bare[_SCENE_ID_CHARS:]
        if parse_scene_id(scene) and rest[:1] in ("", "_", "."):
            return scene
    return None


def _parts(text: str) -> Iterator[str]:
    """Yield the parts of a path from its end; of a URL without its query, and that last."""
    if "://" in text:
        text, _, query = text.partition("?")
    else:
        query = ""
    yield from reversed(re.split(r"[/\\]", text))
    for pair in query.split("&"):
        key, _, value = pair.partition("=")
        if key.lower() in _QUERY_KEYS:
            yield value


# --- what it is instead -------------------------------------------------------------------

_WITHOUT_PROCESSING = re.compile(
    r"(?:[0-9]{1,3}_)*"  # in front of the ids of merged collections of Earth Engine
    r"L([COTEM])(0[1-9])(?:_(L[12][A-Z]{2}))?_([0-9]{3})([0-9]{3})_([0-9]{4})([0-9]{2})([0-9]{2})"
    r"(_0[12]_(?:T1|T2|RT))?(?:_[A-Z]{2})?"
)
_COLLECTION_1_TILE = re.compile(r"L[COTEM]0[1-9]_[A-Z]{2}_[0-9]{6}_[0-9]{8}_[0-9]{8}_C01_")
_DATED = re.compile(r"L[COTEM]0[1-9]_[A-Z0-9]{2,4}_[0-9]{6}_[0-9]{8}_[0-9]{8}_[0-9]{2}")
_PATH_AND_ROW = re.compile(r"([0-9]{1,3})[/_ -]?([0-9]{3})")
_OTHERS = (
    (re.compile(r"S2[A-D]_|L1C_T|GS2[A-D]_"), "a Sentinel-2 id", 'search.dataset = "sentinel_2a"'),
    (re.compile(r"(?:M[OYC]D|VNP|VJ[12])[0-9]{2}"), "a MODIS or VIIRS id", ""),
    (re.compile(r"HLS\."), "an HLS id, which M2M does not have", "Landsat ids"),
    (re.compile(r"S1[A-D]_"), "a Sentinel-1 id, which M2M does not have", "Landsat ids"),
)


def _what_it_is(text: str, found: str | None) -> NoSceneId:
    last = re.split(r"[/\\]", text.rstrip("/\\").upper())[-1]
    if found and (product := parse_product_id(found)):
        return _old_or_impossible(product)
    if _COLLECTION_1_TILE.match(last):
        return NoSceneId(_WITHDRAWN, 'its tile in search.dataset = "landsat_ard_tile_c2"')
    if match := _WITHOUT_PROCESSING.fullmatch(last.partition(".")[0]):
        return _without_processing(match)
    for form, what, beside in _OTHERS:
        if form.match(last):
            return NoSceneId(f"is {what}", beside or "search.dataset beside it")
    if _DATED.match(last):
        return NoSceneId("looks like a Landsat id, but has a wrong day, level or tier")
    if re.match(r"L[COTEM]0?[1-9]", last):
        return NoSceneId("looks like a Landsat id, but is cut short or has other signs in it")
    if match := _PATH_AND_ROW.fullmatch(last):
        return NoSceneId("is a number", f"wrs = [[{int(match[1])}, {int(match[2])}]] for a place")
    return NoSceneId("is not a scene id")


_WITHDRAWN = "is a Collection 1 id: Collection 1 was withdrawn in 2022"


def _old_or_impossible(product: ProductId) -> NoSceneId:
    instrument = instrument_of(product.sensor, product.satellite)
    level = product.level[1]
    if instrument is None or (instrument, level) == ("mss", "2"):
        return NoSceneId("is the id of a product that does not exist")
    dataset = f"landsat_{instrument}_c2_l{level}"
    where = _search_for(dataset, product.path, product.row, str(product.acquired))
    if product.collection == 1:
        return NoSceneId(_WITHDRAWN, f"the same scene in Collection 2, as {where} finds it")
    return NoSceneId(f"is of Collection {product.collection}, which is not known here", where)


def _without_processing(match: re.Match[str]) -> NoSceneId:
    sensor, satellite, level, path, row, year, month, day, tail = match.groups()
    instrument = instrument_of(sensor, int(satellite)) or "ot"
    catalogue = "a Planetary Computer id" if level or tail else "an Earth Engine id"
    dataset = f"landsat_{instrument}_c2_l{level[1] if level else 2}"
    where = _search_for(dataset, int(path), int(row), f"{year}-{month}-{day}")
    problem = f"is {catalogue}: it leaves out the day of processing, so the product is not certain"
    of_earth_engine = "" if level or tail else ", or the image's property LANDSAT_PRODUCT_ID"
    return NoSceneId(problem, f"what {where} finds{of_earth_engine}")


def _search_for(dataset: str, path: int, row: int, day: str) -> str:
    return f'dataset = "{dataset}", wrs = [[{path}, {row}]], start = {day}, end = {day}'
