"""Windows of GeoTIFFs: which bytes of a raster an area needs, and the file they make. Pure.

::

    inquiry = structure_inquiry(size_bytes)          # asks for ranges of the head
    structure = finish(inquiry, read)
    (box,) = boxes_of_area(georeference_of(structure), rings)
    plan = finish(plan_inquiry(structure, box), read)   # plan.ranges() is what to fetch
    window = lay_out(plan)                           # window.head, window.pieces
    file.writelines(assembled(window, read, proven))

Nothing here touches a network, a loop or a file: what lacks bytes says which, and goes on when
they are given. No pixel is decoded for it; tiles travel as they are compressed.

Source: TIFF 6.0; the BigTIFF design; OGC GeoTIFF 1.1; GDAL's description of its cloud-optimised
layout; docs/decisions/011-windows.md.
"""

from asyncdl.windows.area_boxes import PixelBox, box_around, box_of_bounds, boxes_of_area
from asyncdl.windows.assembling import assembled, framed, read_tile
from asyncdl.windows.georeferencing import georeference_of
from asyncdl.windows.inquiry import Inquiry, finish
from asyncdl.windows.overview_choice import OverviewRule
from asyncdl.windows.tiff_structure import TiffStructure, structure_inquiry
from asyncdl.windows.tile_proof import TileEvidence, check_tile
from asyncdl.windows.window_file import WindowFile, WindowPiece, lay_out
from asyncdl.windows.window_plan import WindowPlan, plan_inquiry
from asyncdl.windows.window_record import WindowRecord, record_of

__all__ = [
    "Inquiry",
    "OverviewRule",
    "PixelBox",
    "TiffStructure",
    "TileEvidence",
    "WindowFile",
    "WindowPiece",
    "WindowPlan",
    "WindowRecord",
    "assembled",
    "box_around",
    "box_of_bounds",
    "boxes_of_area",
    "check_tile",
    "finish",
    "framed",
    "georeference_of",
    "lay_out",
    "plan_inquiry",
    "read_tile",
    "record_of",
    "structure_inquiry",
]
