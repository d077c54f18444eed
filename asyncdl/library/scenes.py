"""Scenes that a search found, as a list that geopandas, shapely and maps understand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

from asyncdl.events import FoundScene
from asyncdl.job.choosing.scenes import DatasetScene, found_scene
from asyncdl.m2m.naming import parse_product_id
from asyncdl.m2m.searching.footprints import geometry_of, outlines_of
from asyncdl.markup import Child, Markup, element, table, web_link
from asyncdl.pages.sketch import sketch
from asyncdl.units import count

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

SHOWN = 10
"""Scenes in a ``repr``."""
ROWS = 20
"""Rows of the table; any more are counted."""
DRAWN = 2_000
"""Footprints on the map; any more would lie upon each other."""
THUMBNAIL_PX = 48
_HEADS = ("", "date", "cloud, %", "path/row", "tier", "product id")


@dataclass(frozen=True, slots=True)
class SceneHit:
    """A scene as the service's catalogue has it."""

    dataset: str
    """Alias, such as ``landsat_ot_c2_l2``."""
    product_id: str
    """Such as ``LC08_L2SP_068017_20200310_20200822_02_T1``; the entity id if there is none."""
    entity_id: str
    """Such as ``LC80680172020070LGN00``."""
    acquired: str
    """``YYYY-MM-DD``; may be empty."""
    cloud_cover: float | None
    """Percent; ``None`` when unknown."""
    path: int | None
    """Of the WRS grid; ``None`` for scenes of another kind."""
    row: int | None
    """Of the WRS grid, likewise."""
    tier: str | None
    """``T1``, ``T2`` or ``RT``."""
    satellite: int | None
    """1 to 9."""
    published: str
    """When the service took it in, as it writes it; may be empty."""
    geometry: dict[str, Any] | None = field(hash=False)
    """Footprint as GeoJSON in longitude and latitude; ``None`` when unknown."""
    browse_url: str = ""
    """Of a picture; may be empty."""

    @property
    def __geo_interface__(self) -> dict[str, Any]:
        """A GeoJSON feature. Source: https://gist.github.com/sgillies/2217756"""
        return {
            "type": "Feature",
            "id": self.product_id,
            "geometry": self.geometry,
            "properties": self.properties,
        }

    @property
    def properties(self) -> dict[str, Any]:
        """What is known, without the footprint."""
        return {name: getattr(self, name) for name in PROPERTIES}

    def _repr_html_(self) -> str:
        return element("div", sketch([outlines_of(self.geometry)]), _rows([self]))

    def __repr__(self) -> str:
        cloud = "unknown cloud" if self.cloud_cover is None else f"{self.cloud_cover:g} % cloud"
        return f"<{self.product_id}, {self.acquired or 'unknown date'}, {cloud}>"


PROPERTIES = (
    "dataset", "product_id", "entity_id", "acquired", "cloud_cover", "path", "row", "tier",
    "satellite", "published", "browse_url",
)  # fmt: skip
"""Fields of a scene that become columns."""


class Scenes(Sequence[SceneHit]):
    """Scenes in the service's order; slices of it are ``Scenes``, too.

    Args:
        scenes: What it holds.
        total: How many match; more than it holds if a limit cut the search.
        notices: What the user should read on the search, in order.
    """

    def __init__(
        self, scenes: Iterable[SceneHit], *, total: int | None = None, notices: Sequence[str] = ()
    ) -> None:
        self._scenes = tuple(scenes)
        self.total = len(self._scenes) if total is None else total
        self.notices = tuple(notices)

    def __len__(self) -> int:
        return len(self._scenes)

    @overload
    def __getitem__(self, index: int) -> SceneHit: ...
    @overload
    def __getitem__(self, index: slice) -> Scenes: ...
    def __getitem__(self, index: int | slice) -> SceneHit | Scenes:
        return Scenes(self._scenes[index]) if isinstance(index, slice) else self._scenes[index]

    def __iter__(self) -> Iterator[SceneHit]:
        return iter(self._scenes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scenes) and self._scenes == other._scenes

    def __hash__(self) -> int:
        return hash(self._scenes)

    def __repr__(self) -> str:
        lines = [f"<Scenes: {len(self):,} of {self.total:,}>"]
        lines += [f"  {scene!r}" for scene in self._scenes[:SHOWN]]
        if len(self) > SHOWN:
            lines.append(f"  … and {len(self) - SHOWN:,} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return _view_of(self)

    @property
    def __geo_interface__(self) -> dict[str, Any]:
        """A GeoJSON feature collection."""
        return {
            "type": "FeatureCollection",
            "features": [scene.__geo_interface__ for scene in self._scenes],
        }

    @property
    def ids(self) -> list[str]:
        """Product ids, as ``search.scenes`` takes them."""
        return [scene.product_id for scene in self._scenes]

    def to_geodataframe(self) -> GeoDataFrame:
        """Return a row for each scene, by product id, with footprints in EPSG:4326.

        Raises: ImportError, without geopandas.
        """
        try:
            import geopandas
        except ImportError as error:
            raise ImportError("to_geodataframe needs geopandas: pip install geopandas") from error
        features = self.__geo_interface__["features"]
        columns = [*PROPERTIES, "geometry"]
        frame = geopandas.GeoDataFrame.from_features(features, crs="EPSG:4326", columns=columns)
        return frame.set_index("product_id", drop=False)


def hit_of(found: DatasetScene) -> SceneHit:
    """Return a scene as the library shows it."""
    scene, shown = found.scene, found_scene(found.scene)
    product = parse_product_id(scene.display_id)
    return SceneHit(
        dataset=found.dataset,
        product_id=shown.product_id,
        entity_id=scene.entity_id,
        acquired=scene.acquired,
        cloud_cover=scene.cloud_cover,
        path=product.path if product else None,
        row=product.row if product else None,
        tier=product.tier if product else None,
        satellite=product.satellite if product else None,
        published=scene.publish_date or "",
        geometry=geometry_of(scene.spatial_coverage) or geometry_of(scene.spatial_bounds),
        browse_url=shown.browse_url,
    )


def on_map(scene: SceneHit) -> FoundScene:
    """Return a scene as maps take it."""
    return FoundScene(
        product_id=scene.product_id,
        entity_id=scene.entity_id,
        acquired=scene.acquired,
        cloud_cover=scene.cloud_cover,
        footprint=outlines_of(scene.geometry),
        browse_url=scene.browse_url,
    )


def _view_of(scenes: Scenes) -> Markup:
    """Return scenes as a map and a table; pictures come from hosts of the USGS only."""
    head = f"{count(len(scenes), 'scene')}"
    if scenes.total > len(scenes):
        head += f" of {scenes.total:,}"
    hidden = len(scenes) - ROWS
    return element(
        "div",
        element("p", element("strong", head)),
        sketch(outlines_of(scene.geometry) for scene in scenes[:DRAWN]),
        _rows(scenes[:ROWS]) if len(scenes) else None,
        element("p", f"… and {hidden:,} more") if hidden > 0 else None,
        [element("p", notice) for notice in scenes.notices],
    )


def _rows(scenes: Sequence[SceneHit]) -> Markup:
    return table(_HEADS, map(_row, scenes), numbers=(2,))


def _row(scene: SceneHit) -> list[Child]:
    cloud = None if scene.cloud_cover is None else f"{scene.cloud_cover:.0f}"
    place = None if scene.path is None else f"{scene.path}/{scene.row}"
    return [_thumbnail(scene), scene.acquired, cloud, place, scene.tier, scene.product_id]


def _thumbnail(scene: SceneHit) -> Markup | None:
    link = web_link(scene.browse_url)
    if link is None or not link.is_picture:
        return None
    # Lazy: a table that nobody scrolls to fetches nothing.
    return element(
        "img", src=link.url, alt="", loading="lazy", referrerpolicy="no-referrer",
        width=THUMBNAIL_PX, height=THUMBNAIL_PX,
    )  # fmt: skip
